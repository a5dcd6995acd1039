#include "redaction/rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_REPLACEMENT "*****"
#define LAST_RULE_BIT	    63u

/* ---- loading ---- */

static int compile_binaries(struct rule *rule, const struct redaction_rule_settings *settings,
			    struct errmsg *em)
{
	if (settings->binaries_count == 0)
		return 0;
	rule->binaries = calloc(settings->binaries_count, sizeof(struct pattern *));
	if (!rule->binaries) {
		errmsg_set(em, "out of memory");
		return -ENOMEM;
	}
	for (size_t i = 0; i < settings->binaries_count; i++) {
		int rc = pattern_compile(settings->binaries[i], &rule->binaries[i], em);

		if (rc)
			return rc;
		rule->binaries_count++;
	}
	return 0;
}

static int compile_pattern(struct rule *rule, const struct redaction_rule_settings *settings,
			   struct errmsg *em)
{
	int rc = pattern_compile(settings->pattern, &rule->pattern, em);

	if (rc)
		return rc;
	if (pattern_groups(rule->pattern) == 0) {
		errmsg_set(em,
			   "\"%.200s\" has no capture group, so it would redact nothing; put "
			   "brackets around what is to be replaced",
			   settings->pattern);
		return -EINVAL;
	}
	return 0;
}

/* The strings that any of the binaries must have in its path; false: one has none. */
static bool binary_literals(const struct redaction_rule_settings *settings,
			    struct literal_set *set_r)
{
	struct literal_set one;

	set_r->n = 0;
	for (size_t i = 0; i < settings->binaries_count; i++) {
		if (!literals_required(settings->binaries[i], &one) ||
		    set_r->n + one.n > LITERALS_MAX)
			return false;
		memcpy(set_r->v + set_r->n, one.v, one.n * sizeof(one.v[0]));
		set_r->n += one.n;
	}
	return set_r->n > 0;
}

static bool all_on_bytes(const struct rule *rule)
{
	for (size_t i = 0; i < rule->binaries_count; i++)
		if (pattern_needs_utf8(rule->binaries[i]))
			return false;
	return true;
}

/* Lets the rule be skipped where it can't match, if its patterns tell how to know: first by the
 * binary, which says no more often, else by the text. */
static int guard_rule(struct redaction *redaction, const struct rule *rule,
		      const struct redaction_rule_settings *settings)
{
	unsigned int index = (unsigned int)(rule - redaction->rules);
	struct literal_set set;

	if (all_on_bytes(rule) && binary_literals(settings, &set)) {
		rule_bits_set(&redaction->any_text, index);
		return prefilter_add(&redaction->by_binary, &set, index);
	}
	if (!pattern_needs_utf8(rule->pattern) && literals_required(settings->pattern, &set))
		return prefilter_add(&redaction->by_text, &set, index);
	rule_bits_set(&redaction->any_text, index);
	rule_bits_set(&redaction->always, index);
	return 0;
}

static char *rule_name(const struct redaction *redaction, const char *id)
{
	char *name;

	if (id)
		return strdup(id);
	return asprintf(&name, "rule-%zu", redaction->rules_count + 1) < 0 ? NULL : name;
}

int rule_add(struct redaction *redaction, const struct redaction_rule_settings *settings,
	     struct errmsg *em)
{
	struct rule *rule = &redaction->rules[redaction->rules_count];
	const char *replacement =
		settings->replacement ? settings->replacement : DEFAULT_REPLACEMENT;
	int rc;

	rule->id = rule_name(redaction, settings->id);
	rule->replacement = strdup(replacement);
	redaction->rules_count++; /* from here on it is freed with the others */
	if (!rule->id || !rule->replacement) {
		errmsg_set(em, "out of memory");
		return -ENOMEM;
	}
	rc = compile_pattern(rule, settings, em);
	if (!rc)
		rc = compile_binaries(rule, settings, em);
	if (rc) {
		errmsg_prefix(em, "redaction rule %s", rule->id);
		return rc;
	}
	rc = guard_rule(redaction, rule, settings);
	if (rc)
		errmsg_set(em, "out of memory");
	return rc;
}

void rule_free(struct rule *rule)
{
	for (size_t i = 0; i < rule->binaries_count; i++)
		pattern_free(&rule->binaries[i]);
	free(rule->binaries);
	pattern_free(&rule->pattern);
	free(rule->replacement);
	free(rule->id);
	*rule = (struct rule){ 0 };
}

