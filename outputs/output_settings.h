/* outputs/output_settings.h: the settings that every output has, and the reading of the `outputs`
 * list of the configuration. Delivery owns what is read here; a destination's own settings follow
 * in the same block, whose first member is struct output_settings. */
#pragma once

#include "config/config.h"
#include "outputs/format.h"
#include "outputs/output.h"
#include "outputs/route.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

enum output_start {
	OUTPUT_START_RESUME, /* behind what was acknowledged last; at first, with the oldest */
	OUTPUT_START_NOW,    /* no earlier than this session of weir */
};

struct output_settings {
	char *name, *type;
	const struct config_node *format_node; /* as written; gone with the document */
	struct {
		uint64_t max_events, max_bytes, max_age_ns;
	} batch;
	struct {
		uint64_t initial_ns, max_ns;
	} retry;
	struct {
		uint64_t max_bytes;
	} dead_letters;
	int start;		      /* enum output_start */
	struct config_strings events; /* kinds to deliver; empty: all */
	const struct output_type *output_type;
	const struct format *format;
	struct formatter *formatter; /* the format with this output's changes of its fields */
	uint64_t kinds;		     /* `events` as bits, 1 << enum event_kind */
	const struct config_node *filter_node; /* as written; gone with the document */
	uint64_t sample;
	struct route *route; /* `filter` and `sample`; NULL: everything */
};

/* The common keys; ended by CONFIG_END. */
extern const struct config_item output_common_items[];

/* Reads and validates one element of the list. */
WARN_UNUSED int output_settings_read(const struct config_node *node,
				     struct output_settings **settings_r, struct errmsg *em);
void output_settings_free(struct output_settings **settings);

struct outputs_list {
	struct output_settings **v;
	size_t n;
};

/* Reads and validates the whole list; node NULL: one stdout that starts with this session. */
WARN_UNUSED int outputs_list_read(const struct config_node *node, struct outputs_list *list_r,
				  struct errmsg *em);
void outputs_list_free(struct outputs_list *list);
/* docs: the common keys, then each type with its own. */
void outputs_write_manual(struct buf *out);
