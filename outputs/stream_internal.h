/* outputs/stream_internal.h: what the files of a stream share: stream.c (life and phases),
 * stream_io.c (bytes over a socket or TLS), stream_proxy.c (HTTP CONNECT), and nobody else. */
#pragma once

#include "outputs/dialer.h"
#include "outputs/stream.h"

/* Most plaintext in a record of TLS (RFC 8446, section 5.1). */
#define TLS_RECORD_BYTES 16384
#define STREAM_MARKS	 64

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

/* Of TLS only. */
struct stream_record {
	size_t len; /* > 0: a record is yet to be written, with these very bytes */
	struct stream_mark marks[STREAM_MARKS]; /* a ring; oldest at mark_head */
	size_t mark_head, mark_count;
	bool write_wants_read, read_wants_write;
	char bytes[TLS_RECORD_BYTES];
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
	SSL *ssl;
	struct stream_record *record; /* with TLS */
	struct event *read_event, *write_event, *deadline, *end;
	uint64_t written, acked;
	bool caller_waits; /* for writable() */
	bool write_failed;
	char *input;
	size_t input_len;
	bool in_callback, is_freed;
	enum output_verdict verdict; /* why it ended */
	struct errmsg why;
};

/* stream.c: the connection is over; ended() follows from the loop. Puts the peer's name in front.
 */
void stream_end(struct stream *s, enum output_verdict verdict, const struct errmsg *em);
void stream_end_errno(struct stream *s, int err);
void stream_await_write(struct stream *s);

/* stream_io.c */
enum stream_io { STREAM_IO_DONE, STREAM_IO_WAIT, STREAM_IO_ENDED };
enum stream_io stream_handshake(struct stream *s);
/* Bytes read; 0: none now, or ended. */
size_t stream_receive(struct stream *s, void *to, size_t n);
bool stream_has_more(const struct stream *s);
/* Writes what lies in the record; DONE when nothing does. */
enum stream_io stream_flush(struct stream *s);
/* The peer's reason may lie unread behind the failure of a write. */
void stream_seek_reason(struct stream *s);

/* stream_proxy.c */
WARN_UNUSED int stream_proxy_create(const struct stream_settings *settings,
				    struct stream_proxy **proxy_r);
enum stream_io stream_proxy_ask(struct stream *s);
enum stream_io stream_proxy_hear(struct stream *s);
