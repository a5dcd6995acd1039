#include "pipeline/journal.h"

#include "journal_fixture.h"
#include "pipeline/encode_json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_records_come_back(void **state)
{
	struct fixture *f = *state;
	struct read_result r;
	struct journal_stats stats;

	fixture_open(f);
	assert_int_equal(fixture_read(f, 0).records, 0);
	fixture_write(f, 1000, 7);
	r = fixture_read(f, 0);
	assert_int_equal(r.records, 1000);
	assert_int_equal(r.first_seq, 1);
	assert_int_equal(r.last_seq, 1000);
	assert_int_equal(r.losses.n, 0);
	r = fixture_read(f, 400);
	assert_int_equal(r.first_seq, 401);
	assert_int_equal(r.records, 600);
	journal_stats(f->journal, &stats);
	assert_int_equal(stats.records, 1000);
	assert_int_equal(stats.first_seq, 1);
	assert_int_equal(stats.last_seq, 1000);
	assert_false(stats.failing);
}

static void test_overflowing_record_is_left_out(void **state)
{
	struct fixture *f = *state;
	uint64_t seq, again;
	struct buf *b;

	fixture_open(f);
	b = journal_begin_record(f->journal, &seq);
	while (buf_ok(b))
		buf_lit(b, "0123456789abcdef0123456789abcdef");
	assert_int_equal(journal_end_record(f->journal, KIND_PROCESS_EXEC, 1, 1), -EMSGSIZE);
	assert_non_null(journal_begin_record(f->journal, &again));
	assert_int_equal(seq, again);
	fixture_write(f, 3, 3);
	assert_int_equal(fixture_read(f, 0).records, 3);
}

static void test_largest_record(void **state)
{
	struct fixture *f = *state;
	static char big[ENCODE_MAX_BYTES];
	struct journal_reader *reader;
	struct journal_record record;
	struct journal_loss loss;
	struct errmsg em;
	struct buf *b;
	uint64_t seq;

	memset(big, 'x', sizeof(big));
	fixture_open(f);
	for (int i = 0; i < 5; i++) {
		b = journal_begin_record(f->journal, &seq);
		assert_non_null(b);
		buf_put(b, big, sizeof(big));
		assert_int_equal(journal_end_record(f->journal, KIND_PROCESS_EXIT, 1, 1), 0);
	}
	journal_commit(f->journal);
	fixture_wait_written(f, 5);
	assert_int_equal(journal_reader_open(f->dir, 0, &reader, &em), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(journal_reader_next(reader, &record, &loss, &em),
				 JOURNAL_READ_RECORD);
		assert_int_equal(record.json.n, sizeof(big));
		assert_memory_equal(record.json.p, big, sizeof(big));
	}
	journal_reader_close(&reader);
}

static void test_rotation_and_restart(void **state)
{
	struct fixture *f = *state;
	struct read_result r;
	uint64_t first[64];

	f->record_bytes = 1000;
	f->settings.segment_bytes = 256 * 1024;
	for (int round = 0; round < 3; round++) {
		fixture_open(f);
		assert_int_equal(f->losses.n, 0);
		fixture_write(f, 1000, 50);
		fixture_close(f);
	}
	r = fixture_read(f, 0);
	assert_int_equal(r.records, 3000);
	assert_int_equal(r.losses.n, 0);
	assert_true(fixture_segments(f, first, 64) >= 12);
	assert_int_equal(first[0], 1);
}

/* A start without a record makes no segment and loses no number. */
static void test_empty_runs_leave_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t first[4];

	for (int i = 0; i < 3; i++) {
		fixture_open(f);
		fixture_close(f);
	}
	assert_int_equal(fixture_segments(f, first, 4), 0);
	fixture_open(f);
	fixture_write(f, 1, 1);
	assert_int_equal(fixture_read(f, 0).first_seq, 1);
}

