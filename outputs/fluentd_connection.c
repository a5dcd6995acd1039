#include "outputs/fluentd_connection.h"

#include "base/secret.h"
#include "outputs/msgpack_reader.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

/* The longest thing a server says is a PONG with its reason. */
#define INPUT_BYTES 8192
#define PING_BYTES  2048

enum connection_state { CONNECTING, AWAITING_HELO, AWAITING_PONG, READY };

struct fluentd_connection {
	struct fluentd_connection_options set;
	enum connection_state state;
	struct stream *stream;
	struct event *deadline; /* of the handshake */
	struct fluentd_handshake handshake;
	char ping[PING_BYTES];
	size_t ping_len, ping_at;
};

/* Nothing of the connection may be touched afterwards. */
static void end(struct fluentd_connection *c, enum output_verdict verdict, const struct errmsg *em)
{
	struct errmsg why = *em;

	errmsg_prefix(&why, "%s", endpoint_name(c->set.endpoint).text);
	stream_free(&c->stream);
	event_del(c->deadline);
	c->set.callbacks->ended(c->set.ctx, verdict, &why);
}

static void set_deadline(struct fluentd_connection *c)
{
	uint64_t ns = c->set.settings->connect_timeout_ns;
	struct timeval tv = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / 1000 };

	evtimer_add(c->deadline, &tv);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct fluentd_connection *c = arg;
	struct errmsg em;

	errmsg_set(&em,
		   c->state == AWAITING_HELO
			   ? "no HELO in time: the server hangs, or it has no <security> section "
			     "and shared_key must not be set"
			   : "no PONG in time: the server hangs");
	end(c, OUTPUT_LOST, &em);
}

static void get_ready(struct fluentd_connection *c)
{
	c->state = READY;
	event_del(c->deadline);
	c->set.callbacks->ready(c->set.ctx);
}

static void write_ping(struct fluentd_connection *c)
{
	const struct iovec piece = { c->ping + c->ping_at, c->ping_len - c->ping_at };

	if (piece.iov_len)
		c->ping_at += stream_write(c->stream, &piece, 1);
}

/* The hear_ functions return false when the connection has ended and may be gone. */
static bool hear_helo(struct fluentd_connection *c, struct str value)
{
	struct buf ping = buf_fixed(c->ping, sizeof(c->ping));
	struct errmsg em = { "the user's name and this host's are too long" };

	if (!fluentd_handshake_begin(&c->handshake, value, &ping, &em) || !buf_ok(&ping)) {
		end(c, OUTPUT_HELD, &em);
		return false;
	}
	c->ping_len = ping.len;
	c->state = AWAITING_PONG;
	set_deadline(c);
	write_ping(c);
	return true;
}

static bool hear_pong(struct fluentd_connection *c, struct str value)
{
	struct errmsg em;

	if (!fluentd_handshake_end(&c->handshake, value, &em)) {
		end(c, OUTPUT_HELD, &em);
		return false;
	}
	get_ready(c);
	return true;
}

/* Fluentd's own ids end with a newline; one that a server has put behind ours is none of it. */
static struct str id_of(struct str text)
{
	while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
		text.n--;
	return text;
}

static bool hear_ack(struct fluentd_connection *c, struct str value)
{
	enum output_verdict verdict = OUTPUT_LOST;
	struct str at = value, id;
	struct errmsg em;

	if (msgpack_find(&at, STR("ack")) && msgpack_read_text(&at, &id)) {
		if (c->set.callbacks->acked(c->set.ctx, id_of(id)))
			return true;
		errmsg_set(&em, "the server confirmed a chunk that it was not sent");
	} else if (fluentd_is_helo(value)) {
		verdict = OUTPUT_HELD;
		errmsg_set(&em, "the server asks for a key: set shared_key to that of its "
				"<security> section");
	} else {
		errmsg_set(&em, "the server answered with something else than {\"ack\": ID}");
	}
	end(c, verdict, &em);
	return false;
}

static bool hear(struct fluentd_connection *c, struct str value)
{
	if ((unsigned char)value.p[0] == 0xc0) /* nil, which says nothing */
		return true;
	switch (c->state) {
	case AWAITING_HELO:
		return hear_helo(c, value);
	case AWAITING_PONG:
		return hear_pong(c, value);
	case READY:
		return hear_ack(c, value);
	case CONNECTING:
		break;
	}
	return true;
}

