/* What json_write makes is read by jansson: another's idea of JSON, not ours twice. */

#include <jansson.h>
#include "base/json_write.h"
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define FFFD "\xef\xbf\xbd"

/* Writes s as JSON, lets jansson read it and compares with what should be there. */
static bool round_trip(struct str s, const char *expected, size_t n)
{
	struct buf b = buf_growable(1 << 20);
	bool valid = json_quoted(&b, s);
	json_t *v;

	assert_true(buf_ok(&b));
	v = json_loadb(b.p, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	assert_non_null(v);
	assert_int_equal(json_string_length(v), n);
	assert_memory_equal(json_string_value(v), expected, n);
	for (size_t i = 0; i < b.len; i++)
		assert_true((unsigned char)b.p[i] >= 0x20 && b.p[i] != 0x7f);
	json_decref(v);
	buf_free(&b);
	return valid;
}

static void assert_text(void (*write)(struct buf *b, struct str s), struct str in,
			const char *expected)
{
	struct buf b = buf_growable(4096);

	write(&b, in);
	buf_putc(&b, '\0');
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, expected);
	buf_free(&b);
}

static void write_string(struct buf *b, struct str s)
{
	json_quoted(b, s);
}

static void test_every_single_byte(void **state)
{
	for (unsigned int c = 0; c < 256; c++) {
		char byte = (char)c;
		bool valid = round_trip((struct str){ &byte, 1 }, c < 0x80 ? &byte : FFFD,
					c < 0x80 ? 1 : 3);

		assert_int_equal(valid, c < 0x80);
	}
}

/* The fast path looks at eight and more bytes at a time: each byte in each place. */
static void test_every_byte_in_every_place_of_a_word(void **state)
{
	for (unsigned int c = 0; c < 128; c++)
		for (size_t at = 0; at < 40; at++) {
			char text[40];

			memset(text, 'a', sizeof(text));
			text[at] = (char)c;
			assert_true(
				round_trip((struct str){ text, sizeof(text) }, text, sizeof(text)));
		}
}

