/* cli/event_filter.h: which events `weir events` shows. A term is KEY=VALUE or KEY!=VALUE:
 * terms with different keys must all hold, of those with the same key one must, and one that
 * holds with != takes the event out. For people at a terminal: it parses the event where a term
 * asks for what is inside. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "pipeline/journal_reader.h"

#include <stdbool.h>

struct event_filter;

/* Compiles. On failure em names the term and what is known. */
WARN_UNUSED int event_filter_create(const char *const *terms, size_t n,
				    struct event_filter **filter_r, struct errmsg *em);
/* A regular expression that can't be evaluated (its match limit) shows the event. */
bool event_filter_matches(const struct event_filter *filter, const struct journal_record *record);
void event_filter_free(struct event_filter **filter);
