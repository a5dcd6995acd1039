#include "tests/fuzz/format_inverse.h"

#include "base/buf.h"

#include <endian.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

static void add(struct inverse *inverse, struct str key, char type, struct str value)
{
	struct inverse_field *field;
	char *text = malloc(value.n + 3);

	/* By doubling: a copy of all for each field takes minutes under a sanitizer. */
	if ((inverse->n & (inverse->n - 1)) == 0)
		inverse->v = realloc(inverse->v,
				     (inverse->n ? inverse->n * 2 : 1) * sizeof(*inverse->v));
	if (!inverse->v || !text)
		abort();
	field = &inverse->v[inverse->n++];
	field->key = strndup(key.p, key.n);
	text[0] = type;
	text[1] = ':';
	if (value.n)
		memcpy(text + 2, value.p, value.n);
	text[value.n + 2] = '\0';
	field->value = (struct str){ text, value.n + 2 };
}

void inverse_free(struct inverse *inverse)
{
	for (size_t i = 0; i < inverse->n; i++) {
		free(inverse->v[i].key);
		free((char *)inverse->v[i].value.p);
	}
	free(inverse->v);
	*inverse = (struct inverse){ 0 };
}

struct str inverse_get(const struct inverse *inverse, const char *key)
{
	for (size_t i = 0; i < inverse->n; i++)
		if (strcmp(inverse->v[i].key, key) == 0)
			return inverse->v[i].value;
	return (struct str){ NULL, 0 };
}

/* ---- JSON, by jansson ---- */

static void add_text(struct inverse *inverse, struct str key, char type, const char *text)
{
	add(inverse, key, type, str_of(text));
}

static void walk_json(struct inverse *inverse, struct buf *path, json_t *value)
{
	const size_t len = path->len;
	const struct str key = buf_str(path);
	char text[64];
	const char *name;
	json_t *member;
	size_t i;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		json_object_foreach(value, name, member)
		{
			if (len)
				buf_putc(path, '.');
			buf_puts(path, str_of(name));
			walk_json(inverse, path, member);
			path->len = len;
		}
		return;
	case JSON_ARRAY:
		buf_lit(path, "[]");
		json_array_foreach(value, i, member) walk_json(inverse, path, member);
		path->len = len;
		return;
	case JSON_STRING:
		add(inverse, key, 's',
		    (struct str){ json_string_value(value), json_string_length(value) });
		return;
	case JSON_INTEGER:
		snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		add_text(inverse, key, 'i', text);
		return;
	case JSON_REAL:
		snprintf(text, sizeof(text), "%.17g", json_real_value(value));
		add_text(inverse, key, 'r', text);
		return;
	case JSON_TRUE:
	case JSON_FALSE:
		add_text(inverse, key, 'b', json_is_true(value) ? "true" : "false");
		return;
	case JSON_NULL:
		add_text(inverse, key, 'n', "null");
		return;
	}
}

bool inverse_json(struct str text, struct inverse *inverse_r)
{
	json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	struct buf path = buf_growable(1 << 20);

	*inverse_r = (struct inverse){ 0 };
	if (!root)
		return false;
	walk_json(inverse_r, &path, root);
	json_decref(root);
	buf_free(&path);
	return true;
}

/* ---- MessagePack ---- */

struct unpacker {
	const unsigned char *p, *end;
	struct inverse *inverse;
	struct buf path;
};

static bool take(struct unpacker *u, size_t n, uint64_t *v_r)
{
	*v_r = 0;
	if ((size_t)(u->end - u->p) < n)
		return false;
	while (n--)
		*v_r = *v_r << 8 | *u->p++;
	return true;
}

static bool unpack(struct unpacker *u);

static bool take_bytes(struct unpacker *u, uint64_t n, struct str *bytes_r)
{
	*bytes_r = (struct str){ (const char *)u->p, n };
	if ((uint64_t)(u->end - u->p) < n)
		return false;
	u->p += n;
	return true;
}

static bool unpack_text(struct unpacker *u, uint64_t n)
{
	struct str text;

	if (!take_bytes(u, n, &text))
		return false;
	add(u->inverse, buf_str(&u->path), 's', text);
	return true;
}

static bool take_name(struct unpacker *u, struct str *name_r)
{
	unsigned int tag;
	uint64_t n;

	if (u->p == u->end)
		return false;
	tag = *u->p++;
	if ((tag & 0xe0) == 0xa0)
		return take_bytes(u, tag & 0x1f, name_r);
	if (tag < 0xd9 || tag > 0xdb || !take(u, 1u << (tag - 0xd9), &n))
		return false;
	return take_bytes(u, n, name_r);
}

