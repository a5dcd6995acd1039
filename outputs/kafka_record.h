/* outputs/kafka_record.h: what an event is as a record: its topic, key, headers and time. Made by
 * the destination from its settings; used on the loop. */
#pragma once

#include "outputs/kafka_producer.h"

struct kafka_recorder;

/* settings are borrowed. */
WARN_UNUSED int kafka_recorder_create(const struct kafka_settings *settings,
				      struct kafka_recorder **recorder_r, struct errmsg *em);
void kafka_recorder_free(struct kafka_recorder **recorder);
/* The topic of an event, at this producer; NULL: none can be made of it. */
rd_kafka_topic_t *kafka_recorder_topic(const struct kafka_recorder *recorder,
				       struct kafka_producer *producer, struct batch *batch,
				       size_t i);
/* Puts an event; its value is borrowed from the batch until the record is reported. */
WARN_UNUSED rd_kafka_resp_err_t kafka_recorder_put(const struct kafka_recorder *recorder,
						   struct kafka_producer *producer,
						   rd_kafka_topic_t *topic, struct batch *batch,
						   size_t i, uint64_t opaque);
