#include "outputs/key_value.h"

#include "outputs/json_scan.h"

#include <ctype.h>
#include <string.h>

/* Moves a terminal's or a reader's line. */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029;
}

static void put_control(const struct key_value_rules *rules, uint32_t c, struct buf *out)
{
	if (c == '\n')
		buf_lit(out, "\\n");
	else if (c == '\r')
		buf_lit(out, "\\r");
	else if (c == '\t' && rules->has_tab)
		buf_lit(out, "\\t");
	else
		buf_printf(out, "%s%04x", rules->control, c);
}

/* A character of one byte that is not copied as it is. */
static void put_byte(const struct key_value_rules *rules, unsigned char c, struct buf *out)
{
	if (is_control(c)) {
		put_control(rules, c, out);
		return;
	}
	if (strchr(rules->escaped, c))
		buf_putc(out, '\\');
	buf_putc(out, (char)c);
}

/* What U+0080 to U+009F, U+2028 and U+2029 look like in UTF-8; 0: s begins with another. */
static uint32_t multibyte_control(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	if (s.n >= 2 && p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
		return p[1];
	if (s.n >= 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
		return 0x2000u + (p[2] & 0x3f);
	return 0;
}

/* s begins with a byte from 0x80 up. Returns how many were used. */
static size_t put_multibyte(const struct key_value_rules *rules, struct str s, struct buf *out)
{
	uint32_t control = multibyte_control(s);

	if (!control) {
		buf_putc(out, s.p[0]);
		return 1;
	}
	put_control(rules, control, out);
	return control < 0x100 ? 2 : 3;
}

static void put_unescaped(const struct key_value_rules *rules, struct str s, struct buf *out);

/* s begins with a backslash of JSON. Returns how many bytes the escape has. */
static size_t put_escape(const struct key_value_rules *rules, struct str s, struct buf *out)
{
	size_t n = s.n >= 6 && s.p[1] == 'u' ? 6 : 2;
	char character[8];
	struct buf text = buf_fixed(character, sizeof(character));

	/* A pair of surrogates is one character. */
	if (n == 6 && s.n >= 12 && strchr("dD", s.p[2]) && strchr("89abAB", s.p[3]) &&
	    s.p[6] == '\\' && s.p[7] == 'u')
		n = 12;
	if (n > s.n)
		n = s.n;
	json_unescape((struct str){ s.p, n }, &text);
	put_unescaped(rules, buf_str(&text), out);
	return n;
}

/* Text without JSON's escapes. */
static void put_unescaped(const struct key_value_rules *rules, struct str s, struct buf *out)
{
	while (s.n) {
		size_t used = 1;

		if ((unsigned char)s.p[0] >= 0x80)
			used = put_multibyte(rules, s, out);
		else
			put_byte(rules, (unsigned char)s.p[0], out);
		s = (struct str){ s.p + used, s.n - used };
	}
}

void key_value_put(const struct key_value_rules *rules, struct str raw, struct buf *out)
{
	size_t i = 0, from;

	while (i < raw.n) {
		for (from = i; i < raw.n && !rules->special[(unsigned char)raw.p[i]]; i++)
			;
		buf_put(out, raw.p + from, i - from);
		if (i == raw.n)
			return;
		if (raw.p[i] == '\\')
			i += put_escape(rules, (struct str){ raw.p + i, raw.n - i }, out);
		else if ((unsigned char)raw.p[i] >= 0x80)
			i += put_multibyte(rules, (struct str){ raw.p + i, raw.n - i }, out);
		else
			put_byte(rules, (unsigned char)raw.p[i++], out);
	}
}

bool key_value_is_name(struct str text)
{
	size_t i;

	for (i = 0; i < text.n; i++)
		if (!isalnum((unsigned char)text.p[i]) && text.p[i] != '_')
			return false;
	return text.n > 0;
}
