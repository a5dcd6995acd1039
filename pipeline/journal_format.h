/* pipeline/journal_format.h: the bytes of a segment (docs/journal-format.md), what makes them
 * sound, and how they are put together. Shared by the writing and the reading side; owns nothing.
 *
 * Integers are little-endian and are used as they lie: weir is built for such machines only. The
 * magic numbers hold bytes that JSON text can't, so no event can counterfeit a batch inside its
 * record. */
#pragma once

#include "base/compiler.h"
#include "pipeline/encode_json.h"

#include <stdbool.h>
#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the journal is little-endian");

#define JOURNAL_VERSION	      1u
#define JOURNAL_SEGMENT_MAGIC 0x0a004c4e524a57ffull /* ff 'W' 'J' 'R' 'N' 'L' 00 '\n' */
#define JOURNAL_BATCH_MAGIC   0x0a00484354424effull /* ff 'N' 'B' 'T' 'C' 'H' 00 '\n' */
#define JOURNAL_END_MAGIC     0x0a00444e45424effull /* ff 'N' 'B' 'E' 'N' 'D' 00 '\n' */
#define JOURNAL_EDGE_MAGIC    0x0a00474445424effull /* ff 'N' 'B' 'E' 'D' 'G' 00 '\n' */

#define JOURNAL_TAG_BYTES 16u
/* A segment starts with two copies of its header. */
#define JOURNAL_HEADER_COPIES 2u
/* A batch that has reached this is closed at the end of the record. */
#define JOURNAL_BATCH_FULL (256u * 1024)
/* No batch is longer: one record of the greatest length behind an almost full batch. */
#define JOURNAL_BATCH_MAX (1024u * 1024)

/* No sequence number reaches this, so adding a count to one can't wrap. */
#define JOURNAL_SEQ_LIMIT (1ull << 62)

enum journal_seal_kind { JOURNAL_SEAL_NONE, JOURNAL_SEAL_AES256_GMAC };

/* How the segment before this one ended, as whoever made this one found it. */
enum journal_segment_flag {
	SEGMENT_AFTER_UNCLEAN = 1u << 0, /* without an end mark: its writer was killed */
	SEGMENT_AFTER_TORN = 1u << 1,	 /* bytes behind prev_bytes are no whole batch */
	SEGMENT_AFTER_POWER = 1u << 2,	 /* another boot: batches may never have reached the disk */
	SEGMENT_AFTER_DAMAGE = 1u << 3,	 /* its end was damaged after it had been synced */
	SEGMENT_AFTER_NEW_KEY = 1u << 4, /* the sealing state was lost; a new chain begins here */
};

enum journal_batch_flag {
	BATCH_END = 1u << 0,   /* the writer closed the journal here, in order */
	BATCH_BOUND = 1u << 1, /* records_crc is there */
};

struct journal_segment_header {
	uint64_t magic;
	uint32_t crc; /* of all that follows in this copy */
	uint32_t version;
	uint8_t journal_id[16]; /* of the key chain */
	char boot_id[36];
	uint32_t flags;	    /* enum journal_segment_flag */
	uint64_t number;    /* 1, 2, 3 ... without holes over the life of a journal */
	uint64_t first_seq; /* also in the file's name */
	uint64_t created_wall_ns;
	uint64_t oldest_number; /* oldest segment that retention had left */
	uint64_t prev_last_seq; /* highest number ever written before */
	uint64_t prev_bytes;	/* length of the sound part of the segment before */
	uint32_t prev_epoch;	/* seals in it, the header's included */
	uint32_t seal;		/* enum journal_seal_kind */
	uint64_t lost_first, lost_last, lost_count; /* declared by recovery; 0: none, not known */
	uint8_t prev_tag[JOURNAL_TAG_BYTES];
	uint8_t prev_proof[JOURNAL_TAG_BYTES]; /* that prev_epoch is the end: journal_seal.h */
	uint8_t salt[16];		       /* the first 12 bytes are the seals' IV */
	uint8_t tag[JOURNAL_TAG_BYTES];
	uint8_t zero[40];
};
_Static_assert(sizeof(struct journal_segment_header) == 256, "segment header");
#define JOURNAL_HEADER_BYTES (JOURNAL_HEADER_COPIES * sizeof(struct journal_segment_header))

