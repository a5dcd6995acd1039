/* Dead letters sent again, over the fake journal: what `weir dead replay` asks for is a file of
 * letters beside the cursor. */
#include "outputs/delivery_internal.h"
#include "tests/unit/delivery_rig.h"
#include "tests/unit/fake_journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#define SEC  NSEC_PER_SEC
#define BOOT "11111111-2222-3333-4444-555555555555"

/* Ten events, of which 3 and 7 were refused. */
static int setup(void **state)
{
	struct rig *rig = rig_create("out");

	fake_journal_reset();
	rig->script->refuse_seq[0] = 3;
	rig->script->refuse_seq[1] = 7;
	rig->script->refuse_count = 2;
	rig->script->error = "no such field";
	for (int i = 0; i < 10; i++)
		fake_journal_add("-x");
	rig_start(rig);
	assert_true(rig_settle(rig, 60 * SEC));
	assert_int_equal(rig_counter(&rig->metrics.rejected), 2);
	rig->script->refuse_count = 0;
	rig->script->error = NULL;
	rig->script->accepted_count = 0;
	rig->script->sends = 0;
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	rig_free((struct rig **)state);
	return 0;
}

static void request_path(const struct rig *rig, char path[128])
{
	snprintf(path, 128, "%s/out.replay", rig->state_directory);
}

static void ask(struct rig *rig, const char *letters)
{
	char path[128];
	FILE *file;

	request_path(rig, path);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(letters, file);
	fclose(file);
	rig_sleep(rig, SEC);
}

static bool is_asked(const struct rig *rig)
{
	char path[128];

	request_path(rig, path);
	return access(path, F_OK) == 0;
}

static size_t count_of(const char *text, const char *word)
{
	size_t n = 0;

	while ((text = strstr(text, word))) {
		text++;
		n++;
	}
	return n;
}

static void test_what_is_acknowledged_is_no_letter_any_more(void **state)
{
	struct rig *rig = *state;

	ask(rig, rig_dead_letters(rig));
	assert_true(rig_settle(rig, SEC));
	assert_int_equal(rig->script->sends, 1);
	assert_int_equal(rig->script->accepted_count, 2);
	assert_int_equal(rig->script->accepted[0], 3);
	assert_int_equal(rig->script->accepted[1], 7);
	assert_non_null(strstr(rig_dead_letters(rig),
			       "\"id\":\"" BOOT "-3\",\"removed\":\"acknowledged\"}\n"));
	assert_int_equal(count_of(rig_dead_letters(rig), "\"removed\""), 2);
	rig_sleep(rig, SEC);
	rig_run(rig);
	assert_false(is_asked(rig));
	assert_int_equal(rig->script->sends, 1);
}

/* They are in the books as rejected, and the cursor is where it was. */
static void test_the_books_stay_as_they_are(void **state)
{
	struct rig *rig = *state;

	ask(rig, rig_dead_letters(rig));
	assert_true(rig_settle(rig, SEC));
	assert_int_equal(rig_counter(&rig->metrics.replayed), 2);
	assert_int_equal(rig_counter(&rig->metrics.delivered), 8);
	assert_int_equal(rig_counter(&rig->metrics.rejected), 2);
	assert_int_equal(rig_counter(&rig->metrics.acked_seq), 10);
}

static void test_what_is_refused_again_stays_with_the_new_reason(void **state)
{
	struct rig *rig = *state;
	unsigned int notices = rig->script->notice_id_count;

	rig->script->refuse_seq[0] = 7;
	rig->script->refuse_count = 1;
	rig->script->error = "still no such field";
	ask(rig, rig_dead_letters(rig));
	assert_true(rig_settle(rig, 60 * SEC));
	assert_int_equal(rig->script->accepted_count, 1);
	assert_int_equal(count_of(rig_dead_letters(rig), "\"removed\""), 1);
	assert_int_equal(count_of(rig_dead_letters(rig), "-7\",\"seq\":\"7\",\"reason\""), 2);
	assert_non_null(strstr(rig_dead_letters(rig), "\"reason\":\"still no such field\""));
	assert_int_equal(rig_counter(&rig->metrics.rejected), 2); /* no further one */
	assert_int_equal(rig->script->notice_id_count, notices);
}

static void test_no_letter_goes_before_its_answer(void **state)
{
	struct rig *rig = *state;

	script_add(rig, OUTPUT_LOST, 1);
	ask(rig, rig_dead_letters(rig));
	rig_run(rig);
	assert_int_equal(count_of(rig_dead_letters(rig), "\"removed\""), 0);
	assert_true(is_asked(rig));
	rig_crash(rig);
	rig_start(rig); /* goes on by itself */
	assert_true(rig_settle(rig, SEC));
	assert_int_equal(rig->script->accepted_count, 2);
	assert_int_equal(count_of(rig_dead_letters(rig), "\"removed\""), 2);
}

