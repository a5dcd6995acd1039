#include "outputs/json_edit.h"

#include "base/json_write.h"
#include "outputs/format_changes.h"
#include "outputs/json_token.h"
#include "outputs/mapping.h"
#include "pipeline/event.h"
#include "pipeline/event_manual.h"

#include <errno.h>
#include <stdlib.h>

#define ADDED_MAX_BYTES (1u << 20)

/* A part of a path. */
struct edit_node {
	char *name; /* "*": any */
	struct edit_node *first, *next;
	bool is_dropped;
	char *renamed;	   /* NULL: keeps its name */
	const char *value; /* the text of an added member, while the tree is built */
};

struct json_edit {
	struct edit_node root;
	struct buf added; /* members to put at the end, each with a comma before it */
};

static void free_nodes(struct edit_node *node)
{
	while (node) {
		struct edit_node *next = node->next;

		free_nodes(node->first);
		free(node->name);
		free(node->renamed);
		free(node);
		node = next;
	}
}

static struct edit_node *find_node(const struct edit_node *parent, struct str name)
{
	struct edit_node *node;

	for (node = parent->first; node; node = node->next)
		if (str_equal(str_of(node->name), name))
			return node;
	return NULL;
}

/* Members stay in the order in which they were named. */
static struct edit_node *child_of(struct edit_node *parent, struct str name)
{
	struct edit_node *node = find_node(parent, name), **last = &parent->first;

	if (node)
		return node;
	node = calloc(1, sizeof(*node));
	if (!node)
		return NULL;
	node->name = strndup(name.p, name.n);
	if (!node->name) {
		free(node);
		return NULL;
	}
	while (*last)
		last = &(*last)->next;
	*last = node;
	return node;
}

static struct edit_node *node_at(struct edit_node *root, const char *path)
{
	while (root && *path) {
		size_t n = strcspn(path, ".");

		root = child_of(root, (struct str){ path, n });
		path += path[n] ? n + 1 : n;
	}
	return root;
}

/* ---- what the paths may be ---- */

static bool section_has(enum event_section section, const char *path);

/* Does the pattern of the manual ("ns.*.inum", "environment_variables[].Key") have the path, or
 * something in it? "*" of the path is any name, too. */
static bool pattern_has(const char *pattern, const char *path)
{
	for (;;) {
		size_t n = strcspn(pattern, "."), m = strcspn(path, ".");
		size_t plain = n > 2 && strncmp(pattern + n - 2, "[]", 2) == 0 ? n - 2 : n;
		const bool is_any = (n == 1 && *pattern == '*') || (m == 1 && *path == '*');

		if (!is_any && (plain != m || strncmp(pattern, path, m) != 0))
			return false;
		if (path[m] == '\0')
			return true;
		if (pattern[n] == '\0')
			return false;
		pattern += n + 1;
		path += m + 1;
	}
}

/* The first part is a member that is itself a process: the rest is looked up there. */
static bool is_in_process(const struct event_member *member, const char *path)
{
	size_t n = strcspn(path, ".");
	const bool is_process = strstr(member->type, "Process") != NULL;

	return is_process && path[n] == '.' &&
	       ((n == 1 && *path == '*') ||
		str_equal((struct str){ path, n }, str_of(member->path))) &&
	       section_has(SECTION_PROCESS, path + n + 1);
}

static bool section_has(enum event_section section, const char *path)
{
	size_t i;

	for (i = 0; i < event_members_count; i++)
		if (event_members[i].section == section &&
		    (pattern_has(event_members[i].path, path) ||
		     is_in_process(&event_members[i], path)))
			return true;
	return false;
}

