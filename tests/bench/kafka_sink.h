/* tests/bench/kafka_sink.h: a Kafka cluster that costs its client nothing: librdkafka's mock, with
 * one broker and a topic "bench" of one partition, in a child process. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Writes HOST:PORT of the broker. -1: failed. Ends with its parent. */
pid_t kafka_sink_start(char *broker_r, size_t size);
