/* base/json_write.h: JSON text (RFC 8259) written straight into a buf, without a tree.
 *
 * What comes out is always valid JSON in valid UTF-8, on one line, whatever bytes go in:
 * quotes, backslashes and control characters (U+007F and the C1 block included, for terminals)
 * are escaped, each byte that is not part of valid UTF-8 becomes U+FFFD. A string that was
 * changed that way is reported, so that the caller can add its bytes in base64. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Writes s between quotes. False: s was not valid UTF-8, so U+FFFD stands for some bytes. */
bool json_quoted(struct buf *b, struct str s);
/* The same without the quotes, for a string made of several pieces. */
bool json_escaped(struct buf *b, struct str s);

/* Writes `,"name":` or, right after an opening brace or bracket, `"name":`. name needs no escaping.
 */
void json_key_str(struct buf *b, struct str name);
/* Writes a comma unless something has just been opened. */
void json_comma(struct buf *b);

/* RFC 3339 in UTC with 0, 3, 6 or 9 digits of fraction, as protojson writes it; without quotes. */
void json_time(struct buf *b, uint64_t wall_ns);
/* The same with quotes. */
void json_time_string(struct buf *b, uint64_t wall_ns);
/* 64-bit numbers are strings in protojson. */
void json_u64_string(struct buf *b, uint64_t v);
/* Standard alphabet, with padding (RFC 4648 section 4); without quotes. */
void json_base64(struct buf *b, struct str s);

/* Members. In the header, so that the compiler knows the length of a name that is a literal. */

static inline void json_key(struct buf *b, const char *name)
{
	json_key_str(b, str_of(name));
}

static inline void json_field_string(struct buf *b, const char *name, struct str s)
{
	json_key(b, name);
	json_quoted(b, s);
}

static inline void json_field_u64(struct buf *b, const char *name, uint64_t v)
{
	json_key(b, name);
	buf_u64(b, v);
}

static inline void json_field_u64_string(struct buf *b, const char *name, uint64_t v)
{
	json_key(b, name);
	json_u64_string(b, v);
}

static inline void json_field_bool(struct buf *b, const char *name, bool v)
{
	json_key(b, name);
	buf_puts(b, v ? STR("true") : STR("false"));
}

static inline void json_field_time(struct buf *b, const char *name, uint64_t wall_ns)
{
	json_key(b, name);
	json_time_string(b, wall_ns);
}
