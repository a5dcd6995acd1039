/* Each profile: what it sends, read back by somebody else's parser, and what answers mean for each
 * event. */
#include "base/clock.h"
#include "tests/unit/http_profile_rig.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define ID(n) RIG_BOOT "-" #n

static struct http_profile_rig *rig;

static void open_rig(const char *yaml, size_t events)
{
	struct errmsg em = { "" };

	http_profile_rig_free(&rig);
	rig = http_profile_rig_create(yaml, &em);
	if (!rig)
		fail_msg("%s", em.text);
	http_profile_rig_fill(rig, events);
}

static int teardown(void **state)
{
	http_profile_rig_free(&rig);
	return 0;
}

static json_t *load(const char *text, size_t n)
{
	json_error_t error;
	json_t *json = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);

	if (!json)
		fail_msg("%s in %.*s", error.text, (int)n, text);
	return json;
}

/* The body as one JSON value. */
static json_t *body_json(void)
{
	char *text = http_profile_rig_body(rig);
	json_t *json;

	assert_non_null(text);
	json = load(text, strlen(text));
	free(text);
	return json;
}

/* Follows "a.0.b". */
static json_t *at(json_t *json, const char *path)
{
	char name[64];

	while (json && *path) {
		size_t n = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		json = json_is_array(json) ? json_array_get(json, strtoul(name, NULL, 10))
					   : json_object_get(json, name);
		path += n + (path[n] == '.');
	}
	return json;
}

static void assert_text(json_t *json, const char *path, const char *expected)
{
	const char *text = json_string_value(at(json, path));

	if (!text)
		fail_msg("no %s", path);
	assert_string_equal(text, expected);
}

/* The event in a string is the event. */
static void assert_event_text(json_t *json, const char *path, size_t i)
{
	struct str event = batch_payload(rig->batch, i);
	json_t *text = at(json, path);

	assert_int_equal(json_string_length(text), event.n);
	assert_memory_equal(json_string_value(text), event.p, event.n);
}

static void assert_verdicts(const char *expected)
{
	static const char letters[] = { [VERDICT_BATCH] = '-',
					[VERDICT_SENT] = 'S',
					[VERDICT_RETRY] = 'R',
					[VERDICT_REFUSED] = 'D' };
	size_t i;

	assert_int_equal(batch_count(rig->batch), strlen(expected));
	for (i = 0; expected[i]; i++)
		assert_int_equal(letters[batch_event_at(rig->batch, i)->verdict], expected[i]);
}

static void assert_judged(int status, const char *answer, enum output_verdict verdict,
			  const char *words)
{
	size_t i;

	for (i = 0; i < batch_count(rig->batch); i++)
		batch_event_at(rig->batch, i)->verdict = VERDICT_BATCH;
	if (http_profile_rig_judge(rig, status, answer) != verdict)
		fail_msg("%d %s: not %d (\"%s\")", status, answer, verdict, rig->em.text);
	if (!strstr(rig->em.text, words))
		fail_msg("\"%s\" does not say \"%s\"", rig->em.text, words);
}

static const char *refusal(size_t i)
{
	static char text[256];

	snprintf(text, sizeof(text), "%.*s", STR_FMT(batch_reason(rig->batch, i)));
	return text;
}

static void assert_path(const char *path, const char *query)
{
	char text[512];
	struct buf out = buf_fixed(text, sizeof(text) - 1);

	rig->profile->path(&rig->ctx, rig->batch, &out);
	text[out.len] = '\0';
	assert_string_equal(text, path);
	buf_reset(&out);
	if (rig->profile->query)
		rig->profile->query(&rig->ctx, &out);
	text[out.len] = '\0';
	assert_non_null(strstr(text, query));
}

/* ---- generic ---- */

static void test_generic_lines_are_the_block_itself(void **state)
{
	struct str first;
	char *text;

	open_rig("{}", 3);
	text = http_profile_rig_body(rig);
	assert_int_equal(batch_lines(rig->batch, 0, &first), 3);
	assert_int_equal(strlen(text), first.n);
	assert_memory_equal(text, first.p, first.n);
	assert_int_equal(rig->body.count, 1); /* one span: nothing was copied */
	free(text);
}

