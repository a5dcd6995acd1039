/* outputs/dialer.h: a connected socket to an endpoint: looks the name up, then tries the addresses
 * one after the other without waiting for each to fail (RFC 8305: the next one joins when the one
 * before has failed or has not answered for 250 ms); the first that answers wins. Used by
 * outputs/stream.h. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/endpoint.h"

#include <stdint.h>

struct event_base;
struct dialer;

/* Called once, from the loop, unless freed before. fd is non-blocking and the callee's; -1: em says
 * which address failed how. dialer_free() may be called in it. */
typedef void (*dialer_fn)(void *ctx, int fd, const struct errmsg *em);

/* endpoint is borrowed. timeout_ns bounds the lookup, and then the connecting. */
WARN_UNUSED int dialer_start(struct event_base *base, const struct endpoint *endpoint,
			     uint64_t timeout_ns, dialer_fn done, void *ctx,
			     struct dialer **dialer_r, struct errmsg *em);
void dialer_free(struct dialer **dialer);
