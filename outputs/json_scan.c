#include "outputs/json_scan.h"

#define REPLACEMENT 0xfffdu

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

/* p: behind the opening quote. Returns the closing one, or NULL. A quote is escaped when an odd
 * number of backslashes stands before it; each run of them is counted for one quote only. */
static const char *find_quote(const char *p, const char *end)
{
	const char *from = p, *quote;

	while ((quote = memchr(p, '"', end - p))) {
		const char *run = quote;

		while (run > from && run[-1] == '\\')
			run--;
		if ((quote - run) % 2 == 0)
			return quote;
		p = quote + 1;
	}
	return NULL;
}

/* p: the opening bracket. Returns behind the closing one, or NULL. Brackets inside must pair. */
static const char *find_close(const char *p, const char *end)
{
	uint64_t is_object = 0; /* a bit per level */
	unsigned int depth = 0;

	for (; p < end; p++) {
		if (*p == '"') {
			p = find_quote(p + 1, end);
			if (!p)
				return NULL;
		} else if (*p == '{' || *p == '[') {
			if (++depth > JSON_MAX_DEPTH)
				return NULL;
			is_object = is_object << 1 | (*p == '{');
		} else if (*p == '}' || *p == ']') {
			if ((is_object & 1) != (*p == '}'))
				return NULL;
			is_object >>= 1;
			if (--depth == 0)
				return p + 1;
		}
	}
	return NULL;
}

static const char *find_scalar_end(const char *p, const char *end)
{
	while (p < end && !is_space(*p) && !strchr(",:{}[]\"", *p))
		p++;
	return p;
}

static enum json_type scalar_type(struct str raw)
{
	if (raw.n == 0)
		return JSON_NONE;
	if (str_equal(raw, STR("true")) || str_equal(raw, STR("false")))
		return JSON_BOOL;
	if (str_equal(raw, STR("null")))
		return JSON_NULL;
	if (raw.p[0] == '-' || (raw.p[0] >= '0' && raw.p[0] <= '9'))
		return JSON_NUMBER;
	return JSON_NONE;
}

/* Reads the value at p and returns what is behind it; NULL: there is none. */
static const char *read_value(const char *p, const char *end, struct json_value *value_r)
{
	const char *stop;

	if (p >= end)
		return NULL;
	if (*p == '"') {
		stop = find_quote(p + 1, end);
		if (!stop)
			return NULL;
		*value_r = (struct json_value){ JSON_STRING, { p + 1, stop - p - 1 } };
		return stop + 1;
	}
	if (*p == '{' || *p == '[') {
		stop = find_close(p, end);
		if (!stop)
			return NULL;
		*value_r = (struct json_value){ *p == '{' ? JSON_OBJECT : JSON_ARRAY,
						{ p, stop - p } };
		return stop;
	}
	stop = find_scalar_end(p, end);
	value_r->raw = (struct str){ p, stop - p };
	value_r->type = scalar_type(value_r->raw);
	return value_r->type == JSON_NONE ? NULL : stop;
}

bool json_parse(struct str text, struct json_value *value_r)
{
	const char *end = text.p + text.n, *p = skip_space(text.p, end);

	*value_r = (struct json_value){ JSON_NONE, { NULL, 0 } };
	p = read_value(p, end, value_r);
	if (p && skip_space(p, end) == end)
		return true;
	value_r->type = JSON_NONE;
	return false;
}

struct json_iter json_iterate(const struct json_value *value)
{
	if (value->type != JSON_OBJECT && value->type != JSON_ARRAY)
		return (struct json_iter){ 0 };
	/* Without the brackets. */
	return (struct json_iter){ value->raw.p + 1, value->raw.p + value->raw.n - 1, true };
}

/* Past the comma between two members, if one is due; false at the end or where it is missing. */
static bool advance(struct json_iter *iter)
{
	iter->p = skip_space(iter->p, iter->end);
	if (iter->p == iter->end)
		return false;
	if (!iter->first) {
		if (*iter->p != ',')
			return false;
		iter->p = skip_space(iter->p + 1, iter->end);
	}
	iter->first = false;
	return true;
}

/* After garbage there is nothing more. */
static bool stop(struct json_iter *iter)
{
	iter->p = iter->end;
	return false;
}

bool json_next_member(struct json_iter *iter, struct str *key_r, struct json_value *value_r)
{
	struct json_value key;
	const char *p;

	if (!advance(iter))
		return stop(iter);
	p = read_value(iter->p, iter->end, &key);
	if (!p || key.type != JSON_STRING)
		return stop(iter);
	p = skip_space(p, iter->end);
	if (p == iter->end || *p != ':')
		return stop(iter);
	p = read_value(skip_space(p + 1, iter->end), iter->end, value_r);
	if (!p)
		return stop(iter);
	*key_r = key.raw;
	iter->p = p;
	return true;
}

