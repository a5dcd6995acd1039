/* cli/since.h: from where on: `10m` (ago), `2026-03-01T08:00:00Z` (RFC 3339), or a sequence
 * number. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"

#include <stdint.h>

enum since_kind { SINCE_OLDEST, SINCE_SEQ, SINCE_TIME };

struct since {
	enum since_kind kind;
	uint64_t seq;	  /* SINCE_SEQ: the first one wanted */
	uint64_t wall_ns; /* SINCE_TIME */
};

WARN_UNUSED int since_parse(const char *text, uint64_t now_wall_ns, struct since *since_r,
			    struct errmsg *em);
