/* pipeline/journal_segment.h: the writer's table of the segments on disk, oldest first, and the
 * making of a new one. Used by recovery, which fills it, and by the writing thread. */
#pragma once

#include "base/compiler.h"
#include "pipeline/journal_format.h"
#include "pipeline/journal_io.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct journal_segment {
	uint64_t number; /* 0: its header is unsound */
	uint64_t first_seq, last_seq;
	uint64_t bytes;
	uint64_t created_wall_ns;
	uint64_t newest_wall_ns; /* nothing in it is younger */
};

struct journal_segments {
	struct journal_segment *list;
	size_t n, cap;
	uint64_t bytes; /* of all */
};

/* Adds at the new end; NULL: out of memory. Borrowed until the table changes. */
struct journal_segment *journal_segments_add(struct journal_segments *segments,
					     const struct journal_segment *segment);
/* Takes the oldest out of the table. */
void journal_segments_drop_oldest(struct journal_segments *segments);
void journal_segments_free(struct journal_segments *segments);
/* Records in it: its numbers have no holes. */
uint64_t journal_segment_records(const struct journal_segment *segment);

/* Makes the file, writes the header and waits until both it and its name are on the disk. A
 * descriptor, or a negative errno; then the file is not there. */
WARN_UNUSED int journal_segment_create(const struct journal_io *io, int directory_fd,
				       const struct journal_segment_header *header,
				       gid_t reader_gid);
/* Takes the segment's name away, first of all, and its file out of use, to become another segment:
 * overwriting costs less than new pages, and no blocks are given out. It is cut to max_bytes. A
 * descriptor, and its length. Negative errno: it can't be used again, since somebody has it open or
 * another name for it, or the file system can't tell; then it is gone, or still there by its name.
 */
WARN_UNUSED int journal_segment_set_aside(const struct journal_io *io, int directory_fd,
					  uint64_t first_seq, uint64_t max_bytes,
					  uint64_t *bytes_r);
/* Makes a segment of that file: when it gets its name, its header is on the disk. It stays open.
 * Negative errno: it is gone. */
WARN_UNUSED int journal_segment_reuse(const struct journal_io *io, int directory_fd, int fd,
				      uint64_t bytes, const struct journal_segment_header *header,
				      gid_t reader_gid);
/* Removes what journal_segment_set_aside() left; a crash can leave it, too. */
void journal_segment_discard_spare(int directory_fd);
/* Opens the file that has this header and no whole batch, and cuts off what is behind it. */
WARN_UNUSED int journal_segment_resume(const struct journal_io *io, int directory_fd,
				       const struct journal_segment_header *header);
