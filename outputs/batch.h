/* outputs/batch.h: the events that go out together: one reference-counted block that holds the
 * formatted bytes and where each event lies in them. Made by delivery, borrowed or held by a
 * destination, freed with its last reference. */
#pragma once

#include "base/compiler.h"
#include "base/str.h"
#include "pipeline/journal_reader.h"

#include <stddef.h>
#include <stdint.h>

/* Set by a destination whose protocol answers per event; all VERDICT_BATCH when it doesn't. */
enum batch_event_verdict { VERDICT_BATCH, VERDICT_SENT, VERDICT_RETRY, VERDICT_REFUSED };

struct batch_event {
	uint64_t seq;
	uint64_t time_wall_ns;
	uint32_t offset, bytes; /* of the formatted event in the block, framing not included */
	uint16_t kind;		/* enum event_kind */
	uint8_t verdict;	/* enum batch_event_verdict */
	uint8_t reason_len;	/* of the peer's words on a refusal, in batch_reason() */
};

struct batch;

WARN_UNUSED struct batch *batch_create(size_t max_events, size_t max_bytes);
void batch_ref(struct batch *batch);
void batch_unref(struct batch **batch);

size_t batch_count(const struct batch *batch);
size_t batch_bytes(const struct batch *batch);
struct batch_event *batch_event_at(struct batch *batch, size_t i);
struct str batch_payload(const struct batch *batch, size_t i);
