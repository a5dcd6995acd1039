/* pipeline/user_names.h: names of numeric user ids, from a passwd file read whole, so that no
 * lookup goes to a name service or the disk. Owned by the enriching stage; loop thread. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Past these the rest of the file is left out. */
#define USER_NAMES_MAX_BYTES (8u << 20)
#define USER_NAMES_MAX	     65536u

struct user_names;

/* path is copied. The file is read by user_names_refresh(). NULL: no memory. */
WARN_UNUSED struct user_names *user_names_create(const char *path);
/* Reads the file when it is new or has changed. On failure what was known stays; em says why. */
WARN_UNUSED int user_names_refresh(struct user_names *names, struct errmsg *em);
/* Empty when there is none. Borrowed until the next refresh. */
struct str user_names_find(const struct user_names *names, uint32_t uid);
void user_names_free(struct user_names **names);
