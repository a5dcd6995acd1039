/* tests/bench/tcp_sink.h: a receiver that costs the sender nothing: a process of its own that takes
 * whatever comes over TCP and throws it away. It ends with its parent. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* Listens on the loopback; negative: errno. */
pid_t tcp_sink_start(uint16_t *port_r);
