/* Documents, reading by a table, variables and secrets: what is accepted, and the exact words of
 * what is refused. */
#include "config/config.h"

#include "base/log.h"
#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sample {
	bool flag;
	uint64_t count, size, duration;
	char *text;
	int choice;
	struct config_strings list;
	struct secret *token;
	const struct config_node *node;
	struct {
		uint64_t depth;
	} inner;
};

static const char *const choices[] = { "low", "middle", "high", NULL };
static const struct config_item inner_items[] = {
	{ .name = "depth",
	  .type = CONFIG_INTEGER,
	  .offset = offsetof(struct sample, inner.depth),
	  .value = "3",
	  .min = 1,
	  .max = 9,
	  .help = "How deep | how wide." },
	CONFIG_END,
};
static const struct config_item items[] = {
	{ .name = "flag",
	  .type = CONFIG_BOOL,
	  .offset = offsetof(struct sample, flag),
	  .value = "true" },
	{ .name = "count",
	  .type = CONFIG_INTEGER,
	  .offset = offsetof(struct sample, count),
	  .value = "7",
	  .unit = "events" },
	{ .name = "size",
	  .type = CONFIG_SIZE,
	  .offset = offsetof(struct sample, size),
	  .value = "64KiB",
	  .min = 1024 },
	{ .name = "duration",
	  .type = CONFIG_DURATION,
	  .offset = offsetof(struct sample, duration),
	  .value = "250ms",
	  .max = 60000000000 },
	{ .name = "text",
	  .type = CONFIG_STRING,
	  .offset = offsetof(struct sample, text),
	  .value = "",
	  .live = true },
	{ .name = "choice",
	  .type = CONFIG_ENUM,
	  .offset = offsetof(struct sample, choice),
	  .value = "middle",
	  .choices = choices },
	{ .name = "list",
	  .type = CONFIG_LIST,
	  .offset = offsetof(struct sample, list),
	  .value = "[a, b]" },
	{ .name = "token",
	  .type = CONFIG_SECRET,
	  .offset = offsetof(struct sample, token),
	  .optional = true },
	{ .name = "node",
	  .type = CONFIG_NODE,
	  .offset = offsetof(struct sample, node),
	  .optional = true },
	{ .name = "inner", .type = CONFIG_MAP, .items = inner_items },
	CONFIG_END,
};

/* The document lives until the next parse. */
static struct config_document *doc;

static int teardown(void **state)
{
	config_document_free(&doc);
	log_capture(NULL, NULL);
	return 0;
}

static void parse(const char *text)
{
	struct errmsg em = { "" };

	config_document_free(&doc);
	if (config_parse(str_of(text), "w.yaml", &doc, &em) < 0)
		fail_msg("refused: %s", em.text);
}

static struct sample read_sample(const char *text)
{
	struct sample sample = { 0 };
	struct errmsg em = { "" };

	parse(text);
	if (config_read(config_root(doc), items, &sample, &em) < 0)
		fail_msg("refused: %s", em.text);
	return sample;
}

static void not_yaml_n(const char *text, size_t n, const char *expected)
{
	struct errmsg em = { "" };

	config_document_free(&doc);
	assert_true(config_parse((struct str){ text, n }, "w.yaml", &doc, &em) < 0);
	assert_null(doc);
	assert_string_equal(em.text, expected);
}

static void not_yaml(const char *text, const char *expected)
{
	not_yaml_n(text, strlen(text), expected);
}

static void refused(const char *text, const char *expected)
{
	struct sample sample = { 0 };
	struct errmsg em = { "" };

	parse(text);
	assert_true(config_read(config_root(doc), items, &sample, &em) < 0);
	assert_string_equal(em.text, expected);
	assert_null(sample.text);
	assert_null(sample.list.v);
	assert_null(sample.token);
}

/* ---- reading ---- */

