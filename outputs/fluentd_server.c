/* outputs/fluentd_server.c: one server of a Fluentd destination. Several requests are on their way
 * on its connection; the server confirms their chunks by id, in any order. What it has not
 * confirmed when the connection ends goes out again, to it or to another server, with the same ids.
 */
#include "outputs/fluentd_internal.h"

#include <event2/event.h>

#define HELD_RETRY_NS (60 * NSEC_PER_SEC)
/* How often is looked after what has arrived, when nothing is confirmed. */
#define TICK_MIN_NS (2 * NSEC_PER_MSEC)
#define TICK_MAX_NS (25 * NSEC_PER_MSEC)

static uint64_t now_of(const struct fluentd_server *server)
{
	return clock_boot_ns(&server->out->clock);
}

/* A timer that runs already ends no later than what would be asked for now. */
static void arm(struct fluentd_server *server, uint64_t ns)
{
	struct timeval tv = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / 1000 };

	if (!evtimer_pending(server->timer, NULL))
		evtimer_add(server->timer, &tv);
}

/* By when the oldest request must be confirmed, or bytes of it be taken. */
static uint64_t due_ns(const struct fluentd_server *server)
{
	const struct fluentd_request *oldest = TAILQ_FIRST(&server->requests);

	if (!oldest)
		return UINT64_MAX;
	return (oldest->written_ns ?: server->progress_ns) + server->out->settings->ack_timeout_ns;
}

static void arm_for_answers(struct fluentd_server *server)
{
	uint64_t now = now_of(server), due = due_ns(server);
	uint64_t tick = server->out->settings->grace_ns / 2;

	if (due == UINT64_MAX)
		return;
	if (server->out->settings->acknowledge)
		arm(server, due > now ? due - now : 0);
	else
		arm(server, tick < TICK_MIN_NS	 ? TICK_MIN_NS
			    : tick > TICK_MAX_NS ? TICK_MAX_NS
						 : tick);
}

/* --- writing --- */

/* What goes now of one request. */
static void write_request(struct fluentd_server *server, struct fluentd_request *r)
{
	struct iovec *first = &r->pieces[r->piece_at], whole = *first;
	size_t taken;

	first->iov_base = (char *)whole.iov_base + r->piece_offset;
	first->iov_len = whole.iov_len - r->piece_offset;
	taken = fluentd_connection_write(server->connection, first, r->piece_count - r->piece_at);
	*first = whole;
	if (taken)
		server->progress_ns = now_of(server);
	fluentd_request_advance(r, taken);
}

static void write_requests(struct fluentd_server *server)
{
	struct fluentd_request *r;

	while ((r = server->writing)) {
		write_request(server, r);
		if (!fluentd_request_is_written(r))
			break;
		r->end = fluentd_connection_written(server->connection);
		r->written_ns = now_of(server);
		server->writing = TAILQ_NEXT(r, entry);
	}
	arm_for_answers(server);
}

bool fluentd_server_can_take(const struct fluentd_server *server)
{
	return server->state == FLUENTD_READY &&
	       (server->taken == 0 || fluentd_connection_keeps_alive(server->connection));
}

void fluentd_server_take(struct fluentd_server *server, struct fluentd_request *request)
{
	if (TAILQ_EMPTY(&server->requests))
		server->progress_ns = now_of(server);
	TAILQ_INSERT_TAIL(&server->requests, request, entry);
	server->taken++;
	if (!server->writing) {
		server->writing = request;
		write_requests(server);
	}
}

/* --- the connection's end --- */

static void disconnect(struct fluentd_server *server, enum fluentd_server_state state)
{
	fluentd_connection_free(&server->connection);
	evtimer_del(server->timer);
	server->state = state;
	server->writing = NULL;
}

static void log_failure(struct fluentd_server *server)
{
	uint64_t suppressed;

	/* Of a single one, delivery tells. */
	if (server->out->server_count == 1 ||
	    !log_limit_pass(&server->log, now_of(server), &suppressed))
		return;
	log_warn("output %s: server is down: %s (%llu more like this)",
		 server->out->settings->common.name, server->why.text,
		 (unsigned long long)suppressed);
	server->is_told_down = true;
}

/* A server that never takes what it is sent, and can't say so. */
static void add_hint(const struct fluentd_server *server, struct errmsg *em)
{
	const struct fluentd_request *oldest = TAILQ_FIRST(&server->requests);

	if (oldest && oldest->written_ns && batch_attempts(oldest->batch) > 2)
		errmsg_prefix(em, "the same chunk failed more than twice: if it is larger than the "
				  "server takes, make batch.max_bytes smaller");
}

void fluentd_server_fail(struct fluentd_server *server, enum output_verdict verdict,
			 const struct errmsg *em)
{
	struct fluentd_request *r;

	server->verdict = verdict;
	server->why = *em;
	add_hint(server, &server->why);
	disconnect(server, FLUENTD_DOWN);
	server->was_down = true;
	log_failure(server);
	while ((r = TAILQ_FIRST(&server->requests))) {
		TAILQ_REMOVE(&server->requests, r, entry);
		fluentd_give_back(server->out, r);
	}
	arm(server, verdict == OUTPUT_HELD ? HELD_RETRY_NS : backoff_next(&server->backoff));
	fluentd_dispatch(server->out);
}

