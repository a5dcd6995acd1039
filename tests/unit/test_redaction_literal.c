/* The strings that guard a rule: what is found in patterns, what is given up on, and that a guard
 * never hides a match, shown with many texts made at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/compiler.h"
#include "base/errmsg.h"
#include "redaction/literal.h"
#include "redaction/pattern.h"
#include "redaction/preset.h"
#include "redaction/prefilter.h"

#include <stdio.h>

/* The set as "a|b". */
static void expect_literals(const char *pattern, const char *wanted)
{
	struct literal_set set;
	char got[1024] = "";
	size_t at = 0;
	bool found = literals_required(pattern, &set);

	for (size_t i = 0; i < set.n; i++)
		at += (size_t)snprintf(got + at, sizeof(got) - at, "%s%.*s", i ? "|" : "",
				       set.v[i].length, set.v[i].text);
	assert_int_equal(found, set.n > 0);
	if (strcmp(got, wanted) != 0)
		fail_msg("%s: got \"%s\", wanted \"%s\"", pattern, got, wanted);
}

static void strings_of_sequences(void **state)
{
	expect_literals("password", "password");
	expect_literals("--Password=(\\S+)", "--password=");
	expect_literals("a\\.b\\/c", "a.b/c");
	expect_literals("ab(c)de", "ab");
	expect_literals("abc*defg", "defg");
	expect_literals("xyzw?ab", "xyz");
	expect_literals("abcq+xy", "abcq");
	expect_literals("qz{2}ab", "qz");
	expect_literals("qz{0,2}ab", "ab");
	expect_literals("[a]bc[^]x]de\\d", "bc");
	expect_literals("^foo$", "foo");
	expect_literals("two words", "words");
	expect_literals("a\\x41bc", "bc");
	expect_literals("(?i)token", "token");
	expect_literals("(?P<n>token)", "token");
	expect_literals("(?<n>token)", "token");
	expect_literals("0123456789abcdefgh", "0123456789abcdef");
}

static void strings_of_groups_and_alternatives(void **state)
{
	expect_literals("foo|bar", "foo|bar");
	expect_literals("x(?:foo|bar)", "foo|bar");
	expect_literals("(foo|b)", "");
	expect_literals("foo|", "");
	expect_literals("(?:foo)?", "");
	expect_literals("(?:foo)*qz", "qz");
	expect_literals("(?:foo)+", "foo");
	expect_literals("(?:password|(?:to|ke)n)", "password|to|ke");
	expect_literals("(?=foo)qz", "qz");
	expect_literals("(?!foo)", "");
	expect_literals("(?<!foo)qz", "qz");
	expect_literals("(?>foo)", "foo");
}

static void what_is_not_understood_gives_none(void **state)
{
	static const char *const patterns[] = {
		"(?x)fo o",	"(?x: foo)",	"(*UTF)foo",  "\\Qfoo\\E",   "foo\\1",
		"(?|foo|bar)",	"(?(1)foo)",	"(?R)foo",    "(?1)foo",     "foo\\c]bar",
		"foo(?#bar)",	"[\\Q]\\E]foo", "[\\c]]foo",  "foo\\",	     "foo(",
		"foo)",		"[foo",		"foo{a}",     "\\k<n>foo",   "\\g{1}foo",
		"\\N{U+41}foo", "(?^)foo",	"foo{1}{2}",  "(?&name)foo", "(?P>name)foo",
		"(?P=name)foo", "(?C1)foo",	"\\o{101}fo", "(?'n'foo",    "foo**",
	};

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		expect_literals(patterns[i], "");
}

static void deep_nesting_is_given_up(void **state)
{
	char pattern[4100];

	memset(pattern, '(', 2000);
	memcpy(pattern + 2000, "foo", 3);
	memset(pattern + 2003, ')', 2000);
	pattern[4003] = 0;
	expect_literals(pattern, "");
}

/* ---- a guard never hides a match ---- */

static uint64_t random_state = 88172645463325252ull;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % n;
}

/* A text of pieces of the pattern itself, in either case, so that matches are frequent. */
static struct str random_text(const char *pattern, char *mem, size_t room)
{
	size_t n = 0, length = strlen(pattern);

