/* config/read.c: fills a settings struct from a mapping by its table, and frees it again. */
#include "config/config.h"

#include "base/secret.h"
#include "config/expand.h"
#include "config/node.h"
#include "config/secret_source.h"
#include "config/value.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a scalar says, as written (for messages) and with its variables put in. */
struct scalar {
	const struct config_node *node;
	const struct config_item *item;
	struct str text;
	struct errmsg *em;
};

/* "section.key" of the node, or the key alone where a table is read without a document. */
static struct config_path name_of(const struct config_node *node, const struct config_item *item)
{
	struct config_path path = config_node_path(node);

	if (!path.text[0]) {
		struct buf out = buf_fixed(path.text, sizeof(path.text) - 1);

		buf_printf(&out, "%s", item->name);
		path.text[out.len] = '\0';
	}
	return path;
}

/* The text as it is written in the file: what a variable holds is not shown. */
static int refuse(const struct scalar *s, const char *what)
{
	return config_error(s->node, s->em, "%s: '%s' %s", name_of(s->node, s->item).text,
			    config_show(config_node_text(s->node)).text, what);
}

static int refuse_bounds(const struct scalar *s)
{
	char text[128];
	struct buf out = buf_fixed(text, sizeof(text) - 1);

	buf_printf(&out, "is out of range; write ");
	config_write_number(s->item->type, s->item->min, &out);
	buf_puts(&out, s->item->max ? STR(" to ") : STR(" or more"));
	if (s->item->max)
		config_write_number(s->item->type, s->item->max, &out);
	text[out.len] = '\0';
	return refuse(s, text);
}

static int read_number(const struct scalar *s, uint64_t *v_r)
{
	const struct config_item *item = s->item;

	if (item->type == CONFIG_INTEGER && !config_parse_integer(s->text, v_r))
		return refuse(s, "is not a number; write digits only");
	if (item->type == CONFIG_SIZE && !config_parse_size(s->text, v_r))
		return refuse(s, "is not a size; write " CONFIG_SIZE_EXAMPLES);
	if (item->type == CONFIG_DURATION && !config_parse_duration(s->text, v_r))
		return refuse(s, "is not a duration; write " CONFIG_DURATION_EXAMPLES);
	if (*v_r < item->min || (item->max && *v_r > item->max))
		return refuse_bounds(s);
	return 0;
}

static int refuse_choice(const struct scalar *s)
{
	char text[256];
	struct buf out = buf_fixed(text, sizeof(text) - 1);
	const char *const *choices = s->item->choices;

	buf_printf(&out, "is not one of the choices; write %s", choices[0]);
	for (size_t i = 1; choices[i]; i++)
		buf_printf(&out, choices[i + 1] ? ", %s" : " or %s", choices[i]);
	text[out.len] = '\0';
	return refuse(s, text);
}

static int read_choice(const struct scalar *s, int *index_r)
{
	for (int i = 0; s->item->choices[i]; i++) {
		if (!str_equal(s->text, str_of(s->item->choices[i])))
			continue;
		*index_r = i;
		return 0;
	}
	return refuse_choice(s);
}

static int read_string(const struct scalar *s, char **text_r)
{
	if (memchr(s->text.p, '\0', s->text.n))
		return refuse(s, "has a NUL byte in it; remove it");
	*text_r = strndup(s->text.p, s->text.n);
	return *text_r ? 0 : config_out_of_memory(s->em);
}

/* By type, into the field at `at`. */
static int store_scalar(const struct scalar *s, void *at)
{
	switch (s->item->type) {
	case CONFIG_BOOL:
		if (!config_parse_bool(s->text, at))
			return refuse(s, "is neither true nor false; write true or false");
		return 0;
	case CONFIG_INTEGER:
	case CONFIG_SIZE:
	case CONFIG_DURATION:
		return read_number(s, at);
	case CONFIG_STRING:
		return read_string(s, at);
	case CONFIG_ENUM:
		return read_choice(s, at);
	case CONFIG_LIST:
	case CONFIG_SECRET:
	case CONFIG_MAP:
	case CONFIG_NODE:
		break;
	}
	return -EINVAL; /* read_value() sends only scalars here */
}

static int read_scalar(const struct config_node *node, const struct config_item *item, void *at,
		       struct errmsg *em)
{
	struct scalar s = { .node = node, .item = item, .em = em };
	char *text;
	int err;

	if (node->kind != CONFIG_NODE_SCALAR)
		return config_error(node, em, "%s takes one value, not a %s",
				    name_of(node, item).text,
				    node->kind == CONFIG_NODE_SEQUENCE ? "list" : "mapping");
	if (config_node_is_null(node))
		return config_error(node, em,
				    "%s has no value; give it one, or remove the line for the "
				    "default",
				    name_of(node, item).text);
	err = config_expand(node, &text, &s.text.n, em);
	if (err)
		return err;
	s.text.p = text;
	err = store_scalar(&s, at);
	free(text);
	return err;
}

static void free_list(struct config_strings *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	*list = (struct config_strings){ 0 };
}

static int read_list(const struct config_node *node, const struct config_item *item,
		     struct config_strings *list, struct errmsg *em)
{
	const struct config_item element = { .name = item->name, .type = CONFIG_STRING };
	size_t n = config_node_count(node);

