/* Allow and deny lists mean what Tetragon's export filters mean. */
#include "tests/unit/stage_fixture.h"

#include "base/log.h"
#include "pipeline/stage_filter.h"

static struct clock test_clock;
static struct test_process init, shell, child, contained;

static int set_up(void **state)
{
	clock_init_fake(&test_clock, 1000, 2000);
	set_process(&init, 1, "/sbin/init", "", NULL);
	set_process(&shell, 10, "/bin/bash", "-l", &init);
	set_process(&child, 20, "/usr/bin/curl", "--fail https://x/", &shell);
	set_process(&contained, 30, "/app", "", &shell);
	contained.image.container_id = exempt("0123456789abcdef0123456789abcde");
	contained.process.flags = PROCESS_IN_INIT_TREE;
	return 0;
}

static bool passes(struct stage *stage, enum event_kind kind, const struct test_process *p)
{
	struct event event = event_of(kind, p);

	return stage->type->on_event(stage, &event) == STAGE_PASS;
}

/* Whether an exec of each of the four passes: a letter for yes, a dot for no. */
static void expect_pass(const char *yaml, const char *wanted)
{
	const struct test_process *all[] = { &init, &shell, &child, &contained };
	struct stage *stage = stage_from(&stage_filter_type, yaml, &test_clock);
	char got[] = "....";

	for (size_t i = 0; i < 4; i++)
		if (passes(stage, KIND_PROCESS_EXEC, all[i]))
			got[i] = "isca"[i];
	if (strcmp(got, wanted) != 0)
		fail_msg("%s: got %s, wanted %s", yaml, got, wanted);
	stage->type->destroy(&stage);
	assert_null(stage);
}

static void without_lists_all_pass(void **state)
{
	expect_pass("{}", "isca");
	expect_pass("{allow: [], deny: []}", "isca");
	expect_pass("{allow: '', deny: }", "isca");
}

static void each_key(void **state)
{
	expect_pass("allow: [{binary_regex: [bash$, ^/app]}]", ".s.a");
	expect_pass("allow: [{arguments_regex: ['--fail']}]", "..c.");
	expect_pass("allow: [{arguments_regex: ['^$']}]", "i..a");
	expect_pass("allow: [{parent_binary_regex: [init]}]", ".s..");
	expect_pass("allow: [{parent_arguments_regex: ['-l']}]", "..ca");
	expect_pass("allow: [{ancestor_binary_regex: [init]}]", "..ca");
	expect_pass("allow: [{pid: [10, 30]}]", ".s.a");
	expect_pass("allow: [{pid_set: [10]}]", ".sca");
	expect_pass("allow: [{container_id: ['^0123']}]", "...a");
	expect_pass("allow: [{namespace: ['']}]", "isc.");
	expect_pass("allow: [{in_init_tree: true}]", "...a");
	expect_pass("allow: [{in_init_tree: false}]", "isc.");
	expect_pass("allow: [{event_set: [PROCESS_EXIT]}]", "....");
	expect_pass("allow: [{event_set: [PROCESS_EXIT, PROCESS_EXEC]}]", "isca");
	expect_pass("allow: [{event_set: [process_exec]}]", "isca");
	expect_pass("allow: [{event_set: [PROCESS_KPROBE]}]", "....");
}

static void and_inside_or_between_deny_wins(void **state)
{
	expect_pass("allow: [{binary_regex: [bash, curl], pid: [20, 30]}]", "..c.");
	expect_pass("allow: [{binary_regex: [bash]}, {pid: [30]}]", ".s.a");
	expect_pass("{allow: [{binary_regex: [bash]}, {pid: [30]}], deny: [{pid: [30]}]}", ".s..");
	expect_pass("deny: [{binary_regex: [curl]}, {pid: [1]}]", ".s.a");
	expect_pass("deny: [{}]", "....");
}

static void unknown_process_has_no_text(void **state)
{
	struct test_process unknown;
	struct stage *stage =
		stage_from(&stage_filter_type, "deny: [{binary_regex: ['^$']}]", &test_clock);

	set_process(&unknown, 7, "", "", NULL);
	unknown.process.image = NULL;
	assert_false(passes(stage, KIND_PROCESS_EXIT, &unknown));
	stage->type->destroy(&stage);
	stage = stage_from(&stage_filter_type, "allow: [{parent_binary_regex: ['']}]", &test_clock);
	assert_false(passes(stage, KIND_PROCESS_EXIT, &unknown));
	stage->type->destroy(&stage);
}

