#include "base/clock.h"
#include "outputs/format.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static char mem[65536];

/* The line, terminated; "" when the format refused. */
static const char *format_as(const char *name, enum event_kind kind, const char *json)
{
	struct journal_record record = { .seq = 1,
					 .time_wall_ns = 1700000000123ull * NSEC_PER_MSEC,
					 .kind = kind,
					 .json = str_of(json) };
	struct buf out = buf_fixed(mem, sizeof(mem) - 1);
	int err = format_by_name(name)->write(&record, &out);

	mem[err ? 0 : out.len] = '\0';
	return mem;
}

static const char *compact(enum event_kind kind, const char *json)
{
	return format_as("compact", kind, json);
}

#define PROCESS \
	"\"process\":{\"pid\":42,\"uid\":0,\"user\":{\"name\":\"root\"},\"binary\":\"/bin/ls\",\"arguments\":\"-l /\"}"

static void test_lines_of_each_kind(void **state)
{
	assert_string_equal(compact(KIND_PROCESS_EXEC, "{\"process_exec\":{" PROCESS "}}"),
			    "22:13:20.123 exec    42      root     /bin/ls -l /");
	assert_string_equal(compact(KIND_PROCESS_EXIT,
				    "{\"process_exit\":{" PROCESS ",\"signal\":\"SIGKILL\"}}"),
			    "22:13:20.123 exit    42      root     /bin/ls -l / killed by SIGKILL");
	assert_string_equal(compact(KIND_PROCESS_EXIT, "{\"process_exit\":{" PROCESS "}}"),
			    "22:13:20.123 exit    42      root     /bin/ls -l / status 0");
	assert_string_equal(
		compact(KIND_PROCESS_CONNECT,
			"{\"process_connect\":{" PROCESS
			",\"source_ip\":\"10.0.0.1\",\"source_port\":1234,"
			"\"destination_ip\":\"2001:db8::1\",\"destination_port\":443,"
			"\"error\":\"ECONNREFUSED\"}}"),
		"22:13:20.123 connect 42      root     /bin/ls 10.0.0.1:1234 -> [2001:db8::1]:443 "
		"failed: ECONNREFUSED");
	assert_string_equal(compact(KIND_PROCESS_LISTEN,
				    "{\"process_listen\":{\"process\":{\"pid\":7},"
				    "\"source_ip\":\"0.0.0.0\",\"source_port\":80}}"),
			    "22:13:20.123 listen  7       -        (unknown) 0.0.0.0:80");
	assert_string_equal(compact(KIND_WEIR_LOSS,
				    "{\"weir_loss\":{\"cause\":\"ring_full\",\"count\":\"12\"}}"),
			    "22:13:20.123 LOSS    12 events lost: cause ring_full");
}

static void test_text_can_t_drive_the_terminal_or_forge_a_line(void **state)
{
	const char *line =
		compact(KIND_PROCESS_EXEC,
			"{\"process_exec\":{\"process\":{\"pid\":1,\"binary\":\"/x\",\"arguments\":"
			"\"\\u001b[2J\\nfake \\\"q\\\" \\\\n \\u0085 \xe2\x80\xae"
			"evil \xff \xc2\x9b \xef\xbb\xbf \x1b[31m\"}}}");

	assert_string_equal(strchr(line, '/'),
			    "/x \\u001b[2J\\nfake \"q\" \\\\n \\u0085 \\u202eevil ? "
			    "\\u009b \\ufeff ?[31m");
}

static void test_color_is_ours_alone(void **state)
{
	const char *line =
		format_as("compact-color", KIND_PROCESS_EXEC, "{\"process_exec\":{" PROCESS "}}");

	assert_non_null(strstr(line, "\033[1m/bin/ls\033[0m -l /"));
	assert_null(strchr(compact(KIND_PROCESS_EXEC, "{\"process_exec\":{" PROCESS "}}"), '\033'));
}

static void test_refuses_what_it_can_t_read(void **state)
{
	assert_string_equal(compact(KIND_PROCESS_EXEC, "{\"process_exit\":{}}"), "");
	assert_string_equal(compact(KIND_PROCESS_EXEC, "{\"process_exec\":"), "");
	assert_string_equal(compact(KIND_NONE, "{}"), "");
	assert_string_equal(compact(EVENT_KINDS, "{}"), "");
	assert_string_equal(format_as("json", KIND_PROCESS_EXEC, "{\n}"), "");
}

/* Every kind there is has a line. */
static void test_every_kind_is_known(void **state)
{
	enum event_kind kind;
	char json[128];

	for (kind = KIND_NONE + 1; kind < EVENT_KINDS; kind++) {
		snprintf(json, sizeof(json), "{\"%s\":{}}", event_kind_name(kind));
		assert_string_not_equal(compact(kind, json), "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_of_each_kind),
		cmocka_unit_test(test_text_can_t_drive_the_terminal_or_forge_a_line),
		cmocka_unit_test(test_color_is_ours_alone),
		cmocka_unit_test(test_refuses_what_it_can_t_read),
		cmocka_unit_test(test_every_kind_is_known),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