	if (config_node_is_null(node))
		return 0;
	if (node->kind != CONFIG_NODE_SEQUENCE)
		return config_error(node, em, "%s takes a list; write [first, second]",
				    name_of(node, item).text);
	list->v = calloc(n ? n : 1, sizeof(*list->v));
	if (!list->v)
		return config_out_of_memory(em);
	for (; list->n < n; list->n++) {
		int err =
			read_scalar(config_node_at(node, list->n), &element, &list->v[list->n], em);

		if (err)
			return err; /* config_read() frees */
	}
	return 0;
}

static int read_map(const struct config_node *map, const struct config_item *items, void *settings,
		    struct errmsg *em);

static int read_value(const struct config_node *node, const struct config_item *item,
		      void *settings, struct errmsg *em)
{
	void *at = (char *)settings + item->offset;

	switch (item->type) {
	case CONFIG_BOOL:
	case CONFIG_INTEGER:
	case CONFIG_SIZE:
	case CONFIG_DURATION:
	case CONFIG_STRING:
	case CONFIG_ENUM:
		return read_scalar(node, item, at, em);
	case CONFIG_LIST:
		return read_list(node, item, at, em);
	case CONFIG_SECRET:
		return config_read_secret(node, at, em);
	case CONFIG_MAP:
		return read_map(node, item->items, settings, em);
	case CONFIG_NODE:
		*(const struct config_node **)at = config_node_is_null(node) ? NULL : node;
		return 0;
	}
	return -EINVAL;
}

/* A default is read as what a person would write there, quotes and all; nothing at all is the empty
 * text. One that is refused is a mistake of the table. */
static int read_default(const struct config_item *item, void *settings, struct errmsg *em)
{
	struct config_node empty = { .kind = CONFIG_NODE_SCALAR, .text = (char *)"" };
	struct config_document *doc = NULL;
	int err = 0;

	if (item->value[0])
		err = config_parse(str_of(item->value), "default", &doc, em);
	if (!err)
		err = read_value(doc ? config_root(doc) : &empty, item, settings, em);
	config_document_free(&doc);
	assert(!err || err == -ENOMEM);
	return err;
}

static int read_absent(const struct config_node *map, const struct config_item *item,
		       void *settings, struct errmsg *em)
{
	if (item->type == CONFIG_MAP)
		return read_map(NULL, item->items, settings, em);
	if (item->value && item->type != CONFIG_NODE)
		return read_default(item, settings, em);
	if (item->optional)
		return 0;
	return config_error(map, em, "'%s' is missing%s%s; it has no default", item->name,
			    map && map->parent ? " in " : "",
			    map ? config_node_path(map).text : "");
}

static int refuse_unknown(const struct config_node *map, size_t i, const struct config_item *items,
			  struct errmsg *em)
{
	struct str key = config_node_key(map, i);
	struct config_path path = config_node_path(map);
	const char *names[256], *nearest;
	char known[256];
	struct buf out = buf_fixed(known, sizeof(known) - 1);
	size_t n = 0;

	for (; items[n].name && n < ARRAY_SIZE(names); n++) {
		names[n] = items[n].name;
		buf_printf(&out, "%s%s", n ? ", " : "", names[n]);
	}
	known[out.len] = '\0';
	nearest = config_nearest(key, names, n);
	return config_error(map->pairs[i].key, em, "unknown key '%s'%s%s; %s%s%s",
			    config_show(key).text, path.text[0] ? " in " : "", path.text,
			    nearest ? "did you mean '" : "known are ", nearest ? nearest : known,
			    nearest ? "'?" : "");
}

static const struct config_item *find_item(const struct config_item *items, struct str name)
{
	for (; items->name; items++)
		if (str_equal(name, str_of(items->name)))
			return items;
	return NULL;
}

static int read_map(const struct config_node *map, const struct config_item *items, void *settings,
		    struct errmsg *em)
{
	int err = 0;

	if (map && config_node_is_null(map))
		map = NULL; /* a section of which every line is commented out */
	if (map && map->kind != CONFIG_NODE_MAPPING)
		return config_error(map, em, "expected keys and values here, as in '%s: ...'",
				    items->name ? items->name : "key");
	for (size_t i = 0; !err && map && i < map->count; i++) {
		const struct config_item *item = find_item(items, config_node_key(map, i));

		err = item ? read_value(map->pairs[i].value, item, settings, em)
			   : refuse_unknown(map, i, items, em);
	}
	for (const struct config_item *item = items; !err && item->name; item++)
		if (!map || !config_node_get(map, item->name))
			err = read_absent(map, item, settings, em);
	return err;
}

int config_read(const struct config_node *node, const struct config_item *items, void *settings,
		struct errmsg *em)
{
	int err = read_map(node, items, settings, em);

	if (err)
		config_settings_free(items, settings);
	return err;
}

void config_settings_free(const struct config_item *items, void *settings)
{
	for (const struct config_item *item = items; item->name; item++) {
		void *at = (char *)settings + item->offset;

		if (item->type == CONFIG_MAP) {
			config_settings_free(item->items, settings);
		} else if (item->type == CONFIG_STRING) {
			free(*(char **)at);
			*(char **)at = NULL;
		} else if (item->type == CONFIG_LIST) {
			free_list(at);
		} else if (item->type == CONFIG_SECRET) {
			secret_free(at);
		}
	}
}
