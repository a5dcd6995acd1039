/* The formats of others: what each event becomes, that nothing of an event forges a field, that a
 * record which isn't weir's is refused, and that a user's changes are made. What a receiver reads
 * is told by tests/fuzz/format_inverse.h; whether it is what the schema wants, by
 * tests/integration/test_formats_are_read.py. */
#include "outputs/format.h"

#include "base/clock.h"
#include "config/config.h"
#include "tests/fuzz/format_inverse.h"
#include "tests/unit/format_events.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const char *const mapped[] = { "ocsf", "ecs", "cef", "leef", "gelf", "msgpack" };
static struct buf out;

static struct journal_record record_of(enum event_kind kind, const char *json)
{
	return (struct journal_record){ .seq = 42,
					.time_wall_ns = 1767323045123456789ull,
					.kind = kind,
					.json = str_of(json),
					.boot_id = STR(EVENT_BOOT) };
}

/* 0, and the text in `out`, terminated; or what the format said. */
static int write_with(struct formatter *formatter, enum event_kind kind, const char *json)
{
	const struct journal_record record = record_of(kind, json);
	int err;

	buf_reset(&out);
	err = formatter_write(formatter, &record, &out);
	buf_putc(&out, '\0');
	assert_true(buf_ok(&out));
	out.len--;
	return err;
}

static int write_as(const char *name, enum event_kind kind, const char *json)
{
	struct formatter *formatter;
	int err;

	assert_int_equal(formatter_open(format_by_name(name), &formatter), 0);
	err = write_with(formatter, kind, json);
	formatter_close(&formatter);
	return err;
}

static struct inverse read_as(const char *name, const char *event)
{
	struct inverse inverse;

	for (size_t i = 0; i < ARRAY_SIZE(format_events); i++) {
		if (strcmp(format_events[i].name, event) != 0)
			continue;
		assert_int_equal(write_as(name, format_events[i].kind, format_events[i].json), 0);
		if (!inverse_of(name, buf_str(&out), &inverse))
			fail_msg("%s of %s can't be read: %s", name, event, out.p);
		return inverse;
	}
	fail_msg("no event %s", event);
	return (struct inverse){ 0 };
}

/* expected NULL: there is no such field. */
static void expect(const char *name, const char *event, const char *key, const char *expected)
{
	struct inverse inverse = read_as(name, event);
	struct str value = inverse_get(&inverse, key);

	if (!expected && value.p)
		fail_msg("%s of %s has %s: %s", name, event, key, value.p);
	if (expected && (!value.p || strcmp(value.p, expected) != 0))
		fail_msg("%s of %s: %s is %s, not %s", name, event, key,
			 value.p ? value.p : "not there", expected);
	inverse_free(&inverse);
}

static void test_every_event_is_expressed_by_every_format(void **state)
{
	for (size_t f = 0; formats[f]; f++)
		for (size_t i = 0; i < ARRAY_SIZE(format_events); i++)
			if (write_as(formats[f]->name, format_events[i].kind,
				     format_events[i].json) != 0)
				fail_msg("%s of %s is refused", formats[f]->name,
					 format_events[i].name);
}

/* Whoever adds a kind of event must say what it is in each schema. */
static void test_every_kind_has_a_case(void **state)
{
	char json[128];

	for (enum event_kind kind = KIND_NONE + 1; kind < EVENT_KINDS; kind++) {
		snprintf(json, sizeof(json), "{\"%s\":{},\"node_name\":\"n\"}",
			 event_kind_name(kind));
		for (size_t f = 0; f < ARRAY_SIZE(mapped); f++)
			assert_int_equal(write_as(mapped[f], kind, json), 0);
	}
}

