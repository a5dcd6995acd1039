#include "pipeline/journal_segment.h"

#include "pipeline/journal_directory.h"

#include <errno.h>
#include <fcntl.h>
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

static int write_header(const struct journal_io *io, int directory_fd, int fd,
			const struct journal_segment_header *header, gid_t reader_gid)
{
	uint8_t bytes[JOURNAL_HEADER_BYTES];
	int err;

	/* The umask has taken what it wanted; readers need theirs. */
	if (fchmod(fd, 0640) < 0)
		return -errno;
	if (reader_gid != (gid_t)-1 && fchown(fd, (uid_t)-1, reader_gid) < 0)
		return -errno;
	journal_header_finish(header, bytes);
	err = journal_io_write_all(io, fd, bytes, sizeof(bytes), 0);
	if (err)
		return err;
	if (io->sync(io, fd) < 0 || io->sync(io, directory_fd) < 0)
		return -errno;
	return 0;
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
	err = write_header(io, directory_fd, fd, header, reader_gid);
	if (err == 0)
		return fd;
	(void)unlinkat(directory_fd, name, 0);
	close(fd);
	return err;
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
