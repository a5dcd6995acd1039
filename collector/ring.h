/* collector/ring.h: the reading end of the kernel's ring buffer.
 *
 * libbpf has one too; it maps the data twice in full so that a record which wraps lies in one
 * piece, and every mapped page counts as resident. This one maps the data once and, behind it,
 * only as many of its first pages again as the longest record needs.
 *
 * The layout is the kernel's (kernel/bpf/ringbuf.c, since 5.8): a page with the consumer's
 * position, a page with the producer's, the data. Each record has a header of eight bytes: length
 * with two flags, and a page offset that is of no use here. Positions only grow; a record begins
 * at a multiple of eight. Collector's loop thread. */
#pragma once

#include "base/compiler.h"

#include <stdint.h>

struct ring;

/* Memory laid out as a ring; for ring_over(). The data must be followed by a copy (a second
 * mapping) of its first `overlap_bytes`. */
struct ring_memory {
	uint64_t *consumer;
	const uint64_t *producer;
	const uint8_t *data;
	uint64_t data_bytes;	/* a power of two */
	uint64_t overlap_bytes; /* longest record that can be read, its header included */
};

typedef void (*ring_record_fn)(void *ctx, const void *record, size_t bytes);

/* Maps the ring buffer map_fd of data_bytes; records are at most record_bytes long. 0 or negative
 * errno. */
WARN_UNUSED int ring_open(int map_fd, uint64_t data_bytes, uint64_t record_bytes,
			  struct ring **ring_r);
/* A reader of memory that the caller owns and keeps. NULL: no memory. */
WARN_UNUSED struct ring *ring_over(const struct ring_memory *memory);
/* From now on fn gets each record first, some records before the drain's fn does and in the same
 * order, to have fetched from memory what that will need; NULL: no more. */
void ring_look_ahead(struct ring *ring, ring_record_fn fn, void *ctx);
/* Gives at most max_records committed records to fn, oldest first, and stops early at one that is
 * still being written; returns how many it gave. The bytes are borrowed for the call: the space is
 * handed back to the kernel in batches, after fn has returned. */
size_t ring_drain(struct ring *ring, size_t max_records, ring_record_fn fn, void *ctx);
/* Bytes that wait, records that are still being written included. */
uint64_t ring_pending_bytes(const struct ring *ring);
/* How often the memory made no sense as a ring (a length beyond what was written, or beyond
 * record_bytes). Everything that waited was skipped then. */
uint64_t ring_corruptions(const struct ring *ring);
void ring_close(struct ring **ring);
