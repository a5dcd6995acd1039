/* Datadog's log intake, version 2: an array of objects whose message is the event. */
#include "base/json_write.h"
#include "outputs/http_profile.h"

static int datadog_check(const struct config_node *cfg, const struct http_settings *set,
			 struct errmsg *em)
{
	if (!set->token)
		return config_error(cfg, em, "profile datadog needs a token (an API key)");
	return 0;
}

static void datadog_path(const struct http_context *ctx, const struct batch *batch,
			 struct buf *path)
{
	buf_lit(path, "/api/v2/logs");
}

/* "a:1,b:2" */
static void put_tags(struct buf *out, const struct config_strings *tags)
{
	size_t i;

	json_key(out, "ddtags");
	buf_putc(out, '"');
	for (i = 0; i < tags->n; i++) {
		if (i)
			buf_putc(out, ',');
		json_escaped(out, str_of(tags->v[i]));
	}
	buf_putc(out, '"');
}

static void datadog_frame(const struct http_context *ctx, struct batch *batch,
			  struct http_body *body)
{
	struct buf *out = http_body_text(body);
	size_t i;

	buf_putc(out, '[');
	for (i = 0; i < batch_count(batch); i++) {
		json_comma(out);
		buf_putc(out, '{');
		json_field_string(out, "ddsource", str_of(ctx->set->datadog.source));
		json_field_string(out, "service", str_of(ctx->set->datadog.service));
		json_field_string(out, "hostname", ctx->node);
		put_tags(out, &ctx->set->datadog.tags);
		json_field_time(out, "timestamp", batch_event_at(batch, i)->time_wall_ns);
		json_key(out, "weir_id");
		buf_putc(out, '"');
		batch_write_id(batch, i, out);
		buf_putc(out, '"');
		json_key(out, "message");
		http_body_event_string(body, batch, i);
		buf_putc(out, '}');
	}
	buf_putc(out, ']');
}

const struct http_profile http_datadog = {
	.name = "datadog",
	.help = "Datadog's log intake.",
	.content_type = "application/json",
	.token_header = "DD-API-KEY: ",
	.max_batch_events = 1000,
	.max_batch_bytes = 4u << 20,
	.check = datadog_check,
	.path = datadog_path,
	.frame = datadog_frame,
	.judge = http_judge_status,
};
