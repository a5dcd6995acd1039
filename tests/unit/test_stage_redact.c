/* The redact stage reads its own rules and Tetragon's, and refuses what would redact nothing. */
#include "tests/unit/stage_fixture.h"

#include "pipeline/stage_redact.h"
#include "redaction/redaction.h"

#define LIST(literal) ((struct str){ (literal), sizeof(literal) })

static struct clock test_clock;

static struct stage *redact_stage(const char *yaml)
{
	clock_init_fake(&test_clock, 1, 1);
	return stage_from(&stage_redact_type, yaml, &test_clock);
}

static void expect_in(struct stage *stage, const char *binary, struct str list, struct str wanted)
{
	char mem[1024];
	struct buf out = buf_fixed(mem, sizeof(mem));
	struct redaction_outcome outcome = { 0 };
	struct redacted got = redaction_arguments(stage_redact_rules(stage), str_of(binary), list,
						  &out, &outcome);

	if (!str_equal(got.text, wanted))
		fail_msg("got \"%.*s\"", STR_FMT(got.text));
}

static void expect(const char *yaml, struct str list, struct str wanted)
{
	struct stage *stage = redact_stage(yaml);

	expect_in(stage, "/bin/x", list, wanted);
	stage->type->destroy(&stage);
	assert_null(stage);
}

static void presets_are_on_by_default(void **state)
{
	expect("{}", LIST("x\0--password=abc"), LIST("x\0--password=*****"));
	expect("credential_presets: false", LIST("x\0--password=abc"), LIST("x\0--password=abc"));
}

static void rules_of_its_own(void **state)
{
	expect("credential_presets: false\n"
	       "replacement: '[gone]'\n"
	       "rules:\n"
	       "  - id: pins\n"
	       "    redact: ['pin=(\\d+)', 'code=(\\d+)']\n"
	       "    replacement: '####'\n"
	       "  - redact: 'key=(\\w+)'\n",
	       LIST("x\0pin=12\0code=34\0key=ab"), LIST("x\0pin=####\0code=####\0key=[gone]"));
}

static void ids_are_numbered_when_shared(void **state)
{
	struct stage *stage = redact_stage("credential_presets: false\n"
					   "rules:\n"
					   "  - {id: a, redact: ['(x)', '(y)']}\n"
					   "  - {id: b, redact: ['(z)']}\n"
					   "  - {redact: '(w)'}\n");
	struct redaction *rules = stage_redact_rules(stage);

	assert_string_equal(redaction_rule_id(rules, 0), "a/1");
	assert_string_equal(redaction_rule_id(rules, 1), "a/2");
	assert_string_equal(redaction_rule_id(rules, 2), "b");
	assert_string_equal(redaction_rule_id(rules, 3), "rule-4");
	stage->type->destroy(&stage);
}

static void binary_condition(void **state)
{
	struct stage *stage =
		redact_stage("credential_presets: false\n"
			     "rules: [{redact: ['-p (\\S+)'], binary_regex: ['/foo$', '/bar$']}]");

	expect_in(stage, "/bin/bar", LIST("x\0-p\0s"), LIST("x\0-p\0*****"));
	expect_in(stage, "/bin/baz", LIST("x\0-p\0s"), LIST("x\0-p\0s"));
	stage->type->destroy(&stage);
}

static void tetragon_filters_as_they_are(void **state)
{
	expect("credential_presets: false\n"
	       "rules: |\n"
	       "  {\"redact\": [\"--password(?:\\\\s+|=)(\\\\S*)\"]}\n"
	       "  {\"binary_regex\": [\"(?:^|/)x$\"], \"redact\": [\"-p(?:\\\\s+|=)(\\\\S*)\"], "
	       "\"redact_str\": \"<p>\"}\n",
	       LIST("x\0--password\0two words\0-p=z"), LIST("x\0--password\0*****\0-p=<p>"));
}

static void refusals(void **state)
{
	const struct stage_type *type = &stage_redact_type;

	expect_refused(type, "rules:\n  - id: mine\n    redact:\n      - ok(x)\n      - 'no group'",
		       "test.yaml:5:9", "mine/2", "no capture group", NULL);
	expect_refused(type, "rules: [{id: a}]", "redact is missing", NULL);
	expect_refused(type, "rules: [{redact: []}]", "empty", NULL);
	expect_refused(type, "rules: [{redact: {a: b}}]", "list", NULL);
	expect_refused(type, "rules: [{redact: [[x]]}]", "regular expression", NULL);
	expect_refused(type, "rules: [{redact: '(x)', match: []}]", "match", "binary_regex", NULL);
	expect_refused(type, "rules: [{redact: '(x)', redact_str: a, replacement: b}]",
		       "redact_str", NULL);
	expect_refused(type, "rules: [{redact: '(x)', binary_regexp: [a]}]", "binary_regex", NULL);
	expect_refused(type, "rules: [{redact: '(x)', binary_regex: ['(']}]", "test.yaml:1:", NULL);
	expect_refused(type, "rules: '{\"redact\": [\"x\"]}'", "in the JSON", "no capture group",
		       NULL);
	expect_refused(type, "match_limit: 1", "match_limit", NULL);
	expect_refused(type, "preset: true", "credential_presets", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(presets_are_on_by_default),	cmocka_unit_test(rules_of_its_own),
		cmocka_unit_test(ids_are_numbered_when_shared), cmocka_unit_test(binary_condition),
		cmocka_unit_test(tetragon_filters_as_they_are), cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
