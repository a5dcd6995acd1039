/* A client of Kafka for scenarios: makes and removes topics, says who leads them, grants, and reads
 * back what a topic has, a line of JSON each record.
 *
 *   kafka_client BROKERS [-X NAME=VALUE]... VERB ...
 *     wait N                          until the cluster has N brokers
 *     create TOPIC PARTITIONS COPIES [NAME=VALUE]...
 *     delete TOPIC
 *     leader TOPIC                    id of the broker that leads partition 0
 *     grant USER TOPIC                WRITE and DESCRIBE
 *     read TOPIC                      to the end that each partition has by then */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 30000

static void die(const char *what, const char *why)
{
	fprintf(stderr, "kafka_client: %s: %s\n", what, why);
	exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char why[256];

	if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK)
		die(name, why);
}

static rd_kafka_t *connect_to(const char *brokers, char **properties, int count)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[256];
	rd_kafka_t *rk;
	int i;

	set(conf, "bootstrap.servers", brokers);
	set(conf, "enable.partition.eof", "true");
	set(conf, "log_level", "0");
	set(conf, "isolation.level", "read_committed");
	for (i = 0; i < count; i++) {
		char *value = strchr(properties[i], '=');

		*value = '\0';
		set(conf, properties[i], value + 1);
		*value = '=';
	}
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	if (!rk)
		die("librdkafka", why);
	return rk;
}

static const rd_kafka_metadata_t *metadata(rd_kafka_t *rk, rd_kafka_topic_t *topic)
{
	const rd_kafka_metadata_t *m;
	rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, topic, &m, PATIENCE_MS);

	if (err)
		die("metadata", rd_kafka_err2str(err));
	return m;
}

static void wait_for(rd_kafka_t *rk, int brokers)
{
	int tries;

	for (tries = 0; tries < 600; tries++) {
		const rd_kafka_metadata_t *m;

		if (rd_kafka_metadata(rk, 0, NULL, &m, 1000) != RD_KAFKA_RESP_ERR_NO_ERROR)
			continue;
		if (m->broker_cnt >= brokers)
			return;
		rd_kafka_metadata_destroy(m);
		usleep(100000); /* between two questions: nothing tells when the answer changes */
	}
	die("wait", "the brokers are not there");
}

/* The result of an administrative request; `errors` are those of its parts. */
static rd_kafka_event_t *await(rd_kafka_queue_t *queue, const char *what)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, PATIENCE_MS);

	if (!event)
		die(what, "no answer");
	if (rd_kafka_event_error(event))
		die(what, rd_kafka_event_error_string(event));
	return event;
}

static void check_topics(const rd_kafka_topic_result_t **results, size_t n, const char *what)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (rd_kafka_topic_result_error(results[i]))
			die(what, rd_kafka_err2str(rd_kafka_topic_result_error(results[i])));
}

static void create(rd_kafka_t *rk, rd_kafka_queue_t *queue, char **args, int count)
{
	rd_kafka_NewTopic_t *topic;
	rd_kafka_event_t *event;
	char why[256];
	size_t n;
	int i;

	topic = rd_kafka_NewTopic_new(args[0], strtol(args[1], NULL, 10), strtol(args[2], NULL, 10),
				      why, sizeof(why));
	if (!topic)
		die("create", why);
	for (i = 3; i < count; i++) {
		char *value = strchr(args[i], '=');

		*value++ = '\0';
		rd_kafka_NewTopic_set_config(topic, args[i], value);
	}
	rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
	event = await(queue, "create");
	check_topics(
		rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n),
		1, "create");
}

static void remove_topic(rd_kafka_t *rk, rd_kafka_queue_t *queue, const char *name)
{
	rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);
	rd_kafka_event_t *event;
	size_t n;

	rd_kafka_DeleteTopics(rk, &topic, 1, NULL, queue);
	event = await(queue, "delete");
	check_topics(
		rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n),
		1, "delete");
}

static void grant(rd_kafka_t *rk, rd_kafka_queue_t *queue, const char *user, const char *topic)
{
	static const rd_kafka_AclOperation_t operations[] = { RD_KAFKA_ACL_OPERATION_WRITE,
							      RD_KAFKA_ACL_OPERATION_DESCRIBE };
	rd_kafka_AclBinding_t *bindings[2];
	const rd_kafka_acl_result_t **results;
	char principal[128], why[256];
	rd_kafka_event_t *event;
	size_t i, n;

	snprintf(principal, sizeof(principal), "User:%s", user);
	for (i = 0; i < 2; i++)
		bindings[i] = rd_kafka_AclBinding_new(
			RD_KAFKA_RESOURCE_TOPIC, topic, RD_KAFKA_RESOURCE_PATTERN_LITERAL,
			principal, "*", operations[i], RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, why,
			sizeof(why));
	rd_kafka_CreateAcls(rk, bindings, 2, NULL, queue);
	event = await(queue, "grant");
	results = rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event), &n);
	for (i = 0; i < n; i++)
		if (rd_kafka_acl_result_error(results[i]))
			die("grant", rd_kafka_error_string(rd_kafka_acl_result_error(results[i])));
}

