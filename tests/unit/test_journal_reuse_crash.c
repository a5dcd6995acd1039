/* What is left when the writer dies, the power goes or the disk refuses while a segment is made of
 * an older one's file, and afterwards while older bytes stand behind it. */
#include "pipeline/journal_recovery.h"

#include "pipeline/journal_directory.h"
#include "pipeline/journal_format.h"
#include "reuse_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct shared {
	_Atomic uint64_t written; /* the last number that could be read */
	atomic_bool survived;
} * shared;

/* A child fills the journal to the limit and then dies at the n-th call. */
static bool die_at(struct fixture *f, int call, bool half)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		static struct trap trap;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		trap_init(&trap, f);
		trap.half = half;
		shared->survived = false;
		fixture_open_io(f, &trap.io);
		fixture_write(f, FILLING, BATCH);
		shared->written = fixture_read(f, 0).last_seq;
		trap.countdown = call;
		/* Two segments long. */
		for (unsigned int i = 0; i < 26; i++) {
			fixture_write(f, BATCH, BATCH);
			shared->written += BATCH;
		}
		shared->survived = true;
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return !shared->survived;
}

/* Whatever the writer was about to do: what could be read is there, nothing is wrong or missing,
 * nothing is left lying about, and it goes on. */
static void killed_at_every_call(struct fixture *f, bool half)
{
	char key[160];
	int call = 1;

	at_the_limit(f);
	/* Every batch and every sync is a call: few of them, so that rotations are among them. */
	f->settings.sync_interval_ns = 3600 * NSEC_PER_SEC;
	export_key(f, key);
	for (; die_at(f, call, half); call++) {
		assert_true(fixture_read(f, 0).last_seq >= shared->written);
		if (expect_sound(f, key).end == JOURNAL_END_TORN)
			assert_true(half);
		fixture_open(f);
		assert_false(spare_is_there(f));
		/* Half a batch's numbers may be lost, and are named then. */
		assert_true(f->losses.n <= half);
		assert_true(bytes_on_disk(f) <= MAX_BYTES + BATCH * (RECORD_BYTES + 200));
		fixture_write(f, 1, 1);
		fixture_close(f);
		(void)expect_sound(f, key);
	}
	assert_true(call > 40);
}

static void test_killed_at_every_call(void **state)
{
	killed_at_every_call(*state, false);
}

static void test_killed_in_every_write(void **state)
{
	killed_at_every_call(*state, true);
}

static void die_behind_the_name(struct trap *trap, const char *from, const char *to, bool done)
{
	if (done && strcmp(to, JOURNAL_SPARE_NAME) != 0)
		trap->at_batch = true;
}

/* Its name is there, and nothing in it but the older bytes: an empty segment, and the header says
 * which is the oldest now, for whoever has no state. */
