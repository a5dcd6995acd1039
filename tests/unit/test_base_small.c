/* The small modules of base/: utf8, crc32c, log, errmsg, secret, clock, hash. */
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/errmsg.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/node.h"
#include "base/secret.h"
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <cmocka.h>

/* ---- utf8 ---- */

static void test_utf8_valid_prefix(void **state)
{
	static const struct {
		const char *text;
		size_t n, prefix;
	} cases[] = {
		{ "", 0, 0 },
		{ "plain ascii, longer than a word", 31, 31 },
		{ "\0\x7f", 2, 2 },
		{ "\xc2\x80", 2, 2 },
		{ "\xe0\xa0\x80", 3, 3 },
		{ "\xed\x9f\xbf", 3, 3 },
		{ "\xef\xbf\xbf", 3, 3 },
		{ "\xf0\x90\x80\x80", 4, 4 },
		{ "\xf4\x8f\xbf\xbf", 4, 4 },
		{ "12345678\xff", 9, 8 },
		{ "1234567\xffz", 9, 7 },
		{ "\x80", 1, 0 },
		{ "\xc0\x80", 2, 0 },
		{ "\xc1\xbf", 2, 0 },
		{ "\xe0\x9f\xbf", 3, 0 },
		{ "\xed\xa0\x80", 3, 0 },
		{ "\xf0\x8f\xbf\xbf", 4, 0 },
		{ "\xf4\x90\x80\x80", 4, 0 },
		{ "\xf5\x80\x80\x80", 4, 0 },
		{ "a\xe2\x82", 3, 1 },
		{ "a\xe2\x28\xa1", 4, 1 },
		{ "a\xf0\x9f\x98", 4, 1 },
		{ "a\xf0\x9f\x28\x80", 5, 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str s = { cases[i].text, cases[i].n };

		assert_int_equal(utf8_valid_prefix(s), cases[i].prefix);
		assert_int_equal(utf8_is_valid(s), cases[i].prefix == cases[i].n);
	}
}

/* Each sequence of two bytes against the definition: RFC 3629, section 4. */
static void test_utf8_all_pairs(void **state)
{
	for (unsigned int a = 0; a < 256; a++)
		for (unsigned int c = 0; c < 256; c++) {
			char pair[2] = { (char)a, (char)c };
			size_t expected = a < 0x80 ? (c < 0x80 ? 2 : 1)
					  : a >= 0xc2 && a <= 0xdf && c >= 0x80 && c <= 0xbf ? 2
											     : 0;

			assert_int_equal(utf8_valid_prefix((struct str){ pair, 2 }), expected);
		}
}

static void test_utf8_take_visible(void **state)
{
	struct str s = STR("a\xc3\xa9\x1b\x7f\xc2\x85\xc2\xa0\xff\xe2\x82");
	static const char *const expected[] = {
		"a",	    "\xc3\xa9",	    "\xef\xbf\xbd", "\xef\xbf\xbd", "\xef\xbf\xbd",
		"\xc2\xa0", "\xef\xbf\xbd", "\xef\xbf\xbd", "\xef\xbf\xbd"
	};

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_true(str_equal(utf8_take_visible(&s), str_of(expected[i])));
	assert_int_equal(s.n, 0);
}

/* ---- crc32c ---- */

static void test_crc32c_vectors(void **state)
{
	/* RFC 3720, appendix B.4 */
	unsigned char bytes[32];

	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, "", 0), 0);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43);
	for (unsigned int i = 0; i < 32; i++)
		bytes[i] = (unsigned char)i;
	assert_int_equal(crc32c(0, bytes, 32), 0x46dd794e);
}

