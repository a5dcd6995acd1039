/* pipeline/journal_state.h: the file `state` (0600) in the journal's directory: where the last
 * group commit stood, and the keys of the chains at that point. The writer overwrites it in place
 * after each group commit, so that it is never ahead of the segments and the keys it held before
 * are gone. Two copies, each with its CRC: a torn write leaves one. */
#pragma once

#include "base/compiler.h"
#include "pipeline/journal_io.h"
#include "pipeline/journal_seal.h"

#include <stdint.h>

/* Ranges of segment numbers that are gone and have been reported, so that the next start does
 * not report them again. */
#define JOURNAL_KNOWN_GAPS 8u
struct journal_gap {
	uint64_t first, last; /* segment numbers; 0: unused */
};

enum journal_state_flag {
	STATE_SEALED = 1u << 0,	  /* keys are there */
	STATE_EXPORTED = 1u << 1, /* the verification key has been shown */
};

struct journal_state {
	uint64_t magic;
	uint32_t crc; /* of all that follows */
	uint32_t version;
	uint64_t generation;
	uint8_t journal_id[16];
	uint32_t flags; /* enum journal_state_flag */
	uint32_t zero;
	uint64_t number;	/* newest segment at the last group commit; 0: none yet */
	uint64_t bytes;		/* of it that are on the disk for certain */
	uint64_t last_seq;	/* the highest number ever written then */
	uint64_t oldest_number; /* oldest segment that retention has left, and its first number */
	uint64_t oldest_seq;
	struct journal_seal_keys keys;
	struct journal_gap gaps[JOURNAL_KNOWN_GAPS];
	uint8_t reserved[200];
};
_Static_assert(sizeof(struct journal_state) == 512, "one sector");

/* Opens the file, makes it when it is not there. A descriptor or a negative errno. */
WARN_UNUSED int journal_state_open(int directory_fd);
/* -ENOENT: empty. -EBADMSG: neither copy is sound. */
WARN_UNUSED int journal_state_load(int fd, struct journal_state *state_r);
/* Writes both copies, the second only when the first is on the disk; counts generation up. */
WARN_UNUSED int journal_state_store(const struct journal_io *io, int fd,
				    struct journal_state *state);
/* A fresh state: new journal id, and with `sealed` a new random key chain. */
WARN_UNUSED int journal_state_init(struct journal_state *state_r, bool sealed);