static void test_defaults(void **state)
{
	struct sample s = { 0 };
	struct errmsg em;

	assert_int_equal(config_read(NULL, items, &s, &em), 0);
	assert_true(s.flag);
	assert_int_equal(s.count, 7);
	assert_int_equal(s.size, 65536);
	assert_int_equal(s.duration, 250000000);
	assert_string_equal(s.text, "");
	assert_int_equal(s.choice, 1);
	assert_int_equal(s.list.n, 2);
	assert_string_equal(s.list.v[1], "b");
	assert_null(s.token);
	assert_null(s.node);
	assert_int_equal(s.inner.depth, 3);
	config_settings_free(items, &s);
	assert_null(s.text);
}

/* As it would be written in YAML. */
static void test_quoted_default(void **state)
{
	static const struct config_item quoted[] = {
		{ .name = "mask", .type = CONFIG_STRING, .offset = 0, .value = "'*****'" },
		CONFIG_END,
	};
	struct errmsg em;
	char *mask = NULL;

	assert_int_equal(config_read(NULL, quoted, &mask, &em), 0);
	assert_string_equal(mask, "*****");
	config_settings_free(quoted, &mask);
}

static void test_every_type(void **state)
{
	struct sample s = read_sample("flag: off\n"
				      "count: 18446744073709551615\n"
				      "size: 2MB\n"
				      "duration: 1m\n"
				      "text: \"tr\\u00fcb: #1\"\n"
				      "choice: high\n"
				      "list:\n- one\n- 'two'\n- 3\n"
				      "token: s3cret\n"
				      "node: {x: [1, 2]}\n"
				      "inner: {depth: 9}\n");

	assert_false(s.flag);
	assert_true(s.count == UINT64_MAX);
	assert_int_equal(s.size, 2000000);
	assert_true(s.duration == 60000000000);
	assert_string_equal(s.text, "tr\xc3\xbc"
				    "b: #1");
	assert_int_equal(s.choice, 2);
	assert_int_equal(s.list.n, 3);
	assert_string_equal(s.list.v[2], "3");
	assert_true(str_equal(secret_reveal(s.token), STR("s3cret")));
	assert_int_equal(config_node_count(config_node_get(s.node, "x")), 2);
	assert_int_equal(s.inner.depth, 9);
	config_settings_free(items, &s);
}

static void test_null_sections_are_empty(void **state)
{
	struct sample s = read_sample("inner:\nlist:\nnode: ~\n");

	assert_int_equal(s.inner.depth, 3);
	assert_int_equal(s.list.n, 0);
	assert_null(s.node);
	config_settings_free(items, &s);
}

static void test_wrong_values(void **state)
{
	refused("flag: maybe", "w.yaml:1:7: flag: 'maybe' is neither true nor false; write true or "
			       "false");
	refused("count: -1", "w.yaml:1:8: count: '-1' is not a number; write digits only");
	refused("count: 010", "w.yaml:1:8: count: '010' is not a number; write digits only");
	refused("count: 18446744073709551616", "w.yaml:1:8: count: '18446744073709551616' is not a "
					       "number; write digits only");
	refused("size: 5 apples", "w.yaml:1:7: size: '5 apples' is not a size; write 65536, 64KiB, "
				  "16MiB or 1GiB");
	refused("size: 99999999999TiB", "w.yaml:1:7: size: '99999999999TiB' is not a size; write "
					"65536, 64KiB, 16MiB or 1GiB");
	refused("size: 1000", "w.yaml:1:7: size: '1000' is out of range; write 1KiB or more");
	refused("duration: 2h", "w.yaml:1:11: duration: '2h' is out of range; write 0 to 1m");
	refused("duration: 5", "w.yaml:1:11: duration: '5' is not a duration; write 250ms, 10s, "
			       "5m, 12h or 7d");
	refused("choice: highest", "w.yaml:1:9: choice: 'highest' is not one of the choices; write "
				   "low, middle or high");
	refused("text: \"a\\0b\"", "w.yaml:1:7: text: 'a?b' has a NUL byte in it; remove it");
}

