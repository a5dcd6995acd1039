#include "outputs/dialer.h"

#include "base/clock.h"
#include "outputs/resolver.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* RFC 8305, section 5: how long an address has for itself before the next one joins. */
#define STAGGER_NS (250 * NSEC_PER_MSEC)

struct attempt {
	struct dialer *dialer;
	int fd; /* -1: over, or not begun */
	struct event *event;
};

struct dialer {
	struct event_base *base;
	const struct endpoint *endpoint;
	uint64_t timeout_ns;
	dialer_fn done;
	void *ctx;
	struct resolver *resolver;
	struct event *deadline, *stagger;
	struct resolver_answer addresses;
	struct attempt attempts[RESOLVER_MAX_ADDRESSES];
	size_t begun, running;
	struct buf causes; /* "ADDRESS: why", one behind the other */
	char causes_mem[320];
};

static struct timeval to_timeval(uint64_t ns)
{
	return (struct timeval){ ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / 1000 };
}

static void end_attempt(struct attempt *attempt)
{
	if (attempt->event)
		event_free(attempt->event);
	attempt->event = NULL;
	if (attempt->fd >= 0)
		close(attempt->fd);
	attempt->fd = -1;
}

/* Everything that could still call back is off before the callee hears. */
static void stop(struct dialer *dialer)
{
	size_t i;

	resolver_free(&dialer->resolver);
	event_del(dialer->deadline);
	event_del(dialer->stagger);
	for (i = 0; i < dialer->begun; i++)
		end_attempt(&dialer->attempts[i]);
	dialer->running = 0;
}

static void succeed(struct dialer *dialer, int fd)
{
	stop(dialer);
	dialer->done(dialer->ctx, fd, NULL);
}

static void fail(struct dialer *dialer, const struct errmsg *why)
{
	struct errmsg em = { "" };

	stop(dialer);
	if (why)
		em = *why;
	else
		errmsg_set(&em, "can't connect to %s: %.*s", endpoint_name(dialer->endpoint).text,
			   STR_FMT(buf_str(&dialer->causes)));
	dialer->done(dialer->ctx, -1, &em);
}

/* With one literal address, the endpoint's name says which it was. */
static void note_cause(struct dialer *dialer, size_t i, const char *why)
{
	if (dialer->causes.len)
		buf_lit(&dialer->causes, "; ");
	if (!dialer->endpoint->is_literal && !endpoint_is_unix(dialer->endpoint))
		buf_printf(&dialer->causes,
			   "%s: ", resolver_address_text(&dialer->addresses.v[i]).text);
	buf_puts(&dialer->causes, str_of(why));
}

static void begin_next(struct dialer *dialer);

static void attempt_failed(struct dialer *dialer, struct attempt *attempt, int err)
{
	note_cause(dialer, attempt - dialer->attempts, strerror(err));
	end_attempt(attempt);
	dialer->running--;
	if (dialer->begun < dialer->addresses.n)
		begin_next(dialer);
	else if (dialer->running == 0)
		fail(dialer, NULL);
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct attempt *attempt = arg;
	struct dialer *dialer = attempt->dialer;
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
		err = errno;
	if (err) {
		attempt_failed(dialer, attempt, err);
		return;
	}
	attempt->fd = -1; /* the callee's */
	succeed(dialer, fd);
}

/* 0 when the connection is on its way; its result is heard from the loop, also when there is one
 * at once. */
static int begin(struct dialer *dialer, struct attempt *attempt,
		 const struct resolver_address *address)
{
	int fd = socket(address->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	attempt->fd = fd;
	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)&address->addr, address->len) != 0 &&
	    errno != EINPROGRESS)
		return errno;
	attempt->event = event_new(dialer->base, fd, EV_WRITE, on_connected, attempt);
	return attempt->event && event_add(attempt->event, NULL) == 0 ? 0 : ENOMEM;
}

