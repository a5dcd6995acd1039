#include "redaction/prefilter.h"

#include "base/secret.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define GROUPS 8u

static unsigned int chain_of(unsigned char first, unsigned char second)
{
	return (literal_fold(first) * 31u + literal_fold(second)) % PREFILTER_CHAINS;
}

static unsigned char other_case(unsigned char c)
{
	return c >= 'a' && c <= 'z' ? c & ~0x20u : c;
}

/* ---- building ---- */

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

/* Lets the group pass byte c, or any byte when c is none. */
static void halves_add(struct prefilter_halves *halves, unsigned int group, int c)
{
	uint8_t bit = (uint8_t)(1u << group);

	if (c < 0) {
		for (int i = 0; i < 16; i++) {
			halves->low[i] |= bit;
			halves->high[i] |= bit;
		}
		return;
	}
	halves->low[c & 15] |= bit;
	halves->high[c >> 4] |= bit;
	halves->high[other_case((unsigned char)c) >> 4] |= bit;
}

static void windows_add(struct prefilter_halves halves[PREFILTER_WINDOW], unsigned int group,
			const struct prefilter_entry *entry)
{
	const struct literal *literal = &entry->literal;

	for (unsigned int i = 0; i < PREFILTER_WINDOW; i++) {
		unsigned int at = entry->window_at + i;

		halves_add(&halves[i], group,
			   at < literal->length ? (unsigned char)literal->text[at] : -1);
	}
}

/* How many different windows the group passes. */
static uint32_t windows_passed(const struct prefilter_halves halves[PREFILTER_WINDOW],
			       unsigned int group)
{
	uint32_t windows = 1;

	for (unsigned int i = 0; i < PREFILTER_WINDOW; i++) {
		uint32_t low = 0, high = 0;

		for (unsigned int half = 0; half < 16; half++) {
			low += halves[i].low[half] >> group & 1;
			high += halves[i].high[half] >> group & 1;
		}
		windows *= low * high;
	}
	return windows;
}

/* To the group in which it lets through the least that is not meant. */
static void join_group(struct prefilter *prefilter, const struct prefilter_entry *entry)
{
	uint32_t least = UINT32_MAX;
	unsigned int best = 0;

	for (unsigned int group = 0; group < GROUPS; group++) {
		struct prefilter_halves with[PREFILTER_WINDOW];
		uint32_t more;

		memcpy(with, prefilter->halves, sizeof(with));
		windows_add(with, group, entry);
		more = windows_passed(with, group) - windows_passed(prefilter->halves, group);
		if (more < least) {
			least = more;
			best = group;
		}
	}
	windows_add(prefilter->halves, best, entry);
}

static void enter(struct prefilter *prefilter, const struct literal *literal, unsigned int rule)
{
	struct prefilter_entry *entry = &prefilter->entries[prefilter->entries_count++];
	size_t at = literal_rarest(literal, PREFILTER_WINDOW);
	unsigned char first = (unsigned char)literal->text[at];
	unsigned char second = (unsigned char)literal->text[at + 1];
	uint16_t *chain = &prefilter->chains[chain_of(first, second)];

	entry->literal = *literal;
	entry->rule = (uint16_t)rule;
	entry->window_at = (uint8_t)at;
	entry->next = *chain;
	*chain = (uint16_t)prefilter->entries_count;
	set_pair_in_both_cases(prefilter, first, second);
	join_group(prefilter, entry);
}

static bool processor_has_vectors(void)
{
#ifdef __x86_64__
	return __builtin_cpu_supports("avx2");
#else
	return false;
#endif
}

int prefilter_add(struct prefilter *prefilter, const struct literal_set *set, unsigned int rule)
{
	size_t count = prefilter->entries_count + set->n;
	struct prefilter_entry *entries;

	_Static_assert(PREFILTER_RULES * LITERALS_MAX < UINT16_MAX, "an index must fit");
	entries = reallocarray(prefilter->entries, count, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	if (!prefilter->entries)
		prefilter->has_vectors = processor_has_vectors();
	prefilter->entries = entries;
	for (size_t i = 0; i < set->n; i++)
		enter(prefilter, &set->v[i], rule);
	return 0;
}

/* ---- looking ---- */

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
		size_t before = entry->window_at, behind = entry->literal.length - before;

		next = entry->next;
		if (before <= at && behind <= text.n - at && !rule_bits_has(bits, entry->rule) &&
		    occurs_at(&entry->literal, p + at - before))
			rule_bits_set(bits, entry->rule);
	}
}