static void test_wrong_shapes(void **state)
{
	refused("text: [a]", "w.yaml:1:7: text takes one value, not a list");
	refused("text: {a: b}", "w.yaml:1:7: text takes one value, not a mapping");
	refused("count:\n", "w.yaml:1:7: count has no value; give it one, or remove the line for "
			    "the default");
	refused("list: a", "w.yaml:1:7: list takes a list; write [first, second]");
	refused("list: [a, [b]]", "w.yaml:1:11: list[1] takes one value, not a list");
	refused("inner: 5", "w.yaml:1:8: expected keys and values here, as in 'depth: ...'");
	refused("- a", "w.yaml:1:1: expected keys and values here, as in 'flag: ...'");
}

static void test_unknown_keys(void **state)
{
	refused("\n\ninner:\n  dept: 5\n",
		"w.yaml:4:3: unknown key 'dept' in inner; did you mean 'depth'?");
	refused("Count: 5\n", "w.yaml:1:1: unknown key 'Count'; did you mean 'count'?");
	refused("colour: red\n", "w.yaml:1:1: unknown key 'colour'; known are flag, count, size, "
				 "duration, text, choice, list, token, node, inner");
}

static void test_required(void **state)
{
	static const struct config_item required[] = {
		{ .name = "path", .type = CONFIG_STRING, .offset = 0 },
		CONFIG_END,
	};
	struct errmsg em;
	char *path = NULL;

	parse("outputs:\n- name: a\n");
	assert_true(config_read(config_node_at(config_node_get(config_root(doc), "outputs"), 0),
				(struct config_item[]){ { .name = "name",
							  .type = CONFIG_NODE,
							  .offset = 8,
							  .optional = true },
							required[0],
							CONFIG_END },
				(void *[2]){ NULL, NULL }, &em) < 0);
	assert_string_equal(em.text, "w.yaml:2:3: 'path' is missing in outputs[0]; it has no "
				     "default");
	assert_true(config_read(NULL, required, &path, &em) < 0);
	assert_string_equal(em.text, "'path' is missing; it has no default");
}

/* ---- documents ---- */

static void test_not_yaml(void **state)
{
	not_yaml("a: 1\nb: 2\na: 3\n",
		 "w.yaml:3:1: key 'a' is given twice (first in line 1); keep one of them");
	not_yaml("a:\n\tb: 1\n", "w.yaml:2:1: a tab can't be used to indent in YAML; use spaces");
	not_yaml("a: 1\nb: \xff\n", "w.yaml:2:4: this byte is not UTF-8; save the file as UTF-8");
	not_yaml("a: \xc3\xbc \x01\n",
		 "w.yaml:1:6: a control character is not allowed here; remove it, or write it as "
		 "\\xNN inside of double quotes");
	not_yaml("a: 1\n---\nb: 2\n",
		 "w.yaml:2:1: a second document begins here; weir reads one per file");
	not_yaml("? [a]\n: b\n", "w.yaml:1:3: a key must be a plain name, not a list or a mapping");
	not_yaml("a: !thing b\n", "w.yaml:1:4: tags (!name) are not supported; remove it");
	not_yaml("b: {<<: {c: d}}\n",
		 "w.yaml:1:5: merge keys (<<) are not supported; write the keys out");
	not_yaml("a: *b\n",
		 "w.yaml:1:4: the alias has no anchor before it (or is inside of what it "
		 "stands for)");
	not_yaml("a: &a [*a]\n", "w.yaml:1:8: the alias has no anchor before it (or is inside of "
				 "what it stands for)");
}

static void test_syntax_errors(void **state)
{
	not_yaml(
		"x: 1\na: [1, 2\nb: 3\n",
		"w.yaml:3:2: not valid YAML: did not find expected ',' or ']' while parsing a flow "
		"sequence that begins in line 2; check the indentation and quotes");
	not_yaml("a: b: c\n", "w.yaml:1:5: not valid YAML: mapping values are not allowed in this "
			      "context; check the indentation and quotes");
}

