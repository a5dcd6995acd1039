/* Delivery over a fake journal, a fake clock and a scripted destination. */
#include "outputs/delivery_internal.h"
#include "tests/unit/delivery_rig.h"
#include "tests/unit/fake_journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MS  NSEC_PER_MSEC
#define SEC NSEC_PER_SEC

static int setup(void **state)
{
	fake_journal_reset();
	*state = rig_create("out");
	return 0;
}

static int teardown(void **state)
{
	rig_free((struct rig **)state);
	return 0;
}

static void add_events(unsigned int n)
{
	while (n--)
		fake_journal_add("-x");
}

static void assert_accepted(const struct rig *rig, uint64_t first, uint64_t last)
{
	size_t i;

	assert_int_equal(rig->script->accepted_count, last - first + 1);
	for (i = 0; i <= last - first; i++)
		assert_int_equal(rig->script->accepted[i], first + i);
}

static void test_delivers_in_order_and_moves_the_cursor(void **state)
{
	struct rig *rig = *state;

	add_events(25);
	rig_start(rig);
	assert_true(rig_settle(rig, SEC));
	assert_accepted(rig, 1, 25);
	assert_int_equal(rig->script->sends, 3);
	assert_int_equal(rig->script->sent_counts[0], 10);
	assert_int_equal(rig->script->sent_counts[2], 5);
	assert_int_equal(rig_counter(&rig->metrics.delivered), 25);
	assert_int_equal(rig_counter(&rig->metrics.batches), 3);
	assert_int_equal(rig_counter(&rig->metrics.acked_seq), 25);
	assert_int_equal(rig_counter(&rig->metrics.state), OUTPUT_STATE_UP);
}

static void test_a_batch_waits_for_its_age_and_no_longer(void **state)
{
	struct rig *rig = *state;

	rig->script->settings.batch.max_age_ns = 50 * MS;
	add_events(3);
	rig_start(rig);
	assert_int_equal(rig_run(rig), 50 * MS);
	assert_int_equal(rig->script->sends, 0);
	rig_sleep(rig, 30 * MS);
	add_events(1);
	assert_int_equal(rig_run(rig), 20 * MS);
	rig_sleep(rig, 20 * MS);
	rig_run(rig);
	assert_int_equal(rig->script->sends, 1);
	assert_int_equal(rig->script->sent_counts[0], 4);
}

static void test_max_bytes_bounds_a_batch_but_not_a_large_event(void **state)
{
	struct rig *rig = *state;
	char large[4001] = "";

	memset(large, 'a', sizeof(large) - 1);
	rig->script->settings.batch.max_bytes = 1024;
	add_events(3);
	fake_journal_add(large);
	add_events(2);
	rig_start(rig);
	assert_true(rig_settle(rig, SEC));
	assert_accepted(rig, 1, 6);
	assert_int_equal(rig->script->sent_counts[0], 3);
	assert_int_equal(rig->script->sent_counts[1], 1);
	assert_int_equal(rig->script->sent_counts[2], 2);
}

static void test_a_rest_gives_the_memory_of_batches_back(void **state)
{
	struct rig *rig = *state;

	add_events(100);
	rig_start(rig);
	rig_run(rig);
	assert_int_equal(rig->delivery->spare_count, 1); /* for the next one */
	for (int i = 0; i < 2; i++) {
		rig_sleep(rig, SEC);
		rig_run(rig);
	}
	assert_int_equal(rig->delivery->spare_count, 0);
	add_events(100);
	assert_true(rig_settle(rig, SEC));
	assert_accepted(rig, 1, 200);
}

static void test_work_per_run_is_bounded(void **state)
{
	struct rig *rig = *state;

	rig->script->settings.batch.max_events = 100;
	add_events(20000);
	rig_start(rig);
	assert_true(delivery_run(rig->delivery) <= rig->clock.fake_boot_ns);
	assert_in_range(rig->script->accepted_count, 100, 4096);
	assert_true(rig_settle(rig, SEC));
	assert_accepted(rig, 1, 20000);
}

