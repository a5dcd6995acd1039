/* pipeline/filter_rule.h: one object of an allow or deny list: conditions on an event that must all
 * hold. A condition holds when any of its values does. The conditions are asked of a subject: an
 * event in the collector, or a record of the journal in the forwarder, which knows less of it.
 * Owned by a filter (pipeline/filter_list.h). */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "pipeline/event.h"
#include "redaction/pattern.h"

struct config_node;
struct filter_rule;

enum filter_text {
	FILTER_BINARY,
	FILTER_ARGUMENTS,
	FILTER_CONTAINER,
	FILTER_PARENT_BINARY,
	FILTER_PARENT_ARGUMENTS,
	FILTER_POLICY,
	FILTER_TEXTS
};

enum filter_source {
	FILTER_EVENTS,	/* with their processes and those above them */
	FILTER_RECORDS, /* with what stands in them: no process above the parent */
};

struct filter_subject {
	enum event_kind kind;
	bool has_process, has_parent, in_init_tree;
	uint32_t pid;
	const struct process *process, *parent; /* of an event; NULL for a record */
	/* Asked for when a condition needs it; empty: there is none. */
	struct str (*text)(const struct filter_subject *subject, enum filter_text which);
};

/* Borrows from the event. */
struct filter_subject filter_subject_of_event(const struct event *event);

/* Reads an object. Keys that Tetragon has and weir can't serve are refused by name. */
WARN_UNUSED int filter_rule_create(const struct config_node *object, enum filter_source source,
				   struct filter_rule **rule_r, struct errmsg *em);

enum filter_match {
	FILTER_NO,
	FILTER_YES,
	FILTER_UNKNOWN, /* a pattern could not be evaluated within its limits */
};

/* Whether the subject, one about a process, meets the object. */
enum filter_match filter_rule_match(const struct filter_rule *rule, struct matcher *matcher,
				    const struct filter_subject *subject);
void filter_rule_free(struct filter_rule **rule);
