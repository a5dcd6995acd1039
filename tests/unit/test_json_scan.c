#include "outputs/json_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct json_value parse(const char *text)
{
	struct json_value value;

	json_parse(str_of(text), &value);
	return value;
}

static void assert_str(struct str s, const char *expected)
{
	assert_int_equal(s.n, strlen(expected));
	assert_memory_equal(s.p, expected, s.n);
}

static void test_finds_by_path(void **state)
{
	struct json_value v = parse(
		" {\"a\": {\"b\" :[1,{\"x\":\"]}\\\"\"}], \"c\":\"d\\\\\"}, \"n\":-1.5e3,\"t\":true,"
		"\"z\":null,\"e\":{}}");

	assert_int_equal(v.type, JSON_OBJECT);
	assert_str(json_get(&v, "a.c").raw, "d\\\\");
	assert_str(json_get(&v, "a.b").raw, "[1,{\"x\":\"]}\\\"\"}]");
	assert_int_equal(json_get(&v, "n").type, JSON_NUMBER);
	assert_int_equal(json_get(&v, "t").type, JSON_BOOL);
	assert_int_equal(json_get(&v, "z").type, JSON_NULL);
	assert_int_equal(json_get(&v, "e").type, JSON_OBJECT);
	assert_int_equal(json_get(&v, "e.x").type, JSON_NONE);
	assert_int_equal(json_get(&v, "a.c.d").type, JSON_NONE);
	assert_int_equal(json_get(&v, "missing").type, JSON_NONE);
}

static void test_walks_arrays_and_objects(void **state)
{
	struct json_value v = parse("[\"a\", 2 ,[],{}]"), element;
	struct json_iter iter = json_iterate(&v);
	static const enum json_type types[] = { JSON_STRING, JSON_NUMBER, JSON_ARRAY, JSON_OBJECT };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		assert_true(json_next_element(&iter, &element));
		assert_int_equal(element.type, types[i]);
	}
	assert_false(json_next_element(&iter, &element));
	assert_false(json_next_element(&iter, &element));
}

static void test_garbage_is_not_there(void **state)
{
	static const char *const garbage[] = {
		"",	     " ",	   "{",	    "}",       "[",	    "{\"a\"", "{\"a\":1",
		"{\"a\":[}", "[{]}",	   "\"abc", "\"abc\\", "\"abc\\\"", "{} x",   "nul",
		"tru",	     "{\"a\":1}}", "]",	    ":",       ",",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(garbage); i++)
		assert_int_equal(parse(garbage[i]).type, JSON_NONE);
}

static void test_broken_members_end_the_walk(void **state)
{
	static const char *const broken[] = { "{1:2,\"a\":1}", "{\"x\" 1,\"a\":1}",
					      "{\"x\":,\"a\":1}", "{\"x\":1 \"a\":1}",
					      "{,\"a\":1}" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(broken); i++) {
		struct json_value v = parse(broken[i]);

		assert_int_equal(json_get(&v, "a").type, JSON_NONE);
	}
}

static void test_depth_is_bounded(void **state)
{
	char text[2 * (JSON_MAX_DEPTH + 1) + 1];

	memset(text, '[', JSON_MAX_DEPTH);
	memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	text[2 * JSON_MAX_DEPTH] = '\0';
	assert_int_equal(parse(text).type, JSON_ARRAY);
	memset(text, '[', JSON_MAX_DEPTH + 1);
	memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	text[2 * JSON_MAX_DEPTH + 2] = '\0';
	assert_int_equal(parse(text).type, JSON_NONE);
}

static void assert_unescaped(const char *raw, const char *expected)
{
	char mem[256];
	struct buf out = buf_fixed(mem, sizeof(mem));

	json_unescape(str_of(raw), &out);
	assert_str(buf_str(&out), expected);
}

static void test_unescapes(void **state)
{
	assert_unescaped("a\\\"b\\\\c\\/\\b\\f\\n\\r\\t", "a\"b\\c/\b\f\n\r\t");
	assert_unescaped("\\u0041\\u00e9\\u20ac", "A\xc3\xa9\xe2\x82\xac");
	assert_unescaped("\\ud83d\\ude00", "\xf0\x9f\x98\x80");
	assert_unescaped("\\ud83d!", "\xef\xbf\xbd!");
	assert_unescaped("\\ude00", "\xef\xbf\xbd");
	assert_unescaped("\\u12", "\xef\xbf\xbd"
				  "12");
	assert_unescaped("\\q", "\xef\xbf\xbd");
	assert_unescaped("end\\", "end\xef\xbf\xbd");
}

static void test_reads_numbers_as_protojson_writes_them(void **state)
{
	struct json_value v =
		parse("{\"a\":\"18446744073709551615\",\"b\":7,\"c\":\"18446744073709551616\","
		      "\"d\":\"\",\"e\":-1,\"f\":1.5,\"g\":true}");
	struct json_value member = json_get(&v, "a");
	uint64_t n;
	const char *bad;

	assert_true(json_u64(&member, &n));
	assert_int_equal(n, UINT64_MAX);
	member = json_get(&v, "b");
	assert_true(json_u64(&member, &n));
	assert_int_equal(n, 7);
	for (bad = "cdefg"; *bad; bad++) {
		char name[2] = { *bad, 0 };

		member = json_get(&v, name);
		assert_false(json_u64(&member, &n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_by_path),
		cmocka_unit_test(test_walks_arrays_and_objects),
		cmocka_unit_test(test_garbage_is_not_there),
		cmocka_unit_test(test_broken_members_end_the_walk),
		cmocka_unit_test(test_depth_is_bounded),
		cmocka_unit_test(test_unescapes),
		cmocka_unit_test(test_reads_numbers_as_protojson_writes_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