/* ---- which rules ---- */

static bool is_any(const struct rule_bits *bits)
{
	uint64_t all = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bits->word); i++)
		all |= bits->word[i];
	return all;
}

bool rules_could_match(const struct redaction *redaction, struct str binary, struct str text,
		       struct rule_bits *bits)
{
	*bits = redaction->always;
	prefilter_scan(&redaction->by_text, text, bits);
	prefilter_scan(&redaction->by_binary, binary, bits);
	return is_any(bits);
}

struct rule_bits rules_for_part(const struct redaction *redaction,
				const struct rule_bits *applicable, struct str part)
{
	struct rule_bits bits = redaction->any_text;

	prefilter_scan(&redaction->by_text, part, &bits);
	for (size_t w = 0; w < ARRAY_SIZE(bits.word); w++)
		bits.word[w] &= applicable->word[w];
	return bits;
}

static bool is_for_binary(struct redaction *redaction, const struct rule *rule, struct str binary)
{
	bool may_be = rule->binaries_count == 0;

	for (size_t i = 0; i < rule->binaries_count && !may_be; i++)
		may_be = matcher_find(redaction->matcher, rule->binaries[i], binary, 0, NULL) !=
			 MATCH_NONE;
	return may_be;
}

void rules_keep_applicable(struct redaction *redaction, struct str binary, struct rule_bits *bits)
{
	for (size_t w = 0; w < ARRAY_SIZE(bits->word); w++) {
		for (uint64_t left = bits->word[w]; left; left &= left - 1) {
			unsigned int bit = (unsigned int)__builtin_ctzll(left);

			if (!is_for_binary(redaction, &redaction->rules[w * 64 + bit], binary))
				bits->word[w] &= ~(1ull << bit);
		}
	}
}

/* ---- finding ---- */

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Where the span of a captured group ends in the field. A capture that stopped at white space
 * inside an argument took only the first word of a value: the rest of the argument goes too. */
static size_t span_end(struct str field, size_t end)
{
	const char *stop;

	if (end >= field.n || !is_space(field.p[end]))
		return end;
	stop = memchr(field.p + end, 0, field.n - end);
	return stop ? (size_t)(stop - field.p) : field.n;
}

static bool add_groups(struct redaction *redaction, uint32_t index, const size_t *offsets,
		       struct str field, size_t base)
{
	unsigned int groups = pattern_groups(redaction->rules[index].pattern);

	for (unsigned int group = 1; group <= groups; group++) {
		size_t begin = offsets[2 * group], end = offsets[2 * group + 1];
		struct span span;

		if (begin == (size_t)-1 || end < begin)
			continue; /* took no part */
		span = (struct span){ base + begin, span_end(field, base + end), index };
		if (!span_list_add(&redaction->spans, span))
			return false;
	}
	return true;
}

static bool find_all(struct redaction *redaction, uint32_t index, struct str field,
		     struct str subject, size_t base)
{
	const struct rule *rule = &redaction->rules[index];
	const size_t *offsets;
	size_t from = 0;

	while (from <= subject.n) {
		switch (matcher_find(redaction->matcher, rule->pattern, subject, from, &offsets)) {
		case MATCH_NONE:
			return true;
		case MATCH_FAILED:
			return false;
		case MATCH_FOUND:
			if (!add_groups(redaction, index, offsets, field, base))
				return false;
			from = offsets[1] > from ? offsets[1] : from + 1;
		}
	}
	return true;
}

bool rules_find(struct redaction *redaction, const struct rule_bits *bits, struct str field,
		struct str subject, size_t base, struct redaction_outcome *outcome)
{
	for (size_t w = 0; w < ARRAY_SIZE(bits->word); w++) {
		for (uint64_t left = bits->word[w]; left; left &= left - 1) {
			unsigned int bit = (unsigned int)__builtin_ctzll(left);
			uint32_t index = (uint32_t)(w * 64) + bit;
			size_t before = redaction->spans.n;

			if (!find_all(redaction, index, field, subject, base))
				return false;
			if (redaction->spans.n > before)
				outcome->rules_fired |=
					1ull << (index < LAST_RULE_BIT ? index : LAST_RULE_BIT);
		}
	}
	return true;
}
