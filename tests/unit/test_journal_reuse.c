/* At the limit the oldest segment's file becomes the next segment: when it does, whom it leaves
 * alone, and what readers and verify make of a file with an older segment's bytes behind its own.
 */
#include "pipeline/journal_segment.h"

#include "pipeline/journal_directory.h"
#include "pipeline/journal_format.h"
#include "reuse_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_files_are_used_again(void **state)
{
	struct fixture *f = *state;
	uint64_t first[64], newest;
	struct journal_stats stats;
	ino_t inodes[64];
	size_t n;

	at_the_limit(f);
	fixture_open(f);
	fixture_write(f, FILLING, BATCH);
	n = fixture_segments(f, first, 64);
	for (size_t i = 0; i < n; i++)
		inodes[i] = stat_of(f, first[i]).st_ino;
	newest = first[n - 1];
	for (unsigned int i = 0; i < 300; i++) {
		fixture_write(f, BATCH, BATCH);
		journal_stats(f->journal, &stats);
		assert_int_equal(bytes_on_disk(f), stats.size_bytes);
		assert_true(stats.size_bytes <= MAX_BYTES);
		assert_true(stats.size_bytes > MAX_BYTES - SEGMENT_BYTES);
	}
	assert_true(newest_segment(f) > newest);
	for (size_t i = 0; i < n; i++)
		assert_true(is_a_segment(f, inodes[i]));
	assert_false(spare_is_there(f));
	expect_all(f, FILLING + 3000);
	assert_int_equal(fixture_read(f, 5).losses.list[0].cause, LOSS_JOURNAL_FULL);
	fixture_close(f);
	/* What was used is all there is, in every file. */
	n = fixture_segments(f, first, 64);
	for (size_t i = 0; i < n; i++) {
		struct stat st = stat_of(f, first[i]);

		assert_true(st.st_size <= SEGMENT_BYTES);
		assert_true(st.st_size > SEGMENT_BYTES - 2 * BATCH * RECORD_BYTES || i + 1 == n);
	}
}

/* A reader's segment, open by somebody who knows nothing of journals, linked by a backup. */
static void test_open_file_is_left_alone(void **state)
{
	static uint8_t before[SEGMENT_BYTES], after[SEGMENT_BYTES];
	struct fixture *f = *state;
	struct stat st;
	char path[128];
	uint64_t first;
	ssize_t n;
	int fd;

	at_the_limit(f);
	fixture_open(f);
	fixture_write(f, FILLING, BATCH);
	fixture_segments(f, &first, 1);
	fixture_segment_path(f, first, path, sizeof(path));
	fd = open(path, O_RDONLY);
	n = pread(fd, before, sizeof(before), 0);
	assert_true(n > 0 && fstat(fd, &st) == 0);
	fixture_write(f, FILLING, BATCH);
	assert_int_equal(pread(fd, after, sizeof(after), 0), n);
	assert_memory_equal(before, after, (size_t)n);
	assert_false(is_a_segment(f, st.st_ino));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	expect_all(f, 2 * FILLING);
	close(fd);
}

static void test_linked_file_is_left_alone(void **state)
{
	static uint8_t before[SEGMENT_BYTES], after[SEGMENT_BYTES];
	struct fixture *f = *state;
	char path[128], backup[128];
	uint64_t first;
	ssize_t n;
	int fd;

	at_the_limit(f);
	fixture_open(f);
	fixture_write(f, FILLING, BATCH);
	fixture_segments(f, &first, 1);
	fixture_segment_path(f, first, path, sizeof(path));
	snprintf(backup, sizeof(backup), "%s/backup", f->dir);
	assert_int_equal(link(path, backup), 0);
	fd = open(path, O_RDONLY);
	n = pread(fd, before, sizeof(before), 0);
	close(fd);
	fixture_write(f, FILLING, BATCH);
	fd = open(backup, O_RDONLY);
	assert_int_equal(pread(fd, after, sizeof(after), 0), n);
	close(fd);
	assert_memory_equal(before, after, (size_t)n);
	expect_all(f, 2 * FILLING);
}

