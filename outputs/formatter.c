/* outputs/formatter.c: a format and what an output's configuration changes in it. */
#include "outputs/format.h"

#include "config/config.h"
#include "outputs/format_changes.h"
#include "outputs/json_edit.h"
#include "outputs/mapping.h"
#include "pipeline/encode_json.h"

#include <errno.h>
#include <stdlib.h>

/* What is added is small, as it comes from a configuration. */
#define EDITED_MAX_BYTES (2u * ENCODE_MAX_BYTES)
#define MAX_NAMES	 32u

struct formatter {
	const struct format *format;
	struct mapping *mapping; /* of a format with a schema */
	struct json_edit *edit;	 /* NULL: nothing is changed */
	struct buf edited;	 /* the changed record, where the format reads it again */
};

static bool has_edited_json(const struct formatter *f)
{
	return f->edit && !f->format->is_canonical;
}

static int prepare(struct formatter *f, const struct format_changes *changes, struct errmsg *em)
{
	if (f->format->schema)
		return mapping_open(f->format->schema, changes, &f->mapping, em);
	if (!changes || changes->n == 0)
		return 0;
	return json_edit_open(changes, &f->edit, em);
}

static int open_with(const struct format *format, const struct format_changes *changes,
		     struct formatter **formatter_r, struct errmsg *em)
{
	struct formatter *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return -ENOMEM;
	f->format = format;
	f->edited = buf_growable(EDITED_MAX_BYTES);
	err = prepare(f, changes, em);
	if (err)
		formatter_close(&f);
	else
		*formatter_r = f;
	return err;
}

int formatter_open(const struct format *format, struct formatter **formatter_r)
{
	struct errmsg em;

	return open_with(format, NULL, formatter_r, &em);
}

static int find_format(const struct config_node *node, const char *name,
		       const struct format *automatic, const struct format **format_r,
		       struct errmsg *em)
{
	const char *names[MAX_NAMES] = { "auto" }, *near;
	size_t i, n = 1;

	*format_r = strcmp(name, "auto") == 0 ? automatic : format_by_name(name);
	if (*format_r)
		return 0;
	for (i = 0; formats[i] && n < MAX_NAMES; i++)
		names[n++] = formats[i]->name;
	near = config_nearest(str_of(name), names, n);
	if (near)
		return config_error(node, em, "unknown format \"%.80s\"; did you mean \"%s\"?",
				    name, near);
	return config_error(node, em, "unknown format \"%.80s\"; docs/outputs/formats.md has them",
			    name);
}

/* The keys that a mapping may have. */
static int check_keys(const struct config_node *node, struct errmsg *em)
{
	static const char *const keys[] = { "name", "rename", "drop", "add" };
	size_t i, k;

	for (i = 0; i < config_node_count(node); i++) {
		struct str key = config_node_key(node, i);
		const char *near;

		for (k = 0; k < ARRAY_SIZE(keys) && !str_equal(key, str_of(keys[k])); k++)
			;
		if (k < ARRAY_SIZE(keys))
			continue;
		near = config_nearest(key, keys, ARRAY_SIZE(keys));
		return config_error(config_node_key_node(node, i), em,
				    "unknown key \"%.*s\" of a format; %s%s", STR_FMT(key),
				    near ? "did you mean " : "there are name, rename, drop and add",
				    near ?: "");
	}
	return 0;
}

static int read_name(const struct config_node *node, const struct format *automatic,
		     const struct format **format_r, struct errmsg *em)
{
	char *name;
	int err;

	if (config_node_kind(node) != CONFIG_NODE_SCALAR)
		return config_error(node, em,
				    "a format is a name, or {name: ..., rename: {...}, "
				    "drop: [...], add: {...}}");
	err = config_node_string(node, &name, em);
	if (err)
		return err;
	err = find_format(node, name, automatic, format_r, em);
	free(name);
	return err;
}

/* A mapping: the name may be left out, which is "auto". */
static int read_mapping(const struct config_node *node, const struct format *automatic,
			struct formatter **formatter_r, struct errmsg *em)
{
	const struct config_node *name = config_node_get(node, "name");
	const struct format *format = automatic;
	struct format_changes changes;
	int err = check_keys(node, em);

	if (!err && name)
		err = read_name(name, automatic, &format, em);
	if (!err)
		err = format_changes_read(node, &changes, em);
	if (err)
		return err;
	if (changes.n && !format->schema && !format->has_paths)
		err = config_error(node, em,
				   "the fields of %s are what they are: it takes no rename, drop "
				   "or add",
				   format->name);
	else
		err = open_with(format, &changes, formatter_r, em);
	format_changes_free(&changes);
	return err;
}

int formatter_read(const struct config_node *node, const struct format *automatic,
		   struct formatter **formatter_r, struct errmsg *em)
{
	const struct format *format = automatic;
	int err = 0;

	if (node && config_node_kind(node) == CONFIG_NODE_MAPPING)
		return read_mapping(node, automatic, formatter_r, em);
	if (node)
		err = read_name(node, automatic, &format, em);
	return err ?: open_with(format, NULL, formatter_r, em);
}

void formatter_close(struct formatter **formatter)
{
	struct formatter *f = *formatter;

	*formatter = NULL;
	if (!f)
		return;
	mapping_close(&f->mapping);
	json_edit_close(&f->edit);
	buf_free(&f->edited);
	free(f);
}

const struct format *formatter_format(const struct formatter *formatter)
{
	return formatter->format;
}

bool formatter_is_canonical(const struct formatter *formatter)
{
	return formatter->format->is_canonical && !formatter->edit;
}

static int write_edited(struct formatter *f, const struct journal_record *record, struct buf *out)
{
	struct journal_record changed = *record;
	int err;

	buf_reset(&f->edited);
	err = json_edit_write(f->edit, record->json, &f->edited);
	if (err)
		return err;
	if (!buf_ok(&f->edited))
		return -ENOMEM;
	changed.json = buf_str(&f->edited);
	return f->format->write(&changed, out);
}

int formatter_write(struct formatter *formatter, const struct journal_record *record,
		    struct buf *out)
{
	if (formatter->mapping)
		return mapping_write(formatter->mapping, record, out);
	if (!formatter->edit)
		return formatter->format->write(record, out);
	if (has_edited_json(formatter))
		return write_edited(formatter, record, out);
	return json_edit_write(formatter->edit, record->json, out);
}