static void print_text(const char *text, size_t n)
{
	size_t i;

	putchar('"');
	for (i = 0; i < n; i++) {
		unsigned char c = text[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void print_record(const rd_kafka_message_t *message)
{
	rd_kafka_headers_t *headers;
	const char *name;
	const void *value;
	size_t i, n;

	printf("{\"partition\":%d,\"offset\":%lld,\"time\":%lld,\"key\":", message->partition,
	       (long long)message->offset, (long long)rd_kafka_message_timestamp(message, NULL));
	print_text(message->key, message->key_len);
	printf(",\"headers\":{");
	if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
		for (i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &n) == 0; i++) {
			printf("%s\"%s\":", i ? "," : "", name);
			print_text(value, n);
		}
	printf("},\"value\":");
	print_text(message->payload, message->len);
	printf("}\n");
}

/* Not to the end that it has while it is read: a producer may be faster. */
static void read_partition(rd_kafka_t *rk, rd_kafka_topic_t *topic, int partition)
{
	int64_t first, end;
	int at_end;
	rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(
		rk, rd_kafka_topic_name(topic), partition, &first, &end, PATIENCE_MS);

	if (err)
		die("offsets", rd_kafka_err2str(err));
	if (rd_kafka_consume_start(topic, partition, RD_KAFKA_OFFSET_BEGINNING) != 0)
		die("read", rd_kafka_err2str(rd_kafka_last_error()));
	for (at_end = first >= end; !at_end;) {
		rd_kafka_message_t *message = rd_kafka_consume(topic, partition, PATIENCE_MS);

		if (!message)
			die("read", "nothing comes");
		at_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF ||
			 message->offset + 1 >= end;
		if (!message->err)
			print_record(message);
		else if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
			die("read", rd_kafka_message_errstr(message));
		rd_kafka_message_destroy(message);
	}
	rd_kafka_consume_stop(topic, partition);
}

static void read_topic(rd_kafka_t *rk, const char *name)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
	const rd_kafka_metadata_t *m = metadata(rk, topic);
	int i;

	if (m->topics[0].err)
		die(name, rd_kafka_err2str(m->topics[0].err));
	for (i = 0; i < m->topics[0].partition_cnt; i++)
		read_partition(rk, topic, m->topics[0].partitions[i].id);
}

static void print_leader(rd_kafka_t *rk, const char *name)
{
	const rd_kafka_metadata_t *m = metadata(rk, rd_kafka_topic_new(rk, name, NULL));

	if (m->topics[0].err || m->topics[0].partition_cnt == 0)
		die(name, "has no partition");
	printf("%d\n", m->topics[0].partitions[0].leader);
}

int main(int argc, char **argv)
{
	char *properties[32], **args;
	int count = 0, i = 2, n;
	rd_kafka_queue_t *queue;
	rd_kafka_t *rk;

	for (; i + 1 < argc && strcmp(argv[i], "-X") == 0 && count < 32; i += 2)
		properties[count++] = argv[i + 1];
	if (i >= argc)
		die("usage", "BROKERS [-X NAME=VALUE]... VERB ...");
	rk = connect_to(argv[1], properties, count);
	queue = rd_kafka_queue_new(rk);
	args = &argv[i + 1];
	n = argc - i - 1;
	if (strcmp(argv[i], "wait") == 0 && n == 1)
		wait_for(rk, strtol(args[0], NULL, 10));
	else if (strcmp(argv[i], "create") == 0 && n >= 3)
		create(rk, queue, args, n);
	else if (strcmp(argv[i], "delete") == 0 && n == 1)
		remove_topic(rk, queue, args[0]);
	else if (strcmp(argv[i], "leader") == 0 && n == 1)
		print_leader(rk, args[0]);
	else if (strcmp(argv[i], "grant") == 0 && n == 2)
		grant(rk, queue, args[0], args[1]);
	else if (strcmp(argv[i], "read") == 0 && n == 1)
		read_topic(rk, args[0]);
	else
		die(argv[i], "no such verb, or not what it takes");
	fflush(stdout);
	_exit(0); /* what librdkafka holds goes with the process */
}
