/* tests/bench/http_sink.h: an HTTP/1.1 receiver that costs its client nothing: a child process that
 * throws bodies away. A path that ends in _bulk is answered as Elasticsearch does, item by item. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Listens on 127.0.0.1. certificate: with TLS, where to write the PEM file of the certificate that
 * it makes for localhost; NULL: plain. -1: failed. Ends with its parent. */
pid_t http_sink_start(const char *certificate, uint16_t *port_r);
