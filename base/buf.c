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

const char buf_digit_pairs[] = "00010203040506070809101112131415161718192021222324"
			       "25262728293031323334353637383940414243444546474849"
			       "50515253545556575859606162636465666768697071727374"
			       "75767778798081828384858687888990919293949596979899";

static unsigned int count_digits(uint64_t v)
{
	unsigned int n = 1;

	for (; v >= 10000; v /= 10000)
		n += 4;
	return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

/* Two digits for a division, straight to their place: a copy of what has just been written byte by
 * byte would wait for it. */
void buf_u64(struct buf *b, uint64_t v)
{
	unsigned int n = count_digits(v);
	char *end;

	if (!buf_reserve(b, n))
		return;
	b->len += n;
	end = b->p + b->len;
	for (; v >= 100; v /= 100)
		memcpy(end -= 2, buf_digit_pairs + v % 100 * 2, 2);
	if (v >= 10)
		memcpy(end - 2, buf_digit_pairs + v * 2, 2);
	else
		end[-1] = (char)('0' + v);
}

void buf_i64(struct buf *b, int64_t v)
{
	uint64_t size = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	/* All of it or nothing. */
	if (!buf_reserve(b, count_digits(size) + (v < 0)))
		return;
	if (v < 0)
		buf_putc(b, '-');
	buf_u64(b, size);
}
