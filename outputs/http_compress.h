/* outputs/http_compress.h: a body made smaller: gzip (RFC 1952) or zstd (RFC 8878). One compressor
 * per output, used again for each request; the result is a body of one piece. */
#pragma once

#include "base/compiler.h"
#include "outputs/http_body.h"
#include "outputs/http_settings.h"

struct http_compressor;

/* NULL: no memory. */
WARN_UNUSED struct http_compressor *http_compressor_create(enum http_compression compression);
void http_compressor_free(struct http_compressor **compressor);
/* As in Content-Encoding. */
const char *http_compression_name(enum http_compression compression);
/* Appends what `from` is, compressed. False: no memory. */
WARN_UNUSED bool http_compress(struct http_compressor *compressor, const struct http_body *from,
			       struct http_body *to);
