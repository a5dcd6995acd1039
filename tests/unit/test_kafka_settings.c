/* What the configuration of a Kafka output accepts, the topics and keys that templates make,
 * tokens, and what errors mean. */
#include "config/config.h"
#include "outputs/format.h"
#include "outputs/kafka_error.h"
#include "outputs/kafka_settings.h"
#include "outputs/kafka_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct errmsg em;

/* Reads an output with these lines besides; 0 or what it was refused with. */
static int read_output(const char *yaml)
{
	struct config_document *doc;
	struct outputs_list list;
	char text[2048];
	int err;

	em.text[0] = '\0';
	snprintf(text, sizeof(text),
		 "- name: k\n  type: kafka\n  brokers: [\"localhost:9092\"]\n%s", yaml);
	assert_int_equal(config_parse(str_of(text), "c", &doc, &em), 0);
	err = outputs_list_read(config_root(doc), &list, &em);
	if (!err)
		outputs_list_free(&list);
	config_document_free(&doc);
	return err;
}

static void assert_refused(const char *yaml, const char *place, const char *words)
{
	assert_int_not_equal(read_output(yaml), 0);
	if (strncmp(em.text, place, strlen(place)) != 0 || !strstr(em.text, words))
		fail_msg("%s, not at %s: %s", em.text, place, words);
}

static void assert_taken(const char *yaml)
{
	if (read_output(yaml) != 0)
		fail_msg("%s", em.text);
}

static void test_properties_are_checked_by_librdkafka(void **state)
{
	assert_taken("  properties: {linger.ms: 20, client.id: me}\n");
	assert_refused("  properties:\n    linger.ms: soon\n", "c:5:5: ", "Invalid value");
	assert_refused("  properties:\n    client.id: me\n    no.such: 1\n",
		       "c:6:5: ", "No such configuration property: \"no.such\"");
	assert_refused("  properties:\n    linger.ms: [1]\n", "c:5:16: ", "one text or number");
	assert_refused("  properties: [1]\n", "c:4:15: ", "a mapping");
}

static void test_properties_that_are_weirs_own_are_refused_by_name(void **state)
{
	assert_refused("  properties:\n    acks: 1\n", "c:5:5: ", "\"acks\" is weir's to set");
	assert_refused("  properties: {enable.idempotence: false}\n",
		       "c:4:16: ", "\"enable.idempotence\"");
	assert_refused("  properties: {message.timeout.ms: 1}\n", "c:4:16: ", "never does");
	assert_refused("  properties: {ssl.ca.location: /x}\n", "c:4:16: ", "use tls");
	assert_refused("  properties: {sasl.password: x}\n", "c:4:16: ", "use sasl.password");
	assert_refused("  properties: {plugin.library.paths: x}\n", "c:4:16: ", "loads no code");
	assert_refused("  properties: {test.mock.num.brokers: 3}\n", "c:4:16: ", "arrives nowhere");
}

static void test_topics_are_checked_and_confined(void **state)
{
	assert_taken("  topic: weir.{kind}-{node}\n");
	assert_taken("  topic: w-{process.pod.namespace}\n  fallback_topic: rest\n");
	assert_taken("  topic: \"{process.binary}\"\n  topics: [a, b]\n  fallback_topic: rest\n");
	assert_refused("  topic: we ir\n", "c:4:10: ", "topic: ' ' can't be in it");
	assert_refused("  topic: ..\n", "c:4:10: ", "can't name a topic");
	assert_refused("  topic: w/{kind}\n", "c:4:10: ", "topic: '/' can't be in it");
	assert_refused("  topic: \"{process.binary}\"\n", "c:4:10: ", "would choose any topic");
	assert_refused("  topic: w-{process.binary}\n", "c:4:10: ", "give fallback_topic");
	assert_refused("  topic: w{kind}/x\n", "c:4:10: ", "topic: '/' can't be in it");
	assert_refused("  topic: w-{kin}\n", "c:4:10: ", "did you mean 'kind'?");
	assert_refused("  topics: [a, \"b c\"]\n", "c:4:15: ", "can't name a topic");
	assert_refused("  fallback_topic: a b\n", "c:4:19: ", "can't name a topic");
	assert_refused("  topic: w-{kind\n", "c:4:10: ", "a brace without its other half");
	assert_refused("  topic: w-{a..b}\n", "c:4:10: ", "{a..b} is no field");
	assert_refused("  key: \"{no field}\"\n", "c:4:8: ", "{no field} is no field");
}