static void test_generic_array(void **state)
{
	json_t *json;

	open_rig("generic: {body: array}", 3);
	json = body_json();
	assert_int_equal(json_array_size(json), 3);
	assert_text(json, "2.weir.seq", "3");
	json_decref(json);
	open_rig("{generic: {body: array}, format: compact}", 2);
	json = body_json();
	assert_event_text(json, "1", 1);
	json_decref(json);
}

static void test_statuses(void **state)
{
	open_rig("{}", 2);
	assert_judged(200, "whatever", OUTPUT_SENT, "");
	assert_judged(204, "", OUTPUT_SENT, "");
	assert_judged(301, "", OUTPUT_HELD, "redirects are not followed");
	assert_judged(400, "bad\x1b[0m\nthing", OUTPUT_REFUSED, "answered 400: bad [0m thing");
	assert_judged(400, "<html>No required SSL certificate was sent", OUTPUT_HELD,
		      "tls.certificate");
	assert_judged(400, "The plain HTTP request was sent to HTTPS port", OUTPUT_HELD, "https");
	assert_judged(401, "", OUTPUT_HELD, "check token");
	assert_judged(403, "", OUTPUT_HELD, "may not write");
	assert_judged(404, "", OUTPUT_HELD, "check url");
	assert_judged(408, "", OUTPUT_LATER, "408");
	assert_judged(413, "", OUTPUT_REFUSED, "batch.max_bytes");
	assert_judged(422, "", OUTPUT_REFUSED, "422");
	assert_judged(429, "", OUTPUT_LATER, "429");
	assert_judged(500, "", OUTPUT_LATER, "500");
	assert_judged(503, "", OUTPUT_LATER, "503");
	assert_judged(507, "", OUTPUT_LATER, "507");
	assert_judged(0, "", OUTPUT_LATER, "0");
	assert_judged(999, "", OUTPUT_LATER, "999");
	assert_verdicts("--");
}

/* ---- Splunk ---- */

#define SPLUNK "{profile: splunk, token: t, splunk: {index: main}}"

static void test_splunk_events(void **state)
{
	char *text, *next;
	json_t *json;

	open_rig(SPLUNK, 2);
	assert_path("/services/collector/event", "");
	text = http_profile_rig_body(rig);
	assert_non_null(strstr(text, "\"time\":1700000000.000000001,"));
	next = strchr(text, '\n');
	json = load(text, next - text);
	assert_text(json, "host", "node-\"1\"");
	assert_text(json, "source", "weir");
	assert_text(json, "sourcetype", "tetragon:json");
	assert_text(json, "index", "main");
	assert_text(json, "fields.weir_id", ID(1));
	assert_text(json, "event.weir.seq", "1");
	json_decref(json);
	json = load(next + 1, strlen(next + 1));
	assert_text(json, "fields.weir_id", ID(2));
	json_decref(json);
	free(text);
	open_rig("{profile: splunk, token: t, format: compact}", 1);
	json = body_json();
	assert_event_text(json, "event", 0);
	assert_null(at(json, "index"));
	json_decref(json);
}

