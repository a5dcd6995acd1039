/* The `outputs` list: what is accepted, what is refused and with which words. */
#include "outputs/forwarder.h"
#include "outputs/output_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct config_document *doc;

static const struct config_node *parse(const char *yaml)
{
	struct errmsg em;

	config_document_free(&doc);
	if (config_parse(str_of(yaml), "test.yaml", &doc, &em) != 0)
		fail_msg("%s", em.text);
	return config_root(doc);
}

static int teardown(void **state)
{
	config_document_free(&doc);
	return 0;
}

static void assert_refused(const char *yaml, const char *words)
{
	struct errmsg em = { "" };

	assert_int_not_equal(outputs_check(parse(yaml), &em), 0);
	if (!strstr(em.text, words) || !strstr(em.text, "test.yaml:"))
		fail_msg("\"%s\" does not say \"%s\"", em.text, words);
}

static void test_no_list_is_one_stdout(void **state)
{
	struct outputs_list list;
	struct errmsg em;

	assert_int_equal(outputs_list_read(NULL, &list, &em), 0);
	assert_int_equal(list.n, 1);
	assert_string_equal(list.v[0]->name, "stdout");
	assert_int_equal(list.v[0]->start, OUTPUT_START_NOW);
	assert_int_equal(list.v[0]->batch.max_events, 1000);
	outputs_list_free(&list);
}

static void test_common_and_own_keys_stand_side_by_side(void **state)
{
	struct outputs_list list;
	struct errmsg em = { "" };
	int err = outputs_list_read(
		parse("- {name: a, type: file, path: /var/log/a.json, keep: 3, start: now,\n"
		      "   format: compact, batch: {max_events: 7, max_age: 2s},\n"
		      "   retry: {initial: 1s, max: 2s}, events: [process_exec, PROCESS_EXIT]}\n"
		      "- {name: b, type: 'null'}\n"),
		&list, &em);

	assert_string_equal(em.text, "");
	assert_int_equal(err, 0);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.v[0]->batch.max_events, 7);
	assert_int_equal(list.v[0]->batch.max_age_ns, 2000000000);
	assert_int_equal(list.v[0]->batch.max_bytes, 1 << 20);
	assert_int_equal(list.v[0]->retry.max_ns, 2000000000);
	assert_string_equal(list.v[0]->format->name, "compact");
	assert_ptr_equal(formatter_format(list.v[0]->formatter), list.v[0]->format);
	assert_true(formatter_is_canonical(list.v[1]->formatter));
	assert_true(list.v[0]->kinds == (1ull << KIND_PROCESS_EXEC | 1ull << KIND_PROCESS_EXIT));
	assert_true(list.v[1]->kinds == UINT64_MAX);
	outputs_list_free(&list);
	assert_int_equal(list.n, 0);
}

static void test_mistakes_are_named(void **state)
{
	assert_refused("name: a", "outputs is a list");
	assert_refused("- a", "mapping");
	assert_refused("- {name: a}", "needs a type");
	assert_refused("- {name: a, type: fil, path: /x}", "did you mean \"file\"");
	assert_refused("- {type: stdout}", "name");
	assert_refused("- {name: a/b, type: stdout}", "can't name an output");
	assert_refused("- {name: .hidden, type: stdout}", "can't name an output");
	assert_refused("- {name: a, type: stdout}\n- {name: a, type: stdout}", "two outputs");
	assert_refused("- {name: a, type: stdout, format: jsn}", "did you mean \"json\"");
	assert_refused("- {name: a, type: stdout, format: msgpack}", "takes lines");
	assert_refused("- {name: a, type: stdout, format: {name: ecs, drop: [x]}}",
		       "ecs has no field \"x\"");
	assert_refused("- {name: a, type: stdout, events: [process_exek]}",
		       "did you mean \"process_exec\"");
	assert_refused("- {name: a, type: stdout, batch: {max_event: 1}}", "max_events");
	assert_refused("- {name: a, type: stdout, path: /x}", "path");
	assert_refused("- {name: a, type: stdout, retry: {initial: 2s, max: 1s}}", "retry.initial");
	assert_refused("- {name: a, type: file, path: relative}", "absolute");
	assert_refused("- {name: a, type: file, path: ''}", "absolute");
	assert_refused("- {name: a, type: file, path: /x, mode: '999'}", "octal");
	assert_refused("- {name: a, type: file}", "path");
}

static void test_every_type_is_in_the_manual(void **state)
{
	struct buf out = buf_growable(1 << 20);
	size_t i;

	outputs_write_manual(&out);
	buf_putc(&out, '\0');
	assert_true(buf_ok(&out));
	for (i = 0; output_types[i]; i++)
		assert_non_null(strstr(out.p, output_types[i]->help));
	assert_non_null(strstr(out.p, "max_age"));
	assert_non_null(strstr(out.p, "lose_ack_percent"));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_no_list_is_one_stdout, teardown),
		cmocka_unit_test_teardown(test_common_and_own_keys_stand_side_by_side, teardown),
		cmocka_unit_test_teardown(test_mistakes_are_named, teardown),
		cmocka_unit_test_teardown(test_every_type_is_in_the_manual, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
