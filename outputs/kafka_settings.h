/* outputs/kafka_settings.h: what the configuration says about a Kafka output, and librdkafka's own
 * configuration made from it. Read and checked like every output's settings; used by
 * outputs/kafka.c and outputs/kafka_producer.c. */
#pragma once

#include "outputs/output_settings.h"
#include "outputs/template.h"
#include "outputs/tls_settings.h"

#include <librdkafka/rdkafka.h>

/* Batches in librdkafka at once: one on its way, one to follow. What is in flight is touched on
 * both ends of it: with more it falls out of the cache, and an event costs half as much again. */
#define KAFKA_WINDOW 2
/* Kafka's own limit on the name of a topic. */
#define KAFKA_TOPIC_BYTES 249

enum kafka_mechanism {
	KAFKA_SASL_NONE,
	KAFKA_SASL_PLAIN,
	KAFKA_SASL_SCRAM_SHA_256,
	KAFKA_SASL_SCRAM_SHA_512,
	KAFKA_SASL_OAUTHBEARER,
};

enum kafka_transport { KAFKA_TCP, KAFKA_TLS };

/* As bits, 1 << enum kafka_header. */
enum kafka_header {
	KAFKA_HEADER_ID,
	KAFKA_HEADER_SEQUENCE,
	KAFKA_HEADER_BOOT_ID,
	KAFKA_HEADER_FORMAT,
	KAFKA_HEADER_CONTENT_TYPE,
	KAFKA_HEADERS,
};

struct kafka_settings {
	struct output_settings common;
	struct config_strings brokers, topics, headers;
	char *topic, *fallback_topic, *key;
	int transport;	 /* enum kafka_transport */
	int partitioner; /* index of kafka_partitioners */
	int compression; /* index of kafka_compressions */
	struct tls_settings tls;
	struct {
		int mechanism; /* enum kafka_mechanism */
		char *user, *token_file;
		struct secret *password, *token;
	} sasl;
	const struct config_node *properties;
};

extern const struct config_item kafka_items[];
extern const struct template_rules kafka_topic_rules, kafka_key_rules;
/* librdkafka's words, ended by NULL. */
extern const char *const kafka_partitioners[], *const kafka_compressions[];

/* What librdkafka may put into one record set, less than the settings say. */
struct kafka_limits {
	size_t set_bytes;	/* 0: librdkafka's default */
	size_t set_events;	/* 0: librdkafka's default */
	bool stop_at_first_gap; /* an error that would leave a gap in the order ends the producer */
};

/* For output_type.check and .paths. */
WARN_UNUSED int kafka_settings_check(const struct config_node *cfg,
				     const struct output_settings *settings, struct errmsg *em);
void kafka_settings_paths(const struct output_settings *settings, output_path_fn visit, void *ctx);

/* Kafka's rules: 1 to 249 of letters, digits, '.', '_' and '-', and not "." or "..". */
bool kafka_is_topic(struct str name);
/* The headers to write, as bits. */
unsigned int kafka_settings_headers(const struct kafka_settings *settings);
/* outputs/kafka_conf.c: librdkafka's configuration; no callbacks in it. rd_kafka_new() takes it,
 * else rd_kafka_conf_destroy(). em has file, line and column where a property is at fault. */
WARN_UNUSED int kafka_conf_create(const struct kafka_settings *settings,
				  const struct kafka_limits *limits, rd_kafka_conf_t **conf_r,
				  struct errmsg *em);