static void test_depth(void **state)
{
	char text[128];
	size_t at;

	for (size_t depth = 30; depth < 34; depth++) {
		struct errmsg em = { "" };
		int err;

		for (at = 0; at < depth; at++)
			text[at] = '[';
		for (; at < 2 * depth; at++)
			text[at] = ']';
		config_document_free(&doc);
		err = config_parse((struct str){ text, at }, "w.yaml", &doc, &em);
		assert_int_equal(err<0, depth> 32);
		if (err)
			assert_string_equal(em.text, "w.yaml:1:33: nested too deeply; at most 32 "
						     "levels are allowed");
	}
}

/* Deep only by its aliases: 20 levels that hold 20 levels. */
static void test_depth_of_aliases(void **state)
{
	not_yaml("a: &a [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]\n"
		 "b: [[[[[[[[[[[[[[[[[[[[ *a ]]]]]]]]]]]]]]]]]]]]\n",
		 "w.yaml:2:25: nested too deeply; at most 32 levels are allowed");
}

static void test_billion_laughs(void **state)
{
	not_yaml("a: &a [x,x,x,x,x,x,x,x,x,x]\n"
		 "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
		 "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
		 "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
		 "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
		 "f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
		 "w.yaml:6:11: the document has too many values (131072, counting what aliases "
		 "stand for); use fewer aliases");
}

static void test_size(void **state)
{
	size_t n = (1u << 20) + 1;
	char *text = malloc(n);

	assert_non_null(text);
	memset(text, '#', n);
	not_yaml_n(text, n, "w.yaml:1:1: the document is larger than 1 MiB; shorten it");
	assert_int_equal(config_parse((struct str){ text, n - 1 }, "w.yaml", &doc, NULL), 0);
	free(text);
}

static void test_alias_is_its_anchor(void **state)
{
	struct sample s = read_sample("node: &n {k: v}\ntext: &t hello\nlist: [*t, *t]\n");

	assert_string_equal(s.list.v[1], "hello");
	config_settings_free(items, &s);
}

static void test_looking_around(void **state)
{
	const struct config_node *root, *list;
	struct errmsg em;

	parse("k: v\nlist: [a, ~, 'null']\n");
	root = config_root(doc);
	assert_int_equal(config_node_kind(root), CONFIG_NODE_MAPPING);
	assert_int_equal(config_node_count(root), 2);
	assert_true(str_equal(config_node_key(root, 1), STR("list")));
	list = config_node_at(root, 1);
	assert_int_equal(config_node_kind(list), CONFIG_NODE_SEQUENCE);
	assert_false(config_node_is_null(config_node_at(list, 0)));
	assert_true(config_node_is_null(config_node_at(list, 1)));
	assert_false(config_node_is_null(config_node_at(list, 2)));
	assert_null(config_node_at(list, 3));
	assert_null(config_node_get(root, "nothing"));
	assert_null(config_node_get(list, "k"));
	assert_int_equal(config_error(config_node_key_node(root, 1), &em, "no %s", "good"), -22);
	assert_string_equal(em.text, "w.yaml:2:1: no good");
}

/* ---- variables ---- */

static void test_variables(void **state)
{
	struct sample s;

	setenv("WEIR_TEST_A", "b: [c", 1); /* structure in a variable stays text */
	setenv("WEIR_TEST_EMPTY", "", 1);
	unsetenv("WEIR_TEST_NONE");
	s = read_sample("text: <${WEIR_TEST_A}> $$${WEIR_TEST_NONE:-d:-e} $${A} $x $\n"
			"size: ${WEIR_TEST_EMPTY:-2KiB}\n"
			"list: ['${WEIR_TEST_EMPTY}']\n");
	assert_string_equal(s.text, "<b: [c> $${WEIR_TEST_NONE:-d:-e} ${A} $x $");
	assert_int_equal(s.size, 2048);
	assert_string_equal(s.list.v[0], "");
	config_settings_free(items, &s);
}

