#include "pipeline/filter_rule.h"

#include "config/config.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_ANCESTORS 1024 /* how far a chain is followed */

/* Regular expressions, any of which is enough. v NULL: the condition isn't there. */
struct patterns {
	struct pattern **v;
	size_t n;
};

struct pids {
	uint32_t *v;
	size_t n;
};

struct filter_rule {
	bool has_events, has_in_init_tree, in_init_tree, without_container;
	uint32_t events; /* bit per enum event_kind */
	struct pids pid, pid_set;
	struct patterns binary, arguments, parent_binary, parent_arguments, ancestor_binary;
	struct patterns container;
	struct config_strings policies;
};

_Static_assert(EVENT_KINDS <= 32, "a bit per kind");

struct filter_object {
	struct config_strings event_set, pid, pid_set, namespaces;
	struct config_strings binary_regex, arguments_regex, container_id;
	struct config_strings parent_binary_regex, parent_arguments_regex, ancestor_binary_regex;
	struct config_strings policy_names;
	bool in_init_tree;
};

#define LIST_ITEM(key, member, text)                                                             \
	{                                                                                        \
		.name = key, .type = CONFIG_LIST,                                                \
		.offset = offsetof(struct filter_object, member), .optional = true, .help = text \
	}

static const struct config_item object_items[] = {
	LIST_ITEM("event_set", event_set, "Kinds of events, such as PROCESS_EXEC."),
	LIST_ITEM("binary_regex", binary_regex, "The process's binary."),
	LIST_ITEM("arguments_regex", arguments_regex, "Its arguments, redacted, joined by spaces."),
	LIST_ITEM("parent_binary_regex", parent_binary_regex, "The parent's binary."),
	LIST_ITEM("parent_arguments_regex", parent_arguments_regex, "The parent's arguments."),
	LIST_ITEM("ancestor_binary_regex", ancestor_binary_regex, "Any binary above the parent."),
	LIST_ITEM("pid", pid, "The process's number."),
	LIST_ITEM("pid_set", pid_set, "The process, or any process above it, has this number."),
	LIST_ITEM("container_id", container_id, "The container's id (31 characters)."),
	LIST_ITEM("policy_names", policy_names, "The policy that the event is of."),
	LIST_ITEM("namespace", namespaces, "\"\": processes outside of containers."),
	{ .name = "in_init_tree",
	  .type = CONFIG_BOOL,
	  .offset = offsetof(struct filter_object, in_init_tree),
	  .optional = true,
	  .value = "false",
	  .help = "Whether it descends from its container's first process." },
	CONFIG_END,
};

/* What Tetragon's filters have and weir's can't serve, and why. */
struct unsupported {
	const char *key, *why;
};

static const struct unsupported unsupported_by_all[] = {
	{ "capabilities", "weir does not filter by capabilities" },
	{ "cel_expression", "weir has no CEL; say it with the other keys" },
	{ "container_name_regex", "weir does not know containers by name; use container_id" },
	{ "health_check", "weir does not know a pod's probes" },
	{ "labels", "weir does not know pods" },
	{ "namespace_regex", "weir does not know pods" },
	{ "pod_regex", "weir does not know pods" },
	{ NULL, NULL },
};

static const struct unsupported unsupported_by_source[][3] = {
	[FILTER_EVENTS] = { { "policy_names", "no event of a policy comes here yet" } },
	[FILTER_RECORDS] = { { "pid_set", "an event in the journal names no process above the "
					  "parent; use the stage filter" },
			     { "ancestor_binary_regex",
			       "an event in the journal names no process above the parent; use the "
			       "stage filter" } },
};

/* Tetragon's kinds that weir does not make: fine in a list, and never met. */
static const char *const kinds_not_made[] = {
	"PROCESS_KPROBE",   "PROCESS_TRACEPOINT", "PROCESS_LOADER", "PROCESS_UPROBE",
	"PROCESS_THROTTLE", "PROCESS_LSM",	  "PROCESS_USDT",   "TEST",
	"RATE_LIMIT_INFO",
};

/* ---- reading ---- */

static int out_of_memory(struct errmsg *em)
{
	errmsg_set(em, "out of memory");
	return -ENOMEM;
}

static int refuse_unsupported(const struct config_node *object, const struct unsupported *keys,
			      struct errmsg *em)
{
	for (; keys->key; keys++) {
		const struct config_node *node = config_node_get(object, keys->key);

		if (node)
			return config_error(node, em, "filter key %s is not supported: %s",
					    keys->key, keys->why);
	}
	return 0;
}

