/* pipeline/filter_rule.h: one object of an allow or deny list: conditions on an event that must all
 * hold. A condition holds when any of its values does. Owned by the filter stage. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "pipeline/event.h"
#include "redaction/pattern.h"

struct config_node;
struct filter_rule;

/* Reads an object. Keys that Tetragon has and weir can't serve are refused by name. */
WARN_UNUSED int filter_rule_create(const struct config_node *object, struct filter_rule **rule_r,
				   struct errmsg *em);

enum filter_match {
	FILTER_NO,
	FILTER_YES,
	FILTER_UNKNOWN, /* a pattern could not be evaluated within its limits */
};

/* Whether the event, one about a process, meets the object. */
enum filter_match filter_rule_match(const struct filter_rule *rule, struct matcher *matcher,
				    const struct event *event);
void filter_rule_free(struct filter_rule **rule);
