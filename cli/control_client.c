#include "cli/control_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static enum control_answer explain_connect(const char *socket_path, int error, struct errmsg *em)
{
	if (error == EACCES || error == EPERM) {
		errmsg_set(em, "%s: %s; try as root", socket_path, strerror(error));
		return CONTROL_DENIED;
	}
	errmsg_set(em, "no weir answers on %s (%s)", socket_path, strerror(error));
	return CONTROL_NOT_RUNNING;
}

static enum control_answer connect_to(const struct control_request *request, int *fd_r,
				      struct errmsg *em)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval timeout = { .tv_sec = request->timeout_ms / 1000,
					 .tv_usec = request->timeout_ms % 1000 * 1000 };
	size_t n = strlen(request->socket);
	int fd;

	if (n == 0 || n >= sizeof(address.sun_path)) {
		errmsg_set(em, "'%s' can't be the path of a control socket", request->socket);
		return CONTROL_NOT_RUNNING;
	}
	memcpy(address.sun_path, request->socket, n + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		errmsg_set(em, "no socket: %s", strerror(errno));
		return CONTROL_FAILED;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;

		close(fd);
		return explain_connect(request->socket, error, em);
	}
	*fd_r = fd;
	return CONTROL_ANSWERED;
}

static int send_request(const struct control_request *request, int fd)
{
	char text[256];
	int n = snprintf(text, sizeof(text),
			 "%s %s HTTP/1.0\r\nHost: weir\r\nContent-Length: 0\r\n\r\n",
			 request->method, request->path);

	for (int sent = 0; sent < n;) {
		ssize_t put = send(fd, text + sent, (size_t)(n - sent), MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		sent += (int)put;
	}
	return 0;
}

static int receive_all(int fd, struct buf *raw)
{
	for (;;) {
		char piece[16384];
		ssize_t got = recv(fd, piece, sizeof(piece), 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? -ETIMEDOUT : -errno;
		if (got == 0)
			return 0;
		buf_put(raw, piece, (size_t)got);
		if (!buf_ok(raw))
			return -EMSGSIZE;
	}
}

/* "HTTP/1.x NNN reason", headers, an empty line, the body. */
static bool split_response(struct str raw, unsigned int *status_r, struct str *body_r)
{
	const char *end = raw.n ? memmem(raw.p, raw.n, "\r\n\r\n", 4) : NULL;
	unsigned int status = 0;

	if (!end || raw.n < 12 || memcmp(raw.p, "HTTP/1.", 7) != 0 || raw.p[8] != ' ')
		return false;
	for (size_t i = 9; i < 12; i++) {
		if (raw.p[i] < '0' || raw.p[i] > '9')
			return false;
		status = status * 10 + (unsigned int)(raw.p[i] - '0');
	}
	*status_r = status;
	*body_r = (struct str){ end + 4, raw.n - (size_t)(end + 4 - raw.p) };
	return true;
}

enum control_answer control_ask(const struct control_request *request, unsigned int *status_r,
				struct buf *body, struct errmsg *em)
{
	struct buf raw = buf_growable(CONTROL_RESPONSE_MAX_BYTES);
	enum control_answer answer;
	struct str text;
	int fd, err;

	answer = connect_to(request, &fd, em);
	if (answer != CONTROL_ANSWERED)
		return answer;
	err = send_request(request, fd);
	if (!err)
		err = receive_all(fd, &raw);
	close(fd);
	if (err) {
		errmsg_set(em, "weir on %s: %s", request->socket, strerror(-err));
		answer = CONTROL_FAILED;
	} else if (!split_response(buf_str(&raw), status_r, &text)) {
		errmsg_set(em, "what answers on %s is not weir", request->socket);
		answer = CONTROL_FAILED;
	} else {
		buf_puts(body, text);
	}
	buf_free(&raw);
	return answer;
}
