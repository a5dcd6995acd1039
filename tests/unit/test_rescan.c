/* When the table is compared with what runs, and what comes of it: a real table, a fake clock, and
 * a kernel side that says what the test has put down. */
#include "collector/rescan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define SEC	      NSEC_PER_SEC
#define KEY(p, start) ((struct event_process_key){ .start_ns = (start), .pid = (p) })

static struct clock fake;
static struct process_table *table;
static struct metrics_collector metrics;
static struct rescan *rescan;
static struct sensor_counters counters;

/* The kernel side. */
static struct event_process_key running[8];
static size_t running_count;
static int living_calls, again_calls, living_error;

int sensor_living(struct sensor *sensor, struct buf *keys, struct errmsg *em)
{
	(void)sensor;
	living_calls++;
	if (living_error)
		errmsg_set(em, "the iterator is broken");
	else
		buf_put(keys, running, running_count * sizeof(running[0]));
	return living_error;
}

int sensor_tell_again(struct sensor *sensor, sensor_wanted_fn wanted, sensor_record_fn fn,
		      void *ctx, struct errmsg *em)
{
	(void)sensor;
	(void)em;
	again_calls++;
	for (size_t i = 0; i < running_count; i++)
		if (wanted(ctx, &running[i]))
			fn(ctx, &running[i], sizeof(running[i]));
	return 0;
}

/* What was told again. */
static struct event_process_key told[8];
static size_t told_count;

static void take(void *ctx, const void *record, size_t bytes)
{
	(void)ctx;
	assert_int_equal(bytes, sizeof(told[0]));
	assert_true(told_count < ARRAY_SIZE(told));
	memcpy(&told[told_count++], record, bytes);
}

static void add(uint32_t pid, uint64_t start)
{
	struct record record = { .type = EVENT_FORK, .process = { .start_ns = start, .pid = pid } };

	assert_non_null(process_table_fork(table, &record));
}

static void runs(uint32_t pid, uint64_t start)
{
	running[running_count++] = KEY(pid, start);
}

static void seconds(int n, bool drained)
{
	while (n--) {
		fake.fake_boot_ns += SEC;
		rescan_tick(rescan, &counters, drained);
	}
}

static uint64_t live(void)
{
	struct process_table_stats stats;

	process_table_stats(table, &stats);
	return stats.live;
}

static void open_with(uint32_t max_entries)
{
	struct process_table_settings settings = { max_entries, 1 << 30, 10 * SEC };

	clock_init_fake(&fake, 100 * SEC, 1000 * SEC);
	memset(&metrics, 0, sizeof(metrics));
	memset(&counters, 0, sizeof(counters));
	running_count = told_count = 0;
	living_calls = again_calls = living_error = 0;
	table = process_table_create(&settings, &fake);
	assert_non_null(table);
	rescan = rescan_create(NULL, table, &fake, &metrics, take, NULL);
	assert_non_null(rescan);
}

