/* Token buckets per key: exact, fair, bounded, and each event that was taken is reported. */
#include "tests/unit/stage_fixture.h"

#include "base/log.h"
#include "pipeline/stage_rate_limit.h"

#include <stdio.h>

#define SEC NSEC_PER_SEC

static struct clock test_clock;
static struct test_process parent, noisy, quiet;

static int set_up(void **state)
{
	clock_init_fake(&test_clock, 1000 * SEC, 5000 * SEC);
	set_process(&parent, 1, "/sbin/init", "", NULL);
	set_process(&noisy, 10, "/bin/noisy", "", &parent);
	set_process(&quiet, 20, "/bin/quiet", "", &parent);
	return 0;
}

static enum stage_verdict send(struct stage *stage, const struct test_process *p, uint64_t at_ns)
{
	struct event event = event_of(KIND_PROCESS_EXEC, p);

	event.time_boot_ns = 1000 * SEC + at_ns;
	event.time_wall_ns = 5000 * SEC + at_ns;
	return stage->type->on_event(stage, &event);
}

/* How many of n events at one moment pass. */
static unsigned int burst(struct stage *stage, const struct test_process *p, unsigned int n,
			  uint64_t at_ns)
{
	unsigned int passed = 0;

	while (n--)
		passed += send(stage, p, at_ns) == STAGE_PASS;
	return passed;
}

static struct stage *limit(const char *yaml)
{
	return stage_from(&stage_rate_limit_type, yaml, &test_clock);
}

static void burst_then_rate(void **state)
{
	struct stage *stage = limit("{rate: 10/s, burst: 5}");

	assert_int_equal(burst(stage, &noisy, 20, 0), 5);
	assert_int_equal(burst(stage, &noisy, 20, SEC / 10 - 1), 0);
	assert_int_equal(burst(stage, &noisy, 20, SEC / 10), 1);
	assert_int_equal(burst(stage, &noisy, 20, SEC / 2), 4);
	assert_int_equal(burst(stage, &noisy, 20, 100 * SEC), 5);
	stage->type->destroy(&stage);
}

static void units_and_default_burst(void **state)
{
	struct stage *stage = limit("rate: 3/m");

	assert_int_equal(burst(stage, &noisy, 10, 0), 3);
	assert_int_equal(burst(stage, &noisy, 10, 20 * SEC), 1);
	stage->type->destroy(&stage);
	stage = limit("rate: 2/h");
	assert_int_equal(burst(stage, &noisy, 10, 0), 2);
	assert_int_equal(burst(stage, &noisy, 10, 1799 * SEC), 0);
	assert_int_equal(burst(stage, &noisy, 10, 1800 * SEC), 1);
	stage->type->destroy(&stage);
}

static void time_that_goes_back_gives_nothing(void **state)
{
	struct stage *stage = limit("{rate: 10/s, burst: 1}");

	assert_int_equal(burst(stage, &noisy, 2, 10 * SEC), 1);
	assert_int_equal(burst(stage, &noisy, 2, 0), 0);
	assert_int_equal(burst(stage, &noisy, 2, 10 * SEC + SEC / 10), 1);
	stage->type->destroy(&stage);
}

static void keys_do_not_touch_each_other(void **state)
{
	struct stage *stage = limit("{rate: 1/s, burst: 10, key: [binary]}");

	assert_int_equal(burst(stage, &noisy, 10000, 0), 10);
	assert_int_equal(burst(stage, &quiet, 10, 0), 10);
	stage->type->destroy(&stage);
}

/* Two processes that differ in one thing only: they share the limit unless that is in the key. */
static void expect_apart(const char *key, struct test_process *a, struct test_process *b)
{
	char yaml[128];
	struct stage *stage;

	snprintf(yaml, sizeof(yaml), "{rate: 1/h, key: [%s]}", key);
	stage = limit(yaml);
	assert_int_equal(send(stage, a, 0), STAGE_PASS);
	assert_int_equal(send(stage, a, 0), STAGE_LIMITED);
	if (send(stage, b, 0) != STAGE_PASS)
		fail_msg("%s is not in the key", key);
	stage->type->destroy(&stage);
	stage = limit("{rate: 1/h, key: []}");
	assert_int_equal(send(stage, a, 0), STAGE_PASS);
	assert_int_equal(send(stage, b, 0), STAGE_LIMITED);
	stage->type->destroy(&stage);
}

static void each_field_of_the_key(void **state)
{
	struct test_process a, b;

	set_process(&a, 10, "/bin/a", "", &parent);
	set_process(&b, 10, "/bin/b", "", &parent);
	expect_apart("binary", &a, &b);
	set_process(&b, 11, "/bin/a", "", &parent);
	expect_apart("pid", &a, &b);
	set_process(&b, 10, "/bin/a", "", &quiet);
	expect_apart("parent_binary", &a, &b);
	set_process(&b, 10, "/bin/a", "", &parent);
	b.image.creds.euid = 5;
	expect_apart("user", &a, &b);
	set_process(&b, 10, "/bin/a", "", &parent);
	b.image.container_id = exempt("0123");
	expect_apart("container", &a, &b);
	a.process.image = NULL;
	expect_apart("binary, user, container", &a, &b);
}