/* An empty list could never be met; Tetragon takes it and drops everything. */
static int refuse_empty_lists(const struct config_node *object, struct errmsg *em)
{
	for (size_t i = 0; i < config_node_count(object); i++) {
		const struct config_node *node = config_node_at(object, i);

		if (config_node_kind(node) == CONFIG_NODE_SEQUENCE && config_node_count(node) == 0)
			return config_error(
				node, em, "%.*s is empty, so no event could meet it; leave it out",
				STR_FMT(config_node_key(object, i)));
	}
	return 0;
}

/* The node of value i of a list, for a message about it. */
static const struct config_node *value_node(const struct config_node *object, const char *key,
					    size_t i)
{
	const struct config_node *list = config_node_get(object, key);

	return config_node_kind(list) == CONFIG_NODE_SEQUENCE ? config_node_at(list, i) : list;
}

static int read_patterns(const struct config_node *object, const char *key,
			 const struct config_strings *texts, struct patterns *patterns,
			 struct errmsg *em)
{
	struct errmsg why = { "" };

	if (texts->n == 0)
		return 0;
	patterns->v = calloc(texts->n, sizeof(struct pattern *));
	if (!patterns->v)
		return out_of_memory(em);
	for (size_t i = 0; i < texts->n; i++) {
		if (pattern_compile(texts->v[i], &patterns->v[i], &why))
			return config_error(value_node(object, key, i), em, "%s: %s", key,
					    why.text);
		patterns->n++;
	}
	return 0;
}

static bool parse_pid(const char *text, uint32_t *pid_r)
{
	char *end;
	unsigned long v;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || *end || v > UINT32_MAX)
		return false;
	*pid_r = (uint32_t)v;
	return true;
}

static int read_pids(const struct config_node *object, const char *key,
		     const struct config_strings *texts, struct pids *pids, struct errmsg *em)
{
	if (texts->n == 0)
		return 0;
	pids->v = calloc(texts->n, sizeof(*pids->v));
	if (!pids->v)
		return out_of_memory(em);
	for (size_t i = 0; i < texts->n; i++) {
		if (!parse_pid(texts->v[i], &pids->v[i]))
			return config_error(value_node(object, key, i), em,
					    "%s: '%.40s' is no process number", key, texts->v[i]);
		pids->n++;
	}
	return 0;
}

static bool is_kind_not_made(struct str name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds_not_made); i++)
		if (str_equal(name, str_of(kinds_not_made[i])))
			return true;
	return false;
}

static int read_events(const struct config_node *object, const struct config_strings *names,
		       struct filter_rule *rule, struct errmsg *em)
{
	const char *known[EVENT_KINDS];

	rule->has_events = names->n > 0;
	for (int kind = KIND_NONE + 1; kind < EVENT_KINDS; kind++)
		known[kind - 1] = event_kind_filter_name((enum event_kind)kind);
	for (size_t i = 0; i < names->n; i++) {
		struct str name = str_of(names->v[i]);
		enum event_kind kind = event_kind_by_name(name);
		const char *nearest = config_nearest(name, known, EVENT_KINDS - 1);

		if (kind == KIND_NONE && !is_kind_not_made(name))
			return config_error(value_node(object, "event_set", i), em,
					    "event_set: '%.40s' is no kind of event%s%s%s",
					    names->v[i], nearest ? "; did you mean " : "",
					    nearest ? nearest : "", nearest ? "?" : "");
		if (kind != KIND_NONE)
			rule->events |= 1u << kind;
	}
	return 0;
}

static int read_namespaces(const struct config_node *object, const struct config_strings *names,
			   struct filter_rule *rule, struct errmsg *em)
{
	rule->without_container = names->n > 0;
	for (size_t i = 0; i < names->n; i++)
		if (*names->v[i])
			return config_error(value_node(object, "namespace", i), em,
					    "namespace: weir does not know pods, so only \"\" "
					    "(processes outside of containers) can be met, not "
					    "'%.40s'",
					    names->v[i]);
	return 0;
}