static void test_lines_as_they_are(void **state)
{
	const char *exec = format_events[0].json;

	assert_int_equal(write_as("cef", KIND_PROCESS_EXEC, exec), 0);
	assert_string_equal(
		out.p,
		"CEF:0|weir|weir|" WEIR_VERSION "|process_exec|Process executed|1|"
		"rt=1767323045123 dvchost=node-1 externalId=" EVENT_BOOT "-42 cat=process_exec "
		"msg=exec /usr/bin/curl -s a\\=b|c spid=1 sproc=/sbin/init suid=0 dpid=7 "
		"dproc=/usr/bin/curl duid=1000 duser=app filePath=/usr/bin/curl fname=curl "
		"start=1767323045123 outcome=success cs1Label=Arguments cs1=-s a\\=b|c "
		"cs2Label=ContainerId cs2=0123456789abcdef0123456789abcde cs3Label=ExecId "
		"cs3=aWQ6Nw\\=\\= cs4Label=WorkingDirectory cs4=/tmp cs5Label=ParentExecId "
		"cs5=aWQ6MQ\\=\\= cs6Label=Flags cs6=execve clone cn3Label=Sequence cn3=42");
	assert_int_equal(write_as("leef", KIND_PROCESS_EXEC, exec), 0);
	assert_string_equal(
		out.p,
		"LEEF:2.0|weir|weir|" WEIR_VERSION "|process_exec|x09|devTime=1767323045123\t"
		"cat=process_exec\tsev=1\tidentHostName=node-1\teventId=" EVENT_BOOT "-42\tseq=42\t"
		"usrName=app\tuid=1000\tauid=1000\tprocessPid=7\tprocessName=curl\t"
		"processPath=/usr/bin/curl\tprocessArguments=-s a=b|c\tprocessExecId=aWQ6Nw==\t"
		"processStartTime=2026-01-02T03:04:05.123456789Z\tprocessCwd=/tmp\t"
		"processFlags=execve clone\tcontainerId=0123456789abcdef0123456789abcde\t"
		"parentPid=1\tparentName=init\tparentPath=/sbin/init\tparentExecId=aWQ6MQ==\t"
		"parentStartTime=2026-01-02T03:04:04Z");
	assert_int_equal(write_as("gelf", KIND_WEIR_LOSS, format_events[12].json), 0);
	assert_string_equal(
		out.p, "{\"version\":\"1.1\",\"host\":\"node-1\",\"timestamp\":1767323045.123,"
		       "\"level\":4,\"short_message\":\"events lost: 12, cause ring_full, kind "
		       "process_exec\",\"_event\":\"weir_loss\",\"_event_id\":\"" EVENT_BOOT
		       "-42\",\"_seq\":42,\"_cause\":\"ring_full\",\"_kind\":\"process_exec\","
		       "\"_count\":12,\"_first_seq\":5,\"_last_seq\":16,\"_first_time\":"
		       "\"2026-01-02T03:04:05Z\",\"_last_time\":\"2026-01-02T03:04:06Z\"}");
	assert_int_equal(write_as("ecs", KIND_WEIR_START, format_events[13].json), 0);
	assert_string_equal(
		out.p,
		"{\"@timestamp\":\"2026-01-02T03:04:05.123456789Z\",\"ecs\":{\"version\":\"8.11.0\"},"
		"\"event\":{\"kind\":\"event\",\"category\":[\"host\"],\"type\":[\"info\"],"
		"\"action\":\"weir_start\",\"module\":\"weir\",\"dataset\":\"weir.events\","
		"\"id\":\"" EVENT_BOOT "-42\",\"sequence\":42},\"message\":\"weir started\","
		"\"host\":{\"name\":\"node-1\",\"hostname\":\"node-1\",\"os\":{\"type\":\"linux\"},"
		"\"boot\":{\"id\":\"" EVENT_BOOT
		"\"}},\"agent\":{\"type\":\"weir\",\"version\":\"" WEIR_VERSION
		"\"},\"weir\":{\"config_digest\":\"abc\"}}");
}

