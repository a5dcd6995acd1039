/* collector/supervisor.h: keeps the forwarder running: starts it as `weir forward` with its end of
 * a socket pair and the metrics board, wakes it when the journal has grown, restarts it with
 * exponential backoff and jitter when it dies, and replaces it on a reload. The collector goes on
 * without it: nothing here can stop an event from being journaled. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "pipeline/metrics.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct supervisor;

/* Borrowed until supervisor_free(); NULL strings are left out of its command line. */
struct supervisor_settings {
	const char *config_path, *journal_directory, *state_directory, *format;
	int config_fd; /* what was read at config_path (see settings_copy()); -1: there is none */
	uint64_t session_first_seq;
	uint64_t drain_timeout_ns;
	struct metrics_fds board_fds;
	struct metrics_board *board;
};

WARN_UNUSED int supervisor_create(const struct supervisor_settings *settings,
				  struct event_base *base, struct supervisor **supervisor_r,
				  struct errmsg *em);
/* Starts it now; a failure to start is retried like a death. */
void supervisor_start(struct supervisor *supervisor);
/* The journal has grown. Never waits; a full socket means that it knows already. */
void supervisor_wake(struct supervisor *supervisor);
/* Log files were rotated: outputs open theirs anew. */
void supervisor_reopen(struct supervisor *supervisor);
/* Lets the running one drain, up to last_seq, and starts a new one, which goes on behind that with
 * the configuration in config_fd: so do all that follow. */
void supervisor_replace(struct supervisor *supervisor, int config_fd, uint64_t last_seq);
/* Call on SIGCHLD. */
void supervisor_reap(struct supervisor *supervisor);
/* Lets it drain, which is over when each output has acknowledged last_seq (0: what it finds in the
 * journal), and waits for its end, at most the drain timeout and a second; then kills it. */
void supervisor_stop(struct supervisor *supervisor, uint64_t last_seq);
void supervisor_free(struct supervisor **supervisor);
