#include "outputs/http_headers.h"

#include "base/secret.h"
#include "outputs/http_client.h"
#include "outputs/http_compress.h"

#include <openssl/evp.h>
#include <openssl/params.h>

/* A line with a token in it. */
#define LINE_BYTES (80u * 1024)

/* PATH goes in front of the URL's own query, QUERY behind it. */
static bool put_url(const struct http_context *ctx, const struct template_source *source,
		    struct str path, struct str query, struct buf *out)
{
	char text[4096];
	struct buf url = buf_fixed(text, sizeof(text) - 1);
	size_t n;

	template_write(ctx->templates->url, source, &url);
	text[url.len] = '\0';
	n = strcspn(text, "?");
	while (path.n && n && text[n - 1] == '/')
		n--;
	buf_put(out, text, n);
	buf_puts(out, path);
	n = strcspn(text, "?");
	buf_put(out, text + n, url.len - n);
	if (query.n) {
		buf_putc(out, n < url.len ? '&' : '?');
		buf_puts(out, query);
	}
	buf_putc(out, '\0');
	return buf_ok(&url) && buf_ok(out);
}

bool http_url_write(const struct http_context *ctx, const struct batch *batch, struct buf *out)
{
	const struct http_profile *profile = http_settings_profile(ctx->set);
	struct template_source source = http_template_source(ctx, batch, 0);
	char path_text[2048], query_text[1024];
	struct buf path = buf_fixed(path_text, sizeof(path_text));
	struct buf query = buf_fixed(query_text, sizeof(query_text));

	if (profile->path)
		profile->path(ctx, batch, &path);
	if (profile->query)
		profile->query(ctx, &query);
	return buf_ok(&path) && buf_ok(&query) &&
	       put_url(ctx, &source, buf_str(&path), buf_str(&query), out);
}

bool http_confirmation_url_write(const struct http_context *ctx, struct buf *out)
{
	struct template_source source = http_template_source(ctx, NULL, 0);
	char text[1024];
	struct buf path = buf_fixed(text, sizeof(text));

	http_settings_profile(ctx->set)->confirmation->path(ctx, &path);
	return buf_ok(&path) && put_url(ctx, &source, buf_str(&path), STR(""), out);
}

/* Terminates the line and adds it; the line is empty again. */
static void add_line(struct curl_slist **list, struct buf *line)
{
	struct curl_slist *longer = NULL;

	buf_putc(line, '\0');
	if (buf_ok(line))
		longer = curl_slist_append(*list, line->p);
	secret_wipe(line->p, line->len);
	buf_reset(line);
	if (longer)
		*list = longer;
	else
		http_headers_free(list);
}

static void put_token(const struct http_context *ctx, struct buf *line)
{
	const struct http_settings *set = ctx->set;

	if (*set->token_header)
		buf_printf(line, "%s: ", set->token_header);
	else
		buf_puts(line, str_of(http_settings_profile(set)->token_header));
	buf_puts(line, secret_reveal(set->token));
}

static const char *content_type(const struct http_settings *set)
{
	const struct http_profile *profile = http_settings_profile(set);

	if (profile->content_type)
		return profile->content_type;
	if (*set->generic.content_type)
		return set->generic.content_type;
	return set->generic.body == HTTP_ARRAY ? "application/json"
					       : set->common.format->content_type;
}

static bool sign(struct str key, const struct http_body *body, unsigned char digest[32])
{
	OSSL_PARAM params[] = { OSSL_PARAM_utf8_string("digest", (char *)"SHA256", 0),
				OSSL_PARAM_END };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	bool ok = ctx && EVP_MAC_init(ctx, (const unsigned char *)key.p, key.n, params) == 1;
	struct http_body_reader reader;
	struct str piece;
	size_t n;

	http_body_rewind(&reader, body);
	while (ok && (piece = http_body_next(&reader)).n)
		ok = EVP_MAC_update(ctx, (const unsigned char *)piece.p, piece.n) == 1;
	ok = ok && EVP_MAC_final(ctx, digest, &n, 32) == 1 && n == 32;
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return ok;
}

/* "sha256=" and hexadecimal digits, over the body as it goes out. */
static void put_signature(const struct http_settings *set, const struct http_body *body,
			  struct buf *line)
{
	unsigned char digest[32];
	size_t i;

	buf_printf(line, "%s: sha256=", set->generic.signature_header);
	if (!sign(secret_reveal(set->generic.signature_key), body, digest)) {
		line->overflow = true;
		return;
	}
	for (i = 0; i < sizeof(digest); i++)
		buf_printf(line, "%02x", digest[i]);
}

static void add_configured(const struct http_context *ctx, const struct batch *batch,
			   struct curl_slist **list, struct buf *line)
{
	struct template_source source = http_template_source(ctx, batch, 0);
	size_t i;

	for (i = 0; *list && i < ctx->templates->header_count; i++) {
		template_write(ctx->templates->headers[i], &source, line);
		add_line(list, line);
	}
}

static void add_of_profile(const struct http_context *ctx, struct curl_slist **list,
			   struct buf *line)
{
	char text[1024];
	struct buf lines = buf_fixed(text, sizeof(text));
	size_t from, i;

	http_settings_profile(ctx->set)->headers(ctx, &lines);
	line->overflow |= !buf_ok(&lines);
	for (from = i = 0; *list && i < lines.len; i++) {
		if (text[i] != '\n')
			continue;
		buf_put(line, text + from, i - from);
		add_line(list, line);
		from = i + 1;
	}
}

struct curl_slist *http_headers_make(const struct http_context *ctx, struct batch *batch,
				     const struct http_body *body)
{
	const struct http_settings *set = ctx->set;
	/* libcurl would wait for a "100 Continue" in front of a large body. */
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");
	struct buf line = buf_growable(LINE_BYTES);

	buf_printf(&line, "Content-Type: %s", content_type(set));
	if (list)
		add_line(&list, &line);
	if (list && batch && set->compression != HTTP_COMPRESSION_NONE) {
		buf_printf(&line, "Content-Encoding: %s", http_compression_name(set->compression));
		add_line(&list, &line);
	}
	if (list && http_settings_profile(set)->headers)
		add_of_profile(ctx, &list, &line);
	if (list && batch && *set->generic.signature_header && set->generic.signature_key) {
		put_signature(set, body, &line);
		add_line(&list, &line);
	}
	add_configured(ctx, batch, &list, &line);
	if (list && set->token) {
		put_token(ctx, &line);
		add_line(&list, &line);
	}
	secret_wipe(line.p, line.cap);
	buf_free(&line);
	return list;
}
