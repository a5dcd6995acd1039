/* outputs/template.h: a text of the configuration with fields of the event in braces: {kind},
 * {node}, {boot}, {output}, {date}, or the path of a member of the event's body
 * ({process.pod.namespace}). {{ and }} are braces. What it becomes (a topic, a tag, a URL) is
 * written by an output for each event or each batch. Fields are taken from the event as journaled,
 * whatever the output's format is.
 *
 * Whoever causes an event chooses some of its fields: each use says by its rules what a value may
 * hold there, so that none can leave its place. Compiled and freed by the output; no I/O. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/batch.h"

#include <stdbool.h>

enum template_field {
	TEMPLATE_TEXT,
	TEMPLATE_KIND,
	TEMPLATE_NODE,
	TEMPLATE_BOOT,
	TEMPLATE_OUTPUT, /* its name in the configuration */
	TEMPLATE_DATE,	 /* when it happened, UTC, 2026.11.30 */
	TEMPLATE_PATH,
};

/* Sets of fields, as bits. */
#define TEMPLATE_BIT(field) (1u << (field))
#define TEMPLATE_OF_BATCH                                            \
	(TEMPLATE_BIT(TEMPLATE_NODE) | TEMPLATE_BIT(TEMPLATE_BOOT) | \
	 TEMPLATE_BIT(TEMPLATE_OUTPUT) | TEMPLATE_BIT(TEMPLATE_DATE))
#define TEMPLATE_OF_WEIR (TEMPLATE_OF_BATCH | TEMPLATE_BIT(TEMPLATE_KIND))
#define TEMPLATE_ALL	 (TEMPLATE_OF_WEIR | TEMPLATE_BIT(TEMPLATE_PATH))
/* Those that may differ from event to event of a batch. */
#define TEMPLATE_OF_EVENT \
	(TEMPLATE_BIT(TEMPLATE_KIND) | TEMPLATE_BIT(TEMPLATE_DATE) | TEMPLATE_BIT(TEMPLATE_PATH))

/* Texts and fields in one template. */
#define TEMPLATE_MAX_PARTS 32

#define TEMPLATE_LOWER	 "abcdefghijklmnopqrstuvwxyz0123456789"
#define TEMPLATE_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ" TEMPLATE_LOWER

enum template_escape {
	TEMPLATE_REPLACE, /* each byte that is not allowed by the replacement */
	TEMPLATE_PERCENT, /* each by % and two hexadecimal digits */
	TEMPLATE_JSON,	  /* inside of a JSON string; the text around is escaped too */
};

/* What may stand in one kind of template, and what becomes of values in it. */
struct template_rules {
	const char *what;    /* in messages: "topic" */
	unsigned int fields; /* that it may name, as bits */
	bool is_name;	     /* the text has letters, digits, '.', '_' and '-' only */
	bool is_lower;	     /* capital letters of a value become small ones */
	enum template_escape escape;
	const char *allowed; /* bytes of a value, not for JSON; NULL: any */
	char replacement;
	size_t max_bytes;   /* of a value, at most 1024; what is longer is cut */
	const char *absent; /* for a value that is missing or empty; NULL: there is no text then */
};

struct config_node;
struct template;

/* -EINVAL: a brace alone, a field that there isn't or that can't be here; em says which and what
 * was meant. `rules` must outlive the template. */
WARN_UNUSED int template_compile(const char *text, const struct template_rules *rules,
				 struct template **template_r, struct errmsg *em);
void template_free(struct template **template);
/* For the check of a configuration: compiles and forgets; em has the file, line and column of
 * `node`. */
WARN_UNUSED int template_check(const struct config_node *node, const char *text,
			       const struct template_rules *rules, struct errmsg *em);

/* The fields it names, as bits: 0 is the same text for every event. */
unsigned int template_fields(const struct template *template);
/* The text that it begins with, terminated; empty when it begins with a field. */
struct str template_prefix(const struct template *template);

/* What the fields are taken from. */
struct template_source {
	struct batch *batch; /* NULL: none; its fields are missing */
	size_t i;	     /* of the event, or any of the batch */
	struct str node;     /* empty: the event's */
	struct str output;
};

/* Appends the text. False: a field is missing and the rules have nothing in its place. */
bool template_write(const struct template *template, const struct template_source *source,
		    struct buf *out);
