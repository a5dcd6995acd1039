/* outputs/fluentd_connection.h: one connection to one Fluentd server: its handshake, and what the
 * server says on it. Made by fluentd_server.c for each attempt; when it has ended, it is freed. */
#pragma once

#include "outputs/fluentd_handshake.h"
#include "outputs/stream.h"

struct fluentd_connection;

struct fluentd_connection_callbacks {
	/* Let in: messages may be written. */
	void (*ready)(void *ctx);
	/* fluentd_connection_write() took less than all before; now there is room again. */
	void (*writable)(void *ctx);
	/* The server confirms a chunk. False: there is no such chunk, which ends the connection. */
	bool (*acked)(void *ctx, struct str id);
	/* The last call: HELD when only a change of configuration can help, else LOST. em names the
	 * server and the cause. The connection may be freed in it, and only in it or outside of all
	 * callbacks. */
	void (*ended)(void *ctx, enum output_verdict verdict, const struct errmsg *em);
};

/* All borrowed until fluentd_connection_free(). */
struct fluentd_connection_options {
	struct event_base *base;
	const struct endpoint *endpoint;
	const struct stream_settings *settings;
	struct tls *tls;			 /* NULL: not encrypted */
	const struct fluentd_identity *identity; /* without a shared key: no handshake */
	const struct fluentd_connection_callbacks *callbacks;
	void *ctx;
};

/* Only memory can fail here; nothing is called from within. */
WARN_UNUSED int fluentd_connection_open(const struct fluentd_connection_options *options,
					struct fluentd_connection **connection_r,
					struct errmsg *em);
void fluentd_connection_free(struct fluentd_connection **connection);
/* False: the server wants a new connection for each batch. */
bool fluentd_connection_keeps_alive(const struct fluentd_connection *connection);
/* As stream_write(), stream_written() and stream_acked(). */
size_t fluentd_connection_write(struct fluentd_connection *connection, const struct iovec *iov,
				size_t n);
uint64_t fluentd_connection_written(const struct fluentd_connection *connection);
uint64_t fluentd_connection_arrived(struct fluentd_connection *connection);
