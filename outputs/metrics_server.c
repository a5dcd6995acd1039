#include "outputs/metrics_server.h"

#include "base/json_write.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#define MAX_HEADER_BYTES 8192
#define MAX_BODY_BYTES	 1024
#define MAX_PAGE_BYTES	 (4u << 20)
#define TIMEOUT_S	 10
/* Shorter outages are what retries are for. */
#define DOWN_TOO_LONG_NS (5 * 60 * NSEC_PER_SEC)

struct metrics_server {
	struct evhttp *http;
	const struct metrics_board *board;
	const struct clock *clock;
	struct buf page;
	uint16_t port;
	uint64_t down_since_ns[METRICS_MAX_OUTPUTS]; /* 0: not down when last looked at */
};

static void reply(struct evhttp_request *request, int code, const char *type, struct str body)
{
	struct evbuffer *out = evbuffer_new();

	if (!out || evbuffer_add(out, body.p, body.n) != 0) {
		if (out)
			evbuffer_free(out);
		evhttp_send_error(request, HTTP_SERVUNAVAIL, NULL);
		return;
	}
	evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", type);
	evhttp_send_reply(request, code, NULL, out);
	evbuffer_free(out);
}

static void serve_metrics(struct evhttp_request *request, void *arg)
{
	struct metrics_server *server = arg;

	buf_reset(&server->page);
	metrics_write_prometheus(server->board, &server->page);
	if (!buf_ok(&server->page))
		evhttp_send_error(request, HTTP_SERVUNAVAIL, NULL);
	else
		reply(request, HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
		      buf_str(&server->page));
}

static const char *state_name(uint64_t state)
{
	static const char *const names[] = {
		[OUTPUT_STATE_STARTING] = "starting", [OUTPUT_STATE_UP] = "up",
		[OUTPUT_STATE_WAITING] = "waiting",   [OUTPUT_STATE_HELD] = "held",
		[OUTPUT_STATE_CLOSED] = "closed",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

static size_t output_count(const struct metrics_board *board)
{
	size_t n = atomic_load(&((struct metrics_board *)board)->forwarder.outputs);

	return n < METRICS_MAX_OUTPUTS ? n : METRICS_MAX_OUTPUTS;
}

void metrics_server_watch(struct metrics_server *server)
{
	uint64_t now = clock_boot_ns(server->clock);
	size_t i, n = output_count(server->board);

	for (i = 0; i < n; i++) {
		uint64_t state = metric_get(&server->board->forwarder.output[i].state);
		bool is_down = state == OUTPUT_STATE_WAITING || state == OUTPUT_STATE_STARTING;

		if (!is_down)
			server->down_since_ns[i] = 0;
		else if (server->down_since_ns[i] == 0)
			server->down_since_ns[i] = now ? now : 1;
	}
}

static bool is_output_healthy(const struct metrics_server *server, size_t i)
{
	uint64_t since = server->down_since_ns[i];

	if (metric_get(&server->board->forwarder.output[i].state) == OUTPUT_STATE_HELD)
		return false;
	return !since || clock_boot_ns(server->clock) - since < DOWN_TOO_LONG_NS;
}

static bool write_health(struct metrics_server *server, struct buf *body)
{
	const struct metrics_forwarder *forwarder = &server->board->forwarder;
	bool healthy = metric_get(&forwarder->ready) != 0;
	size_t i, n = output_count(server->board);

	metrics_server_watch(server);
	buf_lit(body, "{\"outputs\":{");
	for (i = 0; i < n; i++) {
		char name[METRICS_NAME_BYTES];

		snprintf(name, sizeof(name), "%.*s", METRICS_NAME_BYTES - 1,
			 forwarder->output[i].name);
		json_field_string(body, name,
				  str_of(state_name(metric_get(&forwarder->output[i].state))));
		healthy &= is_output_healthy(server, i);
	}
	buf_lit(body, "}");
	json_field_bool(body, "healthy", healthy);
	buf_lit(body, "}\n");
	return healthy;
}

static void serve_health(struct evhttp_request *request, void *arg)
{
	struct metrics_server *server = arg;
	bool healthy;

	buf_reset(&server->page);
	healthy = write_health(server, &server->page);
	reply(request, healthy ? HTTP_OK : HTTP_SERVUNAVAIL, "application/json",
	      buf_str(&server->page));
}

static void serve_nothing(struct evhttp_request *request, void *arg)
{
	reply(request, HTTP_NOTFOUND, "text/plain", STR("/metrics and /healthz are here\n"));
}

/* "ADDRESS:PORT" into its parts; text_r holds the address. */
static int split_listen(const char *listen, char text_r[64], uint16_t *port_r, struct errmsg *em)
{
	const char *colon = strrchr(listen, ':'), *from = listen;
	size_t n = colon ? (size_t)(colon - listen) : 0;
	unsigned char address[sizeof(struct in6_addr)];
	unsigned long port = 0;
	char *end = NULL;

	if (colon)
		port = strtoul(colon + 1, &end, 10);
	if (n >= 2 && from[0] == '[' && from[n - 1] == ']') {
		from++;
		n -= 2;
	}
	snprintf(text_r, 64, "%.*s", (int)(n < 63 ? n : 63), from);
	if (!colon || !colon[1] || *end || port > UINT16_MAX ||
	    (inet_pton(AF_INET, text_r, address) != 1 &&
	     inet_pton(AF_INET6, text_r, address) != 1)) {
		errmsg_set(em, "metrics.listen: \"%.80s\" is not ADDRESS:PORT", listen);
		return -EINVAL;
	}
	*port_r = port;
	return 0;
}

static uint16_t bound_port(struct evhttp_bound_socket *bound)
{
	struct sockaddr_storage address;
	socklen_t bytes = sizeof(address);

	if (getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &bytes))
		return 0;
	/* The port is at the same place in both families. */
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static void set_limits(struct evhttp *http)
{
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(http, MAX_HEADER_BYTES);
	evhttp_set_max_body_size(http, MAX_BODY_BYTES);
	evhttp_set_timeout(http, TIMEOUT_S);
}

int metrics_server_open(const char *listen, struct event_base *base,
			const struct metrics_board *board, const struct clock *clock,
			struct metrics_server **server_r, struct errmsg *em)
{
	struct metrics_server *server;
	struct evhttp_bound_socket *bound;
	char address[64];
	uint16_t port;
	int err = split_listen(listen, address, &port, em);

	if (err)
		return err;
	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	server->board = board;
	server->clock = clock;
	server->page = buf_growable(MAX_PAGE_BYTES);
	server->http = evhttp_new(base);
	if (!server->http) {
		metrics_server_close(&server);
		return -ENOMEM;
	}
	set_limits(server->http);
	bound = evhttp_bind_socket_with_handle(server->http, address, port);
	if (!bound) {
		err = -errno;
		errmsg_set(em, "metrics.listen: can't listen on %s: %s", listen, strerror(-err));
		metrics_server_close(&server);
		return err ? err : -EADDRINUSE;
	}
	server->port = bound_port(bound);
	evhttp_set_cb(server->http, "/metrics", serve_metrics, server);
	evhttp_set_cb(server->http, "/healthz", serve_health, server);
	evhttp_set_gencb(server->http, serve_nothing, server);
	*server_r = server;
	return 0;
}

uint16_t metrics_server_port(const struct metrics_server *server)
{
	return server->port;
}

void metrics_server_close(struct metrics_server **server)
{
	if (!*server)
		return;
	if ((*server)->http)
		evhttp_free((*server)->http);
	buf_free(&(*server)->page);
	free(*server);
	*server = NULL;
}
