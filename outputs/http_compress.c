#include "outputs/http_compress.h"

#include <zlib.h>
#include <zstd.h>

/* The cheapest of each: four and five times smaller; more costs several times as much CPU for a
 * tenth less. */
#define GZIP_LEVEL  1
#define ZSTD_LEVEL  1
#define GZIP_WINDOW (15 + 16) /* 16: gzip's header and trailer */
#define GZIP_MEMORY 8

struct http_compressor {
	enum http_compression compression;
	z_stream gzip;
	bool has_gzip;
	ZSTD_CCtx *zstd;
};

static bool set_up(struct http_compressor *c)
{
	switch (c->compression) {
	case HTTP_COMPRESSION_GZIP:
		c->has_gzip = deflateInit2(&c->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW,
					   GZIP_MEMORY, Z_DEFAULT_STRATEGY) == Z_OK;
		return c->has_gzip;
	case HTTP_COMPRESSION_ZSTD:
		c->zstd = ZSTD_createCCtx();
		return c->zstd && !ZSTD_isError(ZSTD_CCtx_setParameter(
					  c->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL));
	case HTTP_COMPRESSION_NONE:
		break;
	}
	return true;
}

struct http_compressor *http_compressor_create(enum http_compression compression)
{
	struct http_compressor *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->compression = compression;
	if (!set_up(c))
		http_compressor_free(&c);
	return c;
}

void http_compressor_free(struct http_compressor **compressor)
{
	struct http_compressor *c = *compressor;

	*compressor = NULL;
	if (!c)
		return;
	if (c->has_gzip)
		deflateEnd(&c->gzip);
	ZSTD_freeCCtx(c->zstd);
	free(c);
}

const char *http_compression_name(enum http_compression compression)
{
	return compression == HTTP_COMPRESSION_GZIP ? "gzip" : "zstd";
}

static bool gzip_piece(z_stream *z, struct str piece, int flush, struct buf *out)
{
	int status;

	z->next_in = (unsigned char *)piece.p;
	z->avail_in = piece.n;
	do {
		if (!buf_reserve(out, 16384))
			return false;
		z->next_out = (unsigned char *)out->p + out->len;
		z->avail_out = out->cap - out->len;
		status = deflate(z, flush);
		out->len = out->cap - z->avail_out;
	} while (status == Z_OK && (z->avail_in || (flush == Z_FINISH && status != Z_STREAM_END)));
	return status == Z_OK || status == Z_BUF_ERROR || status == Z_STREAM_END;
}

static bool gzip(z_stream *z, const struct http_body *from, struct buf *out)
{
	struct http_body_reader reader;
	struct str piece;

	if (deflateReset(z) != Z_OK)
		return false;
	http_body_rewind(&reader, from);
	while ((piece = http_body_next(&reader)).n)
		if (!gzip_piece(z, piece, Z_NO_FLUSH, out))
			return false;
	return gzip_piece(z, (struct str){ "", 0 }, Z_FINISH, out);
}

static bool zstd_piece(ZSTD_CCtx *zstd, struct str piece, ZSTD_EndDirective end, struct buf *out)
{
	ZSTD_inBuffer in = { piece.p, piece.n, 0 };
	size_t left;

	do {
		ZSTD_outBuffer to;

		if (!buf_reserve(out, 16384))
			return false;
		to = (ZSTD_outBuffer){ out->p + out->len, out->cap - out->len, 0 };
		left = ZSTD_compressStream2(zstd, &to, &in, end);
		out->len += to.pos;
		if (ZSTD_isError(left))
			return false;
	} while (end == ZSTD_e_end ? left > 0 : in.pos < in.size);
	return true;
}

static bool zstd(ZSTD_CCtx *z, const struct http_body *from, struct buf *out)
{
	struct http_body_reader reader;
	struct str piece;

	ZSTD_CCtx_reset(z, ZSTD_reset_session_only);
	if (ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(z, from->bytes)))
		return false;
	http_body_rewind(&reader, from);
	while ((piece = http_body_next(&reader)).n)
		if (!zstd_piece(z, piece, ZSTD_e_continue, out))
			return false;
	return zstd_piece(z, (struct str){ "", 0 }, ZSTD_e_end, out);
}

bool http_compress(struct http_compressor *c, const struct http_body *from, struct http_body *to)
{
	struct buf *out = http_body_text(to);
	bool ok = c->compression == HTTP_COMPRESSION_GZIP ? gzip(&c->gzip, from, out)
							  : zstd(c->zstd, from, out);

	return ok && http_body_end(to);
}
