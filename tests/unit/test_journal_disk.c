/* What the journal does when the disk refuses: through the I/O shim, and on a real tmpfs of 1 MiB.
 */
#include "pipeline/journal_io.h"

#include "journal_fixture.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* A disk with so many bytes left; what goes past falls short first, as a real one does. */
struct disk {
	struct journal_io io;
	_Atomic int64_t room;
	atomic_int write_errno, sync_errno, truncate_errno;
	atomic_uint failures;
	_Atomic int64_t reserved_bytes;
};

static ssize_t disk_write_at(const struct journal_io *io, int fd, const void *bytes, size_t n,
			     off_t offset)
{
	struct disk *disk = io->ctx;
	struct stat st;
	int64_t grows;

	if (disk->write_errno) {
		disk->failures++;
		errno = disk->write_errno;
		return -1;
	}
	if (fstat(fd, &st) < 0)
		return -1;
	grows = (int64_t)offset + (int64_t)n - st.st_size;
	if (grows > disk->room) {
		disk->failures++;
		n -= (size_t)(grows - disk->room);
		grows = disk->room;
		if (n == 0 || (int64_t)n < 0) {
			errno = ENOSPC;
			return -1;
		}
	}
	if (grows > 0)
		disk->room -= grows;
	return pwrite(fd, bytes, n, offset);
}

static int disk_sync(const struct journal_io *io, int fd)
{
	struct disk *disk = io->ctx;

	if (disk->sync_errno == 0)
		return 0;
	disk->failures++;
	errno = disk->sync_errno;
	return -1;
}

static int disk_truncate(const struct journal_io *io, int fd, off_t bytes)
{
	struct disk *disk = io->ctx;
	struct stat st;

	if (disk->truncate_errno) {
		errno = disk->truncate_errno;
		return -1;
	}
	if (fstat(fd, &st) == 0 && st.st_size > bytes)
		disk->room += st.st_size - bytes;
	return ftruncate(fd, bytes);
}

static void disk_reserve(const struct journal_io *io, int fd, off_t offset, off_t bytes)
{
	struct disk *disk = io->ctx;

	disk->reserved_bytes += bytes;
	journal_io_system.reserve(io, fd, offset, bytes);
}

static void disk_init(struct disk *disk)
{
	memset(disk, 0, sizeof(*disk));
	disk->io = journal_io_system;
	disk->io.write_at = disk_write_at;
	disk->io.sync = disk_sync;
	disk->io.truncate = disk_truncate;
	disk->io.reserve = disk_reserve;
	disk->io.ctx = disk;
	disk->room = INT64_MAX;
}

/* Appends until the journal refuses, polling as a loop does; how many were taken. */
static uint64_t append_until_refused(struct fixture *f, unsigned int max)
{
	struct journal_stats stats;

	for (unsigned int i = 0; i < max; i++) {
		if (!fixture_append(f, 10, 10))
			break;
		(void)journal_poll(f->journal);
	}
	journal_commit(f->journal);
	journal_stats(f->journal, &stats);
	return stats.refused_records;
}

static bool is_failing(struct fixture *f)
{
	struct journal_stats stats;

	journal_stats(f->journal, &stats);
	return stats.failing;
}

static bool is_well(struct fixture *f)
{
	return !is_failing(f) && f->losses.n > 0;
}

/* The loss equation: what was asked for is on disk, refused, or dropped. */
static void expect_all_there(struct fixture *f, uint64_t last)
{
	struct read_result r = fixture_read(f, 0);

	assert_int_equal(r.losses.n, 0);
	assert_int_equal(r.records, last);
	assert_int_equal(r.last_seq, last);
}

static uint64_t next_seq(struct fixture *f)
{
	uint64_t seq = 0;

	assert_non_null(journal_begin_record(f->journal, &seq));
	return seq;
}

