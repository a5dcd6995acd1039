/* config/node.c: looking around in a parsed document, and saying where something is. */
#include "config/node.h"

#include "base/buf.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum config_node_kind config_node_kind(const struct config_node *node)
{
	return node->kind;
}

size_t config_node_count(const struct config_node *node)
{
	return node->count;
}

const struct config_node *config_node_at(const struct config_node *node, size_t i)
{
	return i < node->count ? node->pairs[i].value : NULL;
}

struct str config_node_key(const struct config_node *mapping, size_t i)
{
	const struct config_node *key = i < mapping->count ? mapping->pairs[i].key : NULL;

	return key ? (struct str){ key->text, key->text_len } : (struct str){ "", 0 };
}

const struct config_node *config_node_key_node(const struct config_node *mapping, size_t i)
{
	return i < mapping->count ? mapping->pairs[i].key : NULL;
}

const struct config_node *config_node_get(const struct config_node *mapping, const char *key)
{
	if (!mapping || mapping->kind != CONFIG_NODE_MAPPING)
		return NULL;
	for (size_t i = 0; i < mapping->count; i++)
		if (str_equal(config_node_key(mapping, i), str_of(key)))
			return mapping->pairs[i].value;
	return NULL;
}

struct str config_node_text(const struct config_node *scalar)
{
	if (scalar->kind != CONFIG_NODE_SCALAR)
		return (struct str){ "", 0 };
	return (struct str){ scalar->text, scalar->text_len };
}

bool config_node_is_null(const struct config_node *node)
{
	struct str text = config_node_text(node);

	if (node->kind != CONFIG_NODE_SCALAR || !node->plain)
		return false;
	return text.n == 0 || str_equal(text, STR("~")) || str_equal(text, STR("null"));
}

struct config_shown config_show(struct str text)
{
	struct config_shown shown;
	const size_t room = sizeof(shown.text) - sizeof("...");
	size_t n = text.n < room ? text.n : room;

	/* Cut before a byte that continues a character. */
	while (n < text.n && n > 0 && (text.p[n] & 0xc0) == 0x80)
		n--;
	for (size_t i = 0; i < n; i++)
		shown.text[i] = (char)(iscntrl((unsigned char)text.p[i]) ? '?' : text.p[i]);
	snprintf(shown.text + n, sizeof(shown.text) - n, "%s", n < text.n ? "..." : "");
	return shown;
}

static void write_step(const struct config_node *parent, const struct config_node *child,
		       struct buf *path)
{
	for (size_t i = 0; i < parent->count; i++) {
		if (parent->pairs[i].value != child)
			continue;
		if (parent->kind == CONFIG_NODE_SEQUENCE)
			buf_printf(path, "[%zu]", i);
		else
			buf_printf(path, "%s%s", path->len ? "." : "",
				   config_show(config_node_key(parent, i)).text);
		return;
	}
}

struct config_path config_node_path(const struct config_node *node)
{
	const struct config_node *up[CONFIG_MAX_DEPTH + 1];
	struct config_path path = { "" };
	struct buf out = buf_fixed(path.text, sizeof(path.text) - 1);
	size_t n = 0;

	for (; node && n < ARRAY_SIZE(up); node = node->parent)
		up[n++] = node;
	while (n-- > 1)
		write_step(up[n], up[n - 1], &out);
	path.text[out.len] = '\0';
	return path;
}

int config_error(const struct config_node *node, struct errmsg *em, const char *fmt, ...)
{
	char text[sizeof(em->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (node && node->doc)
		errmsg_set(em, "%s:%u:%u: %s", config_document_name(node->doc), node->line,
			   node->column, text);
	else
		errmsg_set(em, "%s", text);
	return -EINVAL;
}

int config_out_of_memory(struct errmsg *em)
{
	errmsg_set(em, "out of memory while the configuration is read");
	return -ENOMEM;
}
