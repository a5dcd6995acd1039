/* config/document.c: YAML text to nodes. libyaml's events are used rather than its tree, so that
 * every bound is checked before anything is built on what exceeds it. */
#include "config/node.h"

#include "base/file_io.h"
#include "base/memory_file.h"
#include "base/secret.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

struct config_document {
	char *name;
	struct config_node *nodes;
	struct config_node *root;
};

#define COPY_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

#define MAX_ANCHORS 256 /* looked up one by one */

struct anchor {
	char *name;
	struct config_node *node;
};

/* Open collections, innermost last, each with the key that waits for its value. */
struct builder {
	yaml_parser_t parser;
	struct config_document *doc;
	struct errmsg *em;
	struct config_node *open[CONFIG_MAX_DEPTH];
	struct config_node *key[CONFIG_MAX_DEPTH];
	char *open_anchor[CONFIG_MAX_DEPTH];
	size_t depth;
	struct anchor anchors[MAX_ANCHORS];
	size_t anchors_count;
	bool done;
};

static int fail_at(const struct builder *b, yaml_mark_t mark, const char *what)
{
	errmsg_set(b->em, "%s:%zu:%zu: %s", b->doc->name, mark.line + 1, mark.column + 1, what);
	return -EINVAL;
}

/* ---- nodes ---- */

static struct config_node *node_create(struct builder *b, enum config_node_kind kind,
				       yaml_mark_t mark)
{
	struct config_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	*node = (struct config_node){
		.doc = b->doc,
		.next = b->doc->nodes,
		.kind = kind,
		.line = (unsigned int)mark.line + 1,
		.column = (unsigned int)mark.column + 1,
		.height = 1,
		.expanded = 1,
	};
	b->doc->nodes = node;
	return node;
}

static void node_free(struct config_node *node)
{
	if (node->text)
		secret_wipe(node->text, node->text_len); /* it may have been one */
	free(node->text);
	free(node->pairs);
	free(node);
}

static struct config_node *scalar_create(struct builder *b, const yaml_event_t *event)
{
	struct config_node *node = node_create(b, CONFIG_NODE_SCALAR, event->start_mark);
	size_t n = event->data.scalar.length;

	if (!node)
		return NULL;
	node->text = malloc(n + 1);
	if (!node->text)
		return NULL;
	memcpy(node->text, event->data.scalar.value, n);
	node->text[n] = '\0';
	node->text_len = n;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return node;
}

static int node_append(struct config_node *parent, struct config_node *key,
		       struct config_node *value)
{
	if (parent->count == parent->cap) {
		size_t cap = parent->cap ? parent->cap * 2 : 4;
		struct config_pair *pairs = reallocarray(parent->pairs, cap, sizeof(*pairs));

		if (!pairs)
			return -ENOMEM;
		parent->pairs = pairs;
		parent->cap = cap;
	}
	parent->pairs[parent->count++] = (struct config_pair){ key, value };
	return 0;
}

/* ---- placing what an event made ---- */

static int refuse_duplicate(struct builder *b, const struct config_node *map,
			    const struct config_node *key)
{
	struct str text = { key->text, key->text_len };

	for (size_t i = 0; i < map->count; i++) {
		const struct config_node *other = map->pairs[i].key;

		if (!str_equal((struct str){ other->text, other->text_len }, text))
			continue;
		return config_error(key, b->em,
				    "key '%s' is given twice (first in line %u); keep one of them",
				    config_show(text).text, other->line);
	}
	return 0;
}

static int place_key(struct builder *b, struct config_node *key)
{
	struct config_node *map = b->open[b->depth - 1];

	if (key->kind != CONFIG_NODE_SCALAR)
		return config_error(key, b->em,
				    "a key must be a plain name, not a list or a mapping");
	if (key->plain && str_equal((struct str){ key->text, key->text_len }, STR("<<")))
		return config_error(key, b->em,
				    "merge keys (<<) are not supported; write the keys out");
	if (map->count >= CONFIG_MAX_KEYS)
		return config_error(key, b->em, "a mapping may have at most %u keys",
				    CONFIG_MAX_KEYS);
	b->key[b->depth - 1] = key;
	return refuse_duplicate(b, map, key);
}