static void test_reader_keeps_what_it_has_open(void **state)
{
	struct fixture *f = *state;
	struct journal_reader *reader;
	struct journal_record record;
	struct journal_loss loss;
	uint64_t first, second;
	struct read_result r;
	struct errmsg em;

	at_the_limit(f);
	fixture_open(f);
	fixture_write(f, FILLING, BATCH);
	assert_int_equal(journal_reader_open(f->dir, 0, &reader, &em), 0);
	assert_int_equal(journal_reader_next(reader, &record, &loss, &em), JOURNAL_READ_RECORD);
	first = record.seq;
	fixture_write(f, FILLING, BATCH);
	r = fixture_read_on(f, reader);
	assert_int_equal(r.first_seq, first + 1);
	assert_int_equal(r.last_seq, 2 * FILLING);
	assert_int_equal(r.losses.n, 1);
	assert_int_equal(r.losses.list[0].cause, LOSS_JOURNAL_FULL);
	second = r.losses.list[0].first_seq;
	assert_true(second > first + 100); /* the rest of its segment, all of it */
	assert_int_equal(r.records + r.losses.list[0].count, 2 * FILLING - first);
	journal_reader_close(&reader);
}

/* Unread records go no earlier than they must, but for a small part of a segment. */
static void test_unread_segment_stays(void **state)
{
	struct fixture *f = *state;
	struct journal_stats stats = { 0 };
	uint64_t size = 0;

	at_the_limit(f);
	f->settings.max_bytes = MAX_BYTES + SEGMENT_BYTES / 2;
	fixture_open(f);
	journal_set_low_cursor(f->journal, 1);
	while (stats.dropped_records == 0) {
		size = stats.size_bytes;
		fixture_write(f, BATCH, BATCH);
		journal_stats(f->journal, &stats);
	}
	assert_true(size + SEGMENT_BYTES / 8 + 2 * BATCH * RECORD_BYTES > f->settings.max_bytes);
	assert_true(f->losses.n > 0);
	assert_int_equal(f->losses.list[0].first_seq, 2);
}

/* --- readers --- */

/* Bytes that this process has read from files. */
static uint64_t bytes_read(void)
{
	FILE *file = fopen("/proc/self/io", "r");
	uint64_t bytes = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "rchar: %" SCNu64, &bytes), 1);
	fclose(file);
	return bytes;
}

static void test_follows_through_generations(void **state)
{
	struct fixture *f = *state;
	struct journal_reader *reader;
	struct errmsg em;
	uint64_t last = 0;

	at_the_limit(f);
	fixture_open(f);
	assert_int_equal(journal_reader_open(f->dir, 0, &reader, &em), 0);
	for (unsigned int i = 0; i < 400; i++) {
		struct read_result r;

		fixture_write(f, 1 + i % 20, 1 + i % 7);
		r = fixture_read_on(f, reader);
		assert_int_equal(r.records, 1 + i % 20);
		assert_int_equal(r.first_seq, last + 1);
		assert_int_equal(r.losses.n, 0);
		last = r.last_seq;
		assert_int_equal(journal_reader_newest(reader), last);
	}
	journal_reader_close(&reader);
}

/* A large segment in a file of an older one: at its end a poll reads next to nothing. */
static void test_poll_at_the_edge_is_cheap(void **state)
{
	struct fixture *f = *state;
	struct journal_reader *reader;
	struct errmsg em;
	uint64_t before;

	f->record_bytes = 4000;
	f->settings.segment_bytes = 8 << 20;
	f->settings.max_bytes = 32 << 20;
	fixture_open(f);
	fixture_write(f, 9000, 100);
	(void)begin_reused(f, 2);
	assert_int_equal(journal_reader_open(f->dir, 0, &reader, &em), 0);
	(void)fixture_read_on(f, reader);
	fixture_write(f, 3, 3);
	before = bytes_read();
	assert_int_equal(fixture_read_on(f, reader).records, 3);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(fixture_read_on(f, reader).records, 0);
	assert_true(bytes_read() - before < 12 * 16384);
	journal_reader_close(&reader);
}

