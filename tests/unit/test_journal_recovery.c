#include "pipeline/journal_recovery.h"

#include "journal_fixture.h"
#include "pipeline/journal_format.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLS 50

/* Writes as a child and dies without closing, so that nothing of journal_close() happens. */
static void write_and_die(struct fixture *f, unsigned int n, unsigned int batch)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		fixture_open(f);
		fixture_write(f, n, batch);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void save(struct fixture *f, uint64_t segment, char *path, char *copy, size_t cap)
{
	fixture_segment_path(f, segment, path, cap);
	snprintf(copy, cap, "%s/copy", f->dir);
	fixture_copy(path, copy);
}

/* Removes every segment but the one given, and the state. */
static void start_over(struct fixture *f, const char *path, const char *copy)
{
	uint64_t first[16];
	char other[128];
	size_t n = fixture_segments(f, first, 16);

	for (size_t i = 0; i < n; i++) {
		fixture_segment_path(f, first[i], other, sizeof(other));
		assert_int_equal(unlink(other), 0);
	}
	fixture_copy(copy, path);
}

/* Whatever byte the segment ends at: what is whole is read, the rest is named, writing goes on
 * behind it. */
static void test_any_truncation(void **state)
{
	struct fixture *f = *state;
	char path[128], copy[128], saved[128];
	uint64_t size, last_batch;

	f->record_bytes = 40;
	write_and_die(f, 12, 4);
	save(f, 1, path, copy, sizeof(path));
	snprintf(saved, sizeof(saved), "%s/state", f->dir);
	size = fixture_file_bytes(path);
	last_batch = fixture_batch(f, 1, 2, NULL);
	for (uint64_t cut = 0; cut < size; cut++) {
		struct read_result r;

		start_over(f, path, copy);
		(void)unlink(saved); /* it is newer than what a lost tail left */
		assert_int_equal(truncate(path, (off_t)cut), 0);
		fixture_open(f);
		fixture_write(f, 3, 3);
		r = fixture_read(f, 0);
		assert_true(r.records >= 3);
		if (cut >= last_batch) {
			assert_int_equal(r.first_seq, 1);
			assert_true(r.records == 8 + 3);
		}
		if (cut >= last_batch + sizeof(struct journal_batch_header)) {
			/* The torn batch's header tells what it held. */
			assert_int_equal(f->losses.n, 1);
			assert_int_equal(f->losses.list[0].cause, LOSS_JOURNAL_DAMAGED);
			assert_int_equal(f->losses.list[0].first_seq, 9);
			assert_int_equal(f->losses.list[0].last_seq, 12);
			assert_int_equal(f->losses.list[0].count, 4);
			assert_int_equal(r.last_seq, 15);
			assert_int_equal(r.losses.n, 1);
			assert_int_equal(r.losses.list[0].first_seq, 9);
			assert_int_equal(r.losses.list[0].last_seq, 12);
		}
		fixture_close(f);
	}
}

/* Every record that is read is right, every one that is not is within a named loss. */
static void check_all_accounted(struct fixture *f, uint64_t last)
{
	struct read_result r = fixture_read(f, 0);
	uint64_t lost = 0;

	for (unsigned int i = 0; i < r.losses.n; i++) {
		const struct journal_loss *loss = &r.losses.list[i];

		assert_int_equal(loss->cause, LOSS_JOURNAL_DAMAGED);
		assert_true(loss->first_seq <= loss->last_seq && loss->last_seq <= last);
		lost += loss->last_seq - loss->first_seq + 1;
	}
	assert_int_equal(r.records + lost, last - (r.first_seq > 1 && !lost ? r.first_seq - 1 : 0));
}

static void test_any_flipped_bit(void **state)
{
	struct fixture *f = *state;
	char path[128], copy[128], saved[128];
	uint64_t size;

	f->record_bytes = 40;
	write_and_die(f, 12, 4);
	save(f, 1, path, copy, sizeof(path));
	snprintf(saved, sizeof(saved), "%s/state", f->dir);
	size = fixture_file_bytes(path);
	for (uint64_t at = 0; at < size; at++) {
		start_over(f, path, copy);
		(void)unlink(saved);
		fixture_flip(path, at, (unsigned char)(1u << at % 8));
		fixture_open(f);
		fixture_write(f, 3, 3);
		check_all_accounted(f, fixture_read(f, 0).last_seq);
		if (at < JOURNAL_HEADER_BYTES) /* the other copy serves */
			assert_int_equal(fixture_read(f, 0).records, 15);
		else
			assert_int_equal(fixture_read(f, 0).records, 11);
		fixture_close(f);
	}
}

