#include "tests/unit/http_profile_rig.h"

#include "base/clock.h"

#include <assert.h>

#define EVENTS 64u

/* A mapping, with its braces or without. */
static int read_settings(struct http_profile_rig *rig, const char *yaml, struct errmsg *em)
{
	struct buf text = buf_growable(8192);
	size_t n = strlen(yaml);
	int err;

	if (*yaml == '{') {
		yaml++;
		n -= 2;
	}
	buf_printf(&text, "{name: out, type: http, %s%.*s}",
		   strstr(yaml, "url:") ? "" : "url: 'http://h:1', ", (int)n, yaml);
	err = config_parse(buf_str(&text), "test.yaml", &rig->doc, em);
	if (!err)
		err = output_settings_read(config_root(rig->doc), &rig->settings, em);
	buf_free(&text);
	return err;
}

struct http_profile_rig *http_profile_rig_create(const char *yaml, struct errmsg *em)
{
	struct http_profile_rig *rig = calloc(1, sizeof(*rig));
	const struct http_settings *set;

	assert(rig);
	rig->batch = batch_create(EVENTS, 1 << 20);
	http_body_init(&rig->body, 8 << 20);
	if (read_settings(rig, yaml, em) != 0) {
		http_profile_rig_free(&rig);
		return NULL;
	}
	set = (const struct http_settings *)rig->settings;
	rig->profile = http_settings_profile(set);
	if (http_templates_create(set, &rig->templates, em) != 0) {
		http_profile_rig_free(&rig);
		return NULL;
	}
	rig->ctx = (struct http_context){
		.set = set,
		.templates = rig->templates,
		.node = STR("node-\"1\""),
		.channel = "c-h-a-n",
		.is_json = strstr(set->common.format->content_type, "json"),
	};
	return rig;
}

void http_profile_rig_free(struct http_profile_rig **rig)
{
	struct http_profile_rig *r = *rig;

	*rig = NULL;
	if (!r)
		return;
	batch_unref(&r->batch);
	http_body_free(&r->body);
	http_templates_free(&r->templates);
	output_settings_free(&r->settings);
	config_document_free(&r->doc);
	free(r);
}

void http_profile_rig_add(struct http_profile_rig *rig, uint64_t seq, uint64_t wall_ns,
			  const char *json)
{
	const struct journal_record record = { .seq = seq,
					       .time_wall_ns = wall_ns,
					       .kind = KIND_PROCESS_EXEC,
					       .json = str_of(json),
					       .boot_id = STR(RIG_BOOT) };

	assert(batch_add(rig->batch, &record, rig->settings->formatter) == 0);
}

void http_profile_rig_fill(struct http_profile_rig *rig, size_t n)
{
	char json[128];
	size_t i;

	assert(batch_reset(rig->batch));
	for (i = 1; i <= n; i++) {
		snprintf(json, sizeof(json),
			 "{\"process_exec\":{\"x\":\"a\\n\\\"b\"},\"weir\":{\"seq\":\"%zu\"}}", i);
		http_profile_rig_add(rig, i, 1700000000 * NSEC_PER_SEC + i, json);
	}
}

char *http_profile_rig_body(struct http_profile_rig *rig)
{
	struct http_body_reader reader;
	char *text;

	http_body_reset(&rig->body);
	rig->profile->frame(&rig->ctx, rig->batch, &rig->body);
	if (!http_body_end(&rig->body))
		return NULL;
	text = calloc(1, rig->body.bytes + 1);
	assert(text);
	http_body_rewind(&reader, &rig->body);
	http_body_read(&reader, text, rig->body.bytes);
	return text;
}

enum output_verdict http_profile_rig_judge(struct http_profile_rig *rig, int status,
					   const char *answer)
{
	const struct http_answer a = { .status = status, .body = str_of(answer) };

	rig->em.text[0] = '\0';
	rig->ticket = UINT64_MAX;
	return rig->profile->judge(&rig->ctx, &a, rig->batch, &rig->ticket, &rig->em);
}
