/* outputs/kafka_error.h: what librdkafka's and the brokers' errors mean for a record, and words
 * that tell what to do. */
#pragma once

#include "base/errmsg.h"

#include <librdkafka/rdkafka.h>

enum kafka_fault {
	KAFKA_FAULT_NONE,
	KAFKA_FAULT_PURGED, /* taken back by us: somebody else's error is the reason */
	KAFKA_FAULT_LATER,  /* passes by itself, or with a new producer */
	KAFKA_FAULT_CONFIG, /* the configuration of either side is at fault */
	KAFKA_FAULT_SIZE,   /* the record set is too large, or the record */
	KAFKA_FAULT_RECORD, /* a record of the set will never be taken */
};

enum kafka_fault kafka_fault_of(rd_kafka_resp_err_t err);
/* Why a record for `topic` failed, with what would help. */
void kafka_describe(rd_kafka_resp_err_t err, const char *topic, struct errmsg *em);
