#include "outputs/json_token.h"

#include "base/utf8.h"

#include <string.h>

/* What ends a run of plain bytes in a string: quote, backslash, control character, multi-byte. */
static const bool is_special[256] = {
	[0x00 ... 0x1f] = true,
	['"'] = true,
	['\\'] = true,
	[0x7f ... 0xff] = true,
};

/* Goes over plain bytes, sixteen at a time. */
static const char *skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		unsigned int bits = json_token_special(v);

		if (bits)
			return p + __builtin_ctz(bits);
		p += 16;
	}
#endif
	while (p < end && !is_special[(unsigned char)*p])
		p++;
	return p;
}

/* The four digits at p; false: they are not. */
static bool read_hex4(const char *p, const char *end, uint32_t *v_r)
{
	size_t i;

	*v_r = 0;
	for (i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdefABCDEF", *at;

		if (p + i >= end || !p[i] || !(at = strchr(digits, p[i])))
			return false;
		*v_r = *v_r << 4 | (uint32_t)(at - digits < 16 ? at - digits : at - digits - 6);
	}
	return true;
}

/* p: behind "\u". A surrogate must have its other half behind it. */
static const char *skip_unicode(const char *p, const char *end)
{
	uint32_t c, low;

	if (!read_hex4(p, end, &c) || (c >= 0xdc00 && c <= 0xdfff))
		return NULL;
	p += 4;
	if (c < 0xd800 || c > 0xdbff)
		return p;
	if (end - p < 6 || p[0] != '\\' || p[1] != 'u' || !read_hex4(p + 2, end, &low) ||
	    low < 0xdc00 || low > 0xdfff)
		return NULL;
	return p + 6;
}

/* p: behind a backslash. Returns what is behind the escape; NULL: it is none. */
static const char *skip_escape(const char *p, const char *end)
{
	if (p == end)
		return NULL;
	if (*p == 'u')
		return skip_unicode(p + 1, end);
	return memchr("\"\\/bfnrt", *p, 8) ? p + 1 : NULL;
}

const char *json_token_read_string(const char *p, const char *end, struct json_token *token_r)
{
	bool is_escaped = false, is_multibyte = false;
	const char *from;

	if (p >= end || *p != '"')
		return NULL;
	from = ++p;
	for (;;) {
		p = skip_plain(p, end);
		if (p == end)
			return NULL;
		if (*p == '"')
			break;
		if (*p == '\\') {
			is_escaped = true;
			p = skip_escape(p + 1, end);
			if (!p)
				return NULL;
		} else if ((unsigned char)*p >= 0x80) {
			is_multibyte = true;
			p++;
		} else {
			return NULL;
		}
	}
	*token_r = (struct json_token){ { from, (size_t)(p - from) }, JSON_STRING, is_escaped };
	if (is_multibyte && !utf8_is_valid(token_r->raw))
		return NULL;
	return p + 1;
}

static const char *skip_digits(const char *p, const char *end)
{
	const char *from = p;

	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p == from ? NULL : p;
}

/* RFC 8259 section 6. */
static const char *skip_number(const char *p, const char *end)
{
	if (p < end && *p == '-')
		p++;
	if (p < end && *p == '0')
		p++;
	else
		p = skip_digits(p, end);
	if (p && p < end && *p == '.')
		p = skip_digits(p + 1, end);
	if (p && p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		p = skip_digits(p, end);
	}
	return p;
}

static const char *read_word(const char *p, const char *end, struct json_token *token_r)
{
	static const struct {
		struct str word;
		enum json_type type;
	} words[] = { { { "true", 4 }, JSON_BOOL },
		      { { "false", 5 }, JSON_BOOL },
		      { { "null", 4 }, JSON_NULL } };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!str_starts_with((struct str){ p, (size_t)(end - p) }, words[i].word))
			continue;
		*token_r = (struct json_token){ { p, words[i].word.n }, words[i].type, false };
		return p + words[i].word.n;
	}
	return NULL;
}

static const char *read_number(const char *p, const char *end, struct json_token *token_r)
{
	const char *stop = skip_number(p, end);

	if (stop)
		*token_r = (struct json_token){ { p, (size_t)(stop - p) }, JSON_NUMBER, false };
	return stop;
}

static const char *read_value(const char *p, const char *end, unsigned int depth,
			      struct json_token *token_r);

/* p: the opening bracket. */
static const char *read_container(const char *p, const char *end, unsigned int depth,
				  struct json_token *token_r)
{
	const char *from = p, close = *p == '{' ? '}' : ']';
	bool closed, is_first = true;
	struct json_token part;

	if (depth == JSON_MAX_DEPTH)
		return NULL;
	for (p++;; is_first = false) {
		p = json_token_next(p, end, close, is_first, &closed);
		if (p && closed)
			break;
		if (p && close == '}')
			p = json_token_name(p, end, &part);
		if (p)
			p = p < end && *p == '"' ? json_token_string(p, end, &part)
						 : read_value(p, end, depth + 1, &part);
		if (!p)
			return NULL;
	}
	*token_r = (struct json_token){ { from, (size_t)(p - from) },
					*from == '{' ? JSON_OBJECT : JSON_ARRAY,
					false };
	return p;
}

static const char *read_value(const char *p, const char *end, unsigned int depth,
			      struct json_token *token_r)
{
	if (p >= end)
		return NULL;
	switch (*p) {
	case '"':
		return json_token_read_string(p, end, token_r);
	case '{':
	case '[':
		return read_container(p, end, depth, token_r);
	case 't':
	case 'f':
	case 'n':
		return read_word(p, end, token_r);
	}
	return read_number(p, end, token_r);
}

const char *json_token_read_any(const char *p, const char *end, struct json_token *token_r)
{
	return read_value(p, end, 0, token_r);
}
