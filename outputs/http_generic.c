/* The generic receiver: JSON lines or an array to a URL, and any 2xx means taken. A body may carry
 * a signature by a key that both sides know (added by outputs/http_headers.c, since it is over the
 * bytes that go out). */
#include "outputs/http_profile.h"

static int generic_check(const struct config_node *cfg, const struct http_settings *set,
			 struct errmsg *em)
{
	const struct config_node *node = config_node_get(cfg, "generic");
	const char *header = set->generic.signature_header;

	if (!*header != !set->generic.signature_key)
		return config_error(node, em, "signature_header and signature_key go together");
	if (header[strspn(header, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789-_")])
		return config_error(config_node_get(node, "signature_header"), em,
				    "signature_header must be the name of a header");
	return 0;
}

/* Events that lie side by side in the block are one span, newlines included. */
static void frame_lines(struct batch *batch, struct http_body *body)
{
	size_t i, n = batch_count(batch);
	struct str lines;

	for (i = 0; i < n;) {
		i += batch_lines(batch, i, &lines);
		http_body_span(body, lines);
	}
}

static void frame_array(const struct http_context *ctx, struct batch *batch, struct http_body *body)
{
	size_t i, n = batch_count(batch);

	for (i = 0; i < n; i++) {
		buf_putc(http_body_text(body), i ? ',' : '[');
		http_body_event(body, batch, i, ctx->is_json);
	}
	buf_putc(http_body_text(body), ']');
}

static void generic_frame(const struct http_context *ctx, struct batch *batch,
			  struct http_body *body)
{
	if (ctx->set->generic.body == HTTP_ARRAY)
		frame_array(ctx, batch, body);
	else
		frame_lines(batch, body);
}

const struct http_profile http_generic = {
	.name = "generic",
	.help = "Events as lines, or as a JSON array, to any URL.",
	.token_header = "Authorization: Bearer ",
	.check = generic_check,
	.frame = generic_frame,
	.judge = http_judge_status,
};
