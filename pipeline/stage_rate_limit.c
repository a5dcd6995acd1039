#include "pipeline/stage_rate_limit.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/utf8.h"
#include "config/config.h"
#include "pipeline/rate_table.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

enum key_field {
	KEY_EVENT,
	KEY_BINARY,
	KEY_CONTAINER,
	KEY_USER,
	KEY_PARENT_BINARY,
	KEY_PID,
	KEY_FIELDS,
};

static const char *const key_names[KEY_FIELDS] = {
	[KEY_EVENT] = "event",
	[KEY_BINARY] = "binary",
	[KEY_CONTAINER] = "container",
	[KEY_USER] = "user",
	[KEY_PARENT_BINARY] = "parent_binary",
	[KEY_PID] = "pid",
};

struct rate_limit_settings {
	struct config_strings key;
	char *rate;
	uint64_t burst, max_keys, summary_interval_ns;
};

static const struct config_item rate_limit_items[] = {
	{ .name = "rate",
	  .type = CONFIG_STRING,
	  .offset = offsetof(struct rate_limit_settings, rate),
	  .help = "Events of one key that pass in the long run: a number per second, minute or "
		  "hour, such as 100/s, 600/m or 5000/h.",
	  .live = true },
	{ .name = "key",
	  .type = CONFIG_LIST,
	  .offset = offsetof(struct rate_limit_settings, key),
	  .value = "[event, binary, container]",
	  .help = "What events have in common that share a limit: any of event, binary, "
		  "container, user, parent_binary, pid. Empty: one limit for all.",
	  .live = true },
	{ .name = "burst",
	  .type = CONFIG_INTEGER,
	  .offset = offsetof(struct rate_limit_settings, burst),
	  .value = "0",
	  .max = 1000000000,
	  .unit = "events",
	  .help = "Events that may pass at once after a quiet time; 0: the number in `rate`.",
	  .live = true },
	{ .name = "max_keys",
	  .type = CONFIG_INTEGER,
	  .offset = offsetof(struct rate_limit_settings, max_keys),
	  .value = "4096",
	  .min = 1,
	  .max = 1000000,
	  .unit = "keys",
	  .help = "Keys that are remembered; past it the one seen longest ago is forgotten.",
	  .live = true },
	{ .name = "summary_interval",
	  .type = CONFIG_DURATION,
	  .offset = offsetof(struct rate_limit_settings, summary_interval_ns),
	  .value = "60s",
	  .min = NSEC_PER_SEC,
	  .max = 86400 * NSEC_PER_SEC,
	  .help = "How often what was limited is reported, by one weir_loss event per key.",
	  .live = true },
	CONFIG_END,
};

struct stage_rate_limit {
	struct stage stage;
	const struct clock *clock;
	enum key_field fields[KEY_FIELDS];
	size_t fields_count;
	struct rate_table_settings limits;
	struct rate_table *table;
	uint64_t seeds[2]; /* keys are made of what processes choose: hashes can't be foreseen */
	uint64_t summary_interval_ns, next_summary_ns;
	uint64_t evictions_told;
	struct log_limit evictions_limit;
};

/* ---- life ---- */

/* The value of one key, for messages about it; the mapping itself when it isn't there. */
static int refuse(const struct config_node *cfg, const char *key, struct errmsg *em,
		  const char *what, const char *text)
{
	const struct config_node *node = cfg ? config_node_get(cfg, key) : NULL;

	return config_error(node ? node : cfg, em, "%s: '%.40s' %s", key, text, what);
}

/* "N/s", "N/m", "N/h". */
static bool parse_rate(const char *text, uint64_t *count_r, uint64_t *period_ns_r)
{
	uint64_t seconds;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*count_r = strtoull(text, &end, 10);
	if (errno || *end++ != '/' || !*end || end[1])
		return false;
	switch (*end) {
	case 's':
		seconds = 1;
		break;
	case 'm':
		seconds = 60;
		break;
	case 'h':
		seconds = 3600;
		break;
	default:
		return false;
	}
	*period_ns_r = seconds * NSEC_PER_SEC;
	/* Finer than a nanosecond per event can't be counted. */
	return *count_r > 0 && *count_r <= *period_ns_r;
}

static int read_limits(struct stage_rate_limit *limit, const struct rate_limit_settings *settings,
		       const struct config_node *cfg, struct errmsg *em)
{
	uint64_t count, period_ns, burst;

	if (!parse_rate(settings->rate, &count, &period_ns))
		return refuse(
			cfg, "rate", em,
			"is no rate; write a number per second, minute or hour: 100/s, 600/m, "
			"5000/h",
			settings->rate);
	limit->limits.cost_ns = period_ns / count;
	limit->limits.max_keys = (uint32_t)settings->max_keys;
	burst = settings->burst ? settings->burst : count;
	if (__builtin_mul_overflow(burst, limit->limits.cost_ns, &limit->limits.burst_ns))
		return refuse(cfg, "burst", em, "is too much for a rate this low", "burst");
	return 0;
}