static int place_value(struct builder *b, struct config_node *node, yaml_mark_t mark)
{
	struct config_node *parent = b->open[b->depth - 1];
	struct config_node *key = b->key[b->depth - 1];

	parent->expanded += node->expanded + (key != NULL);
	if (parent->expanded > CONFIG_MAX_NODES)
		return fail_at(b, mark,
			       "the document has too many values (131072, counting what aliases "
			       "stand for); use fewer aliases");
	if (b->depth + node->height > CONFIG_MAX_DEPTH)
		return fail_at(b, mark, "nested too deeply; at most 32 levels are allowed");
	if (parent->height <= node->height)
		parent->height = node->height + 1;
	if (!node->parent)
		node->parent = parent;
	b->key[b->depth - 1] = NULL;
	return node_append(parent, key, node) ? config_out_of_memory(b->em) : 0;
}

static int place(struct builder *b, struct config_node *node, yaml_mark_t mark)
{
	if (b->depth == 0) {
		b->doc->root = node;
		return 0;
	}
	if (b->open[b->depth - 1]->kind == CONFIG_NODE_MAPPING && !b->key[b->depth - 1])
		return place_key(b, node);
	return place_value(b, node, mark);
}

/* ---- anchors ---- */

/* An anchor may be given again; the latest counts. Takes name (malloc'ed; may be NULL). */
static int anchor_add(struct builder *b, char *name, struct config_node *node)
{
	if (!name)
		return 0;
	if (b->anchors_count == MAX_ANCHORS) {
		free(name);
		return config_error(node, b->em, "a document may have at most %d anchors",
				    MAX_ANCHORS);
	}
	b->anchors[b->anchors_count++] = (struct anchor){ name, node };
	return 0;
}

static char *anchor_name(const yaml_char_t *name, bool *failed)
{
	char *copy = name ? strdup((const char *)name) : NULL;

	*failed = name && !copy;
	return copy;
}

static int on_alias(struct builder *b, const yaml_event_t *event)
{
	for (size_t i = b->anchors_count; i-- > 0;)
		if (strcmp(b->anchors[i].name, (const char *)event->data.alias.anchor) == 0)
			return place(b, b->anchors[i].node, event->start_mark);
	return fail_at(b, event->start_mark,
		       "the alias has no anchor before it (or is inside of what it stands for)");
}

/* ---- events ---- */

/* "!" alone only says "not resolved by its looks", which is how weir treats every scalar. */
static bool is_tagged(const yaml_char_t *tag)
{
	return tag && strcmp((const char *)tag, "!") != 0;
}

static int on_scalar(struct builder *b, const yaml_event_t *event)
{
	struct config_node *node;
	bool failed;
	char *anchor;
	int err;

	if (is_tagged(event->data.scalar.tag))
		return fail_at(b, event->start_mark, "tags (!name) are not supported; remove it");
	node = scalar_create(b, event);
	anchor = anchor_name(event->data.scalar.anchor, &failed);
	if (!node || failed) {
		free(anchor);
		return config_out_of_memory(b->em);
	}
	err = anchor_add(b, anchor, node);
	return err ? err : place(b, node, event->start_mark);
}

static int on_open(struct builder *b, const yaml_event_t *event, enum config_node_kind kind,
		   const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct config_node *node;
	bool failed;

	if (is_tagged(tag))
		return fail_at(b, event->start_mark, "tags (!name) are not supported; remove it");
	if (b->depth == CONFIG_MAX_DEPTH)
		return fail_at(b, event->start_mark,
			       "nested too deeply; at most 32 levels are allowed");
	node = node_create(b, kind, event->start_mark);
	if (!node)
		return config_out_of_memory(b->em);
	b->open_anchor[b->depth] = anchor_name(anchor, &failed);
	b->open[b->depth] = node;
	b->key[b->depth++] = NULL;
	return failed ? config_out_of_memory(b->em) : 0;
}

static int on_close(struct builder *b)
{
	struct config_node *node;
	yaml_mark_t mark = { 0 };
	char *anchor;
	int err;

	b->depth--;
	node = b->open[b->depth];
	anchor = b->open_anchor[b->depth];
	b->open_anchor[b->depth] = NULL;
	mark.line = node->line - 1;
	mark.column = node->column - 1;
	err = anchor_add(b, anchor, node);
	return err ? err : place(b, node, mark);
}

