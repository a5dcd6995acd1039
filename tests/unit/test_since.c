/* --since: each of its three forms, and what is none of them. */
#include "cli/since.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define NOW 1000000000000000000ull

static struct since parse(const char *text)
{
	struct since since;
	struct errmsg em = { "" };

	if (since_parse(text, NOW, &since, &em) < 0)
		fail_msg("%s", em.text);
	return since;
}

static void test_sequence_number(void **state)
{
	struct since since = parse("4711");

	assert_int_equal(since.kind, SINCE_SEQ);
	assert_int_equal(since.seq, 4711);
}

static void test_ago(void **state)
{
	struct since since = parse("10m");

	assert_int_equal(since.kind, SINCE_TIME);
	assert_true(since.wall_ns == NOW - 600000000000);
	assert_true(parse("40000d").wall_ns == 0); /* before the epoch: everything */
}

static void test_times(void **state)
{
	static const struct {
		const char *text;
		uint64_t wall_ns;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-03-01T08:00:00Z", 1772352000000000000 },
		{ "2026-03-01t08:00:00.5z", 1772352000500000000 },
		{ "2026-03-01 08:00:00.123456789Z", 1772352000123456789 },
		{ "2026-03-01T08:00:00.1234567891Z", 1772352000123456789 },
		{ "2026-03-01T10:00:00+02:00", 1772352000000000000 },
		{ "2026-02-28T23:30:00-08:30", 1772352000000000000 },
		{ "2024-02-29T00:00:00Z", 1709164800000000000 },
		{ "2016-12-31T23:59:60Z", 1483228800000000000 }, /* a leap second */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct since since = parse(cases[i].text);

		assert_int_equal(since.kind, SINCE_TIME);
		assert_true(since.wall_ns == cases[i].wall_ns);
	}
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"yesterday",
		"10 parsecs",
		"-5m",
		"2026-03-01",
		"2026-03-01T08:00Z",
		"2026-03-01T08:00:00",
		"2026-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-00-10T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z",
		"2026-01-01T00:00:61Z",
		"2026-01-01T00:00:00.Z",
		"2026-01-01T00:00:00+0200",
		"2026-01-01T00:00:00+24:00",
		"2026-01-01T00:00:00Zz",
		"1969-12-31T23:59:59Z",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct since since;
		struct errmsg em;

		if (since_parse(texts[i], NOW, &since, &em) == 0)
			fail_msg("'%s' was taken", texts[i]);
		assert_non_null(strstr(em.text, texts[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sequence_number),
		cmocka_unit_test(test_ago),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