static void tetragon_json_in_a_string(void **state)
{
	expect_pass("allow: '{\"binary_regex\":[\"bash\"]}'", ".s..");
	expect_pass("allow: |\n"
		    "  {\"binary_regex\":[\"bash\"]}\n"
		    "  {\"event_set\":[\"PROCESS_EXEC\"], \"pid\": [30]}\n",
		    ".s.a");
	expect_pass("deny: '{\"arguments_regex\":[\"^--fail\\\\s\"]}{\"pid\":[1]}'", ".s.a");
	expect_pass("allow: ['{\"pid\":[1]}', {pid: [10]}]", "is..");
}

static void own_events_always_pass(void **state)
{
	struct stage *stage = stage_from(&stage_filter_type, "deny: [{}]", &test_clock);

	for (int kind = KIND_WEIR_LOSS; kind < EVENT_KINDS; kind++)
		assert_true(passes(stage, (enum event_kind)kind, NULL));
	assert_false(passes(stage, KIND_PROCESS_CLOSE, &child));
	stage->type->destroy(&stage);
}

static unsigned int lines;

static void count_line(void *ctx, enum log_level level, const char *line)
{
	lines += strstr(line, "could not be evaluated") != NULL;
}

static void hostile_arguments_are_kept_and_told(void **state)
{
	static char hostile[5000];
	static const char *const yaml[] = { "deny: [{arguments_regex: ['^(a+)+$']}]",
					    "allow: [{arguments_regex: ['^(a+)+$']}]" };
	struct test_process p;

	memset(hostile, 'a', sizeof(hostile) - 2);
	hostile[sizeof(hostile) - 2] = '!';
	set_process(&p, 5, "/x", hostile, NULL);
	for (size_t i = 0; i < 2; i++) {
		struct stage *stage = stage_from(&stage_filter_type, yaml[i], &test_clock);

		lines = 0;
		assert_true(passes(stage, KIND_PROCESS_EXEC, &p));
		log_capture(count_line, NULL);
		stage->type->tick(stage, false, NULL, NULL);
		stage->type->tick(stage, false, NULL, NULL);
		log_capture(NULL, NULL);
		assert_int_equal(lines, 1);
		stage->type->destroy(&stage);
	}
}

static void refusals_name_key_and_place(void **state)
{
	const struct stage_type *type = &stage_filter_type;

	expect_refused(type, "allow:\n  - cel_expression: [x]", "test.yaml:2:", "cel_expression",
		       "not supported", NULL);
	expect_refused(type, "deny: [{labels: [x]}]", "labels", "pods", NULL);
	expect_refused(type, "deny: [{pod_regex: [x]}]", "pod_regex", NULL);
	expect_refused(type, "deny: [{health_check: true}]", "health_check", NULL);
	expect_refused(type, "deny: [{policy_names: [x]}]", "policy_names", NULL);
	expect_refused(type, "deny: [{capabilities: {effective: {any: [CAP_BPF]}}}]",
		       "capabilities", NULL);
	expect_refused(type, "deny: [{binary_regexp: [x]}]", "binary_regex", NULL);
	expect_refused(type, "deny: [{binary_regex: []}]", "is empty", NULL);
	expect_refused(type, "deny: [{namespace: ['', kube-system]}]", "kube-system", NULL);
	expect_refused(type, "deny: [{pid: [abc]}]", "abc", NULL);
	expect_refused(type, "deny: [{pid: [4294967296]}]", "4294967296", NULL);
	expect_refused(type, "deny: [{event_set: [PROCESS_EXECC]}]", "did you mean PROCESS_EXEC",
		       NULL);
	expect_refused(type, "allow:\n  - binary_regex:\n      - ok\n      - '(bad'",
		       "test.yaml:4:", "binary_regex", "(bad", NULL);
	expect_refused(type, "alow: []", "allow", NULL);
	expect_refused(type, "allow: {pid: [1]}", "list", NULL);
	expect_refused(type, "allow: 'pid 1'", "JSON", "character 1", NULL);
	expect_refused(type, "allow: '{\"pid\":[1]} {'", "character 13", NULL);
	expect_refused(type, "allow: '{\"pids\":[1]}'", "test.yaml:1:8: in the JSON", "pids", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_lists_all_pass),
		cmocka_unit_test(each_key),
		cmocka_unit_test(and_inside_or_between_deny_wins),
		cmocka_unit_test(unknown_process_has_no_text),
		cmocka_unit_test(tetragon_json_in_a_string),
		cmocka_unit_test(own_events_always_pass),
		cmocka_unit_test(hostile_arguments_are_kept_and_told),
		cmocka_unit_test(refusals_name_key_and_place),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
