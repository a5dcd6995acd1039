/* outputs/stream_internal.h: what the files of a stream share: stream.c (life and phases),
 * stream_io.c (bytes over a socket or TLS), stream_proxy.c (HTTP CONNECT), and nobody else. */
#pragma once

#include "outputs/dialer.h"
#include "outputs/stream.h"

/* Most plaintext in a record of TLS, and what encryption adds at most (RFC 8446, section 5). */
#define TLS_RECORD_BYTES   16384
#define TLS_OVERHEAD_BYTES 512
/* What goes out in one system call; the rest is room for what OpenSSL says by itself. */
#define TLS_SPARE_BYTES 8192
#define TLS_WIRE_BYTES	(4 * (TLS_RECORD_BYTES + TLS_OVERHEAD_BYTES) + TLS_SPARE_BYTES)
#define STREAM_MARKS	64

enum stream_state {
	STREAM_DIALING,
	STREAM_PROXYING,
	STREAM_HANDSHAKING,
	STREAM_OPEN,
	STREAM_ENDED
};

/* Once the socket has sent `wire` bytes, `plain` bytes of the caller's are among them. */
struct stream_mark {
	uint64_t plain, wire;
};

/* OpenSSL reads from the socket, but writes into `wire`, which the stream sends: so no call of
 * OpenSSL's ever stops in the middle of a write, where 3.0 can't take a KeyUpdate. */
struct stream_tls {
	SSL *ssl;
	BIO_METHOD *method;
	size_t plain_len; /* > 0: OpenSSL must read before it takes this */
	size_t wire_at, wire_len;
	uint64_t encrypted;			/* bytes ever put into wire */
	struct stream_mark marks[STREAM_MARKS]; /* a ring; oldest at mark_head */
	size_t mark_head, mark_count;
	char plain[TLS_RECORD_BYTES], wire[TLS_WIRE_BYTES];
};

struct stream_proxy {
	struct endpoint endpoint;
	char answer[4096];
	size_t len;
};

struct stream {
	struct stream_options set;
	enum stream_state state;
	struct dialer *dialer;
	struct stream_proxy *proxy; /* NULL: none */
	int fd;
	struct stream_tls *tls; /* NULL: not encrypted, or not yet */
	struct event *read_event, *write_event, *deadline, *end;
	uint64_t written, acked;
	bool caller_waits; /* for writable() */
	bool write_failed;
	char *input;
	size_t input_len;
	bool in_callback, is_freed, is_goodbye_due;
	enum output_verdict verdict; /* why it ended */
	struct errmsg why;
};

/* stream.c: the connection is over; ended() follows from the loop. Puts the peer's name in front.
 */
void stream_end(struct stream *s, enum output_verdict verdict, const struct errmsg *em);
void stream_end_errno(struct stream *s, int err);
void stream_await_write(struct stream *s);

enum stream_io { STREAM_IO_DONE, STREAM_IO_WAIT, STREAM_IO_ENDED };

/* stream_io.c: bytes read; 0: none now, or ended. */
size_t stream_receive(struct stream *s, void *to, size_t n);
/* Sends what the kernel takes; sets write_failed when the connection is over by that. */
size_t stream_send(struct stream *s, const struct iovec *iov, size_t n);

/* stream_tls.c */
WARN_UNUSED int stream_tls_start(struct stream *s, struct errmsg *em);
enum stream_io stream_tls_handshake(struct stream *s);
size_t stream_tls_receive(struct stream *s, void *to, size_t n);
size_t stream_tls_write(struct stream *s, const struct iovec *iov, size_t n);
/* Goes on with what was taken and isn't out; DONE when nothing of it is left. */
enum stream_io stream_tls_resume(struct stream *s);
/* How much of the plaintext has arrived when the socket still holds `queued` bytes. */
uint64_t stream_tls_acked(struct stream *s, size_t queued);
/* The peer's reason may lie unread behind the failure of a write. */
void stream_tls_seek_reason(struct stream *s);
void stream_tls_free(struct stream_tls **tls, bool say_goodbye, int fd);

/* stream_proxy.c */
WARN_UNUSED int stream_proxy_create(const struct stream_settings *settings,
				    struct stream_proxy **proxy_r);
enum stream_io stream_proxy_ask(struct stream *s);
enum stream_io stream_proxy_hear(struct stream *s);
