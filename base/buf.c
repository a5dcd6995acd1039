#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST_BYTES 256u

void buf_free(struct buf *b)
{
	if (b->limit)
		free(b->p);
	*b = (struct buf){ .limit = b->limit };
}

bool buf_grow(struct buf *b, size_t n)
{
	size_t want, cap;
	char *p;

	if (b->overflow)
		return false;
	if (n > b->limit || b->len > b->limit - n) {
		b->overflow = true;
		return false;
	}
	want = b->len + n;
	cap = b->cap ? b->cap : BUF_FIRST_BYTES;
	while (cap < want)
		cap = cap > b->limit / 2 ? b->limit : cap * 2;
	if (cap > b->limit)
		cap = b->limit;
	p = realloc(b->p, cap);
	if (!p) {
		b->overflow = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(b->p ? b->p + b->len : NULL, b->cap - b->len, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= b->cap - b->len && buf_reserve(b, (size_t)n + 1))
		n = vsnprintf(b->p + b->len, b->cap - b->len, fmt, again);
	else if (n < 0)
		b->overflow = true;
	va_end(again);
	if (!b->overflow)
		b->len += (size_t)n;
}

/* Writes the digits of v so that they end at `end`; returns where they begin. */
static char *digits_before(char *end, uint64_t v)
{
	do {
		*--end = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return end;
}

void buf_u64(struct buf *b, uint64_t v)
{
	char digits[20], *end = digits + sizeof(digits), *start = digits_before(end, v);

	buf_put(b, start, (size_t)(end - start));
}

void buf_i64(struct buf *b, int64_t v)
{
	char digits[20], *end = digits + sizeof(digits), *start;

	start = digits_before(end, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
	if (v < 0)
		*--start = '-';
	buf_put(b, start, (size_t)(end - start));
}
