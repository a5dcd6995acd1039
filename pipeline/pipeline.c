#include "pipeline/pipeline.h"

#include "config/config.h"
#include "pipeline/journal.h"
#include "pipeline/metrics.h"
#include "pipeline/stage_redact.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_STAGES 64

/* Events for which there was no memory, or that were larger than an event may be, since the last
 * tick. The journal reports what it lost itself. */
struct memory_loss {
	uint64_t count, first_wall_ns, last_wall_ns;
};

struct pipeline {
	const struct encode_settings *settings;
	const struct clock *clock;
	struct journal *journal;
	struct metrics_collector *metrics;
	struct stage *stages[MAX_STAGES];
	size_t stages_count;
	struct redaction *redaction; /* of the redact stage */
	struct memory_loss lost[EVENT_KINDS];
};

/* ---- reading the list ---- */

/* One element: a stage's name, or a mapping of it to its settings. */
struct stage_entry {
	const struct config_node *node;
	struct str name;
	const struct config_node *cfg; /* NULL: its defaults */
};

static int read_entry(const struct config_node *node, struct stage_entry *entry_r,
		      struct errmsg *em)
{
	*entry_r = (struct stage_entry){ .node = node };
	switch (config_node_kind(node)) {
	case CONFIG_NODE_SCALAR:
		entry_r->name = config_node_text(node);
		return 0;
	case CONFIG_NODE_MAPPING:
		if (config_node_count(node) != 1)
			break;
		entry_r->name = config_node_key(node, 0);
		entry_r->cfg = config_node_at(node, 0);
		if (config_node_is_null(entry_r->cfg))
			entry_r->cfg = NULL;
		return 0;
	case CONFIG_NODE_SEQUENCE:
		break;
	}
	return config_error(node, em,
			    "a stage is wanted: its name, or its name and a colon with "
			    "its settings indented below");
}

static const struct stage_type *find_type(struct str name)
{
	for (const struct stage_type *const *type = stage_types; *type; type++)
		if (str_equal(name, str_of((*type)->name)))
			return *type;
	return NULL;
}

static int refuse_unknown(const struct stage_entry *entry, struct errmsg *em)
{
	const char *names[MAX_STAGES];
	const char *nearest;
	size_t n = 0;

	while (stage_types[n] && n < MAX_STAGES) {
		names[n] = stage_types[n]->name;
		n++;
	}
	nearest = config_nearest(entry->name, names, n);
	return config_error(entry->node, em, "there is no stage '%.*s'%s%s%s",
			    (int)(entry->name.n < 40 ? entry->name.n : 40), entry->name.p,
			    nearest ? "; did you mean " : "", nearest ? nearest : "",
			    nearest ? "?" : "");
}

/* Stages that only take away may stand in several places; the others do their work once. */
static bool may_repeat(const struct stage_type *type)
{
	return type->on_event;
}

static bool has_stage(const struct pipeline *pipeline, const struct stage_type *type)
{
	for (size_t i = 0; i < pipeline->stages_count; i++)
		if (pipeline->stages[i]->type == type)
			return true;
	return false;
}

static int add_stage(struct pipeline *pipeline, const struct stage_type *type,
		     const struct config_node *cfg, struct errmsg *em)
{
	struct stage *stage = NULL;
	int rc = type->create(cfg, pipeline->clock, &stage, em);

	if (rc)
		return rc;
	pipeline->stages[pipeline->stages_count++] = stage;
	if (type == &stage_redact_type)
		pipeline->redaction = stage_redact_rules(stage);
	return 0;
}

static int add_entry(struct pipeline *pipeline, const struct config_node *node, struct errmsg *em)
{
	const struct stage_type *type;
	struct stage_entry entry;
	struct errmsg why = { "" };
	int rc = read_entry(node, &entry, em);

	if (rc)
		return rc;
	type = find_type(entry.name);
	if (!type)
		return refuse_unknown(&entry, em);
	if (!may_repeat(type) && has_stage(pipeline, type))
		return config_error(node, em, "stage %s is there twice", type->name);
	/* One place is kept for the redaction that is always there. */
	if (pipeline->stages_count == MAX_STAGES - 1)
		return config_error(node, em, "more than %d stages", MAX_STAGES - 1);
	if (entry.cfg)
		return add_stage(pipeline, type, entry.cfg, em);
	/* Without settings there is no place that the stage could name. */
	rc = add_stage(pipeline, type, NULL, &why);
	if (rc)
		config_error(node, em, "%s: %s", type->name, why.text);
	return rc;
}

static int add_listed(struct pipeline *pipeline, const struct config_node *list, struct errmsg *em)
{
	int rc = 0;

	if (config_node_kind(list) != CONFIG_NODE_SEQUENCE)
		return config_error(list, em, "pipeline: a list of stages is wanted");
	for (size_t i = 0; i < config_node_count(list) && !rc; i++)
		rc = add_entry(pipeline, config_node_at(list, i), em);
	return rc;
}

static int add_stages(struct pipeline *pipeline, const struct config_node *list, struct errmsg *em)
{
	int rc;

	if (list && !config_node_is_null(list))
		rc = add_listed(pipeline, list, em);
	else
		rc = add_stage(pipeline, find_type(STR("enrich")), NULL, em);
	if (!rc && !pipeline->redaction)
		rc = add_stage(pipeline, &stage_redact_type, NULL, em);
	return rc;
}

/* ---- life ---- */

int pipeline_create(const struct config_node *stages_cfg, const struct encode_settings *settings,
		    const struct clock *clock, struct journal *journal,
		    struct metrics_collector *metrics, struct pipeline **pipeline_r,
		    struct errmsg *em)
{
	struct pipeline *pipeline = calloc(1, sizeof(*pipeline));
	int rc;