static int read_regexes(const struct config_node *node, const struct filter_object *object,
			struct filter_rule *rule, struct errmsg *em)
{
	const struct {
		const char *key;
		const struct config_strings *texts;
		struct patterns *patterns;
	} all[] = {
		{ "binary_regex", &object->binary_regex, &rule->binary },
		{ "arguments_regex", &object->arguments_regex, &rule->arguments },
		{ "parent_binary_regex", &object->parent_binary_regex, &rule->parent_binary },
		{ "parent_arguments_regex", &object->parent_arguments_regex,
		  &rule->parent_arguments },
		{ "ancestor_binary_regex", &object->ancestor_binary_regex, &rule->ancestor_binary },
		{ "container_id", &object->container_id, &rule->container },
	};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all) && !rc; i++)
		rc = read_patterns(node, all[i].key, all[i].texts, all[i].patterns, em);
	return rc;
}

/* The rule keeps them; what was read has none then. */
static void take_policies(struct filter_object *object, struct filter_rule *rule)
{
	rule->policies = object->policy_names;
	object->policy_names = (struct config_strings){ 0 };
}

static int read_object(const struct config_node *node, struct filter_object *object,
		       struct filter_rule *rule, struct errmsg *em)
{
	int rc = read_events(node, &object->event_set, rule, em);

	if (!rc)
		rc = read_pids(node, "pid", &object->pid, &rule->pid, em);
	if (!rc)
		rc = read_pids(node, "pid_set", &object->pid_set, &rule->pid_set, em);
	if (!rc)
		rc = read_namespaces(node, &object->namespaces, rule, em);
	if (!rc)
		rc = read_regexes(node, object, rule, em);
	rule->has_in_init_tree = config_node_get(node, "in_init_tree");
	rule->in_init_tree = object->in_init_tree;
	take_policies(object, rule);
	return rc;
}

int filter_rule_create(const struct config_node *object, enum filter_source source,
		       struct filter_rule **rule_r, struct errmsg *em)
{
	struct filter_object read = { 0 };
	struct filter_rule *rule;
	int rc = refuse_unsupported(object, unsupported_by_all, em);

	if (!rc)
		rc = refuse_unsupported(object, unsupported_by_source[source], em);
	if (!rc)
		rc = refuse_empty_lists(object, em);
	if (!rc)
		rc = config_read(object, object_items, &read, em);
	if (rc)
		return rc;
	rule = calloc(1, sizeof(*rule));
	rc = rule ? read_object(object, &read, rule, em) : out_of_memory(em);
	config_settings_free(object_items, &read);
	if (rc)
		filter_rule_free(&rule);
	else
		*rule_r = rule;
	return rc;
}

/* ---- matching ---- */

static struct str binary_of(const struct process *process)
{
	return process->image ? process->image->binary.text : STR("");
}

static struct str text_of_process(const struct process *process, enum filter_text which)
{
	const struct image *image = process ? process->image : NULL;

	if (!image)
		return STR("");
	switch (which) {
	case FILTER_BINARY:
	case FILTER_PARENT_BINARY:
		return image->binary.text;
	case FILTER_ARGUMENTS:
	case FILTER_PARENT_ARGUMENTS:
		return image->arguments.text;
	case FILTER_CONTAINER:
		return image->container_id.text;
	case FILTER_POLICY:
	case FILTER_TEXTS:
		break;
	}
	return STR("");
}

static struct str text_of_event(const struct filter_subject *subject, enum filter_text which)
{
	bool is_parents = which == FILTER_PARENT_BINARY || which == FILTER_PARENT_ARGUMENTS;

	return text_of_process(is_parents ? subject->parent : subject->process, which);
}

struct filter_subject filter_subject_of_event(const struct event *event)
{
	const struct process *process = event->process;

	return (struct filter_subject){
		.kind = event->kind,
		.has_process = process,
		.has_parent = event->parent,
		.in_init_tree = process && (process->flags & PROCESS_IN_INIT_TREE),
		.pid = process ? process->key.pid : 0,
		.process = process,
		.parent = event->parent,
		.text = text_of_event,
	};
}

static enum filter_match from_bool(bool met)
{
	return met ? FILTER_YES : FILTER_NO;
}

/* Any of the patterns: one that is met decides; else one that is not known leaves it open. */
static enum filter_match match_text(const struct patterns *patterns, struct matcher *matcher,
				    struct str text)
{
	enum filter_match match = FILTER_NO;

	for (size_t i = 0; i < patterns->n; i++) {
		matcher_begin(matcher);
		switch (matcher_find(matcher, patterns->v[i], text, 0, NULL)) {
		case MATCH_FOUND:
			return FILTER_YES;
		case MATCH_FAILED:
			match = FILTER_UNKNOWN;
			break;
		case MATCH_NONE:
			break;
		}
	}
	return match;
}