static void test_backoff_grows_to_its_cap_and_nothing_is_lost(void **state)
{
	struct rig *rig = *state;
	static const uint64_t expected_ms[] = {
		100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000
	};
	size_t i;

	script_add(rig, OUTPUT_LOST, ARRAY_SIZE(expected_ms));
	add_events(5);
	rig_start(rig);
	for (i = 0; i < ARRAY_SIZE(expected_ms); i++) {
		uint64_t ceiling = expected_ms[i] * MS, wait;

		/* All ones: the remainder of the largest number. */
		wait = rig_run(rig);
		assert_in_range(wait, MS, ceiling);
		assert_int_equal(wait, MS + UINT64_MAX % (ceiling - MS + 1));
		assert_int_equal(rig_counter(&rig->metrics.state), OUTPUT_STATE_WAITING);
		rig_sleep(rig, wait);
	}
	assert_true(rig_settle(rig, SEC));
	assert_accepted(rig, 1, 5);
	assert_int_equal(rig_counter(&rig->metrics.retries), ARRAY_SIZE(expected_ms));
	assert_int_equal(rig_counter(&rig->metrics.reconnects), ARRAY_SIZE(expected_ms));
	assert_int_equal(rig_counter(&rig->metrics.delivered), 5);
}

static void test_an_outage_is_logged_once_and_its_end_too(void **state)
{
	struct rig *rig = *state;
	const char *at;

	rig->script->fail_opens = 6;
	add_events(1);
	rig_start(rig);
	assert_true(rig_settle(rig, 60 * SEC));
	at = strstr(rig_log(), "output out: down, retrying: refuses to open");
	assert_non_null(at);
	assert_null(strstr(at + strlen("output out: down"), "down"));
	assert_non_null(strstr(at, "output out: up again after"));
	assert_int_equal(rig_counter(&rig->metrics.state), OUTPUT_STATE_UP);
}

static size_t count_in_log(const char *words)
{
	size_t n = 0;

	for (const char *at = rig_log(); (at = strstr(at, words)); at += strlen(words))
		n++;
	return n;
}

/* As when a receiver throttles now and then: no two lines for each time. */
static void test_outages_in_a_row_are_logged_once_a_minute(void **state)
{
	struct rig *rig = *state;

	rig_start(rig);
	for (int i = 0; i < 4; i++) {
		script_add(rig, OUTPUT_LATER, 1);
		add_events(1);
		assert_true(rig_settle(rig, 10 * SEC));
	}
	assert_int_equal(count_in_log("down, retrying"), 1);
	assert_int_equal(count_in_log("up again"), 1);
	rig_sleep(rig, 60 * SEC);
	script_add(rig, OUTPUT_LATER, 1);
	add_events(1);
	assert_true(rig_settle(rig, 10 * SEC));
	assert_int_equal(count_in_log("(3 more since the last line)"), 1);
	assert_int_equal(count_in_log("up again"), 2);
	assert_accepted(rig, 1, 5);
}

static void test_success_resets_the_backoff(void **state)
{
	struct rig *rig = *state;
	uint64_t wait;

	script_add(rig, OUTPUT_LOST, 5);
	script_add(rig, OUTPUT_SENT, 1);
	script_add(rig, OUTPUT_LOST, 1);
	add_events(5);
	rig_start(rig);
	assert_true(rig_settle(rig, 60 * SEC));
	add_events(1);
	wait = rig_run(rig);
	assert_in_range(wait, MS, 100 * MS);
}

static void test_one_poison_event_is_found_by_halving(void **state)
{
	struct rig *rig = *state;
	size_t i;

	rig->script->settings.batch.max_events = 1000;
	rig->script->refuse_seq[0] = 617;
	rig->script->refuse_count = 1;
	rig->script->error = "malformed, said the peer";
	add_events(1000);
	rig_start(rig);
	rig_run(rig);
	assert_int_equal(rig_counter(&rig->metrics.delivered), 999);
	assert_int_equal(rig_counter(&rig->metrics.rejected), 1);
	assert_int_equal(rig_counter(&rig->metrics.acked_seq), 1000);
	/* 10 levels of halves, not a send per event. */
	assert_in_range(rig->script->sends, 11, 24);
	for (i = 0; i < 999; i++)
		assert_int_equal(rig->script->accepted[i], i + 1 + (i + 1 >= 617));
	assert_non_null(strstr(rig_dead_letters(rig), "\"seq\":\"617\""));
	assert_non_null(strstr(rig_dead_letters(rig), "\"reason\":\"malformed, said the peer\""));
	assert_int_equal(rig_counter(&rig->metrics.state), OUTPUT_STATE_UP);
}