static int setup(void **state)
{
	(void)state;
	open_with(1000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rescan_free(&rescan);
	assert_null(rescan);
	process_table_free(&table);
	return 0;
}

static void test_without_a_loss_nobody_is_asked(void **state)
{
	(void)state;
	counters.fates[EVENT_CLOSE][FATE_RING_FULL] = 5; /* says nothing of processes */
	counters.fates[EVENT_FORK][FATE_SUBMITTED] = 5;
	seconds(100, true);
	assert_int_equal(living_calls, 0);
}

static void test_what_has_ended_unseen_ends(void **state)
{
	(void)state;
	add(1, 10);
	add(2, 20);
	add(3, 30);
	runs(3, 30);
	runs(1, 10);
	runs(2, 99); /* the pid's next owner */
	counters.fates[EVENT_EXIT][FATE_RING_FULL] = 1;
	seconds(2, true);
	assert_int_equal(living_calls, 0);
	seconds(1, true);
	assert_int_equal(living_calls, 1);
	assert_int_equal(live(), 2);
	assert_int_equal(metric_get(&metrics.processes_gone), 1);
	assert_int_equal(metric_get(&metrics.process_rescans), 1);
	/* Its exit may come yet. */
	assert_non_null(
		process_table_find(table, (struct process_key){ .start_ns = 20, .pid = 2 }));
	seconds(100, true);
	assert_int_equal(living_calls, 1);
}

static void test_who_was_not_heard_of_is_entered(void **state)
{
	(void)state;
	add(1, 10);
	runs(1, 10);
	runs(5, 50);
	runs(4, 40);
	counters.fates[EVENT_EXEC][FATE_SCRATCH_BUSY] = 1;
	seconds(3, true);
	assert_int_equal(again_calls, 0);
	add(4, 40);  /* its record was only late */
	runs(6, 60); /* its record is still to come */
	seconds(1, false);
	assert_int_equal(again_calls, 0);
	seconds(1, true);
	assert_int_equal(again_calls, 1);
	assert_int_equal(told_count, 1);
	assert_int_equal(told[0].pid, 5);
	assert_int_equal(metric_get(&metrics.processes_found), 1);
	seconds(100, true);
	assert_int_equal(again_calls, 1);
	assert_int_equal(living_calls, 1);
}

static void test_it_waits_for_quiet_but_not_for_ever(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		counters.fates[EVENT_FORK][FATE_RING_FULL]++;
		seconds(1, true);
	}
	assert_int_equal(living_calls, 0);
	for (int i = 0; i < 20; i++) {
		counters.fates[EVENT_FORK][FATE_RING_FULL]++;
		seconds(1, true);
	}
	assert_int_equal(living_calls, 1);
	seconds(100, true);
	assert_int_equal(living_calls, 2);
}

static void test_a_loss_during_a_comparison_makes_another(void **state)
{
	(void)state;
	runs(5, 50);
	counters.fates[EVENT_EXIT][FATE_RING_FULL] = 1;
	seconds(3, true);
	counters.fates[EVENT_EXIT][FATE_RING_FULL] = 2;
	seconds(1, true);
	assert_int_equal(again_calls, 1);
	assert_int_equal(living_calls, 1);
	seconds(2, true);
	assert_int_equal(living_calls, 2);
}

static void test_a_ring_that_is_not_empty_puts_it_off(void **state)
{
	(void)state;
	add(1, 10);
	counters.fates[EVENT_EXIT][FATE_RING_FULL] = 1;
	seconds(100, false);
	assert_int_equal(living_calls, 0);
	assert_int_equal(live(), 1);
	seconds(1, true);
	assert_int_equal(living_calls, 1);
	assert_int_equal(live(), 0);
}

static void test_a_broken_iterator_ends_nobody(void **state)
{
	(void)state;
	add(1, 10);
	living_error = -EIO;
	counters.fates[EVENT_EXIT][FATE_RING_FULL] = 1;
	seconds(10, true);
	assert_int_equal(living_calls, 1);
	assert_int_equal(live(), 1);
	assert_int_equal(metric_get(&metrics.process_rescans), 0);
	living_error = 0;
	counters.fates[EVENT_EXIT][FATE_RING_FULL] = 2;
	seconds(10, true);
	assert_int_equal(live(), 0);
}

/* There, who runs and is not known may have been evicted. */
static void test_a_table_that_is_too_small_takes_nobody_in(void **state)
{
	teardown(state);
	open_with(2);
	for (uint32_t pid = 1; pid <= 3; pid++) {
		add(pid, 10 * pid);
		runs(pid, 10 * pid);
	}
	counters.fates[EVENT_EXIT][FATE_RING_FULL] = 1;
	seconds(10, true);
	assert_int_equal(living_calls, 1);
	assert_int_equal(again_calls, 0);
	assert_int_equal(live(), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_without_a_loss_nobody_is_asked, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_what_has_ended_unseen_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_was_not_heard_of_is_entered, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_it_waits_for_quiet_but_not_for_ever, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_loss_during_a_comparison_makes_another,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_ring_that_is_not_empty_puts_it_off, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_broken_iterator_ends_nobody, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_table_that_is_too_small_takes_nobody_in,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