static enum event_section section_of(enum event_kind kind)
{
	switch (kind) {
	case KIND_PROCESS_EXEC:
		return SECTION_EXEC;
	case KIND_PROCESS_EXIT:
		return SECTION_EXIT;
	case KIND_PROCESS_CONNECT:
	case KIND_PROCESS_ACCEPT:
	case KIND_PROCESS_LISTEN:
	case KIND_PROCESS_CLOSE:
		return SECTION_TCP;
	case KIND_WEIR_LOSS:
		return SECTION_LOSS;
	case KIND_WEIR_START:
	case KIND_WEIR_STOP:
	case KIND_WEIR_CONFIG:
		return SECTION_NOTICE;
	case KIND_NONE:
	case EVENT_KINDS:
		break;
	}
	return EVENT_SECTIONS;
}

static bool is_known(const char *path)
{
	size_t n = strcspn(path, ".");
	const char *below = path[n] ? path + n + 1 : NULL;
	struct str first = { path, n };
	enum event_kind kind;

	if (str_equal(first, STR("weir")))
		return !below || section_has(SECTION_WEIR, below);
	for (kind = KIND_NONE + 1; kind < EVENT_KINDS; kind++)
		if ((str_equal(first, STR("*")) ||
		     str_equal(first, str_of(event_kind_name(kind)))) &&
		    (!below || section_has(section_of(kind), below)))
			return true;
	return !below && section_has(SECTION_ENVELOPE, path);
}

/* A name at the top of the event that no event has. */
static bool is_free_name(struct str name)
{
	char path[64];

	if (name.n == 0 || name.n >= sizeof(path) || str_equal(name, STR("*")))
		return false;
	memcpy(path, name.p, name.n);
	path[name.n] = '\0';
	return !is_known(path);
}

static int check_name(const struct config_node *node, struct str name, struct errmsg *em)
{
	if (mapping_is_json_name(name) && name.n < 128 && !str_equal(name, STR("*")))
		return 0;
	return config_error(node, em, "\"%.*s\" can't name a field: use %s", STR_FMT(name),
			    mapping_json_nested.names);
}

/* ---- from the changes to the tree ---- */

static int add_drop(struct json_edit *edit, const struct format_change *change)
{
	struct edit_node *node = node_at(&edit->root, change->path);

	if (!node)
		return -ENOMEM;
	node->is_dropped = true;
	return 0;
}

/* The object that holds the member is the same before and after. */
static int add_rename(struct json_edit *edit, const struct format_change *change, struct errmsg *em)
{
	const char *old = strrchr(change->path, '.'), *new = strrchr(change->value, '.');
	size_t above = old ? (size_t)(old - change->path) + 1 : 0;
	struct str name;
	struct edit_node *node;
	int err;

	if ((new ? (size_t)(new - change->value) + 1 : 0) != above ||
	    strncmp(change->path, change->value, above) != 0)
		return config_error(change->value_node, em,
				    "a field of the event stays in its object: \"%.*s%s\" would "
				    "be right",
				    (int)above, change->path, new ? new + 1 : change->value);
	name = str_of(change->value + above);
	err = check_name(change->value_node, name, em);
	if (err)
		return err;
	if (is_known(change->value))
		return config_error(change->value_node, em, "the event has a \"%.80s\" already",
				    change->value);
	node = node_at(&edit->root, change->path);
	if (!node)
		return -ENOMEM;
	free(node->renamed);
	node->renamed = strndup(name.p, name.n);
	return node->renamed ? 0 : -ENOMEM;
}

static int check_added(const struct format_change *change, struct errmsg *em)
{
	const char *part = change->path;
	int err = 0;

	if (!is_free_name((struct str){ part, strcspn(part, ".") }))
		return config_error(change->node, em,
				    "\"%.80s\": what is added stands beside what the event has, "
				    "not in it; begin with a name of your own, as labels.site",
				    change->path);
	while (!err) {
		size_t n = strcspn(part, ".");

		err = check_name(change->node, (struct str){ part, n }, em);
		if (part[n] == '\0')
			break;
		part += n + 1;
	}
	return err;
}

