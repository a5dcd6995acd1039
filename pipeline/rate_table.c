#include "pipeline/rate_table.h"

#include <stdlib.h>

/* Links are index + 1, so that zeroed memory is an empty table and pages are touched only as keys
 * come. */
struct rate_table {
	struct rate_table_settings settings;
	struct rate_bucket *buckets;
	uint32_t *chains;
	uint32_t chains_mask;
	uint32_t used;
	uint32_t newest, oldest;
	struct rate_summary evicted;
	uint64_t evictions;
};

struct rate_table *rate_table_create(const struct rate_table_settings *settings)
{
	struct rate_table *table = calloc(1, sizeof(*table));
	uint32_t chains = 16;

	if (!table)
		return NULL;
	while (chains < settings->max_keys)
		chains *= 2;
	table->settings = *settings;
	table->chains_mask = chains - 1;
	table->chains = calloc(chains, sizeof(*table->chains));
	table->buckets = calloc(settings->max_keys, sizeof(*table->buckets));
	if (!table->chains || !table->buckets)
		rate_table_free(&table);
	return table;
}

static struct rate_bucket *bucket_at(struct rate_table *table, uint32_t link)
{
	return link ? &table->buckets[link - 1] : NULL;
}

static uint32_t link_of(const struct rate_table *table, const struct rate_bucket *bucket)
{
	return (uint32_t)(bucket - table->buckets) + 1;
}

static uint32_t *chain_of(struct rate_table *table, const uint64_t key[2])
{
	return &table->chains[key[0] & table->chains_mask];
}

static struct rate_bucket *find(struct rate_table *table, const uint64_t key[2])
{
	struct rate_bucket *bucket = bucket_at(table, *chain_of(table, key));

	while (bucket && (bucket->key[0] != key[0] || bucket->key[1] != key[1]))
		bucket = bucket_at(table, bucket->hash_next);
	return bucket;
}

static void unlink_by_age(struct rate_table *table, struct rate_bucket *bucket)
{
	struct rate_bucket *newer = bucket_at(table, bucket->newer);
	struct rate_bucket *older = bucket_at(table, bucket->older);

	*(newer ? &newer->older : &table->newest) = bucket->older;
	*(older ? &older->newer : &table->oldest) = bucket->newer;
	bucket->newer = bucket->older = 0;
}

static void link_as_newest(struct rate_table *table, struct rate_bucket *bucket)
{
	struct rate_bucket *newest = bucket_at(table, table->newest);

	bucket->newer = 0;
	bucket->older = table->newest;
	table->newest = link_of(table, bucket);
	*(newest ? &newest->newer : &table->oldest) = table->newest;
}

static void unlink_from_chain(struct rate_table *table, const struct rate_bucket *bucket)
{
	uint32_t *link = chain_of(table, bucket->key), wanted = link_of(table, bucket);

	while (*link != wanted)
		link = &table->buckets[*link - 1].hash_next;
	*link = bucket->hash_next;
}

static void merge_summaries(struct rate_summary *into, const struct rate_summary *from)
{
	if (from->count == 0)
		return;
	if (into->count == 0) {
		*into = *from;
		return;
	}
	into->count += from->count;
	if (into->of != from->of)
		into->of = KIND_NONE;
	if (from->first_wall_ns < into->first_wall_ns)
		into->first_wall_ns = from->first_wall_ns;
	if (from->last_wall_ns > into->last_wall_ns)
		into->last_wall_ns = from->last_wall_ns;
}

static struct rate_bucket *evict_oldest(struct rate_table *table)
{
	struct rate_bucket *bucket = bucket_at(table, table->oldest);

	merge_summaries(&table->evicted, &bucket->limited);
	unlink_from_chain(table, bucket);
	unlink_by_age(table, bucket);
	table->evictions++;
	return bucket;
}

static struct rate_bucket *add(struct rate_table *table, const uint64_t key[2], uint64_t now_ns)
{
	struct rate_bucket *bucket = table->used < table->settings.max_keys
					     ? &table->buckets[table->used++]
					     : evict_oldest(table);
	uint32_t *chain = chain_of(table, key);

	*bucket = (struct rate_bucket){
		.key = { key[0], key[1] },
		.credit_ns = table->settings.burst_ns,
		.updated_ns = now_ns,
		.hash_next = *chain,
	};
	*chain = link_of(table, bucket);
	link_as_newest(table, bucket);
	return bucket;
}

struct rate_bucket *rate_table_bucket(struct rate_table *table, const uint64_t key[2],
				      uint64_t now_ns, bool *is_new_r)
{
	struct rate_bucket *bucket = find(table, key);

	*is_new_r = !bucket;
	if (!bucket)
		return add(table, key, now_ns);
	if (bucket->newer) {
		unlink_by_age(table, bucket);
		link_as_newest(table, bucket);
	}
	return bucket;
}

bool rate_bucket_take(struct rate_bucket *bucket, const struct rate_table_settings *settings,
		      uint64_t now_ns)
{
	if (now_ns > bucket->updated_ns) {
		uint64_t gained_ns = now_ns - bucket->updated_ns;

		bucket->credit_ns = gained_ns >= settings->burst_ns - bucket->credit_ns
					    ? settings->burst_ns
					    : bucket->credit_ns + gained_ns;
		bucket->updated_ns = now_ns;
	}
	if (bucket->credit_ns < settings->cost_ns)
		return false;
	bucket->credit_ns -= settings->cost_ns;
	return true;
}

void rate_summary_add(struct rate_summary *summary, const struct event *event)
{
	struct rate_summary one = { 1, event->kind, event->time_wall_ns, event->time_wall_ns };

	merge_summaries(summary, &one);
}

struct rate_bucket *rate_table_next(struct rate_table *table, const struct rate_bucket *bucket)
{
	return bucket_at(table, bucket ? bucket->older : table->newest);
}

struct rate_summary *rate_table_evicted(struct rate_table *table)
{
	return &table->evicted;
}

uint64_t rate_table_evictions(const struct rate_table *table)
{
	return table->evictions;
}

void rate_table_free(struct rate_table **table)
{
	if (!*table)
		return;
	free((*table)->buckets);
	free((*table)->chains);
	free(*table);
	*table = NULL;
}