static void test_splunk_codes(void **state)
{
	static const struct {
		int code, status;
		enum output_verdict verdict;
		const char *words;
	} cases[] = {
		{ 0, 200, OUTPUT_SENT, "" },
		{ 0, 503, OUTPUT_LATER, "503" },
		{ 1, 403, OUTPUT_HELD, "enable the token" },
		{ 2, 401, OUTPUT_HELD, "set token" },
		{ 3, 401, OUTPUT_HELD, "check token" },
		{ 4, 403, OUTPUT_HELD, "check token" },
		{ 5, 400, OUTPUT_REFUSED, "code 5" },
		{ 6, 400, OUTPUT_REFUSED, "code 6" },
		{ 7, 400, OUTPUT_HELD, "splunk.index" },
		{ 8, 500, OUTPUT_LATER, "" },
		{ 9, 503, OUTPUT_LATER, "busy" },
		{ 10, 400, OUTPUT_HELD, "X-Splunk-Request-Channel" },
		{ 11, 400, OUTPUT_HELD, "splunk.channel" },
		{ 12, 400, OUTPUT_REFUSED, "" },
		{ 13, 400, OUTPUT_REFUSED, "" },
		{ 14, 400, OUTPUT_HELD, "splunk.ack" },
		{ 15, 400, OUTPUT_REFUSED, "" },
		{ 16, 400, OUTPUT_HELD, "set token" },
		{ 17, 200, OUTPUT_LATER, "no answer to events" },
		{ 18, 503, OUTPUT_LATER, "queues" },
		{ 19, 503, OUTPUT_LATER, "" },
		{ 20, 503, OUTPUT_LATER, "" },
		{ 21, 400, OUTPUT_HELD, "" },
		{ 22, 403, OUTPUT_HELD, "" },
		{ 23, 503, OUTPUT_LATER, "shutting down" },
		{ 24, 503, OUTPUT_LATER, "" },
		{ 25, 429, OUTPUT_LATER, "" },
		{ 26, 429, OUTPUT_LATER, "" },
		{ 27, 413, OUTPUT_REFUSED, "batch.max_bytes" },
		{ 9, 200, OUTPUT_LATER, "busy" }, /* success is code 0, whatever the status */
		{ 99, 200, OUTPUT_LATER, "" },
		{ 99, 400, OUTPUT_REFUSED, "" },
		{ 99, 429, OUTPUT_LATER, "" },
	};
	char answer[128];
	size_t i;

	open_rig(SPLUNK, 3);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(answer, sizeof(answer), "{\"text\":\"Words\",\"code\":%d}", cases[i].code);
		assert_judged(cases[i].status, answer, cases[i].verdict, cases[i].words);
		assert_verdicts("---");
	}
}

static void test_splunk_names_the_invalid_event(void **state)
{
	open_rig(SPLUNK, 4);
	assert_judged(400,
		      "{\"text\":\"Invalid data format\",\"code\":6,\"invalid-event-number\":1}",
		      OUTPUT_REFUSED, "Invalid data format");
	assert_verdicts("RDRR");
	assert_string_equal(refusal(1), "Invalid data format");
	assert_judged(400, "{\"text\":\"x\",\"code\":15,\"invalid-event-number\":4}",
		      OUTPUT_REFUSED, "");
	assert_verdicts("----");
	assert_judged(400, "{\"text\":\"x\",\"code\":6,\"invalid-event-number\":-1}",
		      OUTPUT_REFUSED, "");
	assert_verdicts("----");
}

static void test_splunk_garbage_is_no_success(void **state)
{
	open_rig(SPLUNK, 1);
	assert_judged(200, "", OUTPUT_LATER, "counts as not taken");
	assert_judged(200, "<html>Success</html>", OUTPUT_LATER, "counts as not taken");
	assert_judged(200, "{\"text\":\"Success\"}", OUTPUT_LATER, "");
	assert_judged(200, "{\"text\":\"Success\",\"code\":\"0\"}", OUTPUT_LATER, "");
	assert_judged(200, "{\"text\":\"Success\",\"code\":0", OUTPUT_LATER, "");
	assert_judged(502, "<html>", OUTPUT_LATER, "502");
}

static void test_splunk_acknowledgements(void **state)
{
	const struct http_confirmation *c;
	const uint64_t tickets[] = { 7, 8, 19 };
	struct http_answer answer = {
		.status = 200, .body = STR("{\"acks\":{\"7\":true,\"19\":false,\"1\":true}}")
	};
	char text[128];
	struct buf out = buf_fixed(text, sizeof(text) - 1);
	bool confirmed[3] = { false };
	struct errmsg em;

	open_rig("{profile: splunk, token: t, splunk: {ack: true}}", 1);
	assert_judged(200, "{\"text\":\"Success\",\"code\":0,\"ackId\":41}", OUTPUT_PENDING, "");
	assert_int_equal(rig->ticket, 41);
	assert_judged(200, "{\"text\":\"Success\",\"code\":0}", OUTPUT_HELD, "splunk.ack");
	assert_judged(400, "{\"text\":\"ACK is disabled\",\"code\":14}", OUTPUT_HELD, "splunk.ack");
	c = rig->profile->confirmation;
	c->ask(tickets, 3, &out);
	text[out.len] = '\0';
	assert_string_equal(text, "{\"acks\":[7,8,19]}");
	assert_int_equal(c->read(&answer, tickets, 3, confirmed, &em), OUTPUT_SENT);
	assert_true(confirmed[0] && !confirmed[1] && !confirmed[2]);
	answer.body = STR("{\"acks\":[true,true,true]}");
	assert_int_equal(c->read(&answer, tickets, 3, confirmed, &em), OUTPUT_LATER);
	answer = (struct http_answer){ .status = 400, .body = STR("{\"code\":14,\"text\":\"x\"}") };
	assert_int_equal(c->read(&answer, tickets, 3, confirmed, &em), OUTPUT_HELD);
	answer = (struct http_answer){ .status = 404, .body = STR("no") };
	assert_int_equal(c->read(&answer, tickets, 3, confirmed, &em), OUTPUT_HELD);
	answer = (struct http_answer){ .status = 503, .body = STR("{\"code\":9,\"text\":\"x\"}") };
	assert_int_equal(c->read(&answer, tickets, 3, confirmed, &em), OUTPUT_LATER);
	open_rig(SPLUNK, 1);
	assert_false(c->is_on(rig->ctx.set));
	assert_judged(200, "{\"text\":\"Success\",\"code\":0,\"ackId\":41}", OUTPUT_SENT, "");
}

