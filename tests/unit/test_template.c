/* One template engine for all outputs: which fields a text may name, what becomes of their values
 * under each kind of rules, and the words in which a wrong one is refused. */
#include "base/clock.h"
#include "config/config.h"
#include "outputs/fluentd_settings.h"
#include "outputs/http_templates.h"
#include "outputs/kafka_settings.h"
#include "pipeline/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define BOOT "11111111-2222-3333-4444-555555555555"

static const char event_text[] =
	"{\"process_exec\":{\"process\":{\"exec_id\":\"bm9kZQ==\",\"pid\":42,\"binary\":\"/bin/A.b\","
	"\"arguments\":\"},\\\"node_name\\\":\\\"forged\\\"\",\"in_init_tree\":true,"
	"\"cwd\":\"\"}},\"node_name\":\"Host-1.example\",\"time\":\"2026-01-01T00:00:00Z\"}";

static const struct template_rules *const all_rules[] = {
	&kafka_topic_rules, &kafka_key_rules,  &fluentd_tag_rules, &http_url_rules,
	&http_header_rules, &http_index_rules, &http_label_rules,
};

static struct errmsg em;

static struct batch *make_batch(const char *json)
{
	struct batch *batch = batch_create(4, 65536);
	struct formatter *formatter;
	const struct journal_record record = {
		.seq = 7,
		.kind = KIND_PROCESS_EXEC,
		.time_wall_ns = 1700000000 * NSEC_PER_SEC,
		.json = str_of(json),
		.boot_id = STR(BOOT),
	};

	assert_int_equal(formatter_open(format_by_name("json"), &formatter), 0);
	assert_int_equal(batch_add(batch, &record, formatter), 0);
	formatter_close(&formatter);
	return batch;
}

/* NULL: a field was missing. */
static const char *write_from(const char *text, const struct template_rules *rules,
			      const struct template_source *source)
{
	static char bytes[8192];
	struct buf out = buf_fixed(bytes, sizeof(bytes) - 1);
	struct template *template;
	bool is_whole;

	if (template_compile(text, rules, &template, &em) != 0)
		fail_msg("%s", em.text);
	is_whole = template_write(template, source, &out);
	template_free(&template);
	assert_null(template);
	assert_true(buf_ok(&out));
	bytes[out.len] = '\0';
	return is_whole ? bytes : NULL;
}

static const char *made_of(const char *json, const char *text, const struct template_rules *rules)
{
	struct template_source source = { .batch = make_batch(json), .output = STR("out") };
	const char *made = write_from(text, rules, &source);

	batch_unref(&source.batch);
	return made;
}

static const char *made(const char *text, const struct template_rules *rules)
{
	return made_of(event_text, text, rules);
}

static void assert_refused(const char *text, const struct template_rules *rules, const char *words)
{
	struct template *template;

	assert_int_equal(template_compile(text, rules, &template, &em), -EINVAL);
	assert_null(template);
	if (!strstr(em.text, words) || !str_starts_with(str_of(em.text), str_of(rules->what)))
		fail_msg("%s: %s", text, em.text);
}

static void test_fields_have_the_same_names_everywhere(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all_rules); i++) {
		const struct template_rules *rules = all_rules[i];

		assert_string_equal(made("{output}", rules), "out");
		assert_string_equal(made("{boot}", rules), BOOT);
		assert_string_equal(made("x-{output}_{output}.y", rules), "x-out_out.y");
		assert_int_equal(rules->fields & TEMPLATE_OF_BATCH, TEMPLATE_OF_BATCH);
	}
	assert_string_equal(made("{node}", &kafka_key_rules), "Host-1.example");
	assert_string_equal(made("{date}", &kafka_topic_rules), "2023.11.14");
	assert_string_equal(made("{date}", &http_index_rules), "2023.11.14");
	assert_string_equal(made("{kind}", &http_index_rules), "process_exec");
	assert_string_equal(made("{kind}", &fluentd_tag_rules), "process_exec");
	assert_string_equal(made("{process.pid}/{process.in_init_tree}", &kafka_key_rules),
			    "42/true");
}

static void test_the_node_is_the_events_and_not_what_an_event_says(void **state)
{
	const struct template_source told = { .node = STR("told") };

	assert_string_equal(made("{node}", &fluentd_tag_rules), "Host-1_example");
	assert_string_equal(write_from("{node}", &fluentd_tag_rules, &told), "told");
	assert_string_equal(made_of("{\"process_exec\":{},\"node_name\":\"a\\\"b\\\\c\"}", "{node}",
				    &kafka_key_rules),
			    "a\"b\\c");
	assert_string_equal(
		made_of("{\"process_exec\":{},\"node_name\":\"a\\", "{node}", &kafka_key_rules),
		"");
}

static void test_values_stay_in_their_place(void **state)
{
	const struct template_source source = { .node = STR("N/1\"\r\n"), .output = STR("o.p") };

	assert_string_equal(write_from("/{node}?{{x}}", &http_url_rules, &source),
			    "/N%2F1%22%0D%0A?{x}");
	assert_string_equal(write_from("X: {node}", &http_header_rules, &source), "X: N/1\"??");
	assert_string_equal(write_from("\"{node}{output}", &http_label_rules, &source),
			    "\\\"N/1\\\"\\r\\no.p");
	assert_string_equal(write_from("i-{node}", &http_index_rules, &source), "i-n_1___");
	assert_string_equal(write_from("t.{node}.{output}", &fluentd_tag_rules, &source),
			    "t.N_1___.o_p");
	assert_string_equal(write_from("t.{node}.{output}", &kafka_topic_rules, &source),
			    "t.N_1___.o.p");
	assert_string_equal(made("{process.arguments}", &kafka_key_rules),
			    "},\"node_name\":\"forged\"");
	assert_string_equal(made("w-{process.binary}", &kafka_topic_rules), "w-_bin_A.b");
	assert_string_equal(made("{process.binary}", &fluentd_tag_rules), "_bin_A_b");
}

