#include "outputs/stream_internal.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* Work of one wake-up, so that other connections get their turn. */
#define READS_PER_WAKEUP 8

static struct timeval to_timeval(uint64_t ns)
{
	return (struct timeval){ ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / 1000 };
}

void stream_await_write(struct stream *s)
{
	event_add(s->write_event, NULL);
}

void stream_end(struct stream *s, enum output_verdict verdict, const struct errmsg *em)
{
	if (s->state == STREAM_ENDED)
		return;
	s->state = STREAM_ENDED;
	s->verdict = verdict;
	s->why = *em;
	if (s->fd >= 0) /* the dialer names the peer itself */
		errmsg_prefix(&s->why, "%s", endpoint_name(s->set.endpoint).text);
	if (s->read_event)
		event_del(s->read_event);
	if (s->write_event)
		event_del(s->write_event);
	event_del(s->deadline);
	event_active(s->end, EV_TIMEOUT, 1);
}

void stream_end_errno(struct stream *s, int err)
{
	struct errmsg em;

	errmsg_set(&em, "%s", strerror(err));
	stream_end(s, OUTPUT_LOST, &em);
}

static void release(struct stream *s)
{
	dialer_free(&s->dialer);
	if (s->read_event)
		event_free(s->read_event);
	if (s->write_event)
		event_free(s->write_event);
	if (s->deadline)
		event_free(s->deadline);
	if (s->end)
		event_free(s->end);
	stream_tls_free(&s->tls, s->is_goodbye_due, s->fd);
	if (s->fd >= 0)
		close(s->fd);
	free(s->proxy);
	free(s->input);
	free(s);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;
	struct errmsg why;

	if (s->tls)
		stream_tls_seek_reason(s);
	why = s->why; /* the callee frees the stream, and goes on with the reason */
	s->set.callbacks->ended(s->set.ctx, s->verdict, &why);
}

/* A callback may free the stream: then nothing of it is touched any more. */
static void enter_callback(struct stream *s)
{
	s->in_callback = true;
}

static bool leave_callback(struct stream *s)
{
	s->in_callback = false;
	if (!s->is_freed)
		return true;
	release(s);
	return false;
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;
	struct errmsg em;

	errmsg_set(&em, "no answer in time from the %s",
		   s->state == STREAM_PROXYING ? "proxy" : "TLS handshake");
	stream_end(s, OUTPUT_LOST, &em);
}

static void set_deadline(struct stream *s)
{
	struct timeval tv = to_timeval(s->set.settings->connect_timeout_ns);

	evtimer_add(s->deadline, &tv);
}

/* TLS may hold bytes that the socket doesn't tell of any more. */
static bool has_more(const struct stream *s)
{
	return s->tls && SSL_has_pending(s->tls->ssl);
}

static void open_stream(struct stream *s)
{
	s->state = STREAM_OPEN;
	event_del(s->deadline);
	enter_callback(s);
	if (s->set.callbacks->opened)
		s->set.callbacks->opened(s->set.ctx);
	/* What came along with the end of the handshake is not told by the socket again. */
	if (leave_callback(s) && s->state == STREAM_OPEN && has_more(s))
		event_active(s->read_event, EV_READ, 1);
}

static void shake_hands(struct stream *s)
{
	if (stream_tls_handshake(s) == STREAM_IO_DONE)
		open_stream(s);
}

static void start_tls(struct stream *s)
{
	struct errmsg em = { "" };

	if (!s->set.tls) {
		open_stream(s);
		return;
	}
	if (stream_tls_start(s, &em) != 0) {
		stream_end(s, OUTPUT_HELD, &em);
		return;
	}
	s->state = STREAM_HANDSHAKING;
	set_deadline(s);
	shake_hands(s);
}

/* True: go on reading. Hands over what is there and keeps what isn't taken. */
static bool hand_over(struct stream *s, size_t got)
{
	struct errmsg em;
	size_t used;

	s->input_len += got;
	enter_callback(s);
	used = s->set.callbacks->received(s->set.ctx, (struct str){ s->input, s->input_len });
	if (!leave_callback(s) || s->state != STREAM_OPEN)
		return false;
	s->input_len -= used;
	memmove(s->input, s->input + used, s->input_len);
	if (s->input_len < s->set.input_max_bytes)
		return true;
	errmsg_set(&em, "the peer sent %zu bytes that are no answer", s->input_len);
	stream_end(s, OUTPUT_LOST, &em);
	return false;
}

/* False: the stream may be gone. */
static bool read_once(struct stream *s)
{
	char scratch[4096];
	size_t got;

	if (!s->input) {
		got = stream_receive(s, scratch, sizeof(scratch));
		return got && s->state == STREAM_OPEN;
	}
	got = stream_receive(s, s->input + s->input_len, s->set.input_max_bytes - s->input_len);
	return got && hand_over(s, got);
}

