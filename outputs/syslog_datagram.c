/* outputs/syslog_datagram.c: syslog over UDP (RFC 5426) and Unix datagram sockets: one message per
 * datagram, many per system call. Of a UDP datagram nobody says that it arrived; that the port is
 * closed is said by ICMP, and what was sent within `grace` before that goes out again. */
#include "outputs/syslog_internal.h"

#include "outputs/resolver.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define DATAGRAMS_PER_CALL 64
/* The device's queue is full and nothing tells when it isn't. */
#define NO_BUFFERS_WAIT_US 5000
#define TICK_US		   10000

struct syslog_link {
	struct syslog_output *out;
	struct resolver *resolver;
	int fd;	       /* -1: not connected */
	uint64_t sent; /* bytes */
	ino_t inode;   /* of the Unix socket that it is connected to */
	struct event *readable, *writable, *tick, *deadline;
};

static void disconnect(struct syslog_link *link)
{
	resolver_free(&link->resolver);
	if (link->readable)
		event_free(link->readable);
	if (link->writable)
		event_free(link->writable);
	link->readable = link->writable = NULL;
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	evtimer_del(link->tick);
	evtimer_del(link->deadline);
	link->sent = 0;
}

static void end(struct syslog_link *link, const struct errmsg *em)
{
	disconnect(link);
	syslog_queue_settle_all(&link->out->queue, OUTPUT_LOST, em);
}

static void end_errno(struct syslog_link *link, int err)
{
	struct errmsg em;

	errmsg_set(&em, "%s: %s", endpoint_name(&link->out->endpoint).text, strerror(err));
	end(link, &em);
}

static void arm_tick(struct syslog_link *link, unsigned int us)
{
	struct timeval tv = { 0, us };

	if (!evtimer_pending(link->tick, NULL))
		evtimer_add(link->tick, &tv);
}

static size_t fill(struct syslog_slot *slot, struct mmsghdr messages[DATAGRAMS_PER_CALL])
{
	size_t i, left = (syslog_slot_pieces(slot) - slot->written) / 2;
	size_t n = left < DATAGRAMS_PER_CALL ? left : DATAGRAMS_PER_CALL;

	memset(messages, 0, n * sizeof(*messages));
	for (i = 0; i < n; i++) {
		messages[i].msg_hdr.msg_iov = slot->pieces + slot->written + 2 * i;
		messages[i].msg_hdr.msg_iovlen = 2;
	}
	return n;
}

static void refuse_first(struct syslog_slot *slot)
{
	batch_refuse(slot->batch, slot->events[slot->written / 2],
		     STR("longer than a datagram can be on this path"));
	slot->written += 2;
}

/* What is to be done about the datagram that could not be sent. False: it can't go on now. */
static bool handle_failure(struct syslog_link *link, struct syslog_slot *slot, int err)
{
	switch (err) {
	case EMSGSIZE:
		refuse_first(slot);
		return true;
	case EINTR:
		return true;
	case EAGAIN:
		event_add(link->writable, NULL);
		return false;
	case ENOBUFS:
		arm_tick(link, NO_BUFFERS_WAIT_US);
		return false;
	default:
		end_errno(link, err);
		return false;
	}
}

static bool send_some(struct syslog_link *link, struct syslog_slot *slot)
{
	struct mmsghdr messages[DATAGRAMS_PER_CALL];
	size_t n = fill(slot, messages);
	int i, sent = sendmmsg(link->fd, messages, n, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0)
		return handle_failure(link, slot, errno);
	for (i = 0; i < sent; i++)
		link->sent += messages[i].msg_len;
	slot->written += 2 * (size_t)sent;
	slot->end = link->sent;
	return true;
}

static void write_queue(struct syslog_link *link)
{
	struct syslog_slot *slot;

	while (link->fd >= 0 && (slot = syslog_queue_writing(&link->out->queue)))
		if (!send_some(link, slot))
			break;
	if (link->out->queue.count)
		arm_tick(link, TICK_US);
}

/* The queue of a Unix peer that ends is emptied as if it had read it all. By then its path is gone,
 * or leads to nobody, or to another socket. */
static bool is_unix_peer_there(const struct syslog_link *link)
{
	const struct endpoint *endpoint = &link->out->endpoint;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;
	bool is_there;

	memcpy(addr.sun_path, endpoint->path, sizeof(addr.sun_path));
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return true; /* not known */
	is_there = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
		   stat(endpoint->path, &st) == 0 && st.st_ino == link->inode;
	close(fd);
	return is_there;
}