bool json_next_element(struct json_iter *iter, struct json_value *value_r)
{
	const char *p;

	if (!advance(iter))
		return stop(iter);
	p = read_value(iter->p, iter->end, value_r);
	if (!p)
		return stop(iter);
	iter->p = p;
	return true;
}

static struct json_value get_member(const struct json_value *object, struct str name)
{
	struct json_iter iter = json_iterate(object);
	struct json_value value;
	struct str key;

	if (object->type == JSON_OBJECT)
		while (json_next_member(&iter, &key, &value))
			if (str_equal(key, name))
				return value;
	return (struct json_value){ JSON_NONE, { NULL, 0 } };
}

struct json_value json_get(const struct json_value *object, const char *path)
{
	struct json_value value = *object;

	while (value.type != JSON_NONE) {
		size_t n = strcspn(path, ".");

		value = get_member(&value, (struct str){ path, n });
		if (path[n] == '\0')
			break;
		path += n + 1;
	}
	return value;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four digits of a \uXXXX; false: they are not. */
static bool read_hex4(struct str s, uint32_t *v_r)
{
	size_t i;

	if (s.n < 4)
		return false;
	*v_r = 0;
	for (i = 0; i < 4; i++) {
		int digit = hex_digit(s.p[i]);

		if (digit < 0)
			return false;
		*v_r = *v_r << 4 | digit;
	}
	return true;
}

static void put_utf8(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_putc(out, c);
	} else if (c < 0x800) {
		buf_putc(out, 0xc0 | c >> 6);
		buf_putc(out, 0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		buf_putc(out, 0xe0 | c >> 12);
		buf_putc(out, 0x80 | (c >> 6 & 0x3f));
		buf_putc(out, 0x80 | (c & 0x3f));
	} else {
		buf_putc(out, 0xf0 | c >> 18);
		buf_putc(out, 0x80 | (c >> 12 & 0x3f));
		buf_putc(out, 0x80 | (c >> 6 & 0x3f));
		buf_putc(out, 0x80 | (c & 0x3f));
	}
}

/* s: behind "\u". Returns how many bytes of it were used. */
static size_t put_unicode(struct buf *out, struct str s)
{
	uint32_t c, low;

	if (!read_hex4(s, &c)) {
		put_utf8(out, REPLACEMENT);
		return 0;
	}
	if (c < 0xd800 || c > 0xdfff) {
		put_utf8(out, c);
		return 4;
	}
	if (c < 0xdc00 && s.n >= 10 && s.p[4] == '\\' && s.p[5] == 'u' &&
	    read_hex4((struct str){ s.p + 6, 4 }, &low) && low >= 0xdc00 && low <= 0xdfff) {
		put_utf8(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
		return 10;
	}
	put_utf8(out, REPLACEMENT);
	return 4;
}

/* raw: behind a backslash. Returns how many bytes of it were used. */
static size_t put_escape(struct buf *out, struct str raw)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (raw.n == 0) {
		put_utf8(out, REPLACEMENT);
		return 0;
	}
	if (raw.p[0] == 'u')
		return 1 + put_unicode(out, (struct str){ raw.p + 1, raw.n - 1 });
	at = memchr(from, raw.p[0], sizeof(from) - 1);
	if (at)
		buf_putc(out, to[at - from]);
	else
		put_utf8(out, REPLACEMENT);
	return 1;
}

void json_unescape(struct str raw, struct buf *out)
{
	while (raw.n) {
		const char *escape = memchr(raw.p, '\\', raw.n);
		size_t plain = escape ? (size_t)(escape - raw.p) : raw.n, used;

		buf_put(out, raw.p, plain);
		if (!escape)
			return;
		raw = (struct str){ escape + 1, raw.n - plain - 1 };
		used = put_escape(out, raw);
		raw = (struct str){ raw.p + used, raw.n - used };
	}
}

bool json_u64(const struct json_value *value, uint64_t *v_r)
{
	uint64_t v = 0;
	size_t i;

	if ((value->type != JSON_NUMBER && value->type != JSON_STRING) || value->raw.n == 0)
		return false;
	for (i = 0; i < value->raw.n; i++) {
		unsigned int digit = (unsigned char)value->raw.p[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return false;
	}
	*v_r = v;
	return true;
}
