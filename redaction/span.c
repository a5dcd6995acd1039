#include "redaction/span.h"

#include <stdlib.h>

bool span_list_add(struct span_list *list, struct span span)
{
	size_t room = list->room ? list->room * 2 : 64;
	struct span *v;

	if (list->n == SPANS_MAX)
		return false;
	if (list->n == list->room) {
		v = reallocarray(list->v, room, sizeof(*v));
		if (!v)
			return false;
		list->v = v;
		list->room = room;
	}
	list->v[list->n++] = span;
	return true;
}

static int compare_begins(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

void span_list_settle(struct span_list *list)
{
	size_t kept = 0;

	if (list->n < 2)
		return;
	qsort(list->v, list->n, sizeof(list->v[0]), compare_begins);
	for (size_t i = 1; i < list->n; i++) {
		struct span *last = &list->v[kept], *span = &list->v[i];

		if (span->begin >= last->end && span->begin != last->begin) {
			list->v[++kept] = *span;
			continue;
		}
		if (span->end > last->end)
			last->end = span->end;
		if (span->rule < last->rule)
			last->rule = span->rule;
	}
	list->n = kept + 1;
}

void span_list_free(struct span_list *list)
{
	free(list->v);
	*list = (struct span_list){ 0 };
}