static void test_zero_filled_tail(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct read_result r;

	write_and_die(f, 100, 10);
	fixture_segment_path(f, 1, path, sizeof(path));
	assert_int_equal(truncate(path, (off_t)fixture_file_bytes(path) + 100000), 0);
	fixture_open(f);
	fixture_write(f, 100, 10);
	r = fixture_read(f, 0);
	assert_int_equal(r.records, 200);
	assert_int_equal(r.last_seq, 200);
	assert_int_equal(r.losses.n, 0); /* nobody ever had those numbers */
}

static void test_zeroed_batch_in_the_middle(void **state)
{
	struct fixture *f = *state;
	static const char zeros[65536];
	uint32_t length;
	uint64_t at;
	char path[128];
	struct read_result r;
	int fd;

	write_and_die(f, 100, 10);
	fixture_segment_path(f, 1, path, sizeof(path));
	at = fixture_batch(f, 1, 4, &length);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, zeros, length, (off_t)at), length);
	close(fd);
	fixture_open(f);
	assert_int_equal(f->losses.n, 1);
	assert_int_equal(f->losses.list[0].first_seq, 41);
	assert_int_equal(f->losses.list[0].last_seq, 50);
	fixture_write(f, 10, 10);
	r = fixture_read(f, 0);
	assert_int_equal(r.records, 100);
	assert_int_equal(r.losses.n, 1);
	assert_int_equal(r.losses.list[0].first_seq, 41);
	assert_int_equal(r.losses.list[0].last_seq, 50);
	assert_int_equal(r.losses.list[0].count, 10);
	assert_int_equal(r.last_seq, 110);
}