static bool unpack_map(struct unpacker *u, uint64_t n)
{
	const size_t len = u->path.len;
	struct str name;

	while (n--) {
		if (!take_name(u, &name))
			return false;
		if (len)
			buf_putc(&u->path, '.');
		buf_puts(&u->path, name);
		if (!unpack(u))
			return false;
		u->path.len = len;
	}
	return true;
}

static bool unpack_list(struct unpacker *u, uint64_t n)
{
	const size_t len = u->path.len;

	buf_lit(&u->path, "[]");
	while (n--)
		if (!unpack(u))
			return false;
	u->path.len = len;
	return true;
}

static bool unpack_number(struct unpacker *u, unsigned int tag)
{
	const size_t bytes = 1u << ((tag - (tag >= 0xd0 ? 0xd0 : 0xcc)) & 3);
	char text[32];
	uint64_t v;

	if (!take(u, bytes, &v))
		return false;
	if (tag >= 0xd0)
		snprintf(text, sizeof(text), "%" PRId64,
			 (int64_t)(v << (64 - 8 * bytes)) >> (64 - 8 * bytes));
	else
		snprintf(text, sizeof(text), "%" PRIu64, v);
	add_text(u->inverse, buf_str(&u->path), 'i', text);
	return true;
}

static bool unpack_real(struct unpacker *u)
{
	union {
		uint64_t bits;
		double number;
	} v;
	char text[64];

	if (!take(u, 8, &v.bits))
		return false;
	snprintf(text, sizeof(text), "%.17g", v.number);
	add_text(u->inverse, buf_str(&u->path), 'r', text);
	return true;
}

static bool unpack_small(struct unpacker *u, unsigned int tag)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", (int)(int8_t)tag);
	add_text(u->inverse, buf_str(&u->path), 'i', text);
	return true;
}

static bool unpack(struct unpacker *u)
{
	unsigned int tag;
	uint64_t n;

	if (u->p == u->end)
		return false;
	tag = *u->p++;
	if (tag <= 0x7f || tag >= 0xe0)
		return unpack_small(u, tag);
	if (tag <= 0x8f)
		return unpack_map(u, tag & 15);
	if (tag <= 0x9f)
		return unpack_list(u, tag & 15);
	if (tag <= 0xbf)
		return unpack_text(u, tag & 31);
	if (tag == 0xc0 || tag == 0xc2 || tag == 0xc3) {
		add_text(u->inverse, buf_str(&u->path), tag == 0xc0 ? 'n' : 'b',
			 tag == 0xc0   ? "null"
			 : tag == 0xc3 ? "true"
				       : "false");
		return true;
	}
	if (tag == 0xcb)
		return unpack_real(u);
	if (tag >= 0xcc && tag <= 0xd3)
		return unpack_number(u, tag);
	if (tag >= 0xd9 && tag <= 0xdb)
		return take(u, 1u << (tag - 0xd9), &n) && unpack_text(u, n);
	if (tag >= 0xdc && tag <= 0xdd)
		return take(u, tag == 0xdc ? 2 : 4, &n) && unpack_list(u, n);
	return tag >= 0xde && take(u, tag == 0xde ? 2 : 4, &n) && unpack_map(u, n);
}

bool inverse_msgpack(struct str bytes, struct inverse *inverse_r)
{
	const unsigned char *p = (const unsigned char *)bytes.p;
	struct unpacker u = { p, p + bytes.n, inverse_r, buf_growable(1 << 20) };
	bool is_whole;

	*inverse_r = (struct inverse){ 0 };
	is_whole = unpack(&u) && u.p == u.end;
	buf_free(&u.path);
	if (!is_whole)
		inverse_free(inverse_r);
	return is_whole;
}

/* ---- KEY=VALUE ---- */

/* Takes the header's field at *p, up to the next '|'. */
static bool take_header(struct str *rest, struct inverse *inverse, size_t i)
{
	const char *bar = rest->n ? memchr(rest->p, '|', rest->n) : NULL;
	const char name[2] = { (char)('0' + i), '\0' };

	if (!bar)
		return false;
	add(inverse, str_of(name), 's', (struct str){ rest->p, (size_t)(bar - rest->p) });
	*rest = (struct str){ bar + 1, rest->n - (size_t)(bar - rest->p) - 1 };
	return true;
}

static bool is_key_byte(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_';
}

static bool put_code_point(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_putc(out, (char)c);
	} else if (c < 0x800) {
		buf_putc(out, (char)(0xc0 | c >> 6));
		buf_putc(out, (char)(0x80 | (c & 63)));
	} else {
		buf_putc(out, (char)(0xe0 | c >> 12));
		buf_putc(out, (char)(0x80 | (c >> 6 & 63)));
		buf_putc(out, (char)(0x80 | (c & 63)));
	}
	return true;
}

