/* The list of stages, the loss equation, and that nothing passes un-redacted. The journal, the
 * encoder and image_create() are stand-ins here, put in the place of the real ones by the linker.
 */
#include "tests/unit/stage_fixture.h"

#include "pipeline/journal.h"
#include "pipeline/metrics.h"
#include "pipeline/pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- stand-ins ---- */

struct journal {
	char bytes[4096];
	struct buf out;
	uint64_t seq;
	unsigned int records;
	bool out_of_memory;
	struct event last; /* as the encoder saw it */
	uint32_t last_pid;
};

static struct journal journal;

struct buf *journal_begin_record(struct journal *j, uint64_t *seq_r)
{
	if (j->out_of_memory)
		return NULL;
	j->out = buf_fixed(j->bytes, sizeof(j->bytes));
	*seq_r = ++j->seq;
	return &j->out;
}

int journal_end_record(struct journal *j, enum event_kind kind, uint64_t time_wall_ns, uint32_t pid)
{
	if (!buf_ok(&j->out)) {
		j->seq--;
		return -EMSGSIZE;
	}
	j->records++;
	j->last_pid = pid;
	return 0;
}

static bool encoder_overflows;

void encode_json(const struct encode_settings *settings, const struct event *event, uint64_t seq,
		 struct buf *out)
{
	journal.last = *event;
	buf_printf(out, "{\"%s\":%lu}", event_kind_name(event->kind), (unsigned long)seq);
	out->overflow |= encoder_overflows && event->kind != KIND_WEIR_LOSS;
}

static char image_text[4096];
static bool images_fail;

struct image *image_create(const struct process_draft *draft, struct redaction *redaction)
{
	struct image *image = images_fail ? NULL : calloc(1, sizeof(*image));
	struct buf out = buf_fixed(image_text, sizeof(image_text));

	if (!image)
		return NULL;
	image->refs = 1;
	image->argv =
		redaction_arguments(redaction, draft->exe, draft->args, &out, &image->redaction);
	image->container_id = redaction_exempt(draft->container_id, &out);
	return image;
}

/* ---- fixture ---- */

static struct metrics_collector metrics;
static struct encode_settings encode_settings;
static struct clock test_clock;
static struct test_process init, noisy;

static int set_up(void **state)
{
	memset(&metrics, 0, sizeof(metrics));
	memset(&journal, 0, sizeof(journal));
	encoder_overflows = images_fail = false;
	clock_init_fake(&test_clock, 1000 * NSEC_PER_SEC, 5000 * NSEC_PER_SEC);
	set_process(&init, 1, "/sbin/init", "", NULL);
	set_process(&noisy, 42, "/bin/noisy", "", &init);
	return 0;
}

static struct pipeline *pipeline_from(const char *yaml)
{
	struct config_document *doc = NULL;
	struct pipeline *pipeline = NULL;
	struct errmsg em = { "" };

	if (yaml && config_parse(str_of(yaml), "test.yaml", &doc, &em))
		fail_msg("%s", em.text);
	if (pipeline_create(doc ? config_root(doc) : NULL, &encode_settings, &test_clock, &journal,
			    &metrics, &pipeline, &em))
		fail_msg("%s", em.text);
	config_document_free(&doc);
	return pipeline;
}

static bool send(struct pipeline *pipeline, const struct test_process *p)
{
	struct event event = event_of(KIND_PROCESS_EXEC, p);

	event.time_boot_ns = test_clock.fake_boot_ns;
	event.time_wall_ns = test_clock.fake_wall_ns;
	metric_add(&metrics.captured[KIND_PROCESS_EXEC], 1);
	return pipeline_event(pipeline, &event);
}

static void expect_balance(void)
{
	for (int kind = 0; kind < EVENT_KINDS; kind++) {
		uint64_t sum = metric_get(&metrics.journaled[kind]) +
			       metric_get(&metrics.filtered[kind]) +
			       metric_get(&metrics.limited[kind]);

		for (int cause = 0; cause < LOSS_CAUSES; cause++)
			sum += metric_get(&metrics.lost[kind][cause]);
		assert_int_equal(metric_get(&metrics.captured[kind]), sum);
	}
}

#define COUNT(counter) metric_get(&metrics.counter)

/* ---- tests ---- */

static void journals_what_passes(void **state)
{
	struct pipeline *pipeline = pipeline_from(NULL);

	assert_true(send(pipeline, &noisy));
	assert_int_equal(journal.records, 1);
	assert_int_equal(journal.last_pid, 42);
	assert_memory_equal(journal.bytes, "{\"process_exec\":1}", 18);
	assert_int_equal(COUNT(journaled[KIND_PROCESS_EXEC]), 1);
	expect_balance();
	pipeline_free(&pipeline);
	assert_null(pipeline);
	pipeline_free(&pipeline);
}