static void kinds_are_apart_with_event_in_the_key(void **state)
{
	struct stage *stage = limit("{rate: 1/h, key: [event]}");
	struct event exit_event = event_of(KIND_PROCESS_EXIT, &noisy);

	assert_int_equal(send(stage, &noisy, 0), STAGE_PASS);
	assert_int_equal(send(stage, &noisy, 0), STAGE_LIMITED);
	assert_int_equal(stage->type->on_event(stage, &exit_event), STAGE_PASS);
	assert_int_equal(stage->type->on_event(stage, &exit_event), STAGE_LIMITED);
	stage->type->destroy(&stage);
}

/* ---- summaries ---- */

struct summaries {
	unsigned int n;
	struct event event[8];
	char key[8][256];
};

static void keep_summary(void *ctx, const struct event *event)
{
	struct summaries *kept = ctx;

	assert_true(kept->n < 8);
	kept->event[kept->n] = *event;
	snprintf(kept->key[kept->n], sizeof(kept->key[0]), "%.*s", STR_FMT(event->loss.key));
	kept->n++;
}

static void limited_is_reported_once_per_key_and_interval(void **state)
{
	struct stage *stage =
		limit("{rate: 1/h, key: [event, binary, pid], summary_interval: 30s}");
	struct summaries kept = { 0 };

	burst(stage, &noisy, 4, 1 * SEC);
	burst(stage, &noisy, 3, 2 * SEC);
	burst(stage, &quiet, 1, 2 * SEC);
	test_clock.fake_boot_ns = 1029 * SEC;
	stage->type->tick(stage, false, keep_summary, &kept);
	assert_int_equal(kept.n, 0);
	test_clock.fake_boot_ns = 1030 * SEC;
	stage->type->tick(stage, false, keep_summary, &kept);
	assert_int_equal(kept.n, 1);
	assert_int_equal(kept.event[0].kind, KIND_WEIR_LOSS);
	assert_int_equal(kept.event[0].loss.cause, LOSS_RATE_LIMIT);
	assert_int_equal(kept.event[0].loss.of, KIND_PROCESS_EXEC);
	assert_int_equal(kept.event[0].loss.count, 6);
	assert_true(kept.event[0].loss.first_wall_ns == 5001 * SEC);
	assert_true(kept.event[0].loss.last_wall_ns == 5002 * SEC);
	assert_string_equal(kept.key[0], "event=process_exec binary=/bin/noisy pid=10");
	test_clock.fake_boot_ns = 1060 * SEC;
	stage->type->tick(stage, false, keep_summary, &kept);
	assert_int_equal(kept.n, 1);
	burst(stage, &noisy, 2, 61 * SEC);
	stage->type->tick(stage, true, keep_summary, &kept);
	assert_int_equal(kept.n, 2);
	assert_int_equal(kept.event[1].loss.count, 2);
	stage->type->destroy(&stage);
	test_clock.fake_boot_ns = 1000 * SEC;
}

static void mixed_kinds_are_reported_as_any(void **state)
{
	struct stage *stage = limit("{rate: 1/h, key: []}");
	struct event exit_event = event_of(KIND_PROCESS_EXIT, &noisy);
	struct summaries kept = { 0 };

	burst(stage, &noisy, 2, 0);
	exit_event.time_boot_ns = 1000 * SEC;
	assert_int_equal(stage->type->on_event(stage, &exit_event), STAGE_LIMITED);
	stage->type->tick(stage, true, keep_summary, &kept);
	assert_int_equal(kept.n, 1);
	assert_int_equal(kept.event[0].loss.of, KIND_NONE);
	assert_int_equal(kept.event[0].loss.count, 2);
	stage->type->destroy(&stage);
}

static void long_keys_are_cut_between_characters(void **state)
{
	struct stage *stage = limit("{rate: 1/h, key: [binary, pid]}");
	struct summaries kept = { 0 };
	struct test_process p;
	char binary[401];

	for (size_t i = 0; i < sizeof(binary) - 1; i += 2)
		memcpy(binary + i, "\xc3\xa4", 2);
	binary[sizeof(binary) - 1] = 0;
	set_process(&p, 3, binary, "", NULL);
	burst(stage, &p, 2, 0);
	stage->type->tick(stage, true, keep_summary, &kept);
	assert_int_equal(kept.n, 1);
	assert_true(strlen(kept.key[0]) >= 150 && strlen(kept.key[0]) <= 160);
	assert_memory_equal(kept.key[0] + strlen(kept.key[0]) - 2, "\xc3\xa4", 2);
	stage->type->destroy(&stage);
}

/* ---- the bound on keys ---- */

