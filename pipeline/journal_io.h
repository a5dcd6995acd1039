/* pipeline/journal_io.h: the writer's system calls that a disk can refuse, behind one struct, so
 * that a test (or a rehearsal) can make them fail, fall short or crash on demand. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct journal_io {
	ssize_t (*write_at)(const struct journal_io *io, int fd, const void *bytes, size_t n,
			    off_t offset);
	int (*sync)(const struct journal_io *io, int fd);
	int (*truncate)(const struct journal_io *io, int fd, off_t bytes);
	/* Makes a new file; 0640. */
	int (*create)(const struct journal_io *io, int directory_fd, const char *name);
	/* Gives a file another name, which must be free. */
	int (*rename)(const struct journal_io *io, int directory_fd, const char *from,
		      const char *to);
	/* Asks for the blocks of a stretch beyond the end, which stays where it is. Advice: what
	 * can't be had is found out by writing. */
	void (*reserve)(const struct journal_io *io, int fd, off_t offset, off_t bytes);
	void *ctx;
};

extern const struct journal_io journal_io_system;

/* Writes all of it; 0, or a negative errno after which any part may have been written. */
int journal_io_write_all(const struct journal_io *io, int fd, const void *bytes, size_t n,
			 off_t offset);
/* Reads n bytes or up to the end of the file; how many, or a negative errno. */
ssize_t journal_io_read_all(int fd, void *bytes, size_t n, off_t offset);