static void each_verdict_is_counted_once(void **state)
{
	struct pipeline *pipeline = pipeline_from("- filter: {deny: [{binary_regex: [init]}]}\n"
						  "- rate_limit: {rate: 2/s, key: [binary]}\n");

	for (int i = 0; i < 5; i++)
		send(pipeline, &noisy);
	for (int i = 0; i < 3; i++)
		assert_false(send(pipeline, &init));
	assert_int_equal(COUNT(journaled[KIND_PROCESS_EXEC]), 2);
	assert_int_equal(COUNT(limited[KIND_PROCESS_EXEC]), 3);
	assert_int_equal(COUNT(filtered[KIND_PROCESS_EXEC]), 3);
	expect_balance();
	pipeline_free(&pipeline);
}

static void stages_run_in_their_order(void **state)
{
	struct pipeline *pipeline = pipeline_from("- rate_limit: {rate: 2/s, key: []}\n"
						  "- filter: {deny: [{binary_regex: [init]}]}\n");

	for (int i = 0; i < 3; i++)
		send(pipeline, &init);
	assert_int_equal(COUNT(filtered[KIND_PROCESS_EXEC]), 2);
	assert_int_equal(COUNT(limited[KIND_PROCESS_EXEC]), 1);
	pipeline_free(&pipeline);
}

static void filters_may_repeat(void **state)
{
	struct pipeline *pipeline = pipeline_from("- filter: {allow: [{binary_regex: [bin]}]}\n"
						  "- filter: {allow: [{pid: [42]}]}\n");

	assert_true(send(pipeline, &noisy));
	assert_false(send(pipeline, &init));
	pipeline_free(&pipeline);
}

static void memory_loss_is_counted_and_reported(void **state)
{
	struct pipeline *pipeline = pipeline_from(NULL);

	encoder_overflows = true;
	assert_false(send(pipeline, &noisy));
	test_clock.fake_wall_ns += 7;
	assert_false(send(pipeline, &noisy));
	assert_int_equal(COUNT(lost[KIND_PROCESS_EXEC][LOSS_MEMORY]), 2);
	assert_int_equal(journal.records, 0);
	pipeline_tick(pipeline, false);
	assert_int_equal(journal.records, 1);
	assert_int_equal(journal.last.kind, KIND_WEIR_LOSS);
	assert_int_equal(journal.last.loss.cause, LOSS_MEMORY);
	assert_int_equal(journal.last.loss.of, KIND_PROCESS_EXEC);
	assert_int_equal(journal.last.loss.count, 2);
	assert_true(journal.last.loss.last_wall_ns - journal.last.loss.first_wall_ns == 7);
	pipeline_tick(pipeline, true);
	assert_int_equal(journal.records, 1);
	expect_balance();
	pipeline_free(&pipeline);
}

static void journal_without_memory_is_counted(void **state)
{
	struct pipeline *pipeline = pipeline_from(NULL);

	journal.out_of_memory = true;
	assert_false(send(pipeline, &noisy));
	assert_int_equal(COUNT(lost[KIND_PROCESS_EXEC][LOSS_JOURNAL_ERROR]), 1);
	expect_balance();
	pipeline_free(&pipeline);
}

static void summaries_of_stages_are_journaled(void **state)
{
	struct pipeline *pipeline = pipeline_from("- rate_limit: {rate: 1/h}\n"
						  "- filter: {deny: [{}]}\n");

	for (int i = 0; i < 3; i++)
		send(pipeline, &noisy);
	pipeline_tick(pipeline, true);
	assert_int_equal(journal.records, 1);
	assert_int_equal(journal.last.loss.cause, LOSS_RATE_LIMIT);
	assert_int_equal(journal.last.loss.count, 2);
	expect_balance();
	pipeline_free(&pipeline);
}

static void notices_go_past_the_stages(void **state)
{
	struct pipeline *pipeline = pipeline_from("- filter: {deny: [{}]}");
	struct event start = event_of(KIND_WEIR_START, NULL);

	assert_true(pipeline_notice(pipeline, &start));
	assert_int_equal(COUNT(journaled[KIND_WEIR_START]), 1);
	assert_int_equal(journal.last_pid, 0);
	expect_balance();
	pipeline_free(&pipeline);
}

