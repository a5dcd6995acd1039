#include "pipeline/journal_reader.h"

#include "journal_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES (512 + 32)

static void cursor_path(struct fixture *f, char *path, size_t cap)
{
	snprintf(path, cap, "%s/cursor", f->dir);
}

static uint64_t cursor_read(const char *path)
{
	struct journal_cursor *cursor;
	struct errmsg em = { "" };
	uint64_t seq = 12345;

	assert_int_equal(journal_cursor_open(path, &cursor, &seq, &em), 0);
	journal_cursor_close(&cursor);
	assert_null(cursor);
	return seq;
}

static void test_keeps_what_was_set(void **state)
{
	struct journal_cursor *cursor;
	struct errmsg em = { "" };
	char path[128];
	uint64_t seq;

	cursor_path(*state, path, sizeof(path));
	assert_int_equal(cursor_read(path), 0);
	for (uint64_t v = 1; v < 20; v++) {
		assert_int_equal(journal_cursor_open(path, &cursor, &seq, &em), 0);
		assert_int_equal(seq, (v - 1) * 1000);
		assert_int_equal(journal_cursor_set(cursor, v * 1000 - 1, false), 0);
		assert_int_equal(journal_cursor_set(cursor, v * 1000, v % 2), 0);
		journal_cursor_close(&cursor);
	}
	assert_int_equal(em.text[0], '\0');
	assert_int_equal(cursor_read(path), 19000);
}

/* A cursor may go back: the journal began anew. */
static void test_newest_write_counts_not_the_greatest(void **state)
{
	struct journal_cursor *cursor;
	struct errmsg em;
	char path[128];
	uint64_t seq;

	cursor_path(*state, path, sizeof(path));
	assert_int_equal(journal_cursor_open(path, &cursor, &seq, &em), 0);
	assert_int_equal(journal_cursor_set(cursor, 1000, true), 0);
	assert_int_equal(journal_cursor_set(cursor, 7, true), 0);
	journal_cursor_close(&cursor);
	assert_int_equal(cursor_read(path), 7);
}

/* The write of 42 is cut off after each number of bytes: either 41 or 42 stands there. */
static void test_torn_write_leaves_the_older(void **state)
{
	unsigned char before[FILE_BYTES] = { 0 }, after[FILE_BYTES], torn[FILE_BYTES];
	struct journal_cursor *cursor;
	struct errmsg em;
	char path[128];
	uint64_t seq, got;
	int fd;

	cursor_path(*state, path, sizeof(path));
	assert_int_equal(journal_cursor_open(path, &cursor, &seq, &em), 0);
	for (seq = 38; seq < 42; seq++)
		assert_int_equal(journal_cursor_set(cursor, seq, false), 0);
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, before, FILE_BYTES, 0), FILE_BYTES);
	assert_int_equal(journal_cursor_set(cursor, 42, false), 0);
	journal_cursor_close(&cursor);
	assert_true(pread(fd, after, FILE_BYTES, 0) > 0);
	for (size_t cut = 0; cut <= FILE_BYTES; cut++) {
		memcpy(torn, before, FILE_BYTES);
		memcpy(torn, after, cut);
		assert_int_equal(pwrite(fd, torn, FILE_BYTES, 0), FILE_BYTES);
		got = cursor_read(path);
		assert_true(got == 41 || got == 42);
	}
	assert_int_equal(cursor_read(path), 42);
	close(fd);
}

static void test_damage_falls_back_and_is_said(void **state)
{
	struct journal_cursor *cursor;
	struct errmsg em = { "" };
	char path[128];
	uint64_t seq;

	cursor_path(*state, path, sizeof(path));
	assert_int_equal(journal_cursor_open(path, &cursor, &seq, &em), 0);
	assert_int_equal(journal_cursor_set(cursor, 5, false), 0);
	assert_int_equal(journal_cursor_set(cursor, 6, false), 0);
	journal_cursor_close(&cursor);
	fixture_flip(path, 16, 4); /* the seq of generation 2 stands in slot 0 */
	assert_int_equal(cursor_read(path), 5);
	fixture_flip(path, 512 + 16, 4);
	assert_int_equal(journal_cursor_open(path, &cursor, &seq, &em), 0);
	assert_int_equal(seq, 0);
	assert_non_null(strstr(em.text, path));
	assert_int_equal(journal_cursor_set(cursor, 9, true), 0);
	journal_cursor_close(&cursor);
	assert_int_equal(cursor_read(path), 9);
}

static void test_refuses_what_is_no_file(void **state)
{
	struct fixture *f = *state;
	struct journal_cursor *cursor = NULL;
	struct errmsg em = { "" };
	uint64_t seq;

	assert_int_equal(journal_cursor_open(f->dir, &cursor, &seq, &em), -EISDIR);
	assert_non_null(strstr(em.text, f->dir));
	assert_null(cursor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_keeps_what_was_set),
		TEST(test_newest_write_counts_not_the_greatest),
		TEST(test_torn_write_leaves_the_older),
		TEST(test_damage_falls_back_and_is_said),
		TEST(test_refuses_what_is_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
