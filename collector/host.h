/* collector/host.h: what the collector asks the host about itself, once, at start. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "pipeline/process.h"

#include <stdint.h>
#include <sys/types.h>

struct host {
	char node_name[256]; /* as configured, else $HUBBLE_NODE_NAME, $NODE_NAME, the host's name
			      */
	char boot_id[37];
	struct namespaces ns; /* those of pid 1 */
};

WARN_UNUSED int host_read(const char *configured_name, struct host *host_r, struct errmsg *em);

/* Creates a directory and what is missing above it. */
WARN_UNUSED int host_make_directory(const char *path, mode_t mode, struct errmsg *em);
/* Resident memory of this process. */
uint64_t host_resident_bytes(void);
