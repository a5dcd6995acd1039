/* outputs/kafka_producer.h: one producer of librdkafka on the forwarder's loop: records go in, and
 * what became of each comes back in callbacks on the loop, a bounded number per wake-up. It decides
 * nothing: what an error means is the destination's (outputs/kafka.c), which makes a producer, and
 * ends it and makes another when one has failed.
 *
 * librdkafka has threads of its own, which resolve names, connect, compress and send straight from
 * the memory of a record: that must stay until the record is reported, or the producer has ended.
 */
#pragma once

#include "outputs/kafka_settings.h"

/* Topics that one producer writes to. */
#define KAFKA_MAX_TOPICS 256

struct kafka_producer;

struct kafka_hooks {
	/* A record is settled; `opaque` as it was put. */
	void (*on_report)(void *ctx, uint64_t opaque, rd_kafka_resp_err_t err, const char *topic);
	/* Something is wrong with the cluster, the way to it, or the producer. */
	void (*on_error)(void *ctx, rd_kafka_resp_err_t err, const char *words);
	/* After the reports and errors of one wake-up. */
	void (*on_served)(void *ctx);
	/* kafka_producer_end() is done: kafka_producer_free() now doesn't wait. */
	void (*on_ended)(void *ctx);
};

struct kafka_record {
	rd_kafka_topic_t *topic;
	struct str key; /* n 0: none */
	struct str value;
	int64_t time_ms;
	const rd_kafka_vu_t *headers;
	size_t header_count;
	uint64_t opaque;
};

/* Borrows settings and hooks. -EINVAL: librdkafka does not take the settings, or can't read a
 * file. */
WARN_UNUSED int kafka_producer_create(const struct kafka_settings *settings,
				      const struct kafka_limits *limits, struct event_base *base,
				      const struct kafka_hooks *hooks, void *ctx,
				      struct kafka_producer **producer_r, struct errmsg *em);
/* The handle of a topic, the producer's; NULL: too many already, or no memory. */
rd_kafka_topic_t *kafka_producer_topic(struct kafka_producer *producer, struct str name);
/* Takes a record, or says why not (RD_KAFKA_RESP_ERR__QUEUE_FULL: when others are reported). */
WARN_UNUSED rd_kafka_resp_err_t kafka_producer_put(struct kafka_producer *producer,
						   const struct kafka_record *record);
/* Most bytes of a record set; a record of so many or more has one for itself. */
size_t kafka_producer_set_bytes(const struct kafka_producer *producer);
/* Each record has one for itself. */
bool kafka_producer_is_single(const struct kafka_producer *producer);
/* Records that were put and not reported. */
size_t kafka_producer_outstanding(const struct kafka_producer *producer);
/* Takes back what was not sent yet, with `in_flight` also what was sent and not answered: reports
 * follow. */
void kafka_producer_take_back(struct kafka_producer *producer, bool in_flight);
/* What made the producer fail for good, with words for it; NO_ERROR: nothing has. */
rd_kafka_resp_err_t kafka_producer_fatal_error(struct kafka_producer *producer, struct errmsg *em);
/* Reads the token again and shows it to librdkafka. */
void kafka_producer_renew_token(struct kafka_producer *producer);

/* Closes its connections and ends its threads, in a thread: a lookup of a name can hold them up.
 * Nothing is reported any more. */
void kafka_producer_end(struct kafka_producer *producer);
/* After kafka_producer_end(). Waits at most wait_ms; false: it is not done, and keeps what it uses,
 * records included, for ever. */
bool kafka_producer_free(struct kafka_producer **producer, unsigned int wait_ms);
