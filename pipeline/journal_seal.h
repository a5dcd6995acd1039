/* pipeline/journal_seal.h: the keys that seal a journal, and the seals.
 *
 * Two chains that only go forward. The segment chain gives each segment its start and the next
 * link; the batch chain gives each seal its own key, and folds the tag just made into the next
 * link. What was used is overwritten at once. So who takes the keys of now can neither rewrite
 * what is sealed already nor cut a segment short: the proof of where it ended follows from a link
 * that no longer exists.
 *
 *   C[n+1] | S[n,0]  = SHA-512("weir journal segment v1" | n | C[n])
 *   K[e]   | T[e]    = SHA-512("weir journal batch v1"   | e | S[e])
 *   tag[e]           = AES-256-GMAC(K[e], IV = salt of the segment, tag[e-1] | bytes)
 *   S[e+1]           = first half of SHA-512("weir journal next v1" | e | T[e] | tag[e])
 *   proof(e)         = first 16 bytes of SHA-512("weir journal end v1" | e | S[e])
 *
 * C[1] is the verification key, exported once. One seal per thread; memory is kept out of core
 * dumps and wiped. */
#pragma once

#include "base/compiler.h"
#include "pipeline/journal_format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_KEY_BYTES 32u

/* Where the chains are; what the state file keeps. Secret. */
struct journal_seal_keys {
	uint8_t next_segment[JOURNAL_KEY_BYTES]; /* C[number + 1] */
	uint8_t link[JOURNAL_KEY_BYTES];	 /* S[number, epoch] */
	uint8_t tag[JOURNAL_TAG_BYTES];		 /* of the last seal; zeros at the very start */
	uint64_t number;			 /* 0: before the first segment */
	uint32_t epoch;				 /* seals made in this segment */
	uint32_t zero;
};

struct journal_seal;

/* keys are copied; the caller wipes its own. NULL: out of memory, or no AES in libcrypto. */
WARN_UNUSED struct journal_seal *journal_seal_create(const struct journal_seal_keys *keys);
void journal_seal_free(struct journal_seal **seal);
/* Borrowed, changes with every step. */
const struct journal_seal_keys *journal_seal_keys(const struct journal_seal *seal);

/* Goes to that header's segment, which lies ahead (several steps when some are gone); the chain of
 * tags continues from its prev_tag. */
WARN_UNUSED int journal_seal_segment(struct journal_seal *seal,
				     const struct journal_segment_header *header);
/* Goes on in the segment in which the keys stand. */
void journal_seal_resume(struct journal_seal *seal, const struct journal_segment_header *header);
/* Makes the tag over n bytes under the current key. Doing it again over the same bytes gives the
 * same tag; over others it must not be done before journal_seal_advance(). */
WARN_UNUSED int journal_seal_tag(struct journal_seal *seal, const void *bytes, size_t n,
				 uint8_t tag_r[JOURNAL_TAG_BYTES]);
/* The bytes with that tag are written: the key is gone from here on. */
WARN_UNUSED int journal_seal_advance(struct journal_seal *seal,
				     const uint8_t tag[JOURNAL_TAG_BYTES]);
/* tag and advance when the tag is right; -EBADMSG when it is not, and then nothing moves. */
WARN_UNUSED int journal_seal_check(struct journal_seal *seal, const void *bytes, size_t n,
				   const uint8_t tag[JOURNAL_TAG_BYTES]);
/* The same three for a segment's header, which is sealed with its tag and CRC as zeros. */
WARN_UNUSED int journal_seal_header(struct journal_seal *seal,
				    struct journal_segment_header *header);
WARN_UNUSED int journal_seal_check_header(struct journal_seal *seal,
					  const struct journal_segment_header *header);
/* Proof that the segment ended at the current epoch. */
WARN_UNUSED int journal_seal_proof(struct journal_seal *seal, uint8_t proof_r[JOURNAL_TAG_BYTES]);