static int read_key(struct stage_rate_limit *limit, const struct config_strings *names,
		    const struct config_node *cfg, struct errmsg *em)
{
	for (size_t i = 0; i < names->n; i++) {
		int field = 0;

		while (field < KEY_FIELDS &&
		       !str_equal(str_of(names->v[i]), str_of(key_names[field])))
			field++;
		if (field == KEY_FIELDS)
			return refuse(
				cfg, "key", em,
				"is none of event, binary, container, user, parent_binary, pid",
				names->v[i]);
		for (size_t before = 0; before < i; before++)
			if (limit->fields[before] == (enum key_field)field)
				return refuse(cfg, "key", em, "is there twice", names->v[i]);
		limit->fields[limit->fields_count++] = (enum key_field)field;
	}
	return 0;
}

static void rate_limit_destroy(struct stage **stage)
{
	struct stage_rate_limit *limit = container_of(*stage, struct stage_rate_limit, stage);

	rate_table_free(&limit->table);
	free(limit);
	*stage = NULL;
}

static int set_up(struct stage_rate_limit *limit, const struct rate_limit_settings *settings,
		  const struct config_node *cfg, struct errmsg *em)
{
	int rc = read_limits(limit, settings, cfg, em);

	if (!rc)
		rc = read_key(limit, &settings->key, cfg, em);
	if (rc)
		return rc;
	if (getrandom(limit->seeds, sizeof(limit->seeds), 0) != sizeof(limit->seeds)) {
		rc = -errno;
		errmsg_set(em, "no random numbers: %s", strerror(-rc));
		return rc;
	}
	limit->summary_interval_ns = settings->summary_interval_ns;
	limit->next_summary_ns = clock_boot_ns(limit->clock) + settings->summary_interval_ns;
	limit->table = rate_table_create(&limit->limits);
	if (!limit->table) {
		errmsg_set(em, "out of memory");
		return -ENOMEM;
	}
	return 0;
}

static int rate_limit_create(const struct config_node *cfg, const struct clock *clock,
			     struct stage **stage_r, struct errmsg *em)
{
	struct rate_limit_settings settings = { 0 };
	struct stage_rate_limit *limit;
	int rc = config_read(cfg, rate_limit_items, &settings, em);

	if (rc)
		return rc;
	limit = calloc(1, sizeof(*limit));
	if (limit) {
		limit->stage.type = &stage_rate_limit_type;
		limit->clock = clock;
		*stage_r = &limit->stage;
		rc = set_up(limit, &settings, cfg, em);
		if (rc)
			rate_limit_destroy(stage_r);
	} else {
		errmsg_set(em, "out of memory");
		rc = -ENOMEM;
	}
	config_settings_free(rate_limit_items, &settings);
	return rc;
}

/* ---- keys ---- */

static struct str binary_of(const struct process *process)
{
	return process && process->image ? process->image->binary.text : (struct str){ "", 0 };
}

/* The value of a field, as bytes; number_r holds it when it is a number. */
static struct str field_value(enum key_field field, const struct event *event, uint32_t *number_r)
{
	const struct process *process = event->process;
	const struct image *image = process ? process->image : NULL;

	switch (field) {
	case KEY_EVENT:
		return str_of(event_kind_name(event->kind));
	case KEY_BINARY:
		return binary_of(process);
	case KEY_PARENT_BINARY:
		return binary_of(event->parent);
	case KEY_CONTAINER:
		return image ? image->container_id.text : (struct str){ "", 0 };
	case KEY_USER:
		*number_r = image ? image->creds.euid : UINT32_MAX;
		return (struct str){ (const char *)number_r, sizeof(*number_r) };
	case KEY_PID:
		*number_r = process ? process->key.pid : 0;
		return (struct str){ (const char *)number_r, sizeof(*number_r) };
	case KEY_FIELDS:
		break;
	}
	return (struct str){ "", 0 };
}

/* Each field's length goes into its hash, so ("ab", "c") is not ("a", "bc"). */
static void make_key(const struct stage_rate_limit *limit, const struct event *event,
		     uint64_t key_r[2])
{
	uint32_t number;

	key_r[0] = limit->seeds[0];
	key_r[1] = limit->seeds[1];
	for (size_t i = 0; i < limit->fields_count; i++) {
		struct str value = field_value(limit->fields[i], event, &number);

		key_r[0] = hash_bytes(value.p, value.n, key_r[0]);
		key_r[1] = hash_bytes(value.p, value.n, key_r[1]);
	}
}

