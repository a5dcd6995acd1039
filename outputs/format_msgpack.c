/* The event as MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md), member by
 * member what its JSON has, in one run over the text and without a tree. Maps and lists have the
 * 16-bit header, whose count is filled in behind them (the 32-bit one where it must be); text is
 * `str` in UTF-8, whole numbers are integers, others are floats of 64 bits. What JSON has as text
 * (64-bit numbers, times) stays text.
 *
 * No event can end or forge a frame: every length is counted, not searched for; what isn't JSON is
 * refused (outputs/json_token.h). */
#include "outputs/format.h"
#include "outputs/json_token.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

static const char *put_value(const char *p, const char *end, unsigned int depth, struct buf *out);

static void put_u8(struct buf *out, unsigned int tag, unsigned int v)
{
	const unsigned char bytes[2] = { (unsigned char)tag, (unsigned char)v };

	buf_put(out, bytes, sizeof(bytes));
}

static void put_u16(struct buf *out, unsigned int tag, unsigned int v)
{
	const unsigned char bytes[3] = { (unsigned char)tag, (unsigned char)(v >> 8),
					 (unsigned char)v };

	buf_put(out, bytes, sizeof(bytes));
}

static void put_u32(struct buf *out, unsigned int tag, uint32_t v)
{
	unsigned char bytes[5] = { (unsigned char)tag };

	v = htobe32(v);
	memcpy(bytes + 1, &v, sizeof(v));
	buf_put(out, bytes, sizeof(bytes));
}

static void put_u64(struct buf *out, unsigned int tag, uint64_t v)
{
	unsigned char bytes[9] = { (unsigned char)tag };

	v = htobe64(v);
	memcpy(bytes + 1, &v, sizeof(v));
	buf_put(out, bytes, sizeof(bytes));
}

/* The header of a string in front of its text; at: room for five bytes. */
static size_t string_header(char *at, size_t n)
{
	const uint16_t be16 = htobe16((uint16_t)n);
	const uint32_t be32 = htobe32((uint32_t)n);

	if (n < 32) {
		at[0] = (char)(0xa0 | n);
		return 1;
	}
	if (n <= UINT8_MAX) {
		at[0] = (char)0xd9;
		at[1] = (char)n;
		return 2;
	}
	if (n <= UINT16_MAX) {
		at[0] = (char)0xda;
		memcpy(at + 1, &be16, sizeof(be16));
		return 3;
	}
	at[0] = (char)0xdb;
	memcpy(at + 1, &be32, sizeof(be32));
	return 5;
}

/* How long the text is, is known when it is there; the header is that of the longest it can be. */
static void put_escaped_string(struct buf *out, struct str raw)
{
	const bool is_short = raw.n <= UINT16_MAX;
	size_t at = out->len, from, n;

	put_u32(out, is_short ? 0xda : 0xdb, 0);
	if (is_short && buf_ok(out))
		out->len -= 2;
	from = out->len;
	json_unescape(raw, out);
	if (!buf_ok(out))
		return;
	n = out->len - from;
	if (is_short) {
		const uint16_t be = htobe16((uint16_t)n);

		memcpy(out->p + at + 1, &be, sizeof(be));
	} else {
		const uint32_t be = htobe32((uint32_t)n);

		memcpy(out->p + at + 1, &be, sizeof(be));
	}
}

static void put_string(struct buf *out, const struct json_token *token)
{
	size_t header;

	if (token->is_escaped) {
		put_escaped_string(out, token->raw);
		return;
	}
	if (!buf_reserve(out, token->raw.n + 5))
		return;
	header = string_header(out->p + out->len, token->raw.n);
	memcpy(out->p + out->len + header, token->raw.p, token->raw.n);
	out->len += header + token->raw.n;
}

static void put_unsigned(struct buf *out, uint64_t v)
{
	if (v < 128)
		buf_putc(out, (char)v);
	else if (v <= UINT8_MAX)
		put_u8(out, 0xcc, (unsigned int)v);
	else if (v <= UINT16_MAX)
		put_u16(out, 0xcd, (unsigned int)v);
	else if (v <= UINT32_MAX)
		put_u32(out, 0xce, (uint32_t)v);
	else
		put_u64(out, 0xcf, v);
}