static void test_variables_refused(void **state)
{
	unsetenv("WEIR_TEST_NONE");
	refused("text: a${WEIR_TEST_NONE}",
		"w.yaml:1:7: the environment variable WEIR_TEST_NONE is "
		"not set; set it, or write ${WEIR_TEST_NONE:-default}");
	refused("text: ${A",
		"w.yaml:1:7: '${' without '}'; write ${NAME}, or $${ for a literal ${");
	refused("text: '${a b}'", "w.yaml:1:7: 'a b' is not the name of an environment variable; "
				  "write ${NAME}, or $${ for a literal ${");
	refused("text: '${}'", "w.yaml:1:7: '' is not the name of an environment variable; write "
			       "${NAME}, or $${ for a literal ${");
	setenv("WEIR_TEST_A", "hunter2", 1);
	refused("size: ${WEIR_TEST_A}", "w.yaml:1:7: size: '${WEIR_TEST_A}' is not a size; write "
					"65536, 64KiB, 16MiB or 1GiB");
}

static void test_variable_too_long(void **state)
{
	char *value = malloc(70000);

	assert_non_null(value);
	memset(value, 'x', 69999);
	value[69999] = '\0';
	setenv("WEIR_TEST_LONG", value, 1);
	free(value);
	refused("text: ${WEIR_TEST_LONG}", "w.yaml:1:7: the value is longer than 64 KiB");
	unsetenv("WEIR_TEST_LONG");
}

/* ---- secrets ---- */

static char secret_path[64];