/* The character behind a backslash at *at; escapes: as pairs of letter and character. */
static bool unescape_one(struct str value, size_t *at, const char *escapes, bool has_unicode,
			 struct buf *out)
{
	unsigned int c;

	if (*at == value.n)
		return false;
	if (has_unicode && value.p[*at] == 'u') {
		char digits[5] = "";

		if (value.n - *at < 5)
			return false;
		memcpy(digits, value.p + *at + 1, 4);
		if (sscanf(digits, "%4x", &c) != 1)
			return false;
		*at += 5;
		return put_code_point(out, c);
	}
	for (; *escapes; escapes += 2)
		if (*escapes == value.p[*at]) {
			buf_putc(out, escapes[1]);
			++*at;
			return true;
		}
	return false;
}

static bool add_unescaped(struct inverse *inverse, struct str key, struct str value,
			  const char *escapes, bool has_unicode)
{
	struct buf out = buf_growable(1 << 22);
	bool ok = true;
	size_t at = 0;

	while (ok && at < value.n) {
		if (value.p[at] != '\\')
			buf_putc(&out, value.p[at++]);
		else {
			at++;
			ok = unescape_one(value, &at, escapes, has_unicode, &out);
		}
	}
	if (ok)
		add(inverse, key, 's', buf_str(&out));
	buf_free(&out);
	return ok;
}

/* The next '=' that has no backslash before it, from `from` on. */
static size_t find_equal(struct str s, size_t from)
{
	for (; from < s.n && s.p[from] != '='; from++)
		if (s.p[from] == '\\')
			from++;
	return from < s.n ? from : s.n;
}

/* As CEF's consumers do it: a key is the word before an unescaped '='. */
static bool read_extension(struct str s, struct inverse *inverse)
{
	size_t key = 0, equal = find_equal(s, 0);

	while (equal < s.n) {
		size_t next = find_equal(s, equal + 1), end = s.n, next_key = s.n;

		if (next < s.n) {
			for (next_key = next; next_key && is_key_byte(s.p[next_key - 1]);
			     next_key--)
				;
			if (next_key == next || next_key == 0 || s.p[next_key - 1] != ' ')
				return false;
			end = next_key - 1;
		}
		if (end < equal + 1 ||
		    !add_unescaped(inverse, (struct str){ s.p + key, equal - key },
				   (struct str){ s.p + equal + 1, end - equal - 1 }, "\\\\==n\nr\r",
				   false))
			return false;
		key = next_key;
		equal = next;
	}
	return true;
}

bool inverse_cef(struct str line, struct inverse *inverse_r)
{
	size_t i;

	*inverse_r = (struct inverse){ 0 };
	for (i = 0; i < 7; i++)
		if (!take_header(&line, inverse_r, i))
			goto failed;
	if (strcmp(inverse_r->v[0].value.p, "s:CEF:0") == 0 && read_extension(line, inverse_r))
		return true;
failed:
	inverse_free(inverse_r);
	return false;
}

bool inverse_leef(struct str line, struct inverse *inverse_r)
{
	size_t i;

	*inverse_r = (struct inverse){ 0 };
	for (i = 0; i < 6; i++)
		if (!take_header(&line, inverse_r, i))
			goto failed;
	if (strcmp(inverse_r->v[0].value.p, "s:LEEF:2.0") != 0 ||
	    strcmp(inverse_r->v[5].value.p, "s:x09") != 0)
		goto failed;
	while (line.n) {
		const char *tab = memchr(line.p, '\t', line.n);
		size_t n = tab ? (size_t)(tab - line.p) : line.n;
		const char *equal = memchr(line.p, '=', n);

		if (!equal || equal == line.p ||
		    !add_unescaped(inverse_r, (struct str){ line.p, (size_t)(equal - line.p) },
				   (struct str){ equal + 1, n - (size_t)(equal - line.p) - 1 },
				   "\\\\n\nr\rt\t", true))
			goto failed;
		n += tab != NULL;
		line = (struct str){ line.p + n, line.n - n };
	}
	return true;
failed:
	inverse_free(inverse_r);
	return false;
}

bool inverse_of(const char *format, struct str text, struct inverse *inverse_r)
{
	if (strcmp(format, "msgpack") == 0)
		return inverse_msgpack(text, inverse_r);
	if (strcmp(format, "cef") == 0)
		return inverse_cef(text, inverse_r);
	if (strcmp(format, "leef") == 0)
		return inverse_leef(text, inverse_r);
	return inverse_json(text, inverse_r);
}