static void test_full_disk_with_block(void **state)
{
	struct fixture *f = *state;
	struct journal_stats stats;
	static struct disk disk; /* outlives a failed test */
	uint64_t refused, last;

	disk_init(&disk);
	f->record_bytes = 1000;
	f->settings.when_full = JOURNAL_BLOCK;
	f->settings.memory_bytes = 1 << 20;
	fixture_open_io(f, &disk.io);
	journal_set_low_cursor(f->journal, 0);
	fixture_write(f, 100, 10);
	disk.room = 12345;
	assert_true(fixture_append(f, 20, 10));
	fixture_wait(f, is_failing);
	refused = append_until_refused(f, 1000);
	assert_int_equal(refused, 1);
	journal_stats(f->journal, &stats);
	assert_int_equal(stats.last_errno, ENOSPC);
	assert_true(stats.memory_bytes <= (1 << 20));
	assert_true(stats.write_errors > 0);
	assert_int_equal(f->losses.n, 0); /* said when it is over */
	assert_true(fixture_read(f, 0).records >= 100);
	disk.room = INT64_MAX;
	fixture_wait(f, is_well);
	assert_int_equal(f->losses.n, 1);
	assert_int_equal(f->losses.list[0].cause, LOSS_JOURNAL_ERROR);
	assert_int_equal(f->losses.list[0].count, refused);
	assert_int_equal(f->losses.list[0].first_seq, 0);
	assert_true(f->losses.list[0].first_wall_ns > 0);
	assert_true(f->losses.list[0].last_wall_ns >= f->losses.list[0].first_wall_ns);
	last = next_seq(f) - 1;
	fixture_wait_written(f, last);
	expect_all_there(f, last);
}

static void test_full_disk_drops_the_oldest(void **state)
{
	struct fixture *f = *state;
	struct journal_stats stats;
	struct read_result r;
	static struct disk disk; /* outlives a failed test */

	/* The shim does not see unlink(2), so the room comes back with the error's end. */
	disk_init(&disk);
	f->record_bytes = 1000;
	f->settings.segment_bytes = 128 * 1024;
	fixture_open_io(f, &disk.io);
	fixture_write(f, 1000, 10);
	disk.room = 20000;
	assert_true(fixture_append(f, 100, 10));
	fixture_wait(f, is_failing);
	disk.room = INT64_MAX;
	fixture_wait_written(f, 1100);
	journal_stats(f->journal, &stats);
	assert_true(stats.dropped_records > 0);
	r = fixture_read(f, 0);
	assert_int_equal(r.losses.n, 0);
	assert_int_equal(r.records + stats.dropped_records, 1100);
	assert_int_equal(r.last_seq, 1100);
}

/* EIO: the segment is left and another made; nothing is lost. */
static void test_write_error_moves_on(void **state)
{
	struct fixture *f = *state;
	uint64_t first[8];
	static struct disk disk; /* outlives a failed test */

	disk_init(&disk);
	f->settings.seal = true;
	fixture_open_io(f, &disk.io);
	fixture_write(f, 100, 10);
	disk.write_errno = EIO;
	disk.truncate_errno = EIO;
	assert_true(fixture_append(f, 100, 10));
	fixture_wait(f, is_failing);
	disk.write_errno = disk.truncate_errno = 0;
	fixture_wait_written(f, 200);
	expect_all_there(f, 200);
	assert_int_equal(fixture_segments(f, first, 8), 2);
	assert_int_equal(first[1], 101);
}

static void test_sync_error_moves_on(void **state)
{
	struct fixture *f = *state;
	struct journal_stats stats;
	static struct disk disk; /* outlives a failed test */

	disk_init(&disk);
	f->settings.sync_interval_ns = 0;
	fixture_open_io(f, &disk.io);
	fixture_write(f, 100, 10);
	disk.sync_errno = EIO;
	assert_true(fixture_append(f, 10, 10));
	fixture_wait(f, is_failing);
	disk.sync_errno = 0;
	assert_true(fixture_append(f, 10, 10));
	fixture_wait_written(f, 120);
	expect_all_there(f, 120);
	journal_stats(f->journal, &stats);
	assert_true(stats.write_errors > 0);
	assert_false(stats.failing);
}

