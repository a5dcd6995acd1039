#include "base/json_write.h"

#include "base/clock.h"
#include "base/utf8.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* 0: copied as it is; 1: \u00XX; 2: start of a multi-byte sequence; else the letter after the
 * backslash. */
static const unsigned char escape_class[256] = {
	[0x00 ... 0x07] = 1, ['\b'] = 'b',  ['\t'] = 't', ['\n'] = 'n',
	[0x0b] = 1,	     ['\f'] = 'f',  ['\r'] = 'r', [0x0e ... 0x1f] = 1,
	['"'] = '"',	     ['\\'] = '\\', [0x7f] = 1,	  [0x80 ... 0xff] = 2,
};

#ifdef __SSE2__
/* Bit i is set where byte i of sixteen is special. As signed bytes those from 0x80 up are less than
 * a space too. The instructions are part of every x86-64. */
static unsigned int special_bytes(const unsigned char *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i control = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)),
				       _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
	__m128i quoting = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
				       _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));

	return (unsigned int)_mm_movemask_epi8(_mm_or_si128(control, quoting));
}

/* Sixteen at a time; the last sixteen may overlap those before. */
static size_t plain_blocks(const unsigned char *p, size_t n)
{
	unsigned int special;

	if (n < 16)
		return 0;
	for (size_t at = 0; at < n; at += 16) {
		if (at > n - 16)
			at = n - 16;
		special = special_bytes(p + at);
		if (special)
			return at + (unsigned int)__builtin_ctz(special);
	}
	return n;
}
#else
/* Eight at a time while none is special. */
static size_t plain_blocks(const unsigned char *p, size_t n)
{
	const uint64_t ones = 0x0101010101010101ull, highs = 0x8080808080808080ull;
	size_t at = 0;

	for (; n - at >= 8; at += 8) {
		uint64_t w, quote, backslash, special;

		memcpy(&w, p + at, 8);
		quote = w ^ (ones * '"');
		backslash = w ^ (ones * '\\');
		special = ((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) |
			  ((backslash - ones) & ~backslash) | w | (w + ones);
		if (special & highs)
			break;
	}
	return at;
}
#endif

/* Bytes from the start that are copied as they are. */
static size_t plain_prefix(const unsigned char *p, size_t n)
{
	size_t at = plain_blocks(p, n);

	while (at < n && !escape_class[p[at]])
		at++;
	return at;
}

static void put_u_escape(struct buf *b, unsigned int c)
{
	static const char hex[] = "0123456789abcdef";
	char out[6] = { '\\', 'u', '0', '0', hex[c >> 4 & 15], hex[c & 15] };

	buf_put(b, out, sizeof(out));
}

/* Writes the sequence at p and returns its length; an invalid byte counts one. */
static size_t put_multibyte(struct buf *b, const unsigned char *p, size_t n, bool *valid)
{
	size_t len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (len > n || !utf8_is_valid((struct str){ (const char *)p, len })) {
		*valid = false;
		buf_lit(b, REPLACEMENT);
		return 1;
	}
	if (p[0] == 0xc2 && p[1] < 0xa0)
		put_u_escape(b, p[1]);
	else
		buf_put(b, p, len);
	return len;
}

bool json_escaped(struct buf *b, struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	bool valid = true;
	size_t at = 0;

	if (!s.n)
		return true;
	for (;;) {
		size_t plain = plain_prefix(p + at, s.n - at);
		unsigned char class;

		buf_put(b, p + at, plain);
		at += plain;
		if (at >= s.n)
			return valid;
		class = escape_class[p[at]];
		if (class == 2) {
			at += put_multibyte(b, p + at, s.n - at, &valid);
			continue;
		}
		if (class == 1)
			put_u_escape(b, p[at]);
		else
			buf_put(b, (char[]){ '\\', (char)class }, 2);
		at++;
	}
}

bool json_quoted(struct buf *b, struct str s)
{
	bool valid;

	buf_putc(b, '"');
	valid = json_escaped(b, s);
	buf_putc(b, '"');
	return valid;
}

void json_comma(struct buf *b)
{
	char last = b->len ? b->p[b->len - 1] : '{';

	if (last != '{' && last != '[')
		buf_putc(b, ',');
}

void json_key_str(struct buf *b, struct str name)
{
	json_comma(b);
	buf_putc(b, '"');
	buf_puts(b, name);
	buf_lit(b, "\":");
}

void json_u64_string(struct buf *b, uint64_t v)
{
	buf_putc(b, '"');
	buf_u64(b, v);
	buf_putc(b, '"');
}

void json_time_string(struct buf *b, uint64_t wall_ns)
{
	buf_putc(b, '"');
	json_time(b, wall_ns);
	buf_putc(b, '"');
}

static char *put_pair(char *p, unsigned int v)
{
	memcpy(p, buf_digit_pairs + v * 2, 2);
	return p + 2;
}

/* An even number of digits. */
static inline char *put_digits(char *p, unsigned int v, int count)
{
	for (int at = count - 2; at >= 0; at -= 2, v /= 100)
		put_pair(p + at, v % 100);
	return p + count;
}

/* The date of a day since 1970-01-01, in the proleptic Gregorian calendar (days run from March). */
static char *put_date(char *p, uint64_t days)
{
	uint64_t z = days + 719468, era = z / 146097, doe = z % 146097;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	unsigned int day = (unsigned int)(doy - (153 * mp + 2) / 5 + 1);
	unsigned int month = (unsigned int)(mp < 10 ? mp + 3 : mp - 9);
	unsigned int year = (unsigned int)(yoe + era * 400 + (month <= 2));

	p = put_digits(p, year, 4);
	*p++ = '-';
	p = put_pair(p, month);
	*p++ = '-';
	return put_pair(p, day);
}

#define SECOND_TEXT (sizeof("2026-11-22T04:50:49") - 1)

/* Events come in order, so thousands in a row share their second. */
struct second {
	uint64_t since_epoch;
	bool is_set;
	char text[SECOND_TEXT];
};
static _Thread_local struct second last_second;

static const char *second_text(uint64_t since_epoch)
{
	struct second *second = &last_second;
	uint64_t of_day = since_epoch % 86400;
	char *p = second->text;

	if (likely(second->is_set && second->since_epoch == since_epoch))
		return second->text;
	p = put_date(p, since_epoch / 86400);
	*p++ = 'T';
	p = put_pair(p, (unsigned int)(of_day / 3600));
	*p++ = ':';
	p = put_pair(p, (unsigned int)(of_day / 60 % 60));
	*p++ = ':';
	put_pair(p, (unsigned int)(of_day % 60));
	second->since_epoch = since_epoch;
	second->is_set = true;
	return second->text;
}

void json_time(struct buf *b, uint64_t wall_ns)
{
	unsigned int ns = (unsigned int)(wall_ns % NSEC_PER_SEC);
	char out[32], *p = out + SECOND_TEXT;

	memcpy(out, second_text(wall_ns / NSEC_PER_SEC), SECOND_TEXT);
	if (ns) {
		/* Ten digits, the first of which is a zero and where the point goes. */
		put_digits(p, ns, 10);
		*p = '.';
		p += ns % 1000000 == 0 ? 4 : ns % 1000 == 0 ? 7 : 10;
	}
	*p++ = 'Z';
	buf_put(b, out, (size_t)(p - out));
}

void json_base64(struct buf *b, struct str s)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)s.p;
	size_t i;

	if (!buf_reserve(b, (s.n + 2) / 3 * 4))
		return;
	for (i = 0; i + 2 < s.n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];

		b->p[b->len++] = alphabet[v >> 18];
		b->p[b->len++] = alphabet[v >> 12 & 63];
		b->p[b->len++] = alphabet[v >> 6 & 63];
		b->p[b->len++] = alphabet[v & 63];
	}
	if (i < s.n) {
		uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < s.n ? (uint32_t)p[i + 1] << 8 : 0);

		b->p[b->len++] = alphabet[v >> 18];
		b->p[b->len++] = alphabet[v >> 12 & 63];
		b->p[b->len++] = i + 1 < s.n ? alphabet[v >> 6 & 63] : '=';
		b->p[b->len++] = '=';
	}
}
