/* Reading MessagePack: every type, every way in which bytes may end too early, and lies about
 * lengths. */
#include "outputs/msgpack_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define BYTES(literal) ((struct str){ (literal), sizeof(literal) - 1 })

static struct msgpack_token read_one(struct str bytes)
{
	struct msgpack_token token;

	assert_int_equal(msgpack_read(&bytes, &token), MSGPACK_OK);
	assert_int_equal(bytes.n, 0);
	return token;
}

static void assert_integer(struct str bytes, uint64_t value)
{
	struct msgpack_token token = read_one(bytes);

	assert_int_equal(token.type, MSGPACK_INTEGER);
	assert_true(token.integer == value);
}

static void test_integers(void **state)
{
	assert_integer(BYTES("\x00"), 0);
	assert_integer(BYTES("\x7f"), 127);
	assert_integer(BYTES("\xff"), -1);
	assert_integer(BYTES("\xe0"), -32);
	assert_integer(BYTES("\xcc\xff"), 255);
	assert_integer(BYTES("\xcd\xff\xfe"), 65534);
	assert_integer(BYTES("\xce\xff\xff\xff\xff"), UINT32_MAX);
	assert_integer(BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), UINT64_MAX);
	assert_integer(BYTES("\xd0\x80"), -128);
	assert_integer(BYTES("\xd1\x80\x00"), -32768);
	assert_integer(BYTES("\xd2\x80\x00\x00\x00"), INT32_MIN);
	assert_integer(BYTES("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), INT64_MIN);
	assert_integer(BYTES("\xd3\x7f\xff\xff\xff\xff\xff\xff\xff"), INT64_MAX);
}

static void assert_bytes(struct str bytes, enum msgpack_type type, struct str value)
{
	struct msgpack_token token = read_one(bytes);

	assert_int_equal(token.type, type);
	assert_true(str_equal(token.bytes, value));
}

static void test_text_and_bytes(void **state)
{
	assert_bytes(BYTES("\xa0"), MSGPACK_STR, STR(""));
	assert_bytes(BYTES("\xa3"
			   "a\0b"),
		     MSGPACK_STR, BYTES("a\0b"));
	assert_bytes(BYTES("\xd9\x01\xff"), MSGPACK_STR, BYTES("\xff"));
	assert_bytes(BYTES("\xda\x00\x02"
			   "ab"),
		     MSGPACK_STR, STR("ab"));
	assert_bytes(BYTES("\xdb\x00\x00\x00\x02"
			   "ab"),
		     MSGPACK_STR, STR("ab"));
	assert_bytes(BYTES("\xc4\x02"
			   "ab"),
		     MSGPACK_BIN, STR("ab"));
	assert_bytes(BYTES("\xc5\x00\x02"
			   "ab"),
		     MSGPACK_BIN, STR("ab"));
	assert_bytes(BYTES("\xc6\x00\x00\x00\x02"
			   "ab"),
		     MSGPACK_BIN, STR("ab"));
	assert_bytes(BYTES("\xd4\x05"
			   "a"),
		     MSGPACK_EXT,
		     BYTES("\x05"
			   "a"));
	assert_bytes(BYTES("\xd7\x00"
			   "12345678"),
		     MSGPACK_EXT,
		     BYTES("\x00"
			   "12345678"));
	assert_bytes(BYTES("\xc7\x02\x00"
			   "ab"),
		     MSGPACK_EXT,
		     BYTES("\x00"
			   "ab"));
}

static void test_the_rest(void **state)
{
	assert_int_equal(read_one(BYTES("\xc0")).type, MSGPACK_NIL);
	assert_false(read_one(BYTES("\xc2")).boolean);
	assert_true(read_one(BYTES("\xc3")).boolean);
	assert_int_equal(read_one(BYTES("\xca"
					"1234"))
				 .type,
			 MSGPACK_FLOAT);
	assert_int_equal(read_one(BYTES("\xcb"
					"12345678"))
				 .type,
			 MSGPACK_FLOAT);
	assert_int_equal(read_one(BYTES("\x93")).count, 3);
	assert_int_equal(read_one(BYTES("\xdc\x01\x00")).count, 256);
	assert_int_equal(read_one(BYTES("\xdd\xff\xff\xff\xff")).count, UINT32_MAX);
	assert_int_equal(read_one(BYTES("\x8f")).count, 15);
	assert_int_equal(read_one(BYTES("\xde\x01\x00")).count, 256);
	assert_int_equal(read_one(BYTES("\xdf\xff\xff\xff\xff")).type, MSGPACK_MAP);
}

static void test_never_used_byte_is_bad(void **state)
{
	struct str bytes = BYTES("\xc1");

	assert_int_equal(msgpack_skip(&bytes), MSGPACK_BAD);
	assert_int_equal(bytes.n, 1);
	bytes = BYTES("\x92\x01\xc1");
	assert_int_equal(msgpack_skip(&bytes), MSGPACK_BAD);
}

/* Every first part of every value says that more is needed, and takes nothing. */
static void test_cut_anywhere(void **state)
{
	static const struct str values[] = {
		BYTES("\x82\xa3"
		      "ack\xd9\x02"
		      "id\xa1x\x93\xcd\x01\x02\xcb"
		      "12345678\xc7\x02\x00zz"),
		BYTES("\xdc\x00\x02\xde\x00\x01\xda\x00\x01"
		      "a\xdb\x00\x00\x00\x01"
		      "b\xd8\x01"
		      "0123456789abcdef"),
		BYTES("\x96\xcc\x01\xce\x00\x00\x00\x01\xcf\x00\x00\x00\x00\x00\x00\x00\x01\xd0\x01"
		      "\xd2\x00\x00\x00\x01\xc6\x00\x00\x00\x01z"),
	};
	size_t i, n;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		for (n = 0; n < values[i].n; n++) {
			struct str part = { values[i].p, n };

			assert_int_equal(msgpack_skip(&part), MSGPACK_MORE);
			assert_int_equal(part.n, n);
		}
		struct str whole = values[i];

		assert_int_equal(msgpack_skip(&whole), MSGPACK_OK);
		assert_int_equal(whole.n, 0);
	}
}