/* Half a batch over an edge: that is waited for, at a bounded price, it is no lag, and whole it is
 * read. Damaged, with a sound one far behind it, that one is come to in the end. */
static void test_half_written_batch_over_older_bytes(void **state)
{
	static uint8_t batch[1 << 16];
	struct fixture *f = *state;
	struct journal_reader *reader;
	uint64_t at, segment, before, last;
	struct errmsg em;
	uint32_t length;
	char path[128];
	int fd;

	f->record_bytes = 4000;
	f->settings.segment_bytes = 8 << 20;
	f->settings.max_bytes = 32 << 20;
	fixture_open(f);
	fixture_write(f, 9000, 100);
	segment = begin_reused(f, 5);
	fixture_segment_path(f, segment, path, sizeof(path));
	at = fixture_batch(f, segment, 4, &length);
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, batch, length, (off_t)at), length);
	memset(batch + length, 'x', length / 2);
	assert_int_equal(pwrite(fd, batch + length, length / 2, (off_t)(at + length / 2)),
			 length / 2);
	assert_int_equal(journal_reader_open(f->dir, segment - 1, &reader, &em), 0);
	assert_int_equal(fixture_read_on(f, reader).records, 4);
	assert_int_equal(journal_reader_newest(reader), segment + 3);
	for (unsigned int i = 0; i < 8; i++) {
		before = bytes_read();
		assert_int_equal(fixture_read_on(f, reader).records, 0);
		assert_true(bytes_read() - before < 3 << 20);
	}
	/* Whole again. */
	assert_int_equal(pwrite(fd, batch, length, (off_t)at), length);
	assert_int_equal(fixture_read_on(f, reader).records, 1);
	assert_int_equal(journal_reader_newest(reader), segment + 4);
	/* And 4 MiB destroyed before the next one that is sound. */
	fixture_write(f, 1100, 10);
	last = segment + 4 + 1100;
	for (uint64_t hole = at + length; hole < at + length + (4 << 20); hole += length)
		assert_int_equal(pwrite(fd, batch + length, 64, (off_t)hole), 64);
	for (unsigned int i = 0; last > 0 && i < 10; i++) {
		struct read_result r = fixture_read_on(f, reader);

		if (r.records == 0)
			continue;
		assert_int_equal(r.losses.n, 1);
		assert_int_equal(r.losses.list[0].cause, LOSS_JOURNAL_DAMAGED);
		assert_int_equal(r.losses.list[0].first_seq, segment + 5);
		assert_int_equal(r.losses.list[0].last_seq, r.first_seq - 1);
		assert_int_equal(r.last_seq, last);
		last = 0;
	}
	assert_int_equal(last, 0);
	journal_reader_close(&reader);
	close(fd);
}

static void test_flipped_bit_is_named(void **state)
{
	struct fixture *f = *state;
	struct read_result r;
	uint64_t segment;
	char path[128];

	at_the_limit(f);
	fixture_open(f);
	fixture_write(f, FILLING, BATCH);
	segment = begin_reused(f, 20);
	fixture_segment_path(f, segment, path, sizeof(path));
	fixture_flip(path, fixture_batch(f, segment, 7, NULL) + 300, 4);
	for (int live = 1; live >= 0; live--) {
		r = fixture_read(f, segment - 1);
		assert_int_equal(r.losses.n, 1);
		assert_int_equal(r.losses.list[0].cause, LOSS_JOURNAL_DAMAGED);
		assert_int_equal(r.losses.list[0].first_seq, segment + 7);
		assert_int_equal(r.losses.list[0].last_seq, segment + 7);
		assert_int_equal(r.records, 19);
		fixture_close(f);
	}
}
/* A reader opens the oldest segment just before its name goes, another looks for it just after. */
static void open_around(struct trap *trap, const char *from, const char *to, bool done)
{
	uint64_t seq = strtoull(from, NULL, 10);
	int fd;

	if (strcmp(to, JOURNAL_SPARE_NAME) != 0 || trap->seen++ > 1)
		return;
	fd = open(trap->f->dir, O_RDONLY | O_DIRECTORY);
	if (done)
		trap->after_err = journal_scan_open(&trap->after, fd, seq);
	else
		trap->after_err = journal_scan_open(&trap->before, fd, seq);
	close(fd);
}

