/* redaction/rule.h: the compiled rules, and what they find in one text. Inside redaction/ only. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "redaction/pattern.h"
#include "redaction/prefilter.h"
#include "redaction/redaction.h"
#include "redaction/span.h"

#include <stdbool.h>
#include <stdint.h>

struct rule {
	char *id;
	struct pattern *pattern;
	struct pattern **binaries; /* any of them; none: the rule is for all */
	size_t binaries_count;
	char *replacement;
};

struct redaction {
	uint32_t refs;
	struct rule *rules;
	size_t rules_count;
	struct prefilter by_text;   /* rules that need a string in the text */
	struct prefilter by_binary; /* rules that need a string in the binary's path */
	struct rule_bits any_text;  /* rules that are not in by_text */
	struct rule_bits always;    /* rules that are in neither */
	struct matcher *matcher;
	struct span_list spans; /* of the field at hand */
	struct buf line;	/* joined line of the field at hand */
};

/* Compiles and appends; rules->rules has room for it. */
WARN_UNUSED int rule_add(struct redaction *rules, const struct redaction_rule_settings *settings,
			 struct errmsg *em);
void rule_free(struct rule *rule);

/* The rules that could match in a text of this binary, by their strings alone; false: none. */
bool rules_could_match(const struct redaction *redaction, struct str binary, struct str text,
		       struct rule_bits *bits);
/* Of the rules in `applicable`, those that could match in this part of the text. */
struct rule_bits rules_for_part(const struct redaction *redaction,
				const struct rule_bits *applicable, struct str part);
/* Leaves those out whose condition on the binary isn't met. A condition that can't be evaluated is
 * met: better too much than too little. */
void rules_keep_applicable(struct redaction *redaction, struct str binary, struct rule_bits *bits);
/* Adds to redaction->spans what the rules in `bits` find in subject, which begins at byte `base` of
 * the field. False: a rule could not be evaluated; the field must be masked whole. */
WARN_UNUSED bool rules_find(struct redaction *redaction, const struct rule_bits *bits,
			    struct str field, struct str subject, size_t base,
			    struct redaction_outcome *outcome);
