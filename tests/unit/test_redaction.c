/* What the rules must take out of arguments, environment and text, and what they must leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "redaction/redaction.h"

#include <errno.h>
#include <stdlib.h>

#define OUT_BYTES (1u << 20)

static char out_bytes[OUT_BYTES];
static struct redaction_outcome outcome;

/* One rule, without presets. */
static struct redaction *rules_of(const struct redaction_rule_settings *rules, size_t count)
{
	struct redaction_settings settings = { .rules = rules, .rules_count = count };
	struct redaction *redaction = NULL;
	struct errmsg em = { "" };

	if (redaction_create(&settings, &redaction, &em))
		fail_msg("%s", em.text);
	return redaction;
}

static struct redaction *rule_of(const char *pattern)
{
	struct redaction_rule_settings rule = { .pattern = pattern };

	return rules_of(&rule, 1);
}

static void expect_same(struct str got, struct str wanted)
{
	if (!str_equal(got, wanted))
		fail_msg("got \"%.*s\", wanted \"%.*s\"", STR_FMT(got), STR_FMT(wanted));
}

static struct str arguments(struct redaction *redaction, struct str list)
{
	struct buf out = buf_fixed(out_bytes, sizeof(out_bytes));

	outcome = (struct redaction_outcome){ 0 };
	return redaction_arguments(redaction, STR("/usr/bin/tool"), list, &out, &outcome).text;
}

/* Lists are written as literals; the last NUL is the literal's own. */
#define LIST(literal) ((struct str){ (literal), sizeof(literal) })

static void expect_arguments(const char *pattern, struct str list, struct str wanted)
{
	struct redaction *redaction = rule_of(pattern);

	expect_same(arguments(redaction, list), wanted);
	redaction_unref(&redaction);
}

static const char password_option[] = "--password(?:\\s+|=)(\\S*)";

static void value_in_the_same_argument(void **state)
{
	expect_arguments(password_option, LIST("tool\0--password=s3cret\0-v"),
			 LIST("tool\0--password=*****\0-v"));
	assert_int_equal(outcome.replaced, 1);
	assert_int_equal(outcome.failed, 0);
	assert_int_equal(outcome.rules_fired, 1);
}

static void value_in_the_next_argument(void **state)
{
	expect_arguments(password_option, LIST("tool\0--password\0s3cret\0-v"),
			 LIST("tool\0--password\0*****\0-v"));
}

static void value_with_spaces_goes_whole(void **state)
{
	expect_arguments(password_option, LIST("tool\0--password\0my secret phrase\0-v"),
			 LIST("tool\0--password\0*****\0-v"));
	expect_arguments(password_option, LIST("tool\0--password=my secret phrase\0-v"),
			 LIST("tool\0--password=*****\0-v"));
	expect_arguments(password_option, LIST("tool\0--password\0tab\tand\nline\0-v"),
			 LIST("tool\0--password\0*****\0-v"));
	expect_arguments(password_option, LIST("tool\0--password= leading\0-v"),
			 LIST("tool\0--password=*****\0-v"));
}

static void value_joined_to_a_short_option(void **state)
{
	expect_arguments("^-p(\\S+)$", LIST("tool\0-ps3cret\0-v"), LIST("tool\0-p*****\0-v"));
}

static void anchors_see_the_argument_and_the_line(void **state)
{
	expect_arguments("^tool --key (\\S+)", LIST("tool\0--key\0abc"),
			 LIST("tool\0--key\0*****"));
	expect_arguments("^key:(.*)$", LIST("tool\0key:abc\0key:def\0x"),
			 LIST("tool\0key:*****\0key:*****\0x"));
}

static void capture_over_several_arguments_keeps_their_number(void **state)
{
	expect_arguments("--secret (.*) --end", LIST("t\0--secret\0one\0two\0\0three\0--end"),
			 LIST("t\0--secret\0*****\0*****\0*****\0*****\0--end"));
}

