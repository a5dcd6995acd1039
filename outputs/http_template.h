/* outputs/http_template.h: names in braces in a text of the configuration that stand for what is
 * only known later: {node}, {output}, {boot}, {date} (of an event, UTC, 2026.11.30) and {kind} (of
 * an event). {{ and }} are braces. What an event chose can't leave its place: the caller says how
 * values are escaped. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"

#include <stdbool.h>
#include <stdint.h>

enum http_template_escape {
	HTTP_TEMPLATE_URL,    /* percent-encoded but for letters, digits, - _ . ~ */
	HTTP_TEMPLATE_HEADER, /* printable ASCII, anything else as ? */
	HTTP_TEMPLATE_JSON,   /* inside of a JSON string; the text around is escaped too */
};

struct http_template_values {
	struct str node, output, boot, kind;
	uint64_t time_wall_ns;
};

/* -EINVAL: an unknown name or a brace alone; em says which. `with_kind`: whether {kind} is known
 * where it is used. */
WARN_UNUSED int http_template_check(const char *text, bool with_kind, struct errmsg *em);
/* Whether the text is another one for another event. */
bool http_template_is_of_event(const char *text);
/* Writes a text that has passed the check. */
void http_template_write(const char *text, const struct http_template_values *values,
			 enum http_template_escape escape, struct buf *out);