static void test_what_librdkafka_can_t_do_for_tls_is_refused(void **state)
{
	assert_taken("  transport: tls\n");
	assert_taken("  transport: tls\n  tls: {verify_hostname: false}\n");
	assert_refused("  tls: {verify: false}\n", "c:4:8: ", "would encrypt nothing");
	assert_refused("  transport: tls\n  tls: {server_name: x}\n",
		       "c:5:22: ", "tls.server_name");
	assert_refused("  transport: tls\n  tls: {min_version: \"1.3\"}\n",
		       "c:5:22: ", "tls.min_version");
	assert_refused("  transport: tls\n  tls: {pins: [x]}\n", "c:5:15: ", "tls.pins");
}

static void test_sasl_is_whole_and_shows_no_secret(void **state)
{
	assert_taken("  sasl: {mechanism: scram-sha-512, user: u, password: hunter2}\n");
	assert_taken("  sasl: {mechanism: oauthbearer, token_file: /run/token}\n");
	assert_refused("  sasl: {mechanism: plain, password: hunter2}\n",
		       "c:4:9: ", "needs user and password");
	assert_null(strstr(em.text, "hunter2"));
	assert_refused("  sasl: {mechanism: oauthbearer}\n", "c:4:9: ", "either token or");
	assert_refused("  sasl: {mechanism: oauthbearer, token: x, token_file: /y}\n",
		       "c:4:9: ", "either token or");
	assert_refused("  headers: [id, colour]\n", "c:4:17: ", "no header \"colour\"");
}

static const char event_text[] =
	"{\"process_exec\":{\"process\":{\"exec_id\":\"bm9kZQ==\",\"pid\":42,\"binary\":\"/bin/a "
	"b\",\"arguments\":\"},\\\"node_name\\\":\\\"forged\\\"\",\"pod\":{\"namespace\":"
	"\"te\\u00e4m\"}}},\"node_name\":\"host-1\",\"time\":\"2026-01-01T00:00:00Z\"}";

static struct batch *make_batch(const char *json)
{
	struct batch *batch = batch_create(4, 4096);
	struct formatter *formatter;
	const struct journal_record record = {
		.seq = 7,
		.kind = KIND_PROCESS_EXEC,
		.json = str_of(json),
		.boot_id = STR("11111111-2222-3333-4444-555555555555"),
	};

	assert_int_equal(formatter_open(format_by_name("json"), &formatter), 0);
	assert_int_equal(batch_add(batch, &record, formatter), 0);
	formatter_close(&formatter);
	return batch;
}

static const char *made(const char *template_text, const char *json, bool as_topic)
{
	static char text[512];
	struct batch *batch = make_batch(json);
	struct buf out = buf_fixed(text, sizeof(text) - 1);
	const struct template_source source = { .batch = batch, .output = STR("k") };
	struct template *template;
	bool is_made;

	assert_int_equal(template_compile(template_text,
					  as_topic ? &kafka_topic_rules : &kafka_key_rules,
					  &template, &em),
			 0);
	is_made = template_write(template, &source, &out);
	text[out.len] = '\0';
	template_free(&template);
	batch_unref(&batch);
	return is_made ? text : NULL;
}