static void empty_arguments_stay(void **state)
{
	expect_arguments(password_option, LIST("tool\0\0\0-v"), LIST("tool\0\0\0-v"));
	expect_arguments(password_option, LIST("tool\0--password\0\0-v\0--password=x"),
			 LIST("tool\0--password\0\0*****\0--password=*****"));
	expect_arguments("--password=(\\S*)$", LIST("tool\0--password=\0"),
			 LIST("tool\0--password=*****\0"));
	expect_arguments(password_option, LIST(""), LIST(""));
	expect_arguments(password_option, (struct str){ "", 0 }, (struct str){ "", 0 });
}

static void last_argument_without_its_nul(void **state)
{
	expect_arguments(password_option, (struct str){ "tool\0--password=cut", 19 },
			 LIST("tool\0--password=*****"));
}

static void every_match_and_every_group(void **state)
{
	expect_arguments(
		"key=(\\w+),(\\w+)", LIST("t\0key=a,b\0key=c,d\0key=e,f;key=g,h"),
		LIST("t\0key=*****,*****\0key=*****,*****\0key=*****,*****;key=*****,*****"));
	assert_int_equal(outcome.replaced, 8);
}

static void nested_and_absent_groups(void **state)
{
	expect_arguments("key=((a+)(b+))", LIST("t\0key=aabb"), LIST("t\0key=*****"));
	assert_int_equal(outcome.replaced, 1);
	expect_arguments("k=(x)?(y)", LIST("t\0k=y"), LIST("t\0k=*****"));
	assert_int_equal(outcome.replaced, 1);
}

static void context_outside_the_match(void **state)
{
	expect_arguments("\\B(foo)", LIST("t\0xfoo foo\0foo"), LIST("t\0x*****\0foo"));
	expect_arguments("(?<=pin:)(\\d+)(?=;)", LIST("t\0pin:1234;x\0pin:99"),
			 LIST("t\0pin:*****;x\0pin:99"));
}

static void group_that_matches_nothing_ends(void **state)
{
	expect_arguments("(x*)", LIST("ab"), LIST("*****a*****b*****"));
}

static void rules_do_not_work_on_each_other(void **state)
{
	static const struct redaction_rule_settings rules[] = {
		{ .id = "first", .pattern = "key=(\\w+)", .replacement = "<first>" },
		{ .id = "second", .pattern = "(first|abc\\w*)", .replacement = "<second>" },
	};
	struct redaction *redaction = rules_of(rules, 2);

	expect_same(arguments(redaction, LIST("t\0key=abcd\0abc")),
		    LIST("t\0key=<first>\0<second>"));
	assert_int_equal(outcome.rules_fired, 3);
	assert_string_equal(redaction_rule_id(redaction, 1), "second");
	assert_null(redaction_rule_id(redaction, 2));
	redaction_unref(&redaction);
}

static void condition_on_the_binary(void **state)
{
	static const char *const foo[] = { "(?:^|/)foo$", "/opt/bar" };
	static const struct redaction_rule_settings rule = { .pattern = "-p(?:\\s+|=)(\\S*)",
							     .binaries = foo,
							     .binaries_count = 2 };
	struct redaction *redaction = rules_of(&rule, 1);
	static const struct {
		struct str binary;
		bool masked;
	} cases[] = { { STR("/usr/bin/foo"), true },
		      { STR("foo"), true },
		      { STR("/opt/bar/baz"), true },
		      { STR("/usr/bin/food"), false },
		      { STR(""), false } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf out = buf_fixed(out_bytes, sizeof(out_bytes));
		struct redacted got = redaction_arguments(redaction, cases[i].binary,
							  LIST("x\0-p\0secret"), &out, &outcome);

		expect_same(got.text,
			    cases[i].masked ? LIST("x\0-p\0*****") : LIST("x\0-p\0secret"));
	}
	redaction_unref(&redaction);
}

