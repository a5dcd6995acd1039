/* At the limit the oldest segment's file becomes the next segment: what readers, recovery and
 * verify make of a file that holds an older segment's bytes behind its own, and what is left when
 * the writer dies in the middle of that. */
#include "pipeline/journal_segment.h"

#include "journal_fixture.h"
#include "pipeline/journal_directory.h"
#include "pipeline/journal_format.h"
#include "pipeline/journal_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEGMENT_BYTES (128u * 1024)
#define MAX_BYTES     (4 * SEGMENT_BYTES)
#define RECORD_BYTES  1000u
#define BATCH	      10u
/* More than the journal holds: from here on each segment is made of an older one's file. */
#define FILLING 1000u

/* --- what lies in the directory --- */

static void at_the_limit(struct fixture *f)
{
	f->record_bytes = RECORD_BYTES;
	f->settings.max_bytes = MAX_BYTES;
	f->settings.segment_bytes = SEGMENT_BYTES;
}

static struct stat stat_of(struct fixture *f, uint64_t segment)
{
	char path[128];
	struct stat st;

	fixture_segment_path(f, segment, path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	return st;
}

static uint64_t newest_segment(struct fixture *f)
{
	uint64_t first[64];
	size_t n = fixture_segments(f, first, 64);

	assert_true(n > 0);
	return first[n - 1];
}

static bool is_a_segment(struct fixture *f, ino_t inode)
{
	uint64_t first[64];
	size_t n = fixture_segments(f, first, 64);

	for (size_t i = 0; i < n; i++)
		if (stat_of(f, first[i]).st_ino == inode)
			return true;
	return false;
}

static uint64_t bytes_on_disk(struct fixture *f)
{
	uint64_t first[64], bytes = 0;
	size_t n = fixture_segments(f, first, 64);

	for (size_t i = 0; i < n; i++)
		bytes += (uint64_t)stat_of(f, first[i]).st_size;
	return bytes;
}

static bool spare_is_there(struct fixture *f)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/" JOURNAL_SPARE_NAME, f->dir);
	return access(path, F_OK) == 0;
}

static void export_key(struct fixture *f, char key[160])
{
	struct buf text = buf_fixed(key, 159);
	struct errmsg em = { "" };

	f->settings.seal = true;
	if (journal_seal_export(f->dir, &text, &em) < 0)
		fail_msg("%s", em.text);
	key[text.len] = '\0';
}

static struct journal_verdict expect_sound(struct fixture *f, const char *key)
{
	struct journal_verdict verdict;
	struct errmsg em = { "" };

	if (journal_verify(f->dir, key, &verdict, &em) < 0)
		fail_msg("%s", em.text);
	if (!verdict.sound)
		fail_msg("%s", verdict.bad);
	assert_int_equal(verdict.missing_records, 0);
	return verdict;
}

/* From the oldest there is to `last`, without a hole. */
static void expect_all(struct fixture *f, uint64_t last)
{
	struct read_result r = fixture_read(f, 0);

	assert_int_equal(r.losses.n, 0);
	assert_int_equal(r.last_seq, last);
	assert_int_equal(r.records, last - r.first_seq + 1);
}

/* Goes on until the newest segment is in a file of an older one and starts with `records`. */
static uint64_t begin_reused(struct fixture *f, unsigned int records)
{
	uint64_t before = newest_segment(f);

	while (newest_segment(f) == before)
		fixture_write(f, 1, 1);
	fixture_write(f, records - 1, 1);
	assert_true((uint64_t)stat_of(f, newest_segment(f)).st_size > SEGMENT_BYTES / 2);
	return newest_segment(f);
}

/* --- the rule --- */

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

/* --- in the middle of it --- */

/* What the I/O shim does at which call. */
struct trap {
	struct journal_io io;
	struct fixture *f;
	atomic_int countdown; /* dies before that call; 0: not armed */
	bool half;	      /* a write is done by half first */
	bool at_batch;	      /* dies before the next batch */
	int rename_errno;     /* what renaming says */
	void (*on_rename)(struct trap *trap, const char *from, const char *to, bool done);
	struct journal_scan before, after; /* opened by on_rename */
	int after_err;
	unsigned int seen;
};

static void step(struct trap *trap)
{
	if (trap->countdown > 0 && --trap->countdown == 0)
		kill(getpid(), SIGKILL);
}

static ssize_t trap_write_at(const struct journal_io *io, int fd, const void *bytes, size_t n,
			     off_t offset)
{
	struct trap *trap = io->ctx;

	if (trap->half && trap->countdown == 1)
		(void)!pwrite(fd, bytes, n / 2, offset);
	if (trap->at_batch && n > 4096)
		kill(getpid(), SIGKILL);
	step(trap);
	return pwrite(fd, bytes, n, offset);
}

static int trap_sync(const struct journal_io *io, int fd)
{
	step(io->ctx);
	return fdatasync(fd);
}

static int trap_truncate(const struct journal_io *io, int fd, off_t bytes)
{
	step(io->ctx);
	return ftruncate(fd, bytes);
}

static int trap_rename(const struct journal_io *io, int directory_fd, const char *from,
		       const char *to)
{
	struct trap *trap = io->ctx;
	int err;

	step(trap);
	if (trap->rename_errno) {
		errno = trap->rename_errno;
		return -1;
	}
	if (trap->on_rename)
		trap->on_rename(trap, from, to, false);
	err = journal_io_system.rename(&journal_io_system, directory_fd, from, to);
	if (trap->on_rename)
		trap->on_rename(trap, from, to, true);
	return err;
}

static void trap_init(struct trap *trap, struct fixture *f)
{
	memset(trap, 0, sizeof(*trap));
	trap->f = f;
	trap->io = journal_io_system;
	trap->io.write_at = trap_write_at;
	trap->io.sync = trap_sync;
	trap->io.truncate = trap_truncate;
	trap->io.rename = trap_rename;
	trap->io.ctx = trap;
	journal_scan_init(&trap->before);
	journal_scan_init(&trap->after);
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

int __wrap_fstatat(int directory_fd, const char *name, struct stat *st, int flags)
{
	if (moved_from) {
		assert_int_equal(rename(moved_from, moved_to), 0);
		moved_from = NULL;
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

/* --- verify, and both at once --- */

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
		TEST(test_killed_at_every_call),
		TEST(test_killed_in_every_write),
		TEST(test_killed_before_the_first_batch),
		TEST(test_older_bytes_are_no_damage),
		TEST(test_edge_that_outlived_its_batch),
		TEST(test_older_record_in_a_newer_batch),
		TEST(test_new_header_under_the_old_name),
		TEST(test_failed_write_is_taken_back),
		TEST(test_sound_over_generations),
		TEST(test_readers_beside_reuse),
	};

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