static void test_dead_letter_holds_what_is_needed_to_send_it_again(void **state)
{
	struct rig *rig = *state;

	rig_use_format(rig, "compact");
	rig->script->refuse_seq[0] = 1;
	rig->script->refuse_count = 1;
	script_add(rig, OUTPUT_LOST, 2);
	fake_journal_add("--a \\\"quoted\\\" argument");
	rig_start(rig);
	rig_settle(rig, 5 * SEC);
	assert_string_equal(
		strstr(rig_dead_letters(rig), "\"output\""),
		"\"output\":\"out\",\"id\":\"11111111-2222-3333-4444-555555555555-1\",\"seq\":\"1\","
		"\"reason\":\"refused\",\"attempts\":3,\"event\":{\"process_exec\":{\"process\":"
		"{\"pid\":1,\"uid\":0,\"binary\":\"/bin/true\",\"arguments\":\"--a \\\"quoted\\\" "
		"argument\"}},\"weir\":{\"seq\":\"1\"}}}\n");
}

static void test_rejected_events_are_told_in_band(void **state)
{
	struct rig *rig = *state;

	rig->script->refuse_seq[0] = 3;
	rig->script->refuse_count = 1;
	add_events(4);
	rig_start(rig);
	assert_true(rig_settle(rig, 30 * SEC));
	assert_non_null(strstr(rig->script->last_notice, "\"weir_loss\""));
	assert_non_null(strstr(rig->script->last_notice, "rejected"));
	assert_non_null(strstr(rig->script->last_notice, "\"count\":\"1\""));
	assert_int_equal(rig_counter(&rig->metrics.delivered), 3); /* without the notice */
}

static void refuse_notices(struct batch *batch)
{
	for (size_t i = 0; i < batch_count(batch); i++)
		if (batch_notice(batch, i))
			batch_refuse(batch, i, STR("no notices"));
}

static void test_a_notice_that_is_refused_is_told_with_the_next(void **state)
{
	struct rig *rig = *state;

	rig->script->refuse_seq[0] = 3;
	rig->script->refuse_seq[1] = 6;
	rig->script->refuse_count = 2;
	rig->script->mark = refuse_notices;
	add_events(4);
	rig_start(rig);
	assert_true(rig_settle(rig, 300 * SEC)); /* it does not go round in circles */
	assert_int_equal(rig->script->notice_id_count, 1);
	assert_int_equal(rig_counter(&rig->metrics.rejected), 1); /* the notice is in no count */
	rig->script->mark = NULL;
	add_events(4);
	assert_true(rig_settle(rig, 300 * SEC));
	assert_non_null(strstr(rig->script->last_notice, "\"count\":\"2\""));
	assert_string_equal(rig->script->notice_ids[1],
			    "11111111-2222-3333-4444-555555555555-3-6-rejected");
}

static void test_a_refused_notice_holds_up_no_drain(void **state)
{
	struct rig *rig = *state;

	rig->script->refuse_seq[0] = 3;
	rig->script->refuse_count = 1;
	rig->script->mark = refuse_notices;
	add_events(4);
	rig_start(rig);
	rig_run(rig);
	delivery_drain(rig->delivery, 4);
	rig_run(rig);
	assert_true(delivery_is_drained(rig->delivery));
}

/* The notice of a refusal once took the room of an event that had not fitted before it: that event
 * was passed over, in no count. */
