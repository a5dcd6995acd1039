/* config/compare.c: what a reload can't change while weir runs. */
#include "config/config.h"

#include <stdio.h>
#include <string.h>

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_same_list(const struct config_strings *a, const struct config_strings *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return a->n == b->n;
}

static bool is_same_value(const struct config_item *item, const void *a, const void *b)
{
	switch (item->type) {
	case CONFIG_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case CONFIG_INTEGER:
	case CONFIG_SIZE:
	case CONFIG_DURATION:
		return *(const uint64_t *)a == *(const uint64_t *)b;
	case CONFIG_ENUM:
		return *(const int *)a == *(const int *)b;
	case CONFIG_STRING:
		return is_same_text(*(char *const *)a, *(char *const *)b);
	case CONFIG_LIST:
		return is_same_list(a, b);
	case CONFIG_SECRET:
	case CONFIG_MAP:
	case CONFIG_NODE:
		return true;
	}
	return true;
}

bool config_restart_needed(const struct config_item *items, const void *running, const void *wanted,
			   struct config_item_name *name_r)
{
	for (const struct config_item *item = items; item->name; item++) {
		struct config_item_name inner;

		if (item->type == CONFIG_MAP) {
			if (!config_restart_needed(item->items, running, wanted, &inner))
				continue;
			snprintf(name_r->text, sizeof(name_r->text), "%.40s.%.50s", item->name,
				 inner.text);
			return true;
		}
		if (item->live || is_same_value(item, (const char *)running + item->offset,
						(const char *)wanted + item->offset))
			continue;
		snprintf(name_r->text, sizeof(name_r->text), "%s", item->name);
		return true;
	}
	return false;
}
