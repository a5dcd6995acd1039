/* The filters of `weir events`: each key, how terms combine, and what is refused. */
#include "cli/event_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static const char exec_json[] =
	"{\"process_exec\":{\"process\":{\"pid\":42,\"binary\":\"/usr/bin/curl\",\"arguments\":"
	"\"-s https://example.org\",\"docker\":\"0123abc\"},\"parent\":{\"binary\":\"/bin/bash\"}},"
	"\"node_name\":\"n\"}";

static const char kprobe_json[] = "{\"process_exit\":{\"process\":{\"binary\":\"/bin/x\"},"
				  "\"policy_name\":\"no-x\"}}";

static const struct journal_record exec = {
	.seq = 1, .kind = KIND_PROCESS_EXEC, .pid = 42, .json = { exec_json, sizeof(exec_json) - 1 }
};
static const struct journal_record policy = { .seq = 2,
					      .kind = KIND_PROCESS_EXIT,
					      .pid = 7,
					      .json = { kprobe_json, sizeof(kprobe_json) - 1 } };
static const struct journal_record loss = { .seq = 3,
					    .kind = KIND_WEIR_LOSS,
					    .json = { "{\"weir_loss\":{}}", 16 } };

static bool matches_n(const struct journal_record *record, const char *const *terms, size_t n)
{
	struct event_filter *filter;
	struct errmsg em = { "" };
	bool matches;

	if (event_filter_create(terms, n, &filter, &em) < 0)
		fail_msg("%s", em.text);
	matches = event_filter_matches(filter, record);
	event_filter_free(&filter);
	assert_null(filter);
	return matches;
}

#define MATCHES(record, ...)                                 \
	matches_n((record), (const char *[]){ __VA_ARGS__ }, \
		  sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *))

static void refused(const char *term, const char *expected)
{
	struct event_filter *filter;
	struct errmsg em = { "" };

	assert_true(event_filter_create(&term, 1, &filter, &em) < 0);
	assert_null(filter);
	assert_string_equal(em.text, expected);
}

static void test_each_key(void **state)
{
	assert_true(matches_n(&exec, NULL, 0));
	assert_true(MATCHES(&exec, "event=process_exec"));
	assert_true(MATCHES(&exec, "event=PROCESS_EXEC"));
	assert_false(MATCHES(&exec, "event=process_exit"));
	assert_true(MATCHES(&exec, "pid=42"));
	assert_false(MATCHES(&exec, "pid=4"));
	assert_true(MATCHES(&exec, "binary=/curl$"));
	assert_false(MATCHES(&exec, "binary=^curl"));
	assert_true(MATCHES(&exec, "arguments=https?://"));
	assert_true(MATCHES(&exec, "parent=^/bin/(ba)?sh$"));
	assert_true(MATCHES(&exec, "container=^0123"));
	assert_true(MATCHES(&policy, "policy=no-x"));
	assert_false(MATCHES(&policy, "policy=no-"));
	assert_false(MATCHES(&exec, "policy=no-x"));
}

static void test_names_of_tetragon(void **state)
{
	assert_true(MATCHES(&exec, "event_set=PROCESS_EXEC", "binary_regex=curl",
			    "parent_binary_regex=bash", "arguments_regex=-s", "pid_set=42"));
}

static void test_terms_combine(void **state)
{
	assert_true(MATCHES(&exec, "pid=41", "pid=42"));
	assert_true(MATCHES(&exec, "pid=42", "pid=41", "binary=curl"));
	assert_false(MATCHES(&exec, "pid=41", "pid=42", "binary=wget"));
	assert_false(MATCHES(&exec, "binary!=curl"));
	assert_true(MATCHES(&exec, "binary!=wget"));
	assert_false(MATCHES(&exec, "binary=/usr", "binary!=curl"));
	assert_false(MATCHES(&exec, "binary!=curl", "binary=/usr"));
	assert_false(MATCHES(&exec, "event!=process_exec"));
}

/* An event without the field is not one that has it, and one that lacks it. */
static void test_events_without_the_field(void **state)
{
	assert_false(MATCHES(&loss, "binary=curl"));
	assert_true(MATCHES(&loss, "binary!=curl"));
	assert_true(MATCHES(&loss, "event=weir_loss"));
}

static void test_damaged_json_matches_no_text(void **state)
{
	struct journal_record record = exec;

	record.json.n = 40;
	assert_false(MATCHES(&record, "binary=."));
	assert_true(MATCHES(&record, "pid=42"));
}

/* What can't be evaluated is shown rather than hidden, either way round. */
static void test_match_limit_shows(void **state)
{
	char json[256] = "{\"process_exec\":{\"process\":{\"binary\":\"";
	struct journal_record record = exec;
	size_t n = strlen(json);

	memset(json + n, 'a', 40);
	n += 40;
	memcpy(json + n, "\"}}}", 4);
	record.json = (struct str){ json, n + 4 };
	assert_true(MATCHES(&record, "binary=^(a+)+[!?]$"));
	assert_true(MATCHES(&record, "binary!=^(a+)+[!?]$"));
}

static void test_refused(void **state)
{
	refused("nonsense", "--filter 'nonsense': write KEY=VALUE or KEY!=VALUE");
	refused("=x", "--filter '=x': write KEY=VALUE or KEY!=VALUE");
	refused("binray=x", "--filter 'binray=x': unknown key; did you mean 'binary'?");
	refused("colour=x", "--filter 'colour=x': unknown key; known are event, pid, binary, "
			    "arguments, parent, container and policy");
	refused("pid=me", "--filter 'pid=me': not a process id; write digits only");
	refused("event=process_exce", "--filter 'event=process_exce': no such event; did you mean "
				      "'process_exec'?");
	refused("binary=(", "--filter 'binary=(': not a regular expression: missing closing "
			    "parenthesis at character 2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_key),
		cmocka_unit_test(test_names_of_tetragon),
		cmocka_unit_test(test_terms_combine),
		cmocka_unit_test(test_events_without_the_field),
		cmocka_unit_test(test_damaged_json_matches_no_text),
		cmocka_unit_test(test_match_limit_shows),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