static void test_a_notice_takes_no_event_s_place(void **state)
{
	struct rig *rig = *state;
	char large[4001] = "";

	memset(large, 'a', sizeof(large) - 1);
	rig->script->settings.batch.max_bytes = 1024;
	rig->script->refuse_seq[0] = 1;
	rig->script->refuse_count = 1;
	add_events(1);
	fake_journal_add(large);
	add_events(1);
	rig_start(rig);
	assert_true(rig_settle(rig, 30 * SEC));
	assert_int_equal(rig->script->notice_id_count, 1);
	assert_int_equal(rig_counter(&rig->metrics.delivered), 2);
	assert_int_equal(rig_counter(&rig->metrics.rejected), 1);
}

static void test_a_destination_that_refuses_everything_ends(void **state)
{
	struct rig *rig = *state;
	size_t i;

	/* Its own notices are refused as well: they must not make new ones. */
	for (i = 0; i < ARRAY_SIZE(rig->script->verdicts); i++)
		rig->script->verdicts[i] = OUTPUT_REFUSED;
	rig->script->verdict_count = ARRAY_SIZE(rig->script->verdicts);
	add_events(20);
	rig_start(rig);
	assert_true(rig_settle(rig, 300 * SEC));
	assert_int_equal(rig_counter(&rig->metrics.rejected), 20);
	assert_int_equal(rig_counter(&rig->metrics.delivered), 0);
}

static void refuse_even_once(struct batch *batch)
{
	size_t i;

	for (i = 0; i < batch_count(batch); i++) {
		if (batch_event_at(batch, i)->seq % 2 == 0)
			batch_refuse(batch, i, STR("even"));
		else if (batch_event_at(batch, i)->seq == 5 && batch_attempts(batch) == 0)
			batch_event_at(batch, i)->verdict = VERDICT_RETRY;
	}
}

static void test_verdicts_per_event_are_followed(void **state)
{
	struct rig *rig = *state;

	rig->script->mark = refuse_even_once;
	add_events(10);
	rig_start(rig);
	assert_in_range(rig_run(rig), MS, 100 * MS); /* waits before it asks again for 5 */
	assert_int_equal(rig->script->accepted_count, 4);
	rig_sleep(rig, 100 * MS);
	rig_run(rig);
	assert_int_equal(rig->script->sent_counts[1], 1);
	assert_int_equal(rig->script->accepted[4], 5);
	assert_int_equal(rig_counter(&rig->metrics.delivered), 5);
	assert_int_equal(rig_counter(&rig->metrics.rejected), 5);
	assert_non_null(strstr(rig_dead_letters(rig), "\"reason\":\"even\""));
}

static void test_held_keeps_everything_and_tries_slowly(void **state)
{
	struct rig *rig = *state;
	const char *at;

	script_add(rig, OUTPUT_HELD, 3);
	rig->script->error = "bad token";
	add_events(2);
	rig_start(rig);
	assert_int_equal(rig_run(rig), 60 * SEC);
	assert_int_equal(rig_counter(&rig->metrics.state), OUTPUT_STATE_HELD);
	rig_sleep(rig, 60 * SEC);
	assert_int_equal(rig_run(rig), 60 * SEC);
	at = strstr(rig_log(), "bad token");
	assert_non_null(at);
	assert_null(strstr(at + 1, "bad token"));
	rig->script->error = NULL;
	assert_true(rig_settle(rig, 200 * SEC));
	assert_accepted(rig, 1, 2);
	assert_int_equal(rig_counter(&rig->metrics.state), OUTPUT_STATE_UP);
}

static void test_pending_is_settled_later(void **state)
{
	struct rig *rig = *state;

	script_add(rig, OUTPUT_PENDING, 1);
	add_events(12);
	rig_start(rig);
	assert_int_equal(rig_run(rig), 10 * SEC);
	assert_int_equal(rig->script->sends, 1);
	assert_int_equal(rig_counter(&rig->metrics.in_flight), 10);
	assert_int_equal(rig_counter(&rig->metrics.delivered), 0);
	output_settled(rig->script->out, rig->script->pending, OUTPUT_SENT, NULL);
	assert_int_equal(rig->wakes, 1);
	assert_int_equal(rig_counter(&rig->metrics.delivered), 0); /* not on its stack */
	assert_true(rig_settle(rig, SEC));
	assert_int_equal(rig_counter(&rig->metrics.delivered), 12);
}

