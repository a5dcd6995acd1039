/* pipeline/container_id.h: which container a cgroup belongs to, told by its name. */
#pragma once

#include "base/str.h"

/* Characters of the id that are kept, as Tetragon's `docker` field has them. */
#define CONTAINER_ID_CHARS 31

/* cgroup: a path, or its last component alone. Runtimes name a container's cgroup by its 64 hex
 * digits, bare or as docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope, libpod-ID.scope, or
 * behind "slice:cri-containerd:" (cgroup v1). The first 31 digits; borrowed from cgroup; empty:
 * none. */
struct str container_id_find(struct str cgroup);
