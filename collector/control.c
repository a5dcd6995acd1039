#include "collector/control.h"

#include "base/json_write.h"
#include "collector/host.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_MAX_BYTES  4096
#define RESPONSE_MAX_BYTES (4u << 20)
#define REQUEST_TIMEOUT_S  5
#define BACKLOG		   16

struct control {
	struct control_calls calls;
	struct evhttp *http;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static void reply(struct evhttp_request *request, int code, const char *reason, struct buf *body)
{
	struct evbuffer *out = evhttp_request_get_output_buffer(request);

	evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
			  "application/json");
	if (buf_ok(body))
		evbuffer_add(out, body->p, body->len);
	evhttp_send_reply(request, buf_ok(body) ? code : HTTP_INTERNAL, reason, NULL);
	buf_free(body);
}

static bool refuse_other_method(struct evhttp_request *request, enum evhttp_cmd_type wanted)
{
	if (evhttp_request_get_command(request) == wanted)
		return false;
	evhttp_send_error(request, HTTP_BADMETHOD, NULL);
	return true;
}

static void on_status(struct evhttp_request *request, void *ctx)
{
	struct control *control = ctx;
	struct buf body = buf_growable(RESPONSE_MAX_BYTES);

	if (refuse_other_method(request, EVHTTP_REQ_GET))
		return;
	control->calls.status(control->calls.ctx, &body);
	reply(request, HTTP_OK, "OK", &body);
}

static void on_recent(struct evhttp_request *request, void *ctx)
{
	struct control *control = ctx;
	struct buf body = buf_growable(RESPONSE_MAX_BYTES);

	if (refuse_other_method(request, EVHTTP_REQ_GET))
		return;
	control->calls.recent(control->calls.ctx, &body);
	reply(request, HTTP_OK, "OK", &body);
}

static void on_reload(struct evhttp_request *request, void *ctx)
{
	struct control *control = ctx;
	struct buf body = buf_growable(RESPONSE_MAX_BYTES);
	struct errmsg em;
	int err;

	if (refuse_other_method(request, EVHTTP_REQ_POST))
		return;
	err = control->calls.reload(control->calls.ctx, &em);
	buf_putc(&body, '{');
	if (err)
		json_field_string(&body, "error", str_of(em.text));
	buf_putc(&body, '}');
	reply(request, err ? 422 : HTTP_OK, err ? "Unprocessable Content" : "OK", &body);
}

static void on_reopen(struct evhttp_request *request, void *ctx)
{
	struct control *control = ctx;
	struct buf body = buf_growable(RESPONSE_MAX_BYTES);

	if (refuse_other_method(request, EVHTTP_REQ_POST))
		return;
	control->calls.reopen(control->calls.ctx);
	buf_lit(&body, "{}");
	reply(request, HTTP_OK, "OK", &body);
}

/* True when something answers there: the socket is another weir's. */
static bool is_answered(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answered;

	if (fd < 0)
		return false;
	answered = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
	close(fd);
	return answered;
}

/* Binds and listens; returns the descriptor or a negative errno. */
static int listen_at(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;
	mode_t mask;

	if (fd < 0)
		return -errno;
	unlink(address->sun_path);
	mask = umask(0177);
	err = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
	umask(mask);
	if (!err && listen(fd, BACKLOG) < 0)
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

static int make_parent(const char *path, struct errmsg *em)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return 0;
	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	return host_make_directory(parent, 0755, em);
}

static int serve(struct control *control, int fd, struct event_base *base)
{
	control->http = evhttp_new(base);
	if (!control->http || evhttp_accept_socket(control->http, fd) < 0) {
		close(fd);
		return -ENOMEM;
	}
	evhttp_set_timeout(control->http, REQUEST_TIMEOUT_S);
	evhttp_set_max_headers_size(control->http, REQUEST_MAX_BYTES);
	evhttp_set_max_body_size(control->http, REQUEST_MAX_BYTES);
	evhttp_set_allowed_methods(control->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
	evhttp_set_cb(control->http, "/v1/status", on_status, control);
	evhttp_set_cb(control->http, "/v1/recent", on_recent, control);
	evhttp_set_cb(control->http, "/v1/reload", on_reload, control);
	evhttp_set_cb(control->http, "/v1/reopen", on_reopen, control);
	return 0;
}

int control_open(const char *path, const struct control_calls *calls, struct event_base *base,
		 struct control **control_r, struct errmsg *em)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct control *control;
	int fd, err;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errmsg_set(
			em,
			"control.socket: '%s' is longer than the %zu bytes a socket's path may have",
			path, sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	err = make_parent(path, em);
	if (err)
		return err;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (is_answered(&address)) {
		errmsg_set(em, "control.socket: another weir answers on %s", path);
		return -EADDRINUSE;
	}
	fd = listen_at(&address);
	control = fd < 0 ? NULL : calloc(1, sizeof(*control));
	if (!control) {
		err = fd < 0 ? fd : -ENOMEM;
		errmsg_set(em, "control.socket: can't listen on %s: %s", path, strerror(-err));
		return err;
	}
	control->calls = *calls;
	memcpy(control->path, address.sun_path, sizeof(control->path));
	err = serve(control, fd, base);
	if (err) {
		errmsg_set(em, "control.socket: can't serve on %s: %s", path, strerror(-err));
		control_close(&control);
		return err;
	}
	*control_r = control;
	return 0;
}

void control_close(struct control **control)
{
	if (!*control)
		return;
	unlink((*control)->path);
	if ((*control)->http)
		evhttp_free((*control)->http);
	free(*control);
	*control = NULL;
}