static void test_killed_before_the_first_batch(void **state)
{
	struct fixture *f = *state;
	char key[160], saved[128], away[128];
	uint64_t newest;
	int status;
	pid_t pid;

	at_the_limit(f);
	export_key(f, key);
	pid = fork();
	if (pid == 0) {
		static struct trap trap;

		trap_init(&trap, f);
		trap.on_rename = die_behind_the_name;
		fixture_open_io(f, &trap.io);
		fixture_write(f, FILLING, BATCH);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	newest = newest_segment(f);
	assert_true(stat_of(f, newest).st_size > SEGMENT_BYTES / 2);
	assert_int_equal(expect_sound(f, key).end, JOURNAL_END_OPEN);
	snprintf(saved, sizeof(saved), "%s/state", f->dir);
	snprintf(away, sizeof(away), "%s/state.away", f->dir);
	assert_int_equal(rename(saved, away), 0);
	(void)expect_sound(f, key);
	assert_int_equal(rename(away, saved), 0);
	expect_all(f, newest - 1);
	fixture_open(f);
	assert_int_equal(f->losses.n, 0);
	fixture_write(f, 1, 1);
	assert_int_equal(newest_segment(f), newest);
	assert_true(stat_of(f, newest).st_size < 4096);
	fixture_close(f);
	expect_all(f, newest);
	(void)expect_sound(f, key);
}

static void kill_writer(struct fixture *f, unsigned int records)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		fixture_open(f);
		fixture_write(f, FILLING, BATCH);
		(void)begin_reused(f, records);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Older bytes behind an edge are neither damage nor a torn batch, and they go. */
static void test_older_bytes_are_no_damage(void **state)
{
	struct fixture *f = *state;
	uint64_t last, newest, size;
	struct journal_verdict verdict;
	struct journal_stats stats;
	char key[160];

	at_the_limit(f);
	export_key(f, key);
	kill_writer(f, 20);
	last = fixture_read(f, 0).last_seq;
	verdict = expect_sound(f, key);
	assert_int_equal(verdict.end, JOURNAL_END_OPEN);
	newest = newest_segment(f);
	size = (uint64_t)stat_of(f, newest).st_size;
	fixture_open(f);
	assert_int_equal(f->losses.n, 0);
	assert_true((uint64_t)stat_of(f, newest).st_size < size / 2);
	journal_stats(f->journal, &stats);
	assert_int_equal(stats.size_bytes, bytes_on_disk(f));
	fixture_write(f, 1, 1);
	fixture_close(f);
	expect_all(f, last + 1);
	verdict = expect_sound(f, key);
	assert_int_equal(verdict.torn_ends, 0);
	assert_int_equal(verdict.unclean_ends, 1);
	assert_int_equal(verdict.declared_lost, 0);
	assert_int_equal(verdict.end, JOURNAL_END_CLEAN);
}

/* After a power loss an edge may have outlived the batch that went over it, with later ones on the
 * disk: they are found, and what is missing between is named. */
static void test_edge_that_outlived_its_batch(void **state)
{
	struct fixture *f = *state;
	uint8_t edge[sizeof(struct journal_edge)];
	struct journal_scan scan;
	struct read_result r;
	uint64_t newest, at, last;
	char path[128];
	int fd;

	at_the_limit(f);
	f->settings.sync_interval_ns = 3600 * NSEC_PER_SEC;
	kill_writer(f, 20);
	newest = newest_segment(f);
	last = fixture_read(f, 0).last_seq;
	at = fixture_batch(f, newest, 12, NULL);
	fd = open(f->dir, O_RDONLY | O_DIRECTORY);
	journal_scan_init(&scan);
	assert_int_equal(journal_scan_open(&scan, fd, newest), 0);
	journal_edge_write(edge, scan.header.number, at);
	journal_scan_free(&scan);
	close(fd);
	fixture_segment_path(f, newest, path, sizeof(path));
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, edge, sizeof(edge), (off_t)at), sizeof(edge));
	close(fd);
	memcpy(f->settings.boot_id, BOOT_B, sizeof(f->settings.boot_id));
	fixture_open(f);
	assert_int_equal(f->losses.n, 2); /* that one, and what power took behind the end */
	assert_int_equal(f->losses.list[0].first_seq, newest + 12);
	assert_int_equal(f->losses.list[0].last_seq, newest + 12);
	assert_int_equal(f->losses.list[1].first_seq, last + 1);
	fixture_write(f, 1, 1);
	r = fixture_read(f, newest - 1);
	assert_int_equal(r.records, 20 - 1 + 1);
	assert_int_equal(r.losses.n, 2);
	assert_int_equal(r.losses.list[0].cause, LOSS_JOURNAL_DAMAGED);
	assert_int_equal(r.losses.list[0].first_seq, newest + 12);
	assert_int_equal(r.losses.list[0].last_seq, newest + 12);
}

