#include "pipeline/stage_filter.h"

#include "base/log.h"
#include "config/config.h"
#include "pipeline/filter_list.h"

#include <errno.h>
#include <stdlib.h>

struct stage_filter {
	struct stage stage;
	const struct clock *clock;
	struct filter_list *list;
	uint64_t undecided_told; /* of those that the list could not decide */
	struct log_limit undecided_limit;
};

struct filter_settings {
	const struct config_node *allow, *deny;
};

static const struct config_item filter_items[] = {
	{ .name = "allow",
	  .type = CONFIG_NODE,
	  .offset = offsetof(struct filter_settings, allow),
	  .optional = true,
	  .help = "Events that meet none of these objects are dropped; empty: all are kept. A list "
		  "of objects, or Tetragon's export filters as JSON objects in a string.",
	  .live = true },
	{ .name = "deny",
	  .type = CONFIG_NODE,
	  .offset = offsetof(struct filter_settings, deny),
	  .optional = true,
	  .help = "Events that meet any of these objects are dropped, whatever `allow` says.",
	  .live = true },
	CONFIG_END,
};

/* ---- life ---- */

static void filter_destroy(struct stage **stage)
{
	struct stage_filter *filter = container_of(*stage, struct stage_filter, stage);

	filter_list_free(&filter->list);
	free(filter);
	*stage = NULL;
}

static int filter_create(const struct config_node *cfg, const struct clock *clock,
			 struct stage **stage_r, struct errmsg *em)
{
	struct filter_settings settings = { 0 };
	struct stage_filter *filter;
	int rc = config_read(cfg, filter_items, &settings, em);

	if (rc)
		return rc;
	filter = calloc(1, sizeof(*filter));
	if (filter) {
		filter->stage.type = &stage_filter_type;
		filter->clock = clock;
		*stage_r = &filter->stage;
		rc = filter_list_create(settings.allow, settings.deny, FILTER_EVENTS, &filter->list,
					em);
		if (rc)
			filter_destroy(stage_r);
	} else {
		errmsg_set(em, "out of memory");
		rc = -ENOMEM;
	}
	config_settings_free(filter_items, &settings);
	return rc;
}

/* ---- events ---- */

static enum stage_verdict filter_on_event(struct stage *stage, struct event *event)
{
	struct stage_filter *filter = container_of(stage, struct stage_filter, stage);

	const struct filter_subject subject = filter_subject_of_event(event);

	if (event->kind >= KIND_WEIR_LOSS)
		return STAGE_PASS; /* weir's own are always told */
	return filter_list_drops(filter->list, &subject) ? STAGE_FILTERED : STAGE_PASS;
}

static void filter_tick(struct stage *stage, bool last, stage_emit_fn emit, void *ctx)
{
	struct stage_filter *filter = container_of(stage, struct stage_filter, stage);
	uint64_t suppressed, undecided = filter_list_undecided(filter->list);

	if (undecided == filter->undecided_told ||
	    !log_limit_pass(&filter->undecided_limit, clock_boot_ns(filter->clock), &suppressed))
		return;
	log_warn(
		"filter: %lu events kept because a pattern could not be evaluated within its limits",
		(unsigned long)(undecided - filter->undecided_told));
	filter->undecided_told = undecided;
}

const struct stage_type stage_filter_type = {
	.name = "filter",
	.config = filter_items,
	.create = filter_create,
	.on_event = filter_on_event,
	.tick = filter_tick,
	.destroy = filter_destroy,
};