static void on_ended(void *ctx, enum output_verdict verdict, const struct errmsg *em)
{
	struct fluentd_server *server = ctx;

	/* It has closed a connection that was of use and rests: the next batch makes a new one. */
	if (server->has_delivered && TAILQ_EMPTY(&server->requests)) {
		disconnect(server, FLUENTD_IDLE);
		fluentd_dispatch(server->out);
		return;
	}
	fluentd_server_fail(server, verdict, em);
}

/* --- confirmations --- */

static void delivered(struct fluentd_server *server, struct fluentd_request *r)
{
	TAILQ_REMOVE(&server->requests, r, entry);
	server->has_delivered = true;
	backoff_reset(&server->backoff);
	fluentd_finish(server->out, r);
	/* Not from the connection's own callback. */
	if (TAILQ_EMPTY(&server->requests) && !fluentd_connection_keeps_alive(server->connection))
		event_active(server->timer, EV_TIMEOUT, 1);
}

static bool on_acked(void *ctx, struct str id)
{
	struct fluentd_server *server = ctx;
	struct fluentd_request *r;

	if (!server->out->settings->acknowledge)
		return true; /* nobody asked */
	TAILQ_FOREACH(r, &server->requests, entry)
	{
		if (!fluentd_request_acknowledge(r, id))
			continue;
		if (fluentd_request_is_acked(r))
			delivered(server, r);
		return true;
	}
	return false;
}

/* Without confirmations: what the server's kernel has had for a grace. */
static void look_after_arrivals(struct fluentd_server *server)
{
	uint64_t arrived = fluentd_connection_arrived(server->connection), now = now_of(server);
	uint64_t grace = server->out->settings->grace_ns;
	struct fluentd_request *r, *next;

	for (r = TAILQ_FIRST(&server->requests); r; r = next) {
		next = TAILQ_NEXT(r, entry);
		if (!r->written_ns || r->end > arrived)
			return;
		if (!r->arrived_ns)
			r->arrived_ns = now;
		if (now - r->arrived_ns >= grace)
			delivered(server, r);
	}
}

static void check_answers(struct fluentd_server *server)
{
	const struct fluentd_settings *set = server->out->settings;
	struct errmsg em;

	if (server->taken && TAILQ_EMPTY(&server->requests) &&
	    !fluentd_connection_keeps_alive(server->connection)) {
		disconnect(server, FLUENTD_IDLE);
		fluentd_dispatch(server->out);
		return;
	}
	if (!set->acknowledge)
		look_after_arrivals(server);
	if (now_of(server) >= due_ns(server)) {
		errmsg_set(&em, "%s: %s for %g s", server->name.text,
			   set->acknowledge ? "a chunk was not acknowledged" : "nothing was taken",
			   (double)set->ack_timeout_ns / NSEC_PER_SEC);
		fluentd_server_fail(server, OUTPUT_LOST, &em);
		return;
	}
	arm_for_answers(server);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct fluentd_server *server = arg;

	switch (server->state) {
	case FLUENTD_READY:
		check_answers(server);
		break;
	case FLUENTD_DOWN:
		fluentd_server_connect(server);
		break;
	case FLUENTD_IDLE:
	case FLUENTD_CONNECTING:
		break;
	}
}

/* --- life --- */

static void on_ready(void *ctx)
{
	struct fluentd_server *server = ctx;

	server->state = FLUENTD_READY;
	if (server->is_told_down)
		log_info("output %s: server %s is up again", server->out->settings->common.name,
			 server->name.text);
	server->was_down = server->is_told_down = false;
	fluentd_dispatch(server->out);
}

static void on_writable(void *ctx)
{
	write_requests(ctx);
}

static const struct fluentd_connection_callbacks callbacks = {
	.ready = on_ready,
	.writable = on_writable,
	.acked = on_acked,
	.ended = on_ended,
};

void fluentd_server_connect(struct fluentd_server *server)
{
	struct fluentd_output *out = server->out;
	const struct fluentd_connection_options options = {
		.base = out->loop,
		.endpoint = &server->set.endpoint,
		.settings = &out->settings->stream,
		.tls = out->tls,
		.identity = &out->identity,
		.callbacks = &callbacks,
		.ctx = server,
	};
	struct errmsg em;

	server->state = FLUENTD_CONNECTING;
	server->taken = 0;
	server->has_delivered = false;
	evtimer_del(server->timer);
	if (server->heartbeat)
		fluentd_heartbeat_reset(server->heartbeat);
	if (fluentd_connection_open(&options, &server->connection, &em) != 0)
		fluentd_server_fail(server, OUTPUT_LOST, &em);
}

int fluentd_server_init(struct fluentd_server *server, struct fluentd_output *out, const char *text,
			struct errmsg *em)
{
	const struct output_settings *common = &out->settings->common;
	int err;

	server->out = out;
	TAILQ_INIT(&server->requests);
	err = fluentd_parse_server(text, &server->set, em);
	if (err)
		return err;
	server->name = endpoint_name(&server->set.endpoint);
	backoff_init(&server->backoff, common->retry.initial_ns, common->retry.max_ns, NULL, NULL);
	server->timer = evtimer_new(out->loop, on_timer, server);
	if (!server->timer)
		return -ENOMEM;
	return fluentd_heartbeat_create(server, &server->heartbeat);
}

void fluentd_server_close(struct fluentd_server *server)
{
	struct fluentd_request *r;

	fluentd_heartbeat_free(&server->heartbeat);
	fluentd_connection_free(&server->connection);
	if (server->timer)
		event_free(server->timer);
	while ((r = TAILQ_FIRST(&server->requests))) {
		TAILQ_REMOVE(&server->requests, r, entry);
		fluentd_request_free(&r);
	}
}