/* Counts multiply with depth; nothing recurses and nothing overflows. */
static void test_deep_and_wide_lies(void **state)
{
	char bytes[4096];
	struct str in = { bytes, sizeof(bytes) };

	memset(bytes, 0xdf, sizeof(bytes)); /* maps of 3,755,991,007 pairs in maps */
	assert_int_equal(msgpack_skip(&in), MSGPACK_MORE);
	memset(bytes, 0x91, sizeof(bytes));
	assert_int_equal(msgpack_skip(&in), MSGPACK_MORE);
	bytes[sizeof(bytes) - 1] = (char)0xc0;
	assert_int_equal(msgpack_skip(&in), MSGPACK_OK);
}

static void test_find(void **state)
{
	const struct str map = BYTES("\x84\x05\x06\xa1"
				     "a\x92\x01\x02\xc4\x01"
				     "b\xa1z\xa1"
				     "c\xc0");
	struct str at = map, text;

	assert_true(msgpack_find(&at, STR("b")));
	assert_true(msgpack_read_text(&at, &text));
	assert_true(str_equal(text, STR("z")));
	at = map;
	assert_true(msgpack_find(&at, STR("a")));
	assert_false(msgpack_read_text(&at, &text));
	at = map;
	assert_false(msgpack_find(&at, STR("d")));
	at = BYTES("\x92\xa1"
		   "a\xa1"
		   "b");
	assert_false(msgpack_find(&at, STR("a")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),     cmocka_unit_test(test_text_and_bytes),
		cmocka_unit_test(test_the_rest),     cmocka_unit_test(test_never_used_byte_is_bad),
		cmocka_unit_test(test_cut_anywhere), cmocka_unit_test(test_deep_and_wide_lies),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