static void expect_redacted(const char *yaml, bool masked)
{
	struct pipeline *pipeline = pipeline_from(yaml);
	struct process_draft draft = { .exe = STR("/bin/x"),
				       .args = { "x\0--password=abc", 17 },
				       .cgroup = STR("/docker/0123456789abcdef0123456789abcdef"
						     "0123456789abcdef0123456789abcdef") };
	struct image *image = pipeline_image(pipeline, &draft);

	assert_non_null(image);
	assert_int_equal(memmem(image->argv.text.p, image->argv.text.n, "abc", 3) == NULL, masked);
	free(image);
	pipeline_free(&pipeline);
}

static void redaction_is_always_there(void **state)
{
	expect_redacted(NULL, true);
	expect_redacted("[]", true);
	expect_redacted("[enrich]", true);
	expect_redacted("[redact]", true);
	expect_redacted("[redact: {credential_presets: false}]", false);
	assert_int_equal(COUNT(redaction_replaced), 4);
}

static void drafts_are_enriched_by_the_default_stages(void **state)
{
	struct pipeline *pipeline = pipeline_from(NULL);
	struct process_draft draft = { .cgroup = STR("docker-0123456789abcdef0123456789abcdef"
						     "0123456789abcdef0123456789abcdef.scope") };
	struct image *image = pipeline_image(pipeline, &draft);

	assert_non_null(image);
	assert_true(str_equal(image->container_id.text, STR("0123456789abcdef0123456789abcde")));
	free(image);
	images_fail = true;
	assert_null(pipeline_image(pipeline, &draft));
	pipeline_free(&pipeline);
}

static void expect_answer(const char *yaml, const char *said)
{
	struct config_document *doc = NULL;
	struct errmsg em = { "" };
	int rc;

	if (config_parse(str_of(yaml), "test.yaml", &doc, &em))
		fail_msg("%s", em.text);
	rc = pipeline_check(config_root(doc), &em);
	if (!said && rc)
		fail_msg("%s", em.text);
	if (said && (!rc || !strstr(em.text, said)))
		fail_msg("\"%s\" does not say \"%s\"", em.text, said);
	config_document_free(&doc);
}

static void check_says_what_create_would(void **state)
{
	expect_answer("[enrich, redact, filter: {}, {rate_limit: {rate: 1/s}}]", NULL);
	expect_answer("- enrich:\n- redact:\n", NULL);
	expect_answer("[enrich, filtre]", "did you mean filter");
	expect_answer("[enrich, enrich]", "enrich is there twice");
	expect_answer("[redact, redact: {}]", "redact is there twice");
	expect_answer("- enrich\n- redact:\n    rules: [{redact: x}]", "test.yaml:3:");
	expect_answer("enrich: {}", "list of stages");
	expect_answer("[{enrich: {}, redact: {}}]", "a stage is wanted");
	expect_answer("[[enrich]]", "a stage is wanted");
	expect_answer("[enrich, rate_limit]", "test.yaml:1:10: rate_limit: ");
}

static void number_of_stages_is_bounded(void **state)
{
	char yaml[4096] = "[filter";
	struct buf out = buf_fixed(yaml, sizeof(yaml) - 1);

	out.len = strlen(yaml);
	for (int i = 0; i < 100; i++)
		buf_lit(&out, ", filter");
	buf_lit(&out, "]");
	expect_answer(yaml, "more than 63 stages");
}

static void types_are_found_by_name(void **state)
{
	for (const struct stage_type *const *type = stage_types; *type; type++)
		assert_ptr_equal(stage_type_by_name((*type)->name), *type);
	assert_null(stage_type_by_name("none"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(journals_what_passes, set_up),
		cmocka_unit_test_setup(each_verdict_is_counted_once, set_up),
		cmocka_unit_test_setup(stages_run_in_their_order, set_up),
		cmocka_unit_test_setup(filters_may_repeat, set_up),
		cmocka_unit_test_setup(memory_loss_is_counted_and_reported, set_up),
		cmocka_unit_test_setup(journal_without_memory_is_counted, set_up),
		cmocka_unit_test_setup(summaries_of_stages_are_journaled, set_up),
		cmocka_unit_test_setup(notices_go_past_the_stages, set_up),
		cmocka_unit_test_setup(redaction_is_always_there, set_up),
		cmocka_unit_test_setup(drafts_are_enriched_by_the_default_stages, set_up),
		cmocka_unit_test_setup(check_says_what_create_would, set_up),
		cmocka_unit_test_setup(number_of_stages_is_bounded, set_up),
		cmocka_unit_test_setup(types_are_found_by_name, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
