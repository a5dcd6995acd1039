#include "redaction/prefilter.h"

#include <errno.h>
#include <stdlib.h>

static unsigned int chain_of(unsigned char first, unsigned char second)
{
	return (literal_fold(first) * 31u + literal_fold(second)) % PREFILTER_CHAINS;
}

static unsigned char other_case(unsigned char c)
{
	return c >= 'a' && c <= 'z' ? c & ~0x20u : c;
}

static void set_pair(struct prefilter *prefilter, unsigned char first, unsigned char second)
{
	unsigned int pair = first | (unsigned int)second << 8;

	prefilter->pairs[pair / 64] |= 1ull << pair % 64;
}

static void set_pair_in_both_cases(struct prefilter *prefilter, unsigned char first,
				   unsigned char second)
{
	set_pair(prefilter, first, second);
	set_pair(prefilter, first, other_case(second));
	set_pair(prefilter, other_case(first), second);
	set_pair(prefilter, other_case(first), other_case(second));
}

static void enter(struct prefilter *prefilter, const struct literal *literal, unsigned int rule)
{
	struct prefilter_entry *entry = &prefilter->entries[prefilter->entries_count++];
	size_t at = literal_rarest_pair(literal);
	unsigned char first = (unsigned char)literal->text[at];
	unsigned char second = (unsigned char)literal->text[at + 1];
	uint16_t *chain = &prefilter->chains[chain_of(first, second)];

	entry->literal = *literal;
	entry->rule = (uint16_t)rule;
	entry->pair_at = (uint8_t)at;
	entry->next = *chain;
	*chain = (uint16_t)prefilter->entries_count;
	set_pair_in_both_cases(prefilter, first, second);
}

int prefilter_add(struct prefilter *prefilter, const struct literal_set *set, unsigned int rule)
{
	size_t count = prefilter->entries_count + set->n;
	struct prefilter_entry *entries;

	_Static_assert(PREFILTER_RULES * LITERALS_MAX < UINT16_MAX, "an index must fit");
	entries = reallocarray(prefilter->entries, count, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	prefilter->entries = entries;
	for (size_t i = 0; i < set->n; i++)
		enter(prefilter, &set->v[i], rule);
	return 0;
}

static bool occurs_at(const struct literal *literal, const unsigned char *p)
{
	for (unsigned int i = 0; i < literal->length; i++)
		if (literal_fold(p[i]) != (unsigned char)literal->text[i])
			return false;
	return true;
}

/* A pair that some string has begins at `at`: which strings are there? */
static void compare_strings(const struct prefilter *prefilter, struct str text, size_t at,
			    struct rule_bits *bits)
{
	const unsigned char *p = (const unsigned char *)text.p;
	unsigned int next = prefilter->chains[chain_of(p[at], p[at + 1])];

	while (next) {
		const struct prefilter_entry *entry = &prefilter->entries[next - 1];
		size_t before = entry->pair_at, behind = entry->literal.length - before;

		next = entry->next;
		if (before <= at && behind <= text.n - at && !rule_bits_has(bits, entry->rule) &&
		    occurs_at(&entry->literal, p + at - before))
			rule_bits_set(bits, entry->rule);
	}
}

void prefilter_scan(const struct prefilter *prefilter, struct str text, struct rule_bits *bits)
{
	const unsigned char *p = (const unsigned char *)text.p;

	for (size_t at = 0; at + 1 < text.n; at++) {
		unsigned int pair = p[at] | (unsigned int)p[at + 1] << 8;

		if (unlikely(prefilter->pairs[pair / 64] >> pair % 64 & 1))
			compare_strings(prefilter, text, at, bits);
	}
}

void prefilter_free(struct prefilter *prefilter)
{
	free(prefilter->entries);
	prefilter->entries = NULL;
	prefilter->entries_count = 0;
}
