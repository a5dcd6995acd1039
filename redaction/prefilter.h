/* redaction/prefilter.h: which rules could match a text, in one pass over it.
 *
 * Holds strings (literal.h), each standing for a rule. A table of the strings' rarest byte pairs
 * is small enough to stay in the first-level cache; only where such a pair occurs are the strings
 * compared. Built when rules are loaded, read afterwards. */
#pragma once

#include "base/compiler.h"
#include "base/str.h"
#include "redaction/literal.h"

#include <stdbool.h>
#include <stdint.h>

#define PREFILTER_RULES	 512 /* rules that a set may have */
#define PREFILTER_CHAINS 256

/* A set of rules. */
struct rule_bits {
	uint64_t word[PREFILTER_RULES / 64];
};

struct prefilter_entry {
	struct literal literal;
	uint16_t rule;
	uint16_t next; /* index + 1 in the chain; 0: the end */
	uint8_t pair_at;
};

struct prefilter {
	uint64_t pairs[65536 / 64]; /* bit (first byte | second byte << 8) */
	uint16_t chains[PREFILTER_CHAINS];
	struct prefilter_entry *entries;
	size_t entries_count;
};

/* The zeroed struct is an empty prefilter. -ENOMEM. */
WARN_UNUSED int prefilter_add(struct prefilter *prefilter, const struct literal_set *set,
			      unsigned int rule);
/* Adds the rules of which a string occurs in text. */
void prefilter_scan(const struct prefilter *prefilter, struct str text, struct rule_bits *bits);
void prefilter_free(struct prefilter *prefilter);

static inline void rule_bits_set(struct rule_bits *bits, unsigned int rule)
{
	bits->word[rule / 64] |= 1ull << rule % 64;
}

static inline bool rule_bits_has(const struct rule_bits *bits, unsigned int rule)
{
	return bits->word[rule / 64] >> rule % 64 & 1;
}
