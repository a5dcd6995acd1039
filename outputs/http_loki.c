/* Grafana Loki's push API, in JSON. One stream with few, configured labels; the id and the kind of
 * each event are structured metadata. Entries are in the order of their time, which Loki wants of a
 * stream; the same entry twice is one there, so what comes twice does no harm. */
#include "base/json_write.h"
#include "outputs/http_profile.h"
#include "pipeline/event.h"

/* Loki's default limit of labels in a stream. */
#define LOKI_LABELS 15

/* [a-zA-Z_][a-zA-Z0-9_]* in front of the first '='. */
static size_t name_length(const char *label)
{
	size_t n = strspn(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

	return n && label[n] == '=' && !(label[0] >= '0' && label[0] <= '9') ? n : 0;
}

static int loki_check(const struct config_node *cfg, const struct http_settings *set,
		      struct errmsg *em)
{
	const struct config_node *node = config_node_get(config_node_get(cfg, "loki"), "labels");
	size_t i;

	if (set->loki.labels.n > LOKI_LABELS)
		return config_error(node, em, "%zu labels are more than Loki takes (%d)",
				    set->loki.labels.n, LOKI_LABELS);
	for (i = 0; i < set->loki.labels.n; i++) {
		const char *label = set->loki.labels.v[i];

		if (name_length(label) == 0)
			return config_error(config_node_at(node, i), em,
					    "a label is written NAME=VALUE, its name of letters, "
					    "digits and '_'");
	}
	return 0;
}

static void loki_path(const struct http_context *ctx, const struct batch *batch, struct buf *path)
{
	buf_lit(path, "/loki/api/v1/push");
}

static void loki_headers(const struct http_context *ctx, struct buf *lines)
{
	if (*ctx->set->loki.tenant)
		buf_printf(lines, "X-Scope-OrgID: %s\n", ctx->set->loki.tenant);
}

static void put_labels(struct buf *out, const struct http_context *ctx, struct batch *batch)
{
	const struct template_source source = http_template_source(ctx, batch, 0);
	size_t i;

	for (i = 0; i < ctx->templates->label_count; i++) {
		const char *label = ctx->set->loki.labels.v[i];

		json_key_str(out, (struct str){ label, name_length(label) });
		buf_putc(out, '"');
		template_write(ctx->templates->labels[i], &source, out);
		buf_putc(out, '"');
	}
	if (ctx->templates->label_count == 0) {
		json_field_string(out, "job", STR("weir"));
		json_field_string(out, "host", ctx->node);
	}
}

static void put_entry(const struct http_context *ctx, struct batch *batch, size_t i,
		      struct http_body *body)
{
	const struct batch_event *event = batch_event_at(batch, i);
	struct buf *out = http_body_text(body);

	buf_lit(out, "[\"");
	buf_u64(out, event->time_wall_ns);
	buf_lit(out, "\",");
	http_body_event_string(body, batch, i);
	buf_lit(out, ",{\"weir_id\":\"");
	batch_write_id(batch, i, out);
	buf_lit(out, "\",\"kind\":\"");
	buf_puts(out, str_of(event_kind_name(event->kind)));
	buf_lit(out, "\"}]");
}

struct entry {
	uint64_t time_wall_ns;
	size_t i;
};

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->time_wall_ns != y->time_wall_ns)
		return x->time_wall_ns < y->time_wall_ns ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

/* A batch is in the order of sequence, which is nearly always that of time too: a step of the wall
 * clock and events of two processors are the exceptions. */
static void order_by_time(struct batch *batch, struct entry *entries)
{
	size_t i, n = batch_count(batch);
	bool is_sorted = true;

	for (i = 0; i < n; i++) {
		entries[i] = (struct entry){ batch_event_at(batch, i)->time_wall_ns, i };
		is_sorted &= i == 0 || entries[i - 1].time_wall_ns <= entries[i].time_wall_ns;
	}
	if (!is_sorted)
		qsort(entries, n, sizeof(*entries), compare_entries);
}

static void loki_frame(const struct http_context *ctx, struct batch *batch, struct http_body *body)
{
	struct entry *entries = calloc(batch_count(batch), sizeof(*entries));
	struct buf *out = http_body_text(body);
	size_t i;

	if (!entries) {
		body->failed = true;
		return;
	}
	order_by_time(batch, entries);
	buf_lit(out, "{\"streams\":[{\"stream\":{");
	put_labels(out, ctx, batch);
	buf_lit(out, "},\"values\":[");
	for (i = 0; i < batch_count(batch); i++) {
		json_comma(out);
		put_entry(ctx, batch, entries[i].i, body);
	}
	buf_lit(out, "]}]}");
	free(entries);
}

const struct http_profile http_loki = {
	.name = "loki",
	.help = "Grafana Loki's push API.",
	.content_type = "application/json",
	.token_header = "Authorization: Bearer ",
	.check = loki_check,
	.path = loki_path,
	.headers = loki_headers,
	.frame = loki_frame,
	.judge = http_judge_status,
};