static void test_values_are_cut(void **state)
{
	char json[4096];

	snprintf(json, sizeof(json), "{\"process_exec\":{\"process\":{\"binary\":\"%03000d\"}}}",
		 0);
	assert_int_equal(strlen(made_of(json, "{process.binary}", &kafka_key_rules)), 1024);
	assert_int_equal(strlen(made_of(json, "t.{process.binary}", &fluentd_tag_rules)), 2 + 128);
	memset(strstr(json, "000"), '\\', 3000); /* 512 escapes of a backslash are read */
	assert_int_equal(strlen(made_of(json, "{process.binary}", &kafka_key_rules)), 512);
}

static void test_what_is_missing(void **state)
{
	static const char *const missing[] = { "{process.absent}", "{process.cwd}", "{process}",
					       "{process.pid.x}" };
	const struct template_source none = { .output = STR("o") };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(missing); i++) {
		assert_null(made(missing[i], &kafka_topic_rules));
		assert_string_equal(made(missing[i], &kafka_key_rules), "");
		assert_string_equal(made(missing[i], &fluentd_tag_rules), "none");
	}
	assert_null(made_of("{\"process_exec\":", "{process.pid}", &kafka_topic_rules));
	assert_string_equal(write_from("/{boot}{date}{node}", &http_url_rules, &none), "/");
}

static void test_braces(void **state)
{
	assert_string_equal(made("a{{{process.pid}}}", &kafka_key_rules), "a{42}");
	assert_string_equal(made("{{kind}}", &kafka_key_rules), "{kind}");
	assert_string_equal(made("", &kafka_key_rules), "");
	assert_refused("{kind", &kafka_key_rules, "brace without its other half");
	assert_refused("kind}", &http_url_rules, "brace without its other half");
	assert_refused("{{kind}}", &fluentd_tag_rules, "'{' can't be in it");
}

static void test_a_wrong_one_is_told_what_was_meant(void **state)
{
	assert_refused("{nod}", &http_url_rules, "did you mean 'node'?");
	assert_refused("{kinds}", &kafka_topic_rules, "did you mean 'kind'?");
	assert_refused("{proces.pid}", &fluentd_tag_rules, "did you mean 'process'?");
	assert_refused("{pod.namespace}", &kafka_key_rules, "{process.exec_id}");
	assert_refused("{}", &http_label_rules, "{node}, {output}, {boot}, {date}");
	assert_refused("{a..b}", &kafka_key_rules, "{a..b} is no field");
	assert_refused("{process.}", &kafka_key_rules, "{process.} is no field");
	assert_refused("{kind}", &http_url_rules, "stands for more than one event");
	assert_refused("{process.pid}", &http_header_rules, "stands for more than one event");
	assert_refused("{process.pid}", &http_index_rules, "can't be in it");
	assert_refused("a b", &kafka_topic_rules, "' ' can't be in it");
}

static void test_the_check_says_where(void **state)
{
	struct config_document *doc;
	const struct config_node *node;

	assert_int_equal(config_parse(STR("a: 1\nkey: \"{nod}\"\n"), "c.yaml", &doc, &em), 0);
	node = config_node_get(config_root(doc), "key");
	assert_int_equal(template_check(node, "{nod}", &kafka_key_rules, &em), -EINVAL);
	assert_string_equal(em.text, "c.yaml:2:6: key: {nod} is no field; did you mean 'node'?");
	assert_int_equal(template_check(node, "{node}", &kafka_key_rules, &em), 0);
	config_document_free(&doc);
}

static void assert_fields(const char *text, unsigned int fields, const char *prefix)
{
	struct template *template;

	assert_int_equal(template_compile(text, &kafka_key_rules, &template, &em), 0);
	assert_int_equal(template_fields(template), fields);
	assert_string_equal(template_prefix(template).p, prefix);
	assert_int_equal(template_prefix(template).n, strlen(prefix));
	template_free(&template);
}

static void test_what_a_template_depends_on(void **state)
{
	assert_fields("", 0, "");
	assert_fields("a{{date}}b", 0, "a{date}b");
	assert_fields("w-{node}x", TEMPLATE_BIT(TEMPLATE_NODE), "w-");
	assert_fields("{kind}{process.pid}",
		      TEMPLATE_BIT(TEMPLATE_KIND) | TEMPLATE_BIT(TEMPLATE_PATH), "");
}

static void test_parts_are_bounded(void **state)
{
	char text[8 * TEMPLATE_MAX_PARTS + 8] = "";
	size_t i;

	for (i = 0; i < TEMPLATE_MAX_PARTS; i++)
		memcpy(text + 6 * i, "{boot}", 7);
	assert_int_equal(strlen(made(text, &kafka_key_rules)), 36 * TEMPLATE_MAX_PARTS);
	memcpy(text + 6 * i, "{boot}", 7);
	assert_refused(text, &kafka_key_rules, "more than 32 texts and fields");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_have_the_same_names_everywhere),
		cmocka_unit_test(test_the_node_is_the_events_and_not_what_an_event_says),
		cmocka_unit_test(test_values_stay_in_their_place),
		cmocka_unit_test(test_values_are_cut),
		cmocka_unit_test(test_what_is_missing),
		cmocka_unit_test(test_braces),
		cmocka_unit_test(test_a_wrong_one_is_told_what_was_meant),
		cmocka_unit_test(test_the_check_says_where),
		cmocka_unit_test(test_what_a_template_depends_on),
		cmocka_unit_test(test_parts_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