static void write_secret(const char *bytes, size_t n, mode_t mode)
{
	int fd;

	snprintf(secret_path, sizeof(secret_path), "/tmp/weir-test-secret-XXXXXX");
	fd = mkstemp(secret_path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static const char *with_path(void)
{
	static char text[256];

	snprintf(text, sizeof(text), "token: {file: %s}", secret_path);
	return text;
}

static void count_lines(void *ctx, enum log_level level, const char *line)
{
	assert_int_equal(level, LOG_LEVEL_WARN);
	assert_null(strstr(line, "hunter2"));
	++*(int *)ctx;
}

static void test_secret_file(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		mode_t mode;
		const char *secret;
		int warnings;
	} cases[] = {
		{ "hunter2\n", 8, 0400, "hunter2", 0 },
		{ "hunter2\r\n", 9, 0640, "hunter2", 0 },
		{ "hunter2\n\n", 9, 0600, "hunter2\n", 0 },
		{ "hunter2", 7, 0444, "hunter2", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sample s;
		int warnings = 0;

		log_capture(count_lines, &warnings);
		write_secret(cases[i].bytes, cases[i].n, cases[i].mode);
		s = read_sample(with_path());
		assert_true(str_equal(secret_reveal(s.token), str_of(cases[i].secret)));
		assert_int_equal(warnings, cases[i].warnings);
		config_settings_free(items, &s);
		unlink(secret_path);
	}
}

/* The message names the file, and holds no part of what is in it. */
static void secret_refused(const char *why)
{
	struct sample s = { 0 };
	struct errmsg em;

	parse(with_path());
	assert_true(config_read(config_root(doc), items, &s, &em) < 0);
	assert_non_null(strstr(em.text, why));
	assert_null(strstr(em.text, "hunter2"));
	assert_memory_equal(em.text, "w.yaml:1:", 9);
	unlink(secret_path);
}

static void test_secret_file_refused(void **state)
{
	write_secret("hunter2", 7, 0620);
	secret_refused("can be written by others than its owner; run chmod go-w on it");
	write_secret("hunter2", 7, 0602);
	secret_refused("can be written by others than its owner; run chmod go-w on it");
	write_secret("\n", 1, 0600);
	secret_refused("the secret is empty");
	secret_refused("No such file"); /* it was removed just now */
	assert_int_equal(mkfifo(secret_path, 0600), 0);
	secret_refused("is not a regular file");
}

static void test_secret_elsewhere(void **state)
{
	struct sample s;

	setenv("WEIR_TEST_A", "hunter2", 1);
	s = read_sample("token: {env: WEIR_TEST_A}");
	assert_true(str_equal(secret_reveal(s.token), STR("hunter2")));
	config_settings_free(items, &s);
	s = read_sample("token: 'pa${ss}word'"); /* taken as it is */
	assert_true(str_equal(secret_reveal(s.token), STR("pa${ss}word")));
	config_settings_free(items, &s);
	unsetenv("WEIR_TEST_A");
	refused("token: {env: WEIR_TEST_A}", "w.yaml:1:14: the environment variable WEIR_TEST_A is "
					     "not set; set it to the secret");
	refused("token: {fiel: hunter2}", "w.yaml:1:8: a secret is written as {file: PATH}, {env: "
					  "NAME} or its text");
	refused("token: [hunter2]", "w.yaml:1:8: a secret is written as {file: PATH}, {env: NAME} "
				    "or its text");
	refused("token: ''", "w.yaml:1:8: the secret is empty; give it a value");
}

/* ---- small parts ---- */

static void test_nearest(void **state)
{
	static const char *const names[] = { "stdout", "file", "discard", "faulty", "max_bytes" };

	assert_string_equal(config_nearest(STR("stodut"), names, 5), "stdout");
	assert_string_equal(config_nearest(STR("fiel"), names, 5), "file");
	assert_string_equal(config_nearest(STR("DISCARD"), names, 5), "discard");
	assert_string_equal(config_nearest(STR("maxbytes"), names, 5), "max_bytes");
	assert_null(config_nearest(STR("kafka"), names, 5));
	assert_null(config_nearest(STR(""), names, 5));
	assert_null(config_nearest(STR("x"), (const char *const[]){ "y" }, 1));
}

static void test_manual(void **state)
{
	struct buf out = buf_growable(65536);

	config_write_manual(items, "stage.", &out);
	buf_putc(&out, '\0');
	assert_true(buf_ok(&out));
	assert_non_null(
		strstr(out.p, "| `stage.flag` | `true` or `false` | `true` |  | restart |"));
	assert_non_null(strstr(out.p, "| `stage.count` | number of events | `7` |  | restart |"));
	assert_non_null(
		strstr(out.p, "| `stage.size` | size | `64KiB` | 1KiB or more | restart |"));
	assert_non_null(strstr(out.p, "| `stage.duration` | duration | `250ms` | 0 to 1m |"));
	assert_non_null(strstr(out.p, "| `stage.text` | text | empty |  | reload |"));
	assert_non_null(strstr(out.p, "| `stage.choice` | `low`, `middle`, `high` | `middle` |"));
	assert_non_null(strstr(out.p, "| `stage.token` | secret | none |"));
	assert_non_null(strstr(out.p, "| `stage.inner.depth` | number | `3` | 1 to 9 | restart | "
				      "How deep \\| how wide. |"));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_quoted_default),
		cmocka_unit_test(test_every_type),
		cmocka_unit_test(test_null_sections_are_empty),
		cmocka_unit_test(test_wrong_values),
		cmocka_unit_test(test_wrong_shapes),
		cmocka_unit_test(test_unknown_keys),
		cmocka_unit_test(test_required),
		cmocka_unit_test(test_not_yaml),
		cmocka_unit_test(test_syntax_errors),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_depth_of_aliases),
		cmocka_unit_test(test_billion_laughs),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_alias_is_its_anchor),
		cmocka_unit_test(test_looking_around),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_variables_refused),
		cmocka_unit_test(test_variable_too_long),
		cmocka_unit_test(test_secret_file),
		cmocka_unit_test(test_secret_file_refused),
		cmocka_unit_test(test_secret_elsewhere),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
