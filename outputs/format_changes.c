#include "outputs/format_changes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool path_is_below(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(path, prefix, n) == 0 && (path[n] == '\0' || path[n] == '.');
}

/* Parts of at least one character with dots between. */
static int check_path(const struct config_node *node, const char *path, struct errmsg *em)
{
	size_t n = strlen(path);

	if (n == 0 || path[0] == '.' || path[n - 1] == '.' || strstr(path, ".."))
		return config_error(
			node, em, "\"%.80s\" names no field; write it as process.parent.pid", path);
	return 0;
}

static struct format_change *next_change(const struct config_node *node,
					 struct format_changes *changes, struct errmsg *em)
{
	if (changes->n == FORMAT_MAX_CHANGES) {
		config_error(node, em, "more than %d changes of a format", FORMAT_MAX_CHANGES);
		return NULL;
	}
	return &changes->v[changes->n++];
}

static int read_pair(const struct config_node *mapping, size_t i, enum format_change_type type,
		     struct format_changes *changes, struct errmsg *em)
{
	const struct config_node *node = config_node_key_node(mapping, i);
	const struct config_node *value = config_node_at(mapping, i);
	struct str key = config_node_key(mapping, i);
	struct format_change *change = next_change(node, changes, em);
	int err;

	if (!change)
		return -EINVAL;
	if (config_node_kind(value) != CONFIG_NODE_SCALAR || config_node_is_null(value))
		return config_error(value, em,
				    type == CHANGE_RENAME
					    ? "the new name of a field is a text"
					    : "the value of an added field is a text");
	*change = (struct format_change){ .type = type, .node = node, .value_node = value };
	change->path = strndup(key.p, key.n);
	err = change->path ? config_node_string(value, &change->value, em) : -ENOMEM;
	if (!err)
		err = check_path(node, change->path, em);
	if (!err && type == CHANGE_RENAME)
		err = check_path(value, change->value, em);
	return err;
}

static int read_pairs(const struct config_node *node, const char *name,
		      enum format_change_type type, struct format_changes *changes,
		      struct errmsg *em)
{
	const struct config_node *mapping = config_node_get(node, name);
	size_t i;
	int err = 0;

	if (!mapping)
		return 0;
	if (config_node_kind(mapping) != CONFIG_NODE_MAPPING)
		return config_error(mapping, em, "%s is a mapping, as {process.args: %s}", name,
				    type == CHANGE_RENAME ? "process.argv" : "text");
	for (i = 0; i < config_node_count(mapping) && !err; i++)
		err = read_pair(mapping, i, type, changes, em);
	return err;
}

static int read_drops(const struct config_node *node, struct format_changes *changes,
		      struct errmsg *em)
{
	const struct config_node *list = config_node_get(node, "drop");
	size_t i;

	if (!list)
		return 0;
	if (config_node_kind(list) != CONFIG_NODE_SEQUENCE)
		return config_error(list, em, "drop is a list of fields");
	for (i = 0; i < config_node_count(list); i++) {
		const struct config_node *element = config_node_at(list, i);
		struct format_change *change = next_change(element, changes, em);
		int err;

		if (!change)
			return -EINVAL;
		if (config_node_kind(element) != CONFIG_NODE_SCALAR)
			return config_error(element, em, "drop is a list of fields");
		*change = (struct format_change){ .type = CHANGE_DROP, .node = element };
		err = config_node_string(element, &change->path, em);
		if (!err)
			err = check_path(element, change->path, em);
		if (err)
			return err;
	}
	return 0;
}

int format_changes_read(const struct config_node *node, struct format_changes *changes_r,
			struct errmsg *em)
{
	int err;

	*changes_r = (struct format_changes){ 0 };
	changes_r->v = calloc(FORMAT_MAX_CHANGES, sizeof(*changes_r->v));
	if (!changes_r->v)
		return -ENOMEM;
	err = read_drops(node, changes_r, em);
	if (!err)
		err = read_pairs(node, "rename", CHANGE_RENAME, changes_r, em);
	if (!err)
		err = read_pairs(node, "add", CHANGE_ADD, changes_r, em);
	if (err)
		format_changes_free(changes_r);
	return err;
}

void format_changes_free(struct format_changes *changes)
{
	size_t i;

	for (i = 0; i < changes->n; i++) {
		free(changes->v[i].path);
		free(changes->v[i].value);
	}
	free(changes->v);
	*changes = (struct format_changes){ 0 };
}
