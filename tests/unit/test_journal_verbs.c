/* `weir events`, `weir replay` and `weir verify` on a journal that is really there: what they
 * print, what they say and with which status they end. */
#include "cli/verb.h"

#include "journal_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct verb verb_events, verb_replay, verb_verify;

/* What a verb did. */
static struct {
	enum exit_code code;
	char out[1 << 20], err[1 << 16];
} said;

struct redirection {
	FILE *file;
	int fd, saved;
};

static struct redirection redirect(int fd)
{
	struct redirection r = { .file = tmpfile(), .fd = fd, .saved = dup(fd) };

	assert_non_null(r.file);
	fflush(NULL);
	assert_true(dup2(fileno(r.file), fd) >= 0);
	return r;
}

static void restore(struct redirection *r, char *text, size_t cap)
{
	size_t n;

	fflush(NULL);
	assert_true(dup2(r->saved, r->fd) >= 0);
	close(r->saved);
	rewind(r->file);
	n = fread(text, 1, cap - 1, r->file);
	text[n] = '\0';
	fclose(r->file);
}

/* The words after the verb, ended by NULL; the journal is added. */
static void run(const struct verb *verb, struct fixture *f, const char *const *words)
{
	char *argv[16] = { (char *)"--journal", f->dir };
	struct redirection out, err;
	int argc = 2;

	for (; *words; words++)
		argv[argc++] = (char *)*words;
	err = redirect(STDERR_FILENO);
	out = redirect(STDOUT_FILENO);
	said.code = verb->run(verb, argc, argv);
	restore(&out, said.out, sizeof(said.out));
	restore(&err, said.err, sizeof(said.err));
}

#define RUN(verb, f, ...) run(&(verb), (f), (const char *[]){ __VA_ARGS__, NULL })

/* The records in what was printed are first..last, each whole. */
static void printed(struct fixture *f, const char *text, uint64_t first, uint64_t last)
{
	for (uint64_t seq = first; seq <= last; seq++) {
		char json[4096];
		size_t n = fixture_json(seq, f->record_bytes, json);

		if (strncmp(text, json, n) != 0 || text[n] != '\n')
			fail_msg("record %" PRIu64 " is not next", seq);
		text += n + 1;
	}
	assert_string_equal(text, "");
}

/* A journal of 100 records in ten batches, closed in order. */
static int setup(void **state)
{
	int err = fixture_setup(state);

	fixture_open(*state);
	fixture_write(*state, 100, 10);
	fixture_close(*state);
	return err;
}

static void damage(struct fixture *f)
{
	uint64_t segment;
	char path[256];
	uint32_t length;
	uint64_t offset;

	assert_int_equal(fixture_segments(f, &segment, 1), 1);
	fixture_segment_path(f, segment, path, sizeof(path));
	offset = fixture_batch(f, segment, 4, &length);
	fixture_flip(path, offset + length / 2, 0x10);
}

static void test_events(void **state)
{
	struct fixture *f = *state;

	RUN(verb_events, f, "--format", "json");
	assert_int_equal(said.code, EXIT_OK);
	printed(f, said.out, 1, 100);
	assert_string_equal(said.err, "");
	RUN(verb_events, f, "-n", "7");
	printed(f, said.out, 94, 100);
	RUN(verb_events, f, "-n1000");
	printed(f, said.out, 1, 100);
	RUN(verb_events, f, "--since", "91");
	printed(f, said.out, 91, 100);
	RUN(verb_events, f, "--since", "1000");
	printed(f, said.out, 1, 0);
	RUN(verb_events, f, "--since", "1970-01-01T00:00:00.000097Z"); /* record n is n us old */
	printed(f, said.out, 97, 100);
}

static void test_events_filtered(void **state)
{
	struct fixture *f = *state;

	RUN(verb_events, f, "--filter", "pid=42", "--filter", "pid=43");
	printed(f, said.out, 42, 43);
	RUN(verb_events, f, "--filter", "event=process_exit");
	assert_int_equal(said.code, EXIT_OK);
	printed(f, said.out, 1, 0);
	RUN(verb_events, f, "-n", "2", "--filter", "pid!=100");
	printed(f, said.out, 98, 99);
}

static void test_events_refuses(void **state)
{
	struct fixture *f = *state;

	RUN(verb_events, f, "--filter", "nonsense");
	assert_int_equal(said.code, EXIT_USAGE);
	RUN(verb_events, f, "--since", "tomorrow");
	assert_int_equal(said.code, EXIT_USAGE);
	RUN(verb_events, f, "-n", "0");
	assert_int_equal(said.code, EXIT_USAGE);
	RUN(verb_events, f, "--format", "jsno");
	assert_int_equal(said.code, EXIT_USAGE);
	assert_non_null(strstr(said.err, "no format 'jsno'; did you mean 'json'?"));
	RUN(verb_events, f, "stray");
	assert_int_equal(said.code, EXIT_USAGE);
	RUN(verb_events, f, "--journal", "/nonexistent");
	assert_int_equal(said.code, EXIT_FAILED);
	assert_non_null(strstr(said.err, "/nonexistent"));
}

