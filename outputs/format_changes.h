/* outputs/format_changes.h: what an output's configuration changes in the format's fields:
 *
 *	format: {name: ecs, rename: {process.args: cmd}, drop: [process.parent],
 *		 add: {labels.site: fra1}}
 *
 * Read once from the configuration, used to prepare the format, then freed: what is prepared holds
 * copies. Fields are named as the target names them, for json and msgpack by their path in the
 * event; naming an object means all that is in it. Drops come first, then renames, then what is
 * added. */
#pragma once

#include "config/config.h"

enum format_change_type { CHANGE_DROP, CHANGE_RENAME, CHANGE_ADD };

struct format_change {
	enum format_change_type type;
	char *path;			/* the field; of ADD the new one */
	char *value;			/* RENAME: its new path; ADD: its text; DROP: NULL */
	const struct config_node *node; /* for config_error(): lives as long as the document */
	const struct config_node *value_node;
};

struct format_changes {
	struct format_change *v;
	size_t n;
};

#define FORMAT_MAX_CHANGES 256

/* Reads rename, drop and add of the mapping `node`. */
WARN_UNUSED int format_changes_read(const struct config_node *node,
				    struct format_changes *changes_r, struct errmsg *em);
void format_changes_free(struct format_changes *changes);

/* Is `path` the field `prefix`, or in it? */
bool path_is_below(const char *path, const char *prefix);
