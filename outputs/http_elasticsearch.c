/* Elasticsearch and OpenSearch (and what speaks their _bulk). Each event is created under its own
 * id, so what was there already (409) was delivered, and data streams take it. The answer tells of
 * each item; only those that were not taken for now go out again. */
#include "base/json_write.h"
#include "outputs/http_profile.h"
#include "outputs/json_scan.h"

/* What the answer is wanted to tell: without it each item is repeated with its index and shards. */
#define FILTER \
	"filter_path=errors,error,status,items.*.status,items.*.error.type,items.*.error.reason"

static int elasticsearch_check(const struct config_node *cfg, const struct http_settings *set,
			       struct errmsg *em)
{
	const struct config_node *node = config_node_get(cfg, "elasticsearch");
	const char *index = set->elasticsearch.index;

	if (strpbrk(index, " \"\\/*?<>|,#:") || (*index && strchr("-_+.", *index)))
		return config_error(config_node_get(node, "index"), em,
				    "\"%.80s\" can't name an index or data stream: no blanks, none "
				    "of \"\\/*?<>|,#: and not beginning with - _ + .",
				    index);
	for (; *index; index++)
		if (*index > 0 && *index < ' ')
			return config_error(config_node_get(node, "index"), em,
					    "the name of an index has no control characters");
		else if (*index >= 'A' && *index <= 'Z')
			return config_error(config_node_get(node, "index"), em,
					    "the name of an index has no capital letters");
	return 0;
}

static void put_index(const struct http_context *ctx, const struct batch *batch, size_t i,
		      struct buf *out)
{
	const struct template_source source = http_template_source(ctx, batch, i);

	template_write(ctx->templates->index, &source, out);
}

static bool is_of_event(const struct template *index)
{
	return template_fields(index) & TEMPLATE_OF_EVENT;
}

/* An index that is the same for all stands in the path, else with each event. Without one the URL
 * names it, or the receiver has none. */
static void elasticsearch_path(const struct http_context *ctx, const struct batch *batch,
			       struct buf *path)
{
	if (*ctx->set->elasticsearch.index && !is_of_event(ctx->templates->index)) {
		buf_putc(path, '/');
		put_index(ctx, batch, 0, path);
	}
	buf_lit(path, "/_bulk");
}

static void elasticsearch_query(const struct http_context *ctx, struct buf *query)
{
	buf_lit(query, FILTER);
	if (*ctx->set->elasticsearch.pipeline)
		buf_printf(query, "&pipeline=%s", ctx->set->elasticsearch.pipeline);
}

static void put_action(const struct http_context *ctx, struct batch *batch, size_t i,
		       bool with_index, struct buf *out)
{
	buf_lit(out, "{\"create\":{\"_id\":\"");
	batch_write_id(batch, i, out);
	buf_putc(out, '"');
	if (with_index) {
		buf_lit(out, ",\"_index\":\"");
		put_index(ctx, batch, i, out);
		buf_putc(out, '"');
	}
	buf_lit(out, "}}\n");
}

/* A data stream must have a time in each event: weir's own JSON has it under another name, so it is
 * put in front; a format made for this has it already. */
static void put_source(const struct http_context *ctx, struct batch *batch, size_t i,
		       struct http_body *body)
{
	struct buf *out = http_body_text(body);
	struct str event = batch_payload(batch, i);
	const char *field = ctx->set->elasticsearch.timestamp_field;

	if (*field && ctx->set->common.format->is_canonical && event.n > 2 && event.p[0] == '{') {
		buf_putc(out, '{');
		json_field_time(out, field, batch_event_at(batch, i)->time_wall_ns);
		buf_putc(out, ',');
		event.p++;
		event.n--;
	}
	event.n++; /* its newline, which follows in the block */
	http_body_span(body, event);
}

static void elasticsearch_frame(const struct http_context *ctx, struct batch *batch,
				struct http_body *body)
{
	bool with_index = is_of_event(ctx->templates->index);
	size_t i;

	for (i = 0; i < batch_count(batch); i++) {
		put_action(ctx, batch, i, with_index, http_body_text(body));
		put_source(ctx, batch, i, body);
	}
}

/* One object in "items": {"create":{"status":201}}. */
static bool read_item(const struct json_value *item, uint64_t *status_r, struct json_value *error_r)
{
	struct json_iter iter = json_iterate(item);
	struct json_value result, status;
	struct str action;

	if (!json_next_member(&iter, &action, &result))
		return false;
	status = json_get(&result, "status");
	*error_r = json_get(&result, "error");
	return status.type == JSON_NUMBER && json_u64(&status, status_r);
}

