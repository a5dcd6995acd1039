/* outputs/msgpack_reader.h: reads MessagePack (its specification is at github.com/msgpack/msgpack)
 * where it lies, without a tree and without memory: for what a peer answers. Values are views into
 * the bytes. Safe on any bytes, also on the first part of a value: then it says that more is
 * needed, and the caller comes again with more behind it. How much that may become is the caller's
 * to bound. No recursion: nesting costs nothing. */
#pragma once

#include "base/compiler.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum msgpack_type {
	MSGPACK_NIL,
	MSGPACK_BOOL,
	MSGPACK_INTEGER,
	MSGPACK_FLOAT,
	MSGPACK_STR,
	MSGPACK_BIN,
	MSGPACK_EXT,
	MSGPACK_ARRAY,
	MSGPACK_MAP
};

/* One step: a whole scalar, or the head of an array or map. */
struct msgpack_token {
	enum msgpack_type type;
	bool boolean;
	uint64_t integer; /* two's complement of a negative one */
	struct str bytes; /* STR, BIN, EXT; not assumed to be UTF-8 */
	uint32_t count;	  /* ARRAY: elements; MAP: pairs */
};

enum msgpack_result {
	MSGPACK_OK,
	MSGPACK_MORE, /* the bytes end before the value does */
	MSGPACK_BAD,  /* a byte that no value begins with */
};

/* Reads one token and moves `in` behind it; else `in` stays. */
WARN_UNUSED enum msgpack_result msgpack_read(struct str *in, struct msgpack_token *token_r);
/* The same for a whole value, with all that is in it. */
WARN_UNUSED enum msgpack_result msgpack_skip(struct str *in);
/* Reads text: `str` or `bin`, whatever its bytes are. False: something else is there. */
WARN_UNUSED bool msgpack_read_text(struct str *in, struct str *text_r);
/* Looks in a whole map for a key (the first of that name) and moves `map` to its value. False: not
 * there, or no map. */
WARN_UNUSED bool msgpack_find(struct str *map, struct str key);