static void test_a_destination_that_stalls_says_so_and_keeps_its_batch(void **state)
{
	struct rig *rig = *state;
	struct errmsg em = { "no broker answers" };

	script_add(rig, OUTPUT_PENDING, 1);
	add_events(1);
	rig_start(rig);
	rig_run(rig);
	output_stalled(rig->script->out, OUTPUT_LATER, &em);
	assert_int_equal(rig_counter(&rig->metrics.state), OUTPUT_STATE_WAITING);
	assert_non_null(strstr(rig_log(), "down, retrying: no broker answers"));
	errmsg_set(&em, "wrong password");
	output_stalled(rig->script->out, OUTPUT_HELD, &em);
	assert_int_equal(rig_counter(&rig->metrics.state), OUTPUT_STATE_HELD);
	rig_run(rig);
	assert_int_equal(rig->script->sends, 1);
	assert_int_equal(rig->script->closes, 0);
	assert_int_equal(rig_counter(&rig->metrics.in_flight), 1);
	output_settled(rig->script->out, rig->script->pending, OUTPUT_SENT, NULL);
	rig_run(rig);
	assert_int_equal(rig_counter(&rig->metrics.state), OUTPUT_STATE_UP);
	assert_int_equal(rig_counter(&rig->metrics.delivered), 1);
}

static void test_an_answer_that_never_comes_is_a_loss(void **state)
{
	struct rig *rig = *state;

	script_add(rig, OUTPUT_PENDING, 1);
	add_events(1);
	rig_start(rig);
	rig_sleep(rig, rig_run(rig));
	rig_run(rig);
	assert_int_equal(rig->script->closes, 1);
	assert_int_equal(rig_counter(&rig->metrics.state), OUTPUT_STATE_WAITING);
	assert_non_null(strstr(rig_log(), "no answer for 10 s"));
	assert_true(rig_settle(rig, SEC));
	assert_accepted(rig, 1, 1);
}

static void test_busy_waits_for_ready_but_not_for_ever(void **state)
{
	struct rig *rig = *state;

	script_add(rig, OUTPUT_BUSY, 2);
	add_events(1);
	rig_start(rig);
	assert_int_equal(rig_run(rig), 10 * SEC);
	output_ready(rig->script->out);
	assert_int_equal(rig_run(rig), 10 * SEC);
	rig_sleep(rig, 10 * SEC);
	rig_run(rig);
	assert_int_equal(rig->script->closes, 1);
	assert_true(rig_settle(rig, SEC));
	assert_accepted(rig, 1, 1);
}

static void test_a_peer_lost_while_idle_is_opened_again(void **state)
{
	struct rig *rig = *state;
	struct errmsg em = { "went home" };

	rig_start(rig);
	rig_run(rig);
	output_settled(rig->script->out, NULL, OUTPUT_LOST, &em);
	assert_in_range(rig_run(rig), MS, 100 * MS);
	assert_true(rig_settle(rig, SEC));
	assert_int_equal(rig->script->opens, 2);
	assert_int_equal(rig_counter(&rig->metrics.state), OUTPUT_STATE_UP);
}

static void test_after_a_crash_nothing_is_missing_and_nothing_counted_twice(void **state)
{
	struct rig *rig = *state;

	script_add(rig, OUTPUT_SENT, 2);
	script_add(rig, OUTPUT_PENDING, 1);
	add_events(35);
	rig_start(rig);
	rig_run(rig);
	assert_int_equal(rig->script->accepted_count, 20);
	rig_crash(rig); /* 21 to 30 are in flight */
	rig_start(rig);
	assert_true(rig_settle(rig, SEC));
	assert_int_equal(rig->script->accepted_count, 35);
	assert_int_equal(rig->script->accepted[20], 21);
	assert_int_equal(rig_counter(&rig->metrics.delivered), 35);
}

static void test_without_the_board_the_cursor_file_decides(void **state)
{
	struct rig *rig = *state;

	add_events(10);
	rig_start(rig);
	rig_settle(rig, SEC);
	add_events(10);
	rig_run(rig); /* sent, but the cursor is written at most every 250 ms */
	assert_int_equal(rig->script->accepted_count, 20);
	rig_crash(rig);
	memset(&rig->metrics, 0, sizeof(rig->metrics));
	rig_start(rig);
	assert_true(rig_settle(rig, SEC));
	assert_int_equal(rig->script->accepted_count, 30); /* 11 to 20 twice: at least once */
	assert_int_equal(rig->script->accepted[20], 11);
}

