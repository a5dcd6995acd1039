/* outputs/http_concurrency.h: how many requests may be in the air at once: grows by one per round
 * of good answers, shrinks by a tenth when the peer says that it has too much (429, 503) or when
 * answers take much longer than they used to (AIMD, as TCP does). A value in its owner's struct;
 * pure arithmetic. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct http_concurrency {
	double limit;
	unsigned int max;
	double mean_ns, deviation_ns; /* of the latency, both moving; 0: no answer yet */
	uint64_t shrunk_at_ns;
};

void http_concurrency_init(struct http_concurrency *c, unsigned int max);
/* At least one, at most max. */
unsigned int http_concurrency_limit(const struct http_concurrency *c);
/* One more answer, good or not. in_air: how many requests were, this one included: a limit that is
 * not reached has not been tried, and doesn't grow. */
void http_concurrency_answered(struct http_concurrency *c, uint64_t sent_ns, uint64_t now_ns,
			       unsigned int in_air, bool is_overloaded);
