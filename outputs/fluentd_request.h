/* outputs/fluentd_request.h: a batch as it goes to a Fluentd server: one message (Forward protocol
 * v1, PackedForward or CompressedPackedForward) for each tag that its events have, as pieces that
 * are written from where they lie. An entry lies whole in the batch: its time goes into the room
 * before the event, so with one tag for all, the entries of a batch are a single piece. The `[time,
 * metadata]` entries of Fluent Bit ("v2") are never made.
 *
 * Each message is a chunk with an id that is a digest of what makes its events: output, tag and
 * their ids. So it is the same each time these events are sent together, after a restart too, and
 * another when they are not.
 *
 * Made by the destination for a batch, which it holds a reference on; freed by it. */
#pragma once

#include "base/compiler.h"
#include "outputs/batch.h"
#include "outputs/fluentd_settings.h"

#include <sys/queue.h>
#include <sys/uio.h>

#define FLUENTD_ID_BYTES 24 /* base64 of 16 */

struct fluentd_chunk {
	char id[FLUENTD_ID_BYTES + 1];
	uint32_t tag_offset, tag_bytes;
	uint32_t first, count; /* of its events, in fluentd_request.order */
	size_t entry_bytes;    /* not compressed */
	size_t piece, pieces;
	bool is_acked;
};

struct fluentd_request {
	TAILQ_ENTRY(fluentd_request) entry; /* of the list it waits in, which is its owner's */
	struct batch *batch;
	uint64_t number; /* the order in which they came */
	struct fluentd_chunk *chunks;
	size_t chunk_count, acked_count;
	uint32_t *order;  /* the batch's events, chunk by chunk */
	struct buf tags;  /* of the chunks, one behind the other */
	struct buf frame; /* heads and options of the messages */
	struct buf packed;
	struct iovec *pieces;
	size_t piece_count;
	size_t piece_at, piece_offset; /* what is written so far */
	/* For the owner */
	uint64_t end;	     /* where it ends in the stream, once written */
	uint64_t written_ns; /* when it was; 0: not yet */
	uint64_t arrived_ns; /* since when the server's kernel has it; 0: it hasn't */
};

TAILQ_HEAD(fluentd_requests, fluentd_request);

/* What is the same for all requests of an output. */
struct fluentd_maker;

WARN_UNUSED int fluentd_maker_create(const struct fluentd_settings *settings,
				     struct fluentd_maker **maker_r, struct errmsg *em);
void fluentd_maker_free(struct fluentd_maker **maker);

/* What the batches must have before each event (output_type.room_of). */
size_t fluentd_room(const struct output_settings *settings);
/* The batch has that room. NULL: no memory. */
WARN_UNUSED struct fluentd_request *fluentd_request_create(struct fluentd_maker *maker,
							   struct batch *batch, uint64_t number);
void fluentd_request_free(struct fluentd_request **request);

static inline bool fluentd_request_is_written(const struct fluentd_request *request)
{
	return request->piece_at == request->piece_count;
}

static inline bool fluentd_request_is_acked(const struct fluentd_request *request)
{
	return request->acked_count == request->chunk_count;
}

/* Notes that so many more bytes are written. */
void fluentd_request_advance(struct fluentd_request *request, size_t bytes);
/* The server has confirmed the chunk of that id, whose events are then SENT whatever becomes of the
 * others. False: there is none, it is not written whole, or it had been confirmed. */
bool fluentd_request_acknowledge(struct fluentd_request *request, struct str id);
/* To be sent again, from the start and without the chunks that are confirmed. */
void fluentd_request_rewind(struct fluentd_request *request);
