#include "pipeline/stage_redact.h"

#include "config/config.h"
#include "pipeline/config_objects.h"
#include "redaction/redaction.h"

#include <errno.h>
#include <stdlib.h>

struct stage_redact {
	struct stage stage;
	struct redaction *redaction;
};

struct redact_settings {
	bool credential_presets;
	uint64_t match_limit;
	char *replacement;
	const struct config_node *rules;
};

static const struct config_item redact_items[] = {
	{ .name = "credential_presets",
	  .type = CONFIG_BOOL,
	  .offset = offsetof(struct redact_settings, credential_presets),
	  .value = "true",
	  .help = "Redact what is known to be a credential: tokens by their shape, passwords by "
		  "the option, header or variable in front of them.",
	  .live = true },
	{ .name = "rules",
	  .type = CONFIG_NODE,
	  .offset = offsetof(struct redact_settings, rules),
	  .optional = true,
	  .help = "List of {id, redact, binary_regex, replacement}; or Tetragon's redaction "
		  "filters, as JSON objects in a string.",
	  .live = true },
	{ .name = "replacement",
	  .type = CONFIG_STRING,
	  .offset = offsetof(struct redact_settings, replacement),
	  .value = "'*****'",
	  .help = "What stands in the place of a secret, where a rule does not say.",
	  .live = true },
	{ .name = "match_limit",
	  .type = CONFIG_INTEGER,
	  .offset = offsetof(struct redact_settings, match_limit),
	  .value = "50000",
	  .min = 1000,
	  .max = 10000000,
	  .unit = "steps",
	  .help = "Most steps that a pattern may take from one place in a text. Past it the whole "
		  "field is masked.",
	  .live = true },
	CONFIG_END,
};

/* One object of `rules`. */
struct redact_object {
	char *id;
	const struct config_node *redact; /* a list, or one pattern */
	struct config_strings binary_regex;
	char *replacement, *redact_str;
};

static const struct config_item object_items[] = {
	{ .name = "id",
	  .type = CONFIG_STRING,
	  .offset = offsetof(struct redact_object, id),
	  .optional = true,
	  .help = "Name of the rule, in events and counters." },
	{ .name = "redact",
	  .type = CONFIG_NODE,
	  .offset = offsetof(struct redact_object, redact),
	  .optional = true,
	  .help = "Regular expressions; what their capture groups match is replaced." },
	{ .name = "binary_regex",
	  .type = CONFIG_LIST,
	  .offset = offsetof(struct redact_object, binary_regex),
	  .optional = true,
	  .help = "Only for processes whose binary matches one of these; empty: for all." },
	{ .name = "replacement",
	  .type = CONFIG_STRING,
	  .offset = offsetof(struct redact_object, replacement),
	  .optional = true,
	  .help = "What stands in the place of what matched." },
	{ .name = "redact_str",
	  .type = CONFIG_STRING,
	  .offset = offsetof(struct redact_object, redact_str),
	  .optional = true,
	  .help = "Tetragon's name for `replacement`." },
	CONFIG_END,
};

/* ---- reading ---- */

/* Rules while they are gathered: copies, since objects live for one call. */
struct rule_list {
	struct redaction_rule_settings *v;
	size_t n;
	const char *replacement; /* where an object gives none */
};

static void rule_list_free(struct rule_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		struct redaction_rule_settings *rule = &list->v[i];

		for (size_t b = 0; b < rule->binaries_count; b++)
			free((char *)rule->binaries[b]);
		free((void *)rule->binaries);
		free((char *)rule->id);
		free((char *)rule->pattern);
		free((char *)rule->replacement);
	}
	free(list->v);
}

static int copy_binaries(struct redaction_rule_settings *rule, const struct config_strings *from)
{
	const char **binaries;

	if (from->n == 0)
		return 0;
	binaries = calloc(from->n, sizeof(*binaries));
	rule->binaries = binaries;
	if (!binaries)
		return -ENOMEM;
	for (size_t i = 0; i < from->n; i++) {
		binaries[i] = strdup(from->v[i]);
		if (!binaries[i])
			return -ENOMEM;
		rule->binaries_count++;
	}
	return 0;
}

/* A name for pattern i of n of the object: its id, numbered when they share one. */
static char *pattern_id(const struct redact_object *object, size_t rule, size_t i, size_t n)
{
	char *id;
	int rc;

	if (!object->id)
		rc = asprintf(&id, "rule-%zu", rule + 1);
	else if (n > 1)
		rc = asprintf(&id, "%s/%zu", object->id, i + 1);
	else
		rc = asprintf(&id, "%s", object->id);
	return rc < 0 ? NULL : id;
}

