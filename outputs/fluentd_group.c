#include "outputs/fluentd_group.h"

#include "base/hash.h"

#include <stdlib.h>
#include <sys/random.h>

/* Memory of these is used again for each batch, and grows to what the largest needed. */
struct fluentd_groups {
	const struct template *tag;
	struct str output;
	uint32_t *chunk_of; /* of each event */
	uint32_t *table;    /* by the tag's hash: number of a chunk, plus 1; 0: free */
	size_t events, table_size;
	uint64_t seed; /* tags hold what an attacker may choose */
};

struct fluentd_groups *fluentd_groups_create(const struct template *tag, struct str output)
{
	struct fluentd_groups *groups = calloc(1, sizeof(*groups));

	if (!groups)
		return NULL;
	groups->tag = tag;
	groups->output = output;
	if (getrandom(&groups->seed, sizeof(groups->seed), 0) != sizeof(groups->seed))
		fluentd_groups_free(&groups);
	return groups;
}

void fluentd_groups_free(struct fluentd_groups **groups)
{
	if (*groups) {
		free((*groups)->chunk_of);
		free((*groups)->table);
	}
	free(*groups);
	*groups = NULL;
}

/* A table at least half empty, for n events. */
static bool make_room(struct fluentd_groups *g, size_t n)
{
	size_t size = 16;

	while (size < 2 * n)
		size *= 2;
	if (g->events < n) {
		free(g->chunk_of);
		free(g->table);
		g->events = g->table_size = 0;
		g->chunk_of = calloc(n, sizeof(*g->chunk_of));
		g->table = calloc(size, sizeof(*g->table));
		if (!g->chunk_of || !g->table)
			return false;
		g->events = n;
		g->table_size = size;
	}
	memset(g->table, 0, g->table_size * sizeof(*g->table));
	return true;
}

static struct str tag_of(const struct fluentd_request *r, const struct fluentd_chunk *chunk)
{
	return (struct str){ r->tags.p + chunk->tag_offset, chunk->tag_bytes };
}

/* Room for one more; they double. */
static bool reserve_chunk(struct fluentd_request *r)
{
	size_t n = r->chunk_count;
	struct fluentd_chunk *grown;

	if (n & (n - 1)) /* neither none nor a power of two: there is room */
		return true;
	grown = reallocarray(r->chunks, n ? 2 * n : 1, sizeof(*grown));
	if (grown)
		r->chunks = grown;
	return grown;
}

/* The tag stands at the end of r->tags, from `offset` on; it stays there if it is a new one. */
static bool find_or_add(struct fluentd_groups *g, struct fluentd_request *r, size_t offset,
			uint32_t *chunk_r)
{
	struct str tag = { r->tags.p + offset, r->tags.len - offset };
	size_t at = hash_bytes(tag.p, tag.n, g->seed) & (g->table_size - 1);

	for (; g->table[at]; at = (at + 1) & (g->table_size - 1)) {
		*chunk_r = g->table[at] - 1;
		if (!str_equal(tag_of(r, &r->chunks[*chunk_r]), tag))
			continue;
		r->tags.len = offset;
		return true;
	}
	if (!reserve_chunk(r))
		return false;
	*chunk_r = r->chunk_count++;
	g->table[at] = r->chunk_count;
	r->chunks[*chunk_r] = (struct fluentd_chunk){ .tag_offset = offset, .tag_bytes = tag.n };
	return true;
}

/* Where each chunk's events begin in `order`, then each event to its place. */
static void put_in_order(const struct fluentd_groups *g, struct fluentd_request *r, size_t n)
{
	uint32_t first = 0;
	size_t i;

	for (i = 0; i < r->chunk_count; i++) {
		r->chunks[i].first = first;
		first += r->chunks[i].count;
		r->chunks[i].count = 0;
	}
	for (i = 0; i < n; i++) {
		struct fluentd_chunk *chunk = &r->chunks[g->chunk_of[i]];

		r->order[chunk->first + chunk->count++] = i;
	}
}

bool fluentd_groups_make(struct fluentd_groups *g, struct fluentd_request *r)
{
	struct template_source source = { .batch = r->batch, .output = g->output };
	size_t i, n = batch_count(r->batch);

	if (!make_room(g, n))
		return false;
	for (i = 0; i < n; i++) {
		size_t offset = r->tags.len;

		source.i = i;
		template_write(g->tag, &source, &r->tags);
		if (!buf_ok(&r->tags) || !find_or_add(g, r, offset, &g->chunk_of[i]))
			return false;
		r->chunks[g->chunk_of[i]].count++;
	}
	put_in_order(g, r, n);
	return true;
}