static bool is_number(enum key_field field)
{
	return field == KEY_USER || field == KEY_PID;
}

/* As much of the value as there is room for, never a part of a character. */
static void write_cut(struct buf *text, struct str value)
{
	value.n = utf8_valid_prefix((struct str){ value.p, text->cap - text->len });
	buf_puts(text, value);
	text->overflow = true;
}

/* "event=process_exec binary=/bin/true"; cut where it is longer than there is room. */
static void write_key_text(const struct stage_rate_limit *limit, const struct event *event,
			   struct rate_bucket *bucket)
{
	struct buf text = buf_fixed(bucket->text, sizeof(bucket->text));
	uint32_t number;

	for (size_t i = 0; i < limit->fields_count && buf_ok(&text); i++) {
		struct str value = field_value(limit->fields[i], event, &number);

		buf_printf(&text, "%s%s=", i ? " " : "", key_names[limit->fields[i]]);
		if (is_number(limit->fields[i]))
			buf_u64(&text, number);
		else if (value.n <= text.cap - text.len)
			buf_puts(&text, value);
		else
			write_cut(&text, value);
	}
	bucket->text_length = (uint8_t)text.len;
}

/* ---- events ---- */

static enum stage_verdict rate_limit_on_event(struct stage *stage, struct event *event)
{
	struct stage_rate_limit *limit = container_of(stage, struct stage_rate_limit, stage);
	struct rate_bucket *bucket;
	uint64_t key[2];
	bool is_new;

	if (event->kind >= KIND_WEIR_LOSS)
		return STAGE_PASS; /* weir's own are always told */
	make_key(limit, event, key);
	bucket = rate_table_bucket(limit->table, key, event->time_boot_ns, &is_new);
	if (is_new)
		write_key_text(limit, event, bucket);
	if (rate_bucket_take(bucket, &limit->limits, event->time_boot_ns))
		return STAGE_PASS;
	rate_summary_add(&bucket->limited, event);
	return STAGE_LIMITED;
}

/* ---- summaries ---- */

static void emit_summary(struct stage_rate_limit *limit, struct rate_summary *summary,
			 struct str key, stage_emit_fn emit, void *ctx)
{
	struct event event = {
		.kind = KIND_WEIR_LOSS,
		.time_wall_ns = clock_wall_ns(limit->clock),
		.time_boot_ns = clock_boot_ns(limit->clock),
		.loss = {
			.cause = LOSS_RATE_LIMIT,
			.of = summary->of,
			.count = summary->count,
			.first_wall_ns = summary->first_wall_ns,
			.last_wall_ns = summary->last_wall_ns,
			.key = key,
		},
	};

	if (summary->count == 0)
		return;
	*summary = (struct rate_summary){ 0 };
	emit(ctx, &event);
}

static void tell_evictions(struct stage_rate_limit *limit)
{
	uint64_t evictions = rate_table_evictions(limit->table), suppressed;

	if (evictions == limit->evictions_told ||
	    !log_limit_pass(&limit->evictions_limit, clock_boot_ns(limit->clock), &suppressed))
		return;
	log_warn("rate_limit: %lu keys forgotten for want of room; raise max_keys (%u)",
		 (unsigned long)(evictions - limit->evictions_told), limit->limits.max_keys);
	limit->evictions_told = evictions;
}

static void rate_limit_tick(struct stage *stage, bool last, stage_emit_fn emit, void *ctx)
{
	struct stage_rate_limit *limit = container_of(stage, struct stage_rate_limit, stage);
	uint64_t now_ns = clock_boot_ns(limit->clock);
	struct rate_bucket *bucket = NULL;

	tell_evictions(limit);
	if (!last && now_ns < limit->next_summary_ns)
		return;
	limit->next_summary_ns = now_ns + limit->summary_interval_ns;
	while ((bucket = rate_table_next(limit->table, bucket)))
		emit_summary(limit, &bucket->limited,
			     (struct str){ bucket->text, bucket->text_length }, emit, ctx);
	emit_summary(limit, rate_table_evicted(limit->table), STR("(forgotten keys)"), emit, ctx);
}

uint64_t stage_rate_limit_evictions(const struct stage *stage)
{
	const struct stage_rate_limit *limit = container_of(stage, struct stage_rate_limit, stage);

	return rate_table_evictions(limit->table);
}

const struct stage_type stage_rate_limit_type = {
	.name = "rate_limit",
	.config = rate_limit_items,
	.create = rate_limit_create,
	.on_event = rate_limit_on_event,
	.tick = rate_limit_tick,
	.destroy = rate_limit_destroy,
};
