/* The client of the control socket, against a peer that answers well, late, wrongly or not at all.
 */
#include "cli/control_client.h"
#include "cli/status_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Accepts one connection, reads the request, answers with these bytes and hangs up; answer NULL:
 * keeps the connection open until the client has gone. */
struct peer {
	char directory[64], path[96];
	int fd;
	pthread_t thread;
	const char *answer;
	size_t answer_len;
	char request[512];
};

static void *serve(void *ctx)
{
	struct peer *peer = ctx;
	int fd = accept(peer->fd, NULL, NULL);
	size_t n = 0;
	ssize_t got;
	char byte;

	while (n < sizeof(peer->request) - 1 && !strstr(peer->request, "\r\n\r\n")) {
		got = read(fd, peer->request + n, sizeof(peer->request) - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	for (size_t sent = 0; peer->answer && sent < peer->answer_len;) {
		got = send(fd, peer->answer + sent, peer->answer_len - sent, MSG_NOSIGNAL);
		if (got <= 0)
			break;
		sent += (size_t)got;
	}
	if (!peer->answer)
		got = read(fd, &byte, 1);
	close(fd);
	return NULL;
}

static void peer_start(struct peer *peer, const char *answer, size_t n)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*peer = (struct peer){ .answer = answer, .answer_len = n };
	snprintf(peer->directory, sizeof(peer->directory), "/tmp/weir-test-control-XXXXXX");
	assert_non_null(mkdtemp(peer->directory));
	snprintf(peer->path, sizeof(peer->path), "%s/s", peer->directory);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", peer->path);
	peer->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(peer->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(peer->fd, 1), 0);
	assert_int_equal(pthread_create(&peer->thread, NULL, serve, peer), 0);
}

static void peer_stop(struct peer *peer)
{
	pthread_join(peer->thread, NULL);
	close(peer->fd);
	unlink(peer->path);
	rmdir(peer->directory);
}

static enum control_answer ask(const char *socket_path, unsigned int *status, struct buf *body,
			       struct errmsg *em)
{
	const struct control_request request = {
		.socket = socket_path, .method = "GET", .path = "/v1/status", .timeout_ms = 200
	};

	*body = buf_growable(CONTROL_RESPONSE_MAX_BYTES);
	em->text[0] = '\0';
	return control_ask(&request, status, body, em);
}

static void test_answer(void **state)
{
	static const char answer[] = "HTTP/1.0 422 Unprocessable Content\r\n"
				     "Content-Type: application/json\r\n\r\n{\"error\":\"x\"}";
	struct peer peer;
	struct buf body;
	struct errmsg em;
	unsigned int status = 0;

	peer_start(&peer, answer, sizeof(answer) - 1);
	assert_int_equal(ask(peer.path, &status, &body, &em), CONTROL_ANSWERED);
	peer_stop(&peer);
	assert_int_equal(status, 422);
	assert_true(str_equal(buf_str(&body), STR("{\"error\":\"x\"}")));
	assert_memory_equal(peer.request, "GET /v1/status HTTP/1.0\r\n", 25);
	buf_free(&body);
}

static void fails(const char *answer, size_t n, const char *why)
{
	struct peer peer;
	struct buf body;
	struct errmsg em;
	unsigned int status;

	peer_start(&peer, answer, n);
	assert_int_equal(ask(peer.path, &status, &body, &em), CONTROL_FAILED);
	peer_stop(&peer);
	assert_non_null(strstr(em.text, why));
	buf_free(&body);
}

static void test_wrong_answers(void **state)
{
	size_t n = CONTROL_RESPONSE_MAX_BYTES + 1;
	char *much = malloc(n);

	assert_non_null(much);
	memset(much, 'x', n);
	fails("", 0, "is not weir");
	fails("HTTP/1.0 200 OK\r\n", 17, "is not weir"); /* hung up inside of the headers */
	fails("HTTP/1.0 2x0 OK\r\n\r\n", 19, "is not weir");
	fails("220 mail.example.org ESMTP\r\n\r\n", 30, "is not weir");
	fails(much, n, "Message too long");
	fails(NULL, 0, "timed out");
	free(much);
}

static void test_nobody_there(void **state)
{
	struct peer peer;
	struct buf body;
	struct errmsg em;
	unsigned int status;

	assert_int_equal(ask("/nonexistent/s", &status, &body, &em), CONTROL_NOT_RUNNING);
	assert_string_equal(em.text,
			    "no weir answers on /nonexistent/s (No such file or directory)");
	assert_int_equal(ask("", &status, &body, &em), CONTROL_NOT_RUNNING);

	/* A socket that was left behind. */
	peer_start(&peer, "", 0);
	assert_int_equal(ask(peer.path, &status, &body, &em), CONTROL_FAILED);
	pthread_join(peer.thread, NULL);
	close(peer.fd);
	assert_int_equal(ask(peer.path, &status, &body, &em), CONTROL_NOT_RUNNING);
	assert_non_null(strstr(em.text, "Connection refused"));
	unlink(peer.path);
	rmdir(peer.directory);
}

static void test_table(void **state)
{
	static const char json[] =
		"{\"version\":\"0.1.0\",\"node_name\":\"n\",\"configuration\":\"\",\"uptime_s\":3725,"
		"\"events_per_s\":12,\"events\":{\"process_exec\":{\"captured\":10,\"journaled\":7,"
		"\"filtered\":1,\"limited\":0,\"lost\":{\"ring_full\":2}}},"
		"\"memory\":{\"collector_bytes\":10485760,\"forwarder_bytes\":512},"
		"\"outputs\":[{\"name\":\"a\",\"type\":\"file\",\"state\":\"waiting\",\"delivered\":5,"
		"\"pending\":2,\"lag_bytes\":2048,\"lag_s\":90,\"in_flight\":1,\"window\":8,"
		"\"window_used\":2,\"last_error\":\"disk full\",\"last_error_time\":"
		"\"2026-01-02T03:04:05Z\",\"next_attempt_s\":7,\"to_do\":\"make room\"}]}";
	struct buf out = buf_growable(65536);

	assert_true(status_write_table(STR(json), &out));
	buf_putc(&out, '\0');
	assert_non_null(strstr(out.p, "weir 0.1.0 on n, up 1h 2m, built-in configuration\n"));
	assert_non_null(strstr(out.p, "collector 10.0 MiB, forwarder 512 B"));
	assert_non_null(strstr(out.p, "process_exec                 10            7            1"
				      "            0          2  ring_full 2\n"));
	assert_non_null(strstr(out.p, "a                file      waiting              5          2"
				      "    2.0 KiB   1m 30s         1   2/8 "));
	assert_non_null(strstr(out.p, "  last error, 2026-01-02T03:04:05Z: disk full\n"
				      "  next attempt in 7s; make room\n"));
	buf_free(&out);
	assert_false(status_write_table(STR("[]"), &out));
	assert_false(status_write_table(STR("{\"version\":"), &out));
	assert_true(
		status_write_table(STR("{}"), &out)); /* of another version: shown as it can be */
	assert_true(status_write_table(STR("{\"events\":[],\"outputs\":{},\"memory\":3}"), &out));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_wrong_answers),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
