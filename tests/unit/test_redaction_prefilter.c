/* The prefilter against what it stands in for: comparing every string everywhere, and trying every
 * rule on every text. The texts are random pieces of what the rules look for, cut, changed in case,
 * put together over the borders of arguments and of the prefilter's blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/compiler.h"
#include "base/errmsg.h"
#include "redaction/preset.h"
#include "redaction/rule.h"

#include <ctype.h>
#include <stdlib.h>

#define TEXT_MAX 300

static uint64_t random_state = 0x9e3779b97f4a7c15ull;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % n;
}

/* ---- strings ---- */

static bool naive_occurs(const struct literal *literal, struct str text)
{
	for (size_t at = 0; at + literal->length <= text.n; at++) {
		size_t same = 0;

		while (same < literal->length && literal_fold((unsigned char)text.p[at + same]) ==
							 (unsigned char)literal->text[same])
			same++;
		if (same == literal->length)
			return true;
	}
	return false;
}

static struct rule_bits naive_scan(const struct prefilter *prefilter, struct str text)
{
	struct rule_bits bits = { { 0 } };

	for (size_t i = 0; i < prefilter->entries_count; i++)
		if (naive_occurs(&prefilter->entries[i].literal, text))
			rule_bits_set(&bits, prefilter->entries[i].rule);
	return bits;
}

static struct rule_bits scan(const struct prefilter *prefilter, bool has_vectors, struct str text)
{
	struct prefilter as_told = *prefilter;
	struct rule_bits bits = { { 0 } };

	as_told.has_vectors = has_vectors;
	prefilter_scan(&as_told, text, &bits);
	return bits;
}

static void expect_as_naive(const struct prefilter *prefilter, struct str text)
{
	struct rule_bits wanted = naive_scan(prefilter, text);
	struct rule_bits by_pairs = scan(prefilter, false, text);
	struct rule_bits as_here = scan(prefilter, prefilter->has_vectors, text);

	assert_memory_equal(&by_pairs, &wanted, sizeof(wanted));
	assert_memory_equal(&as_here, &wanted, sizeof(wanted));
}

static void add_literal(struct prefilter *prefilter, const char *literal, unsigned int rule)
{
	struct literal_set set = { .n = 1 };

	set.v[0].length = (unsigned char)strlen(literal);
	memcpy(set.v[0].text, literal, set.v[0].length);
	assert_int_equal(prefilter_add(&prefilter[0], &set, rule), 0);
}

/* Strings of two bytes and more, with bytes whose halves are those of others, and some that are
 * nearly the same. */
static void add_awkward_literals(struct prefilter *prefilter)
{
	static const char *const literals[] = {
		"qz",	    "q@",  "://", "--password=", "akia", "eyj",	      "token",	"tok",
		"\x80\xff", "`a{", "@[{", "zzzzzzzz",	 "zz",	 "abcabcabd", "bearer", "_~",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(literals); i++)
		add_literal(prefilter, literals[i], i * 31);
}

/* At every place of texts of every length, so at every place of a block, of its end and of the
 * text's; the memory is of just that size, so that reading past it is seen by a sanitizer. */
static void every_string_is_found_at_every_place(void **state)
{
	struct prefilter prefilter = { .entries = NULL };

	add_awkward_literals(&prefilter);
	for (size_t i = 0; i < prefilter.entries_count; i++) {
		const struct literal *literal = &prefilter.entries[i].literal;

		for (size_t n = literal->length; n < 110; n++) {
			char *mem = malloc(n);

			for (size_t at = 0; at + literal->length <= n; at++) {
				struct rule_bits bits;

				memset(mem, '.', n);
				memcpy(mem + at, literal->text, literal->length);
				bits = scan(&prefilter, prefilter.has_vectors,
					    (struct str){ mem, n });
				assert_true(rule_bits_has(&bits, prefilter.entries[i].rule));
			}
			expect_as_naive(&prefilter, (struct str){ mem, n });
			free(mem);
		}
	}
	prefilter_free(&prefilter);
}

static void short_texts_are_whole(void **state)
{
	struct prefilter prefilter = { .entries = NULL };

	expect_as_naive(&prefilter, STR("no string at all"));
	add_awkward_literals(&prefilter);
	expect_as_naive(&prefilter, STR(""));
	expect_as_naive(&prefilter, STR("q"));
	expect_as_naive(&prefilter, STR("qz"));
	expect_as_naive(&prefilter, STR("\x80\xff"));
	prefilter_free(&prefilter);
}

/* Of a small alphabet, so that strings, and what is nearly one, come up all the time. */
static void random_texts_as_compared_everywhere(void **state)
{
	static const char alphabet[] = "qQzZ@`[{aAbBcCdD:/-_~tToOkKeEnN\x80\xff\0 ";
	struct prefilter prefilter = { .entries = NULL };

	add_awkward_literals(&prefilter);
	for (int round = 0; round < 20000; round++) {
		size_t n = random_below(TEXT_MAX);
		char *mem = malloc(n + 1);
		uint32_t few = 2 + random_below(sizeof(alphabet) - 2), from = random_below(8);

		for (size_t i = 0; i < n; i++)
			mem[i] = alphabet[(from + random_below(few)) % (sizeof(alphabet) - 1)];
		expect_as_naive(&prefilter, (struct str){ mem, n });
		free(mem);
	}
	prefilter_free(&prefilter);
}

/* ---- rules ---- */

