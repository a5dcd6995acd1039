/* outputs/batch.h: the events that go out together: one reference-counted block that holds the
 * formatted bytes and where each event lies in them. Made by delivery, borrowed or held by a
 * destination, freed with its last reference. A part of a batch (batch_part) shares the block. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/str.h"
#include "pipeline/journal_reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct formatter;

/* Set by a destination whose protocol answers per event; all VERDICT_BATCH when it doesn't. */
enum batch_event_verdict { VERDICT_BATCH, VERDICT_SENT, VERDICT_RETRY, VERDICT_REFUSED };

struct batch_event {
	uint64_t seq;
	uint64_t time_wall_ns;
	uint32_t offset, bytes; /* of the formatted event in the block, framing not included */
	uint32_t json_offset, json_bytes; /* of the event as the journal had it */
	uint32_t reason_offset;
	uint16_t kind;	    /* enum event_kind */
	uint8_t verdict;    /* enum batch_event_verdict */
	uint8_t reason_len; /* of the peer's words on a refusal, in batch_reason() */
	uint16_t notice;    /* not 0: not in the journal; see batch_notice() */
};

struct batch;

WARN_UNUSED struct batch *batch_create(size_t max_events, size_t max_bytes);
/* Of an empty batch: so many bytes stay free before each event, for its destination to fill, and no
 * newline follows an event: with what was filled in, events lie side by side without a gap. */
void batch_set_room(struct batch *batch, size_t room);
void batch_ref(struct batch *batch);
void batch_unref(struct batch **batch);
/* Empties a batch that nobody else holds, to be filled again; false: somebody does. */
bool batch_reset(struct batch *batch);

/* Formats the record behind what is there. -ENOSPC: the batch is full without it (nothing was
 * added); -EINVAL: the format can't express it; -ENOMEM. A record larger than max_bytes alone
 * is taken into an empty batch. All events of a batch are of one boot: another boot_id is
 * -ENOSPC too, and so is one notice more than a batch can have. */
WARN_UNUSED int batch_add(struct batch *batch, const struct journal_record *record,
			  struct formatter *formatter);
/* A new batch of those of the n events from `first` on that are not settled (verdict neither SENT
 * nor REFUSED), in order, with their verdicts cleared; it shares the block. NULL: no memory. */
WARN_UNUSED struct batch *batch_part(struct batch *of, size_t first, size_t n);

size_t batch_count(const struct batch *batch);
bool batch_is_full(const struct batch *batch);
struct batch_event *batch_event_at(struct batch *batch, size_t i);
struct str batch_payload(const struct batch *batch, size_t i);
/* The room before it; of a batch that has some. */
char *batch_room(struct batch *batch, size_t i);
/* The event as the journal had it. */
struct str batch_json(const struct batch *batch, size_t i);
/* The loss that this event is the notice of; NULL: it is one of the journal's. */
const struct journal_loss *batch_notice(const struct batch *batch, size_t i);
/* 36 characters. */
struct str batch_boot_id(const struct batch *batch);
/* How often the events of this batch have been handed to a destination. */
unsigned int batch_attempts(const struct batch *batch);
void batch_count_attempt(struct batch *batch);

/* For destinations that write lines, without room: the events from i on that lie side by side in
 * the block, each ended by a newline. Returns how many they are (at least one). */
size_t batch_lines(const struct batch *batch, size_t i, struct str *lines_r);
/* The event's id, the same on every attempt (outputs/event_id.h). */
void batch_write_id(const struct batch *batch, size_t i, struct buf *out);

/* The peer will never take this one; its words are cut to 255 bytes. */
void batch_refuse(struct batch *batch, size_t i, struct str reason);
struct str batch_reason(const struct batch *batch, size_t i);