/* ---- Elasticsearch ---- */

static void test_elasticsearch_actions_and_sources(void **state)
{
	char *text, *line, *rest;
	json_t *json;

	open_rig("{profile: elasticsearch}", 2);
	assert_path("/logs-weir-default/_bulk", "filter_path=");
	rest = text = http_profile_rig_body(rig);
	line = strsep(&rest, "\n");
	json = load(line, strlen(line));
	assert_text(json, "create._id", ID(1));
	assert_null(at(json, "create._index"));
	json_decref(json);
	line = strsep(&rest, "\n");
	json = load(line, strlen(line));
	assert_text(json, "@timestamp", "2023-11-14T22:13:20.000000001Z");
	assert_text(json, "weir.seq", "1");
	json_decref(json);
	line = strsep(&rest, "\n");
	json = load(line, strlen(line));
	assert_text(json, "create._id", ID(2));
	json_decref(json);
	assert_int_equal(text + rig->body.bytes - rest, strlen(rest));
	assert_int_equal(rest[strlen(rest) - 1], '\n');
	free(text);
}

static void test_elasticsearch_index_of_the_event(void **state)
{
	char *text;
	json_t *json;

	open_rig("{profile: elasticsearch, elasticsearch: {index: 'w-{kind}-{date}', "
		 "timestamp_field: ''}}",
		 1);
	assert_path("/_bulk", "filter_path=");
	text = http_profile_rig_body(rig);
	json = load(text, strcspn(text, "\n"));
	assert_text(json, "create._index", "w-process_exec-2023.11.14");
	json_decref(json);
	assert_null(strstr(text, "@timestamp"));
	free(text);
}

#define OK "{\"create\":{\"status\":201}}"
#define ITEM(status, type)                                               \
	"{\"create\":{\"status\":" status ",\"error\":{\"type\":\"" type \
	"\",\"reason\":\"why so\"}}}"

static void test_elasticsearch_items(void **state)
{
	open_rig("{profile: elasticsearch}", 4);
	assert_judged(200, "{\"errors\":false,\"items\":[" OK "," OK "," OK "," OK "]}",
		      OUTPUT_SENT, "");
	assert_verdicts("----");
	assert_judged(
		200,
		"{ \"errors\" : true, \"items\":[" OK
		"," ITEM("409", "version_conflict_engine_exception") "," ITEM(
			"400",
			"document_parsing_exception") "," ITEM("429",
							       "es_rejected_execution_exception") "]}",
		OUTPUT_LATER, "429 es_rejected_execution_exception: why so");
	assert_verdicts("SSDR");
	assert_string_equal(refusal(2), "400 document_parsing_exception: why so");
	assert_judged(200,
		      "{\"errors\":true,\"items\":[" OK "," OK "," OK
		      "," ITEM("400", "mapper_parsing_exception") "]}",
		      OUTPUT_SENT, "");
	assert_verdicts("SSSD");
	assert_judged(
		200,
		"{\"errors\":true,\"items\":[" ITEM("503", "unavailable_shards_exception") "," ITEM(
			"403", "cluster_block_exception") "," ITEM("500", "x") "," OK "]}",
		OUTPUT_HELD, "cluster_block_exception");
	assert_verdicts("RRRS");
	assert_judged(200,
		      "{\"errors\":true,\"items\":[" ITEM(
			      "429", "cluster_block_exception") "," OK "," OK "," OK "]}",
		      OUTPUT_HELD, "out of disk");
	assert_judged(200,
		      "{\"errors\":true,\"items\":[" ITEM(
			      "404", "index_not_found_exception") "," OK "," OK "," OK "]}",
		      OUTPUT_HELD, "elasticsearch.index");
	assert_verdicts("RSSS");
}