static int add_member(struct edit_node *root, const struct format_change *change, struct errmsg *em)
{
	struct edit_node *node = root;
	const char *path = change->path;
	bool is_taken = false;

	while (node && *path) {
		size_t n = strcspn(path, ".");

		is_taken |= node->value != NULL;
		node = child_of(node, (struct str){ path, n });
		path += path[n] ? n + 1 : n;
	}
	if (!node)
		return -ENOMEM;
	if (is_taken || node->value || node->first)
		return config_error(change->node, em,
				    "\"%.80s\" is added twice, or is in what is added",
				    change->path);
	node->value = change->value;
	return 0;
}

static void write_added(const struct edit_node *node, struct buf *out)
{
	for (; node; node = node->next) {
		json_key(out, node->name);
		if (node->value) {
			json_quoted(out, str_of(node->value));
			continue;
		}
		buf_putc(out, '{');
		write_added(node->first, out);
		buf_putc(out, '}');
	}
}

/* Names that a user gave hold nothing that JSON escapes. */
static int read_added(struct json_edit *edit, const struct format_changes *changes,
		      struct errmsg *em)
{
	struct edit_node root = { 0 };
	int err = 0;
	size_t i;

	for (i = 0; i < changes->n && !err; i++) {
		if (changes->v[i].type != CHANGE_ADD)
			continue;
		err = check_added(&changes->v[i], em);
		if (!err)
			err = add_member(&root, &changes->v[i], em);
	}
	edit->added = buf_growable(ADDED_MAX_BYTES);
	if (!err && root.first) {
		buf_putc(&edit->added, '}'); /* any character that a comma follows */
		write_added(root.first, &edit->added);
		if (!buf_ok(&edit->added))
			err = -ENOMEM;
	}
	free_nodes(root.first);
	return err;
}

static int read_changes(struct json_edit *edit, const struct format_changes *changes,
			struct errmsg *em)
{
	size_t i;
	int err = 0;

	for (i = 0; i < changes->n && !err; i++) {
		const struct format_change *change = &changes->v[i];

		if (change->type == CHANGE_ADD)
			continue;
		if (!is_known(change->path))
			return config_error(change->node, em,
					    "no event has a \"%.80s\"; docs/events.md lists what "
					    "they have, and *.process.binary means that of every "
					    "kind",
					    change->path);
		err = change->type == CHANGE_DROP ? add_drop(edit, change)
						  : add_rename(edit, change, em);
	}
	return err ?: read_added(edit, changes, em);
}

/* What is said of any name holds for one that is named, too. */
static int merge(struct edit_node *into, const struct edit_node *any)
{
	const struct edit_node *part;

	into->is_dropped |= any->is_dropped;
	if (any->renamed && !into->renamed) {
		into->renamed = strdup(any->renamed);
		if (!into->renamed)
			return -ENOMEM;
	}
	for (part = any->first; part; part = part->next) {
		struct edit_node *node = child_of(into, str_of(part->name));
		int err = node ? merge(node, part) : -ENOMEM;

		if (err)
			return err;
	}
	return 0;
}

static int merge_any(struct edit_node *parent)
{
	const struct edit_node *any = find_node(parent, STR("*"));
	struct edit_node *node;
	int err = 0;

	for (node = parent->first; node && !err; node = node->next) {
		if (any && node != any)
			err = merge(node, any);
		if (!err)
			err = merge_any(node);
	}
	return err;
}

int json_edit_open(const struct format_changes *changes, struct json_edit **edit_r,
		   struct errmsg *em)
{
	struct json_edit *edit = calloc(1, sizeof(*edit));
	int err;

	if (!edit)
		return -ENOMEM;
	err = read_changes(edit, changes, em);
	if (!err)
		err = merge_any(&edit->root);
	if (err)
		json_edit_close(&edit);
	else
		*edit_r = edit;
	return err;
}

void json_edit_close(struct json_edit **edit)
{
	if (!*edit)
		return;
	free_nodes((*edit)->root.first);
	buf_free(&(*edit)->added);
	free(*edit);
	*edit = NULL;
}