	for (uint32_t pieces = 1 + random_below(6); pieces; pieces--) {
		size_t from = random_below((uint32_t)length), piece = 1 + random_below(8);

		for (size_t i = from; i < from + piece && i < length && n < room; i++) {
			char c = pattern[i];

			if (random_below(8) == 0 && (c | 0x20) >= 'a' && (c | 0x20) <= 'z')
				c ^= 0x20;
			mem[n++] = random_below(20) ? c : " -=x1"[random_below(5)];
		}
	}
	return (struct str){ mem, n };
}

static unsigned int count_hidden(const char *text, const struct pattern *pattern,
				 unsigned int *matches)
{
	struct matcher *matcher = matcher_create(pattern_groups(pattern), 0);
	struct prefilter prefilter = { .entries = NULL };
	struct literal_set set;
	unsigned int hidden = 0;

	if (!literals_required(text, &set) || pattern_needs_utf8(pattern)) {
		matcher_free(&matcher);
		return 0;
	}
	assert_int_equal(prefilter_add(&prefilter, &set, 7), 0);
	for (int i = 0; i < 3000; i++) {
		struct rule_bits bits = { { 0 } };
		char mem[64];
		struct str subject = random_text(text, mem, sizeof(mem));

		matcher_begin(matcher);
		if (matcher_find(matcher, pattern, subject, 0, NULL) != MATCH_FOUND)
			continue;
		++*matches;
		prefilter_scan(&prefilter, subject, &bits);
		hidden += !rule_bits_has(&bits, 7);
	}
	prefilter_free(&prefilter);
	matcher_free(&matcher);
	return hidden;
}

static void guards_hide_no_match(void **state)
{
	static const char *const patterns[] = {
		"abc",
		"(?i)abc|xyz",
		"a(?:bc|de)?fg",
		"ab+c",
		"(ab|cd)+x",
		"[ab]c(d|ef)",
		"ab{2,3}c",
		"a{0}bc",
		"(?:ab){2}",
		"a\\.b|c\\-d",
		"(?i)k(?:ey|ay)=(\\w)",
		"x(?=ab)ab|cd",
		"(?<=a)bc",
		"a?b?cd",
		"(a|b)(cd|ef)",
		"(?:a|(?:bc|de))fg",
		"(?-i)Ab(?i)cd",
		"ab\\x2dcd",
		"\\(ab\\)",
		"[]a]bc",
		"[[:alpha:]]bc",
		"ab[^]c]de",
		"(?P<q>ab)cd",
		"ab??cd",
		"ab*+cd",
	};
	unsigned int matches = 0;

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		struct pattern *pattern = NULL;
		struct errmsg em = { "" };

		if (pattern_compile(patterns[i], &pattern, &em))
			fail_msg("%s", em.text);
		if (count_hidden(patterns[i], pattern, &matches))
			fail_msg("a match of %s was hidden", patterns[i]);
		pattern_free(&pattern);
	}
	assert_true(matches > 1000);
}

static void every_preset_is_guarded(void **state)
{
	size_t count;
	const struct redaction_rule_settings *presets = redaction_presets(&count);

	for (size_t i = 0; i < count; i++) {
		struct literal_set set;

		if (!literals_required(presets[i].pattern, &set) && !presets[i].binaries_count)
			fail_msg("%s is tried on every text", presets[i].id);
		for (size_t b = 0; b < presets[i].binaries_count; b++)
			assert_true(literals_required(presets[i].binaries[b], &set));
	}
}

static void strings_at_the_edges_are_found(void **state)
{
	struct prefilter prefilter = { .entries = NULL };
	struct literal_set set;
	static const struct {
		const char *text;
		bool found;
	} cases[] = { { "qzab", true }, { "xqzab", true }, { "QZab.", true }, { "qza", false },
		      { "zab", false }, { "", false },	   { "q", false },    { "qzqzab", true } };

	assert_true(literals_required("qzab", &set));
	assert_int_equal(prefilter_add(&prefilter, &set, 511), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rule_bits bits = { { 0 } };

		prefilter_scan(&prefilter, str_of(cases[i].text), &bits);
		assert_int_equal(rule_bits_has(&bits, 511), cases[i].found);
	}
	prefilter_free(&prefilter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_of_sequences),
		cmocka_unit_test(strings_of_groups_and_alternatives),
		cmocka_unit_test(what_is_not_understood_gives_none),
		cmocka_unit_test(deep_nesting_is_given_up),
		cmocka_unit_test(guards_hide_no_match),
		cmocka_unit_test(every_preset_is_guarded),
		cmocka_unit_test(strings_at_the_edges_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
