/* outputs/http_headers.h: where a request goes and what stands above its body: made of the
 * settings, what the profile adds, and what a template names. */
#pragma once

#include "outputs/http_profile.h"

#include <curl/curl.h>

/* The URL for a batch: path and query of the profile put into the configured one. False: too long.
 */
WARN_UNUSED bool http_url_write(const struct http_context *ctx, const struct batch *batch,
				struct buf *out);
/* The URL to ask for confirmations. */
WARN_UNUSED bool http_confirmation_url_write(const struct http_context *ctx, struct buf *out);
/* All headers but those that libcurl knows better. batch NULL: a request without events; body: as
 * it goes out, for its signature. NULL: no memory. Freed by http_headers_free(). */
WARN_UNUSED struct curl_slist *http_headers_make(const struct http_context *ctx,
						 struct batch *batch, const struct http_body *body);