static void test_elasticsearch_garbage_is_no_success(void **state)
{
	open_rig("{profile: elasticsearch}", 2);
	assert_judged(200, "", OUTPUT_LATER, "counts as not taken");
	assert_judged(200, "{}", OUTPUT_LATER, "");
	assert_judged(200, "{\"errors\":false}", OUTPUT_LATER, "");
	assert_judged(200, "{\"errors\":\"false\",\"items\":[" OK "," OK "]}", OUTPUT_LATER, "");
	assert_judged(200, "{\"errors\":false,\"items\":[" OK "]}", OUTPUT_LATER, "tells of 1");
	assert_judged(200, "{\"errors\":true,\"items\":[" OK "," OK "," OK "]}", OUTPUT_LATER, "3");
	assert_judged(200, "{\"errors\":true,\"items\":[" OK ",{}]}", OUTPUT_LATER, "");
	assert_verdicts("--");
	assert_judged(200, "{\"errors\":true,\"items\":[" OK ",7]}", OUTPUT_LATER, "");
	assert_judged(200, "{\"errors\":true,\"items\":[" OK "," OK, OUTPUT_LATER, "");
	assert_judged(401, "{\"error\":{\"type\":\"security_exception\"},\"status\":401}",
		      OUTPUT_HELD, "check token");
	assert_judged(400, "{\"error\":\"x\"}", OUTPUT_REFUSED, "");
	assert_judged(413, "", OUTPUT_REFUSED, "");
}

/* ---- Loki ---- */

static void test_loki_stream(void **state)
{
	json_t *json;

	open_rig("{profile: loki, loki: {labels: ['job=a b', 'host={node}'], tenant: x}}", 2);
	assert_path("/loki/api/v1/push", "");
	json = body_json();
	assert_text(json, "streams.0.stream.job", "a b");
	assert_text(json, "streams.0.stream.host", "node-\"1\"");
	assert_text(json, "streams.0.values.1.0", "1700000000000000002");
	assert_event_text(json, "streams.0.values.1.1", 1);
	assert_text(json, "streams.0.values.1.2.weir_id", ID(2));
	assert_text(json, "streams.0.values.1.2.kind", "process_exec");
	assert_int_equal(json_array_size(at(json, "streams")), 1);
	json_decref(json);
}

static void test_loki_entries_are_in_the_order_of_their_time(void **state)
{
	static const uint64_t times[] = { 50, 20, 20, 40, 10 };
	static const char *const expected[] = { ID(5), ID(2), ID(3), ID(4), ID(1) };
	char path[64];
	json_t *json;
	size_t i;

	open_rig("{profile: loki}", 0);
	for (i = 0; i < ARRAY_SIZE(times); i++)
		http_profile_rig_add(rig, i + 1, times[i], "{}");
	json = body_json();
	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		snprintf(path, sizeof(path), "streams.0.values.%zu.2.weir_id", i);
		assert_text(json, path, expected[i]);
	}
	json_decref(json);
}

/* ---- OTLP ---- */

static void test_otlp_records(void **state)
{
	json_t *json, *record;

	open_rig("{profile: otlp}", 2);
	assert_path("/v1/logs", "");
	json = body_json();
	assert_text(json, "resourceLogs.0.resource.attributes.0.key", "service.name");
	assert_text(json, "resourceLogs.0.resource.attributes.1.value.stringValue", "node-\"1\"");
	record = at(json, "resourceLogs.0.scopeLogs.0.logRecords.1");
	assert_text(record, "timeUnixNano", "1700000000000000002");
	assert_event_text(record, "body.stringValue", 1);
	assert_text(record, "attributes.0.value.stringValue", "process_exec");
	assert_text(record, "attributes.1.key", "weir.id");
	assert_text(record, "attributes.1.value.stringValue", ID(2));
	json_decref(json);
}

