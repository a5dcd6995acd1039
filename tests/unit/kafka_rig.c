#include "tests/unit/kafka_rig.h"

#include "base/log.h"
#include "tests/unit/fake_journal.h"

#include <event2/event.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

#define PATIENCE_S 30

static char log_text[1 << 16];
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

/* The system's clock, turned on by fake_boot_ns. */
static uint64_t turned_now(const struct clock *clock)
{
	struct clock real;

	clock_init(&real);
	return clock_boot_ns(&real) + clock->fake_boot_ns;
}

static void capture(void *ctx, enum log_level level, const char *line)
{
	size_t n;

	pthread_mutex_lock(&log_lock);
	n = strlen(log_text);
	snprintf(log_text + n, sizeof(log_text) - n, "%s\n", line);
	pthread_mutex_unlock(&log_lock);
}

const char *kafka_rig_log(void)
{
	return log_text;
}

static void ignore_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	((struct kafka_rig *)arg)->is_late = true;
}

static rd_kafka_t *make_client(rd_kafka_type_t type, const char *brokers)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[256];
	rd_kafka_t *rk;

	rd_kafka_conf_set_log_cb(conf, ignore_log);
	if (brokers)
		assert_int_equal(
			rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof(why)),
			RD_KAFKA_CONF_OK);
	if (type == RD_KAFKA_CONSUMER)
		assert_int_equal(
			rd_kafka_conf_set(conf, "enable.partition.eof", "true", why, sizeof(why)),
			RD_KAFKA_CONF_OK);
	rk = rd_kafka_new(type, conf, why, sizeof(why));
	assert_non_null(rk);
	return rk;
}

struct kafka_rig *kafka_rig_create(int brokers)
{
	struct kafka_rig *rig = calloc(1, sizeof(*rig));

	fake_journal_reset();
	log_text[0] = '\0';
	log_capture(capture, NULL);
	rig->owner = make_client(RD_KAFKA_PRODUCER, NULL);
	rig->cluster = rd_kafka_mock_cluster_new(rig->owner, brokers);
	assert_non_null(rig->cluster);
	rig->base = event_base_new();
	rig->tick = event_new(rig->base, -1, EV_PERSIST, on_tick, rig);
	rig->deadline = event_new(rig->base, -1, 0, on_deadline, rig);
	snprintf(rig->state_directory, sizeof(rig->state_directory), "/tmp/weir-kafka-XXXXXX");
	assert_non_null(mkdtemp(rig->state_directory));
	clock_init(&rig->clock);
	rig->clock.boot_now = turned_now;
	rig->encode =
		(struct encode_settings){ .node_name = STR(KAFKA_RIG_NODE),
					  .boot_id = STR("11111111-2222-3333-4444-555555555555") };
	return rig;
}

static void wake(void *ctx)
{
	event_active(((struct kafka_rig *)ctx)->tick, EV_TIMEOUT, 1);
}

void kafka_rig_start(struct kafka_rig *rig, const char *yaml)
{
	struct delivery_settings settings = {
		.journal_directory = "/nowhere",
		.state_directory = rig->state_directory,
		.clock = &rig->clock,
		.base = rig->base,
		.encode = &rig->encode,
		.metrics = &rig->metrics,
		.wake = wake,
		.wake_ctx = rig,
	};
	struct errmsg em = { "" };
	char text[4096];

	snprintf(text, sizeof(text),
		 "- name: k\n  type: kafka\n  brokers: [\"%s\"]\n"
		 "  retry: {initial: 5ms, max: 20ms}\n%s",
		 rd_kafka_mock_cluster_bootstraps(rig->cluster), yaml);
	if (config_parse(str_of(text), "test", &rig->doc, &em) != 0 ||
	    outputs_list_read(config_root(rig->doc), &rig->list, &em) != 0)
		fail_msg("%s", em.text);
	settings.output = rig->list.v[0];
	assert_int_equal(delivery_create(&settings, &rig->delivery, &em), 0);
}

