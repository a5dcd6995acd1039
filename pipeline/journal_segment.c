#include "pipeline/journal_segment.h"

#include "pipeline/journal_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct journal_segment *journal_segments_add(struct journal_segments *segments,
					     const struct journal_segment *segment)
{
	struct journal_segment *grown;
	size_t cap;

	if (segments->n == segments->cap) {
		cap = segments->cap ? segments->cap * 2 : 16;
		grown = reallocarray(segments->list, cap, sizeof(*grown));
		if (!grown)
			return NULL;
		segments->list = grown;
		segments->cap = cap;
	}
	segments->list[segments->n] = *segment;
	segments->bytes += segment->bytes;
	return &segments->list[segments->n++];
}

void journal_segments_drop_oldest(struct journal_segments *segments)
{
	segments->bytes -= segments->list[0].bytes;
	segments->n--;
	memmove(segments->list, segments->list + 1, segments->n * sizeof(*segments->list));
}

void journal_segments_free(struct journal_segments *segments)
{
	free(segments->list);
	*segments = (struct journal_segments){ 0 };
}

uint64_t journal_segment_records(const struct journal_segment *segment)
{
	return segment->last_seq >= segment->first_seq ? segment->last_seq - segment->first_seq + 1
						       : 0;
}

/* With an edge behind it when the file is longer. */
static int write_header(const struct journal_io *io, int fd, uint64_t file_bytes,
			const struct journal_segment_header *header, gid_t reader_gid)
{
	uint8_t bytes[JOURNAL_HEADER_BYTES + sizeof(struct journal_edge)];
	size_t n = JOURNAL_HEADER_BYTES;
	int err;

	/* The umask has taken what it wanted; readers need theirs. */
	if (fchmod(fd, 0640) < 0)
		return -errno;
	if (reader_gid != (gid_t)-1 && fchown(fd, (uid_t)-1, reader_gid) < 0)
		return -errno;
	journal_header_finish(header, bytes);
	if (file_bytes > n) {
		journal_edge_write(bytes + n, header->number, n);
		n = sizeof(bytes);
	}
	err = journal_io_write_all(io, fd, bytes, n, 0);
	if (err)
		return err;
	return io->sync(io, fd) < 0 ? -errno : 0;
}

int journal_segment_create(const struct journal_io *io, int directory_fd,
			   const struct journal_segment_header *header, gid_t reader_gid)
{
	char name[JOURNAL_NAME_BYTES];
	int fd, err;

	journal_segment_name(header->first_seq, name);
	fd = io->create(io, directory_fd, name);
	if (fd < 0)
		return -errno;
	err = write_header(io, fd, 0, header, reader_gid);
	if (err == 0 && io->sync(io, directory_fd) < 0)
		err = -errno;
	if (err == 0)
		return fd;
	(void)unlinkat(directory_fd, name, 0);
	close(fd);
	return err;
}

/* Has nobody else this file open? Only a write lease can tell, whoever it may be: a reader, a
 * backup, a mapping. It is given back at once: the file has no name to be found by. Where leases
 * are not to be had, no file is used twice. */
static bool is_unused(int fd)
{
	/* Who opens it this moment makes the kernel send a signal, by default one that kills. */
	if (fcntl(fd, F_SETSIG, SIGURG) < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		return false;
	return fcntl(fd, F_SETLEASE, F_UNLCK) == 0;
}

static int cut_to(const struct journal_io *io, int fd, uint64_t bytes, uint64_t max_bytes)
{
	return bytes > max_bytes ? io->truncate(io, fd, (off_t)max_bytes) : 0;
}

int journal_segment_set_aside(const struct journal_io *io, int directory_fd, uint64_t first_seq,
			      uint64_t max_bytes, uint64_t *bytes_r)
{
	char name[JOURNAL_NAME_BYTES];
	struct stat st;
	int fd, err;

	journal_segment_name(first_seq, name);
	fd = openat(directory_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (io->rename(io, directory_fd, name, JOURNAL_SPARE_NAME) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	    st.st_size >= (off_t)(JOURNAL_HEADER_BYTES + sizeof(struct journal_edge)) &&
	    is_unused(fd) && cut_to(io, fd, (uint64_t)st.st_size, max_bytes) == 0) {
		*bytes_r = (uint64_t)st.st_size < max_bytes ? (uint64_t)st.st_size : max_bytes;
		return fd;
	}
	journal_segment_discard_spare(directory_fd);
	close(fd);
	return -EBUSY;
}

int journal_segment_reuse(const struct journal_io *io, int directory_fd, int fd, uint64_t bytes,
			  const struct journal_segment_header *header, gid_t reader_gid)
{
	char name[JOURNAL_NAME_BYTES];
	int err;

	journal_segment_name(header->first_seq, name);
	err = write_header(io, fd, bytes, header, reader_gid);
	if (err == 0 && io->rename(io, directory_fd, JOURNAL_SPARE_NAME, name) < 0)
		err = -errno;
	if (err) {
		journal_segment_discard_spare(directory_fd);
		return err;
	}
	if (io->sync(io, directory_fd) == 0)
		return 0;
	err = -errno;
	(void)unlinkat(directory_fd, name, 0);
	return err;
}

void journal_segment_discard_spare(int directory_fd)
{
	(void)unlinkat(directory_fd, JOURNAL_SPARE_NAME, 0);
}

int journal_segment_resume(const struct journal_io *io, int directory_fd,
			   const struct journal_segment_header *header)
{
	char name[JOURNAL_NAME_BYTES];
	int fd, err;

	journal_segment_name(header->first_seq, name);
	fd = openat(directory_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (io->truncate(io, fd, (off_t)JOURNAL_HEADER_BYTES) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}