static void look_after_unix(struct syslog_link *link, uint64_t now)
{
	struct syslog_output *out = link->out;
	uint64_t acked = link->sent;
	int queued = 0;

	/* Overhead counts too: it errs to the safe side. */
	if (ioctl(link->fd, TIOCOUTQ, &queued) == 0)
		acked = acked > (uint64_t)queued ? acked - queued : 0;
	if (is_unix_peer_there(link)) /* asked after the queue was looked at, not before */
		syslog_queue_arrived(&out->queue, acked, now, out->settings->grace_ns);
	else
		end_errno(link, ECONNREFUSED);
}

/* Of UDP all that is sent counts, once it has lasted for the grace. */
static void look_after_arrivals(struct syslog_link *link)
{
	struct syslog_output *out = link->out;
	uint64_t now = clock_boot_ns(&out->clock);

	if (endpoint_is_unix(&out->endpoint))
		look_after_unix(link, now);
	else
		syslog_queue_arrived(&out->queue, link->sent, now, out->settings->grace_ns);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct syslog_link *link = arg;
	struct syslog_output *out = link->out;

	look_after_arrivals(link);
	if (out->queue.count)
		write_queue(link);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	write_queue(arg);
}

/* Nothing is expected but an error. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	char scratch[2048];
	ssize_t n = recv(fd, scratch, sizeof(scratch), MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		end_errno(arg, errno);
}

/* errno of the attempt; 0: connected. */
static int connect_to(struct syslog_link *link, const struct sockaddr *addr, socklen_t len)
{
	int fd = socket(addr->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	if (connect(fd, addr, len) != 0) {
		int err = errno;

		close(fd);
		return err;
	}
	link->fd = fd;
	link->readable = event_new(link->out->loop, fd, EV_READ | EV_PERSIST, on_readable, link);
	link->writable = event_new(link->out->loop, fd, EV_WRITE, on_writable, link);
	if (!link->readable || !link->writable || event_add(link->readable, NULL) != 0)
		return ENOMEM;
	return 0;
}

static void on_resolved(void *ctx, const struct resolver_answer *answer, const struct errmsg *em)
{
	struct syslog_link *link = ctx;
	int err = EHOSTUNREACH;
	size_t i;

	evtimer_del(link->deadline);
	if (!answer) {
		end(link, em);
		return;
	}
	/* The first that there is a route to. */
	for (i = 0; link->fd < 0 && i < answer->n; i++)
		err = connect_to(link, (const struct sockaddr *)&answer->v[i].addr,
				 answer->v[i].len);
	if (err) {
		end_errno(link, err);
		return;
	}
	resolver_free(&link->resolver);
	write_queue(link);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct syslog_link *link = arg;
	struct errmsg em;

	errmsg_set(&em, "can't look up %s: no answer in time", link->out->endpoint.host);
	end(link, &em);
}

static int look_up(struct syslog_link *link, struct errmsg *em)
{
	struct syslog_output *out = link->out;
	uint64_t ns = out->settings->stream.connect_timeout_ns;
	struct timeval tv = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / 1000 };

	if (link->resolver)
		return 0;
	evtimer_add(link->deadline, &tv);
	return resolver_start(out->loop, out->endpoint.host, out->endpoint.port, SOCK_DGRAM,
			      on_resolved, link, &link->resolver, em);
}

static int connect_unix(struct syslog_link *link, struct errmsg *em)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st = { 0 };
	int err;

	/* Before: a socket that is put in its place meanwhile is then taken for another one. */
	memcpy(addr.sun_path, link->out->endpoint.path, sizeof(addr.sun_path));
	if (stat(addr.sun_path, &st) == 0)
		link->inode = st.st_ino;
	err = connect_to(link, (struct sockaddr *)&addr, sizeof(addr));
	if (err)
		errmsg_set(em, "can't connect to %s: %s", endpoint_name(&link->out->endpoint).text,
			   strerror(err));
	return -err;
}

static int link_push(struct syslog_link *link, struct errmsg *em)
{
	int err = 0;

	if (link->fd < 0 && !endpoint_is_unix(&link->out->endpoint))
		return look_up(link, em);
	if (link->fd < 0)
		err = connect_unix(link, em);
	if (!err)
		write_queue(link);
	return err;
}

static void link_free(struct syslog_link **link)
{
	struct syslog_link *l = *link;

	*link = NULL;
	if (l->tick && l->deadline)
		disconnect(l);
	if (l->tick)
		event_free(l->tick);
	if (l->deadline)
		event_free(l->deadline);
	free(l);
}

static struct syslog_link *link_create(struct syslog_output *out)
{
	struct syslog_link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->out = out;
	link->fd = -1;
	link->tick = evtimer_new(out->loop, on_tick, link);
	link->deadline = evtimer_new(out->loop, on_deadline, link);
	if (!link->tick || !link->deadline)
		link_free(&link);
	return link;
}

const struct syslog_link_type syslog_datagram_link = {
	.create = link_create,
	.push = link_push,
	.free = link_free,
};