static int on_event(struct builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(b, event);
	case YAML_ALIAS_EVENT:
		return on_alias(b, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(b, event, CONFIG_NODE_SEQUENCE, event->data.sequence_start.anchor,
			       event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return on_open(b, event, CONFIG_NODE_MAPPING, event->data.mapping_start.anchor,
			       event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_close(b);
	case YAML_DOCUMENT_START_EVENT:
		if (b->doc->root)
			return fail_at(b, event->start_mark,
				       "a second document begins here; weir reads one per file");
		return 0;
	case YAML_STREAM_END_EVENT:
		b->done = true;
		return 0;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return 0;
	}
	return 0;
}

/* ---- errors of the syntax ---- */

static yaml_mark_t mark_of_byte(struct str text, size_t offset)
{
	yaml_mark_t mark = { .index = offset };

	for (size_t i = 0; i < offset && i < text.n; i++) {
		if (text.p[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else if ((text.p[i] & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

/* libyaml's marks count characters, so this is only right where nothing but ASCII comes before. A
 * wrong guess costs the hint, no more. */
static bool is_tab_at(struct str text, yaml_mark_t mark)
{
	return mark.index < text.n && text.p[mark.index] == '\t';
}

/* libyaml's words are safe to show: they hold no text of the document. */
static int fail_syntax(struct builder *b, struct str text)
{
	const yaml_parser_t *parser = &b->parser;
	const char *problem = parser->problem ? parser->problem : "not valid YAML";
	yaml_mark_t mark = parser->problem_mark;
	char begun[128] = "";

	if (parser->error == YAML_MEMORY_ERROR)
		return config_out_of_memory(b->em);
	if (parser->error == YAML_READER_ERROR)
		return fail_at(b, mark_of_byte(text, parser->problem_offset),
			       "a control character is not allowed here; remove it, or write it "
			       "as \\xNN inside of double quotes");
	if (is_tab_at(text, mark))
		return fail_at(b, mark, "a tab can't be used to indent in YAML; use spaces");
	if (parser->context)
		snprintf(begun, sizeof(begun), " %.80s that begins in line %zu", parser->context,
			 parser->context_mark.line + 1);
	errmsg_set(b->em, "%s:%zu:%zu: not valid YAML: %s%s; check the indentation and quotes",
		   b->doc->name, mark.line + 1, mark.column + 1, problem, begun);
	return -EINVAL;
}

static int refuse_bytes(struct builder *b, struct str text)
{
	size_t valid = utf8_valid_prefix(text);

	if (text.n > CONFIG_MAX_BYTES)
		return fail_at(b, (yaml_mark_t){ 0 },
			       "the document is larger than 1 MiB; shorten it");
	if (valid < text.n)
		return fail_at(b, mark_of_byte(text, valid),
			       "this byte is not UTF-8; save the file as UTF-8");
	return 0;
}

static int build(struct builder *b, struct str text)
{
	int err = refuse_bytes(b, text);

	if (err)
		return err;
	yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b->parser, (const unsigned char *)text.p, text.n);
	while (!err && !b->done) {
		yaml_event_t event;

		if (!yaml_parser_parse(&b->parser, &event))
			return fail_syntax(b, text);
		err = on_event(b, &event);
		yaml_event_delete(&event);
	}
	return err;
}

/* A file of comments is an empty configuration. */
static int ensure_root(struct builder *b)
{
	if (b->doc->root)
		return 0;
	b->doc->root = node_create(b, CONFIG_NODE_SCALAR, (yaml_mark_t){ 0 });
	if (!b->doc->root)
		return config_out_of_memory(b->em);
	b->doc->root->plain = true;
	b->doc->root->text = calloc(1, 1);
	return b->doc->root->text ? 0 : config_out_of_memory(b->em);
}

static void builder_finish(struct builder *b)
{
	for (size_t i = 0; i < b->anchors_count; i++)
		free(b->anchors[i].name);
	for (size_t i = 0; i < b->depth; i++)
		free(b->open_anchor[i]);
	yaml_parser_delete(&b->parser);
}

int config_parse(struct str text, const char *name, struct config_document **doc_r,
		 struct errmsg *em)
{
	struct builder b = { .em = em };
	int err;

	*doc_r = NULL;
	b.doc = calloc(1, sizeof(*b.doc));
	if (!b.doc)
		return config_out_of_memory(em);
	b.doc->name = strdup(name);
	if (!b.doc->name || !yaml_parser_initialize(&b.parser)) {
		config_document_free(&b.doc);
		return config_out_of_memory(em);
	}
	err = build(&b, text);
	if (!err)
		err = ensure_root(&b);
	builder_finish(&b);
	if (err)
		config_document_free(&b.doc);
	*doc_r = b.doc;
	return err;
}

/* ---- files ---- */

/* O_NONBLOCK: opening a FIFO by mistake must not hang. */
static int open_regular(const char *path, int *fd_r)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (S_ISDIR(st.st_mode))
		err = -EISDIR;
	else if (S_ISFIFO(st.st_mode) && fcntl(fd, F_SETFL, 0) < 0)
		err = -errno;
	if (err)
		close(fd);
	else
		*fd_r = fd;
	return err;
}

/* All of an open file, or a byte more than a configuration may have, so that config_parse() sees
 * that it is too much. The caller wipes and frees *bytes_r, which is NULL on failure. */
static int read_bytes(int fd, char **bytes_r, size_t *n_r)
{
	size_t cap = CONFIG_MAX_BYTES + 1;
	char *bytes = malloc(cap);
	int err = bytes ? file_read_all(fd, bytes, cap, n_r) : -ENOMEM;

	if (err && bytes) {
		secret_wipe(bytes, cap);
		free(bytes);
		bytes = NULL;
	}
	*bytes_r = bytes;
	return err;
}

static void drop_bytes(char *bytes, size_t n)
{
	secret_wipe(bytes, n);
	free(bytes);
}

static int open_and_read(const char *path, char **bytes_r, size_t *n_r, struct errmsg *em)
{
	int fd = -1, err = open_regular(path, &fd);

	if (err) {
		errmsg_set(em, "%s: can't be opened: %s", path, strerror(-err));
		return err;
	}
	err = read_bytes(fd, bytes_r, n_r);
	close(fd);
	if (err)
		errmsg_set(em, "%s: can't be read: %s", path, strerror(-err));
	return err;
}

static int make_copy(const char *bytes, size_t n, int *fd_r)
{
	int fd = memory_file_create("weir-configuration"), err;

	if (fd < 0)
		return fd;
	err = file_write_all(fd, (struct str){ bytes, n });
	if (!err && fcntl(fd, F_ADD_SEALS, COPY_SEALS) < 0)
		err = -errno;
	if (err)
		close(fd);
	else
		*fd_r = fd;
	return err;
}

int config_copy_file(const char *path, int *fd_r, struct errmsg *em)
{
	char *bytes;
	size_t n;
	int err = open_and_read(path, &bytes, &n, em);

	*fd_r = -1;
	if (err)
		return err;
	err = make_copy(bytes, n, fd_r);
	drop_bytes(bytes, n);
	if (err)
		errmsg_set(em, "%s: can't be copied to memory: %s", path, strerror(-err));
	return err;
}

int config_parse_copy(int fd, const char *path, struct config_document **doc_r, struct errmsg *em)
{
	char *bytes = NULL;
	size_t n = 0;
	int err = lseek(fd, 0, SEEK_SET) < 0 ? -errno : read_bytes(fd, &bytes, &n);

	*doc_r = NULL;
	if (err) {
		errmsg_set(em, "%s: its copy (descriptor %d) can't be read: %s", path, fd,
			   strerror(-err));
		return err;
	}
	err = config_parse((struct str){ bytes, n }, path, doc_r, em);
	drop_bytes(bytes, n);
	return err;
}

const char *config_document_name(const struct config_document *doc)
{
	return doc->name;
}

const struct config_node *config_root(const struct config_document *doc)
{
	return doc->root;
}

void config_document_free(struct config_document **doc)
{
	struct config_node *node, *next;

	if (!*doc)
		return;
	for (node = (*doc)->nodes; node; node = next) {
		next = node->next;
		node_free(node);
	}
	free((*doc)->name);
	free(*doc);
	*doc = NULL;
}