void kafka_rig_stop(struct kafka_rig *rig)
{
	delivery_free(&rig->delivery);
	outputs_list_free(&rig->list);
	config_document_free(&rig->doc);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void kafka_rig_free(struct kafka_rig **rig)
{
	struct kafka_rig *r = *rig;

	*rig = NULL;
	kafka_rig_stop(r);
	event_free(r->tick);
	event_free(r->deadline);
	event_base_free(r->base);
	rd_kafka_mock_cluster_destroy(r->cluster);
	rd_kafka_destroy(r->owner);
	nftw(r->state_directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(r);
	log_capture(NULL, NULL);
}

void kafka_rig_add(unsigned int n)
{
	static unsigned int count;
	char json[512];

	while (n--) {
		snprintf(json, sizeof(json),
			 "{\"process_exec\":{\"process\":{\"exec_id\":\"id-%u\",\"pid\":%u,"
			 "\"binary\":\"/bin/true\",\"arguments\":\"%0*d\",\"pod\":{\"namespace\":"
			 "\"team %u\"}}},\"node_name\":\"" KAFKA_RIG_NODE
			 "\",\"time\":\"2026-01-01T00:00:00Z\"}",
			 count % 3, count, 80, 7, count % 2);
		fake_journal_add_kind(KIND_PROCESS_EXEC, json);
		count++;
	}
}

/* Runs the delivery when it asks for it, like the forwarder, until `is_done` or the deadline. */
static void run(struct kafka_rig *rig, bool (*is_done)(void *ctx), void *ctx)
{
	struct timeval patience = { PATIENCE_S, 0 }, pause = { 0, 2000 };

	rig->is_late = false;
	event_add(rig->deadline, &patience);
	while (!rig->is_late) {
		delivery_run(rig->delivery);
		if (is_done(ctx))
			break;
		event_add(rig->tick, &pause);
		event_base_loop(rig->base, EVLOOP_ONCE);
	}
	event_del(rig->deadline);
	if (rig->is_late)
		fail_msg("waited too long; the log: %s", log_text);
}

struct counter {
	const metric_t *metric;
	uint64_t value;
};

static bool has_value(void *ctx)
{
	const struct counter *counter = ctx;

	return metric_get(counter->metric) == counter->value;
}

void kafka_rig_until(struct kafka_rig *rig, const metric_t *metric, uint64_t value)
{
	struct counter counter = { metric, value };

	run(rig, has_value, &counter);
}

static bool is_logged(void *ctx)
{
	return strstr(log_text, ctx);
}

void kafka_rig_until_logged(struct kafka_rig *rig, const char *text)
{
	run(rig, is_logged, (void *)text);
}

void kafka_rig_pass(struct kafka_rig *rig, uint64_t ns)
{
	rig->clock.fake_boot_ns += ns;
}

const char *kafka_rig_letters(struct kafka_rig *rig)
{
	static char text[65536];
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/k.dead", rig->state_directory);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

static void copy(char *to, size_t size, const void *from, size_t n)
{
	snprintf(to, size, "%.*s", (int)n, from ? (const char *)from : "");
}

static void take(struct kafka_rig_record *record, const rd_kafka_message_t *message)
{
	struct buf headers = buf_fixed(record->headers, sizeof(record->headers) - 1);
	rd_kafka_headers_t *list;
	const char *name;
	const void *value;
	size_t i, n;

	memset(record, 0, sizeof(*record));
	copy(record->topic, sizeof(record->topic), rd_kafka_topic_name(message->rkt), 255);
	copy(record->key, sizeof(record->key), message->key, message->key_len);
	copy(record->value, sizeof(record->value), message->payload, message->len);
	record->partition = message->partition;
	record->time_ms = rd_kafka_message_timestamp(message, NULL);
	if (rd_kafka_message_headers(message, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	for (i = 0; rd_kafka_header_get_all(list, i, &name, &value, &n) == 0; i++)
		buf_printf(&headers, "%s=%.*s;", name, (int)n, (const char *)value);
}

static size_t read_partition(rd_kafka_t *rk, const char *name, int32_t partition,
			     struct kafka_rig_record **records, size_t count)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
	bool is_at_end = false;

	assert_int_equal(rd_kafka_consume_start(topic, partition, RD_KAFKA_OFFSET_BEGINNING), 0);
	while (!is_at_end) {
		rd_kafka_message_t *message = rd_kafka_consume(topic, partition, 10000);

		assert_non_null(message);
		is_at_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
		if (!message->err) {
			*records = realloc(*records, (count + 1) * sizeof(**records));
			take(&(*records)[count++], message);
		}
		rd_kafka_message_destroy(message);
	}
	rd_kafka_consume_stop(topic, partition);
	rd_kafka_topic_destroy(topic);
	return count;
}

size_t kafka_rig_read(struct kafka_rig *rig, const char *topic, struct kafka_rig_record **records_r)
{
	rd_kafka_t *rk =
		make_client(RD_KAFKA_CONSUMER, rd_kafka_mock_cluster_bootstraps(rig->cluster));
	const rd_kafka_metadata_t *metadata;
	rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
	size_t count = 0;
	int i;

	*records_r = NULL;
	assert_int_equal(rd_kafka_metadata(rk, 0, handle, &metadata, 10000), 0);
	for (i = 0; i < metadata->topics[0].partition_cnt; i++)
		count = read_partition(rk, topic, i, records_r, count);
	rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(handle);
	rd_kafka_destroy(rk);
	return count;
}

void kafka_rig_assert_arrived(struct kafka_rig *rig, const char *topic, uint64_t first,
			      uint64_t last)
{
	struct kafka_rig_record *records;
	size_t i, n = kafka_rig_read(rig, topic, &records);
	char id[96];

	assert_int_equal(n, last - first + 1);
	for (i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "weir.id=11111111-2222-3333-4444-555555555555-%llu;",
			 (unsigned long long)(first + i));
		if (!strstr(records[i].headers, id))
			fail_msg("record %zu has the headers %s, not %s", i, records[i].headers,
				 id);
	}
	free(records);
}
