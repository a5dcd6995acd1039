/* outputs/backoff.h: how long to wait after failures in a row: exponential, with full jitter and
 * a cap, so that many hosts that lost the same peer don't come back at the same moment. */
#pragma once

#include <stdint.h>

struct backoff {
	uint64_t initial_ns, max_ns;
	uint64_t (*random)(void *ctx); /* 64 even bits */
	void *ctx;
	unsigned int failures; /* in a row */
};

/* random NULL: seeded by getrandom(2). */
void backoff_init(struct backoff *backoff, uint64_t initial_ns, uint64_t max_ns,
		  uint64_t (*random)(void *ctx), void *ctx);
/* Counts a failure; the wait is even in [1 ms, min(max, initial * 2^failures before)]. */
uint64_t backoff_next(struct backoff *backoff);
void backoff_reset(struct backoff *backoff);
