/* config/config.h: YAML to structs, with errors that name file, line, column and what would be
 * right. A module describes its settings once, in a table of config_item; the table is the
 * schema, the defaults, the validation and the manual.
 *
 * A document is parsed into nodes that remember where they came from (YAML 1.1 through libyaml;
 * aliases resolved, duplicate keys refused). Validation is whole: nothing is applied unless
 * everything is right. Values may contain ${NAME} (environment; ${NAME:-default} too) outside of
 * secrets; a secret may also be {file: PATH} or {env: NAME} and never appears in a message.
 * Nodes live as long as the document; settings structs own copies (config_settings_free). */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_document;
struct config_node;
struct secret;

enum config_type {
	CONFIG_BOOL,	/* bool */
	CONFIG_INTEGER, /* uint64_t, min..max */
	CONFIG_SIZE, /* uint64_t bytes: 65536, 64KiB, 16MiB, 1GiB (KB, MB, GB are powers of ten) */
	CONFIG_DURATION, /* uint64_t nanoseconds: 250ms, 10s, 5m, 12h, 7d */
	CONFIG_STRING,	 /* char * */
	CONFIG_ENUM,	 /* int: index into `choices` */
	CONFIG_LIST,	 /* struct config_strings: a list of strings */
	CONFIG_SECRET,	 /* struct secret *, NULL when not given */
	CONFIG_MAP,	 /* a struct inside: `items` describe it, at the same offset base */
	CONFIG_NODE, /* const struct config_node *, NULL when not given: the module reads it itself
		      */
};

struct config_strings {
	char **v;
	size_t n;
};

struct config_item {
	const char *name;
	enum config_type type;
	size_t offset; /* in the settings struct, also of items in a MAP; the MAP's own is not used
			*/
	const char *value; /* the default, as it would be written in YAML ("": the empty text);
			      NULL: required, unless `optional` */
	bool optional;
	uint64_t min, max;		 /* INTEGER, SIZE, DURATION (ns); max 0: no limit */
	const char *const *choices;	 /* ENUM; ended by NULL */
	const struct config_item *items; /* MAP */
	const char *unit;		 /* for the manual of an INTEGER ("events") */
	const char *help;		 /* one to three sentences for the manual */
	bool live; /* takes effect on reload; else a reload that changes it says "needs a restart"
		    */
};

#define CONFIG_END           \
	{                    \
		.name = NULL \
	}

/* A copy of the file in memory that nobody can change; the caller closes it. Who reads the file
 * itself twice may meet two files: the copy is for a second reader. */
WARN_UNUSED int config_copy_file(const char *path, int *fd_r, struct errmsg *em);
/* Parses such a copy, wherever the descriptor stands; path is for messages. On failure em reads
 * "FILE:LINE:COLUMN: what is wrong; what would be right". */
WARN_UNUSED int config_parse_copy(int fd, const char *path, struct config_document **doc_r,
				  struct errmsg *em);
/* The same from memory; name stands in messages where the file's would. */
WARN_UNUSED int config_parse(struct str text, const char *name, struct config_document **doc_r,
			     struct errmsg *em);
const struct config_node *config_root(const struct config_document *doc);
void config_document_free(struct config_document **doc);

/* Fills `settings` (zeroed by the caller) from a mapping node, NULL meaning an empty one. Unknown
 * keys (with the nearest known one), wrong types and values out of range are refused. On failure
 * the settings are freed already. */
WARN_UNUSED int config_read(const struct config_node *node, const struct config_item *items,
			    void *settings, struct errmsg *em);
void config_settings_free(const struct config_item *items, void *settings);

/* Looking around in nodes that a module reads itself. */
enum config_node_kind { CONFIG_NODE_SCALAR, CONFIG_NODE_SEQUENCE, CONFIG_NODE_MAPPING };
enum config_node_kind config_node_kind(const struct config_node *node);
size_t config_node_count(const struct config_node *node); /* elements or pairs */
const struct config_node *config_node_at(const struct config_node *node,
					 size_t i); /* element, or value of pair i */
struct str config_node_key(const struct config_node *mapping, size_t i);
const struct config_node *config_node_get(const struct config_node *mapping,
					  const char *key); /* NULL: absent */
/* The key itself as a node, for messages about it. */
const struct config_node *config_node_key_node(const struct config_node *mapping, size_t i);
/* As written: ${NAME} is not put in. Empty for what is not a scalar. */
struct str config_node_text(const struct config_node *scalar);
/* The text with its variables put in, for modules that read a scalar themselves; free() it. */
WARN_UNUSED int config_node_string(const struct config_node *scalar, char **text_r,
				   struct errmsg *em);
bool config_node_is_null(const struct config_node *node);
/* Puts "FILE:LINE:COLUMN: " in front of a message about this node (NULL: nothing); returns
 * -EINVAL. */
int config_error(const struct config_node *node, struct errmsg *em, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* The manual of one table, in Markdown: a row per key with type, default, bounds and help. */
void config_write_manual(const struct config_item *items, const char *prefix, struct buf *out);
/* Name of the first item that differs between two settings read by this table and that is not
 * `live`, with its section ("journal.directory"), in name_r; false: none. CONFIG_NODE and
 * CONFIG_SECRET are not compared. */
struct config_item_name {
	char text[96];
};
bool config_restart_needed(const struct config_item *items, const void *running, const void *wanted,
			   struct config_item_name *name_r);
/* The nearest of the names to `written`, for "did you mean"; NULL when none is near. */
const char *config_nearest(struct str written, const char *const *names, size_t n);
