#include "reuse_rig.h"

#include "pipeline/journal_directory.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

void at_the_limit(struct fixture *f)
{
	f->record_bytes = RECORD_BYTES;
	f->settings.max_bytes = MAX_BYTES;
	f->settings.segment_bytes = SEGMENT_BYTES;
}

struct stat stat_of(struct fixture *f, uint64_t segment)
{
	char path[128];
	struct stat st;

	fixture_segment_path(f, segment, path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	return st;
}

uint64_t newest_segment(struct fixture *f)
{
	uint64_t first[64];
	size_t n = fixture_segments(f, first, 64);

	assert_true(n > 0);
	return first[n - 1];
}

bool is_a_segment(struct fixture *f, ino_t inode)
{
	uint64_t first[64];
	size_t n = fixture_segments(f, first, 64);

	for (size_t i = 0; i < n; i++)
		if (stat_of(f, first[i]).st_ino == inode)
			return true;
	return false;
}

uint64_t bytes_on_disk(struct fixture *f)
{
	uint64_t first[64], bytes = 0;
	size_t n = fixture_segments(f, first, 64);

	for (size_t i = 0; i < n; i++)
		bytes += (uint64_t)stat_of(f, first[i]).st_size;
	return bytes;
}

bool spare_is_there(struct fixture *f)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/" JOURNAL_SPARE_NAME, f->dir);
	return access(path, F_OK) == 0;
}

void export_key(struct fixture *f, char key[160])
{
	struct buf text = buf_fixed(key, 159);
	struct errmsg em = { "" };

	f->settings.seal = true;
	if (journal_seal_export(f->dir, &text, &em) < 0)
		fail_msg("%s", em.text);
	key[text.len] = '\0';
}

struct journal_verdict expect_sound(struct fixture *f, const char *key)
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

void expect_all(struct fixture *f, uint64_t last)
{
	struct read_result r = fixture_read(f, 0);

	assert_int_equal(r.losses.n, 0);
	assert_int_equal(r.last_seq, last);
	assert_int_equal(r.records, last - r.first_seq + 1);
}

uint64_t begin_reused(struct fixture *f, unsigned int records)
{
	uint64_t before = newest_segment(f);

	while (newest_segment(f) == before)
		fixture_write(f, 1, 1);
	fixture_write(f, records - 1, 1);
	assert_true((uint64_t)stat_of(f, newest_segment(f)).st_size > SEGMENT_BYTES / 2);
	return newest_segment(f);
}
/* --- the shim --- */

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

void trap_init(struct trap *trap, struct fixture *f)
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
