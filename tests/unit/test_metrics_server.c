/* The metrics page, asked by a real HTTP client on the same loop. */
#include "outputs/metrics_server.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
	struct event_base *base;
	struct metrics_board *board;
	struct metrics_fds board_fds;
	struct metrics_server *server;
	struct clock clock;
	int status;
	char body[65536];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct errmsg em;

	f->base = event_base_new();
	f->board = metrics_create(&f->board_fds);
	clock_init_fake(&f->clock, 1000 * NSEC_PER_SEC, 1700000000 * NSEC_PER_SEC);
	if (metrics_server_open("127.0.0.1:0", f->base, f->board, &f->clock, &f->server, &em) != 0)
		return -1;
	metric_set(&f->board->forwarder.ready, 1);
	atomic_store(&f->board->forwarder.outputs, 1);
	snprintf(f->board->forwarder.output[0].name, METRICS_NAME_BYTES, "splunk");
	metric_set(&f->board->forwarder.output[0].state, OUTPUT_STATE_UP);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	metrics_server_close(&f->server);
	event_base_free(f->base);
	metrics_unmap(&f->board);
	metrics_close_fds(&f->board_fds);
	free(f);
	return 0;
}

static void on_reply(struct evhttp_request *request, void *arg)
{
	struct fixture *f = arg;
	int n = 0;

	f->status = request ? evhttp_request_get_response_code(request) : -1;
	if (request)
		n = evbuffer_remove(evhttp_request_get_input_buffer(request), f->body,
				    sizeof(f->body) - 1);
	f->body[n > 0 ? n : 0] = '\0';
	event_base_loopbreak(f->base);
}

static int ask(struct fixture *f, enum evhttp_cmd_type method, const char *path)
{
	struct evhttp_connection *connection = evhttp_connection_base_new(
		f->base, NULL, "127.0.0.1", metrics_server_port(f->server));
	struct evhttp_request *request = evhttp_request_new(on_reply, f);

	evhttp_connection_set_timeout(connection, 20);
	evhttp_add_header(evhttp_request_get_output_headers(request), "Host", "localhost");
	f->status = 0;
	assert_int_equal(evhttp_make_request(connection, request, method, path), 0);
	event_base_dispatch(f->base);
	evhttp_connection_free(connection);
	return f->status;
}

static void test_metrics_page(void **state)
{
	struct fixture *f = *state;

	metric_set(&f->board->forwarder.output[0].delivered, 4711);
	assert_int_equal(ask(f, EVHTTP_REQ_GET, "/metrics"), 200);
	assert_non_null(strstr(f->body, "splunk"));
	assert_non_null(strstr(f->body, " 4711\n"));
}

static void test_health_follows_the_outputs(void **state)
{
	struct fixture *f = *state;
	metric_t *output_state = &f->board->forwarder.output[0].state;

	assert_int_equal(ask(f, EVHTTP_REQ_GET, "/healthz"), 200);
	assert_string_equal(f->body, "{\"outputs\":{\"splunk\":\"up\"},\"healthy\":true}\n");
	metric_set(output_state, OUTPUT_STATE_HELD);
	assert_int_equal(ask(f, EVHTTP_REQ_GET, "/healthz"), 503);
	assert_non_null(strstr(f->body, "\"held\""));
	metric_set(output_state, OUTPUT_STATE_WAITING);
	assert_int_equal(ask(f, EVHTTP_REQ_GET, "/healthz"), 200);
	f->clock.fake_boot_ns += 301 * NSEC_PER_SEC;
	assert_int_equal(ask(f, EVHTTP_REQ_GET, "/healthz"), 503);
	metric_set(output_state, OUTPUT_STATE_UP);
	assert_int_equal(ask(f, EVHTTP_REQ_GET, "/healthz"), 200);
	metric_set(&f->board->forwarder.ready, 0);
	assert_int_equal(ask(f, EVHTTP_REQ_GET, "/healthz"), 503);
}

static void test_a_lying_board_is_bounded(void **state)
{
	struct fixture *f = *state;

	atomic_store(&f->board->forwarder.outputs, 1000000);
	memset(f->board->forwarder.output[0].name, 'x', METRICS_NAME_BYTES);
	metric_set(&f->board->forwarder.output[0].state, 999);
	assert_int_equal(ask(f, EVHTTP_REQ_GET, "/healthz"), 200);
	assert_non_null(strstr(f->body, "unknown"));
}

static void test_nothing_else_is_served(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, EVHTTP_REQ_GET, "/"), 404);
	assert_int_equal(ask(f, EVHTTP_REQ_GET, "/metrics/../etc/passwd"), 404);
	assert_int_not_equal(ask(f, EVHTTP_REQ_POST, "/metrics"), 200);
}

static void test_addresses(void **state)
{
	static const char *const bad[] = { "",	    "localhost:80",  "127.0.0.1",  "127.0.0.1:",
					   ":9090", "1.2.3.4:99999", "1.2.3.4:9x", "[::1:80" };
	struct fixture *f = *state;
	struct metrics_server *server = NULL;
	struct errmsg em;
	char taken[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_not_equal(
			metrics_server_open(bad[i], f->base, f->board, &f->clock, &server, &em), 0);
	snprintf(taken, sizeof(taken), "127.0.0.1:%u", metrics_server_port(f->server));
	assert_int_not_equal(metrics_server_open(taken, f->base, f->board, &f->clock, &server, &em),
			     0);
	assert_non_null(strstr(em.text, "can't listen"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_metrics_page),
		T(test_health_follows_the_outputs),
		T(test_a_lying_board_is_bounded),
		T(test_nothing_else_is_served),
		T(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
