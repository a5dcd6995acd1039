/* tests/bench/fluentd_sink.h: a Fluentd server that costs the sender nothing: a process of its own
 * that acknowledges each chunk and throws it away. It ends with its parent. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* Listens on the loopback; negative: errno. */
pid_t fluentd_sink_start(uint16_t *port_r);
