#include "pipeline/config_objects.h"

#include "config/config.h"

#include <errno.h>
#include <stdio.h>

/* "FILE:LINE:COLUMN" of the string that holds JSON, to stand in front of the place within. */
static void name_place(const struct config_node *node, char *name, size_t room)
{
	struct errmsg em = { "" };
	size_t n;

	config_error(node, &em, "%s", "");
	n = strnlen(em.text, sizeof(em.text));
	while (n && (em.text[n - 1] == ' ' || em.text[n - 1] == ':'))
		n--;
	snprintf(name, room, "%.*s: in the JSON", (int)n, em.text);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Length of the JSON object at the start of text; 0: it is no object, or it doesn't end. */
static size_t object_length(struct str text)
{
	unsigned int depth = 0;
	bool quoted = false;

	if (text.n == 0 || text.p[0] != '{')
		return 0;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++;
		else if (!quoted && (c == '}' || c == ']') && --depth == 0)
			return i + 1;
	}
	return 0;
}

/* JSON is read as the YAML flow style, of which it is a part. */
static int read_json_object(struct str text, const char *name, config_object_fn take, void *ctx,
			    struct errmsg *em)
{
	struct config_document *doc = NULL;
	int rc = config_parse(text, name, &doc, em);

	if (rc)
		return rc;
	if (config_node_kind(config_root(doc)) == CONFIG_NODE_MAPPING)
		rc = take(ctx, config_root(doc), em);
	else
		rc = config_error(config_root(doc), em, "a JSON object is wanted");
	config_document_free(&doc);
	return rc;
}

static int read_json(const struct config_node *node, config_object_fn take, void *ctx,
		     struct errmsg *em)
{
	struct str text = config_node_text(node);
	char name[256];
	size_t at = 0;

	name_place(node, name, sizeof(name));
	for (;;) {
		struct str rest;
		int rc;

		while (at < text.n && is_space(text.p[at]))
			at++;
		if (at == text.n)
			return 0;
		rest = (struct str){ text.p + at, text.n - at };
		rest.n = object_length(rest);
		if (rest.n == 0)
			return config_error(node, em,
					    "JSON objects are wanted, one after another; what "
					    "begins at character %zu is none, or does not end",
					    at + 1);
		rc = read_json_object(rest, name, take, ctx, em);
		if (rc)
			return rc;
		at += rest.n;
	}
}

int config_objects_read(const struct config_node *list, config_object_fn take, void *ctx,
			struct errmsg *em)
{
	int rc = 0;

	if (!list || config_node_is_null(list))
		return 0;
	switch (config_node_kind(list)) {
	case CONFIG_NODE_MAPPING:
		return config_error(list, em,
				    "a list is wanted; put \"- \" in front of the first key");
	case CONFIG_NODE_SCALAR:
		return read_json(list, take, ctx, em);
	case CONFIG_NODE_SEQUENCE:
		break;
	}
	for (size_t i = 0; i < config_node_count(list) && !rc; i++) {
		const struct config_node *element = config_node_at(list, i);

		switch (config_node_kind(element)) {
		case CONFIG_NODE_MAPPING:
			rc = take(ctx, element, em);
			break;
		case CONFIG_NODE_SCALAR:
			rc = read_json(element, take, ctx, em);
			break;
		case CONFIG_NODE_SEQUENCE:
			rc = config_error(element, em, "an object is wanted, not a list");
			break;
		}
	}
	return rc;
}