struct journal_batch_header {
	uint64_t magic;
	uint32_t crc;	 /* of the rest of this header */
	uint32_t length; /* of the whole batch, header and trailer included */
	uint64_t first_seq;
	uint32_t count;
	uint32_t epoch;	 /* 1, 2, 3 ... in its segment */
	uint64_t number; /* of its segment: a block of another file is never taken for sound */
	uint64_t wall_ns;
	uint64_t oldest_number;
	uint32_t flags;	      /* enum journal_batch_flag */
	uint32_t records_crc; /* of the records' CRCs: no other batch's record passes for one */
};
_Static_assert(sizeof(struct journal_batch_header) == 64, "batch header");

struct journal_record_header {
	uint32_t crc;	 /* of the rest of this header and of the bytes behind it */
	uint32_t length; /* of the bytes behind it */
	uint64_t wall_ns;
	uint32_t pid;
	uint16_t kind; /* enum event_kind */
	uint16_t zero;
};
_Static_assert(sizeof(struct journal_record_header) == 24, "record header");

struct journal_batch_trailer {
	uint64_t magic;
	uint32_t crc; /* continues the batch header's, over length and tag */
	uint32_t length;
	uint8_t tag[JOURNAL_TAG_BYTES]; /* zeros: not sealed */
};
_Static_assert(sizeof(struct journal_batch_trailer) == 32, "batch trailer");

/* Where a segment ends so far in a file that was another segment's before: behind it stand older
 * bytes. Written together with what stands in front of it; the next batch goes over it. */
struct journal_edge {
	uint64_t magic;
	uint32_t crc; /* of the rest */
	uint32_t zero;
	uint64_t number; /* of the segment */
	uint64_t offset; /* of the edge itself: a copy of it says nothing elsewhere */
};
_Static_assert(sizeof(struct journal_edge) == 32, "edge");

#define JOURNAL_BATCH_OVERHEAD \
	(sizeof(struct journal_batch_header) + sizeof(struct journal_batch_trailer))
_Static_assert(JOURNAL_BATCH_FULL + sizeof(struct journal_record_header) + ENCODE_MAX_BYTES +
			       JOURNAL_BATCH_OVERHEAD + sizeof(struct journal_edge) <=
		       JOURNAL_BATCH_MAX,
	       "a record fits behind an almost full batch");

/* Segment header. _finish computes the CRC (the tag is in place by then) and writes both copies;
 * _parse takes the first sound copy out of n bytes. */
void journal_header_finish(const struct journal_segment_header *header,
			   uint8_t out[JOURNAL_HEADER_BYTES]);
WARN_UNUSED bool journal_header_parse(const void *bytes, size_t n,
				      struct journal_segment_header *header_r);

/* Batch. The header and the records' headers lie in `batch` already, but for their CRCs; the
 * records are bound to it. */
void journal_batch_finish(uint8_t *batch);
/* Puts the tag (NULL: none) into the trailer and closes it with its CRC. */
void journal_batch_finish_trailer(uint8_t *batch, const uint8_t tag[JOURNAL_TAG_BYTES]);
/* The header alone: magic, CRC, a length that can be, its segment. */
WARN_UNUSED bool journal_batch_header_is_sound(const struct journal_batch_header *header,
					       uint64_t number);
/* The trailer that belongs to a sound header. In an older batch's bytes there is none. */
WARN_UNUSED bool journal_batch_trailer_is_sound(const struct journal_batch_trailer *trailer,
						const struct journal_batch_header *header);
/* The whole: every record's CRC, that these are the records, exactly `count`, the trailer. batch
 * has header->length bytes and a sound header. */
WARN_UNUSED bool journal_batch_is_sound(const uint8_t *batch);
const uint8_t *journal_batch_tag(const uint8_t *batch);

void journal_edge_write(uint8_t *out, uint64_t number, uint64_t offset);
WARN_UNUSED bool journal_edge_is_sound(const struct journal_edge *edge, uint64_t number,
				       uint64_t offset);
