/* redaction/span.h: the stretches of a field that are to be replaced.
 *
 * Rules add them in any order, over each other even; span_list_settle() sorts and joins, so that
 * every byte is replaced at most once and no rule works on what another one wrote. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Past this many in one field it is masked whole instead. */
#define SPANS_MAX 16384

struct span {
	size_t begin, end; /* begin == end: the replacement is inserted there */
	uint32_t rule;	   /* whose replacement stands there */
};

struct span_list {
	struct span *v;
	size_t n, room;
};

/* False: no memory, or too many. */
bool span_list_add(struct span_list *list, struct span span);
/* Sorts by begin; those that overlap, or begin at the same byte, become one, under the lowest rule
 * number among them. */
void span_list_settle(struct span_list *list);
void span_list_free(struct span_list *list);