static void test_the_journal_s_events_go_on_beside_them(void **state)
{
	struct rig *rig = *state;
	char letters[65536] = "";

	rig_crash(rig);
	rig->script->settings.batch.max_events = 1;
	rig_start(rig);
	for (int i = 0; i < 5; i++)
		snprintf(letters + strlen(letters), sizeof(letters) - strlen(letters), "%s",
			 rig_dead_letters(rig));
	for (int i = 0; i < 5; i++)
		fake_journal_add("-x");
	ask(rig, letters);
	assert_true(rig_settle(rig, SEC));
	assert_int_equal(rig->script->accepted_count, 15);
	for (size_t i = 0; i < 10; i++) /* in turn */
		assert_true(i % 2 ? rig->script->accepted[i] > 10 : rig->script->accepted[i] < 10);
	assert_int_equal(rig_counter(&rig->metrics.delivered), 13);
}

/* A notice of a loss has an id of another form. */
static void test_a_notice_comes_with_its_own_id(void **state)
{
	struct rig *rig = *state;
	unsigned int before = rig->script->notice_id_count;

	ask(rig, "{\"time\":\"2026-01-02T03:04:05Z\",\"output\":\"out\",\"id\":\"" BOOT
		 "-3-9-journal_full\",\"reason\":\"x\",\"attempts\":1,\"event\":{\"weir_loss\":{}}}"
		 "\n");
	assert_true(rig_settle(rig, SEC));
	assert_int_equal(rig->script->notice_id_count, before + 1);
	assert_string_equal(rig->script->notice_ids[before], BOOT "-3-9-journal_full");
}

static void test_what_is_no_letter_is_passed_over(void **state)
{
	struct rig *rig = *state;
	static const char *const bad[] = {
		"\n",
		"garbage\n",
		"{\"output\":\"out\",\"id\":\"" BOOT "-3\",\"event\":\"text\"}\n",
		"{\"output\":\"out\",\"id\":\"" BOOT "-3\",\"event\":{\"no_such_kind\":{}}}\n",
		"{\"output\":\"out\",\"id\":\"" BOOT "-3x\",\"event\":{\"process_exec\":{}}}\n",
		"{\"output\":\"out\",\"id\":\"" BOOT "\",\"event\":{\"process_exec\":{}}}\n",
		"{\"output\":\"out\",\"id\":\"" BOOT
		"-99999999999999999999\",\"event\":{\"process_exec\":{}}}\n",
		"{\"output\":\"out\",\"id\":\"" BOOT
		"-3-9-no_cause\",\"event\":{\"weir_loss\":{}}}\n",
		"{\"output\":\"out\",\"id\":\"" BOOT "-4\",\"removed\":\"acknowledged\"}\n",
		"{\"output\":\"out\",\"id\":\"" BOOT "-5\",\"event\":{\"process_exec\":{", /* cut */
	};
	char letters[4096] = "";

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		snprintf(letters + strlen(letters), sizeof(letters) - strlen(letters), "%s",
			 bad[i]);
	ask(rig, letters);
	assert_true(rig_settle(rig, SEC));
	assert_int_equal(rig->script->sends, 0);
	assert_false(is_asked(rig));
}

static void test_a_letter_keeps_the_time_of_its_event(void **state)
{
	static const char json[] = "{\"output\":\"out\",\"id\":\"" BOOT
				   "-42\",\"attempts\":3,\"event\":{\"process_exit\":{},\"time\":"
				   "\"2026-01-02T03:04:05.000000678Z\"}}";
	struct dead_letter_line line;
	struct journal_record record;
	struct journal_loss loss;

	assert_true(dead_letter_parse(STR(json), &line));
	assert_int_equal(line.attempts, 3);
	assert_true(replay_record_of(&line, &record, &loss));
	assert_int_equal(record.seq, 42);
	assert_int_equal(record.kind, KIND_PROCESS_EXIT);
	assert_int_equal(record.time_wall_ns, 1767323045000000678ull);
	assert_null(record.notice);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_what_is_acknowledged_is_no_letter_any_more),
		T(test_the_books_stay_as_they_are),
		T(test_what_is_refused_again_stays_with_the_new_reason),
		T(test_no_letter_goes_before_its_answer),
		T(test_the_journal_s_events_go_on_beside_them),
		T(test_a_notice_comes_with_its_own_id),
		T(test_what_is_no_letter_is_passed_over),
		T(test_a_letter_keeps_the_time_of_its_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
