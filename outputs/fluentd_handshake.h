/* outputs/fluentd_handshake.h: how a client and a Fluentd server prove to each other that they know
 * the shared key (Forward protocol v1, HELO, PING and PONG). The server speaks first. Values come
 * whole, as bytes that outputs/msgpack_reader.h has found the end of; nothing here touches the
 * network. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"

#include <stdbool.h>

struct secret;

#define FLUENTD_NONCE_BYTES 256
#define FLUENTD_SALT_BYTES  32

struct fluentd_identity {
	const char *hostname;
	const struct secret *shared_key;
	const char *username;	       /* "": none */
	const struct secret *password; /* NULL: none */
};

/* What of the first half the second one needs. */
struct fluentd_handshake {
	const struct fluentd_identity *identity;
	char nonce[FLUENTD_NONCE_BYTES];
	size_t nonce_len;
	char salt[FLUENTD_SALT_BYTES];
	bool keeps_alive; /* else it takes one batch a connection */
};

/* Whether a value is ["HELO", ...]. */
bool fluentd_is_helo(struct str value);
/* Reads the HELO and appends the PING that answers it. False: em says why, and what to change. */
WARN_UNUSED bool fluentd_handshake_begin(struct fluentd_handshake *handshake, struct str helo,
					 struct buf *ping, struct errmsg *em);
/* Reads the PONG; true when the server has let us in and has proven that it knows the key. False:
 * em says why, and what to change. */
WARN_UNUSED bool fluentd_handshake_end(const struct fluentd_handshake *handshake, struct str pong,
				       struct errmsg *em);
