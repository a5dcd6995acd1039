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
bool json_string(struct buf *b, struct str s);
/* The same without the quotes, for a string made of several pieces. */
bool json_string_body(struct buf *b, struct str s);

/* Writes `,"name":` or, right after an opening brace or bracket, `"name":`. name needs no escaping.
 */
void json_key(struct buf *b, const char *name);
/* Writes a comma unless something has just been opened. */
void json_comma(struct buf *b);

void json_field_string(struct buf *b, const char *name, struct str s);
void json_field_u64(struct buf *b, const char *name, uint64_t v);
/* 64-bit numbers are strings in protojson. */
void json_field_u64_string(struct buf *b, const char *name, uint64_t v);
void json_field_bool(struct buf *b, const char *name, bool v);
void json_field_time(struct buf *b, const char *name, uint64_t wall_ns);

/* RFC 3339 in UTC with 0, 3, 6 or 9 digits of fraction, as protojson writes it; without quotes. */
void json_time(struct buf *b, uint64_t wall_ns);
/* Standard alphabet, with padding (RFC 4648 section 4); without quotes. */
void json_base64(struct buf *b, struct str s);