static enum filter_match match_ancestors(const struct patterns *patterns, struct matcher *matcher,
					 const struct process *parent)
{
	enum filter_match match = FILTER_NO;

	for (int i = 0; parent && parent->parent && i < MAX_ANCESTORS; i++) {
		enum filter_match one;

		parent = parent->parent;
		one = match_text(patterns, matcher, binary_of(parent));
		if (one == FILTER_YES)
			return one;
		if (one == FILTER_UNKNOWN)
			match = one;
	}
	return match;
}

static bool has_pid(const struct pids *pids, uint32_t pid)
{
	for (size_t i = 0; i < pids->n; i++)
		if (pids->v[i] == pid)
			return true;
	return false;
}

static bool descends_from(const struct pids *pids, const struct process *process)
{
	for (int i = 0; process && i < MAX_ANCESTORS; i++, process = process->parent)
		if (has_pid(pids, process->key.pid))
			return true;
	return false;
}

static bool is_of_policy(const struct config_strings *policies, struct str policy)
{
	for (size_t i = 0; i < policies->n; i++)
		if (str_equal(policy, str_of(policies->v[i])))
			return true;
	return false;
}

/* The conditions that cost next to nothing. */
static bool meets_plain_conditions(const struct filter_rule *rule,
				   const struct filter_subject *subject)
{
	if (rule->has_events && !(rule->events >> subject->kind & 1))
		return false;
	if (rule->has_in_init_tree && rule->in_init_tree != subject->in_init_tree)
		return false;
	if (rule->pid.v && !has_pid(&rule->pid, subject->pid))
		return false;
	if (rule->without_container && subject->text(subject, FILTER_CONTAINER).n)
		return false;
	if (rule->policies.n &&
	    !is_of_policy(&rule->policies, subject->text(subject, FILTER_POLICY)))
		return false;
	return !rule->pid_set.v || descends_from(&rule->pid_set, subject->process);
}

/* Joins what is known so far with one more condition: a "no" decides. */
static enum filter_match both(enum filter_match a, enum filter_match b)
{
	if (a == FILTER_NO || b == FILTER_NO)
		return FILTER_NO;
	return a == FILTER_UNKNOWN ? a : b;
}

enum filter_match filter_rule_match(const struct filter_rule *rule, struct matcher *matcher,
				    const struct filter_subject *subject)
{
	const struct {
		const struct patterns *patterns;
		enum filter_text text;
	} texts[] = {
		{ &rule->binary, FILTER_BINARY },
		{ &rule->container, FILTER_CONTAINER },
		{ &rule->arguments, FILTER_ARGUMENTS },
		{ &rule->parent_binary, FILTER_PARENT_BINARY },
		{ &rule->parent_arguments, FILTER_PARENT_ARGUMENTS },
	};
	enum filter_match match =
		from_bool(subject->has_process && meets_plain_conditions(rule, subject));

	if (rule->parent_binary.v || rule->parent_arguments.v)
		match = both(match, from_bool(subject->has_parent));
	for (size_t i = 0; i < ARRAY_SIZE(texts) && match != FILTER_NO; i++)
		if (texts[i].patterns->v)
			match = both(match, match_text(texts[i].patterns, matcher,
						       subject->text(subject, texts[i].text)));
	if (match != FILTER_NO && rule->ancestor_binary.v)
		match = both(match,
			     match_ancestors(&rule->ancestor_binary, matcher, subject->parent));
	return match;
}

/* ---- end of life ---- */

static void free_patterns(struct patterns *patterns)
{
	for (size_t i = 0; i < patterns->n; i++)
		pattern_free(&patterns->v[i]);
	free(patterns->v);
}

void filter_rule_free(struct filter_rule **rule)
{
	if (!*rule)
		return;
	for (size_t i = 0; i < (*rule)->policies.n; i++)
		free((*rule)->policies.v[i]);
	free((*rule)->policies.v);
	free((*rule)->pid.v);
	free((*rule)->pid_set.v);
	free_patterns(&(*rule)->binary);
	free_patterns(&(*rule)->arguments);
	free_patterns(&(*rule)->parent_binary);
	free_patterns(&(*rule)->parent_arguments);
	free_patterns(&(*rule)->ancestor_binary);
	free_patterns(&(*rule)->container);
	free(*rule);
	*rule = NULL;
}