static void end_unreadable(struct fluentd_connection *c)
{
	bool is_answer = c->state == READY;
	struct errmsg em;

	errmsg_set(&em, is_answer ? "the server's answer is no MessagePack"
				  : "what the server says is no MessagePack: is this the port of a "
				    "Fluentd server, and does it want TLS?");
	end(c, is_answer ? OUTPUT_LOST : OUTPUT_HELD, &em);
}

/* Takes whole values; what is left comes again with more behind it. */
static size_t on_received(void *ctx, struct str bytes)
{
	struct fluentd_connection *c = ctx;
	struct str rest = bytes;

	for (;;) {
		struct str value = rest;

		switch (msgpack_skip(&rest)) {
		case MSGPACK_MORE:
			return bytes.n - value.n;
		case MSGPACK_BAD:
			end_unreadable(c);
			return 0;
		case MSGPACK_OK:
			break;
		}
		value.n -= rest.n;
		if (!hear(c, value))
			return 0;
	}
}

static void on_opened(void *ctx)
{
	struct fluentd_connection *c = ctx;

	if (!c->set.identity->shared_key) {
		get_ready(c);
		return;
	}
	c->state = AWAITING_HELO;
	set_deadline(c);
}

static void on_writable(void *ctx)
{
	struct fluentd_connection *c = ctx;

	if (c->state == READY)
		c->set.callbacks->writable(c->set.ctx);
	else
		write_ping(c);
}

static void on_ended(void *ctx, enum output_verdict verdict, const struct errmsg *em)
{
	struct fluentd_connection *c = ctx;
	struct errmsg why = *em;

	stream_free(&c->stream);
	event_del(c->deadline);
	if (c->state == AWAITING_PONG && verdict == OUTPUT_LOST) {
		verdict = OUTPUT_HELD;
		errmsg_prefix(&why, "the connection ended at our PING, as a server does that knows "
				    "another shared_key, username or password");
	} else if (c->state == AWAITING_HELO) {
		errmsg_prefix(&why, "the connection ended before the server's HELO");
	}
	c->set.callbacks->ended(c->set.ctx, verdict, &why);
}

static const struct stream_callbacks callbacks = {
	.opened = on_opened,
	.received = on_received,
	.writable = on_writable,
	.ended = on_ended,
};

int fluentd_connection_open(const struct fluentd_connection_options *options,
			    struct fluentd_connection **connection_r, struct errmsg *em)
{
	struct fluentd_connection *c = calloc(1, sizeof(*c));
	struct stream_options stream = {
		.base = options->base,
		.endpoint = options->endpoint,
		.settings = options->settings,
		.tls = options->tls,
		.input_max_bytes = INPUT_BYTES,
		.callbacks = &callbacks,
		.ctx = c,
	};
	int err = -ENOMEM;

	*connection_r = c;
	errmsg_set(em, "no memory for a connection");
	if (!c)
		return err;
	c->set = *options;
	c->handshake.identity = options->identity;
	c->handshake.keeps_alive = true;
	c->deadline = evtimer_new(options->base, on_deadline, c);
	if (c->deadline)
		err = stream_open(&stream, &c->stream, em);
	if (err)
		fluentd_connection_free(connection_r);
	return err;
}

void fluentd_connection_free(struct fluentd_connection **connection)
{
	struct fluentd_connection *c = *connection;

	*connection = NULL;
	if (!c)
		return;
	stream_free(&c->stream);
	if (c->deadline)
		event_free(c->deadline);
	free(c);
}

bool fluentd_connection_keeps_alive(const struct fluentd_connection *c)
{
	return c->handshake.keeps_alive;
}

size_t fluentd_connection_write(struct fluentd_connection *c, const struct iovec *iov, size_t n)
{
	return c->stream ? stream_write(c->stream, iov, n) : 0;
}

uint64_t fluentd_connection_written(const struct fluentd_connection *c)
{
	return stream_written(c->stream);
}

uint64_t fluentd_connection_arrived(struct fluentd_connection *c)
{
	return stream_acked(c->stream);
}
