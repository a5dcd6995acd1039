#include "collector/rescan.h"

#include "base/log.h"

#include <stdlib.h>

#define KEYS_MAX_BYTES (64u << 20) /* four million processes */

enum rescan_state {
	RESCAN_IDLE,
	RESCAN_DUE,   /* something was lost */
	RESCAN_NOTED, /* some processes were not known; are they now? */
};

struct rescan {
	struct sensor *sensor;
	struct process_table *table;
	const struct clock *clock;
	struct metrics_collector *metrics;
	sensor_record_fn fn;
	void *ctx;
	enum rescan_state state;
	uint64_t lost;			      /* as counted up to now */
	uint64_t first_loss_ns, last_loss_ns; /* since the last comparison */
	struct buf keys;		      /* sorted: what lives, then what is not known */
	struct log_limit log_limit;
};

struct rescan *rescan_create(struct sensor *sensor, struct process_table *table,
			     const struct clock *clock, struct metrics_collector *metrics,
			     sensor_record_fn fn, void *ctx)
{
	struct rescan *rescan = calloc(1, sizeof(*rescan));

	if (!rescan)
		return NULL;
	rescan->sensor = sensor;
	rescan->table = table;
	rescan->clock = clock;
	rescan->metrics = metrics;
	rescan->fn = fn;
	rescan->ctx = ctx;
	rescan->keys = buf_growable(KEYS_MAX_BYTES);
	return rescan;
}

/* The keys in hand. */

static struct event_process_key *first_key(const struct rescan *rescan)
{
	return (struct event_process_key *)rescan->keys.p;
}

static size_t key_count(const struct rescan *rescan)
{
	return rescan->keys.len / sizeof(struct event_process_key);
}

static int compare_keys(const void *a, const void *b)
{
	const struct event_process_key *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static bool has_key(const struct rescan *rescan, const struct event_process_key *key)
{
	return key_count(rescan) && bsearch(key, first_key(rescan), key_count(rescan), sizeof(*key),
					    compare_keys) != NULL;
}

static bool lives(void *ctx, struct process_key key)
{
	const struct event_process_key wanted = { .start_ns = key.start_ns, .pid = key.pid };

	return has_key(ctx, &wanted);
}

static bool is_known(const struct rescan *rescan, const struct event_process_key *key)
{
	return process_table_has(
		rescan->table, (struct process_key){ .start_ns = key->start_ns, .pid = key->pid });
}

/* Of the keys in hand, those that the table should have had. */
static void keep_unknown(struct rescan *rescan)
{
	struct event_process_key *keys = first_key(rescan);
	struct process_table_stats stats;
	size_t n = 0;

	process_table_stats(rescan->table, &stats);
	if (stats.evicted_running) {
		buf_reset(&rescan->keys);
		return;
	}
	for (size_t i = 0; i < key_count(rescan); i++)
		if (!is_known(rescan, &keys[i]))
			keys[n++] = keys[i];
	rescan->keys.len = n * sizeof(*keys);
}

/* The two comparisons. */

static void failed(struct rescan *rescan, const struct errmsg *em)
{
	uint64_t suppressed;

	if (log_limit_pass(&rescan->log_limit, clock_boot_ns(rescan->clock), &suppressed))
		log_warn(
			"processes could not be compared with what runs, after records of them were "
			"lost: %s (%llu such messages left out)",
			em->text, (unsigned long long)suppressed);
}

static enum rescan_state compare(struct rescan *rescan)
{
	struct errmsg em;

	buf_reset(&rescan->keys);
	if (sensor_living(rescan->sensor, &rescan->keys, &em)) {
		failed(rescan, &em);
		return RESCAN_IDLE;
	}
	metric_add(&rescan->metrics->process_rescans, 1);
	if (key_count(rescan))
		qsort(first_key(rescan), key_count(rescan), sizeof(struct event_process_key),
		      compare_keys);
	metric_add(&rescan->metrics->processes_gone,
		   process_table_sweep(rescan->table, lives, rescan));
	keep_unknown(rescan);
	return key_count(rescan) ? RESCAN_NOTED : RESCAN_IDLE;
}

/* Was noted, and is still not known. */
static bool is_wanted(void *ctx, const struct event_process_key *key)
{
	const struct rescan *rescan = ctx;
	const struct event_process_key wanted = { .start_ns = key->start_ns, .pid = key->pid };

	return has_key(rescan, &wanted) && !is_known(rescan, key);
}

static void found(void *ctx, const void *record, size_t bytes)
{
	struct rescan *rescan = ctx;

	metric_add(&rescan->metrics->processes_found, 1);
	rescan->fn(rescan->ctx, record, bytes);
}

static void enter_unknown(struct rescan *rescan)
{
	struct errmsg em;

	if (sensor_tell_again(rescan->sensor, is_wanted, found, rescan, &em))
		failed(rescan, &em);
	buf_free(&rescan->keys);
	rescan->keys = buf_growable(KEYS_MAX_BYTES);
}

/* When. */

/* Of starts and ends. */
static uint64_t lost_records(const struct sensor_counters *counters)
{
	static const enum event_type types[] = { EVENT_FORK, EVENT_EXEC, EVENT_EXIT };
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		n += counters->fates[types[i]][FATE_RING_FULL] +
		     counters->fates[types[i]][FATE_SCRATCH_BUSY];
	return n;
}

static void note_losses(struct rescan *rescan, const struct sensor_counters *counters, uint64_t now)
{
	uint64_t lost = lost_records(counters);

	if (lost == rescan->lost)
		return;
	rescan->lost = lost;
	rescan->last_loss_ns = now;
	if (!rescan->first_loss_ns)
		rescan->first_loss_ns = now;
	if (rescan->state == RESCAN_IDLE)
		rescan->state = RESCAN_DUE;
}

static bool is_time(const struct rescan *rescan, uint64_t now)
{
	return now - rescan->last_loss_ns >= RESCAN_QUIET_NS ||
	       now - rescan->first_loss_ns >= RESCAN_PATIENT_NS;
}

void rescan_tick(struct rescan *rescan, const struct sensor_counters *counters, bool drained)
{
	uint64_t now = clock_boot_ns(rescan->clock);

	note_losses(rescan, counters, now);
	if (!drained)
		return;
	switch (rescan->state) {
	case RESCAN_IDLE:
		return;
	case RESCAN_DUE:
		if (!is_time(rescan, now))
			return;
		rescan->first_loss_ns = 0;
		rescan->state = compare(rescan);
		return;
	case RESCAN_NOTED:
		enter_unknown(rescan);
		rescan->state = rescan->first_loss_ns ? RESCAN_DUE : RESCAN_IDLE;
		return;
	}
}

void rescan_free(struct rescan **rescan)
{
	if (*rescan)
		buf_free(&(*rescan)->keys);
	free(*rescan);
	*rescan = NULL;
}
