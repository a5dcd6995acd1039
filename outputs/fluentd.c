/* Fluentd, Fluent Bit and whatever else takes the Forward protocol v1: batches as PackedForward or
 * CompressedPackedForward, each chunk confirmed by the server before it counts as delivered; over
 * TCP, TLS or a Unix socket, to several servers by weight, with others standing by. Its manual is
 * docs/outputs/fluentd.md. */
#include "base/node.h"
#include "outputs/fluentd_internal.h"

#include <errno.h>
#include <stdlib.h>

/* --- which server --- */

static bool is_alive(const struct fluentd_server *server)
{
	return server->state == FLUENTD_READY || server->state == FLUENTD_CONNECTING;
}

/* Those that stand by are wanted, in their order, for as much weight as others are down. */
static bool is_wanted(const struct fluentd_output *out, const struct fluentd_server *server)
{
	const struct fluentd_server *s, *end = out->servers + out->server_count;
	int64_t lost = 0;

	if (!server->set.is_standby)
		return true;
	for (s = out->servers; s < end; s++)
		if (!s->set.is_standby && s->was_down)
			lost += s->set.weight;
	for (s = out->servers; s < server; s++)
		if (s->set.is_standby && s->state != FLUENTD_DOWN)
			lost -= s->set.weight;
	return lost > 0;
}

/* Round robin by weight, spread evenly: each gains its weight, the one that has most pays the sum
 * of all. */
static struct fluentd_server *choose(struct fluentd_output *out)
{
	struct fluentd_server *best = NULL;
	int64_t sum = 0;
	size_t i;

	for (i = 0; i < out->server_count; i++) {
		struct fluentd_server *server = &out->servers[i];

		if (!fluentd_server_can_take(server) || !is_wanted(out, server))
			continue;
		server->credit += server->set.weight;
		sum += server->set.weight;
		if (!best || server->credit > best->credit)
			best = server;
	}
	if (best)
		best->credit -= sum;
	return best;
}

/* One that fails at once makes another one wanted, and comes back here by itself. */
static void connect_wanted(struct fluentd_output *out)
{
	size_t i;

	for (i = 0; i < out->server_count; i++)
		if (out->servers[i].state == FLUENTD_IDLE && is_wanted(out, &out->servers[i]))
			fluentd_server_connect(&out->servers[i]);
}

static bool has_alive(const struct fluentd_output *out)
{
	size_t i;

	for (i = 0; i < out->server_count; i++)
		if (is_alive(&out->servers[i]))
			return true;
	return false;
}

/* HELD when each server needs another configuration. */
static enum output_verdict failure(const struct fluentd_output *out, struct errmsg *em)
{
	enum output_verdict verdict = OUTPUT_HELD;
	size_t i;

	*em = out->servers[0].why;
	for (i = 0; i < out->server_count; i++) {
		if (out->servers[i].state != FLUENTD_DOWN || out->servers[i].verdict == OUTPUT_HELD)
			continue;
		if (verdict == OUTPUT_HELD)
			*em = out->servers[i].why;
		verdict = OUTPUT_LOST;
	}
	if (out->server_count > 1)
		errmsg_prefix(em, "none of %zu servers can be used; one of them",
			      out->server_count);
	return verdict;
}

static void settle_all(struct fluentd_output *out)
{
	struct fluentd_request *r;
	struct errmsg em;
	enum output_verdict verdict = failure(out, &em);

	while ((r = TAILQ_FIRST(&out->waiting))) {
		TAILQ_REMOVE(&out->waiting, r, entry);
		out->pending--;
		output_settled(&out->base, r->batch, verdict, &em);
		fluentd_request_free(&r);
	}
}

void fluentd_dispatch(struct fluentd_output *out)
{
	struct fluentd_request *r;
	struct fluentd_server *server;

	while ((r = TAILQ_FIRST(&out->waiting)) && (server = choose(out))) {
		TAILQ_REMOVE(&out->waiting, r, entry);
		fluentd_server_take(server, r);
	}
	if (TAILQ_EMPTY(&out->waiting))
		return;
	connect_wanted(out);
	if (!has_alive(out))
		settle_all(out);
}

/* To its place among those that wait: by age. */
void fluentd_give_back(struct fluentd_output *out, struct fluentd_request *request)
{
	struct fluentd_request *r;

	fluentd_request_rewind(request);
	TAILQ_FOREACH(r, &out->waiting, entry)
	if (r->number > request->number) {
		TAILQ_INSERT_BEFORE(r, request, entry);
		return;
	}
	TAILQ_INSERT_TAIL(&out->waiting, request, entry);
}