static int append_rule(struct rule_list *list, const struct redact_object *object, size_t i,
		       size_t n, struct str pattern)
{
	const char *replacement = object->redact_str ? object->redact_str : object->replacement;
	struct redaction_rule_settings *v = reallocarray(list->v, list->n + 1, sizeof(*v)), *rule;

	if (!v)
		return -ENOMEM;
	list->v = v;
	rule = &v[list->n];
	*rule = (struct redaction_rule_settings){
		.id = pattern_id(object, list->n, i, n),
		.pattern = strndup(pattern.p, pattern.n),
		.replacement = strdup(replacement ? replacement : list->replacement),
	};
	list->n++;
	if (!rule->id || !rule->pattern || !rule->replacement)
		return -ENOMEM;
	return copy_binaries(rule, &object->binary_regex);
}

static int add_pattern(struct rule_list *list, const struct redact_object *object, size_t i,
		       size_t n, const struct config_node *node, struct errmsg *em)
{
	struct errmsg why = { "" };

	if (config_node_kind(node) != CONFIG_NODE_SCALAR)
		return config_error(node, em, "redact: a regular expression is wanted");
	if (append_rule(list, object, i, n, config_node_text(node))) {
		errmsg_set(em, "out of memory");
		return -ENOMEM;
	}
	if (redaction_check(&list->v[list->n - 1], &why))
		return config_error(node, em, "%s", why.text);
	return 0;
}

static int add_patterns(struct rule_list *list, const struct redact_object *object,
			const struct config_node *node, struct errmsg *em)
{
	size_t count;
	int rc = 0;

	if (!object->redact || config_node_is_null(object->redact))
		return config_error(node, em,
				    "redact is missing: the regular expressions whose "
				    "capture groups are to be replaced");
	if (object->redact_str && object->replacement)
		return config_error(node, em,
				    "replacement and redact_str say the same; keep one of them");
	if (config_node_kind(object->redact) == CONFIG_NODE_SCALAR)
		return add_pattern(list, object, 0, 1, object->redact, em);
	if (config_node_kind(object->redact) == CONFIG_NODE_MAPPING)
		return config_error(object->redact, em, "redact: a list is wanted");
	count = config_node_count(object->redact);
	if (count == 0)
		return config_error(object->redact, em,
				    "redact is empty: nothing would be redacted");
	for (size_t i = 0; i < count && !rc; i++)
		rc = add_pattern(list, object, i, count, config_node_at(object->redact, i), em);
	return rc;
}

static int take_object(void *ctx, const struct config_node *node, struct errmsg *em)
{
	const struct config_node *match = config_node_get(node, "match");
	struct redact_object object = { 0 };
	int rc;

	if (match)
		return config_error(match, em,
				    "match is not supported (Tetragon ignores it); use "
				    "binary_regex to say which processes are meant");
	rc = config_read(node, object_items, &object, em);
	if (rc)
		return rc;
	rc = add_patterns(ctx, &object, node, em);
	config_settings_free(object_items, &object);
	return rc;
}

/* ---- the stage ---- */

static int create_rules(const struct redact_settings *settings, struct redaction **redaction_r,
			struct errmsg *em)
{
	struct rule_list list = { .replacement = settings->replacement };
	int rc = config_objects_read(settings->rules, take_object, &list, em);

	if (!rc) {
		struct redaction_settings rules = {
			.rules = list.v,
			.rules_count = list.n,
			.credential_presets = settings->credential_presets,
			.match_limit = (uint32_t)settings->match_limit,
		};

		rc = redaction_create(&rules, redaction_r, em);
	}
	rule_list_free(&list);
	return rc;
}

static int redact_create(const struct config_node *cfg, const struct clock *clock,
			 struct stage **stage_r, struct errmsg *em)
{
	struct redact_settings settings = { 0 };
	struct stage_redact *redact;
	int rc = config_read(cfg, redact_items, &settings, em);

	if (rc)
		return rc;
	redact = calloc(1, sizeof(*redact));
	if (redact) {
		redact->stage.type = &stage_redact_type;
		rc = create_rules(&settings, &redact->redaction, em);
	} else {
		errmsg_set(em, "out of memory");
		rc = -ENOMEM;
	}
	config_settings_free(redact_items, &settings);
	if (rc)
		free(redact);
	else
		*stage_r = &redact->stage;
	return rc;
}

struct redaction *stage_redact_rules(struct stage *stage)
{
	return container_of(stage, struct stage_redact, stage)->redaction;
}

static void redact_destroy(struct stage **stage)
{
	struct stage_redact *redact = container_of(*stage, struct stage_redact, stage);

	redaction_unref(&redact->redaction);
	free(redact);
	*stage = NULL;
}

const struct stage_type stage_redact_type = {
	.name = "redact",
	.config = redact_items,
	.create = redact_create,
	.destroy = redact_destroy,
};
