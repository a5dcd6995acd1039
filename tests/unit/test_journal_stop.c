/* The end of a journal that is closed in order: whatever the writing thread does when it is told to
 * stop, what was appended before is there afterwards. */
#include "pipeline/journal_io.h"

#include "journal_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* A disk whose next sync, once armed, takes until the journal is being closed. */
struct slow_disk {
	struct journal_io io;
	atomic_bool armed, in_sync, closing;
	pid_t closer;
};

/* The state letter of /proc/PID/stat; 'S': sleeps. */
static char thread_state(pid_t tid)
{
	char path[64], text[256] = "", *state;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	state = strrchr(text, ')');
	return state ? state[2] : '?';
}

/* In the writing thread. journal_close() sleeps for one thing only, the end of this thread: when
 * its caller sleeps, the thread has been told to stop. */
static int slow_sync(const struct journal_io *io, int fd)
{
	struct slow_disk *disk = io->ctx;

	if (atomic_exchange(&disk->armed, false)) {
		disk->in_sync = true;
		while (!disk->closing || thread_state(disk->closer) != 'S')
			sched_yield();
	}
	return journal_io_system.sync(&journal_io_system, fd);
}

static void disk_init(struct slow_disk *disk)
{
	*disk = (struct slow_disk){ .io = journal_io_system, .closer = gettid() };
	disk->io.sync = slow_sync;
	disk->io.ctx = disk;
}

/* The group commit after that which made the segment. */
static bool first_batch_is_synced(struct fixture *f)
{
	struct journal_stats stats;

	journal_stats(f->journal, &stats);
	return stats.syncs >= 2;
}

/* Once an orderly stop of weir left no weir_stop: the thread was syncing when the last batch and
 * the word to stop came, and looked at the word alone. */
static void test_a_batch_that_comes_during_a_sync_is_written(void **state)
{
	struct fixture *f = *state;
	struct slow_disk disk;

	disk_init(&disk);
	f->settings.sync_interval_ns = NSEC_PER_MSEC;
	fixture_open_io(f, &disk.io);
	fixture_write(f, 5, 5);
	fixture_wait(f, first_batch_is_synced);
	disk.armed = true;
	fixture_write(f, 1, 1); /* its sync is due in a millisecond, with nothing else to do */
	for (unsigned int i = 0; !disk.in_sync && i < 10000000; i++)
		sched_yield();
	assert_true(disk.in_sync);
	assert_true(fixture_append(f, 3, 3));
	disk.closing = true;
	fixture_close(f);
	assert_int_equal(fixture_read(f, 0).last_seq, 9);
}

static ssize_t no_room(const struct journal_io *io, int fd, const void *bytes, size_t n,
		       off_t offset)
{
	errno = ENOSPC;
	return -1;
}

static void test_what_could_not_be_written_is_said(void **state)
{
	struct journal_closed closed;
	struct fixture *f = *state;
	struct slow_disk disk;

	disk_init(&disk);
	f->settings.when_full = JOURNAL_BLOCK;
	fixture_open_io(f, &disk.io);
	fixture_write(f, 5, 5);
	disk.io.write_at = no_room;
	assert_true(fixture_append(f, 3, 3));
	closed = journal_close(&f->journal, 10000);
	assert_int_equal(closed.last_seq, 5);
	assert_int_equal(closed.unwritten, 3);
}

static void test_an_orderly_end_leaves_nothing_unwritten(void **state)
{
	struct journal_closed closed;
	struct fixture *f = *state;

	fixture_open(f);
	fixture_write(f, 5, 5);
	fixture_close(f);
	fixture_open(f); /* numbers go on */
	assert_true(fixture_append(f, 4, 2));
	closed = journal_close(&f->journal, 10000);
	assert_int_equal(closed.last_seq, 9);
	assert_int_equal(closed.unwritten, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_batch_that_comes_during_a_sync_is_written,
						fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_what_could_not_be_written_is_said,
						fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_an_orderly_end_leaves_nothing_unwritten,
						fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
