/* Delivery to a destination that holds several batches: they settle in any order, and the cursor
 * follows the oldest. Batches are of ten events; a window of four holds 1 to 40. */
#include "outputs/delivery_internal.h"
#include "tests/unit/delivery_rig.h"
#include "tests/unit/fake_journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MS     NSEC_PER_MSEC
#define SEC    NSEC_PER_SEC
#define WINDOW 4

static int setup(void **state)
{
	struct rig *rig = rig_create("out");

	fake_journal_reset();
	rig->script->window = WINDOW;
	*state = rig;
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

static uint64_t counter(const metric_t *metric)
{
	return rig_counter(metric);
}

/* `events` are in the journal; the window is full with what is PENDING. */
static void start_pending(struct rig *rig, unsigned int events)
{
	script_add(rig, OUTPUT_PENDING, WINDOW);
	add_events(events);
	rig_start(rig);
	rig_run(rig);
}

static void assert_sent(const struct rig *rig, size_t from, const uint64_t *first_seqs, size_t n)
{
	assert_int_equal(rig->script->sends, from + n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(rig->script->first_seqs[from + i], first_seqs[i]);
}

/* Every event of 1 to last was taken, at least once. */
static void assert_complete(const struct rig *rig, uint64_t last)
{
	for (uint64_t seq = 1; seq <= last; seq++) {
		size_t i = 0;

		while (i < rig->script->accepted_count && rig->script->accepted[i] != seq)
			i++;
		assert_true(i < rig->script->accepted_count);
	}
	assert_int_equal(counter(&rig->metrics.delivered), last);
	assert_int_equal(counter(&rig->metrics.acked_seq), last);
}

static void test_as_many_as_the_window_and_no_more(void **state)
{
	struct rig *rig = *state;

	start_pending(rig, 100);
	assert_sent(rig, 0, (const uint64_t[]){ 1, 11, 21, 31 }, 4);
	assert_int_equal(counter(&rig->metrics.in_flight), 40);
	assert_int_equal(rig->delivery->read_seq, 40); /* no further */
	script_settle(rig, 2, OUTPUT_SENT, NULL);
	rig_run(rig);
	assert_int_equal(rig->script->sends, 4); /* its place is behind older ones */
	assert_int_equal(counter(&rig->metrics.in_flight), 30);
	script_settle(rig, 0, OUTPUT_SENT, NULL);
	rig_run(rig);
	assert_sent(rig, 4, (const uint64_t[]){ 41 }, 1);
}

static void test_the_cursor_follows_the_oldest(void **state)
{
	struct rig *rig = *state;
	static const size_t order[] = { 3, 1, 0, 2 };
	static const uint64_t acked[] = { 0, 0, 20, 40 };

	start_pending(rig, 40);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		script_settle(rig, order[i], OUTPUT_SENT, NULL);
		rig_run(rig);
		assert_int_equal(counter(&rig->metrics.acked_seq), acked[i]);
		assert_int_equal(counter(&rig->metrics.delivered), acked[i]);
	}
	assert_complete(rig, 40);
}

static void test_a_crash_sends_again_what_was_behind_the_oldest(void **state)
{
	struct rig *rig = *state;

	start_pending(rig, 40);
	script_settle(rig, 0, OUTPUT_SENT, NULL);
	script_settle(rig, 2, OUTPUT_SENT, NULL);
	rig_run(rig);
	rig_crash(rig);
	rig_start(rig);
	assert_true(rig_settle(rig, SEC));
	assert_sent(rig, 4, (const uint64_t[]){ 11, 21, 31 }, 3); /* 21 to 30 a second time */
	assert_complete(rig, 40);
}

static void test_after_a_loss_all_go_out_again_oldest_first(void **state)
{
	struct rig *rig = *state;

	start_pending(rig, 60);
	for (size_t i = WINDOW; i-- > 0;)
		script_settle(rig, i, OUTPUT_LOST, "reset by peer");
	assert_in_range(rig_run(rig), MS, 100 * MS);
	assert_int_equal(rig->script->closes, 1);
	assert_int_equal(counter(&rig->metrics.retries), 1); /* one loss, not four */
	assert_true(rig_settle(rig, SEC));
	assert_sent(rig, 4, (const uint64_t[]){ 1, 11, 21, 31, 41, 51 }, 6);
	assert_complete(rig, 60);
}

/* What was acknowledged in the same breath as the loss is not sent again. */
static void test_an_answer_that_came_before_the_loss_counts(void **state)
{
	struct rig *rig = *state;

	start_pending(rig, 40);
	script_settle(rig, 0, OUTPUT_LOST, "reset by peer");
	script_settle(rig, 1, OUTPUT_SENT, NULL);
	script_settle(rig, 3, OUTPUT_SENT, NULL);
	rig_run(rig);
	assert_true(rig_settle(rig, SEC));
	assert_sent(rig, 4, (const uint64_t[]){ 1, 21 }, 2);
	assert_int_equal(rig->script->accepted_count, 40); /* each once */
	assert_complete(rig, 40);
}

static void test_an_answer_within_send_counts(void **state)
{
	struct rig *rig = *state;

	rig->script->settles_within_send = true;
	start_pending(rig, 40);
	assert_true(rig_settle(rig, SEC));
	assert_int_equal(rig->script->sends, 4);
	assert_int_equal(counter(&rig->metrics.delivered), 40);
	assert_int_equal(counter(&rig->metrics.acked_seq), 40);
}

static void test_an_answer_that_never_comes_takes_all_back(void **state)
{
	struct rig *rig = *state;

	start_pending(rig, 40);
	rig_sleep(rig, 5 * SEC);
	script_settle(rig, 1, OUTPUT_SENT, NULL);
	rig_run(rig);
	rig_sleep(rig, 5 * SEC);
	rig_run(rig);
	assert_int_equal(rig->script->closes, 1);
	assert_non_null(strstr(rig_log(), "no answer for 10 s"));
	assert_true(rig_settle(rig, SEC));
	assert_sent(rig, 4, (const uint64_t[]){ 1, 21, 31 }, 3);
	assert_complete(rig, 40);
}

static void refuse_15_and_retry_16(struct batch *batch)
{
	for (size_t i = 0; i < batch_count(batch); i++) {
		struct batch_event *event = batch_event_at(batch, i);

		if (event->seq == 15)
			batch_refuse(batch, i, STR("no such field"));
		else if (event->seq == 16 && batch_attempts(batch) == 0)
			event->verdict = VERDICT_RETRY;
	}
}

static void test_verdicts_per_event_while_others_are_pending(void **state)
{
	struct rig *rig = *state;

	start_pending(rig, 40);
	refuse_15_and_retry_16(rig->script->held[1]);
	script_add(rig, OUTPUT_PENDING, 1);
	for (size_t i = 0; i < batch_count(rig->script->held[1]); i++)
		if (batch_event_at(rig->script->held[1], i)->seq == 16)
			batch_event_at(rig->script->held[1], i)->verdict = VERDICT_RETRY;
	script_settle(rig, 1, OUTPUT_SENT, NULL);
	assert_in_range(rig_run(rig), MS, 100 * MS);
	assert_int_equal(counter(&rig->metrics.state), OUTPUT_STATE_WAITING);
	rig_sleep(rig, 100 * MS);
	rig_run(rig);
	assert_int_equal(rig->script->sent_counts[4], 1);
	assert_int_equal(rig->script->first_seqs[4], 16);
	script_settle(rig, 4, OUTPUT_SENT, NULL);
	script_settle(rig, 3, OUTPUT_SENT, NULL);
	rig_run(rig);
	assert_int_equal(counter(&rig->metrics.acked_seq), 0);
	script_settle(rig, 2, OUTPUT_SENT, NULL);
	script_settle(rig, 0, OUTPUT_SENT, NULL);
	assert_true(rig_settle(rig, 30 * SEC)); /* and the notice of the refusal */
	assert_int_equal(counter(&rig->metrics.acked_seq), 40);
	assert_int_equal(counter(&rig->metrics.delivered), 39);
	assert_int_equal(counter(&rig->metrics.rejected), 1);
	assert_non_null(strstr(rig_dead_letters(rig), "\"reason\":\"no such field\""));
	assert_int_equal(rig->script->notice_id_count, 1);
}

static void test_halving_goes_on_while_others_are_pending(void **state)
{
	struct rig *rig = *state;

	rig->script->refuse_seq[0] = 13;
	rig->script->refuse_count = 1;
	start_pending(rig, 80);
	script_settle(rig, 1, OUTPUT_REFUSED, "malformed");
	rig_run(rig); /* halves of 11 to 20: answered at once from now on */
	assert_int_equal(counter(&rig->metrics.acked_seq), 0); /* 1 to 10 are still pending */
	assert_non_null(strstr(rig_dead_letters(rig), "\"seq\":\"13\""));
	script_settle(rig, 3, OUTPUT_SENT, NULL);
	script_settle(rig, 2, OUTPUT_SENT, NULL);
	script_settle(rig, 0, OUTPUT_SENT, NULL);
	assert_true(rig_settle(rig, 30 * SEC));
	assert_int_equal(counter(&rig->metrics.delivered), 79);
	assert_int_equal(counter(&rig->metrics.rejected), 1);
	assert_int_equal(counter(&rig->metrics.acked_seq), 80);
}

/* The words of one batch's refusal are not another's. */
static void test_each_refusal_has_its_own_words(void **state)
{
	struct rig *rig = *state;

	rig->script->settings.batch.max_events = 1;
	start_pending(rig, 4);
	script_settle(rig, 0, OUTPUT_REFUSED, "too large");
	script_settle(rig, 1, OUTPUT_REFUSED, NULL);
	script_settle(rig, 2, OUTPUT_REFUSED, "no such index");
	script_settle(rig, 3, OUTPUT_SENT, NULL);
	assert_true(rig_settle(rig, 30 * SEC));
	assert_non_null(strstr(rig_dead_letters(rig), "\"seq\":\"1\",\"reason\":\"too large\""));
	assert_non_null(strstr(rig_dead_letters(rig), "\"seq\":\"2\",\"reason\":\"refused\""));
	assert_non_null(
		strstr(rig_dead_letters(rig), "\"seq\":\"3\",\"reason\":\"no such index\""));
}

static void test_several_that_fail_together_are_one_failure(void **state)
{
	struct rig *rig = *state;
	uint64_t wait;

	start_pending(rig, 40);
	for (size_t i = 0; i < WINDOW; i++)
		script_settle(rig, i, OUTPUT_LATER, "slow down");
	wait = rig_run(rig);
	assert_in_range(wait, MS, 100 * MS); /* not what a fourth failure in a row would wait */
	assert_int_equal(rig->delivery->backoff.failures, 1);
	rig_sleep(rig, wait);
	assert_true(rig_settle(rig, SEC));
	assert_sent(rig, 4, (const uint64_t[]){ 1, 11, 21, 31 }, 4);
	assert_complete(rig, 40);
}

/* What was sent before the peer said "later" tells nothing about how things are now. */
static void test_a_success_of_before_ends_no_wait(void **state)
{
	struct rig *rig = *state;
	uint64_t wait;

	start_pending(rig, 40);
	script_settle(rig, 0, OUTPUT_LATER, "slow down");
	wait = rig_run(rig);
	script_settle(rig, 1, OUTPUT_SENT, NULL);
	script_settle(rig, 2, OUTPUT_SENT, NULL);
	assert_int_equal(rig_run(rig), wait);
	assert_int_equal(counter(&rig->metrics.state), OUTPUT_STATE_WAITING);
	assert_null(strstr(rig_log(), "up again"));
	assert_int_equal(rig->delivery->backoff.failures, 1);
	rig_sleep(rig, wait);
	rig_run(rig);
	assert_int_equal(counter(&rig->metrics.state), OUTPUT_STATE_UP);
	assert_int_equal(rig->delivery->backoff.failures, 0);
}

static void test_a_peer_s_wish_outlives_another_batch_s_success(void **state)
{
	struct rig *rig = *state;

	start_pending(rig, 40);
	output_wait(rig->script->out, 7 * SEC);
	script_settle(rig, 1, OUTPUT_LATER, "slow down");
	script_settle(rig, 0, OUTPUT_SENT, NULL);
	script_settle(rig, 2, OUTPUT_LATER, "slow down"); /* without a wish of its own */
	assert_int_equal(rig_run(rig), 7 * SEC);
	output_wait(rig->script->out, 20 * SEC);
	script_settle(rig, 3, OUTPUT_LATER, "slower");
	rig_sleep(rig, SEC);
	assert_int_equal(rig_run(rig), 20 * SEC);
}

static void test_held_is_not_hidden_by_what_comes_with_it(void **state)
{
	struct rig *rig = *state;

	start_pending(rig, 40);
	script_settle(rig, 0, OUTPUT_HELD, "bad token");
	script_settle(rig, 1, OUTPUT_LATER, "slow down");
	script_settle(rig, 2, OUTPUT_SENT, NULL);
	assert_int_equal(rig_run(rig), 10 * SEC); /* the one without an answer is due */
	assert_int_equal(counter(&rig->metrics.state), OUTPUT_STATE_HELD);
	script_settle(rig, 3, OUTPUT_SENT, NULL);
	assert_int_equal(rig_run(rig), 60 * SEC);
	assert_string_equal(rig->metrics.last_error, "bad token");
	assert_int_equal(counter(&rig->metrics.acked_seq), 0);
	rig_sleep(rig, 60 * SEC);
	rig_run(rig);
	assert_int_equal(counter(&rig->metrics.state), OUTPUT_STATE_UP);
	assert_complete(rig, 40);
}

static void test_busy_lasts_no_longer_than_ready(void **state)
{
	struct rig *rig = *state;

	script_add(rig, OUTPUT_PENDING, 2);
	script_add(rig, OUTPUT_BUSY, 1);
	add_events(40);
	rig_start(rig);
	rig_run(rig);
	assert_int_equal(rig->script->sends, 3);
	rig_sleep(rig, 8 * SEC);
	script_settle(rig, 0, OUTPUT_SENT, NULL);
	script_settle(rig, 1, OUTPUT_SENT, NULL);
	rig_run(rig);
	assert_int_equal(rig->script->sends, 3); /* it said busy, and not yet ready */
	assert_int_equal(counter(&rig->metrics.acked_seq), 20);
	rig_sleep(rig, 8 * SEC);
	rig_run(rig);
	assert_int_equal(rig->script->closes, 0); /* it moved 8 s ago */
	output_ready(rig->script->out);
	assert_true(rig_settle(rig, SEC));
	assert_sent(rig, 3, (const uint64_t[]){ 21, 31 }, 2);
	assert_complete(rig, 40);
}

/* Runs that find nothing new once took a place in the window each, as long as the oldest batch had
 * no answer: the window was full of nothing then. */
static void test_idle_runs_take_no_place_in_the_window(void **state)
{
	struct rig *rig = *state;

	script_add(rig, OUTPUT_PENDING, WINDOW);
	add_events(10);
	rig_start(rig);
	for (int i = 0; i < 3 * WINDOW; i++)
		rig_run(rig);
	rig->script->settings.kinds = 1ull << KIND_PROCESS_EXEC;
	for (int i = 0; i < 3 * WINDOW; i++) { /* nor do those that only skip */
		fake_journal_add_kind(KIND_PROCESS_EXIT, "{\"process_exit\":{}}");
		rig_run(rig);
	}
	assert_int_equal(counter(&rig->metrics.in_flight), 10);
	add_events(30);
	rig_run(rig);
	assert_int_equal(rig->script->sends, 4);
	for (size_t i = 0; i < WINDOW; i++)
		script_settle(rig, i, OUTPUT_SENT, NULL);
	assert_true(rig_settle(rig, SEC));
	assert_int_equal(counter(&rig->metrics.skipped), 12);
	assert_int_equal(counter(&rig->metrics.delivered), 40);
	assert_int_equal(counter(&rig->metrics.acked_seq), 52);
}

/* An output that wants almost nothing moves its cursor although it finds no batch to send. */
static void test_skipping_much_moves_the_cursor(void **state)
{
	struct rig *rig = *state;

	rig->script->settings.kinds = 1ull << KIND_PROCESS_EXEC;
	for (int i = 0; i < 20000; i++)
		fake_journal_add_kind(KIND_PROCESS_EXIT, "{\"process_exit\":{}}");
	rig_start(rig);
	for (int i = 0; i < 3; i++)
		delivery_run(rig->delivery);
	assert_in_range(counter(&rig->metrics.acked_seq), 4096, 3 * 4096);
	assert_int_equal(counter(&rig->metrics.skipped), counter(&rig->metrics.acked_seq));
}

static void test_a_notice_waits_for_no_empty_window(void **state)
{
	struct rig *rig = *state;

	rig->script->refuse_seq[0] = 1;
	rig->script->refuse_seq[1] = 3;
	rig->script->refuse_count = 2;
	rig->script->settings.batch.max_events = 1;
	add_events(1);
	rig_start(rig);
	rig_run(rig);
	assert_int_equal(rig->script->notice_id_count, 1); /* the next in ten seconds */
	rig_sleep(rig, 5 * SEC);
	script_add(rig, OUTPUT_PENDING, 1); /* 2 */
	add_events(2);
	assert_int_equal(rig_run(rig), 5 * SEC);
	assert_int_equal(counter(&rig->metrics.in_flight), 1);
	rig_sleep(rig, 5 * SEC);
	rig_run(rig);
	assert_int_equal(rig->script->notice_id_count, 2);
	assert_string_equal(rig->script->notice_ids[1],
			    "11111111-2222-3333-4444-555555555555-3-3-rejected");
	assert_int_equal(counter(&rig->metrics.acked_seq), 1);
}

static void test_draining_waits_for_all_of_them(void **state)
{
	struct rig *rig = *state;

	start_pending(rig, 35);
	delivery_drain(rig->delivery, 35);
	rig_run(rig);
	assert_int_equal(rig->script->sends, 4); /* the half-full one, too */
	for (size_t i = WINDOW; i-- > 0;) {
		assert_false(delivery_is_drained(rig->delivery));
		script_settle(rig, i, OUTPUT_SENT, NULL);
		rig_run(rig);
	}
	assert_true(delivery_is_drained(rig->delivery));
	assert_complete(rig, 35);
}

/* As many batches have memory as are on their way at once, however many places the window has. */
static void test_memory_is_that_of_what_is_in_flight(void **state)
{
	struct rig *rig = *state;
	size_t batches = 0;

	rig->script->window = 1000; /* cut to what there may be */
	add_events(10);
	rig_start(rig);
	assert_int_equal(rig->delivery->window_size, DELIVERY_WINDOW);
	for (int i = 0; i < 3 * DELIVERY_WINDOW; i++) {
		rig_run(rig);
		add_events(10);
	}
	assert_int_equal(rig->delivery->spare_count, 1);
	for (size_t i = 0; i < rig->delivery->window_size; i++)
		batches += rig->delivery->window[i].batch != NULL;
	assert_int_equal(batches, 0);
}

/* Retention takes what an output that stands still has not read: it is counted, and told when it
 * moves again, at its place and once. */
static void test_retention_while_the_window_stands_still(void **state)
{
	struct rig *rig = *state;

	start_pending(rig, 41);
	fake_journal_lose(100);
	add_events(9);
	rig_run(rig);
	assert_int_equal(counter(&rig->metrics.missed), 0);
	for (size_t i = WINDOW; i-- > 0;)
		script_settle(rig, i, OUTPUT_SENT, NULL);
	assert_true(rig_settle(rig, SEC));
	assert_int_equal(counter(&rig->metrics.missed), 100);
	assert_int_equal(counter(&rig->metrics.delivered), 50);
	assert_int_equal(counter(&rig->metrics.acked_seq), 150);
	assert_int_equal(rig->script->notice_id_count, 1);
	assert_string_equal(rig->script->notice_ids[0],
			    "11111111-2222-3333-4444-555555555555-42-141-journal_full");
	assert_int_equal(rig->script->accepted[41], 0); /* behind 41 */
}

static const struct metrics_batch *recent(const struct rig *rig, uint64_t number)
{
	const struct metrics_batch *batch = &rig->metrics.recent[number % METRICS_RECENT_BATCHES];

	assert_int_equal(counter(&batch->number), number);
	return batch;
}

static void test_the_board_tells_when_the_last_batches_went(void **state)
{
	struct rig *rig = *state;

	start_pending(rig, 40);
	rig_sleep(rig, SEC);
	script_settle(rig, 1, OUTPUT_SENT, NULL);
	script_settle(rig, 0, OUTPUT_LATER, NULL);
	rig_sleep(rig, rig_run(rig));
	assert_int_equal(counter(&recent(rig, 2)->first_seq), 11);
	assert_int_equal(counter(&recent(rig, 2)->last_seq), 20);
	assert_int_equal(counter(&recent(rig, 2)->attempts), 1);
	assert_int_equal(counter(&recent(rig, 2)->settled_wall_ns),
			 counter(&recent(rig, 2)->sent_wall_ns) + SEC);
	assert_int_equal(counter(&recent(rig, 1)->settled_wall_ns), 0);
	rig_run(rig);
	assert_int_equal(counter(&recent(rig, 1)->attempts), 2);
	assert_true(counter(&recent(rig, 1)->settled_wall_ns) != 0);
	assert_int_equal(counter(&recent(rig, 4)->settled_wall_ns), 0);
	rig_crash(rig); /* the board stays */
	rig_start(rig);
	add_events(10 * METRICS_RECENT_BATCHES);
	assert_true(rig_settle(rig, SEC));
	assert_int_equal(counter(&recent(rig, 4 + 2 + METRICS_RECENT_BATCHES)->last_seq),
			 40 + 10 * METRICS_RECENT_BATCHES);
}

/* A long run with a peer that does anything: nothing is lost, nothing counted twice. */
static void test_the_equation_holds_whatever_the_peer_does(void **state)
{
	static const enum output_verdict any[] = { OUTPUT_SENT, OUTPUT_SENT,	OUTPUT_SENT,
						   OUTPUT_LOST, OUTPUT_LATER,	OUTPUT_HELD,
						   OUTPUT_SENT, OUTPUT_REFUSED, OUTPUT_BUSY };
	struct rig *rig = *state;
	struct script *script = rig->script;
	uint64_t random = 88172645463325252ull;
	size_t answered = 0;

	add_events(3000);
	fake_journal_lose(500);
	add_events(1500);
	rig_start(rig);
	for (int turn = 0; turn < 20000 && counter(&rig->metrics.acked_seq) < 5000; turn++) {
		uint64_t wait = rig_run(rig);
		unsigned int closes = script->closes;

		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		if (script->verdict_count == script->next_verdict) {
			script->verdict_count = script->next_verdict = 0;
			script_add(rig, OUTPUT_PENDING, 16);
			script->verdicts[random % 16] = any[random / 16 % ARRAY_SIZE(any)];
		}
		/* Whichever of those that are pending; an older one that was settled is ignored. */
		for (size_t i = script->held_count; i-- > answered && closes == script->closes;)
			if ((random >> i % 64 & 1) || script->held_count - answered == 1)
				output_settled(script->out, script->held[i], any[(random >> 8) % 8],
					       NULL);
		if (script->held_count > RIG_MAX_SENDS / 2)
			answered = script->held_count = 0;
		if (random % 5 == 0 && script->out && rig->delivery->busy_since_ns)
			output_ready(script->out);
		rig_sleep(rig, wait == DELIVERY_NEVER || wait > SEC ? SEC : wait);
	}
	assert_int_equal(counter(&rig->metrics.acked_seq), 5000);
	assert_int_equal(counter(&rig->metrics.missed), 500);
	assert_int_equal(counter(&rig->metrics.delivered) + counter(&rig->metrics.rejected), 4500);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_as_many_as_the_window_and_no_more),
		T(test_the_cursor_follows_the_oldest),
		T(test_a_crash_sends_again_what_was_behind_the_oldest),
		T(test_after_a_loss_all_go_out_again_oldest_first),
		T(test_an_answer_that_came_before_the_loss_counts),
		T(test_an_answer_within_send_counts),
		T(test_an_answer_that_never_comes_takes_all_back),
		T(test_verdicts_per_event_while_others_are_pending),
		T(test_halving_goes_on_while_others_are_pending),
		T(test_each_refusal_has_its_own_words),
		T(test_several_that_fail_together_are_one_failure),
		T(test_a_success_of_before_ends_no_wait),
		T(test_a_peer_s_wish_outlives_another_batch_s_success),
		T(test_held_is_not_hidden_by_what_comes_with_it),
		T(test_busy_lasts_no_longer_than_ready),
		T(test_idle_runs_take_no_place_in_the_window),
		T(test_skipping_much_moves_the_cursor),
		T(test_a_notice_waits_for_no_empty_window),
		T(test_draining_waits_for_all_of_them),
		T(test_memory_is_that_of_what_is_in_flight),
		T(test_retention_while_the_window_stands_still),
		T(test_the_board_tells_when_the_last_batches_went),
		T(test_the_equation_holds_whatever_the_peer_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