static void condition_without_fixed_text(void **state)
{
	static const char *const any[] = { "^.{3}$" };
	static const struct redaction_rule_settings rule = { .pattern = "-p (\\S*)",
							     .binaries = any,
							     .binaries_count = 1 };
	struct redaction *redaction = rules_of(&rule, 1);
	struct buf out = buf_fixed(out_bytes, sizeof(out_bytes));

	expect_same(redaction_arguments(redaction, STR("abc"), LIST("-p\0x"), &out, &outcome).text,
		    LIST("-p\0*****"));
	expect_same(redaction_arguments(redaction, STR("abcd"), LIST("-p\0x"), &out, &outcome).text,
		    LIST("-p\0x"));
	redaction_unref(&redaction);
}

static struct str environment(struct redaction *redaction, struct str list)
{
	struct buf out = buf_fixed(out_bytes, sizeof(out_bytes));

	outcome = (struct redaction_outcome){ 0 };
	return redaction_environment(redaction, STR("/bin/x"), list, &out, &outcome).text;
}

static void environment_keeps_keys(void **state)
{
	struct redaction *redaction = rule_of("(?:SSHPASS=)+(\\S+)");

	expect_same(environment(redaction, LIST("A=1\0SSHPASS=two words\0B=")),
		    LIST("A=1\0SSHPASS=*****\0B="));
	redaction_unref(&redaction);
	redaction = rule_of("(SECRET.*)");
	expect_same(environment(redaction, LIST("MY_SECRET_KEY=a=b c\0NOSECRET")),
		    LIST("MY_SECRET_KEY=*****\0NO*****"));
	redaction_unref(&redaction);
	redaction = rule_of("^(TOKEN)=x");
	expect_same(environment(redaction, LIST("TOKEN=x")), LIST("TOKEN=x"));
	redaction_unref(&redaction);
}

static void environment_elements_are_apart(void **state)
{
	struct redaction *redaction = rule_of("(?s)A=(.*)");

	expect_same(environment(redaction, LIST("A=1\0B=2")), LIST("A=*****\0B=2"));
	redaction_unref(&redaction);
}

static void text_is_one_field(void **state)
{
	struct redaction *redaction = rule_of("/home/([^/]+)");
	struct buf out = buf_fixed(out_bytes, sizeof(out_bytes));

	expect_same(redaction_text(redaction, STR(""), STR("/home/ann/x"), &out, &outcome).text,
		    STR("/home/*****/x"));
	expect_same(redaction_text(redaction, STR(""), STR("/srv"), &out, &outcome).text,
		    STR("/srv"));
	expect_same(redaction_exempt(STR("/home/ann"), &out).text, STR("/home/ann"));
	redaction_unref(&redaction);
}

static void output_without_room_gives_nothing(void **state)
{
	struct redaction *redaction = rule_of("(x)");
	char small[4];
	struct buf out = buf_fixed(small, sizeof(small));

	outcome = (struct redaction_outcome){ 0 };
	assert_int_equal(
		redaction_arguments(redaction, STR("b"), LIST("too\0long"), &out, &outcome).text.n,
		0);
	assert_int_equal(outcome.failed, 1);
	redaction_unref(&redaction);
}

/* ---- failing closed ---- */

static void invalid_utf8_fails_closed_for_patterns_that_need_it(void **state)
{
	expect_arguments("пароль=(\\S+)", LIST("t\0пароль=тайна\0x"), LIST("t\0пароль=*****\0x"));
	expect_arguments("пароль=(\\S+)", LIST("t\0bad\xff\0x"), LIST("*****\0*****\0*****"));
	assert_int_equal(outcome.failed, 1);
	expect_arguments("key=(\\p{L}+)", LIST("t\0key=\xff"), LIST("*****\0*****"));
}

static void bytes_patterns_take_invalid_utf8(void **state)
{
	expect_arguments("key=(\\S+)", LIST("t\0key=\xff\xfe!\0\xff"), LIST("t\0key=*****\0\xff"));
	assert_int_equal(outcome.failed, 0);
}

static struct str repeated(char c, size_t n, const char *tail)
{
	static char text[OUT_BYTES / 2];
	size_t tail_n = strlen(tail) + 1;

	assert_true(n + tail_n <= sizeof(text));
	memset(text, c, n);
	memcpy(text + n, tail, tail_n);
	return (struct str){ text, n + tail_n };
}