static void test_the_cursor_is_not_written_per_batch(void **state)
{
	struct rig *rig = *state;

	add_events(2000);
	rig_start(rig);
	rig_run(rig);
	assert_in_range(fake_cursor_writes(), 0, 2);
	rig_sleep(rig, 250 * MS);
	rig_run(rig);
	assert_in_range(fake_cursor_writes(), 1, 3);
}

static void test_a_loss_in_the_journal_is_counted_and_told(void **state)
{
	struct rig *rig = *state;

	add_events(2);
	fake_journal_lose(7);
	add_events(1);
	rig_start(rig);
	assert_true(rig_settle(rig, SEC));
	assert_int_equal(rig_counter(&rig->metrics.missed), 7);
	assert_int_equal(rig_counter(&rig->metrics.delivered), 3);
	assert_int_equal(rig_counter(&rig->metrics.acked_seq), 10);
	assert_int_equal(rig->script->accepted_count, 4);
	assert_int_equal(rig->script->accepted[2], 0); /* the notice, in its place */
	assert_non_null(strstr(rig->script->last_notice, "\"first_seq\":\"3\""));
	assert_non_null(strstr(rig->script->last_notice, "\"last_seq\":\"9\""));
	assert_non_null(strstr(rig->script->last_notice, "journal_full"));
}

