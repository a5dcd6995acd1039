/* base/errmsg.h: why something failed, in words for a person.
 *
 * Who fails describes it here; who has the context (which file, which output) prefixes it and
 * logs it once. The text never holds a secret or event text. Lives on the caller's stack. */
#pragma once

#include "base/compiler.h"

struct errmsg {
	char text[512];
};

/* Sets the text; a longer one is cut. em may be NULL (nobody wants to know). */
void errmsg_set(struct errmsg *em, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Puts "prefix: " in front of what is there. */
void errmsg_prefix(struct errmsg *em, const char *fmt, ...) PRINTF_LIKE(2, 3);
