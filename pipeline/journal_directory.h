/* pipeline/journal_directory.h: the directory a journal lives in: its permissions, the lock that
 * keeps a second writer out, and which segments are there. Both sides use it; only the writer
 * locks. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define JOURNAL_NAME_BYTES 32u /* 20 digits, ".weir", NUL */
/* A dropped segment's file on its way to become the next one; no reader looks at it. */
#define JOURNAL_SPARE_NAME "spare"

/* Makes the directory when it is not there, and tightens it to 0750. A descriptor, or a negative
 * errno. */
WARN_UNUSED int journal_directory_create(const char *path, gid_t reader_gid, struct errmsg *em);
WARN_UNUSED int journal_directory_open(const char *path, struct errmsg *em);
/* The lock, held as long as the descriptor it returns; -EBUSY names the holder's pid in em. */
WARN_UNUSED int journal_directory_lock(int directory_fd, struct errmsg *em);

void journal_segment_name(uint64_t first_seq, char name_r[JOURNAL_NAME_BYTES]);

/* First sequence numbers of the segments there are, by their names, ascending; for free(3). Files
 * with other names are not looked at. */
WARN_UNUSED int journal_directory_list(int directory_fd, uint64_t **first_seqs_r, size_t *n_r);

/* What lies around one name, in one pass and without memory: of the segments' first numbers the
 * smallest, the greatest that is at most `seq`, and the smallest above it. 0: none. */
struct journal_neighbours {
	uint64_t oldest, at_or_below, above;
};
WARN_UNUSED int journal_directory_neighbours(int directory_fd, uint64_t seq,
					     struct journal_neighbours *neighbours_r);

/* When the directory was changed last, for who looked through it and would like to know whether to
 * look again. Names that came or went within seconds of a change may leave the stamp as it is,
 * so one that young stands for nothing. */
struct journal_directory_stamp {
	int64_t sec, nsec; /* of zeros: for nothing */
};
/* Before looking. */
void journal_directory_stamp(int directory_fd, struct journal_directory_stamp *stamp_r);
/* Certainly no name has come or gone since. */
bool journal_directory_is_as_at(int directory_fd, const struct journal_directory_stamp *stamp);
