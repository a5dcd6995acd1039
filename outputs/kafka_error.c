#include "outputs/kafka_error.h"

#include "base/compiler.h"

#include <stddef.h>

static const struct {
	rd_kafka_resp_err_t err;
	enum kafka_fault fault;
	const char *advice;
} known[] = {
	{ RD_KAFKA_RESP_ERR__PURGE_QUEUE, KAFKA_FAULT_PURGED, NULL },
	{ RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, KAFKA_FAULT_PURGED, NULL },
	{ RD_KAFKA_RESP_ERR__DESTROY, KAFKA_FAULT_PURGED, NULL },
	{ RD_KAFKA_RESP_ERR__FATAL, KAFKA_FAULT_PURGED, NULL },

	{ RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, KAFKA_FAULT_CONFIG, "create the topic" },
	{ RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, KAFKA_FAULT_CONFIG, "create the topic" },
	{ RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, KAFKA_FAULT_CONFIG, "create the topic" },
	{ RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, KAFKA_FAULT_CONFIG, "the brokers refuse its name" },
	{ RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, KAFKA_FAULT_CONFIG,
	  "grant weir's user WRITE and DESCRIBE on the topic" },
	{ RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, KAFKA_FAULT_CONFIG,
	  "grant weir's user IDEMPOTENT_WRITE on the cluster" },
	{ RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, KAFKA_FAULT_CONFIG,
	  "check sasl.user and its secret" },
	{ RD_KAFKA_RESP_ERR__AUTHENTICATION, KAFKA_FAULT_CONFIG, "check sasl.user and its secret" },
	{ RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, KAFKA_FAULT_CONFIG,
	  "check sasl.mechanism" },
	{ RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE, KAFKA_FAULT_CONFIG, "check sasl.mechanism" },
	{ RD_KAFKA_RESP_ERR__SSL, KAFKA_FAULT_CONFIG, "check tls" },
	{ RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, KAFKA_FAULT_CONFIG, NULL },
	{ RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, KAFKA_FAULT_CONFIG,
	  "choose another compression" },
	{ RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, KAFKA_FAULT_CONFIG, NULL },
	{ RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, KAFKA_FAULT_CONFIG,
	  "the brokers are too old for what is asked of them" },
	{ RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, KAFKA_FAULT_CONFIG,
	  "the brokers are too old for what is asked of them" },

	{ RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, KAFKA_FAULT_SIZE,
	  "raise max.message.bytes of the topic" },
	{ RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, KAFKA_FAULT_SIZE,
	  "raise segment.bytes of the topic" },
	{ RD_KAFKA_RESP_ERR_INVALID_MSG, KAFKA_FAULT_RECORD, NULL },
	{ RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, KAFKA_FAULT_RECORD, NULL },
	{ RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, KAFKA_FAULT_RECORD,
	  "the clock of this host or of the broker is wrong, or the topic's limits on timestamps "
	  "are tight" },
	{ RD_KAFKA_RESP_ERR_INVALID_RECORD, KAFKA_FAULT_RECORD, "a compacted topic wants a key" },
};

static size_t find(rd_kafka_resp_err_t err)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].err == err)
			break;
	return i;
}

enum kafka_fault kafka_fault_of(rd_kafka_resp_err_t err)
{
	size_t i = find(err);

	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return KAFKA_FAULT_NONE;
	return i < ARRAY_SIZE(known) ? known[i].fault : KAFKA_FAULT_LATER;
}

void kafka_describe(rd_kafka_resp_err_t err, const char *topic, struct errmsg *em)
{
	size_t i = find(err);
	const char *advice = i < ARRAY_SIZE(known) ? known[i].advice : NULL;

	errmsg_set(em, "topic %s: %s (%s)%s%s", topic, rd_kafka_err2str(err),
		   rd_kafka_err2name(err), advice ? ": " : "", advice ? advice : "");
}