/* Batches of every length meet every amount of room: what was half-written is taken back. */
static void test_short_writes_leave_no_trace(void **state)
{
	struct fixture *f = *state;
	struct journal_verdict verdict;
	struct buf key = buf_growable(200);
	struct errmsg em;
	static struct disk disk; /* outlives a failed test */
	uint64_t seq = 0;

	disk_init(&disk);
	assert_int_equal(journal_seal_export(f->dir, &key, &em), 0);
	buf_putc(&key, '\0');
	f->settings.when_full = JOURNAL_BLOCK;
	f->settings.seal = true;
	fixture_open_io(f, &disk.io);
	journal_set_low_cursor(f->journal, 0);
	for (unsigned int i = 0; i < 20; i++) {
		fixture_write(f, 1 + i, 10);
		seq += 1 + i;
		disk.failures = 0;
		disk.room = i * 61;
		assert_true(fixture_append(f, 5 + i, 5 + i));
		seq += 5 + i;
		fixture_wait(f, is_failing);
		assert_true(disk.failures > 0);
		disk.room = INT64_MAX;
		fixture_wait_written(f, seq);
	}
	expect_all_there(f, seq);
	fixture_close(f);
	assert_int_equal(journal_verify(f->dir, key.p, &verdict, &em), 0);
	if (!verdict.sound)
		fail_msg("%s", verdict.bad);
	assert_int_equal(verdict.records, seq);
	buf_free(&key);
}

/* Bytes that the file takes on disk, what is reserved included. */
static uint64_t allocated(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

/* Blocks are asked for ahead, within the segment; the length doesn't show it; the rest goes back.
 */
static void test_blocks_are_reserved_and_given_back(void **state)
{
	struct fixture *f = *state;
	static struct disk disk; /* outlives a failed test */
	uint64_t size;
	char path[128];

	disk_init(&disk);
	fixture_open_io(f, &disk.io);
	fixture_write(f, 100, 10);
	fixture_segment_path(f, 1, path, sizeof(path));
	size = fixture_file_bytes(path);
	assert_true(disk.reserved_bytes > (int64_t)size);
	assert_true(disk.reserved_bytes <= (int64_t)f->settings.segment_bytes);
	assert_true(allocated(path) > size + 64 * 1024);
	fixture_close(f);
	size = fixture_file_bytes(path);
	assert_true(allocated(path) < size + 64 * 1024);
	expect_all_there(f, 100);
}

/* A real file system that fills up: other files take the room, then give it back. */
static void test_tmpfs_of_one_mib(void **state)
{
	struct fixture *f = *state;
	struct journal_stats stats;
	struct read_result r;
	uint64_t last;

	if (mount("tmpfs", f->dir, "tmpfs", 0, "size=1m") < 0) {
		print_message("skipped: mounting a tmpfs needs root (%s)\n", strerror(errno));
		skip();
	}
	f->record_bytes = 1000;
	f->settings.segment_bytes = 128 * 1024;
	fixture_open(f);
	fixture_write(f, 4000, 20);
	last = 4000;
	journal_stats(f->journal, &stats);
	assert_true(stats.dropped_records > 0);
	assert_true(stats.write_errors > 0);
	assert_int_equal(stats.refused_records, 0);
	r = fixture_read(f, 0);
	assert_int_equal(r.losses.n, 0);
	assert_int_equal(r.last_seq, last);
	assert_int_equal(r.records + stats.dropped_records, last);
	fixture_close(f);
	fixture_open(f); /* and recovery finds nothing odd */
	assert_int_equal(f->losses.n, 0);
	fixture_close(f);
	assert_int_equal(umount(f->dir), 0);
}

static int teardown_mount(void **state)
{
	struct fixture *f = *state;

	fixture_close(f);
	(void)umount2(f->dir, MNT_DETACH);
	return fixture_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_full_disk_with_block),
		TEST(test_full_disk_drops_the_oldest),
		TEST(test_write_error_moves_on),
		TEST(test_sync_error_moves_on),
		TEST(test_short_writes_leave_no_trace),
		TEST(test_blocks_are_reserved_and_given_back),
		cmocka_unit_test_setup_teardown(test_tmpfs_of_one_mib, fixture_setup,
						teardown_mount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
