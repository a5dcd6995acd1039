/* tests/unit/stream_rig.h: a loop with one stream on it, and a peer in a thread of its own that
 * runs a script: what a remote end does, one blocking call after the other. */
#pragma once

#include "outputs/stream.h"
#include "tests/unit/tls_fixture.h"

#include <pthread.h>

struct stream_rig;

/* The peer's part. fd: the accepted connection, closed after it. */
typedef void (*peer_fn)(struct stream_rig *rig, int fd);

struct stream_rig {
	struct event_base *base;
	struct stream *stream;
	struct endpoint endpoint;
	struct stream_settings settings;
	struct tls_settings tls_settings;
	struct tls *tls;
	size_t input_max_bytes;

	/* The peer */
	int listen_fd, connections;
	peer_fn peer;
	const char *peer_certificate; /* PEM with key; NULL: it speaks no TLS */
	const char *peer_client_ca;   /* it wants a certificate from there */
	pthread_t thread;
	bool has_thread;
	char peer_got[1 << 16];
	size_t peer_got_len;

	/* What came to pass */
	unsigned int opened, writables, ends;
	enum output_verdict verdict;
	struct errmsg why;
	char got[1 << 16];
	size_t got_len, keep; /* keep: so many bytes are never taken */
	bool free_in_callback;
	/* Goes out with opened() and writable(). */
	const char *out;
	size_t out_len, out_at;
};

void rig_init(struct stream_rig *rig);
/* Waits for the peer and takes everything down. */
void rig_close(struct stream_rig *rig);
/* Starts the peer's thread for so many connections, one after the other. */
void rig_peer(struct stream_rig *rig, peer_fn peer, int connections);
void rig_open(struct stream_rig *rig);
/* Runs the loop until done(rig); fails the test after ten seconds. */
void rig_until(struct stream_rig *rig, bool (*done)(const struct stream_rig *rig));

bool rig_is_open(const struct stream_rig *rig);
bool rig_has_ended(const struct stream_rig *rig);
bool rig_has_written(const struct stream_rig *rig);

/* For peers: TLS on the accepted socket; NULL when the handshake failed. */
SSL *peer_accept_tls(struct stream_rig *rig, int fd);
