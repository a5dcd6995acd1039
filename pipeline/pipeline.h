/* pipeline/pipeline.h: the stages in their configured order, the redaction between draft and
 * image, and the encoder that writes into the journal. One per collector; a reload makes a new
 * one from the new configuration and swaps it in whole.
 *
 * The loss equation is kept here: every event given to pipeline_event(), which the caller has
 * counted as captured, is counted in exactly one of filtered, limited, journaled or lost
 * (metrics.h). */
#pragma once

#include "base/clock.h"
#include "base/errmsg.h"
#include "pipeline/encode_json.h"
#include "pipeline/event.h"
#include "pipeline/stage.h"

struct config_node;
struct journal;
struct metrics_collector;
struct pipeline;

/* stages_cfg: the validated `pipeline` list (NULL: the defaults). settings, clock, journal and
 * metrics are borrowed until pipeline_free(). On failure em names file, line and field. */
WARN_UNUSED int pipeline_create(const struct config_node *stages_cfg,
				const struct encode_settings *settings, const struct clock *clock,
				struct journal *journal, struct metrics_collector *metrics,
				struct pipeline **pipeline_r, struct errmsg *em);
/* Whether pipeline_create() would take this list; makes nothing that stays. */
WARN_UNUSED int pipeline_check(const struct config_node *stages_cfg, struct errmsg *em);
/* Enriches and redacts. NULL when out of memory; the draft is not kept. One reference. */
WARN_UNUSED struct image *pipeline_image(struct pipeline *pipeline, struct process_draft *draft);
/* Runs the stages and journals the event, or counts why not. Returns true when it was journaled. */
bool pipeline_event(struct pipeline *pipeline, struct event *event);
/* Journals one of weir's own events past the stages; counts it as captured, too. */
bool pipeline_notice(struct pipeline *pipeline, struct event *event);
/* About once a second; `last` before pipeline_free(). Journals what the stages report, and events
 * lost for want of memory, as notices (weir_loss). */
void pipeline_tick(struct pipeline *pipeline, bool last);
void pipeline_free(struct pipeline **pipeline);
