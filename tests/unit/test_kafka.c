/* The Kafka output under a real delivery, against librdkafka's mock cluster: what arrives, and what
 * becomes of each kind of error. */
#include "tests/unit/fake_journal.h"
#include "tests/unit/kafka_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define PRODUCE 0 /* ApiKey */
#define ONE_TOPIC                                                      \
	"  topic: t\n  compression: none\n  batch: {max_events: 50}\n" \
	"  headers: [id]\n"

static int setup(void **state)
{
	struct kafka_rig *rig = kafka_rig_create(1);

	assert_int_equal(rd_kafka_mock_topic_create(rig->cluster, "t", 1, 1), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	kafka_rig_free((struct kafka_rig **)state);
	return 0;
}

static void push(struct kafka_rig *rig, rd_kafka_resp_err_t err, size_t times)
{
	rd_kafka_resp_err_t errors[64];
	size_t i;

	for (i = 0; i < times; i++)
		errors[i] = err;
	rd_kafka_mock_push_request_errors_array(rig->cluster, PRODUCE, times, errors);
}

static void test_each_event_is_a_record(void **state)
{
	struct kafka_rig *rig = *state;
	struct kafka_rig_record *records;

	rd_kafka_mock_topic_create(rig->cluster, "r", 1, 1);
	kafka_rig_add(3);
	kafka_rig_start(rig, "  topic: r\n  headers: [id, sequence, boot_id, format, "
			     "content_type]\n");
	kafka_rig_until(rig, &rig->metrics.delivered, 3);
	assert_int_equal(kafka_rig_read(rig, "r", &records), 3);
	assert_string_equal(records[1].key, KAFKA_RIG_NODE);
	assert_string_equal(records[1].headers,
			    "weir.id=11111111-2222-3333-4444-555555555555-2;weir.seq=2;"
			    "weir.boot_id=11111111-2222-3333-4444-555555555555;"
			    "weir.format=json;content-type=application/json;");
	assert_true(strncmp(records[1].value, "{\"process_exec\":", 16) == 0);
	assert_int_equal(records[1].value[strlen(records[1].value) - 1], '}');
	assert_true(records[1].time_ms > 0);
	free(records);
}

static void test_many_batches_arrive_once_and_in_order(void **state)
{
	struct kafka_rig *rig = *state;

	kafka_rig_add(3000);
	kafka_rig_start(rig, ONE_TOPIC);
	kafka_rig_until(rig, &rig->metrics.delivered, 3000);
	kafka_rig_assert_arrived(rig, "t", 1, 3000);
	assert_int_equal(metric_get(&rig->metrics.rejected), 0);
	assert_int_equal(metric_get(&rig->metrics.acked_seq), 3000);
	assert_int_equal(metric_get(&rig->metrics.retries), 0);
}

static void compresses(struct kafka_rig *rig, const char *codec, uint64_t first)
{
	char yaml[128];

	snprintf(yaml, sizeof(yaml), "  topic: t\n  compression: %s\n", codec);
	kafka_rig_add(100);
	kafka_rig_start(rig, yaml);
	kafka_rig_until(rig, &rig->metrics.acked_seq, first + 99);
	kafka_rig_stop(rig);
}

static void test_every_compression(void **state)
{
	struct kafka_rig *rig = *state;
	static const char *const codecs[] = { "lz4", "zstd", "snappy", "gzip", "none" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(codecs); i++)
		compresses(rig, codecs[i], 100 * i + 1);
	kafka_rig_assert_arrived(rig, "t", 1, 500);
}

static void test_a_queue_that_is_full_holds_up_and_loses_nothing(void **state)
{
	struct kafka_rig *rig = *state;

	kafka_rig_add(500);
	kafka_rig_start(rig, ONE_TOPIC "  properties: {queue.buffering.max.messages: 7}\n");
	kafka_rig_until(rig, &rig->metrics.delivered, 500);
	kafka_rig_assert_arrived(rig, "t", 1, 500);
	assert_int_equal(metric_get(&rig->metrics.retries), 0);
}

static void survives(struct kafka_rig *rig, rd_kafka_resp_err_t err)
{
	uint64_t before = metric_get(&rig->metrics.delivered);

	push(rig, err, 2);
	kafka_rig_add(200);
	kafka_rig_until(rig, &rig->metrics.delivered, before + 200);
}

static void test_what_librdkafka_retries_is_not_seen(void **state)
{
	struct kafka_rig *rig = *state;

	kafka_rig_start(rig, ONE_TOPIC "  properties: {retry.backoff.ms: 10}\n");
	survives(rig, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
	survives(rig, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
	survives(rig, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
	survives(rig, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
	kafka_rig_assert_arrived(rig, "t", 1, 800);
	assert_int_equal(metric_get(&rig->metrics.retries), 0);
	assert_int_equal(metric_get(&rig->metrics.rejected), 0);
}

static void test_a_set_that_is_too_large_is_made_smaller(void **state)
{
	struct kafka_rig *rig = *state;

	push(rig, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1);
	kafka_rig_add(300);
	kafka_rig_start(rig, ONE_TOPIC);
	kafka_rig_until(rig, &rig->metrics.delivered, 300);
	assert_int_equal(metric_get(&rig->metrics.rejected), 0);
	assert_true(metric_get(&rig->metrics.retries) > 0);
	kafka_rig_assert_arrived(rig, "t", 1, 300);
}

static void test_a_record_that_is_too_large_for_the_topic_is_refused(void **state)
{
	struct kafka_rig *rig = *state;

	/* As long as sets could be smaller, and then once more. */
	push(rig, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 11);
	kafka_rig_add(1);
	kafka_rig_start(rig, ONE_TOPIC);
	kafka_rig_until(rig, &rig->metrics.rejected, 1);
	assert_non_null(strstr(kafka_rig_letters(rig), "MSG_SIZE_TOO_LARGE"));
	assert_non_null(strstr(kafka_rig_letters(rig), "raise max.message.bytes of the topic"));
	kafka_rig_add(100);
	kafka_rig_until(rig, &rig->metrics.delivered, 100);
}

static void test_an_event_above_the_own_limit_is_refused_alone(void **state)
{
	struct kafka_rig *rig = *state;
	char *long_text = calloc(1, 3001);

	memset(long_text, 'x', 3000);
	kafka_rig_add(1);
	fake_journal_add(long_text);
	kafka_rig_add(1);
	free(long_text);
	kafka_rig_start(rig, ONE_TOPIC "  properties: {message.max.bytes: 2000}\n");
	kafka_rig_until(rig, &rig->metrics.rejected, 1);
	kafka_rig_until(rig, &rig->metrics.delivered, 2);
	assert_non_null(strstr(kafka_rig_letters(rig), "larger than message.max.bytes"));
	assert_int_equal(metric_get(&rig->metrics.retries), 0);
}

static void test_the_record_that_is_refused_is_found(void **state)
{
	struct kafka_rig *rig = *state;

	/* The set; then, each record alone, the first one. */
	push(rig, RD_KAFKA_RESP_ERR_INVALID_RECORD, 2);
	kafka_rig_add(120);
	kafka_rig_start(rig, ONE_TOPIC);
	kafka_rig_until(rig, &rig->metrics.rejected, 1);
	kafka_rig_until(rig, &rig->metrics.delivered, 119);
	assert_non_null(strstr(kafka_rig_letters(rig), "INVALID_RECORD"));
	assert_non_null(strstr(kafka_rig_letters(rig), "\"seq\":\"1\""));
}

static void test_a_record_refused_by_mistake_goes_out_after_all(void **state)
{
	struct kafka_rig *rig = *state;

	push(rig, RD_KAFKA_RESP_ERR_INVALID_MSG, 1);
	kafka_rig_add(120);
	kafka_rig_start(rig, ONE_TOPIC);
	kafka_rig_until(rig, &rig->metrics.delivered, 120);
	assert_int_equal(metric_get(&rig->metrics.rejected), 0);
	kafka_rig_assert_arrived(rig, "t", 1, 120);
}

static void test_a_fatal_error_makes_a_new_producer(void **state)
{
	struct kafka_rig *rig = *state;

	kafka_rig_add(100);
	kafka_rig_start(rig, ONE_TOPIC);
	kafka_rig_until(rig, &rig->metrics.delivered, 100);
	push(rig, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, 1);
	kafka_rig_add(400);
	kafka_rig_until(rig, &rig->metrics.delivered, 500);
	assert_true(metric_get(&rig->metrics.retries) > 0);
	assert_int_equal(metric_get(&rig->metrics.rejected), 0);
	kafka_rig_assert_arrived(rig, "t", 1, 500);
}

static void test_no_right_to_write_holds(void **state)
{
	struct kafka_rig *rig = *state;

	push(rig, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1);
	kafka_rig_add(100);
	kafka_rig_start(rig, ONE_TOPIC);
	kafka_rig_until(rig, &rig->metrics.state, OUTPUT_STATE_HELD);
	assert_non_null(strstr(kafka_rig_log(), "topic t: Broker: Topic authorization failed"));
	assert_non_null(strstr(kafka_rig_log(), "grant weir's user WRITE"));
	assert_int_equal(metric_get(&rig->metrics.rejected), 0);
	kafka_rig_pass(rig, 120 * NSEC_PER_SEC);
	kafka_rig_until(rig, &rig->metrics.delivered, 100);
	kafka_rig_assert_arrived(rig, "t", 1, 100);
}

static void test_no_such_topic_holds_until_it_is_made(void **state)
{
	struct kafka_rig *rig = *state;

	rd_kafka_mock_topic_set_error(rig->cluster, "absent",
				      RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	kafka_rig_add(10);
	kafka_rig_start(rig, "  topic: absent\n  headers: [id]\n"
			     "  properties: {topic.metadata.propagation.max.ms: 50}\n");
	kafka_rig_until(rig, &rig->metrics.state, OUTPUT_STATE_HELD);
	assert_non_null(strstr(kafka_rig_log(), "topic absent: "));
	assert_non_null(strstr(kafka_rig_log(), "create the topic"));
	rd_kafka_mock_topic_set_error(rig->cluster, "absent", RD_KAFKA_RESP_ERR_NO_ERROR);
	kafka_rig_pass(rig, 120 * NSEC_PER_SEC);
	kafka_rig_until(rig, &rig->metrics.delivered, 10);
	assert_int_equal(metric_get(&rig->metrics.rejected), 0);
}

static void test_brokers_that_are_down_are_told_and_waited_for(void **state)
{
	struct kafka_rig *rig = *state;

	kafka_rig_add(100);
	kafka_rig_start(rig, ONE_TOPIC "  properties: {reconnect.backoff.max.ms: 200}\n");
	kafka_rig_until(rig, &rig->metrics.delivered, 100);
	rd_kafka_mock_broker_set_down(rig->cluster, 1);
	kafka_rig_add(300);
	kafka_rig_until(rig, &rig->metrics.state, OUTPUT_STATE_WAITING);
	assert_non_null(strstr(kafka_rig_log(), "down, retrying"));
	assert_int_equal(metric_get(&rig->metrics.delivered), 100);
	rd_kafka_mock_broker_set_up(rig->cluster, 1);
	kafka_rig_until(rig, &rig->metrics.delivered, 400);
	assert_int_equal(metric_get(&rig->metrics.state), OUTPUT_STATE_UP);
	kafka_rig_assert_arrived(rig, "t", 1, 400);
}

static void test_what_is_pending_at_the_end_goes_out_again(void **state)
{
	struct kafka_rig *rig = *state;

	rd_kafka_mock_broker_set_down(rig->cluster, 1);
	kafka_rig_add(200);
	kafka_rig_start(rig, ONE_TOPIC);
	kafka_rig_until(rig, &rig->metrics.in_flight, 100);
	kafka_rig_stop(rig);
	assert_int_equal(metric_get(&rig->metrics.delivered), 0);
	rd_kafka_mock_broker_set_up(rig->cluster, 1);
	kafka_rig_start(rig, ONE_TOPIC);
	kafka_rig_until(rig, &rig->metrics.delivered, 200);
	kafka_rig_assert_arrived(rig, "t", 1, 200);
}

static void test_a_certificate_that_is_not_there_holds(void **state)
{
	struct kafka_rig *rig = *state;

	kafka_rig_add(1);
	kafka_rig_start(rig, ONE_TOPIC "  transport: tls\n  tls: {ca_file: /no/such/ca.pem}\n");
	kafka_rig_until(rig, &rig->metrics.state, OUTPUT_STATE_HELD);
	assert_non_null(strstr(kafka_rig_log(), "ssl.ca.location"));
	assert_int_equal(metric_get(&rig->metrics.in_flight), 1);
}

static void test_topics_by_kind(void **state)
{
	struct kafka_rig *rig = *state;
	struct kafka_rig_record *records;

	rd_kafka_mock_topic_create(rig->cluster, "weir.process_exec", 1, 1);
	rd_kafka_mock_topic_create(rig->cluster, "weir.process_exit", 1, 1);
	kafka_rig_add(5);
	fake_journal_add_kind(KIND_PROCESS_EXIT, "{\"process_exit\":{}}");
	kafka_rig_start(rig, "  topic: weir.{kind}\n");
	kafka_rig_until(rig, &rig->metrics.delivered, 6);
	assert_int_equal(kafka_rig_read(rig, "weir.process_exec", &records), 5);
	free(records);
	assert_int_equal(kafka_rig_read(rig, "weir.process_exit", &records), 1);
	assert_string_equal(records[0].key, ""); /* it has no node */
	free(records);
}

static void test_what_events_say_stays_within_the_topics(void **state)
{
	struct kafka_rig *rig = *state;
	struct kafka_rig_record *records;

	rd_kafka_mock_topic_create(rig->cluster, "w-team_0", 1, 1);
	rd_kafka_mock_topic_create(rig->cluster, "rest", 1, 1);
	kafka_rig_add(10);
	fake_journal_add("no namespace");
	kafka_rig_start(rig, "  topic: \"w-{process.pod.namespace}\"\n  topics: [w-team_0]\n"
			     "  fallback_topic: rest\n  key: \"{process.exec_id}\"\n");
	kafka_rig_until(rig, &rig->metrics.delivered, 11);
	assert_int_equal(kafka_rig_read(rig, "w-team_0", &records), 5);
	assert_true(strncmp(records[0].key, "id-", 3) == 0);
	free(records);
	assert_int_equal(kafka_rig_read(rig, "rest", &records), 6);
	free(records);
}

static unsigned long seq_of(const struct kafka_rig_record *record)
{
	return strtoul(record->headers + strlen("weir.seq="), NULL, 10);
}

static void test_the_same_key_is_in_one_partition_in_order(void **state)
{
	struct kafka_rig *rig = *state;
	struct kafka_rig_record *records;
	size_t i, j, n;

	rd_kafka_mock_topic_create(rig->cluster, "p", 4, 1);
	kafka_rig_add(300);
	kafka_rig_start(rig, "  topic: p\n  key: \"{process.exec_id}\"\n  headers: [sequence]\n");
	kafka_rig_until(rig, &rig->metrics.delivered, 300);
	n = kafka_rig_read(rig, "p", &records);
	assert_int_equal(n, 300);
	for (i = 0; i < n; i++)
		for (j = i + 1; j < n; j++) {
			if (strcmp(records[i].key, records[j].key) != 0)
				continue;
			assert_int_equal(records[i].partition, records[j].partition);
			assert_true(seq_of(&records[i]) < seq_of(&records[j]));
		}
	free(records);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_each_event_is_a_record),
		T(test_many_batches_arrive_once_and_in_order),
		T(test_every_compression),
		T(test_a_queue_that_is_full_holds_up_and_loses_nothing),
		T(test_what_librdkafka_retries_is_not_seen),
		T(test_a_set_that_is_too_large_is_made_smaller),
		T(test_a_record_that_is_too_large_for_the_topic_is_refused),
		T(test_an_event_above_the_own_limit_is_refused_alone),
		T(test_the_record_that_is_refused_is_found),
		T(test_a_record_refused_by_mistake_goes_out_after_all),
		T(test_a_fatal_error_makes_a_new_producer),
		T(test_no_right_to_write_holds),
		T(test_no_such_topic_holds_until_it_is_made),
		T(test_brokers_that_are_down_are_told_and_waited_for),
		T(test_what_is_pending_at_the_end_goes_out_again),
		T(test_a_certificate_that_is_not_there_holds),
		T(test_topics_by_kind),
		T(test_what_events_say_stays_within_the_topics),
		T(test_the_same_key_is_in_one_partition_in_order),
	};

	if (getenv("T"))
		cmocka_set_test_filter(getenv("T"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
