/* base/node.h: which machine this is, and which boot of it: what both processes write into events.
 * Asked in one place, so that the events of both agree. */
#pragma once

#include "base/compiler.h"

#include <stddef.h>

/* The configured name, else $HUBBLE_NODE_NAME, $NODE_NAME, the host's name; always terminated.
 * configured may be NULL or empty. */
void node_name_read(const char *configured, char *name, size_t size);
/* The kernel's boot id, 36 characters. 0 or negative errno; empty then. */
WARN_UNUSED int node_boot_id_read(char boot_id_r[37]);
