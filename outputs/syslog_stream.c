/* outputs/syslog_stream.c: syslog over TCP, TLS and Unix stream sockets. There is no answer from
 * the receiver: a batch counts as delivered when the peer's kernel has acknowledged it (a Unix
 * peer: when it has read it) and the connection has outlived that by `grace`. What the connection
 * had not brought that far when it ended goes out again. */
#include "outputs/syslog_internal.h"

#include <event2/event.h>
#include <stdlib.h>

/* How often is looked after what has arrived, while something is on its way. */
#define TICK_MIN_NS (2 * NSEC_PER_MSEC)
#define TICK_MAX_NS (25 * NSEC_PER_MSEC)

struct syslog_link {
	struct syslog_output *out;
	struct stream *stream; /* NULL: not connected, nothing on its way */
	struct event *tick;
};

static void arm_tick(struct syslog_link *link)
{
	uint64_t ns = link->out->settings->grace_ns / 2;
	struct timeval tv;

	ns = ns < TICK_MIN_NS ? TICK_MIN_NS : ns > TICK_MAX_NS ? TICK_MAX_NS : ns;
	tv = (struct timeval){ 0, ns / 1000 };
	if (!evtimer_pending(link->tick, NULL))
		evtimer_add(link->tick, &tv);
}

static void look_after_arrivals(struct syslog_link *link)
{
	struct syslog_output *out = link->out;

	if (link->stream && stream_is_open(link->stream))
		syslog_queue_arrived(&out->queue, stream_acked(link->stream),
				     clock_boot_ns(&out->clock), out->settings->grace_ns);
	if (out->queue.count)
		arm_tick(link);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	look_after_arrivals(arg);
}

static void write_queue(struct syslog_link *link)
{
	struct syslog_slot *slot;

	while ((slot = syslog_queue_writing(&link->out->queue))) {
		struct iovec *pieces = slot->pieces + slot->written;
		size_t n = syslog_slot_pieces(slot) - slot->written;

		slot->written += stream_skip(pieces, n, stream_write(link->stream, pieces, n));
		if (!syslog_slot_is_written(slot))
			return;
		slot->end = stream_written(link->stream);
	}
}

static void on_room(void *ctx)
{
	write_queue(ctx);
	look_after_arrivals(ctx);
}

static void on_ended(void *ctx, enum output_verdict verdict, const struct errmsg *em)
{
	struct syslog_link *link = ctx;

	stream_free(&link->stream);
	evtimer_del(link->tick);
	/* While nothing is on its way there is nothing to tell: the next batch connects again. */
	syslog_queue_settle_all(&link->out->queue, verdict, em);
}

static const struct stream_callbacks callbacks = {
	.opened = on_room,
	.writable = on_room,
	.ended = on_ended,
};

static struct syslog_link *link_create(struct syslog_output *out)
{
	struct syslog_link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->out = out;
	link->tick = evtimer_new(out->loop, on_tick, link);
	if (!link->tick) {
		free(link);
		return NULL;
	}
	return link;
}

static int link_push(struct syslog_link *link, struct errmsg *em)
{
	struct syslog_output *out = link->out;
	struct stream_options options = {
		.base = out->loop,
		.endpoint = &out->endpoint,
		.settings = &out->settings->stream,
		.tls = out->tls,
		.callbacks = &callbacks,
		.ctx = link,
	};

	if (!link->stream)
		return stream_open(&options, &link->stream, em);
	if (stream_is_open(link->stream)) {
		write_queue(link);
		arm_tick(link);
	}
	return 0;
}

static void link_free(struct syslog_link **link)
{
	stream_free(&(*link)->stream);
	event_free((*link)->tick);
	free(*link);
	*link = NULL;
}

const struct syslog_link_type syslog_stream_link = {
	.create = link_create,
	.push = link_push,
	.free = link_free,
};
