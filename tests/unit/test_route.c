/* Which events an output takes: lists of conditions on records, and the sample. */
#include "outputs/route.h"

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>

#define BOOT "11111111-2222-3333-4444-555555555555"

static const char exec_json[] =
	"{\"process_exec\":{\"process\":{\"pid\":7,\"binary\":\"/usr/bin/curl\",\"arguments\":\"-d "
	"\\\"a\\\\b\\\" http://h\",\"in_init_tree\":false,\"docker\":\"abcdef\"},\"parent\":{"
	"\"binary\":\"/bin/sh\",\"arguments\":\"-c x\"},\"policy_name\":\"egress\"}}";

static int create(const char *filter, uint64_t one_in, struct route **route_r, struct errmsg *em)
{
	struct config_document *doc = NULL;
	int err = 0;

	if (filter)
		assert_int_equal(config_parse(str_of(filter), "test.yaml", &doc, em), 0);
	err = route_create(doc ? config_root(doc) : NULL, one_in, route_r, em);
	config_document_free(&doc);
	return err;
}

static bool takes_record(const char *filter, const struct journal_record *record)
{
	struct errmsg em = { "" };
	struct route *route;
	bool takes;

	if (create(filter, 1, &route, &em) != 0)
		fail_msg("%s", em.text);
	takes = route_takes(route, record);
	assert_int_equal(route_takes(route, record), takes);
	route_free(&route);
	return takes;
}

static bool takes(const char *filter)
{
	const struct journal_record record = { .seq = 1,
					       .kind = KIND_PROCESS_EXEC,
					       .pid = 7,
					       .json = STR(exec_json),
					       .boot_id = STR(BOOT) };

	return takes_record(filter, &record);
}

static void test_each_condition_is_asked_of_the_record(void **state)
{
	static const struct {
		const char *yes, *no;
	} conditions[] = {
		{ "event_set: [PROCESS_EXEC]", "event_set: [PROCESS_EXIT]" },
		{ "binary_regex: ['/curl$']", "binary_regex: ['/wget$']" },
		{ "arguments_regex: ['http://h']", "arguments_regex: ['https']" },
		{ "parent_binary_regex: ['^/bin/sh$']", "parent_binary_regex: [curl]" },
		{ "parent_arguments_regex: ['-c']", "parent_arguments_regex: ['http']" },
		{ "pid: [7]", "pid: [8]" },
		{ "container_id: ['^abc']", "container_id: ['^bcd']" },
		{ "policy_names: [other, egress]", "policy_names: [egres]" },
		{ "in_init_tree: false", "in_init_tree: true" },
		{ "pid: [7], binary_regex: [curl]", "pid: [7], binary_regex: [wget]" },
		{ "pid: [7]", "namespace: ['']" },
	};
	char filter[256];

	for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
		snprintf(filter, sizeof(filter), "allow: [{%s}]", conditions[i].yes);
		assert_true(takes(filter));
		snprintf(filter, sizeof(filter), "deny: [{%s}]", conditions[i].yes);
		assert_false(takes(filter));
		snprintf(filter, sizeof(filter), "allow: [{%s}]", conditions[i].no);
		assert_false(takes(filter));
		snprintf(filter, sizeof(filter), "deny: [{%s}]", conditions[i].no);
		assert_true(takes(filter));
	}
}

/* A condition is about the text, not about how JSON writes it. */
static void test_texts_are_unescaped(void **state)
{
	assert_true(takes("allow: [{arguments_regex: ['-d \"a\\\\b\" http']}]"));
	assert_false(takes("allow: [{arguments_regex: ['\\\\\"']}]"));
}

static void test_deny_goes_before_allow(void **state)
{
	assert_false(takes("{allow: [{pid: [7]}], deny: [{binary_regex: [curl]}]}"));
	assert_true(takes("{allow: [{pid: [8]}, {pid: [7]}], deny: [{binary_regex: [wget]}]}"));
}

static void test_weir_s_own_events_pass(void **state)
{
	const struct journal_record loss = { .seq = 1,
					     .kind = KIND_WEIR_LOSS,
					     .json = STR("{\"weir_loss\":{}}"),
					     .boot_id = STR(BOOT) };
	struct errmsg em;
	struct route *route;

	assert_true(takes_record("allow: [{pid: [1]}]", &loss));
	assert_int_equal(create(NULL, 1000000000, &route, &em), 0);
	assert_true(route_takes(route, &loss));
	route_free(&route);
}

static void test_what_can_t_be_decided_is_taken(void **state)
{
	struct journal_record record = { .seq = 1,
					 .kind = KIND_PROCESS_EXEC,
					 .json = STR("no JSON at all"),
					 .boot_id = STR(BOOT) };

	assert_true(takes_record("allow: [{pid: [1]}]", &record));
	assert_true(takes_record("deny: [{pid: [1]}]", &record));
}

static void test_what_records_don_t_say_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *filter, *says;
	} bad[] = {
		{ "allow: [{pid_set: [1]}]", "test.yaml:1:" },
		{ "allow: [{ancestor_binary_regex: [x]}]", "use the stage filter" },
		{ "allow: [{binary_regex: ['(']}]", "binary_regex" },
		{ "allow: [{binary: [x]}]", "binary_regex" },
		{ "alow: [{pid: [1]}]", "allow" },
		{ "allow: [{pid: []}]", "no event could meet it" },
		{ "deny: [{policy_names: [x], pod_regex: [x]}]", "pod_regex" },
	};
	struct route *route;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct errmsg em = { "" };

		assert_int_equal(create(bad[i].filter, 1, &route, &em), -EINVAL);
		assert_null(route);
		if (!strstr(em.text, bad[i].says))
			fail_msg("%s: %s", bad[i].filter, em.text);
	}
}

static void test_a_sample_is_even_and_the_same_each_time(void **state)
{
	struct journal_record record = { .kind = KIND_PROCESS_EXEC,
					 .json = STR(exec_json),
					 .boot_id = STR(BOOT) };
	struct route *route, *again;
	struct errmsg em;
	unsigned int taken = 0, in_the_first_tenth = 0;

	assert_int_equal(create(NULL, 10, &route, &em), 0);
	assert_int_equal(create(NULL, 10, &again, &em), 0);
	for (record.seq = 1; record.seq <= 100000; record.seq++) {
		bool is_taken = route_takes(route, &record);

		assert_int_equal(route_takes(again, &record), is_taken);
		taken += is_taken;
		in_the_first_tenth += is_taken && record.seq <= 10000;
	}
	assert_in_range(taken, 9500, 10500); /* five standard deviations */
	assert_in_range(in_the_first_tenth, 850, 1150);
	route_free(&route);
	route_free(&again);
}

static void test_nothing_asked_is_no_route(void **state)
{
	struct route *route;
	struct errmsg em;

	assert_int_equal(create(NULL, 1, &route, &em), 0);
	assert_null(route);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_condition_is_asked_of_the_record),
		cmocka_unit_test(test_texts_are_unescaped),
		cmocka_unit_test(test_deny_goes_before_allow),
		cmocka_unit_test(test_weir_s_own_events_pass),
		cmocka_unit_test(test_what_can_t_be_decided_is_taken),
		cmocka_unit_test(test_what_records_don_t_say_is_refused_with_its_place),
		cmocka_unit_test(test_a_sample_is_even_and_the_same_each_time),
		cmocka_unit_test(test_nothing_asked_is_no_route),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
