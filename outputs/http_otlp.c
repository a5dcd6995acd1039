/* OTLP/HTTP logs in JSON, version 1 of the protocol. Each event is a record whose body is the
 * event's text, with its kind and id as attributes.
 * https://opentelemetry.io/docs/specs/otlp/#otlphttp */
#include "base/clock.h"
#include "base/json_write.h"
#include "outputs/http_profile.h"
#include "outputs/json_scan.h"
#include "pipeline/event.h"

#define SEVERITY_INFO 9 /* SEVERITY_NUMBER_INFO */

static void otlp_path(const struct http_context *ctx, const struct batch *batch, struct buf *path)
{
	buf_lit(path, "/v1/logs");
}

static void put_attribute(struct buf *out, const char *name, struct str value)
{
	json_comma(out);
	buf_putc(out, '{');
	json_field_string(out, "key", str_of(name));
	json_key(out, "value");
	buf_putc(out, '{');
	json_field_string(out, "stringValue", value);
	buf_lit(out, "}}");
}

static void put_record(const struct http_context *ctx, struct batch *batch, size_t i,
		       struct http_body *body)
{
	const struct batch_event *event = batch_event_at(batch, i);
	struct buf *out = http_body_text(body);
	char text[128];
	struct buf id = buf_fixed(text, sizeof(text));

	batch_write_id(batch, i, &id);
	json_comma(out);
	buf_putc(out, '{');
	json_field_u64_string(out, "timeUnixNano", event->time_wall_ns);
	json_field_u64_string(out, "observedTimeUnixNano", event->time_wall_ns);
	json_field_u64(out, "severityNumber", SEVERITY_INFO);
	json_key(out, "body");
	buf_lit(out, "{\"stringValue\":");
	http_body_event_string(body, batch, i);
	buf_lit(out, "},\"attributes\":[");
	put_attribute(out, "event.name", str_of(event_kind_name(event->kind)));
	put_attribute(out, "weir.id", buf_str(&id));
	buf_lit(out, "]}");
}

static void otlp_frame(const struct http_context *ctx, struct batch *batch, struct http_body *body)
{
	struct buf *out = http_body_text(body);
	size_t i;

	buf_lit(out, "{\"resourceLogs\":[{\"resource\":{\"attributes\":[");
	put_attribute(out, "service.name", str_of(ctx->set->otlp.service_name));
	put_attribute(out, "host.name", ctx->node);
	buf_lit(out, "]},\"scopeLogs\":[{\"scope\":{\"name\":\"weir\",\"version\":\"" WEIR_VERSION
		     "\"},\"logRecords\":[");
	for (i = 0; i < batch_count(batch); i++)
		put_record(ctx, batch, i, body);
	buf_lit(out, "]}]}]}");
}

/* Some were rejected, and the protocol says neither which nor lets the request be sent again. None
 * of them is lost: all go to the dead letters, with that said. */
static enum output_verdict judge_partial(struct batch *batch, uint64_t rejected,
					 const struct json_value *message, struct errmsg *em)
{
	struct http_words words = http_words_of(message->raw);
	char text[256];
	size_t i, n = batch_count(batch);
	int length;

	if (rejected < n)
		length = snprintf(text, sizeof(text), "%llu of %zu rejected, not said which: %s",
				  (unsigned long long)rejected, n, words.text);
	else
		length = snprintf(text, sizeof(text), "rejected: %s", words.text);
	for (i = 0; i < n; i++)
		batch_refuse(batch, i, (struct str){ text, (size_t)length });
	errmsg_set(em, "%s", text);
	return OUTPUT_SENT;
}

static enum output_verdict judge_success(const struct http_answer *answer, struct batch *batch,
					 struct errmsg *em)
{
	struct json_value root, partial, rejected, message;
	uint64_t n = 0;

	if (answer->body.n == 0)
		return OUTPUT_SENT;
	if (!json_parse(answer->body, &root) || root.type != JSON_OBJECT)
		return http_answer_garbage(answer, "an OTLP answer", em);
	partial = json_get(&root, "partialSuccess");
	rejected = json_get(&partial, "rejectedLogRecords");
	message = json_get(&partial, "errorMessage");
	if (rejected.type != JSON_NONE && rejected.type != JSON_NULL && !json_u64(&rejected, &n))
		return http_answer_garbage(answer, "an OTLP answer", em);
	return n ? judge_partial(batch, n, &message, em) : OUTPUT_SENT;
}

/* The specification allows to send again after 429, 502, 503 and 504 and nothing else. What a
 * broken receiver answers 500 to is still kept: bisected as a refusal, until the refusals in a row
 * look like a fault of the configuration and the output is held. */
static enum output_verdict otlp_judge(const struct http_context *ctx,
				      const struct http_answer *answer, struct batch *batch,
				      uint64_t *ticket_r, struct errmsg *em)
{
	enum output_verdict verdict;

	if (http_answer_is_ok(answer))
		return judge_success(answer, batch, em);
	verdict = http_answer_verdict(answer, em);
	if (verdict == OUTPUT_LATER && answer->status >= 500 && answer->status != 502 &&
	    answer->status != 503 && answer->status != 504)
		return OUTPUT_REFUSED;
	return verdict;
}

const struct http_profile http_otlp = {
	.name = "otlp",
	.help = "OpenTelemetry's OTLP/HTTP, logs in JSON.",
	.content_type = "application/json",
	.token_header = "Authorization: Bearer ",
	.path = otlp_path,
	.frame = otlp_frame,
	.judge = otlp_judge,
};