static void read_some(struct stream *s)
{
	unsigned int i;

	for (i = 0; i < READS_PER_WAKEUP; i++)
		if (!read_once(s))
			return;
	if (has_more(s))
		event_active(s->read_event, EV_READ, 1);
}

/* Room again: first for what is encrypted already, then for the caller. False: may be gone. */
static bool write_some(struct stream *s)
{
	if (s->tls && stream_tls_resume(s) != STREAM_IO_DONE)
		return s->state == STREAM_OPEN;
	if (!s->caller_waits)
		return true;
	s->caller_waits = false;
	enter_callback(s);
	if (s->set.callbacks->writable)
		s->set.callbacks->writable(s->set.ctx);
	return leave_callback(s) && s->state == STREAM_OPEN;
}

static void hear_proxy(struct stream *s)
{
	if (stream_proxy_hear(s) == STREAM_IO_DONE)
		start_tls(s);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;

	switch (s->state) {
	case STREAM_PROXYING:
		hear_proxy(s);
		break;
	case STREAM_HANDSHAKING:
		shake_hands(s);
		break;
	case STREAM_OPEN:
		read_some(s);
		break;
	case STREAM_DIALING:
	case STREAM_ENDED:
		break;
	}
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;

	if (s->state == STREAM_HANDSHAKING)
		shake_hands(s);
	else if (s->state == STREAM_OPEN)
		write_some(s);
}

static void set_option(int fd, int level, int option, int value)
{
	/* What a kernel doesn't know, it does without. */
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

static void set_tcp_options(const struct stream *s)
{
	const struct stream_settings *set = s->set.settings;

	if (endpoint_is_unix(s->set.endpoint))
		return;
	set_option(s->fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(s->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(s->fd, IPPROTO_TCP, TCP_KEEPIDLE, set->keepalive_ns / NSEC_PER_SEC);
	set_option(s->fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
	set_option(s->fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
	set_option(s->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, set->timeout_ns / NSEC_PER_MSEC);
}

static bool add_events(struct stream *s)
{
	s->read_event = event_new(s->set.base, s->fd, EV_READ | EV_PERSIST, on_readable, s);
	s->write_event = event_new(s->set.base, s->fd, EV_WRITE, on_writable, s);
	return s->read_event && s->write_event && event_add(s->read_event, NULL) == 0;
}

static void on_dialed(void *ctx, int fd, const struct errmsg *em)
{
	struct stream *s = ctx;

	dialer_free(&s->dialer);
	if (fd < 0) {
		struct errmsg why = *em;

		if (s->proxy)
			errmsg_prefix(&why, "%s: proxy", endpoint_name(s->set.endpoint).text);
		stream_end(s, OUTPUT_LOST, &why);
		return;
	}
	s->fd = fd;
	set_tcp_options(s);
	if (!add_events(s)) {
		stream_end_errno(s, ENOMEM);
		return;
	}
	if (!s->proxy) {
		start_tls(s);
		return;
	}
	s->state = STREAM_PROXYING;
	set_deadline(s);
	stream_proxy_ask(s);
}

static int allocate(struct stream *s)
{
	s->deadline = evtimer_new(s->set.base, on_deadline, s);
	s->end = evtimer_new(s->set.base, on_end, s);
	if (s->set.callbacks->received && s->set.input_max_bytes)
		s->input = malloc(s->set.input_max_bytes);
	if (!s->deadline || !s->end ||
	    (s->set.input_max_bytes && s->set.callbacks->received && !s->input))
		return -ENOMEM;
	return stream_proxy_create(s->set.settings, &s->proxy);
}

int stream_open(const struct stream_options *options, struct stream **stream_r, struct errmsg *em)
{
	struct stream *s = calloc(1, sizeof(*s));
	int err = s ? 0 : -ENOMEM;

	*stream_r = NULL;
	errmsg_set(em, "no memory for a connection");
	if (err)
		return err;
	s->set = *options;
	s->fd = -1;
	err = allocate(s);
	if (!err)
		err = dialer_start(s->set.base, s->proxy ? &s->proxy->endpoint : s->set.endpoint,
				   s->set.settings->connect_timeout_ns, on_dialed, s, &s->dialer,
				   &s->why);
	if (err == -EAGAIN) { /* told like every other failure */
		stream_end(s, OUTPUT_LOST, &s->why);
		err = 0;
	}
	if (err)
		release(s);
	else
		*stream_r = s;
	return err;
}

void stream_free(struct stream **stream)
{
	struct stream *s = *stream;

	*stream = NULL;
	if (!s || s->is_freed)
		return;
	s->is_goodbye_due = s->state == STREAM_OPEN;
	if (s->in_callback) {
		s->is_freed = true;
		s->state = STREAM_ENDED;
		event_del(s->end);
		return;
	}
	release(s);
}

bool stream_is_open(const struct stream *stream)
{
	return stream->state == STREAM_OPEN;
}