static void test_escapes(void **state)
{
	assert_text(write_string, STR("\"\\/\b\f\n\r\t"), "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
	assert_text(write_string, (struct str){ "\0\x1b\x7f", 3 }, "\"\\u0000\\u001b\\u007f\"");
	assert_text(write_string, STR("\xc2\x80\xc2\x9f\xc2\xa0"), "\"\\u0080\\u009f\xc2\xa0\"");
	assert_text(write_string, (struct str){ NULL, 0 }, "\"\"");
}

static void test_valid_utf8_passes_as_it_is(void **state)
{
	static const char *const cases[] = {
		"\xc3\xa9",	    "\xdf\xbf",		"\xe0\xa0\x80",
		"\xed\x9f\xbf",	    "\xee\x80\x80",	"\xef\xbf\xbf",
		"\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xe2\x82\xac-",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_true(round_trip(str_of(cases[i]), cases[i], strlen(cases[i])));
}

static void test_each_class_of_invalid_utf8(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "\x80", FFFD }, /* lone continuation */
		{ "\xbf-", FFFD "-" },
		{ "\xc0\xaf", FFFD FFFD }, /* overlong '/' */
		{ "\xc1\xbf", FFFD FFFD },
		{ "\xe0\x9f\xbf", FFFD FFFD FFFD },	     /* overlong, three bytes */
		{ "\xf0\x8f\xbf\xbf", FFFD FFFD FFFD FFFD }, /* overlong, four bytes */
		{ "\xed\xa0\x80", FFFD FFFD FFFD },	     /* high surrogate */
		{ "\xed\xbf\xbf", FFFD FFFD FFFD },	     /* low surrogate */
		{ "\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD }, /* past U+10FFFF */
		{ "\xf5\x80\x80\x80", FFFD FFFD FFFD FFFD },
		{ "\xfe\xff", FFFD FFFD }, /* never in UTF-8 */
		{ "\xc3", FFFD },	   /* cut at the end */
		{ "\xe2\x82", FFFD FFFD },
		{ "\xf0\x9f\x98", FFFD FFFD FFFD },
		{ "\xc3\"", FFFD "\"" }, /* a quote must not hide */
		{ "\xe2\x82\"", FFFD FFFD "\"" },
		{ "\xe2\"\x82", FFFD "\"" FFFD },
		{ "\xc3\xc3\xa9", FFFD "\xc3\xa9" }, /* goes on right behind */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_false(round_trip(str_of(cases[i].in), cases[i].out, strlen(cases[i].out)));
}

/* The rule in the slowest words there are: byte by byte, through utf8_valid_prefix(). */
static size_t expect(const char *p, size_t n, char *out, bool *valid_r)
{
	size_t len = 0;

	*valid_r = true;
	for (size_t at = 0; at < n;) {
		size_t good = utf8_valid_prefix((struct str){ p + at, n - at });

		memcpy(out + len, p + at, good);
		len += good;
		at += good;
		if (at == n)
			break;
		memcpy(out + len, FFFD, 3);
		len += 3;
		at++;
		*valid_r = false;
	}
	return len;
}

static void test_random_bytes(void **state)
{
	unsigned int seed = 12345;

	for (int round = 0; round < 20000; round++) {
		char in[64], out[3 * sizeof(in)];
		size_t n = (size_t)rand_r(&seed) % sizeof(in), len;
		bool valid;

		for (size_t i = 0; i < n; i++) /* mostly text, so that long sequences occur */
			in[i] = (char)(rand_r(&seed) % 3 ? rand_r(&seed) % 128 : rand_r(&seed));
		len = expect(in, n, out, &valid);
		assert_int_equal(round_trip((struct str){ in, n }, out, len), valid);
	}
}

static void test_overflow_is_said_and_nothing_is_written_behind(void **state)
{
	char mem[33];
	struct buf b = buf_fixed(mem, 32);

	mem[32] = '!';
	json_quoted(&b, STR("0123456789\n0123456789\n0123456789\xff"));
	assert_false(buf_ok(&b));
	assert_true(b.len <= 32);
	assert_int_equal(mem[32], '!');
	b = buf_fixed(mem, 7);
	json_base64(&b, STR("123456"));
	assert_false(buf_ok(&b));
	assert_int_equal(b.len, 0);
}

static void test_fields_make_an_object(void **state)
{
	struct buf b = buf_growable(4096);

	buf_putc(&b, '{');
	json_field_string(&b, "s", STR("{"));
	json_field_u64(&b, "n", 42);
	json_field_u64_string(&b, "big", UINT64_MAX);
	json_field_bool(&b, "yes", true);
	json_field_bool(&b, "no", false);
	json_field_time(&b, "t", 0);
	json_key(&b, "list");
	buf_putc(&b, '[');
	json_comma(&b);
	buf_u64(&b, 1);
	json_comma(&b);
	buf_u64(&b, 2);
	buf_lit(&b, "]}");
	buf_putc(&b, '\0');
	assert_string_equal(b.p, "{\"s\":\"{\",\"n\":42,\"big\":\"18446744073709551615\","
				 "\"yes\":true,\"no\":false,\"t\":\"1970-01-01T00:00:00Z\","
				 "\"list\":[1,2]}");
	buf_free(&b);
}

static void test_first_key_of_an_empty_buffer_has_no_comma(void **state)
{
	struct buf b = buf_growable(64);

	json_field_u64(&b, "a", 1);
	json_field_u64(&b, "b", 2);
	buf_putc(&b, '\0');
	assert_string_equal(b.p, "\"a\":1,\"b\":2");
	buf_free(&b);
}

static void assert_time(uint64_t wall_ns, const char *expected)
{
	struct buf b = buf_growable(64);

	json_time(&b, wall_ns);
	buf_putc(&b, '\0');
	assert_string_equal(b.p, expected);
	buf_free(&b);
}

static void test_time_digits(void **state)
{
	const uint64_t s = 1600000000ull * 1000000000ull;

	assert_time(s, "2020-09-13T12:26:40Z");
	assert_time(s + 500000000, "2020-09-13T12:26:40.500Z");
	assert_time(s + 1000000, "2020-09-13T12:26:40.001Z");
	assert_time(s + 1000, "2020-09-13T12:26:40.000001Z");
	assert_time(s + 120000, "2020-09-13T12:26:40.000120Z");
	assert_time(s + 1, "2020-09-13T12:26:40.000000001Z");
	assert_time(s + 999999999, "2020-09-13T12:26:40.999999999Z");
}

/* From `date -u -d @SECONDS`, not from our own arithmetic. */
static void test_dates(void **state)
{
	static const struct {
		uint64_t sec;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00Z" },		 { 68169599, "1972-02-28T23:59:59Z" },
		{ 68169600, "1972-02-29T00:00:00Z" },	 { 68255999, "1972-02-29T23:59:59Z" },
		{ 68256000, "1972-03-01T00:00:00Z" },	 { 951782400, "2000-02-29T00:00:00Z" },
		{ 951868800, "2000-03-01T00:00:00Z" },	 { 978307199, "2000-12-31T23:59:59Z" },
		{ 978307200, "2001-01-01T00:00:00Z" },	 { 1709164800, "2024-02-29T00:00:00Z" },
		{ 2147483648, "2038-01-19T03:14:08Z" },	 { 4107456000, "2100-02-28T00:00:00Z" },
		{ 4107542400, "2100-03-01T00:00:00Z" },	 { 4294967296, "2106-02-07T06:28:16Z" },
		{ 13574563200, "2400-02-29T00:00:00Z" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_time(cases[i].sec * 1000000000ull, cases[i].text);
	assert_time(UINT64_MAX, "2554-07-21T23:34:33.709551615Z");
}

static void test_base64_vectors(void **state)
{
	/* RFC 4648, section 10. */
	assert_text(json_base64, STR(""), "");
	assert_text(json_base64, STR("f"), "Zg==");
	assert_text(json_base64, STR("fo"), "Zm8=");
	assert_text(json_base64, STR("foo"), "Zm9v");
	assert_text(json_base64, STR("foob"), "Zm9vYg==");
	assert_text(json_base64, STR("fooba"), "Zm9vYmE=");
	assert_text(json_base64, STR("foobar"), "Zm9vYmFy");
	assert_text(json_base64, (struct str){ "\xff\xef\xbe\x00", 4 }, "/+++AA==");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_single_byte),
		cmocka_unit_test(test_every_byte_in_every_place_of_a_word),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_valid_utf8_passes_as_it_is),
		cmocka_unit_test(test_each_class_of_invalid_utf8),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_overflow_is_said_and_nothing_is_written_behind),
		cmocka_unit_test(test_fields_make_an_object),
		cmocka_unit_test(test_first_key_of_an_empty_buffer_has_no_comma),
		cmocka_unit_test(test_time_digits),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_base64_vectors),
	};

	return cmocka_run_group_tests_name("json_write", tests, NULL, NULL);
}
