/* outputs/json_token.h: reads JSON strictly and forward, without a tree and without memory: for the
 * formats that make another text of an event. Where json_scan answers "what is there", this says
 * -EINVAL to all that is not JSON (RFC 8259) in UTF-8 on one line, so that what it hands out can be
 * written again as it is.
 *
 * Stricter than RFC 8259 in one thing: there is no white space between tokens. The events of
 * pipeline/encode_json have none. */
#pragma once

#include "base/compiler.h"
#include "base/str.h"
#include "outputs/json_scan.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>

/* Bit i is set where byte i is a quote, a backslash, a control character or part of a multi-byte
 * one: as signed bytes those from 0x80 up are less than a space. */
static inline unsigned int json_token_special(__m128i v)
{
	__m128i control = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)),
				       _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
	__m128i quoting = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
				       _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));

	return (unsigned int)_mm_movemask_epi8(_mm_or_si128(control, quoting));
}
#endif

struct json_token {
	struct str raw; /* a string: between its quotes, still escaped; else the whole value */
	enum json_type type;
	bool is_escaped; /* a string with a backslash in it */
};

/* Read the value at p, a container with all that is in it, and return what is behind it. NULL:
 * there is none, or it is not well-formed, or nested deeper than JSON_MAX_DEPTH. */
const char *json_token_read_any(const char *p, const char *end, struct json_token *token_r);
/* The same for what must be a string. */
const char *json_token_read_string(const char *p, const char *end, struct json_token *token_r);

/* Most strings are short and plain: those need no call. The instructions are part of every x86-64.
 */
static inline const char *json_token_string(const char *p, const char *end,
					    struct json_token *token_r)
{
#ifdef __SSE2__
	if (end - p > 16 && *p == '"') {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 1));
		unsigned int special = json_token_special(v);
		unsigned int n = (unsigned int)__builtin_ctz(special | 1u << 16);

		if (special && p[1 + n] == '"') {
			*token_r = (struct json_token){ { p + 1, n }, JSON_STRING, false };
			return p + n + 2;
		}
	}
#endif
	return json_token_read_string(p, end, token_r);
}

static inline const char *json_token_read(const char *p, const char *end,
					  struct json_token *token_r)
{
	if (p < end && *p == '"')
		return json_token_string(p, end, token_r);
	return json_token_read_any(p, end, token_r);
}

/* For loops over a container's members: p behind its bracket, or behind a value in it. Returns
 * where the next value (or name) begins, or with *closed_r set what is behind `close`. NULL:
 * neither. is_first: nothing was read of it yet. */
static inline const char *json_token_next(const char *p, const char *end, char close, bool is_first,
					  bool *closed_r)
{
	*closed_r = p < end && *p == close;
	if (*closed_r)
		return p + 1;
	if (is_first)
		return p;
	return p < end && *p == ',' ? p + 1 : NULL;
}

/* A member's name and the colon: returns where its value begins. */
static inline const char *json_token_name(const char *p, const char *end, struct json_token *name_r)
{
	p = json_token_string(p, end, name_r);
	return p && p < end && *p == ':' ? p + 1 : NULL;
}
