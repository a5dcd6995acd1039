/* base/secret.h: a value that must not be seen: a key, a token, a password.
 *
 * Its type keeps it out of printf and errmsg, its memory is wiped before it is freed, and it is
 * left out of core dumps where the kernel allows (MADV_DONTDUMP). */
#pragma once

#include "base/compiler.h"
#include "base/str.h"

struct secret; /* opaque on purpose */

/* A copy of the bytes; NULL when out of memory. The caller wipes its own. */
WARN_UNUSED struct secret *secret_create(const void *bytes, size_t n);
/* The bytes, for the one call that needs them. Borrowed. */
struct str secret_reveal(const struct secret *secret);
void secret_free(struct secret **secret);

/* Overwrites memory in a way the compiler keeps. */
void secret_wipe(void *mem, size_t n);
