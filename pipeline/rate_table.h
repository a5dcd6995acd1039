/* pipeline/rate_table.h: token buckets by key, bounded: when a new key finds no room, the bucket
 * used longest ago goes. Owned by the rate limiting stage; loop thread.
 *
 * A bucket is kept in time, not in tokens: `credit_ns` grows with the clock and one event costs
 * `cost_ns`, so nothing is rounded whatever the rate. */
#pragma once

#include "base/compiler.h"
#include "base/str.h"
#include "pipeline/event.h"

#include <stdbool.h>
#include <stdint.h>

#define RATE_KEY_TEXT_BYTES 160 /* a longer key is cut in the summary, not in the comparison */

/* What was limited under one key since the last summary. */
struct rate_summary {
	uint64_t count;
	enum event_kind of; /* KIND_NONE: of several kinds */
	uint64_t first_wall_ns, last_wall_ns;
};

struct rate_bucket {
	uint64_t key[2]; /* a 128-bit keyed hash of the key's fields */
	uint64_t credit_ns, updated_ns;
	struct rate_summary limited;
	uint32_t hash_next, older, newer; /* index + 1; 0: none */
	uint8_t text_length;
	char text[RATE_KEY_TEXT_BYTES];
};

struct rate_table_settings {
	uint64_t cost_ns;  /* of one event */
	uint64_t burst_ns; /* most credit: burst times cost */
	uint32_t max_keys;
};

struct rate_table;

WARN_UNUSED struct rate_table *rate_table_create(const struct rate_table_settings *settings);
/* The bucket of the key, made full when it is new (*is_new_r): then the caller writes its text.
 * What an evicted bucket had not reported yet is kept in rate_table_evicted(). */
struct rate_bucket *rate_table_bucket(struct rate_table *table, const uint64_t key[2],
				      uint64_t now_ns, bool *is_new_r);
/* Takes one event's cost from the bucket; false: there isn't enough. Times that go back count as
 * standing still. */
bool rate_bucket_take(struct rate_bucket *bucket, const struct rate_table_settings *settings,
		      uint64_t now_ns);
void rate_summary_add(struct rate_summary *summary, const struct event *event);

/* The bucket after `bucket`, newest first; NULL starts. NULL: no more. */
struct rate_bucket *rate_table_next(struct rate_table *table, const struct rate_bucket *bucket);
/* What buckets that were evicted had limited. */
struct rate_summary *rate_table_evicted(struct rate_table *table);
uint64_t rate_table_evictions(const struct rate_table *table);
void rate_table_free(struct rate_table **table);