static void test_missing_segment(void **state)
{
	struct fixture *f = *state;
	struct read_result r;
	uint64_t first[16];
	char path[128];
	size_t n;

	f->record_bytes = 1000;
	f->settings.segment_bytes = 128 * 1024;
	fixture_open(f);
	fixture_write(f, 800, 10);
	fixture_close(f);
	n = fixture_segments(f, first, 16);
	assert_true(n >= 5);
	fixture_segment_path(f, first[2], path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	r = fixture_read(f, 0);
	assert_int_equal(r.losses.n, 1);
	assert_int_equal(r.losses.list[0].cause, LOSS_JOURNAL_DAMAGED);
	assert_int_equal(r.losses.list[0].first_seq, first[2]);
	assert_int_equal(r.losses.list[0].last_seq, first[3] - 1);
	fixture_open(f);
	assert_int_equal(f->losses.n, 1);
	assert_int_equal(f->losses.list[0].first_seq, first[2]);
	assert_int_equal(f->losses.list[0].last_seq, first[3] - 1);
	assert_int_equal(f->losses.list[0].count, first[3] - first[2]);
	fixture_write(f, 1, 1);
	assert_int_equal(fixture_read(f, 0).last_seq, 801);
	fixture_close(f);
	fixture_open(f); /* said once */
	assert_int_equal(f->losses.n, 0);
}

static void test_missing_newest_segment(void **state)
{
	struct fixture *f = *state;
	struct read_result r;
	uint64_t first[16];
	char path[128];
	size_t n;

	f->record_bytes = 1000;
	f->settings.segment_bytes = 128 * 1024;
	fixture_open(f);
	fixture_write(f, 500, 10);
	fixture_close(f);
	n = fixture_segments(f, first, 16);
	fixture_segment_path(f, first[n - 1], path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	fixture_open(f);
	assert_int_equal(f->losses.n, 1);
	assert_int_equal(f->losses.list[0].first_seq, first[n - 1]);
	assert_int_equal(f->losses.list[0].last_seq, 500);
	fixture_write(f, 10, 10);
	r = fixture_read(f, 0);
	assert_int_equal(r.last_seq, 510);
	assert_int_equal(r.losses.n, 1);
	assert_int_equal(r.losses.list[0].first_seq, first[n - 1]);
	assert_int_equal(r.losses.list[0].last_seq, 500);
}

static void put_file(struct fixture *f, const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void test_foreign_files(void **state)
{
	struct fixture *f = *state;
	struct read_result r;
	char path[128], target[128];

	fixture_open(f);
	fixture_write(f, 10, 10);
	fixture_close(f);
	put_file(f, "00000000000000000005.weir", "");
	put_file(f, "00000000000000000011.weir",
		 "not a segment, and longer than a header could "
		 "be in a file of its kind, or so it seems");
	put_file(f, "18446744073709551615.weir", "greatest");
	put_file(f, "99999999999999999999.weir", "no number");
	put_file(f, "notes.txt", "hello");
	fixture_segment_path(f, 1, path, sizeof(path));
	snprintf(target, sizeof(target), "%s/00000000000000000900.weir", f->dir);
	fixture_copy(path, target); /* its header says 1 */
	snprintf(target, sizeof(target), "%s/00000000000000000950.weir", f->dir);
	assert_int_equal(symlink("/dev/zero", target), 0);
	snprintf(target, sizeof(target), "%s/00000000000000000960.weir", f->dir);
	assert_int_equal(mkfifo(target, 0600), 0);
	fixture_open(f);
	fixture_write(f, 10, 10);
	r = fixture_read(f, 0);
	assert_int_equal(r.records, 20);
	/* A name that is taken costs its number, and that is said. */
	assert_int_equal(r.losses.n, 1);
	assert_int_equal(r.losses.list[0].first_seq, 11);
	assert_int_equal(r.losses.list[0].last_seq, 11);
	assert_int_equal(r.last_seq, 21);
	fixture_close(f);
}

/* Cut off while the next segment was being made: an empty or half-written header. */
static void test_stillborn_segment(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++) {
		char name[64];

		fixture_open(f);
		assert_int_equal(f->losses.n, 0);
		fixture_write(f, 10, 10);
		fixture_close(f);
		snprintf(name, sizeof(name), "%020d.weir", 10 * (i + 1) + 1);
		put_file(f, name, i ? "\xffWJR" : "");
	}
	fixture_open(f);
	fixture_write(f, 10, 10);
	assert_int_equal(fixture_read(f, 0).records, 40);
	assert_int_equal(fixture_read(f, 0).losses.n, 0);
	assert_int_equal(fixture_read(f, 0).last_seq, 40);
}

/* After a power loss a reader may have acknowledged what the disk never got: those numbers must
 * not be given to others. */
static void test_power_loss_skips_numbers(void **state)
{
	struct fixture *f = *state;
	struct read_result r;

	write_and_die(f, 100, 10);
	memcpy(f->settings.boot_id, BOOT_B, sizeof(f->settings.boot_id));
	fixture_open(f);
	assert_int_equal(f->losses.n, 1);
	assert_int_equal(f->losses.list[0].first_seq, 101);
	assert_int_equal(f->losses.list[0].count, 0);
	fixture_write(f, 5, 5);
	r = fixture_read(f, 0);
	assert_int_equal(r.records, 105);
	assert_true(r.last_seq > 1000000);
	assert_int_equal(r.losses.n, 1);
	assert_int_equal(r.losses.list[0].first_seq, 101);
	assert_int_equal(r.losses.list[0].last_seq, r.last_seq - 5);
	/* A cursor ahead of what was found resumes at what came after. */
	assert_int_equal(fixture_read(f, 5000).records, 5);
}

static void test_orderly_reboot_skips_none(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	fixture_write(f, 100, 10);
	fixture_close(f);
	memcpy(f->settings.boot_id, BOOT_B, sizeof(f->settings.boot_id));
	fixture_open(f);
	assert_int_equal(f->losses.n, 0);
	fixture_write(f, 5, 5);
	assert_int_equal(fixture_read(f, 0).last_seq, 105);
}

static void test_lost_and_damaged_state(void **state)
{
	struct fixture *f = *state;
	char path[128];

	f->settings.seal = true;
	snprintf(path, sizeof(path), "%s/state", f->dir);
	for (int i = 0; i < 3; i++) {
		fixture_open(f);
		fixture_write(f, 10, 10);
		fixture_close(f);
		if (i == 0) {
			fixture_flip(path, 100, 1); /* the other copy serves */
		} else if (i == 1) {
			fixture_flip(path, 100, 1);
			fixture_flip(path, 4096 + 100, 1);
		} else {
			assert_int_equal(unlink(path), 0);
		}
	}
	fixture_open(f);
	fixture_write(f, 10, 10);
	assert_int_equal(fixture_read(f, 0).records, 40);
	assert_int_equal(fixture_read(f, 0).last_seq, 40);
}

/* As fast as it can, so that it is killed in the middle; but not more than a slow reader can
 * follow. */
static void child_writes(struct fixture *f)
{
	fixture_open(f);
	for (unsigned int i = 0; i < 200; i++) {
		/* Refused when the disk is slower: those have no number, so none goes missing. */
		(void)fixture_append(f, 1 + i % 97, 1 + i % 13);
		(void)journal_poll(f->journal);
		f->losses.n = 0;
	}
	for (;;)
		pause();
}

/* Reads until the child has written that far; returns the last number read. */
static uint64_t read_while_written(struct fixture *f, struct journal_reader *reader, uint64_t until)
{
	uint64_t last = 0, deadline = clock_boot_ns(&f->clock) + 90 * NSEC_PER_SEC;

	while (last < until) {
		struct read_result r = fixture_read_on(f, reader);

		if (r.records)
			last = r.last_seq;
		assert_true(clock_boot_ns(&f->clock) < deadline);
	}
	return last;
}

/* SIGKILL in the middle of writing, over and over: what a reader saw stays, in order, and numbers
 * go on without one being used twice. A reader that lives through it all misses nothing but what
 * was half-written. */
static void test_killed_again_and_again(void **state)
{
	struct fixture *f = *state;
	struct journal_reader *reader;
	struct read_result r;
	struct errmsg em;
	uint64_t seen = 0, lost = 0;
	struct journal_verdict verdict;
	char key[160] = "";
	struct buf key_text = buf_fixed(key, sizeof(key) - 1);
	int status;
	pid_t pid;

	assert_int_equal(journal_seal_export(f->dir, &key_text, &em), 0);
	f->settings.seal = true;
	f->settings.segment_bytes = 256 * 1024;
	f->settings.max_bytes = 1ull << 30;
	f->settings.sync_interval_ns = 20 * NSEC_PER_MSEC;
	for (unsigned int i = 0; i < KILLS; i++) {
		assert_int_equal(journal_reader_open(f->dir, seen, &reader, &em), 0);
		pid = fork();
		if (pid == 0) {
			/* A failed test leaves no writer behind. */
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			child_writes(f);
		}
		seen = read_while_written(f, reader, seen + 50 + i * 37 % 400);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		journal_reader_close(&reader);
		r = fixture_read(f, 0);
		assert_true(r.last_seq >= seen);
		seen = r.last_seq;
	}
	fixture_open(f);
	fixture_write(f, 1, 1);
	r = fixture_read(f, 0);
	for (unsigned int i = 0; i < r.losses.n; i++)
		lost += r.losses.list[i].last_seq - r.losses.list[i].first_seq + 1;
	assert_int_equal(r.first_seq, 1);
	assert_int_equal(r.records + lost, r.last_seq);
	fixture_close(f);
	assert_int_equal(journal_verify(f->dir, key, &verdict, &em), 0);
	if (!verdict.sound)
		fail_msg("%s", verdict.bad);
	assert_int_equal(verdict.records, r.records);
	assert_true(verdict.unclean_ends > 0 && verdict.unclean_ends <= KILLS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_any_truncation),
		TEST(test_any_flipped_bit),
		TEST(test_zero_filled_tail),
		TEST(test_zeroed_batch_in_the_middle),
		TEST(test_missing_segment),
		TEST(test_missing_newest_segment),
		TEST(test_foreign_files),
		TEST(test_stillborn_segment),
		TEST(test_power_loss_skips_numbers),
		TEST(test_orderly_reboot_skips_none),
		TEST(test_lost_and_damaged_state),
		TEST(test_killed_again_and_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
