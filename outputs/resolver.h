/* outputs/resolver.h: names to addresses without holding up the loop.
 *
 * getaddrinfo(3) in a thread per lookup rather than a resolver of our own: it gives the same answer
 * as every other program on this host (search domains, hosts file, resolv.conf that changes, TCP
 * for long answers, the order of RFC 6724), which evdns does not. In the sandbox, modules of
 * nsswitch that are libraries of their own can't be loaded; `files` and `dns` are part of the C
 * library and stay. A lookup that was given up goes on in its thread until getaddrinfo() gives up
 * too; so many threads at most are under way (RESOLVER_MAX_LOOKUPS), above that a lookup fails at
 * once. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define RESOLVER_MAX_ADDRESSES 16
#define RESOLVER_MAX_LOOKUPS   64

struct event_base;
struct resolver;

struct resolver_address {
	struct sockaddr_storage addr;
	socklen_t len;
};

/* Families by turns, starting with the one the system prefers (RFC 8305, section 4). */
struct resolver_answer {
	size_t n;
	struct resolver_address v[RESOLVER_MAX_ADDRESSES];
};

/* Called once, from the loop, unless freed before. answer NULL: em says why. Both are borrowed for
 * the call; resolver_free() may be called in it. */
typedef void (*resolver_fn)(void *ctx, const struct resolver_answer *answer,
			    const struct errmsg *em);

/* Looks up `host` for stream or datagram sockets (SOCK_STREAM, SOCK_DGRAM). An address is answered
 * without a thread, from the loop too. -ENOMEM, -EAGAIN (too many lookups): em says so. */
WARN_UNUSED int resolver_start(struct event_base *base, const char *host, uint16_t port,
			       int socket_type, resolver_fn done, void *ctx,
			       struct resolver **resolver_r, struct errmsg *em);
void resolver_free(struct resolver **resolver);

/* "192.0.2.1:514", "[::1]:514"; for messages. */
struct resolver_text {
	char text[72];
};
struct resolver_text resolver_address_text(const struct resolver_address *address);
