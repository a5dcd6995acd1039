#include "outputs/msgpack_reader.h"

static uint64_t big_endian(const char *p, size_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | (unsigned char)*p++;
	return v;
}

/* A length or count of n bytes behind the first byte, then as many bytes of the value as the length
 * says (a count says nothing of them). */
static enum msgpack_result read_sized(struct str *in, enum msgpack_type type, size_t n,
				      struct msgpack_token *token)
{
	bool is_container = type == MSGPACK_ARRAY || type == MSGPACK_MAP;
	size_t head = 1 + n, size;

	if (in->n < head)
		return MSGPACK_MORE;
	size = big_endian(in->p + 1, n);
	token->type = type;
	token->count = is_container ? size : 0;
	if (is_container)
		size = 0;
	else if (type == MSGPACK_EXT)
		size++; /* its type, a byte */
	if (in->n - head < size)
		return MSGPACK_MORE;
	token->bytes = (struct str){ in->p + head, size };
	*in = (struct str){ in->p + head + size, in->n - head - size };
	return MSGPACK_OK;
}

/* n bytes of value behind the first byte. */
static enum msgpack_result read_fixed(struct str *in, enum msgpack_type type, size_t n,
				      struct msgpack_token *token)
{
	if (in->n < 1 + n)
		return MSGPACK_MORE;
	token->type = type;
	token->bytes = (struct str){ in->p + 1, n };
	*in = (struct str){ in->p + 1 + n, in->n - 1 - n };
	return MSGPACK_OK;
}

static enum msgpack_result read_unsigned(struct str *in, size_t n, struct msgpack_token *token)
{
	enum msgpack_result result = read_fixed(in, MSGPACK_INTEGER, n, token);

	if (result == MSGPACK_OK)
		token->integer = big_endian(token->bytes.p, n);
	return result;
}

static enum msgpack_result read_signed(struct str *in, size_t n, struct msgpack_token *token)
{
	enum msgpack_result result = read_unsigned(in, n, token);
	unsigned int unused = 64 - 8 * n;

	if (result == MSGPACK_OK)
		token->integer = (uint64_t)((int64_t)(token->integer << unused) >> unused);
	return result;
}

/* The value, or its length or count, is in the first byte itself. */
static enum msgpack_result read_short(struct str *in, unsigned char first,
				      struct msgpack_token *token)
{
	size_t n = 0;

	if (first < 0x80 || first >= 0xe0) {
		token->type = MSGPACK_INTEGER;
		token->integer = (uint64_t)(int64_t)(signed char)first;
	} else if (first < 0xa0) {
		token->type = first < 0x90 ? MSGPACK_MAP : MSGPACK_ARRAY;
		token->count = first & 0x0f;
	} else {
		token->type = MSGPACK_STR;
		n = first & 0x1f;
	}
	if (in->n < 1 + n)
		return MSGPACK_MORE;
	token->bytes = (struct str){ in->p + 1, n };
	*in = (struct str){ in->p + 1 + n, in->n - 1 - n };
	return MSGPACK_OK;
}

enum msgpack_result msgpack_read(struct str *in, struct msgpack_token *token_r)
{
	unsigned char first;

	*token_r = (struct msgpack_token){ .type = MSGPACK_NIL };
	if (in->n == 0)
		return MSGPACK_MORE;
	first = in->p[0];
	if (first < 0xc0 || first >= 0xe0)
		return read_short(in, first, token_r);
	switch (first) {
	case 0xc0:
		return read_fixed(in, MSGPACK_NIL, 0, token_r);
	case 0xc2:
	case 0xc3:
		token_r->boolean = first == 0xc3;
		return read_fixed(in, MSGPACK_BOOL, 0, token_r);
	case 0xc4:
	case 0xc5:
	case 0xc6:
		return read_sized(in, MSGPACK_BIN, 1u << (first - 0xc4), token_r);
	case 0xc7:
	case 0xc8:
	case 0xc9:
		return read_sized(in, MSGPACK_EXT, 1u << (first - 0xc7), token_r);
	case 0xca:
	case 0xcb:
		return read_fixed(in, MSGPACK_FLOAT, first == 0xca ? 4 : 8, token_r);
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xcf:
		return read_unsigned(in, 1u << (first - 0xcc), token_r);
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3:
		return read_signed(in, 1u << (first - 0xd0), token_r);
	case 0xd4:
	case 0xd5:
	case 0xd6:
	case 0xd7:
	case 0xd8:
		return read_fixed(in, MSGPACK_EXT, 1 + (1u << (first - 0xd4)), token_r);
	case 0xd9:
	case 0xda:
	case 0xdb:
		return read_sized(in, MSGPACK_STR, 1u << (first - 0xd9), token_r);
	case 0xdc:
	case 0xdd:
		return read_sized(in, MSGPACK_ARRAY, first == 0xdc ? 2 : 4, token_r);
	case 0xde:
	case 0xdf:
		return read_sized(in, MSGPACK_MAP, first == 0xde ? 2 : 4, token_r);
	default: /* 0xc1: never used */
		return MSGPACK_BAD;
	}
}

enum msgpack_result msgpack_skip(struct str *in)
{
	struct str at = *in;
	uint64_t left = 1; /* can't overflow: each of at->n bytes adds less than 2^33 */

	while (left) {
		struct msgpack_token token;
		enum msgpack_result result = msgpack_read(&at, &token);

		if (result != MSGPACK_OK)
			return result;
		left += (uint64_t)token.count * (token.type == MSGPACK_MAP ? 2 : 1) - 1;
	}
	*in = at;
	return MSGPACK_OK;
}

bool msgpack_read_text(struct str *in, struct str *text_r)
{
	struct msgpack_token token;
	struct str at = *in;

	if (msgpack_read(&at, &token) != MSGPACK_OK ||
	    (token.type != MSGPACK_STR && token.type != MSGPACK_BIN))
		return false;
	*in = at;
	*text_r = token.bytes;
	return true;
}

bool msgpack_find(struct str *map, struct str key)
{
	struct msgpack_token head;
	struct str at = *map, name;
	uint32_t i;

	if (msgpack_read(&at, &head) != MSGPACK_OK || head.type != MSGPACK_MAP)
		return false;
	for (i = 0; i < head.count; i++) {
		if (msgpack_read_text(&at, &name)) {
			if (str_equal(name, key)) {
				*map = at;
				return true;
			}
		} else if (msgpack_skip(&at) != MSGPACK_OK) {
			return false;
		}
		if (msgpack_skip(&at) != MSGPACK_OK)
			return false;
	}
	return false;
}