static void test_templates_read_the_event(void **state)
{
	assert_string_equal(made("{node}", event_text, false), "host-1");
	assert_string_equal(made("{kind}.{node}", event_text, true), "process_exec.host-1");
	assert_string_equal(made("{process.pid}/{process.exec_id}", event_text, false),
			    "42/bm9kZQ==");
	assert_string_equal(made("a{{{process.pid}}}", event_text, false), "a{42}");
	assert_string_equal(made("{boot}", event_text, false),
			    "11111111-2222-3333-4444-555555555555");
	assert_string_equal(made("{output}-{date}", event_text, false), "k-1970.01.01");
	assert_string_equal(made("{process.absent}", event_text, false), "");
	assert_string_equal(made("{process.pod}", event_text, false), "");
}

static void test_a_topic_holds_no_other_characters(void **state)
{
	assert_string_equal(made("w-{process.binary}", event_text, true), "w-_bin_a_b");
	assert_string_equal(made("w-{process.pod.namespace}", event_text, true), "w-te__m");
	assert_null(made("w-{process.absent}", event_text, true));
	assert_null(made("w-{node}", "{\"process_exec\":{}}", true));
	assert_null(made("w-{process.pid}", "{\"process_exec\":", true));
}

static void test_tokens_say_who_and_until_when(void **state)
{
	/* {"alg":"none"}.{"sub":"weir-agent","exp":1900000000}.x and one that is no JSON. */
	const char *token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ3ZWlyLWFnZW50IiwiZXhwIjoxOTAwMDAwMDAw"
			    "fQ.x";
	struct kafka_token_claims claims;

	kafka_token_claims(str_of(token), &claims);
	assert_string_equal(claims.subject, "weir-agent");
	assert_int_equal(claims.expires_s, 1900000000);
	kafka_token_claims(STR("opaque"), &claims);
	assert_string_equal(claims.subject, "");
	assert_int_equal(claims.expires_s, 0);
	kafka_token_claims(STR("a.!!!!.c"), &claims);
	assert_string_equal(claims.subject, "");
	kafka_token_claims(STR("a.eyJzdWIiOiJ3.c"), &claims);
	assert_string_equal(claims.subject, "");
}

static void test_what_errors_mean(void **state)
{
	assert_int_equal(kafka_fault_of(RD_KAFKA_RESP_ERR_NO_ERROR), KAFKA_FAULT_NONE);
	assert_int_equal(kafka_fault_of(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC), KAFKA_FAULT_CONFIG);
	assert_int_equal(kafka_fault_of(RD_KAFKA_RESP_ERR__AUTHENTICATION), KAFKA_FAULT_CONFIG);
	assert_int_equal(kafka_fault_of(RD_KAFKA_RESP_ERR__SSL), KAFKA_FAULT_CONFIG);
	assert_int_equal(kafka_fault_of(RD_KAFKA_RESP_ERR__PURGE_QUEUE), KAFKA_FAULT_PURGED);
	assert_int_equal(kafka_fault_of(RD_KAFKA_RESP_ERR_POLICY_VIOLATION), KAFKA_FAULT_LATER);
	assert_int_equal(kafka_fault_of(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT), KAFKA_FAULT_LATER);
	assert_int_equal(kafka_fault_of(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE), KAFKA_FAULT_SIZE);
	assert_int_equal(kafka_fault_of(RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP), KAFKA_FAULT_RECORD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_properties_are_checked_by_librdkafka),
		cmocka_unit_test(test_properties_that_are_weirs_own_are_refused_by_name),
		cmocka_unit_test(test_topics_are_checked_and_confined),
		cmocka_unit_test(test_what_librdkafka_can_t_do_for_tls_is_refused),
		cmocka_unit_test(test_sasl_is_whole_and_shows_no_secret),
		cmocka_unit_test(test_templates_read_the_event),
		cmocka_unit_test(test_a_topic_holds_no_other_characters),
		cmocka_unit_test(test_tokens_say_who_and_until_when),
		cmocka_unit_test(test_what_errors_mean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
