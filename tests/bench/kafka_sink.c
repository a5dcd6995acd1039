#include "tests/bench/kafka_sink.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void ignore_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
}

static void serve(int fd)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_mock_cluster_t *cluster = NULL;
	const char *broker;
	char why[256];
	rd_kafka_t *rk;

	rd_kafka_conf_set_log_cb(conf, ignore_log);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (rk)
		cluster = rd_kafka_mock_cluster_new(rk, 1);
	if (!cluster || rd_kafka_mock_topic_create(cluster, "bench", 1, 1) != 0)
		_exit(1);
	broker = rd_kafka_mock_cluster_bootstraps(cluster);
	if (write(fd, broker, strlen(broker)) < 0)
		_exit(1);
	close(fd);
	for (;;)
		pause(); /* its threads do the work */
}

pid_t kafka_sink_start(char *broker_r, size_t size)
{
	int fds[2];
	ssize_t n;
	pid_t pid;

	if (pipe(fds) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		serve(fds[1]);
	}
	close(fds[1]);
	n = pid < 0 ? -1 : read(fds[0], broker_r, size - 1);
	close(fds[0]);
	if (n <= 0)
		return -1;
	broker_r[n] = '\0';
	return pid;
}
