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

struct json_token {
	struct str raw; /* a string: between its quotes, still escaped; else the whole value */
	enum json_type type;
	bool is_escaped; /* a string with a backslash in it */
};

/* Read the value at p, a container with all that is in it, and return what is behind it. NULL:
 * there is none, or it is not well-formed, or nested deeper than JSON_MAX_DEPTH. */
const char *json_token_read(const char *p, const char *end, struct json_token *token_r);
/* The same for what must be a string, such as the name of a member. */
const char *json_token_string(const char *p, const char *end, struct json_token *token_r);

/* For loops over a container's members: p behind its bracket, or behind a value in it. Returns
 * where the next value (or name) begins, or with *closed_r set what is behind `close`. NULL:
 * neither. is_first: nothing was read of it yet. */
const char *json_token_next(const char *p, const char *end, char close, bool is_first,
			    bool *closed_r);
/* A member's name and the colon: returns where its value begins. */
const char *json_token_name(const char *p, const char *end, struct json_token *name_r);
