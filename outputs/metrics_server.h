/* outputs/metrics_server.h: the metrics page over HTTP, in the forwarder: the collector never opens
 * a network socket. GET /metrics in Prometheus' text format, GET /healthz for probes. Nothing it
 * serves depends on what is asked beyond the path; requests are small and short by limits. */
#pragma once

#include "base/clock.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "pipeline/metrics.h"

#include <stdint.h>

struct event_base;
struct metrics_server;

/* listen: ADDRESS:PORT, an IPv6 address in brackets; port 0: any free one. board and clock are
 * borrowed. */
WARN_UNUSED int metrics_server_open(const char *listen, struct event_base *base,
				    const struct metrics_board *board, const struct clock *clock,
				    struct metrics_server **server_r, struct errmsg *em);
/* About once a second: how long each output has been down. */
void metrics_server_watch(struct metrics_server *server);
uint16_t metrics_server_port(const struct metrics_server *server);
void metrics_server_close(struct metrics_server **server);
