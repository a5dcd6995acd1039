/* pipeline/journal_scan.h: walks the batches of one segment with pread(2) into one block of
 * memory. Only whole, sound batches come out; what lies between is stepped over and named by its
 * offsets. Used by the reader, by recovery and by verify. */
#pragma once

#include "base/compiler.h"
#include "pipeline/journal_format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sound batch, borrowed until the next call on its scan. */
struct journal_batch {
	struct journal_batch_header header;
	const uint8_t *bytes; /* header.length of them */
	uint64_t offset;      /* in the file */
	uint64_t skipped;     /* bytes in front of it that are no sound batch */
};

enum journal_scan_result {
	SCAN_BATCH,
	SCAN_END,  /* the segment ends behind the last batch */
	SCAN_TAIL, /* what is left is no sound batch: half-written, torn or damaged */
	SCAN_ERROR,
};

struct journal_scan {
	int fd; /* -1: closed */
	struct journal_segment_header header;
	uint64_t offset; /* of the next batch */
	int error;	 /* errno of SCAN_ERROR */
	/* Set by the caller once it is open: batches are still added. An edge is believed without
	 * looking behind it then, and a search goes so far in one call that a poll stays cheap. */
	bool live;
	/* Private. */
	uint8_t *block;
	size_t block_cap, block_bytes;
	uint64_t block_offset;
	size_t ahead;	   /* how much more than what is wanted to read at once */
	uint64_t searched; /* up to where the search of a live segment has come */
};

/* An empty scan: fd -1, no memory. */
void journal_scan_init(struct journal_scan *scan);
/* Opens the segment whose name says first_seq, closing the one before; its memory is kept. While
 * it is open its file is not made another segment's. -EBADMSG: its header is unsound, or names
 * another file. -ENOENT: there is none, or it was dropped this moment. */
WARN_UNUSED int journal_scan_open(struct journal_scan *scan, int directory_fd, uint64_t first_seq);
enum journal_scan_result journal_scan_next(struct journal_scan *scan,
					   struct journal_batch *batch_r);
/* Steps over one batch by its header alone, without reading its records: for where the end is.
 * False: there is no whole batch ahead. */
WARN_UNUSED bool journal_scan_hop(struct journal_scan *scan, struct journal_batch_header *header_r);
/* The header of the batch in the tail, when at least that is sound: what was being written. */
WARN_UNUSED bool journal_scan_tail_header(struct journal_scan *scan,
					  struct journal_batch_header *header_r);
/* Closes the file; journal_scan_free() also gives the memory back. */
void journal_scan_close(struct journal_scan *scan);
void journal_scan_free(struct journal_scan *scan);