/* ---- one event ---- */

static const struct edit_node *find_edit(const struct edit_node *parent, struct str name)
{
	const struct edit_node *node, *any = NULL;

	for (node = parent->first; node; node = node->next) {
		if (str_equal(str_of(node->name), name))
			return node;
		if (str_equal(str_of(node->name), STR("*")))
			any = node;
	}
	return any;
}

static const char *edit_value(const struct edit_node *node, const char *p, const char *end,
			      unsigned int depth, struct buf *out);

/* p: where the value begins; from: where the member does. */
static const char *edit_member(const struct edit_node *node, const struct json_token *name,
			       const char *from, const char *p, const char *end, unsigned int depth,
			       bool *is_first, struct buf *out)
{
	struct json_token ignored;

	if (node && node->is_dropped)
		return json_token_read(p, end, &ignored);
	if (!*is_first)
		buf_putc(out, ',');
	*is_first = false;
	if (!node) {
		p = json_token_read(p, end, &ignored);
		buf_put(out, from, p ? (size_t)(p - from) : 0);
		return p;
	}
	buf_putc(out, '"');
	buf_puts(out, node->renamed ? str_of(node->renamed) : name->raw);
	buf_lit(out, "\":");
	return edit_value(node, p, end, depth, out);
}

/* p: behind the brace. */
static const char *edit_object(const struct edit_node *node, const char *p, const char *end,
			       unsigned int depth, struct buf *out)
{
	bool closed, is_first_read = true, is_first = true;
	struct json_token name;
	const char *from;

	buf_putc(out, '{');
	for (;; is_first_read = false) {
		from = json_token_next(p, end, '}', is_first_read, &closed);
		if (!from || closed)
			break;
		p = json_token_name(from, end, &name);
		if (p)
			p = edit_member(find_edit(node, name.raw), &name, from, p, end, depth,
					&is_first, out);
		if (!p)
			return NULL;
	}
	if (from)
		buf_putc(out, '}');
	return from;
}

/* p: behind the bracket. The elements have the list's path. */
static const char *edit_list(const struct edit_node *node, const char *p, const char *end,
			     unsigned int depth, struct buf *out)
{
	bool closed, is_first = true;

	buf_putc(out, '[');
	for (;; is_first = false) {
		p = json_token_next(p, end, ']', is_first, &closed);
		if (!p || closed)
			break;
		if (!is_first)
			buf_putc(out, ',');
		p = edit_value(node, p, end, depth, out);
		if (!p)
			return NULL;
	}
	if (p)
		buf_putc(out, ']');
	return p;
}

static const char *edit_value(const struct edit_node *node, const char *p, const char *end,
			      unsigned int depth, struct buf *out)
{
	struct json_token token;
	const char *from = p;

	if (depth == JSON_MAX_DEPTH)
		return NULL;
	if (node->first && p < end && *p == '{')
		return edit_object(node, p + 1, end, depth + 1, out);
	if (node->first && p < end && *p == '[')
		return edit_list(node, p + 1, end, depth + 1, out);
	p = json_token_read(p, end, &token);
	buf_put(out, from, p ? (size_t)(p - from) : 0);
	return p;
}

int json_edit_write(const struct json_edit *edit, struct str json, struct buf *out)
{
	const char *end = json.p + json.n, *p;
	size_t from = out->len;

	if (json.n == 0 || *json.p != '{')
		return -EINVAL;
	p = edit_object(&edit->root, json.p + 1, end, 0, out);
	if (p != end)
		return -EINVAL;
	if (!edit->added.len || !buf_ok(out))
		return 0;
	/* In place of the last brace; an event of which everything was dropped needs no comma. */
	out->len--;
	buf_put(out, edit->added.p + (out->len == from + 1 ? 2 : 1),
		edit->added.len - (out->len == from + 1 ? 2 : 1));
	buf_putc(out, '}');
	return 0;
}
