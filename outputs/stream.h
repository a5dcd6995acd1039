/* outputs/stream.h: one connection to one peer, over TCP, TLS or a Unix socket, on the forwarder's
 * loop; nothing here waits. A destination that speaks a protocol of its own makes one when it has
 * something to send, and frees it when it has ended: a stream is not opened twice.
 *
 *	stream_open()	looks up, connects, asks the proxy, shakes hands; opened() follows, or
 *ended() stream_write()	straight from where the bytes lie; what doesn't go now goes after
 *writable() stream_acked()	what the peer's kernel has, of what was written stream_free() says
 *goodbye (close_notify) and closes; may be called from any callback
 *
 * The socket is always read, so that an end is noticed while nothing is sent. Every phase has a
 * deadline; an established connection has keepalives and TCP_USER_TIMEOUT: a peer that is gone, or
 * that takes nothing for so long, ends it. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "base/str.h"
#include "outputs/endpoint.h"
#include "outputs/output.h"
#include "outputs/stream_settings.h"
#include "outputs/tls.h"

#include <sys/uio.h>

struct event_base;
struct stream;

struct stream_callbacks {
	/* Ready to be written to. */
	void (*opened)(void *ctx);
	/* Optional. What has come and was not yet taken; returns how many bytes of it are done
	 * with. The rest comes again, with more behind it. */
	size_t (*received)(void *ctx, struct str bytes);
	/* Optional. stream_write() took less than all before; now there is room again. */
	void (*writable)(void *ctx);
	/* The last call: not connected, or the connection is over, whoever ended it. LOST, or HELD
	 * when only a change of configuration can help. em names the peer and the cause. */
	void (*ended)(void *ctx, enum output_verdict verdict, const struct errmsg *em);
};

/* All borrowed until stream_free(). */
struct stream_options {
	struct event_base *base;
	const struct endpoint *endpoint;
	const struct stream_settings *settings;
	struct tls *tls; /* NULL: not encrypted */
	/* A peer that sends more than this without anything of it being taken is cut off; 0: what
	 * it sends is thrown away. */
	size_t input_max_bytes;
	const struct stream_callbacks *callbacks;
	void *ctx;
};

/* Only memory can fail here; everything else comes through ended(), never from within this call. */
WARN_UNUSED int stream_open(const struct stream_options *options, struct stream **stream_r,
			    struct errmsg *em);
void stream_free(struct stream **stream);
bool stream_is_open(const struct stream *stream);

/* Takes as many bytes as go now and returns how many, which may be none; with less than all,
 * writable() follows. The bytes are needed no longer than the call. After a failure it takes
 * nothing, and ended() follows from the loop. Not before opened(). TLS fills whole records: what
 * it has taken may lie in a record that is yet to go out, without further calls. */
size_t stream_write(struct stream *stream, const struct iovec *iov, size_t n);
/* Bytes taken by stream_write() since the start. */
uint64_t stream_written(const struct stream *stream);
/* How many of them have arrived: acknowledged by the peer's kernel (TCP, TLS), read by the peer
 * (Unix). Under TLS counted in whole records, never too many. Costs a system call. */
uint64_t stream_acked(struct stream *stream);

/* Makes the iovecs start `bytes` further on, as after a write that took so many; returns the index
 * of the first that has bytes left. */
size_t stream_skip(struct iovec *iov, size_t n, size_t bytes);