	if (!pipeline) {
		errmsg_set(em, "out of memory");
		return -ENOMEM;
	}
	pipeline->settings = settings;
	pipeline->clock = clock;
	pipeline->journal = journal;
	pipeline->metrics = metrics;
	rc = add_stages(pipeline, stages_cfg, em);
	if (rc)
		pipeline_free(&pipeline);
	else
		*pipeline_r = pipeline;
	return rc;
}

int pipeline_check(const struct config_node *stages_cfg, struct errmsg *em)
{
	struct pipeline *pipeline = NULL;
	struct clock clock;
	int rc;

	clock_init(&clock);
	rc = pipeline_create(stages_cfg, NULL, &clock, NULL, NULL, &pipeline, em);
	if (!rc)
		pipeline_free(&pipeline);
	return rc;
}

void pipeline_free(struct pipeline **pipeline)
{
	if (!*pipeline)
		return;
	for (size_t i = 0; i < (*pipeline)->stages_count; i++) {
		struct stage *stage = (*pipeline)->stages[i];

		stage->type->destroy(&stage);
	}
	free(*pipeline);
	*pipeline = NULL;
}

/* ---- processes ---- */

struct image *pipeline_image(struct pipeline *pipeline, struct process_draft *draft)
{
	struct image *image;

	for (size_t i = 0; i < pipeline->stages_count; i++) {
		struct stage *stage = pipeline->stages[i];

		if (stage->type->on_process)
			stage->type->on_process(stage, draft);
	}
	image = image_create(draft, pipeline->redaction);
	if (!image)
		return NULL;
	metric_add(&pipeline->metrics->redaction_replaced, image->redaction.replaced);
	metric_add(&pipeline->metrics->redaction_failed, image->redaction.failed);
	return image;
}

/* ---- events ---- */

static void count_memory_loss(struct pipeline *pipeline, const struct event *event)
{
	struct memory_loss *lost = &pipeline->lost[event->kind];

	metric_add(&pipeline->metrics->lost[event->kind][LOSS_MEMORY], 1);
	if (!lost->count)
		lost->first_wall_ns = event->time_wall_ns;
	lost->last_wall_ns = event->time_wall_ns;
	lost->count++;
}

static bool journal_event(struct pipeline *pipeline, const struct event *event)
{
	struct metrics_collector *metrics = pipeline->metrics;
	uint64_t seq;
	struct buf *out = journal_begin_record(pipeline->journal, &seq);

	if (!out) {
		metric_add(&metrics->lost[event->kind][LOSS_JOURNAL_ERROR], 1);
		return false;
	}
	encode_json(pipeline->settings, event, seq, out);
	if (journal_end_record(pipeline->journal, event->kind, event->time_wall_ns,
			       event->process ? event->process->key.pid : 0)) {
		count_memory_loss(pipeline, event);
		return false;
	}
	metric_add(&metrics->journaled[event->kind], 1);
	return true;
}

static enum stage_verdict run_stages(struct pipeline *pipeline, struct event *event)
{
	enum stage_verdict verdict = STAGE_PASS;

	for (size_t i = 0; i < pipeline->stages_count && verdict == STAGE_PASS; i++) {
		struct stage *stage = pipeline->stages[i];

		if (stage->type->on_event)
			verdict = stage->type->on_event(stage, event);
	}
	return verdict;
}

bool pipeline_event(struct pipeline *pipeline, struct event *event)
{
	switch (run_stages(pipeline, event)) {
	case STAGE_PASS:
		return journal_event(pipeline, event);
	case STAGE_FILTERED:
		metric_add(&pipeline->metrics->filtered[event->kind], 1);
		return false;
	case STAGE_LIMITED:
		metric_add(&pipeline->metrics->limited[event->kind], 1);
		return false;
	}
	return false;
}

/* No record of the kernel stands behind weir's own events, so here is where they are counted. */
static bool journal_notice(struct pipeline *pipeline, const struct event *event)
{
	metric_add(&pipeline->metrics->captured[event->kind], 1);
	return journal_event(pipeline, event);
}

bool pipeline_notice(struct pipeline *pipeline, struct event *event)
{
	return journal_notice(pipeline, event);
}

/* ---- ticks ---- */

static void emit_notice(void *ctx, const struct event *event)
{
	journal_notice(ctx, event);
}

static void report_memory_loss(struct pipeline *pipeline, enum event_kind kind)
{
	struct memory_loss lost = pipeline->lost[kind];
	struct event event = {
		.kind = KIND_WEIR_LOSS,
		.time_wall_ns = clock_wall_ns(pipeline->clock),
		.time_boot_ns = clock_boot_ns(pipeline->clock),
		.loss = {
			.cause = LOSS_MEMORY,
			.of = kind,
			.count = lost.count,
			.first_wall_ns = lost.first_wall_ns,
			.last_wall_ns = lost.last_wall_ns,
		},
	};

	if (!lost.count)
		return;
	pipeline->lost[kind] = (struct memory_loss){ 0 };
	journal_notice(pipeline, &event);
}

void pipeline_tick(struct pipeline *pipeline, bool last)
{
	for (size_t i = 0; i < pipeline->stages_count; i++) {
		struct stage *stage = pipeline->stages[i];

		if (stage->type->tick)
			stage->type->tick(stage, last, emit_notice, pipeline);
	}
	for (int kind = KIND_NONE; kind < EVENT_KINDS; kind++)
		report_memory_loss(pipeline, (enum event_kind)kind);
}