static void test_opening_while_the_name_goes(void **state)
{
	struct fixture *f = *state;
	struct journal_batch batch;
	static struct trap trap; /* outlives a failed test */
	uint64_t records = 0, held;
	struct stat st;

	at_the_limit(f);
	trap_init(&trap, f);
	trap.on_rename = open_around;
	fixture_open_io(f, &trap.io);
	fixture_write(f, 2 * FILLING, BATCH);
	assert_true(trap.seen >= 2);
	assert_int_equal(trap.after_err, -ENOENT);
	assert_int_equal(trap.after.fd, -1);
	assert_true(trap.before.fd >= 0);
	assert_int_equal(fstat(trap.before.fd, &st), 0);
	assert_false(is_a_segment(f, st.st_ino));
	held = trap.before.header.first_seq;
	while (journal_scan_next(&trap.before, &batch) == SCAN_BATCH) {
		assert_int_equal(batch.header.first_seq, held + records);
		assert_int_equal(batch.skipped, 0);
		records += batch.header.count;
	}
	assert_true(records > 100);
	expect_all(f, 2 * FILLING);
	journal_scan_free(&trap.before);
}

int __real_fstatat(int directory_fd, const char *name, struct stat *st, int flags);
int __wrap_fstatat(int directory_fd, const char *name, struct stat *st, int flags);

/* What happens when a reader has opened a file and has not looked at its name yet (the linker puts
 * this in front of fstatat). */
static const char *moved_from, *moved_to;
static const char *dropped_at; /* when that segment is looked at, it and what is older goes */

int __wrap_fstatat(int directory_fd, const char *name, struct stat *st, int flags)
{
	if (moved_from) {
		assert_int_equal(rename(moved_from, moved_to), 0);
		moved_from = NULL;
	}
	if (dropped_at && strcmp(name, dropped_at) == 0)
		for (uint64_t seq = 1; seq <= strtoull(name, NULL, 10); seq++) {
			char older[JOURNAL_NAME_BYTES];

			journal_segment_name(seq, older);
			(void)unlinkat(directory_fd, older, 0);
		}
	return __real_fstatat(directory_fd, name, st, flags);
}

/* The writer has asked whether it is open just before it was: the header still is the old one, and
 * will not be for long. */
static void test_opened_too_late(void **state)
{
	struct fixture *f = *state;
	struct journal_scan scan;
	char path[128], other[128];
	int fd;

	at_the_limit(f);
	fixture_open(f);
	fixture_write(f, 10, BATCH);
	fixture_segment_path(f, 1, path, sizeof(path));
	snprintf(other, sizeof(other), "%s/other", f->dir);
	fd = open(f->dir, O_RDONLY | O_DIRECTORY);
	journal_scan_init(&scan);
	assert_int_equal(journal_scan_open(&scan, fd, 1), 0);
	moved_from = path;
	moved_to = other;
	assert_int_equal(journal_scan_open(&scan, fd, 1), -ENOENT);
	assert_null(moved_from);
	assert_int_equal(scan.fd, -1);
	/* Another file has its name now. */
	fixture_copy(other, path);
	assert_int_equal(journal_scan_open(&scan, fd, 1), 0);
	moved_from = other;
	moved_to = path;
	assert_int_equal(journal_scan_open(&scan, fd, 1), -ENOENT);
	journal_scan_free(&scan);
	close(fd);
}