static unsigned int warnings;

static void count_warning(void *ctx, enum log_level level, const char *line)
{
	warnings += strstr(line, "max_keys") != NULL;
}

static void oldest_key_goes_and_its_count_is_kept(void **state)
{
	struct stage *stage = limit("{rate: 1/h, key: [pid], max_keys: 3}");
	struct summaries kept = { 0 };
	struct test_process p[5];
	uint64_t reported = 0;

	for (uint32_t i = 0; i < 5; i++)
		set_process(&p[i], 100 + i, "/x", "", NULL);
	burst(stage, &p[0], 3, 0);
	burst(stage, &p[1], 2, 0);
	burst(stage, &p[2], 1, 0);
	burst(stage, &p[0], 1, 0);
	assert_int_equal(stage_rate_limit_evictions(stage), 0);
	burst(stage, &p[3], 1, 0);
	assert_int_equal(stage_rate_limit_evictions(stage), 1);
	assert_int_equal(send(stage, &p[0], 0), STAGE_LIMITED); /* was used: stayed */
	assert_int_equal(send(stage, &p[1], 0), STAGE_PASS);	/* the oldest: was forgotten */
	assert_int_equal(stage_rate_limit_evictions(stage), 2);
	log_capture(count_warning, NULL);
	stage->type->tick(stage, true, keep_summary, &kept);
	log_capture(NULL, NULL);
	assert_int_equal(warnings, 1);
	for (unsigned int i = 0; i < kept.n; i++)
		reported += kept.event[i].loss.count;
	assert_int_equal(reported, 2 + 1 + 1 + 1);
	assert_string_equal(kept.key[kept.n - 1], "(forgotten keys)");
	assert_int_equal(kept.event[kept.n - 1].loss.count, 1);
	stage->type->destroy(&stage);
}

static void many_keys_stay_consistent(void **state)
{
	struct stage *stage = limit("{rate: 2/h, key: [pid], max_keys: 50}");
	struct test_process p;

	set_process(&p, 0, "/x", "", NULL);
	for (uint32_t i = 0; i < 5000; i++) {
		p.process.key.pid = i % 97;
		send(stage, &p, i);
	}
	assert_int_equal(stage_rate_limit_evictions(stage), 5000 - 50);
	for (uint32_t round = 0; round < 3; round++)
		for (uint32_t i = 0; i < 50; i++) {
			p.process.key.pid = 1000 + i;
			assert_int_equal(send(stage, &p, 6000),
					 round < 2 ? STAGE_PASS : STAGE_LIMITED);
		}
	stage->type->destroy(&stage);
}

static void own_events_always_pass(void **state)
{
	struct stage *stage = limit("{rate: 1/h, key: []}");
	struct event loss = event_of(KIND_WEIR_LOSS, NULL);

	for (int i = 0; i < 5; i++)
		assert_int_equal(stage->type->on_event(stage, &loss), STAGE_PASS);
	assert_int_equal(send(stage, &noisy, 0), STAGE_PASS);
	stage->type->destroy(&stage);
}

static void refusals(void **state)
{
	const struct stage_type *type = &stage_rate_limit_type;
	static const char *const bad[] = { "fast",
					   "10",
					   "0/s",
					   "10/d",
					   "10/ss",
					   "-1/s",
					   "1.5/s",
					   "10 /s",
					   "/s",
					   "2000000000/s",
					   "99999999999999999999/s" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char yaml[64];

		snprintf(yaml, sizeof(yaml), "a: 1\nrate: '%s'", bad[i]);
		expect_refused(type, yaml + 5, "test.yaml:1:7", bad[i], "100/s", NULL);
	}
	expect_refused(type, "{}", "rate", NULL);
	expect_refused(type, "{rate: 1/s, key: [comm]}", "comm", "parent_binary", NULL);
	expect_refused(type, "{rate: 1/s, key: [pid, pid]}", "twice", NULL);
	expect_refused(type, "{rate: 1/h, burst: 100000000}", "burst", NULL);
	expect_refused(type, "{rate: 1/s, max_keys: 0}", "max_keys", NULL);
	expect_refused(type, "{rate: 1/s, summary_interval: 1ms}", "summary_interval", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(burst_then_rate),
		cmocka_unit_test(units_and_default_burst),
		cmocka_unit_test(time_that_goes_back_gives_nothing),
		cmocka_unit_test(keys_do_not_touch_each_other),
		cmocka_unit_test(each_field_of_the_key),
		cmocka_unit_test(kinds_are_apart_with_event_in_the_key),
		cmocka_unit_test(limited_is_reported_once_per_key_and_interval),
		cmocka_unit_test(mixed_kinds_are_reported_as_any),
		cmocka_unit_test(long_keys_are_cut_between_characters),
		cmocka_unit_test(oldest_key_goes_and_its_count_is_kept),
		cmocka_unit_test(many_keys_stay_consistent),
		cmocka_unit_test(own_events_always_pass),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