static uint32_t crc_by_definition(const unsigned char *p, size_t n)
{
	uint32_t crc = ~0u;

	while (n--) {
		crc ^= *p++;
		for (int k = 0; k < 8; k++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
	}
	return ~crc;
}

/* Long ones, of every alignment: an implementation may take many bytes at a time. */
static void test_crc32c_of_any_length_and_alignment(void **state)
{
	static unsigned char bytes[20000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)hash_u64(i);
	for (size_t n = 0; n < 1200; n++)
		assert_int_equal(crc32c(0, bytes + n % 67, n),
				 crc_by_definition(bytes + n % 67, n));
	for (size_t n = sizeof(bytes) - 20; n <= sizeof(bytes); n++)
		assert_int_equal(crc32c(0, bytes, n), crc_by_definition(bytes, n));
}

static void test_crc32c_continues(void **state)
{
	const char text[] = "the quick brown fox jumps over the lazy dog, twice over";

	for (size_t at = 0; at < sizeof(text); at++)
		assert_int_equal(crc32c(crc32c(0, text, at), text + at, sizeof(text) - at),
				 crc32c(0, text, sizeof(text)));
}

static void test_crc32c_continues_over_long_pieces(void **state)
{
	static unsigned char bytes[3000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)hash_u64(i);
	for (size_t at = 0; at < sizeof(bytes); at += 37)
		assert_int_equal(crc32c(crc32c(0, bytes, at), bytes + at, sizeof(bytes) - at),
				 crc_by_definition(bytes, sizeof(bytes)));
}

/* ---- log ---- */

struct captured {
	unsigned int lines;
	enum log_level level;
	char last[2048];
};

static void capture_line(void *ctx, enum log_level level, const char *line)
{
	struct captured *captured = ctx;

	captured->lines++;
	captured->level = level;
	snprintf(captured->last, sizeof(captured->last), "%s", line);
}

static void test_log_line(void **state)
{
	struct captured captured = { 0 };

	log_init("collector", LOG_LEVEL_WARN);
	log_capture(capture_line, &captured);
	log_info("not this one");
	assert_int_equal(captured.lines, 0);
	log_warn("output %s: lost", "siem");
	assert_int_equal(captured.lines, 1);
	assert_int_equal(captured.level, LOG_LEVEL_WARN);
	assert_non_null(strstr(captured.last, "Z collector["));
	assert_non_null(strstr(captured.last, "] warn: output siem: lost"));
	assert_int_equal(captured.last[10], 'T');
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("now this one too");
	assert_int_equal(captured.lines, 2);
	log_capture(NULL, NULL);
	log_init("weir", LOG_LEVEL_INFO);
}

static void test_log_message_is_one_line_of_bounded_length(void **state)
{
	struct captured captured = { 0 };
	char big[3000];

	log_capture(capture_line, &captured);
	log_error("peer says: a\n2026-01-01T00:00:00Z weir[1] info: forged\x1b[2J\x7f");
	assert_null(strpbrk(captured.last, "\n\x1b\x7f"));
	assert_non_null(strstr(captured.last, "says: a 2026-"));
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_error("%s", big);
	assert_int_equal(strlen(captured.last), 1023);
	log_capture(NULL, NULL);
}

static void test_log_limit(void **state)
{
	const uint64_t minute = 60 * NSEC_PER_SEC, start = 5 * NSEC_PER_SEC;
	struct log_limit limit = { 0 };
	uint64_t suppressed = 99;

	assert_true(log_limit_pass(&limit, start, &suppressed));
	assert_int_equal(suppressed, 0);
	for (uint64_t i = 1; i <= 1000; i++)
		assert_false(log_limit_pass(&limit, start + i, &suppressed));
	assert_false(log_limit_pass(&limit, start + minute - 1, &suppressed));
	assert_true(log_limit_pass(&limit, start + minute, &suppressed));
	assert_int_equal(suppressed, 1001);
	assert_false(log_limit_pass(&limit, start + minute + 1, &suppressed));
	assert_true(log_limit_pass(&limit, start + 3 * minute, &suppressed));
	assert_int_equal(suppressed, 1);
}

static void test_log_limit_at_time_zero(void **state)
{
	struct log_limit limit = { 0 };
	uint64_t suppressed;

	assert_true(log_limit_pass(&limit, 0, &suppressed));
	assert_false(log_limit_pass(&limit, 0, &suppressed));
}

/* ---- errmsg ---- */

static void test_errmsg(void **state)
{
	struct errmsg em;

	errmsg_set(&em, "line %d: %s", 7, "no such key");
	errmsg_prefix(&em, "%s", "weir.yaml");
	assert_string_equal(em.text, "weir.yaml: line 7: no such key");
	errmsg_prefix(&em, "reload");
	assert_string_equal(em.text, "reload: weir.yaml: line 7: no such key");
	errmsg_set(NULL, "%s", "nobody wants to know");
	errmsg_prefix(NULL, "%s", "nobody");
}

static void test_errmsg_is_cut_not_overrun(void **state)
{
	char big[2000];
	struct {
		struct errmsg em;
		char guard[8];
	} box = { .guard = "guarded" };

	memset(big, 'e', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	errmsg_set(&box.em, "%s", big);
	assert_int_equal(strlen(box.em.text), sizeof(box.em.text) - 1);
	errmsg_prefix(&box.em, "short");
	assert_int_equal(strlen(box.em.text), sizeof(box.em.text) - 1);
	assert_true(strncmp(box.em.text, "short: eee", 10) == 0);
	errmsg_prefix(&box.em, "%s", big);
	assert_int_equal(strlen(box.em.text), sizeof(box.em.text) - 1);
	assert_string_equal(box.guard, "guarded");
}

/* ---- secret ---- */

/* The linker puts these in place of the C library's (--wrap): what a freed secret leaves behind
 * can only be seen at the moment when it is given back, what a dump would hold by the advice. */
int __real_munmap(void *mem, size_t n);
int __wrap_munmap(void *mem, size_t n);
int __real_madvise(void *mem, size_t n, int advice);
int __wrap_madvise(void *mem, size_t n, int advice);

static size_t given_back, not_zero, kept_out_of_dumps;

int __wrap_munmap(void *mem, size_t n)
{
	given_back += n;
	for (size_t i = 0; i < n; i++)
		not_zero += ((const char *)mem)[i] != 0;
	return __real_munmap(mem, n);
}

int __wrap_madvise(void *mem, size_t n, int advice)
{
	if (advice == MADV_DONTDUMP)
		kept_out_of_dumps += n;
	return __real_madvise(mem, n, advice);
}

static void test_secret_is_wiped_before_it_is_freed(void **state)
{
	char password[] = "correct horse battery staple";
	struct secret *secret = secret_create(password, sizeof(password));

	assert_non_null(secret);
	secret_wipe(password, sizeof(password));
	for (size_t i = 0; i < sizeof(password); i++)
		assert_int_equal(password[i], 0);
	assert_true(str_equal(secret_reveal(secret),
			      (struct str){ "correct horse battery staple", sizeof(password) }));
	assert_true(kept_out_of_dumps > sizeof(password));
	given_back = not_zero = 0;
	secret_free(&secret);
	assert_null(secret);
	assert_true(given_back > sizeof(password));
	assert_int_equal(not_zero, 0);
	secret_free(&secret);
}

static void test_secret_of_no_bytes_and_of_many(void **state)
{
	char *big = malloc(100000);
	struct secret *empty = secret_create(NULL, 0), *large;

	assert_non_null(big);
	memset(big, 's', 100000);
	large = secret_create(big, 100000);
	assert_non_null(empty);
	assert_non_null(large);
	assert_int_equal(secret_reveal(empty).n, 0);
	assert_int_equal(secret_reveal(large).n, 100000);
	assert_memory_equal(secret_reveal(large).p, big, 100000);
	not_zero = 0;
	secret_free(&empty);
	secret_free(&large);
	assert_int_equal(not_zero, 0);
	free(big);
}

/* ---- clock and hash ---- */

static void test_fake_clock(void **state)
{
	struct clock clock;

	clock_init_fake(&clock, 100, 5000);
	assert_int_equal(clock_boot_ns(&clock), 100);
	assert_int_equal(clock_wall_ns(&clock), 5000);
	assert_int_equal(clock_boot_to_wall(&clock, 50), 4950);
	/* The wall clock jumps; what was sampled holds until the next sample. */
	clock.fake_wall_ns = 9000;
	assert_int_equal(clock_boot_to_wall(&clock, 100), 5000);
	clock_sample(&clock);
	assert_int_equal(clock_boot_to_wall(&clock, 100), 9000);
	/* A wall clock before the boot clock: arithmetic wraps and comes out right. */
	clock.fake_boot_ns = 1000, clock.fake_wall_ns = 10;
	clock_sample(&clock);
	assert_int_equal(clock_boot_to_wall(&clock, 1005), 15);
}

static void test_system_clock(void **state)
{
	struct clock clock;
	uint64_t boot, wall;

	clock_init(&clock);
	boot = clock_boot_ns(&clock);
	wall = clock_wall_ns(&clock);
	assert_true(boot > 0 && clock_boot_ns(&clock) >= boot);
	assert_true(wall > 1700000000ull * NSEC_PER_SEC);
	/* A second of slack: the two were read one after the other on a busy machine. */
	assert_true(clock_boot_to_wall(&clock, boot) + NSEC_PER_SEC > wall - NSEC_PER_SEC);
	assert_true(clock_boot_to_wall(&clock, boot) < wall + NSEC_PER_SEC);
}

static void test_hash_takes_every_byte_and_the_seed(void **state)
{
	char text[41];

	memset(text, 'k', sizeof(text));
	for (size_t n = 1; n < sizeof(text); n++) {
		uint64_t whole = hash_bytes(text, n, 1);

		assert_int_equal(whole, hash_bytes(text, n, 1));
		assert_int_not_equal(whole, hash_bytes(text, n, 2));
		assert_int_not_equal(whole, hash_bytes(text, n - 1, 1));
		for (size_t at = 0; at < n; at++) {
			text[at]++;
			assert_int_not_equal(whole, hash_bytes(text, n, 1));
			text[at]--;
		}
	}
}

static void assert_node_name(const char *configured, const char *expected)
{
	char name[64];

	node_name_read(configured, name, sizeof(name));
	assert_string_equal(name, expected);
}

static void test_node_name_comes_from_the_first_that_is_set(void **state)
{
	char boot_id[37];

	setenv("HUBBLE_NODE_NAME", "hubble", 1);
	setenv("NODE_NAME", "node", 1);
	assert_node_name("configured", "configured");
	assert_node_name("", "hubble");
	unsetenv("HUBBLE_NODE_NAME");
	assert_node_name(NULL, "node");
	unsetenv("NODE_NAME");
	assert_int_equal(node_boot_id_read(boot_id), 0);
	assert_int_equal(strlen(boot_id), 36);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8_valid_prefix),
		cmocka_unit_test(test_utf8_all_pairs),
		cmocka_unit_test(test_utf8_take_visible),
		cmocka_unit_test(test_crc32c_vectors),
		cmocka_unit_test(test_crc32c_of_any_length_and_alignment),
		cmocka_unit_test(test_crc32c_continues),
		cmocka_unit_test(test_crc32c_continues_over_long_pieces),
		cmocka_unit_test(test_log_line),
		cmocka_unit_test(test_log_message_is_one_line_of_bounded_length),
		cmocka_unit_test(test_log_limit),
		cmocka_unit_test(test_log_limit_at_time_zero),
		cmocka_unit_test(test_errmsg),
		cmocka_unit_test(test_errmsg_is_cut_not_overrun),
		cmocka_unit_test(test_secret_is_wiped_before_it_is_freed),
		cmocka_unit_test(test_secret_of_no_bytes_and_of_many),
		cmocka_unit_test(test_fake_clock),
		cmocka_unit_test(test_system_clock),
		cmocka_unit_test(test_hash_takes_every_byte_and_the_seed),
		cmocka_unit_test(test_node_name_comes_from_the_first_that_is_set),
	};

	return cmocka_run_group_tests_name("base_small", tests, NULL, NULL);
}