static void test_what_is_missing_is_said(void **state)
{
	struct fixture *f = *state;

	damage(f);
	RUN(verb_events, f, "--format", "json");
	assert_int_equal(said.code, EXIT_OK);
	assert_non_null(strstr(said.err, "sequence numbers 41 to 50"));
	assert_null(strstr(said.out, "{\"seq\":\"41\""));
	assert_non_null(strstr(said.out, "{\"seq\":\"51\""));
}

static void test_replay(void **state)
{
	struct fixture *f = *state;

	RUN(verb_replay, f, "--from", "20", "--to", "30");
	assert_int_equal(said.code, EXIT_OK);
	printed(f, said.out, 20, 30);
	assert_string_equal(said.err, "weir replay: 11 events, sequence numbers 20 to 30\n");
	RUN(verb_replay, f, "--from", "99");
	printed(f, said.out, 99, 100);
	RUN(verb_replay, f, "--to", "1");
	printed(f, said.out, 1, 1);
	RUN(verb_replay, f, "--from", "101");
	assert_int_equal(said.code, EXIT_OK);
	assert_string_equal(said.err, "weir replay: no events in that range\n");
	RUN(verb_replay, f, "--from", "3", "--to", "2");
	assert_int_equal(said.code, EXIT_USAGE);
}

static void test_replay_to_a_file(void **state)
{
	struct fixture *f = *state;
	static char text[1 << 16];
	char path[128];
	struct stat st;
	FILE *file;

	snprintf(path, sizeof(path), "%s.replayed", f->dir);
	RUN(verb_replay, f, "--from", "5", "--to", "6", "--output", path);
	assert_int_equal(said.code, EXIT_OK);
	assert_string_equal(said.out, "");
	file = fopen(path, "r");
	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	assert_int_equal(fstat(fileno(file), &st), 0);
	fclose(file);
	printed(f, text, 5, 6);
	assert_int_equal(st.st_mode & 0777, 0600);
	RUN(verb_replay, f, "--output", path);
	unlink(path);
	assert_int_equal(said.code, EXIT_FAILED);
	assert_non_null(strstr(said.err, "File exists"));
}

/* Part of the range is gone: the rest is written, and the status says so. */
static void test_replay_of_a_damaged_range(void **state)
{
	struct fixture *f = *state;

	damage(f);
	RUN(verb_replay, f, "--from", "10", "--to", "60");
	assert_int_equal(said.code, EXIT_FAILED);
	assert_non_null(strstr(said.err, "sequence numbers 41 to 50"));
	assert_non_null(strstr(said.err, "41 events, sequence numbers 10 to 60"));
	RUN(verb_replay, f, "--from", "10", "--to", "40");
	assert_int_equal(said.code, EXIT_OK);
	printed(f, said.out, 10, 40);
}

static void test_verify(void **state)
{
	struct fixture *f = *state;

	RUN(verb_verify, f, "--json");
	assert_int_equal(said.code, EXIT_OK);
	assert_non_null(strstr(said.out, "{\"sound\":true,\"key_used\":false,"));
	assert_non_null(strstr(said.out, "\"records\":100,\"first_seq\":1,\"last_seq\":100,"));
	damage(f);
	RUN(verb_verify, f, "--json");
	assert_int_equal(said.code, EXIT_NOT_SOUND);
	assert_non_null(strstr(said.out, "\"sound\":false"));
	assert_non_null(strstr(said.out, "\"bad\":\""));
	RUN(verb_verify, f, "--key", "/nonexistent");
	assert_int_equal(said.code, EXIT_FAILED);
	assert_non_null(strstr(said.err, "the key /nonexistent can't be read: No such file"));
	RUN(verb_verify, f, "--key", "/dev/null");
	assert_int_equal(said.code, EXIT_FAILED);
	assert_non_null(strstr(said.err, "/dev/null: that is not a verification key"));
	RUN(verb_verify, f, "--key", "/dev/zero");
	assert_int_equal(said.code, EXIT_FAILED);
	assert_non_null(strstr(said.err, "too long"));
	RUN(verb_verify, f, "--export-key", "--json");
	assert_int_equal(said.code, EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_events, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_events_filtered, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_events_refuses, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_what_is_missing_is_said, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_replay, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_replay_to_a_file, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_replay_of_a_damaged_range, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_verify, setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
