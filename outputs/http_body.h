/* outputs/http_body.h: the body of a request as a list of pieces: text that a profile writes, and
 * spans of the batch's block that are not copied. Its length is known before the first byte goes
 * out, and it can be read again from any place, as a connection that breaks early requires.
 *
 * Made once per request slot and reused; the batch that spans point into outlives its use. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "outputs/batch.h"

/* At least; there may be three for each event beyond. */
#define HTTP_BODY_PIECES 1024u

struct http_piece {
	const char *p; /* NULL: of the text, at `offset` */
	size_t offset, n;
};

struct http_body {
	struct buf text;
	size_t text_from; /* what of the text is in no piece yet */
	struct http_piece *pieces;
	size_t count, cap;
	size_t bytes;
	bool failed; /* no memory */
};

struct http_body_reader {
	const struct http_body *body;
	size_t piece, offset;
};

/* text_limit: most bytes of text. */
void http_body_init(struct http_body *body, size_t text_limit);
void http_body_reset(struct http_body *body);
void http_body_free(struct http_body *body);

/* Where text is written that comes behind what is there. */
static inline struct buf *http_body_text(struct http_body *body)
{
	return &body->text;
}

/* Bytes that stay where they are. */
void http_body_span(struct http_body *body, struct str bytes);
/* The event as a JSON value: as it is when the format is JSON, else as a string. */
void http_body_event(struct http_body *body, const struct batch *batch, size_t i, bool is_json);
/* The event as a JSON string, whatever the format. */
void http_body_event_string(struct http_body *body, const struct batch *batch, size_t i);
/* Closes the last piece. False: no memory, the body must not be sent. */
WARN_UNUSED bool http_body_end(struct http_body *body);

void http_body_rewind(struct http_body_reader *reader, const struct http_body *body);
/* Goes to a byte of the body; false: there is none. */
bool http_body_seek(struct http_body_reader *reader, size_t offset);
/* Copies at most n bytes; 0: the end. */
size_t http_body_read(struct http_body_reader *reader, char *to, size_t n);
/* The next bytes that lie side by side; empty: the end. */
struct str http_body_next(struct http_body_reader *reader);
