/* cli/dead_replay.h: the part of `weir dead replay` that hands letters to the running forwarder
 * (outputs/replay_request.h) and waits until it has settled them. */
#pragma once

#include "cli/dead_store.h"
#include "cli/locate.h"

#include <stdint.h>

struct dead_replay {
	const struct verb *verb;
	const struct locate *locate;
	const char *state_directory;
	const char *output; /* NULL: all */
	uint64_t wait_ns;
};

/* Says on standard output what became of them, on standard error what went wrong. */
enum exit_code dead_replay(const struct dead_replay *replay, const struct dead_store *store);
