/* outputs/endpoint.h: where a peer is: a host and a port, or the path of a Unix socket. A value
 * that a destination keeps in its own struct; nothing here touches the network. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"

#include <stdbool.h>
#include <stdint.h>

#define ENDPOINT_HOST_BYTES 256
#define ENDPOINT_PATH_BYTES 108 /* of sun_path, terminator included */

struct endpoint {
	char host[ENDPOINT_HOST_BYTES]; /* name or address, without brackets; "" for a path */
	char path[ENDPOINT_PATH_BYTES]; /* absolute; "" for a host */
	uint16_t port;
	bool is_literal; /* host is an address: nothing to look up */
};

/* As long as "[HOST]:PORT" or "unix:PATH" can be. */
struct endpoint_name {
	char text[ENDPOINT_HOST_BYTES + 16];
};

/* Takes HOST, HOST:PORT, ADDRESS, [ADDRESS]:PORT (an IPv6 address needs the brackets when a port
 * follows), /PATH and unix:/PATH. default_port 0: the port must be written. -EINVAL: em says what
 * is wrong and what would be right. */
WARN_UNUSED int endpoint_parse(const char *text, uint16_t default_port, struct endpoint *endpoint_r,
			       struct errmsg *em);

static inline bool endpoint_is_unix(const struct endpoint *endpoint)
{
	return endpoint->path[0] != '\0';
}

/* For messages, and as the authority of a request: host:port, [address]:port or unix:/path. */
struct endpoint_name endpoint_name(const struct endpoint *endpoint);
