/* outputs/http_tls.h: makes libcurl's TLS the same as every other output's: certificates,
 * authorities, revocation and pins come from the context of outputs/tls.h, which reads the files
 * again when they change and keeps the old ones when the new are bad. libcurl has its own options
 * for most of it, but reads files at every connection and can't say what is wrong with a
 * certificate. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/http_settings.h"

#include <curl/curl.h>

struct http_tls;

/* name: of the output, for the log; host: of the URL, without brackets. All borrowed. */
WARN_UNUSED int http_tls_create(const struct tls_settings *settings, const char *name,
				const char *host, struct http_tls **tls_r, struct errmsg *em);
void http_tls_free(struct http_tls **tls);
void http_tls_reload(struct http_tls *tls);
/* For each handle that may open a connection. -ENOTSUP: this libcurl is not built with OpenSSL. */
WARN_UNUSED int http_tls_apply(struct http_tls *tls, CURL *easy, struct errmsg *em);
/* What was wrong with the peer's certificate or our own files since the last call; NULL: nothing.
 * It is the configuration's fault then. */
const char *http_tls_failure(struct http_tls *tls);