static void test_a_notice_has_an_id_of_its_own_that_stays(void **state)
{
	static const char id[] = "11111111-2222-3333-4444-555555555555-3-9-journal_full";
	struct rig *rig = *state;

	add_events(2);
	fake_journal_lose(7);
	add_events(1);
	script_add(rig, OUTPUT_LOST, 1);
	script_add(rig, OUTPUT_PENDING, 1);
	rig_start(rig);
	rig_sleep(rig, rig_run(rig));
	rig_run(rig);
	rig_crash(rig);
	rig_start(rig);
	assert_true(rig_settle(rig, 30 * SEC));
	assert_int_equal(rig->script->notice_id_count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(rig->script->notice_ids[i], id);
	/* In the event, too, and there instead of a number of the journal. */
	assert_non_null(strstr(rig->script->last_notice, id));
	assert_null(strstr(rig->script->last_notice, "\"seq\":"));
}

static void test_a_journal_that_can_t_be_read_is_tried_again(void **state)
{
	struct rig *rig = *state;

	add_events(3);
	fake_journal_fail_once();
	rig_start(rig);
	assert_int_equal(rig_run(rig), SEC);
	assert_non_null(strstr(rig_log(), "can't read the journal: no disk"));
	assert_true(rig_settle(rig, 2 * SEC));
	assert_accepted(rig, 1, 3);
}

static void test_kinds_that_are_not_wanted_are_skipped_and_counted(void **state)
{
	struct rig *rig = *state;
	unsigned int i;

	rig->script->settings.kinds = 1ull << KIND_PROCESS_EXIT;
	add_events(30);
	for (i = 0; i < 2; i++)
		fake_journal_add_kind(KIND_PROCESS_EXIT, "{\"process_exit\":{}}");
	add_events(5);
	rig_start(rig);
	assert_true(rig_settle(rig, SEC));
	assert_accepted(rig, 31, 32);
	assert_int_equal(rig_counter(&rig->metrics.skipped), 35);
	assert_int_equal(rig_counter(&rig->metrics.acked_seq), 37);
}

static void test_what_the_format_can_t_say_goes_to_the_dead_letters(void **state)
{
	struct rig *rig = *state;

	fake_journal_add_kind(KIND_PROCESS_EXEC, "two\nlines");
	add_events(1);
	rig_start(rig);
	assert_true(rig_settle(rig, 30 * SEC));
	assert_int_equal(rig_counter(&rig->metrics.rejected), 1);
	assert_int_equal(rig_counter(&rig->metrics.delivered), 1);
	assert_non_null(strstr(rig_dead_letters(rig), "\"event\":\"two\\nlines\""));
}

static void test_start_now_begins_with_the_session(void **state)
{
	struct rig *rig = *state;

	rig->script->settings.start = OUTPUT_START_NOW;
	rig->session_first_seq = 8;
	add_events(10);
	rig_start(rig);
	assert_true(rig_settle(rig, SEC));
	assert_accepted(rig, 8, 10);
	rig_crash(rig);
	add_events(2);
	rig_start(rig); /* the forwarder alone: resumes */
	assert_true(rig_settle(rig, SEC));
	assert_accepted(rig, 8, 12);
}

static void test_a_cursor_ahead_of_a_new_journal_takes_this_session(void **state)
{
	struct rig *rig = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/out.cursor", rig->state_directory);
	fake_cursor_put(path, 5000);
	rig->session_first_seq = 1;
	add_events(4);
	rig_start(rig);
	assert_true(rig_settle(rig, SEC));
	assert_accepted(rig, 1, 4);
	assert_int_equal(rig_counter(&rig->metrics.acked_seq), 4);
}

static void test_draining_sends_what_is_there_at_once(void **state)
{
	struct rig *rig = *state;

	rig->script->settings.batch.max_age_ns = 3600 * SEC;
	add_events(3);
	rig_start(rig);
	rig_run(rig);
	assert_int_equal(rig->script->sends, 0);
	add_events(1);
	delivery_drain(rig->delivery, 0);
	assert_false(delivery_is_drained(rig->delivery));
	rig_run(rig);
	assert_true(delivery_is_drained(rig->delivery));
	assert_accepted(rig, 1, 4);
}

static void test_the_end_that_a_reader_sees_is_not_the_end_that_was_told(void **state)
{
	struct rig *rig = *state;

	add_events(4);
	fake_journal_hide(1);
	rig_start(rig);
	delivery_drain(rig->delivery, 4);
	rig_run(rig);
	assert_accepted(rig, 1, 3);
	assert_false(delivery_is_drained(rig->delivery));
	fake_journal_hide(0);
	rig_run(rig);
	assert_true(delivery_is_drained(rig->delivery));
	assert_accepted(rig, 1, 4);
}

static void test_draining_goes_no_further_than_told(void **state)
{
	struct rig *rig = *state;

	add_events(30);
	rig_start(rig);
	delivery_drain(rig->delivery, 14);
	rig_run(rig);
	assert_true(delivery_is_drained(rig->delivery));
	assert_accepted(rig, 1, 14);
}

static void test_draining_ends_although_the_last_one_is_lost(void **state)
{
	struct rig *rig = *state;

	add_events(2);
	fake_journal_lose(3);
	rig_start(rig);
	delivery_drain(rig->delivery, 5);
	rig_run(rig);
	assert_true(delivery_is_drained(rig->delivery));
	assert_int_equal(rig_counter(&rig->metrics.missed), 3);
}

static void test_a_dead_output_is_not_drained(void **state)
{
	struct rig *rig = *state;

	rig->script->fail_opens = 1000000;
	add_events(1);
	rig_start(rig);
	rig_run(rig);
	delivery_drain(rig->delivery, 0);
	rig_run(rig);
	assert_false(delivery_is_drained(rig->delivery));
}

static void test_reopen_reaches_the_destination(void **state)
{
	struct rig *rig = *state;

	rig_start(rig);
	delivery_reopen(rig->delivery); /* not open yet: nothing to reopen */
	rig_run(rig);
	delivery_reopen(rig->delivery);
	assert_int_equal(rig->script->reopens, 1);
}

static void test_the_equation_holds_through_all_of_it(void **state)
{
	struct rig *rig = *state;
	struct metrics_output *m = &rig->metrics;

	rig->script->refuse_seq[0] = 17;
	rig->script->refuse_seq[1] = 18;
	rig->script->refuse_count = 2;
	script_add(rig, OUTPUT_LOST, 2);
	script_add(rig, OUTPUT_BUSY, 1);
	script_add(rig, OUTPUT_REFUSED, 1);
	add_events(20);
	fake_journal_lose(30);
	add_events(50);
	rig_start(rig);
	assert_true(rig_settle(rig, 300 * SEC));
	assert_int_equal(rig_counter(&m->delivered) + rig_counter(&m->rejected) +
				 rig_counter(&m->missed) + rig_counter(&m->skipped),
			 100);
	assert_int_equal(rig_counter(&m->missed), 30);
	assert_int_equal(rig_counter(&m->rejected), 2);
}

/* Three outputs on one journal: one dead, one slow, one good. */
static void test_outputs_don_t_hold_each_other_up(void **state)
{
	struct rig *dead = rig_create("dead"), *slow = rig_create("slow"), *good = *state;
	unsigned int i;

	add_events(1000);
	dead->script->fail_opens = 1000000;
	script_add(slow, OUTPUT_PENDING, 64);
	rig_start(dead);
	rig_start(slow);
	rig_start(good);
	for (i = 0; i < 20; i++) {
		delivery_run(dead->delivery);
		delivery_run(slow->delivery);
		delivery_run(good->delivery);
	}
	assert_int_equal(good->script->accepted_count, 1000);
	assert_int_equal(slow->script->accepted_count, 0);
	assert_int_equal(rig_counter(&slow->metrics.in_flight), 10);
	assert_int_equal(rig_counter(&dead->metrics.in_flight), 0);
	assert_int_equal(rig_counter(&good->metrics.acked_seq), 1000);
	assert_int_equal(rig_counter(&slow->metrics.acked_seq), 0);
	rig_free(&dead);
	rig_free(&slow);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_delivers_in_order_and_moves_the_cursor),
		T(test_a_batch_waits_for_its_age_and_no_longer),
		T(test_max_bytes_bounds_a_batch_but_not_a_large_event),
		T(test_a_rest_gives_the_memory_of_batches_back),
		T(test_work_per_run_is_bounded),
		T(test_backoff_grows_to_its_cap_and_nothing_is_lost),
		T(test_an_outage_is_logged_once_and_its_end_too),
		T(test_outages_in_a_row_are_logged_once_a_minute),
		T(test_success_resets_the_backoff),
		T(test_one_poison_event_is_found_by_halving),
		T(test_dead_letter_holds_what_is_needed_to_send_it_again),
		T(test_rejected_events_are_told_in_band),
		T(test_a_notice_that_is_refused_is_told_with_the_next),
		T(test_a_refused_notice_holds_up_no_drain),
		T(test_a_notice_takes_no_event_s_place),
		T(test_a_destination_that_refuses_everything_ends),
		T(test_verdicts_per_event_are_followed),
		T(test_held_keeps_everything_and_tries_slowly),
		T(test_pending_is_settled_later),
		T(test_a_destination_that_stalls_says_so_and_keeps_its_batch),
		T(test_an_answer_that_never_comes_is_a_loss),
		T(test_busy_waits_for_ready_but_not_for_ever),
		T(test_a_peer_lost_while_idle_is_opened_again),
		T(test_after_a_crash_nothing_is_missing_and_nothing_counted_twice),
		T(test_without_the_board_the_cursor_file_decides),
		T(test_the_cursor_is_not_written_per_batch),
		T(test_a_loss_in_the_journal_is_counted_and_told),
		T(test_a_notice_has_an_id_of_its_own_that_stays),
		T(test_a_journal_that_can_t_be_read_is_tried_again),
		T(test_kinds_that_are_not_wanted_are_skipped_and_counted),
		T(test_what_the_format_can_t_say_goes_to_the_dead_letters),
		T(test_start_now_begins_with_the_session),
		T(test_a_cursor_ahead_of_a_new_journal_takes_this_session),
		T(test_draining_sends_what_is_there_at_once),
		T(test_the_end_that_a_reader_sees_is_not_the_end_that_was_told),
		T(test_draining_goes_no_further_than_told),
		T(test_draining_ends_although_the_last_one_is_lost),
		T(test_a_dead_output_is_not_drained),
		T(test_reopen_reaches_the_destination),
		T(test_the_equation_holds_through_all_of_it),
		T(test_outputs_don_t_hold_each_other_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