static void test_ocsf_classes_and_activities(void **state)
{
	static const struct {
		const char *event, *class, *activity, *type, *status;
	} expected[] = {
		{ "exec", "i:1007", "i:1", "i:100701", "i:1" },
		{ "exit", "i:1007", "i:2", "i:100702", "i:1" },
		{ "killed", "i:1007", "i:2", "i:100702", "i:1" },
		{ "connect", "i:4001", "i:1", "i:400101", "i:1" },
		{ "refused", "i:4001", "i:5", "i:400105", "i:2" },
		{ "failed", "i:4001", "i:4", "i:400104", "i:2" },
		{ "accept", "i:4001", "i:1", "i:400101", "i:1" },
		{ "listen", "i:4001", "i:7", "i:400107", "i:1" },
		{ "close", "i:4001", "i:2", "i:400102", "i:1" },
		{ "close of a server", "i:4001", "i:3", "i:400103", "i:2" },
		{ "close of a listener", "i:4001", "i:2", "i:400102", "i:1" },
		{ "loss", "i:6008", "i:1", "i:600801", "i:2" },
		{ "start", "i:6002", "i:3", "i:600203", "i:1" },
		{ "stop", "i:6002", "i:4", "i:600204", "i:1" },
		{ "config", "i:6002", "i:8", "i:600208", "i:1" },
		{ "config refused", "i:6002", "i:8", "i:600208", "i:2" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		expect("ocsf", expected[i].event, "class_uid", expected[i].class);
		expect("ocsf", expected[i].event, "activity_id", expected[i].activity);
		expect("ocsf", expected[i].event, "type_uid", expected[i].type);
		expect("ocsf", expected[i].event, "status_id", expected[i].status);
		expect("ocsf", expected[i].event, "time", "i:1767323045123");
		expect("ocsf", expected[i].event, "metadata.uid", "s:" EVENT_BOOT "-42");
	}
	expect("ocsf", "exec", "process.cmd_line", "s:/usr/bin/curl -s a=b|c");
	expect("ocsf", "exec", "process.created_time", "i:1767323045123");
	expect("ocsf", "exec", "process.parent_process.name", "s:init");
	expect("ocsf", "exec", "actor.process.pid", "i:1");
	expect("ocsf", "exit", "actor.process.pid", "i:7");
	expect("ocsf", "exit", "exit_code", "i:0");
	expect("ocsf", "exit status", "exit_code", "i:3");
	expect("ocsf", "killed", "exit_code", NULL);
	expect("ocsf", "killed", "status_detail", "s:SIGKILL");
	expect("ocsf", "stop", "unmapped.accounting[].lost.ring_full", "s:1");
}

/* The source is who opened the connection. */
static void test_sides_of_a_connection(void **state)
{
	expect("ocsf", "connect", "src_endpoint.ip", "s:10.0.0.5");
	expect("ocsf", "accept", "src_endpoint.ip", "s:2001:db8::2");
	expect("ocsf", "accept", "dst_endpoint.port", "i:22");
	expect("ocsf", "accept", "connection_info.direction_id", "i:1");
	expect("ocsf", "close of a server", "traffic.bytes_out", "i:20");
	expect("ocsf", "close", "traffic.bytes_out", "i:10");
	expect("ocsf", "listen", "src_endpoint.ip", NULL);
	expect("ocsf", "listen", "dst_endpoint.port", "i:80");
	expect("ecs", "close of a server", "source.bytes", "i:20");
	expect("ecs", "accept", "network.direction", "s:ingress");
	expect("ecs", "connect", "network.direction", "s:egress");
	expect("ecs", "listen", "network.direction", NULL);
	expect("cef", "connect", "src", "s:10.0.0.5");
	expect("cef", "connect", "c6a2", NULL);
	expect("cef", "connect", "c6a2Label", NULL);
	expect("cef", "accept", "c6a2", "s:2001:db8::2");
	expect("cef", "accept", "c6a2Label", "s:Source IPv6 Address");
	expect("cef", "accept", "src", NULL);
	expect("cef", "accept", "dpid", "s:7");
	expect("cef", "connect", "spid", "s:7");
	expect("leef", "close of a server", "srcBytes", "s:20");
}

static void test_what_is_not_there_is_left_out(void **state)
{
	expect("ecs", "unknown", "process.pid", "i:9");
	expect("ecs", "unknown", "process.parent.pid", NULL);
	expect("ecs", "unknown", "user.id", NULL);
	expect("ecs", "unknown", "process.args[]", NULL);
	expect("ocsf", "unknown", "process.file.type_id", NULL);
	expect("ocsf", "unknown", "message", "s:exit");
	expect("cef", "unknown", "cs1Label", NULL);
	expect("ecs", "exec", "process.args[]", "s:/usr/bin/curl");
	expect("ecs", "exec", "process.user.id", "s:1000");
}

static void expect_arguments(const char *event, const char *expected)
{
	struct inverse inverse;
	char joined[256] = "";

	assert_int_equal(write_as("ecs", KIND_PROCESS_EXEC, event), 0);
	assert_true(inverse_json(buf_str(&out), &inverse));
	for (size_t i = 0; i < inverse.n; i++)
		if (strcmp(inverse.v[i].key, "process.args[]") == 0) {
			strncat(joined, inverse.v[i].value.p + 2, 64);
			strncat(joined, "/", 2);
		}
	assert_string_equal(joined, expected);
	inverse_free(&inverse);
}

static void test_arguments_are_taken_apart(void **state)
{
	expect_arguments("{\"process_exec\":{\"process\":{\"binary\":\"sh\",\"arguments\":"
			 "\"-c \\\"a b\\\" \\\"\\\" x\\\"y z\"}}}",
			 "sh/-c/a b//x\"y/z/");
	expect_arguments("{\"process_exec\":{\"process\":{\"binary\":\"sh\",\"arguments\":"
			 "\"x \\\"open\"}}}",
			 "sh/x/open/");
	expect_arguments("{\"process_exec\":{\"process\":{\"binary\":\"/bin/sh\",\"arguments\":"
			 "\"a b\"}},\"weir\":{\"argv\":[\"-sh\",\"a b\"]}}",
			 "-sh/a b/");
	expect_arguments("{\"process_exec\":{\"process\":{\"binary\":\"sh\"}}}", "sh/");
}

static void test_hostile_text_stays_in_its_field(void **state)
{
	static const char event[] =
		"{\"process_exec\":{\"process\":{\"pid\":7,\"cwd\":\"/x\\n\\r\\t\\u0000 src=6.6.6.6"
		"\\tusrName=root|\\\\=\\u0085\xe2\x80\xa8\xc3\xa9\\ud83d\\udc27\"}}}";
	struct inverse inverse;

	assert_int_equal(write_as("cef", KIND_PROCESS_EXEC, event), 0);
	assert_non_null(strstr(out.p, "cs4=/x\\n\\r\\\\u0009\\\\u0000 src\\=6.6.6.6\\\\u0009"
				      "usrName\\=root|\\\\\\=\\\\u0085\\\\u2028\xc3\xa9"
				      "\xf0\x9f\x90\xa7"));
	assert_true(inverse_cef(buf_str(&out), &inverse));
	assert_null(inverse_get(&inverse, "src").p);
	inverse_free(&inverse);
	assert_int_equal(write_as("leef", KIND_PROCESS_EXEC, event), 0);
	assert_non_null(strstr(out.p, "\tprocessCwd=/x\\n\\r\\t\\u0000 src=6.6.6.6\\tusrName=root|"
				      "\\\\=\\u0085\\u2028\xc3\xa9\xf0\x9f\x90\xa7"));
	assert_true(inverse_leef(buf_str(&out), &inverse));
	assert_null(inverse_get(&inverse, "usrName").p);
	inverse_free(&inverse);
}

static void assert_refused_by(size_t formats_count, const char *json)
{
	for (size_t f = 0; f < formats_count; f++)
		if (write_as(mapped[f], KIND_PROCESS_EXEC, json) != -EINVAL)
			fail_msg("%s takes %s", mapped[f], json);
}

static void test_records_that_are_not_weir_s_are_refused(void **state)
{
	static const char *const not_json[] = {
		"",
		"[]",
		"{\"process_exec\":{\"process\":{\"pid\":1}}",
		"{\"process_exec\":{\"process\":{\"pid\":1}}} ",
		"{\"process_exec\": {}}",
		"{\"process_exec\":{\"process\":{\"cwd\":\"a\nb\"}}}",
		"{\"process_exec\":{\"process\":{\"cwd\":\"a\x7f\"}}}",
		"{\"process_exec\":{\"process\":{\"cwd\":\"a\xff\"}}}",
		"{\"process_exec\":{\"process\":{\"cwd\":\"a\\x\"}}}",
		"{\"process_exec\":{\"process\":{\"cwd\":\"\\ud800\"}}}",
		"{\"process_exec\":{\"process\":{\"cwd\":\"\\ud800\\u0041\"}}}",
		"{\"process_exec\":{\"process\":{\"cwd\":\"\\udc00\"}}}",
		"{\"process_exec\":{\"process\":{\"cwd\":\"\\u00g0\"}}}",
		"{\"process_exec\":{\"process\":{\"pid\":007}}}",
		"{\"process_exec\":{\"process\":{\"pid\":1e}}}",
		"{\"process_exec\":{\"process\":{\"pid\":-}}}",
		"{\"process_exec\":{\"process\":{\"pid\":tru}}}",
		"{\"process_exec\":{\"process\":{\"pid\":1,}}}",
		"{\"process_exec\":{\"x\":[1,]}}",
		"{\"process_exec\":{\"x\":[1}}",
		"{\"process_exec\":{1:2}}",
	};
	static const char *const not_that_event[] = {
		"{}",
		"{\"process_exec\":1}",
		"{\"process_exit\":{}}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(not_json); i++)
		assert_refused_by(ARRAY_SIZE(mapped), not_json[i]);
	for (size_t i = 0; i < ARRAY_SIZE(not_that_event); i++)
		assert_refused_by(5, not_that_event[i]);
	/* JSON, but not as the encoder has it. */
	for (size_t f = 0; f < 5; f++) {
		assert_int_equal(write_as(mapped[f], KIND_PROCESS_EXEC,
					  "{\"process_exec\":{\"process\":{\"pid\":[1]}}}"),
				 -EINVAL);
		assert_int_equal(write_as(mapped[f], KIND_WEIR_LOSS,
					  "{\"weir_loss\":{\"count\":\"1,\\\"a\\\":2\"}}"),
				 -EINVAL);
	}
}

static void test_deep_nesting_is_refused(void **state)
{
	struct buf deep = buf_growable(4096);

	buf_lit(&deep, "{\"process_exec\":{\"x\":");
	for (int i = 0; i < 100; i++)
		buf_putc(&deep, '[');
	for (int i = 0; i < 100; i++)
		buf_putc(&deep, ']');
	buf_lit(&deep, "}}");
	buf_putc(&deep, '\0');
	for (size_t f = 0; f < ARRAY_SIZE(mapped); f++)
		assert_int_equal(write_as(mapped[f], KIND_PROCESS_EXEC, deep.p), -EINVAL);
	buf_free(&deep);
}

/* ---- MessagePack ---- */

static void assert_bytes(const char *json, const char *bytes, size_t n)
{
	assert_int_equal(write_as("msgpack", KIND_PROCESS_EXEC, json), 0);
	assert_int_equal(out.len, n);
	assert_memory_equal(out.p, bytes, n);
}
#define ASSERT_BYTES(json, bytes) assert_bytes(json, bytes, sizeof(bytes) - 1)

static void test_msgpack_bytes(void **state)
{
	ASSERT_BYTES("{}", "\xde\0\0");
	ASSERT_BYTES("{\"a\":\"b\"}", "\xde\0\1\xa1"
				      "a\xa1"
				      "b");
	ASSERT_BYTES("{\"a\":[0,127,128,255,256,65535,65536,4294967295,4294967296]}",
		     "\xde\0\1\xa1"
		     "a\xdc\0\x09\0\x7f\xcc\x80\xcc\xff\xcd\1\0\xcd\xff\xff\xce\0\1\0\0"
		     "\xce\xff\xff\xff\xff\xcf\0\0\0\1\0\0\0\0");
	ASSERT_BYTES("{\"a\":[-1,-32,-33,-128,-129,-32768,-32769,-2147483648,-2147483649,-0]}",
		     "\xde\0\1\xa1"
		     "a\xdc\0\x0a\xff\xe0\xd0\xdf\xd0\x80\xd1\xff\x7f\xd1\x80\0\xd2\xff\xff\x7f\xff"
		     "\xd2\x80\0\0\0\xd3\xff\xff\xff\xff\x7f\xff\xff\xff\0");
	ASSERT_BYTES("{\"a\":[18446744073709551615,-9223372036854775808,1.5,true,false,null]}",
		     "\xde\0\1\xa1"
		     "a\xdc\0\x06\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xd3\x80\0\0\0\0\0\0\0"
		     "\xcb\x3f\xf8\0\0\0\0\0\0\xc3\xc2\xc0");
	ASSERT_BYTES("{\"a\":\"\\u00e9\\n\"}", "\xde\0\1\xa1"
					       "a\xda\0\3\xc3\xa9\n");
}

static void test_msgpack_of_large_values(void **state)
{
	struct buf json = buf_growable(1 << 20);
	struct inverse expected, fields;

	buf_lit(&json, "{\"process_exec\":{\"x\":[0");
	for (int i = 0; i < 70000; i++)
		buf_lit(&json, ",1");
	buf_lit(&json, "],\"plain\":\"");
	for (int i = 0; i < 70000; i++)
		buf_lit(&json, "p");
	buf_lit(&json, "\",\"escaped\":\"\\n");
	for (int i = 0; i < 70000; i++)
		buf_lit(&json, "e");
	buf_lit(&json, "\"}}");
	buf_putc(&json, '\0');
	assert_true(buf_ok(&json));
	assert_int_equal(write_as("msgpack", KIND_PROCESS_EXEC, json.p), 0);
	assert_true(inverse_msgpack(buf_str(&out), &fields));
	assert_true(inverse_json(str_of(json.p), &expected));
	assert_int_equal(fields.n, expected.n);
	for (size_t i = 0; i < fields.n; i++)
		assert_true(str_equal(fields.v[i].value, expected.v[i].value));
	inverse_free(&fields);
	inverse_free(&expected);
	buf_free(&json);
}

/* ---- a user's changes ---- */

static int read_format(const char *yaml, struct formatter **formatter_r, struct errmsg *em)
{
	struct config_document *doc;
	int err;

	assert_int_equal(config_parse(str_of(yaml), "test.yaml", &doc, em), 0);
	err = formatter_read(config_root(doc), format_by_name("json"), formatter_r, em);
	config_document_free(&doc);
	return err;
}

/* The first event of the list through the format, in `out`. */
static void change(const char *yaml)
{
	struct formatter *formatter;
	struct errmsg em = { "" };

	if (read_format(yaml, &formatter, &em) != 0)
		fail_msg("%s: %s", yaml, em.text);
	assert_int_equal(write_with(formatter, format_events[0].kind, format_events[0].json), 0);
	formatter_close(&formatter);
}

static void test_fields_of_a_schema_are_changed(void **state)
{
	struct inverse fields;

	change("{name: ecs, rename: {process.args: cmd, process.user: process.owner, user.name: "
	       "who}, drop: [process.parent, host.boot], add: {labels.site: 'fra\"1', "
	       "event.vendor: '${NOWHERE:-x}'}}");
	assert_true(inverse_json(buf_str(&out), &fields));
	assert_string_equal(inverse_get(&fields, "cmd[]").p, "s:/usr/bin/curl");
	assert_null(inverse_get(&fields, "process.args[]").p);
	assert_string_equal(inverse_get(&fields, "process.owner.name").p, "s:app");
	assert_string_equal(inverse_get(&fields, "who").p, "s:app");
	assert_string_equal(inverse_get(&fields, "user.id").p, "s:1000");
	assert_null(inverse_get(&fields, "process.parent.pid").p);
	assert_null(inverse_get(&fields, "host.boot.id").p);
	assert_string_equal(inverse_get(&fields, "labels.site").p, "s:fra\"1");
	assert_string_equal(inverse_get(&fields, "event.vendor").p, "s:x");
	inverse_free(&fields);

	change("{name: cef, rename: {cs1: args}, drop: [cs1Label, cs2, cs2Label], add: {site: "
	       "'a=b\n'}}");
	assert_true(inverse_cef(buf_str(&out), &fields));
	assert_string_equal(inverse_get(&fields, "args").p, "s:-s a=b|c");
	assert_null(inverse_get(&fields, "cs2").p);
	assert_string_equal(inverse_get(&fields, "site").p, "s:a=b ");
	inverse_free(&fields);
}

static void test_members_of_the_event_are_changed(void **state)
{
	struct inverse fields;

	change("{rename: {node_name: host, '*.process.binary': '*.process.exe'}, drop: "
	       "['*.parent.cwd', process_exec.process.user, weir.boot_id, process_exec.ancestors], "
	       "add: {labels.site: fra1, labels.rack: r2}}");
	assert_true(inverse_json(buf_str(&out), &fields));
	assert_string_equal(inverse_get(&fields, "host").p, "s:node-1");
	assert_null(inverse_get(&fields, "node_name").p);
	assert_string_equal(inverse_get(&fields, "process_exec.process.exe").p, "s:/usr/bin/curl");
	assert_string_equal(inverse_get(&fields, "process_exec.parent.binary").p, "s:/sbin/init");
	assert_null(inverse_get(&fields, "process_exec.parent.cwd").p);
	assert_string_equal(inverse_get(&fields, "process_exec.process.cwd").p, "s:/tmp");
	assert_null(inverse_get(&fields, "process_exec.process.user.name").p);
	assert_string_equal(inverse_get(&fields, "weir.seq").p, "s:42");
	assert_null(inverse_get(&fields, "weir.boot_id").p);
	assert_string_equal(inverse_get(&fields, "labels.site").p, "s:fra1");
	assert_string_equal(inverse_get(&fields, "labels.rack").p, "s:r2");
	inverse_free(&fields);

	change("{name: msgpack, drop: [process_exec], rename: {weir.seq: weir.number}}");
	assert_true(inverse_msgpack(buf_str(&out), &fields));
	assert_string_equal(inverse_get(&fields, "weir.number").p, "s:42");
	assert_null(inverse_get(&fields, "process_exec.process.pid").p);
	inverse_free(&fields);

	change("{drop: ['*', weir, node_name, time], add: {a: b}}");
	assert_string_equal(out.p, "{\"a\":\"b\"}");
}

static void test_list_elements_have_the_list_s_path(void **state)
{
	struct formatter *formatter;
	struct errmsg em = { "" };

	assert_int_equal(read_format("{drop: ['*.ancestors.cwd', "
				     "'*.process.environment_variables.Value']}",
				     &formatter, &em),
			 0);
	assert_int_equal(write_with(formatter, KIND_PROCESS_EXEC,
				    "{\"process_exec\":{\"process\":{\"environment_variables\":["
				    "{\"Key\":\"A\",\"Value\":\"1\"},{\"Value\":\"2\"}]},"
				    "\"ancestors\":[{\"pid\":1,\"cwd\":\"/\"},[{\"cwd\":1}],2]}}"),
			 0);
	assert_string_equal(out.p, "{\"process_exec\":{\"process\":{\"environment_variables\":["
				   "{\"Key\":\"A\"},{}]},\"ancestors\":[{\"pid\":1},[{}],2]}}");
	assert_int_equal(write_with(formatter, KIND_PROCESS_EXEC, "{\"a\":1}x"), -EINVAL);
	assert_int_equal(write_with(formatter, KIND_PROCESS_EXEC, "{\"a\":\"\n\"}"), -EINVAL);
	formatter_close(&formatter);
}

static void assert_refused(const char *yaml, const char *place, const char *words)
{
	struct formatter *formatter;
	struct errmsg em = { "" };

	assert_int_equal(read_format(yaml, &formatter, &em), -EINVAL);
	if (strncmp(em.text, place, strlen(place)) != 0 || !strstr(em.text, words))
		fail_msg("%s: \"%s\" does not say \"%s\" at %s", yaml, em.text, words, place);
}

static void test_mistakes_are_named_with_their_place(void **state)
{
	assert_refused("xml", "test.yaml:1:1: ", "unknown format \"xml\"");
	assert_refused("{name: esc}", "test.yaml:1:8: ", "did you mean \"ecs\"");
	assert_refused("{name: ecs, dorp: []}", "test.yaml:1:13: ", "did you mean drop");
	assert_refused("{name: ecs,\n drop: [process.parnet]}",
		       "test.yaml:2:9: ", "ecs has no field \"process.parnet\"");
	assert_refused("{name: ecs, drop: [process.arg]}",
		       "test.yaml:1:20: ", "did you mean \"process.args\"");
	assert_refused("{name: ecs, drop: process}", "test.yaml:1:19: ", "list of fields");
	assert_refused("{name: ecs, rename: {process.args: process.pid}}",
		       "test.yaml:1:36: ", "has a field \"process.pid\" already");
	assert_refused("{name: ecs, rename: {process.args: process.pid.x}}",
		       "test.yaml:1:36: ", "already");
	assert_refused("{name: ecs, rename: {process.args: 'a b'}}",
		       "test.yaml:1:36: ", "can't name a field");
	assert_refused("{name: ecs, rename: {process.args: a..b}}",
		       "test.yaml:1:36: ", "names no field");
	assert_refused("{name: ecs, rename: [a]}", "test.yaml:1:21: ", "is a mapping");
	assert_refused("{name: ecs, rename: {process.args: [a]}}", "test.yaml:1:36: ", "a text");
	assert_refused("{name: ecs, add: {event.kind: x}}", "test.yaml:1:19: ", "already");
	assert_refused("{name: gelf, add: {site: x}}", "test.yaml:1:20: ", "underscore");
	assert_refused("{name: gelf, add: {_id: x}}", "test.yaml:1:20: ", "not _id");
	assert_refused("{name: cef, add: {a.b: x}}", "test.yaml:1:19: ", "letters, digits");
	assert_refused("{name: compact, add: {a: x}}", "test.yaml:1:1: ", "no rename, drop or add");
	assert_refused("{drop: [process.pid]}", "test.yaml:1:9: ", "*.process.binary");
	assert_refused("{drop: [process_exec.procces]}", "test.yaml:1:9: ", "no event has");
	assert_refused("{drop: ['*.process.pid.x']}", "test.yaml:1:9: ", "no event has");
	assert_refused("{rename: {'*.process.pid': pid}}",
		       "test.yaml:1:28: ", "\"*.process.pid\" would be right");
	assert_refused("{rename: {node_name: time}}", "test.yaml:1:22: ", "already");
	assert_refused("{add: {weir.site: x}}", "test.yaml:1:8: ", "name of your own");
	assert_refused("{add: {process_exec: x}}", "test.yaml:1:8: ", "name of your own");
	assert_refused("{add: {a: x, a.b: y}}", "test.yaml:1:14: ", "added twice");
}

static void test_only_an_unchanged_json_is_canonical(void **state)
{
	static const struct {
		const char *yaml;
		bool is_canonical;
	} cases[] = { { "json", true },		  { "{name: json}", true }, { "auto", true },
		      { "{add: {a: b}}", false }, { "ecs", false },	    { "msgpack", false } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct formatter *formatter;
		struct errmsg em = { "" };

		assert_int_equal(read_format(cases[i].yaml, &formatter, &em), 0);
		assert_int_equal(formatter_is_canonical(formatter), cases[i].is_canonical);
		formatter_close(&formatter);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_event_is_expressed_by_every_format),
		cmocka_unit_test(test_every_kind_has_a_case),
		cmocka_unit_test(test_lines_as_they_are),
		cmocka_unit_test(test_ocsf_classes_and_activities),
		cmocka_unit_test(test_sides_of_a_connection),
		cmocka_unit_test(test_what_is_not_there_is_left_out),
		cmocka_unit_test(test_arguments_are_taken_apart),
		cmocka_unit_test(test_hostile_text_stays_in_its_field),
		cmocka_unit_test(test_records_that_are_not_weir_s_are_refused),
		cmocka_unit_test(test_deep_nesting_is_refused),
		cmocka_unit_test(test_msgpack_bytes),
		cmocka_unit_test(test_msgpack_of_large_values),
		cmocka_unit_test(test_fields_of_a_schema_are_changed),
		cmocka_unit_test(test_members_of_the_event_are_changed),
		cmocka_unit_test(test_list_elements_have_the_list_s_path),
		cmocka_unit_test(test_mistakes_are_named_with_their_place),
		cmocka_unit_test(test_only_an_unchanged_json_is_canonical),
	};
	int failed;

	out = buf_growable(1 << 22);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_free(&out);
	return failed;
}
