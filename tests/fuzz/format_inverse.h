/* tests/fuzz/format_inverse.h: reads what the formats write, as a receiver would: the names of the
 * fields and what is in them, in order. For the fuzzer and the unit tests of formats. Names of
 * members in objects are joined with dots, elements of a list are called "NAME[]". A value has its
 * type before it: "s:" text, "i:" a whole number, "r:" another, "b:" a bool, "n:" null. */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct inverse_field {
	char *key;
	struct str value; /* terminated */
};

struct inverse {
	struct inverse_field *v;
	size_t n;
};

/* False: a receiver could not read it. */
bool inverse_json(struct str text, struct inverse *inverse_r);
bool inverse_msgpack(struct str bytes, struct inverse *inverse_r);
/* The header's fields are called "0" to "6". */
bool inverse_cef(struct str line, struct inverse *inverse_r);
bool inverse_leef(struct str line, struct inverse *inverse_r);
bool inverse_of(const char *format, struct str text, struct inverse *inverse_r);
void inverse_free(struct inverse *inverse);
/* Of the first field with that name; p NULL: there is none. */
struct str inverse_get(const struct inverse *inverse, const char *key);
