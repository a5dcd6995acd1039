/* outputs/fluentd_heartbeat.c: asks a server at intervals, beside its connection, whether it is
 * alive: with a connection of its own that is closed at once, or with the UDP datagram of Fluentd's
 * heartbeat (one byte 0, answered with one). No answer for heartbeat_timeout: it is down. */
#include "outputs/fluentd_internal.h"

#include "outputs/dialer.h"
#include "outputs/resolver.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

struct fluentd_heartbeat {
	struct fluentd_server *server;
	struct event *timer;
	uint64_t heard_ns;
	struct dialer *dialer;	   /* TCP: one that is under way */
	struct resolver *resolver; /* UDP: the same */
	int fd;			   /* UDP: connected to the server; -1: not */
	struct event *readable;
};

static const struct fluentd_settings *settings_of(const struct fluentd_heartbeat *hb)
{
	return hb->server->out->settings;
}

void fluentd_heartbeat_reset(struct fluentd_heartbeat *hb)
{
	hb->heard_ns = clock_boot_ns(&hb->server->out->clock);
}

/* --- TCP --- */

static void on_dialed(void *ctx, int fd, const struct errmsg *em)
{
	struct fluentd_heartbeat *hb = ctx;

	dialer_free(&hb->dialer);
	if (fd < 0)
		return;
	close(fd);
	fluentd_heartbeat_reset(hb);
}

static void ask_tcp(struct fluentd_heartbeat *hb)
{
	struct errmsg em;

	/* What can't be asked is not heard either. */
	if (!hb->dialer && dialer_start(hb->server->out->loop, &hb->server->set.endpoint,
					settings_of(hb)->heartbeat_timeout_ns, on_dialed, hb,
					&hb->dialer, &em) != 0)
		hb->dialer = NULL;
}

/* --- UDP --- */

static void close_socket(struct fluentd_heartbeat *hb)
{
	if (hb->readable)
		event_free(hb->readable);
	hb->readable = NULL;
	if (hb->fd >= 0)
		close(hb->fd);
	hb->fd = -1;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct fluentd_heartbeat *hb = arg;
	char answer[16];

	if (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		fluentd_heartbeat_reset(hb);
	else if (errno != EAGAIN && errno != EINTR)
		close_socket(hb); /* nobody there: looked up and tried anew */
}

static void send_byte(struct fluentd_heartbeat *hb)
{
	static const char zero[1];

	if (send(hb->fd, zero, sizeof(zero), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
		close_socket(hb);
}

static void on_resolved(void *ctx, const struct resolver_answer *answer, const struct errmsg *em)
{
	struct fluentd_heartbeat *hb = ctx;
	const struct sockaddr *address;

	if (answer) {
		address = (const struct sockaddr *)&answer->v[0].addr;
		hb->fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (hb->fd >= 0)
			hb->readable = event_new(hb->server->out->loop, hb->fd,
						 EV_READ | EV_PERSIST, on_readable, hb);
		if (!hb->readable || event_add(hb->readable, NULL) != 0 ||
		    connect(hb->fd, address, answer->v[0].len) != 0)
			close_socket(hb);
		else
			send_byte(hb);
	}
	resolver_free(&hb->resolver);
}

static void ask_udp(struct fluentd_heartbeat *hb)
{
	const struct endpoint *endpoint = &hb->server->set.endpoint;
	struct errmsg em;

	if (hb->fd >= 0)
		send_byte(hb);
	else if (!hb->resolver &&
		 resolver_start(hb->server->out->loop, endpoint->host, endpoint->port, SOCK_DGRAM,
				on_resolved, hb, &hb->resolver, &em) != 0)
		hb->resolver = NULL;
}

/* --- both --- */

static bool is_overdue(const struct fluentd_heartbeat *hb)
{
	return clock_boot_ns(&hb->server->out->clock) - hb->heard_ns >=
	       settings_of(hb)->heartbeat_timeout_ns;
}

static void arm(struct fluentd_heartbeat *hb)
{
	uint64_t ns = settings_of(hb)->heartbeat_interval_ns;
	struct timeval tv = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / 1000 };

	evtimer_add(hb->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct fluentd_heartbeat *hb = arg;
	struct fluentd_server *server = hb->server;
	bool is_tcp = settings_of(hb)->heartbeat == FLUENTD_HEARTBEAT_TCP;
	struct errmsg em;

	if (is_tcp)
		ask_tcp(hb);
	else
		ask_udp(hb);
	arm(hb);
	if (!is_overdue(hb) || !server->connection)
		return;
	errmsg_set(&em, "%s: no answer to %s heartbeats for %g s%s", server->name.text,
		   is_tcp ? "tcp" : "udp",
		   (double)settings_of(hb)->heartbeat_timeout_ns / NSEC_PER_SEC,
		   is_tcp ? ""
			  : " (does the server answer them? Fluentd does; else heartbeat: tcp)");
	fluentd_server_fail(server, OUTPUT_LOST, &em);
}

int fluentd_heartbeat_create(struct fluentd_server *server, struct fluentd_heartbeat **heartbeat_r)
{
	struct fluentd_heartbeat *hb;

	*heartbeat_r = NULL;
	if (server->out->settings->heartbeat == FLUENTD_HEARTBEAT_NONE)
		return 0;
	hb = calloc(1, sizeof(*hb));
	if (!hb)
		return -ENOMEM;
	hb->server = server;
	hb->fd = -1;
	hb->timer = evtimer_new(server->out->loop, on_timer, hb);
	if (!hb->timer) {
		free(hb);
		return -ENOMEM;
	}
	fluentd_heartbeat_reset(hb);
	arm(hb);
	*heartbeat_r = hb;
	return 0;
}

void fluentd_heartbeat_free(struct fluentd_heartbeat **heartbeat)
{
	struct fluentd_heartbeat *hb = *heartbeat;

	*heartbeat = NULL;
	if (!hb)
		return;
	dialer_free(&hb->dialer);
	resolver_free(&hb->resolver);
	close_socket(hb);
	event_free(hb->timer);
	free(hb);
}
