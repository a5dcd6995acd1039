/* Azure Monitor's Logs Ingestion API, which Microsoft Sentinel reads from: an array of objects to a
 * stream of a data collection rule. The token is a bearer token of Entra ID for
 * https://monitor.azure.com; who renews it (a timer of the host) writes it to the token's file.
 * https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview */
#include "base/json_write.h"
#include "outputs/http_profile.h"
#include "pipeline/event.h"

static bool is_name(const char *text)
{
	return *text && !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789-_")];
}

static int azure_check(const struct config_node *cfg, const struct http_settings *set,
		       struct errmsg *em)
{
	const struct config_node *node = config_node_get(cfg, "azure");

	if (!set->token)
		return config_error(cfg, em, "profile azure needs a token");
	if (!is_name(set->azure.rule) || !is_name(set->azure.stream))
		return config_error(node ? node : cfg, em,
				    "profile azure needs azure.rule (the immutable id of a data "
				    "collection rule, dcr-...) and azure.stream (Custom-...)");
	return 0;
}

static void azure_path(const struct http_context *ctx, const struct batch *batch, struct buf *path)
{
	buf_printf(path, "/dataCollectionRules/%s/streams/%s", ctx->set->azure.rule,
		   ctx->set->azure.stream);
}

static void azure_query(const struct http_context *ctx, struct buf *query)
{
	buf_lit(query, "api-version=2023-01-01");
}

static void azure_frame(const struct http_context *ctx, struct batch *batch, struct http_body *body)
{
	struct buf *out = http_body_text(body);
	size_t i;

	buf_putc(out, '[');
	for (i = 0; i < batch_count(batch); i++) {
		const struct batch_event *event = batch_event_at(batch, i);

		json_comma(out);
		buf_putc(out, '{');
		json_field_time(out, "TimeGenerated", event->time_wall_ns);
		json_field_string(out, "Computer", ctx->node);
		json_field_string(out, "Kind", str_of(event_kind_name(event->kind)));
		buf_lit(out, ",\"WeirId\":\"");
		batch_write_id(batch, i, out);
		buf_lit(out, "\",\"RawData\":");
		http_body_event(body, batch, i, ctx->is_json);
		buf_putc(out, '}');
	}
	buf_putc(out, ']');
}

const struct http_profile http_azure = {
	.name = "azure",
	.help = "Azure Monitor's Logs Ingestion API (Microsoft Sentinel).",
	.content_type = "application/json",
	.token_header = "Authorization: Bearer ",
	.max_batch_bytes = 1000000,
	.check = azure_check,
	.path = azure_path,
	.query = azure_query,
	.frame = azure_frame,
	.judge = http_judge_status,
};
