/* tests/unit/kafka_rig.h: a delivery to Kafka as it really runs, over the fake journal, against
 * librdkafka's mock cluster: real brokers on real sockets in this process, which fail on demand. A
 * consumer reads back what arrived. */
#pragma once

#include "outputs/delivery.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#define KAFKA_RIG_NODE "node-1"

struct kafka_rig {
	rd_kafka_t *owner; /* of the mock cluster */
	rd_kafka_mock_cluster_t *cluster;
	struct outputs_list list;
	struct config_document *doc;
	struct event_base *base;
	struct event *tick, *deadline;
	struct clock clock; /* of delivery: runs by itself, and is turned on by the test */
	struct encode_settings encode;
	struct metrics_output metrics;
	struct delivery *delivery;
	char state_directory[64];
	bool is_late;
};

struct kafka_rig_record {
	char topic[256], key[256], value[2048], headers[512]; /* NAME=VALUE; ... */
	int32_t partition;
	int64_t time_ms;
};

struct kafka_rig *kafka_rig_create(int brokers);
/* `yaml`: lines of the output's mapping beside name, type and brokers, each indented by two. */
void kafka_rig_start(struct kafka_rig *rig, const char *yaml);
void kafka_rig_stop(struct kafka_rig *rig);
void kafka_rig_free(struct kafka_rig **rig);
/* Events from `seq` on, of about 200 bytes. */
void kafka_rig_add(unsigned int n);
/* Runs the loop until the counter has that value; fails the test when that takes too long. */
void kafka_rig_until(struct kafka_rig *rig, const metric_t *counter, uint64_t value);
void kafka_rig_until_logged(struct kafka_rig *rig, const char *text);
void kafka_rig_pass(struct kafka_rig *rig, uint64_t ns);
const char *kafka_rig_log(void);
const char *kafka_rig_letters(struct kafka_rig *rig);
/* What the topic has, read to the end of all its partitions; free() it. */
size_t kafka_rig_read(struct kafka_rig *rig, const char *topic,
		      struct kafka_rig_record **records_r);
/* The topic has the events first..last, each once and in order. */
void kafka_rig_assert_arrived(struct kafka_rig *rig, const char *topic, uint64_t first,
			      uint64_t last);
