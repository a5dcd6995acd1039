/* base/buf.h: a byte writer over memory it may or may not own.
 *
 * Writes never fail one by one: what doesn't fit sets `overflow` and is left out whole, and the
 * caller asks once, at the end (buf_ok). Two kinds:
 *   buf_fixed()     writes into the caller's memory and never allocates;
 *   buf_growable()  owns its memory, doubles up to `limit`, is freed by buf_free().
 * A buf is used by one thread at a time. */
#pragma once

#include "base/compiler.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct buf {
	char *p;
	size_t len;
	size_t cap;
	size_t limit; /* 0: fixed */
	bool overflow;
};

static inline struct buf buf_fixed(void *mem, size_t cap)
{
	return (struct buf){ .p = mem, .cap = cap };
}

/* An empty writer that grows up to `limit` bytes; a write past it overflows. */
static inline struct buf buf_growable(size_t limit)
{
	return (struct buf){ .limit = limit };
}

void buf_free(struct buf *b);

/* Makes room for n more bytes; false (and overflow set) when there can be none. Slow path of
 * buf_reserve(). */
bool buf_grow(struct buf *b, size_t n);

static inline bool buf_reserve(struct buf *b, size_t n)
{
	return likely(b->cap - b->len >= n) || buf_grow(b, n);
}

static inline void buf_put(struct buf *b, const void *data, size_t n)
{
	if (n == 0 || !buf_reserve(b, n))
		return;
	memcpy(b->p + b->len, data, n);
	b->len += n;
}

static inline void buf_putc(struct buf *b, char c)
{
	if (!buf_reserve(b, 1))
		return;
	b->p[b->len++] = c;
}

static inline void buf_puts(struct buf *b, struct str s)
{
	buf_put(b, s.p, s.n);
}

/* Writes a string literal; its length is known to the compiler. */
#define buf_lit(b, literal) buf_put((b), (literal), sizeof(literal) - 1)

/* Needs room for one byte more than it writes, the terminator of vsnprintf(3). */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* "00" to "99", one behind the other. */
extern const char buf_digit_pairs[];
/* Decimal digits of v. */
void buf_u64(struct buf *b, uint64_t v);
void buf_i64(struct buf *b, int64_t v);

static inline void buf_reset(struct buf *b)
{
	b->len = 0;
	b->overflow = false;
}

static inline bool buf_ok(const struct buf *b)
{
	return !b->overflow;
}

static inline struct str buf_str(const struct buf *b)
{
	return (struct str){ b->p, b->len };
}