/* Pages of both: a record of an older batch, whole and of the same length, in a newer one. */
static void test_older_record_in_a_newer_batch(void **state)
{
	struct fixture *f = *state;
	const size_t record = sizeof(struct journal_record_header) + RECORD_BYTES;
	static uint8_t bytes[2 * (1 << 11)];
	struct read_result r;
	uint64_t newest, older;
	char path[128];
	int fd;

	at_the_limit(f);
	fixture_open(f);
	fixture_write(f, 2 * BATCH, BATCH);
	older = fixture_batch(f, 1, 0, NULL) + sizeof(struct journal_batch_header) + 3 * record;
	newest = fixture_batch(f, 1, 1, NULL) + sizeof(struct journal_batch_header) + 3 * record;
	fixture_segment_path(f, 1, path, sizeof(path));
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, bytes, record, (off_t)older), record);
	assert_int_equal(pwrite(fd, bytes, record, (off_t)newest), record);
	close(fd);
	fixture_write(f, 1, 1);
	r = fixture_read(f, 0);
	assert_int_equal(r.records, BATCH + 1);
	assert_int_equal(r.losses.n, 1);
	assert_int_equal(r.losses.list[0].first_seq, BATCH + 1);
	assert_int_equal(r.losses.list[0].last_seq, 2 * BATCH);
}

/* Or the new header reached the disk and the new name did not: the old name holds it. */
static void test_new_header_under_the_old_name(void **state)
{
	struct fixture *f = *state;
	uint64_t first[64], last;
	char path[128], newest[128], key[160];
	size_t n;

	at_the_limit(f);
	export_key(f, key);
	fixture_open(f);
	fixture_write(f, FILLING, BATCH);
	fixture_segments(f, first, 64);
	fixture_segment_path(f, first[0], path, sizeof(path)); /* the next to go */
	(void)begin_reused(f, 1);
	fixture_close(f);
	n = fixture_segments(f, first, 64);
	/* As if that had been cut off before its last step, with not one batch in it. */
	fixture_segment_path(f, first[n - 1], newest, sizeof(newest));
	assert_int_not_equal(access(path, F_OK), 0);
	fixture_copy(newest, path);
	last = fixture_read(f, 0).last_seq;
	fixture_open(f);
	assert_int_equal(f->losses.n, 0);
	assert_int_not_equal(access(path, F_OK), 0);
	fixture_write(f, 1, 1);
	fixture_close(f);
	expect_all(f, last + 1);
	assert_int_equal(fixture_read(f, 5).losses.list[0].cause, LOSS_JOURNAL_FULL);
	(void)expect_sound(f, key);
}

/* A write that fails in the middle is taken back with the older bytes behind it. */
static ssize_t write_by_half(const struct journal_io *io, int fd, const void *bytes, size_t n,
			     off_t offset)
{
	struct trap *trap = io->ctx;

	if (trap->countdown > 0 && n > 4096 && --trap->countdown == 0) {
		(void)!pwrite(fd, bytes, n / 2, offset);
		errno = EIO;
		return -1;
	}
	return pwrite(fd, bytes, n, offset);
}

static void test_failed_write_is_taken_back(void **state)
{
	struct fixture *f = *state;
	static struct trap trap; /* outlives a failed test */
	struct journal_stats stats;
	char key[160];

	at_the_limit(f);
	export_key(f, key);
	trap_init(&trap, f);
	trap.io.write_at = write_by_half;
	fixture_open_io(f, &trap.io);
	fixture_write(f, FILLING, BATCH);
	for (unsigned int i = 0; i < 40; i++) {
		trap.countdown = 5;
		fixture_write(f, 7 * BATCH, BATCH);
		journal_stats(f->journal, &stats);
		assert_int_equal(stats.size_bytes, bytes_on_disk(f));
		assert_true(stats.size_bytes <= MAX_BYTES);
	}
	assert_true(stats.write_errors >= 40);
	expect_all(f, FILLING + 40 * 7 * BATCH);
	fixture_close(f);
	(void)expect_sound(f, key);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_killed_at_every_call),	  TEST(test_killed_in_every_write),
		TEST(test_killed_before_the_first_batch), TEST(test_older_bytes_are_no_damage),
		TEST(test_edge_that_outlived_its_batch),  TEST(test_older_record_in_a_newer_batch),
		TEST(test_new_header_under_the_old_name), TEST(test_failed_write_is_taken_back),
	};

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