static void describe(uint64_t status, const struct json_value *error, struct buf *out)
{
	struct http_words type = http_words_of(json_get(error, "type").raw);
	struct http_words reason = http_words_of(json_get(error, "reason").raw);

	buf_printf(out, "%llu %s%s%s", (unsigned long long)status, type.text,
		   reason.text[0] ? ": " : "", reason.text);
}

static bool is_configuration(uint64_t status, const struct json_value *error)
{
	struct str type = json_get(error, "type").raw;

	return status == 401 || status == 403 || status == 404 ||
	       str_equal(type, STR("cluster_block_exception")) ||
	       str_equal(type, STR("index_not_found_exception")) ||
	       str_equal(type, STR("security_exception"));
}

/* What is said of one event. A configuration's fault is no event's. */
static enum output_verdict judge_item(uint64_t status, const struct json_value *error,
				      struct batch *batch, size_t i, struct errmsg *em)
{
	char text[400];
	struct buf words = buf_fixed(text, sizeof(text));

	batch_event_at(batch, i)->verdict = VERDICT_SENT;
	if (status == 200 || status == 201 || status == 409)
		return OUTPUT_SENT;
	describe(status, error, &words);
	if (is_configuration(status, error)) {
		batch_event_at(batch, i)->verdict = VERDICT_RETRY;
		errmsg_set(em,
			   "events are not taken: %.*s: check elasticsearch.index, the rights of "
			   "the user, and whether the cluster is out of disk",
			   STR_FMT(buf_str(&words)));
		return OUTPUT_HELD;
	}
	if (status == 429 || status == 408 || status >= 500) {
		batch_event_at(batch, i)->verdict = VERDICT_RETRY;
		errmsg_set(em, "some events are wanted later: %.*s", STR_FMT(buf_str(&words)));
		return OUTPUT_LATER;
	}
	batch_refuse(batch, i, buf_str(&words));
	return OUTPUT_SENT;
}

static size_t count_elements(const struct json_value *array)
{
	struct json_iter iter = json_iterate(array);
	struct json_value element;
	size_t n = 0;

	while (json_next_element(&iter, &element))
		n++;
	return n;
}

static void clear_verdicts(struct batch *batch)
{
	size_t i;

	for (i = 0; i < batch_count(batch); i++)
		batch_event_at(batch, i)->verdict = VERDICT_BATCH;
}

static enum output_verdict worse(enum output_verdict a, enum output_verdict b)
{
	return a == OUTPUT_HELD || b == OUTPUT_HELD ? OUTPUT_HELD : a == OUTPUT_SENT ? b : a;
}

static enum output_verdict judge_items(const struct http_answer *answer,
				       const struct json_value *items, struct batch *batch,
				       struct errmsg *em)
{
	struct json_iter iter = json_iterate(items);
	enum output_verdict all = OUTPUT_SENT;
	struct json_value item, error;
	struct errmsg why;
	uint64_t status = 0;
	size_t i;

	for (i = 0; json_next_element(&iter, &item); i++) {
		enum output_verdict verdict;

		if (!read_item(&item, &status, &error)) {
			clear_verdicts(batch);
			return http_answer_garbage(answer, "a _bulk answer", em);
		}
		verdict = judge_item(status, &error, batch, i, &why);
		if (worse(all, verdict) != all)
			*em = why;
		all = worse(all, verdict);
	}
	return all;
}

static enum output_verdict elasticsearch_judge(const struct http_context *ctx,
					       const struct http_answer *answer,
					       struct batch *batch, uint64_t *ticket_r,
					       struct errmsg *em)
{
	struct json_value root, errors, items;

	if (!http_answer_is_ok(answer))
		return http_answer_verdict(answer, em);
	if (!json_parse(answer->body, &root) || root.type != JSON_OBJECT)
		return http_answer_garbage(answer, "a _bulk answer", em);
	errors = json_get(&root, "errors");
	items = json_get(&root, "items");
	if (errors.type != JSON_BOOL || items.type != JSON_ARRAY)
		return http_answer_garbage(answer, "a _bulk answer", em);
	if (count_elements(&items) != batch_count(batch)) {
		errmsg_set(em, "the answer tells of %zu events, %zu were sent: it counts for none",
			   count_elements(&items), batch_count(batch));
		return OUTPUT_LATER;
	}
	if (str_equal(errors.raw, STR("false")))
		return OUTPUT_SENT;
	return judge_items(answer, &items, batch, em);
}

const struct http_profile http_elasticsearch = {
	.name = "elasticsearch",
	.help = "Elasticsearch's and OpenSearch's _bulk, indexes and data streams.",
	.content_type = "application/x-ndjson",
	.token_header = "Authorization: ApiKey ",
	.needs_json = true,
	.check = elasticsearch_check,
	.path = elasticsearch_path,
	.query = elasticsearch_query,
	.frame = elasticsearch_frame,
	.judge = elasticsearch_judge,
};