static void test_file_system_that_cannot_rename_so(void **state)
{
	struct fixture *f = *state;
	static struct trap trap; /* outlives a failed test */
	struct journal_stats stats;

	at_the_limit(f);
	trap_init(&trap, f);
	trap.rename_errno = EINVAL;
	fixture_open_io(f, &trap.io);
	fixture_write(f, 2 * FILLING, BATCH);
	journal_stats(f->journal, &stats);
	assert_false(stats.failing);
	assert_int_equal(bytes_on_disk(f), stats.size_bytes);
	assert_true(stats.size_bytes <= MAX_BYTES);
	assert_false(spare_is_there(f));
	expect_all(f, 2 * FILLING);
}
static void test_sound_over_generations(void **state)
{
	struct fixture *f = *state;
	struct journal_verdict verdict;
	char key[160];

	at_the_limit(f);
	export_key(f, key);
	for (unsigned int i = 0; i < 8; i++) {
		fixture_open(f);
		for (unsigned int j = 0; j < 10; j++) {
			fixture_write(f, 53, 1 + j);
			verdict = expect_sound(f, key);
			assert_true(verdict.sealed);
			assert_int_equal(verdict.end, JOURNAL_END_OPEN);
		}
		fixture_close(f);
		verdict = expect_sound(f, key);
		assert_int_equal(verdict.end, JOURNAL_END_CLEAN);
		assert_int_equal(verdict.last_seq, (i + 1) * 530);
	}
	assert_true(verdict.first_seq > 3000);
}

/* It takes its time, and retention goes on: what was dropped under its hands is not missing. But
 * what is gone with older segments still there is. */
static void test_verify_beside_retention(void **state)
{
	struct fixture *f = *state;
	struct journal_verdict verdict;
	char key[160], name[JOURNAL_NAME_BYTES], path[128];
	uint64_t first[8];
	struct errmsg em;
	size_t n;

	at_the_limit(f);
	export_key(f, key);
	fixture_open(f);
	fixture_write(f, 400, BATCH);
	n = fixture_segments(f, first, 8);
	assert_true(n >= 4);
	journal_segment_name(first[1], name);
	dropped_at = name;
	verdict = expect_sound(f, key);
	dropped_at = NULL;
	assert_int_equal(verdict.segments, n - 1);
	assert_int_equal(verdict.last_seq, 400);
	fixture_segment_path(f, first[1], path, sizeof(path));
	assert_int_not_equal(access(path, F_OK), 0);
	/* The next one is the oldest now; the one behind it goes by another hand. */
	fixture_segment_path(f, first[n - 1], path, sizeof(path));
	fixture_write(f, 100, BATCH);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(journal_verify(f->dir, key, &verdict, &em), 0);
	assert_false(verdict.sound);
}

/* Readers come and go at every place while a writer goes round and round: each record right, and
 * whatever is missing is said to be gone by retention. */
static void test_readers_beside_reuse(void **state)
{
	struct fixture *f = *state;
	uint64_t last = 0;
	pid_t pid;

	at_the_limit(f);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fixture_open(f);
		for (;;) {
			(void)fixture_append(f, 40, BATCH);
			(void)journal_poll(f->journal);
		}
	}
	while (fixture_segments(f, NULL, 0) < 4)
		(void)sched_yield();
	for (unsigned int i = 0; i < 400; i++) {
		struct read_result r = fixture_read(f, last > i % 500 ? last - i % 500 : 0);

		for (unsigned int j = 0; j < r.losses.n; j++)
			assert_int_equal(r.losses.list[j].cause, LOSS_JOURNAL_FULL);
		if (r.last_seq > last)
			last = r.last_seq;
	}
	assert_true(last > 4 * FILLING);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_files_are_used_again),
		TEST(test_open_file_is_left_alone),
		TEST(test_linked_file_is_left_alone),
		TEST(test_reader_keeps_what_it_has_open),
		TEST(test_unread_segment_stays),
		TEST(test_follows_through_generations),
		TEST(test_poll_at_the_edge_is_cheap),
		TEST(test_half_written_batch_over_older_bytes),
		TEST(test_flipped_bit_is_named),
		TEST(test_opening_while_the_name_goes),
		TEST(test_opened_too_late),
		TEST(test_file_system_that_cannot_rename_so),
		TEST(test_sound_over_generations),
		TEST(test_verify_beside_retention),
		TEST(test_readers_beside_reuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