static uint64_t cpu_ms(void)
{
	return (uint64_t)clock() * 1000 / CLOCKS_PER_SEC;
}

/* The bound is generous (sanitizers, a busy machine); without limits each of these takes from
 * minutes to for ever. */
static void hostile_input_costs_bounded_time(void **state)
{
	static const struct {
		const char *pattern;
		size_t n;
		const char *tail;
	} cases[] = { { "^(a+)+$", 40, "!" },
		      { "^(a+)+$", 30000, "!" },
		      { "(a|aa)+$", 30000, "!" },
		      { "(.*a){20}x", 30000, "\nx" },
		      { "(a*)*b$", 30000, "!b!" },
		      { "(\\w+)\\s*=\\s*x", 500000, "=y x" },
		      { "(\\w+\\w+\\w+)x", 30000, "! x" },
		      { "(a{1,9}){1,9}x", 30000, "! x" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct redaction *redaction = rule_of(cases[i].pattern);
		struct str list = repeated('a', cases[i].n, cases[i].tail), got;
		uint64_t start_ms = cpu_ms(), took_ms;

		got = arguments(redaction, list);
		took_ms = cpu_ms() - start_ms;
		if (took_ms > 2000)
			fail_msg("%s took %u ms", cases[i].pattern, (unsigned int)took_ms);
		assert_int_equal(outcome.failed, 1);
		expect_same(got, LIST("*****"));
		redaction_unref(&redaction);
	}
}

static void failing_environment_variable_goes_alone(void **state)
{
	struct redaction *redaction = rule_of("^K=(a+)+$");

	expect_same(
		environment(
			redaction,
			LIST("A=1\0K=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\0B=2")),
		LIST("A=1\0K=*****\0B=2"));
	assert_int_equal(outcome.failed, 1);
	redaction_unref(&redaction);
}

static void too_many_matches_fail_closed(void **state)
{
	expect_arguments("(a)b", repeated('a', 10, ""), LIST("aaaaaaaaaa"));
	expect_arguments("(a)", repeated('a', 20000, ""), LIST("*****"));
	assert_int_equal(outcome.failed, 1);
}

static void long_lists_are_found_in(void **state)
{
	static char list[400000];
	size_t n = 0;
	struct redaction *redaction = rule_of("--token[= ](\\S+)");
	struct str got;

	while (n < sizeof(list) - 100) {
		memcpy(list + n, "abcdefghi", 10);
		n += 10;
	}
	memcpy(list + n, "--token\0topsecret", 18);
	n += 18;
	got = arguments(redaction, (struct str){ list, n });
	assert_null(memmem(got.p, got.n, "topsecret", 9));
	assert_int_equal(got.n, n - 4);
	assert_int_equal(outcome.failed, 0);
	redaction_unref(&redaction);
}

/* ---- refusals ---- */

static void expect_refused(const char *pattern, const char *said)
{
	struct redaction_rule_settings rule = { .id = "mine", .pattern = pattern };
	struct redaction_settings settings = { .rules = &rule, .rules_count = 1 };
	struct redaction *redaction = NULL;
	struct errmsg em = { "" };

	assert_int_equal(redaction_create(&settings, &redaction, &em), -EINVAL);
	assert_null(redaction);
	if (!strstr(em.text, said) || !strstr(em.text, "mine"))
		fail_msg("\"%s\" does not say \"%s\"", em.text, said);
}

static void refusals_name_rule_and_reason(void **state)
{
	expect_refused("--password=\\S+", "no capture group");
	expect_refused("(?:x)", "no capture group");
	expect_refused("(unclosed", "missing closing parenthesis");
	expect_refused("ab[", "character 4");
	expect_refused("(\\C)", "\\C");
	expect_refused("(\\v)", "\\x0b");
	expect_refused("(\\x{e9})", "(*UTF)");
	expect_refused("(\\xff)", "(*UTF)");
	expect_refused("(?C1)(x)", "callouts");
}

static void refusal_of_a_binary_condition(void **state)
{
	static const char *const bad[] = { "ok", "*bad" };
	struct redaction_rule_settings rule = { .pattern = "(x)",
						.binaries = bad,
						.binaries_count = 2 };
	struct redaction_settings settings = { .rules = &rule, .rules_count = 1 };
	struct redaction *redaction = NULL;
	struct errmsg em = { "" };

	assert_int_equal(redaction_create(&settings, &redaction, &em), -EINVAL);
	assert_non_null(strstr(em.text, "rule-1"));
	assert_non_null(strstr(em.text, "*bad"));
}

static void re2_syntax_means_the_same(void **state)
{
	expect_arguments("(?P<name>secret)$", LIST("secret\nx\0secret\n\0secret"),
			 LIST("secret\nx\0secret\n\0*****"));
	expect_arguments("\\Qa.b\\E(c)", LIST("a.bc\0axbc"), LIST("a.b*****\0axbc"));
	expect_arguments("\\x41(c)", LIST("Ac"), LIST("A*****"));
	expect_arguments("a.(c)", LIST("a\nc\0abc"), LIST("a\nc\0ab*****"));
}

static void references_are_counted(void **state)
{
	struct redaction *redaction = rule_of("(x)"), *second = redaction;

	redaction_ref(redaction);
	redaction_unref(&redaction);
	assert_null(redaction);
	expect_same(arguments(second, LIST("x")), LIST("*****"));
	redaction_unref(&second);
	redaction_unref(&second);
}

static void rules_past_the_64th_share_a_bit(void **state)
{
	struct redaction_rule_settings rules[70];
	char patterns[70][16];
	struct redaction *redaction;

	for (size_t i = 0; i < 70; i++) {
		snprintf(patterns[i], sizeof(patterns[i]), "key%02zu=(x)", i);
		rules[i] = (struct redaction_rule_settings){ .pattern = patterns[i] };
	}
	redaction = rules_of(rules, 70);
	expect_same(arguments(redaction, LIST("key62=x\0key69=x")),
		    LIST("key62=*****\0key69=*****"));
	assert_true(outcome.rules_fired == (1ull << 62 | 1ull << 63));
	redaction_unref(&redaction);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(value_in_the_same_argument),
		cmocka_unit_test(value_in_the_next_argument),
		cmocka_unit_test(value_with_spaces_goes_whole),
		cmocka_unit_test(value_joined_to_a_short_option),
		cmocka_unit_test(anchors_see_the_argument_and_the_line),
		cmocka_unit_test(capture_over_several_arguments_keeps_their_number),
		cmocka_unit_test(empty_arguments_stay),
		cmocka_unit_test(last_argument_without_its_nul),
		cmocka_unit_test(every_match_and_every_group),
		cmocka_unit_test(nested_and_absent_groups),
		cmocka_unit_test(context_outside_the_match),
		cmocka_unit_test(group_that_matches_nothing_ends),
		cmocka_unit_test(rules_do_not_work_on_each_other),
		cmocka_unit_test(condition_on_the_binary),
		cmocka_unit_test(condition_without_fixed_text),
		cmocka_unit_test(environment_keeps_keys),
		cmocka_unit_test(environment_elements_are_apart),
		cmocka_unit_test(text_is_one_field),
		cmocka_unit_test(output_without_room_gives_nothing),
		cmocka_unit_test(invalid_utf8_fails_closed_for_patterns_that_need_it),
		cmocka_unit_test(bytes_patterns_take_invalid_utf8),
		cmocka_unit_test(hostile_input_costs_bounded_time),
		cmocka_unit_test(failing_environment_variable_goes_alone),
		cmocka_unit_test(too_many_matches_fail_closed),
		cmocka_unit_test(long_lists_are_found_in),
		cmocka_unit_test(refusals_name_rule_and_reason),
		cmocka_unit_test(refusal_of_a_binary_condition),
		cmocka_unit_test(re2_syntax_means_the_same),
		cmocka_unit_test(references_are_counted),
		cmocka_unit_test(rules_past_the_64th_share_a_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