static void test_retention_by_size(void **state)
{
	struct fixture *f = *state;
	struct journal_stats stats;
	struct read_result r;

	f->record_bytes = 1000;
	f->settings.max_bytes = 1 << 20;
	fixture_open(f);
	fixture_write(f, 5000, 50);
	journal_stats(f->journal, &stats);
	assert_true(stats.size_bytes <= 1 << 20);
	assert_true(stats.size_bytes > 1 << 19);
	r = fixture_read(f, 0);
	assert_int_equal(r.losses.n, 0); /* the oldest there is was asked for */
	assert_int_equal(r.last_seq, 5000);
	assert_int_equal(r.first_seq, stats.first_seq);
	assert_int_equal(r.records + stats.dropped_records, 5000);
	assert_int_equal(f->losses.n, 0); /* no reader was known */
	r = fixture_read(f, 10);
	assert_int_equal(r.losses.n, 1);
	assert_int_equal(r.losses.list[0].cause, LOSS_JOURNAL_FULL);
	assert_int_equal(r.losses.list[0].first_seq, 11);
	assert_int_equal(r.losses.list[0].last_seq, stats.first_seq - 1);
	assert_int_equal(r.losses.list[0].count, stats.first_seq - 11);
}

static void test_retention_names_what_was_unread(void **state)
{
	struct fixture *f = *state;
	uint64_t expected = 101, lost = 0;
	struct journal_stats stats;

	f->record_bytes = 1000;
	f->settings.max_bytes = 1 << 20;
	fixture_open(f);
	journal_set_low_cursor(f->journal, 100);
	fixture_write(f, 3000, 50);
	journal_stats(f->journal, &stats);
	assert_true(f->losses.n > 0);
	for (unsigned int i = 0; i < f->losses.n; i++) {
		const struct journal_loss *loss = &f->losses.list[i];

		assert_int_equal(loss->cause, LOSS_JOURNAL_FULL);
		assert_int_equal(loss->first_seq, expected);
		expected = loss->last_seq + 1;
		lost += loss->count;
	}
	assert_int_equal(expected, stats.first_seq);
	assert_int_equal(lost, stats.dropped_records - 100);
}

static void test_retention_by_age(void **state)
{
	struct fixture *f = *state;
	struct journal_stats stats;
	const uint64_t hour = 3600 * NSEC_PER_SEC;

	clock_init_fake(&f->clock, hour, 100 * hour);
	f->settings.max_age_ns = 8 * hour;
	fixture_open(f);
	fixture_write(f, 10, 10);
	f->clock.fake_wall_ns += 2 * hour;
	fixture_write(f, 10, 10);
	fixture_close(f);
	assert_int_equal(fixture_segments(f, NULL, 0), 2);
	f->clock.fake_wall_ns += 20 * hour;
	fixture_open(f);
	fixture_write(f, 10, 10);
	journal_stats(f->journal, &stats);
	assert_int_equal(stats.first_seq, 21);
	assert_int_equal(stats.dropped_records, 20);
	assert_int_equal(fixture_read(f, 0).records, 10);
}

static bool is_blocked(struct fixture *f)
{
	return journal_is_blocked(f->journal);
}

static bool is_not_blocked(struct fixture *f)
{
	return !journal_is_blocked(f->journal);
}

static void test_block_keeps_what_readers_need(void **state)
{
	struct fixture *f = *state;
	struct read_result r;
	uint64_t seq;

	f->record_bytes = 1000;
	f->settings.max_bytes = 1 << 20;
	f->settings.when_full = JOURNAL_BLOCK;
	fixture_open(f);
	journal_set_low_cursor(f->journal, 0);
	assert_true(fixture_append(f, 1500, 50));
	fixture_wait(f, is_blocked);
	r = fixture_read(f, 0);
	assert_int_equal(r.first_seq, 1);
	assert_true(r.last_seq < 1500);
	journal_set_low_cursor(f->journal, r.last_seq);
	fixture_wait(f, is_not_blocked);
	assert_non_null(journal_begin_record(f->journal, &seq));
	journal_commit(f->journal);
	fixture_wait_written(f, 1500);
	assert_int_equal(fixture_read(f, r.last_seq).records, 1500 - r.last_seq);
	assert_int_equal(fixture_read(f, r.last_seq).losses.n, 0);
	assert_int_equal(f->losses.n, 0);
}

