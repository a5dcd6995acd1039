/* base/memory_file.h: a file that is in memory only and has no name, to be handed to another
 * process by its descriptor. */
#pragma once

#include "base/compiler.h"

/* Closed on exec, empty, and can be sealed (fcntl(2), F_ADD_SEALS). `name` is what /proc shows.
 * Returns the descriptor, or a negative errno. */
WARN_UNUSED int memory_file_create(const char *name);
