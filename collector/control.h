/* collector/control.h: the JSON API of a running collector, HTTP on a Unix socket that only root
 * can open. It is not the network: the collector has none.
 *
 *   GET  /v1/status	what `weir status --json` prints
 *   GET  /v1/recent	the outputs' last batches, for `weir trace`
 *   POST /v1/reload	200 {}, or 422 {"error": "..."} and everything goes on as it was
 *   POST /v1/reopen	outputs open their files anew
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"

struct control;
struct event_base;

struct control_calls {
	void *ctx;
	/* Appends the status as JSON. */
	void (*status)(void *ctx, struct buf *out);
	/* Appends the outputs with their last batches as JSON. */
	void (*recent)(void *ctx, struct buf *out);
	int (*reload)(void *ctx, struct errmsg *em);
	void (*reopen)(void *ctx);
};

/* Creates the socket (0600) and its directory. A socket on which another weir answers is left
 * alone: -EADDRINUSE. calls are copied. */
WARN_UNUSED int control_open(const char *path, const struct control_calls *calls,
			     struct event_base *base, struct control **control_r,
			     struct errmsg *em);
/* Closes and removes the socket. */
void control_close(struct control **control);
