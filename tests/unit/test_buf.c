#include "base/buf.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

/* One test asks for more memory than there is and wants NULL, also under the sanitizer. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void assert_buf(const struct buf *b, const char *expected)
{
	assert_int_equal(b->len, strlen(expected));
	assert_memory_equal(b->p, expected, b->len);
}

static void test_fixed_fills_to_the_last_byte_and_no_further(void **state)
{
	char mem[9] = "........";
	struct buf b = buf_fixed(mem, 4);

	buf_put(&b, "abc", 3);
	buf_putc(&b, 'd');
	assert_true(buf_ok(&b));
	buf_putc(&b, 'e');
	assert_false(buf_ok(&b));
	assert_buf(&b, "abcd");
	assert_memory_equal(mem, "abcd....", 8);
}

static void test_what_does_not_fit_is_left_out_whole(void **state)
{
	char mem[4];
	struct buf b = buf_fixed(mem, sizeof(mem));

	buf_lit(&b, "ab");
	buf_lit(&b, "cde");
	assert_buf(&b, "ab");
	assert_false(buf_ok(&b));
}

static void test_overflow_stays_until_reset(void **state)
{
	char mem[2];
	struct buf b = buf_fixed(mem, sizeof(mem));

	buf_lit(&b, "abc");
	buf_putc(&b, 'x');
	assert_false(buf_ok(&b));
	buf_printf(&b, "%s", "");
	assert_false(buf_ok(&b));
	buf_reset(&b);
	assert_true(buf_ok(&b));
	buf_lit(&b, "ok");
	assert_true(buf_ok(&b));
	assert_buf(&b, "ok");
}

static void test_nothing_is_always_room_for_nothing(void **state)
{
	struct buf b = buf_fixed(NULL, 0);

	buf_put(&b, NULL, 0);
	buf_puts(&b, (struct str){ NULL, 0 });
	assert_true(buf_ok(&b));
	buf_putc(&b, 'a');
	assert_false(buf_ok(&b));
	assert_int_equal(b.len, 0);
}

static void test_growable_grows_to_its_limit(void **state)
{
	struct buf b = buf_growable(1000);

	for (int i = 0; i < 1000; i++)
		buf_putc(&b, (char)('a' + i % 26));
	assert_true(buf_ok(&b));
	assert_true(b.cap <= 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(b.p[i], 'a' + i % 26);
	buf_putc(&b, '!');
	assert_false(buf_ok(&b));
	assert_int_equal(b.len, 1000);
	buf_free(&b);
	assert_null(b.p);
	assert_int_equal(b.len, 0);
	/* Freed, it can be used again. */
	buf_lit(&b, "again");
	assert_buf(&b, "again");
	buf_free(&b);
}

static void test_one_write_may_fill_the_limit(void **state)
{
	struct buf b = buf_growable(1000);
	char text[1000];

	memset(text, 't', sizeof(text));
	buf_put(&b, text, sizeof(text));
	assert_true(buf_ok(&b));
	assert_int_equal(b.len, sizeof(text));
	buf_free(&b);
}

static void test_sizes_near_the_end_of_size_t(void **state)
{
	struct buf b = buf_growable(SIZE_MAX);

	buf_lit(&b, "abc");
	assert_false(buf_reserve(&b, SIZE_MAX));
	assert_false(buf_ok(&b));
	buf_reset(&b);
	/* Fits the limit, but not memory: refused, not a loop without end. */
	assert_false(buf_reserve(&b, SIZE_MAX / 2 + 2));
	assert_false(buf_ok(&b));
	buf_free(&b);
}

static void test_overflow_stops_growth(void **state)
{
	struct buf b = buf_growable(300);
	size_t cap;

	buf_lit(&b, "abc");
	cap = b.cap;
	assert_false(buf_reserve(&b, 301));
	assert_false(buf_reserve(&b, cap));
	assert_int_equal(b.cap, cap);
	buf_free(&b);
}

static void test_printf_at_the_edge(void **state)
{
	char mem[8];
	struct buf b = buf_fixed(mem, sizeof(mem));

	buf_printf(&b, "%d", 1234567);
	assert_true(buf_ok(&b));
	assert_buf(&b, "1234567");
	buf_printf(&b, "%s", "");
	assert_true(buf_ok(&b));
	/* One byte of room, none for the terminator. */
	buf_printf(&b, "%c", '8');
	assert_false(buf_ok(&b));
	assert_buf(&b, "1234567");
}

static void test_printf_grows(void **state)
{
	struct buf b = buf_growable(4096);
	char expected[2001];

	memset(expected, 'x', 2000);
	expected[2000] = '\0';
	buf_printf(&b, "%s", "a");
	buf_printf(&b, "%s|%s", expected, "end");
	assert_true(buf_ok(&b));
	assert_int_equal(b.len, 2005);
	assert_memory_equal(b.p + 1, expected, 2000);
	assert_memory_equal(b.p + 2001, "|end", 4);
	buf_printf(&b, "%s%s", expected, expected);
	assert_false(buf_ok(&b));
	assert_int_equal(b.len, 2005);
	buf_free(&b);
}

static void test_numbers(void **state)
{
	static const struct {
		int64_t v;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 7, "7" },
		{ -1, "-1" },
		{ 1000, "1000" },
		{ INT64_MAX, "9223372036854775807" },
		{ INT64_MIN, "-9223372036854775808" },
	};
	struct buf b = buf_growable(100);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		buf_reset(&b);
		buf_i64(&b, cases[i].v);
		assert_buf(&b, cases[i].text);
	}
	buf_reset(&b);
	buf_u64(&b, UINT64_MAX);
	assert_buf(&b, "18446744073709551615");
	buf_free(&b);
}

static void test_a_number_is_written_whole_or_not(void **state)
{
	char mem[3];
	struct buf b = buf_fixed(mem, sizeof(mem));

	buf_i64(&b, -123);
	assert_false(buf_ok(&b));
	assert_int_equal(b.len, 0);
	buf_u64(&b, 1234);
	assert_int_equal(b.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed_fills_to_the_last_byte_and_no_further),
		cmocka_unit_test(test_what_does_not_fit_is_left_out_whole),
		cmocka_unit_test(test_overflow_stays_until_reset),
		cmocka_unit_test(test_nothing_is_always_room_for_nothing),
		cmocka_unit_test(test_growable_grows_to_its_limit),
		cmocka_unit_test(test_one_write_may_fill_the_limit),
		cmocka_unit_test(test_sizes_near_the_end_of_size_t),
		cmocka_unit_test(test_overflow_stops_growth),
		cmocka_unit_test(test_printf_at_the_edge),
		cmocka_unit_test(test_printf_grows),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_a_number_is_written_whole_or_not),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