static const struct redaction_rule_settings configured[] = {
	{ .pattern = "(?i)--?(?:password|passwd|token|secret)[= ](\\S+)" },
	{ .pattern = "(AKIA[0-9A-Z]{4})" },
	{ .pattern = "(?i)authorization: *(?:bearer|basic) +([A-Za-z0-9+/=._-]+)" },
	{ .pattern = "://[^/:@ ]+:([^@ ]+)@" },
	{ .pattern = "\\b(\\d{6})\\b" },      /* no string to look for */
	{ .pattern = "(?i)k([0-9])y" },	      /* nor here */
	{ .pattern = "(\xc3\xa9t\xc3\xa9)" }, /* characters: fails on invalid UTF-8 */
	{ .pattern = "-p (\\S+) -q (\\S+)" }, /* over arguments */
};

static struct redaction *create_rules(void)
{
	struct redaction_settings settings = { .rules = configured,
					       .rules_count = ARRAY_SIZE(configured),
					       .credential_presets = true };
	struct redaction *redaction = NULL;
	struct errmsg em = { "" };

	if (redaction_create(&settings, &redaction, &em))
		fail_msg("%s", em.text);
	return redaction;
}

/* Has every rule tried on every text. */
static void switch_off_prefilter(struct redaction *redaction)
{
	for (unsigned int i = 0; i < redaction->rules_count; i++) {
		rule_bits_set(&redaction->always, i);
		rule_bits_set(&redaction->any_text, i);
	}
}

static const char *const pieces[] = {
	"--password",
	"=",
	"\0",
	"\0",
	"hunter2",
	"--TOKEN",
	"-p",
	"-q",
	"AKIA",
	"AKIA12QX",
	"Authorization:",
	" Bearer ",
	"basic",
	"abc.def",
	"https",
	"://",
	"user",
	":",
	"pw",
	"@",
	"host/",
	"123456",
	"k7y",
	"\xc3\xa9t\xc3\xa9",
	"\xff",
	" ",
	"\"",
	"eyJ",
	"eyJhbGciOiJI.",
	"eyJzdWIiOiIx",
	".sig",
	"ghp_",
	"0123456789abcdefghijklmnopqrstuvwxyzAB",
	"xoxb-",
	"sk_live_",
	"curl",
	"-u",
	"mysql",
	"-psecret",
	"export ",
	"DB_PWD=",
	"api_key",
	"x-api-key: ",
	"sig=",
	"?",
	"/usr/bin/",
	"/srv/data/part-00001.bin",
	"--header",
	"login",
	"pass:",
	"\t",
	"\n",
};

static void put_piece(char *mem, size_t *n, const char *piece)
{
	size_t length = *piece ? strlen(piece) : 1, from = 0;

	if (random_below(6) == 0)
		from = random_below((uint32_t)length);
	if (random_below(6) == 0)
		length = from + random_below((uint32_t)(length - from)) + 1;
	for (; from < length && *n < TEXT_MAX; from++) {
		char c = piece[from];

		if (random_below(12) == 0 && isalpha((unsigned char)c))
			c ^= 0x20;
		mem[(*n)++] = c;
	}
}

static struct str random_list(char *mem)
{
	size_t n = 0;

	for (uint32_t count = random_below(16); count; count--)
		put_piece(mem, &n, pieces[random_below(ARRAY_SIZE(pieces))]);
	return (struct str){ mem, n };
}

struct result {
	struct redacted text;
	struct redaction_outcome outcome;
	char mem[TEXT_MAX * 8];
};

typedef struct redacted redact_fn(struct redaction *, struct str binary, struct str text,
				  struct buf *out, struct redaction_outcome *);

static void redact(redact_fn *call, struct redaction *redaction, struct str binary, struct str text,
		   struct result *result_r)
{
	struct buf out = buf_fixed(result_r->mem, sizeof(result_r->mem));

	result_r->outcome = (struct redaction_outcome){ 0 };
	result_r->text = call(redaction, binary, text, &out, &result_r->outcome);
}

static void expect_same(const struct result *with, const struct result *without)
{
	assert_int_equal(with->text.text.n, without->text.text.n);
	assert_memory_equal(with->text.text.p, without->text.text.p, with->text.text.n);
	assert_int_equal(with->outcome.replaced, without->outcome.replaced);
	assert_int_equal(with->outcome.failed, without->outcome.failed);
	assert_true(with->outcome.rules_fired == without->outcome.rules_fired);
}

static void results_are_those_of_trying_every_rule(void **state)
{
	static redact_fn *const calls[] = { redaction_arguments, redaction_environment,
					    redaction_text };
	static const char *const binaries[] = { "/usr/bin/curl", "/usr/bin/mysql", "/bin/sh",
						"/usr/bin/openssl", "docker" };
	struct redaction *with = create_rules(), *without = create_rules();
	unsigned int redacted = 0, plain = 0, failed = 0;
	static struct result a, b;

	switch_off_prefilter(without);
	for (int round = 0; round < 6000; round++) {
		struct str binary = str_of(binaries[random_below(ARRAY_SIZE(binaries))]);
		redact_fn *call = calls[random_below(ARRAY_SIZE(calls))];
		char mem[TEXT_MAX];
		struct str text = random_list(mem);

		redact(call, with, binary, text, &a);
		redact(call, without, binary, text, &b);
		expect_same(&a, &b);
		redacted += a.outcome.replaced > 0;
		failed += a.outcome.failed > 0;
		plain += a.outcome.replaced == 0 && a.outcome.failed == 0;
	}
	assert_true(redacted > 500 && failed > 100 && plain > 500);
	redaction_unref(&with);
	redaction_unref(&without);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_string_is_found_at_every_place),
		cmocka_unit_test(short_texts_are_whole),
		cmocka_unit_test(random_texts_as_compared_everywhere),
		cmocka_unit_test(results_are_those_of_trying_every_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
