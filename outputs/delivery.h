/* outputs/delivery.h: brings events from the journal to one destination: reads behind its own
 * cursor, batches, formats, sends, retries, and moves the cursor when the peer has acknowledged.
 * One per output, on the forwarder's loop; deliveries share nothing, so what one destination does
 * or doesn't do changes nothing for another.
 *
 * It is a state machine that is run, not one that waits: delivery_run() does a bounded amount of
 * work and says when it wants to be run again. Who runs it owns the timers (the forwarder, or a
 * test with a clock of its own).
 *
 * Memory is bounded by the batches in flight, at most as many as the destination's window: each
 * batch.max_bytes formatted, up to four times that in journaled form when the format is not JSON
 * itself, plus the largest event there may be. */
#pragma once

#include "base/clock.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/output_settings.h"
#include "pipeline/encode_json.h"
#include "pipeline/metrics.h"

#include <stdbool.h>
#include <stdint.h>

#define DELIVERY_NEVER UINT64_MAX

struct delivery;

/* All borrowed until delivery_free(). */
struct delivery_settings {
	const struct output_settings *output;
	const char *journal_directory, *state_directory;
	uint64_t session_first_seq;
	const struct clock *clock;
	struct event_base *base;
	const struct encode_settings *encode; /* for notices of losses */
	struct metrics_output *metrics;
	uint64_t (*random)(void *ctx); /* NULL: the system's */
	void *random_ctx;
	/* The destination has said something: run the delivery soon. */
	void (*wake)(void *ctx);
	void *wake_ctx;
};

/* Opens the cursor. The journal and the destination are opened when it is run, and again when they
 * fail. */
WARN_UNUSED int delivery_create(const struct delivery_settings *settings,
				struct delivery **delivery_r, struct errmsg *em);
/* Boot clock at which to run it again, now or earlier meaning at once; DELIVERY_NEVER: when the
 * journal grows or it asks to be woken. */
uint64_t delivery_run(struct delivery *delivery);
/* Passes the word on to the destination. */
void delivery_reopen(struct delivery *delivery);
/* From now on batches don't wait to be full, and nothing behind last_seq is read (0: the journal's
 * end, wherever that is found). */
void delivery_drain(struct delivery *delivery, uint64_t last_seq);
/* After delivery_drain(): everything up to last_seq is acknowledged. That the reader sees no more
 * is not enough: what the collector knows to be there may not have met its eyes yet. */
bool delivery_is_drained(const struct delivery *delivery);
/* Closes the destination and syncs the cursor; what is in flight will go out again. */
void delivery_free(struct delivery **delivery);
