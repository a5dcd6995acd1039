/* redaction/prefilter.h: which rules could match a text, in one pass over it.
 *
 * Holds strings (literal.h), each standing for a rule. Of each the rarest three bytes are what is
 * looked for, in steps that each leave less to the next: 32 places at once, three table look-ups
 * by half bytes (where the processor can: AVX2); the pair of bytes at a place, in a table small
 * enough for the first-level cache; the string itself. Every step may pass too much, none too
 * little, so the result is that of comparing all strings everywhere.
 * Built when rules are loaded, read afterwards. */
#pragma once

#include "base/compiler.h"
#include "base/str.h"
#include "redaction/literal.h"

#include <stdbool.h>
#include <stdint.h>

#define PREFILTER_RULES	 512 /* rules that a set may have */
#define PREFILTER_CHAINS 256
#define PREFILTER_WINDOW 3 /* bytes of a string that are looked for */

/* A set of rules. */
struct rule_bits {
	uint64_t word[PREFILTER_RULES / 64];
};

struct prefilter_entry {
	struct literal literal;
	uint16_t rule;
	uint16_t next;	   /* index + 1 in the chain; 0: the end */
	uint8_t window_at; /* where in the literal */
};

/* Which bytes a place of the window may have, by groups of strings: a bit stands for a group, and
 * a byte is of a group when both of its halves are. */
struct prefilter_halves {
	uint8_t low[16], high[16];
};

struct prefilter {
	struct prefilter_halves halves[PREFILTER_WINDOW];
	uint64_t pairs[65536 / 64]; /* bit (first byte | second byte << 8) of the window */
	uint16_t chains[PREFILTER_CHAINS];
	struct prefilter_entry *entries;
	size_t entries_count;
	bool has_vectors; /* the processor has; set with the first string */
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