static void begin_next(struct dialer *dialer)
{
	struct timeval stagger = to_timeval(STAGGER_NS);
	struct attempt *attempt = &dialer->attempts[dialer->begun];
	int err;

	*attempt = (struct attempt){ .dialer = dialer, .fd = -1 };
	err = begin(dialer, attempt, &dialer->addresses.v[dialer->begun++]);
	dialer->running++;
	if (dialer->begun < dialer->addresses.n)
		evtimer_add(dialer->stagger, &stagger);
	else
		event_del(dialer->stagger);
	if (err)
		attempt_failed(dialer, attempt, err);
}

static void on_stagger(evutil_socket_t fd, short what, void *arg)
{
	begin_next(arg);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct dialer *dialer = arg;
	struct errmsg em;
	size_t i;

	if (dialer->addresses.n == 0) {
		errmsg_set(&em, "can't look up %s: no answer in time", dialer->endpoint->host);
		fail(dialer, &em);
		return;
	}
	for (i = 0; i < dialer->begun; i++)
		if (dialer->attempts[i].fd >= 0)
			note_cause(dialer, i, "no answer in time");
	fail(dialer, NULL);
}

static void on_resolved(void *ctx, const struct resolver_answer *answer, const struct errmsg *em)
{
	struct dialer *dialer = ctx;
	struct timeval deadline = to_timeval(dialer->timeout_ns);

	if (!answer || answer->n == 0) {
		fail(dialer, em);
		return;
	}
	dialer->addresses = *answer;
	evtimer_add(dialer->deadline, &deadline);
	begin_next(dialer);
}

/* Its answer too comes from the loop. */
static void on_unix(evutil_socket_t fd, short what, void *arg)
{
	begin_next(arg);
}

static int start_unix(struct dialer *dialer)
{
	struct resolver_address *address = &dialer->addresses.v[0];
	struct sockaddr_un *addr = (struct sockaddr_un *)&address->addr;
	struct timeval at_once = { 0, 0 };

	addr->sun_family = AF_UNIX;
	memcpy(addr->sun_path, dialer->endpoint->path, sizeof(addr->sun_path));
	address->len = sizeof(*addr);
	dialer->addresses.n = 1;
	event_free(dialer->stagger);
	dialer->stagger = evtimer_new(dialer->base, on_unix, dialer);
	return dialer->stagger && evtimer_add(dialer->stagger, &at_once) == 0 ? 0 : -ENOMEM;
}

static int start(struct dialer *dialer, struct errmsg *em)
{
	const struct endpoint *endpoint = dialer->endpoint;
	struct timeval deadline = to_timeval(dialer->timeout_ns);

	errmsg_set(em, "no memory");
	dialer->deadline = evtimer_new(dialer->base, on_deadline, dialer);
	dialer->stagger = evtimer_new(dialer->base, on_stagger, dialer);
	if (!dialer->deadline || !dialer->stagger || evtimer_add(dialer->deadline, &deadline) != 0)
		return -ENOMEM;
	if (endpoint_is_unix(endpoint))
		return start_unix(dialer);
	return resolver_start(dialer->base, endpoint->host, endpoint->port, SOCK_STREAM,
			      on_resolved, dialer, &dialer->resolver, em);
}

int dialer_start(struct event_base *base, const struct endpoint *endpoint, uint64_t timeout_ns,
		 dialer_fn done, void *ctx, struct dialer **dialer_r, struct errmsg *em)
{
	struct dialer *dialer = calloc(1, sizeof(*dialer));
	int err;

	*dialer_r = NULL;
	if (!dialer) {
		errmsg_set(em, "no memory");
		return -ENOMEM;
	}
	dialer->base = base;
	dialer->endpoint = endpoint;
	dialer->timeout_ns = timeout_ns;
	dialer->done = done;
	dialer->ctx = ctx;
	dialer->causes = buf_fixed(dialer->causes_mem, sizeof(dialer->causes_mem));
	err = start(dialer, em);
	if (err)
		dialer_free(&dialer);
	*dialer_r = dialer;
	return err;
}

void dialer_free(struct dialer **dialer)
{
	struct dialer *d = *dialer;

	*dialer = NULL;
	if (!d)
		return;
	if (d->deadline && d->stagger)
		stop(d);
	if (d->deadline)
		event_free(d->deadline);
	if (d->stagger)
		event_free(d->stagger);
	free(d);
}
