#include "tests/bench/fluentd_sink.h"

#include "base/compiler.h"
#include "outputs/msgpack_reader.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_BYTES (8u << 20)
#define ID_BYTES      24

/* message: whole. False: it has no chunk, or the peer is gone. */
static bool acknowledge(int fd, struct str message)
{
	char answer[8 + ID_BYTES] = "\x81\xa3"
				    "ack\xb8";
	struct msgpack_token head;
	struct str id;

	/* [tag, entries, options] */
	if (msgpack_read(&message, &head) != MSGPACK_OK || head.count != 3 ||
	    msgpack_skip(&message) != MSGPACK_OK || msgpack_skip(&message) != MSGPACK_OK ||
	    !msgpack_find(&message, STR("chunk")) || !msgpack_read_text(&message, &id) ||
	    id.n != ID_BYTES)
		return false;
	memcpy(answer + 6, id.p, id.n);
	return send(fd, answer, 6 + id.n, MSG_NOSIGNAL) == (ssize_t)(6 + id.n);
}

static void take_connection(int fd, char *bytes)
{
	size_t len = 0;
	ssize_t got;

	while ((got = recv(fd, bytes + len, MESSAGE_BYTES - len, 0)) > 0) {
		struct str rest = { bytes, len += got }, message = rest;

		while (msgpack_skip(&rest) == MSGPACK_OK) {
			message.n -= rest.n;
			if (!acknowledge(fd, message))
				return;
			message = rest;
		}
		memmove(bytes, rest.p, rest.n);
		len = rest.n;
	}
}

static void serve(int listen_fd)
{
	char *bytes = malloc(MESSAGE_BYTES);
	int fd;

	while (bytes && (fd = accept(listen_fd, NULL, NULL)) >= 0) {
		take_connection(fd, bytes);
		close(fd);
	}
}

pid_t fluentd_sink_start(uint16_t *port_r)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid;

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 || listen(fd, 8) != 0 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
		return -errno;
	*port_r = ntohs(addr.sin_port);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd);
		_exit(0);
	}
	close(fd);
	return pid;
}
