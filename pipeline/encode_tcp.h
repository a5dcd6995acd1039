/* pipeline/encode_tcp.h: the own members of the TCP events. "source" is the socket's own side and
 * "destination" its peer, as saddr and daddr in Tetragon's sock_arg, also for what was accepted. */
#pragma once

#include "pipeline/event.h"

/* Follows other members of an object: every member begins with a comma. */
void encode_tcp(const struct tcp_fields *tcp, enum event_kind kind, struct buf *out);
