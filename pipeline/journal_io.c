#include "pipeline/journal_io.h"

#include "base/compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static ssize_t system_write_at(const struct journal_io *io, int fd, const void *bytes, size_t n,
			       off_t offset)
{
	return pwrite(fd, bytes, n, offset);
}

static int system_sync(const struct journal_io *io, int fd)
{
	return fdatasync(fd);
}

static int system_truncate(const struct journal_io *io, int fd, off_t bytes)
{
	return ftruncate(fd, bytes);
}

static int system_create(const struct journal_io *io, int directory_fd, const char *name)
{
	return openat(directory_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
}

static int system_rename(const struct journal_io *io, int directory_fd, const char *from,
			 const char *to)
{
	return renameat2(directory_fd, from, directory_fd, to, RENAME_NOREPLACE);
}

static void system_reserve(const struct journal_io *io, int fd, off_t offset, off_t bytes)
{
	(void)!fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, bytes);
}

const struct journal_io journal_io_system = {
	.write_at = system_write_at,
	.sync = system_sync,
	.truncate = system_truncate,
	.create = system_create,
	.rename = system_rename,
	.reserve = system_reserve,
};

int journal_io_write_all(const struct journal_io *io, int fd, const void *bytes, size_t n,
			 off_t offset)
{
	const char *p = bytes;
	ssize_t done;

	while (n > 0) {
		done = io->write_at(io, fd, p, n, offset);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (done == 0)
			return -EIO;
		p += done;
		n -= (size_t)done;
		offset += done;
	}
	return 0;
}

ssize_t journal_io_read_all(int fd, void *bytes, size_t n, off_t offset)
{
	size_t have = 0;
	ssize_t done;

	while (have < n) {
		done = pread(fd, (char *)bytes + have, n - have, offset + (off_t)have);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (done == 0)
			break;
		have += (size_t)done;
	}
	return (ssize_t)have;
}
