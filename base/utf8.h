/* base/utf8.h: strict UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). */
#pragma once

#include "base/str.h"

/* Bytes from the start of s that are valid UTF-8; s.n when all of it is. */
size_t utf8_valid_prefix(struct str s);

static inline bool utf8_is_valid(struct str s)
{
	return utf8_valid_prefix(s) == s.n;
}

/* Takes the first character off s, which is not empty. What could move a cursor, end a line or
 * break a decoder (the control characters C0, DEL and C1; a byte that is not UTF-8) comes back as
 * U+FFFD; the rest borrows s. */
struct str utf8_take_visible(struct str *s);
