/* pipeline/filter_list.h: an allow and a deny list of objects (pipeline/filter_rule.h), as
 * Tetragon's export filters have them: what any of deny meets is dropped; of the rest, with an
 * allow list, what none of it meets. Used by the filter stage on events and by outputs on records;
 * each has its own, on one thread. */
#pragma once

#include "pipeline/filter_rule.h"

struct filter_list;

/* Nodes as the configuration has them; NULL: an empty list. */
WARN_UNUSED int filter_list_create(const struct config_node *allow, const struct config_node *deny,
				   enum filter_source source, struct filter_list **list_r,
				   struct errmsg *em);
bool filter_list_drops(struct filter_list *list, const struct filter_subject *subject);
/* How often something was kept because a pattern could not be evaluated within its limits: nobody
 * may hide by making one expensive. */
uint64_t filter_list_undecided(const struct filter_list *list);
void filter_list_free(struct filter_list **list);
