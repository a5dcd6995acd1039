/* Templates of every kind over any text and any event. The first line is the template, the rest
 * the event: nothing is read outside them, and a value holds no byte that its rules refuse. */
#include "outputs/fluentd_settings.h"
#include "outputs/http_templates.h"
#include "outputs/kafka_settings.h"
#include "pipeline/event.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct template_rules *const all_rules[] = {
	&kafka_topic_rules, &kafka_key_rules,  &fluentd_tag_rules, &http_url_rules,
	&http_header_rules, &http_index_rules, &http_label_rules,
};

/* Of rules whose values are all of allowed bytes, and so is the text. */
static void assert_confined(const struct template_rules *rules, struct str made)
{
	size_t i;

	for (i = 0; rules->is_name && i < made.n; i++)
		assert(made.p[i] && strchr(TEMPLATE_LETTERS "_-.", made.p[i]));
}

static void try(const struct template_rules *rules, const char *text, struct batch *batch)
{
	const struct template_source source = { .batch = batch, .output = STR("o") };
	struct buf out = buf_growable(1 << 20);
	struct template *template;

	if (template_compile(text, rules, &template, NULL) != 0) {
		assert(!template);
		return;
	}
	if (template_write(template, &source, &out))
		assert_confined(rules, buf_str(&out));
	else
		assert(!rules->absent);
	assert(out.len <= 6 * (strlen(text) + TEMPLATE_MAX_PARTS * (size_t)1024));
	template_free(&template);
	buf_free(&out);
}

static struct batch *make_batch(struct str json)
{
	struct batch *batch = batch_create(1, 65536);
	struct formatter *formatter;
	const struct journal_record record = {
		.seq = 1,
		.kind = KIND_PROCESS_EXEC,
		.json = json,
		.boot_id = STR("11111111-2222-3333-4444-555555555555"),
	};

	assert(batch && formatter_open(format_by_name("json"), &formatter) == 0);
	if (batch_add(batch, &record, formatter) != 0)
		batch_unref(&batch);
	formatter_close(&formatter);
	return batch;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *end = memchr(data, '\n', size);
	struct batch *batch;
	char *text;
	size_t i;

	if (!end || size > 16384)
		return 0;
	text = strndup((const char *)data, end - (const char *)data);
	batch = make_batch((struct str){ end + 1, size - (end + 1 - (const char *)data) });
	assert(text);
	for (i = 0; batch && i < ARRAY_SIZE(all_rules); i++)
		try(all_rules[i], text, batch);
	batch_unref(&batch);
	free(text);
	return 0;
}
