/* pipeline/stage.h: the contract of one step between the process table and the journal.
 *
 * A stage is one file and one `const struct stage_type`, listed in pipeline/stages.c. It may act
 * at two moments, both optional:
 *   on_process  once per execve (and per process found at start), before redaction: add what is
 *		 known to the draft. Cost here is per exec.
 *   on_event    for every event that would be journaled: let it pass or not. Cost here is per
 *		 event; no allocation, no system call.
 * The pipeline runs the stages in the configured order and owns the counters: a stage says what
 * happened, the pipeline counts and reports it. All calls are on the collector's loop thread.
 * A reload creates new stages beside the old ones and swaps them whole. */
#pragma once

#include "base/clock.h"
#include "base/errmsg.h"
#include "pipeline/event.h"

#include <stdbool.h>

struct config_item;
struct config_node;

enum stage_verdict {
	STAGE_PASS,
	STAGE_FILTERED, /* the configuration does not want it: counted, not reported as a loss */
	STAGE_LIMITED,	/* a limit took it: counted, and reported by a weir_loss event */
};

/* Embedded as the first member of a stage's own struct. */
struct stage {
	const struct stage_type *type;
};

/* Where a stage puts an event of its own (a summary of what it took). */
typedef void (*stage_emit_fn)(void *ctx, const struct event *event);

struct stage_type {
	const char *name;		  /* as written in the configuration */
	const struct config_item *config; /* schema and defaults; also the source of the manual */
	WARN_UNUSED int (*create)(const struct config_node *cfg, const struct clock *clock,
				  struct stage **stage_r, struct errmsg *em);
	void (*on_process)(struct stage *stage, struct process_draft *draft);
	enum stage_verdict (*on_event)(struct stage *stage, struct event *event);
	/* About once a second, and once before destroy with `last`: emit what is due. */
	void (*tick)(struct stage *stage, bool last, stage_emit_fn emit, void *ctx);
	void (*destroy)(struct stage **stage);
};

/* All stages there are, ended by NULL. */
extern const struct stage_type *const stage_types[];
const struct stage_type *stage_type_by_name(const char *name);