static void test_second_writer_is_refused(void **state)
{
	struct fixture *f = *state;
	struct journal *second = NULL;
	struct errmsg em = { "" };
	char pid[32];

	fixture_open(f);
	assert_int_equal(journal_open(&f->settings, &f->clock, NULL, NULL, &second, &em), -EBUSY);
	snprintf(pid, sizeof(pid), "process %d", getpid());
	assert_non_null(strstr(em.text, pid));
	assert_non_null(strstr(em.text, f->dir));
}

static unsigned int mode_of(const char *dir, const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void test_permissions(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	mode_t mask = umask(0077);
	char path[128];

	assert_int_equal(chmod(f->dir, 0777), 0);
	if (geteuid() == 0)
		f->settings.reader_gid = 12345;
	fixture_open(f);
	fixture_write(f, 1, 1);
	umask(mask);
	assert_int_equal(mode_of(f->dir, "."), 0750);
	assert_int_equal(mode_of(f->dir, "00000000000000000001.weir"), 0640);
	assert_int_equal(mode_of(f->dir, "state"), 0600);
	fixture_segment_path(f, 1, path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	if (geteuid() == 0)
		assert_int_equal(st.st_gid, 12345);
}

/* As when somebody names /tmp: its mode must stay what it is. */
static void test_a_directory_of_others_is_not_taken(void **state)
{
	struct fixture *f = *state;
	struct journal *journal = NULL;
	struct errmsg em = { "" };
	char path[128];
	int fd;

	assert_int_equal(chmod(f->dir, 01777), 0);
	snprintf(path, sizeof(path), "%s/somebody's", f->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(journal_open(&f->settings, &f->clock, NULL, NULL, &journal, &em),
			 -ENOTEMPTY);
	assert_non_null(strstr(em.text, "one of its own"));
	assert_int_equal(mode_of(f->dir, "."), 01777);
	assert_int_equal(unlink(path), 0);
	fixture_open(f);
	assert_int_equal(mode_of(f->dir, "."), 0750);
}

static void test_not_a_directory(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct errmsg em = { "" };
	struct journal *journal = NULL;

	snprintf(path, sizeof(path), "%s/file", f->dir);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	f->settings.directory = path;
	assert_int_equal(journal_open(&f->settings, &f->clock, NULL, NULL, &journal, &em),
			 -ENOTDIR);
	assert_non_null(strstr(em.text, path));
	assert_null(journal);
}

static bool memory_is_given_back(struct fixture *f)
{
	struct journal_stats stats;

	journal_stats(f->journal, &stats);
	return stats.memory_bytes == 0;
}

static void test_memory_is_given_back(void **state)
{
	struct fixture *f = *state;
	struct journal_stats stats;

	f->record_bytes = 1000;
	fixture_open(f);
	assert_true(fixture_append(f, 2000, 500));
	journal_stats(f->journal, &stats);
	assert_true(stats.memory_bytes > 0);
	fixture_wait(f, memory_is_given_back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_records_come_back),
		TEST(test_overflowing_record_is_left_out),
		TEST(test_largest_record),
		TEST(test_rotation_and_restart),
		TEST(test_empty_runs_leave_nothing),
		TEST(test_retention_by_size),
		TEST(test_retention_names_what_was_unread),
		TEST(test_retention_by_age),
		TEST(test_block_keeps_what_readers_need),
		TEST(test_second_writer_is_refused),
		TEST(test_permissions),
		TEST(test_a_directory_of_others_is_not_taken),
		TEST(test_not_a_directory),
		TEST(test_memory_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
