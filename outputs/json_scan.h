/* outputs/json_scan.h: reads JSON where it lies, without a tree and without memory: for formats,
 * which pick a few members out of an event. Values are views into the text.
 *
 * Written for the events that pipeline/encode_json makes, and safe on any bytes: garbage gives
 * "not there", never a read outside the text. It is not a validator: it says whether brackets,
 * quotes and separators fit, not whether a number or an escape is well-formed. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define JSON_MAX_DEPTH 64

enum json_type {
	JSON_NONE,
	JSON_STRING,
	JSON_NUMBER,
	JSON_BOOL,
	JSON_NULL,
	JSON_OBJECT,
	JSON_ARRAY
};

struct json_value {
	enum json_type type;
	struct str raw; /* a string: between its quotes, still escaped; else the whole value */
};

struct json_iter {
	const char *p, *end;
	bool first;
};

/* The value that the text is, with nothing but white space around it. False: it is none. */
bool json_parse(struct str text, struct json_value *value_r);

/* Walks the members of an object or the elements of an array. A value of another type has none. */
struct json_iter json_iterate(const struct json_value *value);
/* key_r as it is written, still escaped. False: no more, or what follows is no member. */
bool json_next_member(struct json_iter *iter, struct str *key_r, struct json_value *value_r);
bool json_next_element(struct json_iter *iter, struct json_value *value_r);

/* The member of that name; a path goes down through objects ("process.pid"). Type JSON_NONE: not
 * there. */
struct json_value json_get(const struct json_value *object, const char *path);

/* Appends the string's characters. An escape that is not well-formed, or a lone surrogate, becomes
 * U+FFFD. */
void json_unescape(struct str raw, struct buf *out);
/* A number, or a string that holds one, as protojson writes 64 bits. False: neither, or too big. */
bool json_u64(const struct json_value *value, uint64_t *v_r);
