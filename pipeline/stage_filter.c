#include "pipeline/stage_filter.h"

#include "base/log.h"
#include "config/config.h"
#include "pipeline/config_objects.h"
#include "pipeline/filter_rule.h"

#include <errno.h>
#include <stdlib.h>

/* The objects of one list. */
struct rule_list {
	struct filter_rule **v;
	size_t n;
};

struct stage_filter {
	struct stage stage;
	const struct clock *clock;
	struct rule_list allow, deny;
	struct matcher *matcher;
	uint64_t undecided; /* events kept because a pattern could not be evaluated */
	uint64_t undecided_told;
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

static int take_object(void *ctx, const struct config_node *object, struct errmsg *em)
{
	struct rule_list *list = ctx;
	struct filter_rule **v = reallocarray(list->v, list->n + 1, sizeof(struct filter_rule *));
	int rc;

	if (!v) {
		errmsg_set(em, "out of memory");
		return -ENOMEM;
	}
	list->v = v;
	rc = filter_rule_create(object, &v[list->n], em);
	if (!rc)
		list->n++;
	return rc;
}

static void free_list(struct rule_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		filter_rule_free(&list->v[i]);
	free(list->v);
}

static void filter_destroy(struct stage **stage)
{
	struct stage_filter *filter = container_of(*stage, struct stage_filter, stage);

	free_list(&filter->allow);
	free_list(&filter->deny);
	matcher_free(&filter->matcher);
	free(filter);
	*stage = NULL;
}

static int set_up(struct stage_filter *filter, const struct filter_settings *settings,
		  struct errmsg *em)
{
	int rc = config_objects_read(settings->allow, take_object, &filter->allow, em);

	if (!rc)
		rc = config_objects_read(settings->deny, take_object, &filter->deny, em);
	if (rc)
		return rc;
	/* Only whether they match is asked, so one pair of offsets is enough for any pattern. */
	filter->matcher = matcher_create(0, 0);
	if (!filter->matcher) {
		errmsg_set(em, "out of memory");
		return -ENOMEM;
	}
	return 0;
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
		rc = set_up(filter, &settings, em);
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

static enum filter_match match_any(const struct rule_list *list, struct matcher *matcher,
				   const struct event *event)
{
	enum filter_match match = FILTER_NO;

	for (size_t i = 0; i < list->n; i++) {
		enum filter_match one = filter_rule_match(list->v[i], matcher, event);

		if (one == FILTER_YES)
			return one;
		if (one == FILTER_UNKNOWN)
			match = one;
	}
	return match;
}

/* Of one list: whether the event would be dropped by it. What can't be decided is kept: nobody may
 * hide by making a pattern expensive. */
static bool is_dropped(struct stage_filter *filter, const struct rule_list *list,
		       const struct event *event, enum filter_match drops)
{
	enum filter_match match = match_any(list, filter->matcher, event);

	if (match == FILTER_UNKNOWN)
		filter->undecided++;
	return match == drops;
}

static enum stage_verdict filter_on_event(struct stage *stage, struct event *event)
{
	struct stage_filter *filter = container_of(stage, struct stage_filter, stage);

	if (event->kind >= KIND_WEIR_LOSS)
		return STAGE_PASS; /* weir's own are always told */
	if (filter->deny.n && is_dropped(filter, &filter->deny, event, FILTER_YES))
		return STAGE_FILTERED;
	if (filter->allow.n && is_dropped(filter, &filter->allow, event, FILTER_NO))
		return STAGE_FILTERED;
	return STAGE_PASS;
}

static void filter_tick(struct stage *stage, bool last, stage_emit_fn emit, void *ctx)
{
	struct stage_filter *filter = container_of(stage, struct stage_filter, stage);
	uint64_t suppressed;

	if (filter->undecided == filter->undecided_told ||
	    !log_limit_pass(&filter->undecided_limit, clock_boot_ns(filter->clock), &suppressed))
		return;
	log_warn(
		"filter: %lu events kept because a pattern could not be evaluated within its limits",
		(unsigned long)(filter->undecided - filter->undecided_told));
	filter->undecided_told = filter->undecided;
}

const struct stage_type stage_filter_type = {
	.name = "filter",
	.config = filter_items,
	.create = filter_create,
	.on_event = filter_on_event,
	.tick = filter_tick,
	.destroy = filter_destroy,
};