/* v: what follows the minus, at most 2^63. */
static void put_negative(struct buf *out, uint64_t v)
{
	if (v <= 32)
		buf_putc(out, (char)(256 - v));
	else if (v <= 128)
		put_u8(out, 0xd0, (unsigned int)(0x100 - v));
	else if (v <= 1u << 15)
		put_u16(out, 0xd1, (unsigned int)(0x10000 - v));
	else if (v <= 1u << 31)
		put_u32(out, 0xd2, (uint32_t)(0x100000000 - v));
	else
		put_u64(out, 0xd3, ~v + 1);
}

static bool put_float(struct buf *out, struct str raw)
{
	char text[64];
	union {
		double number;
		uint64_t bits;
	} v;

	if (raw.n >= sizeof(text))
		return false;
	memcpy(text, raw.p, raw.n);
	text[raw.n] = '\0';
	v.number = strtod(text, NULL);
	put_u64(out, 0xcb, v.bits);
	return true;
}

/* The JSON is well-formed: digits alone are a whole number. Too large for 64 bits: a float. */
static bool put_number(struct buf *out, struct str raw)
{
	const bool is_negative = raw.p[0] == '-';
	const struct json_value digits = { JSON_NUMBER,
					   { raw.p + is_negative, raw.n - is_negative } };
	uint64_t v;

	if (!json_u64(&digits, &v) || (is_negative && v > 1ull << 63))
		return put_float(out, raw);
	if (is_negative && v)
		put_negative(out, v);
	else
		put_unsigned(out, v);
	return true;
}

/* Fills in the count of a map or list whose header of three bytes is at `at`. */
static void put_count(struct buf *out, size_t at, size_t count)
{
	const uint16_t be = htobe16((uint16_t)count);
	const uint32_t be32 = htobe32((uint32_t)count);

	if (count <= UINT16_MAX) {
		if (buf_ok(out))
			memcpy(out->p + at + 1, &be, sizeof(be));
		return;
	}
	buf_put(out, "\0", 2);
	if (!buf_ok(out))
		return;
	memmove(out->p + at + 5, out->p + at + 3, out->len - at - 5);
	out->p[at]++; /* map 32, array 32 */
	memcpy(out->p + at + 1, &be32, sizeof(be32));
}

/* p: the opening bracket. */
static const char *put_container(const char *p, const char *end, unsigned int depth,
				 struct buf *out)
{
	const bool is_map = *p == '{';
	size_t at = out->len, count;
	struct json_token name;
	bool closed;

	if (depth == JSON_MAX_DEPTH)
		return NULL;
	put_u16(out, is_map ? 0xde : 0xdc, 0);
	p++;
	for (count = 0;; count++) {
		p = json_token_next(p, end, is_map ? '}' : ']', count == 0, &closed);
		if (!p || closed)
			break;
		if (is_map) {
			p = json_token_name(p, end, &name);
			if (!p)
				return NULL;
			put_string(out, &name);
		}
		p = put_value(p, end, depth + 1, out);
		if (!p)
			return NULL;
	}
	if (p)
		put_count(out, at, count);
	return p;
}

static const char *put_value(const char *p, const char *end, unsigned int depth, struct buf *out)
{
	struct json_token token;

	if (p < end && (*p == '{' || *p == '['))
		return put_container(p, end, depth, out);
	p = json_token_read(p, end, &token);
	if (!p)
		return NULL;
	if (token.type == JSON_STRING)
		put_string(out, &token);
	else if (token.type == JSON_NUMBER)
		return put_number(out, token.raw) ? p : NULL;
	else if (token.type == JSON_BOOL)
		buf_putc(out, token.raw.p[0] == 't' ? (char)0xc3 : (char)0xc2);
	else
		buf_putc(out, (char)0xc0);
	return p;
}

static int write_msgpack(const struct journal_record *record, struct buf *out)
{
	const char *p = record->json.p, *end = p + record->json.n;

	if (record->json.n == 0 || *p != '{')
		return -EINVAL;
	return put_value(p, end, 0, out) == end ? 0 : -EINVAL;
}

const struct format format_msgpack = {
	.name = "msgpack",
	.help = "The event's JSON as MessagePack.",
	.content_type = "application/msgpack",
	.is_binary = true,
	.write = write_msgpack,
	.has_paths = true,
};