static void test_otlp_answers(void **state)
{
	open_rig("{profile: otlp}", 3);
	assert_judged(200, "{}", OUTPUT_SENT, "");
	assert_judged(200, "", OUTPUT_SENT, "");
	assert_judged(200, "{\"partialSuccess\":{}}", OUTPUT_SENT, "");
	assert_judged(200, "{\"partialSuccess\":{\"errorMessage\":\"mind the gap\"}}", OUTPUT_SENT,
		      "");
	assert_verdicts("---");
	assert_judged(
		200, "{\"partialSuccess\":{\"rejectedLogRecords\":\"1\",\"errorMessage\":\"big\"}}",
		OUTPUT_SENT, "1 of 3 rejected, not said which: big");
	assert_verdicts("DDD");
	assert_string_equal(refusal(2), "1 of 3 rejected, not said which: big");
	assert_judged(200, "{\"partialSuccess\":{\"rejectedLogRecords\":3}}", OUTPUT_SENT,
		      "rejected");
	assert_verdicts("DDD");
	assert_judged(200, "{\"partialSuccess\":{\"rejectedLogRecords\":\"many\"}}", OUTPUT_LATER,
		      "");
	assert_judged(200, "<html>", OUTPUT_LATER, "counts as not taken");
	assert_judged(429, "", OUTPUT_LATER, "");
	assert_judged(502, "", OUTPUT_LATER, "");
	assert_judged(503, "", OUTPUT_LATER, "");
	assert_judged(504, "", OUTPUT_LATER, "");
	assert_judged(500, "", OUTPUT_REFUSED, "500");
	assert_judged(400, "", OUTPUT_REFUSED, "400");
	assert_judged(401, "", OUTPUT_HELD, "");
}

/* ---- Datadog, Azure Monitor ---- */

static void test_datadog_array(void **state)
{
	json_t *json;

	open_rig("{profile: datadog, token: t, datadog: {tags: ['a:1', 'b:\"2\"']}}", 2);
	assert_path("/api/v2/logs", "");
	json = body_json();
	assert_text(json, "1.ddtags", "a:1,b:\"2\"");
	assert_text(json, "1.hostname", "node-\"1\"");
	assert_text(json, "1.weir_id", ID(2));
	assert_event_text(json, "1.message", 1);
	json_decref(json);
	assert_judged(202, "{}", OUTPUT_SENT, "");
}

static void test_azure_array(void **state)
{
	json_t *json;

	open_rig(
		"{profile: azure, token: t, batch: {max_bytes: 500KB}, azure: {rule: dcr-1, stream: "
		"Custom-T}}",
		2);
	assert_path("/dataCollectionRules/dcr-1/streams/Custom-T", "api-version=");
	json = body_json();
	assert_text(json, "1.TimeGenerated", "2023-11-14T22:13:20.000000002Z");
	assert_text(json, "1.WeirId", ID(2));
	assert_text(json, "1.RawData.weir.seq", "2");
	json_decref(json);
	assert_judged(204, "", OUTPUT_SENT, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generic_lines_are_the_block_itself),
		cmocka_unit_test(test_generic_array),
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_splunk_events),
		cmocka_unit_test(test_splunk_codes),
		cmocka_unit_test(test_splunk_names_the_invalid_event),
		cmocka_unit_test(test_splunk_garbage_is_no_success),
		cmocka_unit_test(test_splunk_acknowledgements),
		cmocka_unit_test(test_elasticsearch_actions_and_sources),
		cmocka_unit_test(test_elasticsearch_index_of_the_event),
		cmocka_unit_test(test_elasticsearch_items),
		cmocka_unit_test(test_elasticsearch_garbage_is_no_success),
		cmocka_unit_test(test_loki_stream),
		cmocka_unit_test(test_loki_entries_are_in_the_order_of_their_time),
		cmocka_unit_test(test_otlp_records),
		cmocka_unit_test(test_otlp_answers),
		cmocka_unit_test(test_datadog_array),
		cmocka_unit_test(test_azure_array),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
