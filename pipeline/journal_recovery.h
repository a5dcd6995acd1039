/* pipeline/journal_recovery.h: what journal_open() does with what it finds on disk. It reads the
 * newest segment and every segment's header, follows the seals from the last group commit to the
 * end, and works out where writing goes on. It changes no byte of a batch that was written: a torn
 * tail stays where it is, and the header of the next segment declares it, under a seal. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "pipeline/journal.h"
#include "pipeline/journal_seal.h"
#include "pipeline/journal_segment.h"
#include "pipeline/journal_state.h"

#include <stddef.h>

#define RECOVERY_MAX_LOSSES 32u

struct journal_recovered {
	struct journal_segments segments;
	struct journal_state state;
	struct journal_seal *seal;	      /* NULL: not sealed */
	struct journal_segment_header header; /* of the segment to make next, but for what is only
						 known then */
	bool resume; /* header is that of a segment that is there, with no batch in it: go on there
		      */
	struct journal_loss losses[RECOVERY_MAX_LOSSES];
	size_t loss_count;
};

/* The lock is held. On success the caller owns what recovered_r points to. */
WARN_UNUSED int journal_recover(const struct journal_settings *settings,
				const struct journal_io *io, int directory_fd, int state_fd,
				struct journal_recovered *recovered_r, struct errmsg *em);
void journal_recovered_free(struct journal_recovered *recovered);