void fluentd_finish(struct fluentd_output *out, struct fluentd_request *request)
{
	out->pending--;
	output_settled(&out->base, request->batch, OUTPUT_SENT, NULL);
	fluentd_request_free(&request);
}

/* --- the output --- */

static void fluentd_close(struct output **output)
{
	struct fluentd_output *out = (struct fluentd_output *)*output;
	struct fluentd_request *r;
	size_t i;

	*output = NULL;
	for (i = 0; i < out->server_count; i++)
		fluentd_server_close(&out->servers[i]);
	while ((r = TAILQ_FIRST(&out->waiting))) {
		TAILQ_REMOVE(&out->waiting, r, entry);
		fluentd_request_free(&r);
	}
	fluentd_maker_free(&out->maker);
	tls_free(&out->tls);
	free(out);
}

static void identify(struct fluentd_output *out)
{
	const struct fluentd_settings *set = out->settings;

	if (set->self_hostname[0])
		snprintf(out->hostname, sizeof(out->hostname), "%s", set->self_hostname);
	else
		node_name_read(NULL, out->hostname, sizeof(out->hostname));
	out->identity = (struct fluentd_identity){
		.hostname = out->hostname,
		.shared_key = set->shared_key,
		.username = set->username,
		.password = set->password,
	};
}

static int prepare(struct fluentd_output *out, struct errmsg *em)
{
	const struct fluentd_settings *set = out->settings;
	int err = fluentd_maker_create(set, &out->maker, em);
	size_t i;

	if (err)
		return err;
	if (set->transport == FLUENTD_TLS) {
		out->tls = tls_create(&set->tls, set->common.name);
		if (!out->tls)
			return -ENOMEM;
	}
	for (i = 0; !err && i < set->servers.n && i < FLUENTD_MAX_SERVERS; i++) {
		out->server_count++;
		err = fluentd_server_init(&out->servers[i], out, set->servers.v[i], em);
	}
	return err;
}

static int fluentd_open(const struct output_settings *settings, struct event_base *base,
			struct output **out_r, struct errmsg *em)
{
	struct fluentd_output *out = calloc(1, sizeof(*out));
	int err;

	errmsg_set(em, "no memory");
	if (!out)
		return -ENOMEM;
	out->settings = (const struct fluentd_settings *)settings;
	out->loop = base;
	clock_init(&out->clock);
	TAILQ_INIT(&out->waiting);
	identify(out);
	*out_r = &out->base;
	err = prepare(out, em);
	if (err)
		fluentd_close(out_r);
	return err;
}

/* Delivery has waited for as long as is right. */
static void revive(struct fluentd_output *out)
{
	size_t i;

	for (i = 0; i < out->server_count; i++)
		if (out->servers[i].state == FLUENTD_DOWN)
			out->servers[i].state = FLUENTD_IDLE;
}

static enum output_verdict fluentd_send(struct output *output, struct batch *batch)
{
	struct fluentd_output *out = (struct fluentd_output *)output;
	struct errmsg em = { "no memory" };
	struct fluentd_request *request =
		fluentd_request_create(out->maker, batch, out->next_number++);

	if (!request) {
		output_error(output, &em);
		return OUTPUT_LOST;
	}
	TAILQ_INSERT_TAIL(&out->waiting, request, entry);
	out->pending++;
	if (!has_alive(out))
		revive(out);
	connect_wanted(out);
	fluentd_dispatch(out);
	/* All may have failed on the way, also this one, which is not pending yet. */
	return out->pending ? OUTPUT_PENDING : OUTPUT_LOST;
}

static void fluentd_reopen(struct output *output)
{
	struct fluentd_output *out = (struct fluentd_output *)output;

	if (out->tls)
		tls_reload(out->tls);
}

static unsigned int fluentd_window(const struct output_settings *settings)
{
	return ((const struct fluentd_settings *)settings)->window;
}

const struct output_type output_fluentd = {
	.name = "fluentd",
	.help = "Fluentd, Fluent Bit and others over the Forward protocol, with acknowledgement.",
	.config = fluentd_items,
	.settings_bytes = sizeof(struct fluentd_settings),
	.check = fluentd_settings_check,
	.paths = fluentd_settings_paths,
	/* Above the deadlines of a connection and of acknowledgements, which say more. */
	.settle_timeout_ns = 4 * 3600 * NSEC_PER_SEC,
	.window_of = fluentd_window,
	.room_of = fluentd_room,
	.takes_binary = true,
	.default_format = "msgpack",
	.open = fluentd_open,
	.send = fluentd_send,
	.reopen = fluentd_reopen,
	.close = fluentd_close,
};
