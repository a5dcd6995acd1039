/* Parsing of a command line by a table, and the help that the table makes. */
#include "cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

struct values {
	bool follow;
	const char *file;
	struct option_texts filters;
	struct option_number last;
	uint64_t duration_ns;
};

static const struct option options[] = {
	{ "follow", 'f', OPTION_FLAG, offsetof(struct values, follow), NULL, "Go on." },
	{ "file", 0, OPTION_TEXT, offsetof(struct values, file), "FILE", "Which." },
	{ "filter", 0, OPTION_TEXTS, offsetof(struct values, filters), "KEY=VALUE", "What." },
	{ "last", 'n', OPTION_NUMBER, offsetof(struct values, last), "N", "How many." },
	{ "duration", 0, OPTION_DURATION, offsetof(struct values, duration_ns), "TIME",
	  "A help text that is so long that it must be broken into two lines, between its words, "
	  "and goes on in the same column." },
	OPTION_END,
};

static struct values values;
static struct errmsg em;
static char *words[64];
static int count;

static int parse(int n, const char *const *argv)
{
	assert_true((size_t)n < ARRAY_SIZE(words));
	memset(&values, 0, sizeof(values));
	em.text[0] = '\0';
	for (count = 0; count < n; count++)
		words[count] = (char *)argv[count];
	return options_parse(options, &count, words, &values, &em);
}

#define PARSE(...)                                                      \
	parse(sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), \
	      (const char *[]){ __VA_ARGS__ })

static void test_all_forms(void **state)
{
	assert_int_equal(PARSE("a", "-f", "--file", "x", "b", "--filter=k=v", "-n5", "--filter",
			       "--odd", "--duration", "2m"),
			 0);
	assert_true(values.follow);
	assert_string_equal(values.file, "x");
	assert_int_equal(values.filters.n, 2);
	assert_string_equal(values.filters.v[0], "k=v");
	assert_string_equal(values.filters.v[1], "--odd");
	assert_true(values.last.given);
	assert_int_equal(values.last.value, 5);
	assert_true(values.duration_ns == 120000000000);
	assert_int_equal(count, 2);
	assert_string_equal(words[0], "a");
	assert_string_equal(words[1], "b");
}

static void test_end_of_options(void **state)
{
	assert_int_equal(PARSE("-n", "7", "--", "-f", "--file", "-"), 0);
	assert_int_equal(values.last.value, 7);
	assert_false(values.follow);
	assert_int_equal(count, 3);
	assert_int_equal(PARSE("-"), 0); /* an argument: standard input */
	assert_int_equal(count, 1);
}

static void test_the_last_one_counts(void **state)
{
	assert_int_equal(PARSE("--file", "a", "--file=b"), 0);
	assert_string_equal(values.file, "b");
	assert_int_equal(PARSE("--file="), 0);
	assert_string_equal(values.file, "");
}

static void test_refused(void **state)
{
	assert_true(PARSE("--folow") < 0);
	assert_string_equal(em.text, "unknown option '--folow'; did you mean '--follow'?");
	assert_true(PARSE("--xyzzy=3") < 0);
	assert_string_equal(em.text, "unknown option '--xyzzy=3'");
	assert_true(PARSE("--fil") < 0); /* not an abbreviation: it could be two */
	assert_true(PARSE("-x") < 0);
	assert_string_equal(em.text, "unknown option '-x'");
	assert_true(PARSE("--follow=yes") < 0);
	assert_string_equal(em.text, "--follow takes no value");
	assert_true(PARSE("-ff") < 0);
	assert_true(PARSE("--file") < 0);
	assert_string_equal(em.text, "--file needs a value: --file FILE");
	assert_true(PARSE("-n", "many") < 0);
	assert_string_equal(em.text, "--last: 'many' is not a number; write digits only");
	assert_true(PARSE("--duration", "soon") < 0);
	assert_string_equal(em.text, "--duration: 'soon' is not a duration; write 250ms, 10s, 5m, "
				     "12h or 7d");
}

static void test_too_many(void **state)
{
	const char *argv[OPTION_MAX_TEXTS + 1];

	for (size_t i = 0; i < ARRAY_SIZE(argv); i++)
		argv[i] = "--filter=a=b";
	assert_int_equal(parse(OPTION_MAX_TEXTS, argv), 0);
	assert_true(parse(OPTION_MAX_TEXTS + 1, argv) < 0);
	assert_string_equal(em.text, "--filter can be given at most 32 times");
}

static void test_ask_help(void **state)
{
	assert_true(options_ask_help(2, (char *[]){ "-f", "--help" }));
	assert_true(options_ask_help(1, (char *[]){ "-h" }));
	assert_false(options_ask_help(2, (char *[]){ "--", "--help" }));
	assert_false(options_ask_help(0, NULL));
}

static void test_help(void **state)
{
	struct buf out = buf_growable(4096);

	options_write_help(options, &out);
	buf_putc(&out, '\0');
	assert_non_null(strstr(out.p, "  -f, --follow            Go on.\n"));
	assert_non_null(strstr(out.p, "  --filter KEY=VALUE      What.\n"));
	assert_non_null(strstr(out.p,
			       "  --duration TIME         A help text that is so long that it "
			       "must be broken into two lines,\n"
			       "                          between its words, and goes on in "
			       "the same column.\n"));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_forms),
		cmocka_unit_test(test_end_of_options),
		cmocka_unit_test(test_the_last_one_counts),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_ask_help),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