/* at + 1 is in the text. */
static inline void look_at_pair(const struct prefilter *prefilter, struct str text, size_t at,
				struct rule_bits *bits)
{
	const unsigned char *p = (const unsigned char *)text.p;
	unsigned int pair = p[at] | (unsigned int)p[at + 1] << 8;

	if (unlikely(prefilter->pairs[pair / 64] >> pair % 64 & 1))
		compare_strings(prefilter, text, at, bits);
}

static void scan_pairs(const struct prefilter *prefilter, struct str text, struct rule_bits *bits)
{
	for (size_t at = 0; at + 1 < text.n; at++)
		look_at_pair(prefilter, text, at, bits);
}

#ifdef __x86_64__
#define TARGET_VECTORS __attribute__((target("avx2")))
#define BLOCK_BYTES    32u /* places that are looked at together */
#define BLOCK_READ     (BLOCK_BYTES + PREFILTER_WINDOW - 1)

/* The groups that pass the bytes from p on at this place of the window. */
TARGET_VECTORS static inline __m256i groups_of(const struct prefilter_halves *halves,
					       const unsigned char *p)
{
	const __m256i half = _mm256_set1_epi8(15);
	__m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)halves->low));
	__m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)halves->high));
	__m256i bytes = _mm256_loadu_si256((const void *)p);

	low = _mm256_shuffle_epi8(low, _mm256_and_si256(bytes, half));
	high = _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half));
	return _mm256_and_si256(low, high);
}

/* Bit i: a window that some group passes may begin at p[i]. Reads BLOCK_READ bytes. */
TARGET_VECTORS static inline uint32_t find_windows(const struct prefilter *prefilter,
						   const unsigned char *p)
{
	__m256i groups = groups_of(&prefilter->halves[0], p);

	_Static_assert(PREFILTER_WINDOW == 3, "as many as are looked at here");
	groups = _mm256_and_si256(groups, groups_of(&prefilter->halves[1], p + 1));
	groups = _mm256_and_si256(groups, groups_of(&prefilter->halves[2], p + 2));
	groups = _mm256_cmpeq_epi8(groups, _mm256_setzero_si256());
	return ~(uint32_t)_mm256_movemask_epi8(groups);
}

static void look_at_places(const struct prefilter *prefilter, struct str text, size_t at,
			   uint32_t places, struct rule_bits *bits)
{
	for (; places; places &= places - 1) {
		size_t place = at + (unsigned int)__builtin_ctz(places);

		if (place + 1 < text.n)
			look_at_pair(prefilter, text, place, bits);
	}
}

/* The end of a text: what is read behind it must be there, and is zero. */
TARGET_VECTORS static void scan_end(const struct prefilter *prefilter, struct str text, size_t at,
				    struct rule_bits *bits)
{
	unsigned char block[BLOCK_READ] = { 0 };

	memcpy(block, text.p + at, text.n - at);
	look_at_places(prefilter, text, at, find_windows(prefilter, block), bits);
	secret_wipe(block, sizeof(block));
}

TARGET_VECTORS static void scan_vectors(const struct prefilter *prefilter, struct str text,
					struct rule_bits *bits)
{
	const unsigned char *p = (const unsigned char *)text.p;
	size_t at = 0;

	for (; text.n - at >= BLOCK_READ; at += BLOCK_BYTES) {
		uint32_t places = find_windows(prefilter, p + at);

		if (unlikely(places))
			look_at_places(prefilter, text, at, places, bits);
	}
	if (text.n - at > 1)
		scan_end(prefilter, text, at, bits);
}
#else
static void scan_vectors(const struct prefilter *prefilter, struct str text, struct rule_bits *bits)
{
	scan_pairs(prefilter, text, bits);
}
#endif

void prefilter_scan(const struct prefilter *prefilter, struct str text, struct rule_bits *bits)
{
	if (prefilter->entries_count == 0)
		return;
	if (prefilter->has_vectors)
		scan_vectors(prefilter, text, bits);
	else
		scan_pairs(prefilter, text, bits);
}

void prefilter_free(struct prefilter *prefilter)
{
	free(prefilter->entries);
	prefilter->entries = NULL;
	prefilter->entries_count = 0;
}
