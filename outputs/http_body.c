#include "outputs/http_body.h"

#include "base/json_write.h"

void http_body_init(struct http_body *body, size_t text_limit)
{
	*body = (struct http_body){ .text = buf_growable(text_limit) };
}

void http_body_reset(struct http_body *body)
{
	buf_reset(&body->text);
	body->text_from = 0;
	body->count = 0;
	body->bytes = 0;
	body->failed = false;
}

void http_body_free(struct http_body *body)
{
	buf_free(&body->text);
	free(body->pieces);
	*body = (struct http_body){ 0 };
}

static void add_piece(struct http_body *body, struct http_piece piece)
{
	if (body->count == body->cap) {
		size_t cap = body->cap ? body->cap * 2 : HTTP_BODY_PIECES;
		struct http_piece *pieces = reallocarray(body->pieces, cap, sizeof(*pieces));

		if (!pieces) {
			body->failed = true;
			return;
		}
		body->pieces = pieces;
		body->cap = cap;
	}
	body->pieces[body->count++] = piece;
	body->bytes += piece.n;
}

static void close_text(struct http_body *body)
{
	if (body->text.len > body->text_from)
		add_piece(body, (struct http_piece){ .offset = body->text_from,
						     .n = body->text.len - body->text_from });
	body->text_from = body->text.len;
}

void http_body_span(struct http_body *body, struct str bytes)
{
	close_text(body);
	if (bytes.n)
		add_piece(body, (struct http_piece){ .p = bytes.p, .n = bytes.n });
}

void http_body_event(struct http_body *body, const struct batch *batch, size_t i, bool is_json)
{
	if (is_json)
		http_body_span(body, batch_payload(batch, i));
	else
		http_body_event_string(body, batch, i);
}

void http_body_event_string(struct http_body *body, const struct batch *batch, size_t i)
{
	json_quoted(&body->text, batch_payload(batch, i));
}

bool http_body_end(struct http_body *body)
{
	close_text(body);
	return buf_ok(&body->text) && !body->failed;
}

void http_body_rewind(struct http_body_reader *reader, const struct http_body *body)
{
	*reader = (struct http_body_reader){ .body = body };
}

bool http_body_seek(struct http_body_reader *reader, size_t offset)
{
	const struct http_body *body = reader->body;

	if (offset > body->bytes)
		return false;
	http_body_rewind(reader, body);
	while (reader->piece < body->count && offset >= body->pieces[reader->piece].n)
		offset -= body->pieces[reader->piece++].n;
	reader->offset = offset;
	return true;
}

struct str http_body_next(struct http_body_reader *reader)
{
	const struct http_body *body = reader->body;
	const struct http_piece *piece;
	struct str bytes = { "", 0 };

	if (reader->piece == body->count)
		return bytes;
	piece = &body->pieces[reader->piece++];
	bytes.p = (piece->p ? piece->p : body->text.p + piece->offset) + reader->offset;
	bytes.n = piece->n - reader->offset;
	reader->offset = 0;
	return bytes;
}

size_t http_body_read(struct http_body_reader *reader, char *to, size_t n)
{
	size_t done = 0;

	while (done < n && reader->piece < reader->body->count) {
		size_t offset = reader->offset;
		struct str bytes = http_body_next(reader);
		size_t take = bytes.n < n - done ? bytes.n : n - done;

		memcpy(to + done, bytes.p, take);
		done += take;
		if (take < bytes.n) { /* the rest next time */
			reader->piece--;
			reader->offset = offset + take;
		}
	}
	return done;
}
