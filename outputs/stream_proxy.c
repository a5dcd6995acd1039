/* outputs/stream_proxy.c: asks an HTTP proxy for a tunnel (CONNECT, RFC 9110, section 9.3.6). The
 * answer is read a byte at a time up to its end, since what follows is the peer's. */
#include "outputs/stream_internal.h"

#include "base/buf.h"
#include "base/secret.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sys/socket.h>

#define CREDENTIALS_BYTES 512

int stream_proxy_create(const struct stream_settings *settings, struct stream_proxy **proxy_r)
{
	struct stream_proxy *proxy;
	struct errmsg em;

	*proxy_r = NULL;
	if (!settings->proxy[0])
		return 0;
	proxy = calloc(1, sizeof(*proxy));
	if (!proxy)
		return -ENOMEM;
	if (endpoint_parse(settings->proxy, 0, &proxy->endpoint, &em) != 0) {
		free(proxy);
		return -EINVAL;
	}
	*proxy_r = proxy;
	return 0;
}

static void put_credentials(struct buf *out, const struct stream_settings *set)
{
	char plain[CREDENTIALS_BYTES];
	unsigned char encoded[4 * ((CREDENTIALS_BYTES + 2) / 3) + 1];
	struct buf text = buf_fixed(plain, sizeof(plain));
	int n;

	if (!set->proxy_user[0] && !set->proxy_password)
		return;
	buf_puts(&text, str_of(set->proxy_user));
	buf_putc(&text, ':');
	if (set->proxy_password)
		buf_puts(&text, secret_reveal(set->proxy_password));
	n = EVP_EncodeBlock(encoded, (const unsigned char *)plain, text.len);
	if (buf_ok(&text)) {
		buf_lit(out, "Proxy-Authorization: Basic ");
		buf_put(out, encoded, n);
		buf_lit(out, "\r\n");
	} else {
		out->overflow = true;
	}
	secret_wipe(plain, sizeof(plain));
	secret_wipe(encoded, sizeof(encoded));
}

static enum stream_io refuse(struct stream *s, enum output_verdict verdict, const char *what)
{
	struct errmsg em;

	errmsg_set(&em, "proxy %s %s", endpoint_name(&s->proxy->endpoint).text, what);
	stream_end(s, verdict, &em);
	return STREAM_IO_ENDED;
}

enum stream_io stream_proxy_ask(struct stream *s)
{
	struct endpoint_name peer = endpoint_name(s->set.endpoint);
	char request[2048];
	struct buf out = buf_fixed(request, sizeof(request));
	ssize_t sent;

	buf_printf(&out, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", peer.text, peer.text);
	put_credentials(&out, s->set.settings);
	buf_lit(&out, "\r\n");
	if (!buf_ok(&out))
		return refuse(s, OUTPUT_HELD, "can't be asked: user and password are too long");
	/* A connection that was made this moment has room for it. */
	sent = send(s->fd, request, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	secret_wipe(request, sizeof(request));
	if (sent != (ssize_t)out.len)
		return refuse(s, OUTPUT_LOST, "takes no request");
	return STREAM_IO_WAIT;
}

/* "HTTP/1.1 200 ..." */
static enum stream_io judge(struct stream *s)
{
	const char *answer = s->proxy->answer;
	char what[64];
	int status;

	if (sscanf(answer, "HTTP/1.%*1[01] %3d", &status) != 1)
		return refuse(s, OUTPUT_HELD, "does not answer in HTTP");
	if (status >= 200 && status < 300)
		return STREAM_IO_DONE;
	if (status == 407)
		return refuse(s, OUTPUT_HELD,
			      "wants another user or password (407; proxy_user, proxy_password)");
	snprintf(what, sizeof(what), "refuses to connect (HTTP status %d)", status);
	return refuse(s, status >= 400 && status < 500 ? OUTPUT_HELD : OUTPUT_LOST, what);
}

enum stream_io stream_proxy_hear(struct stream *s)
{
	struct stream_proxy *proxy = s->proxy;

	while (proxy->len + 1 < sizeof(proxy->answer)) {
		ssize_t got = recv(s->fd, proxy->answer + proxy->len, 1, MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return STREAM_IO_WAIT;
		if (got <= 0)
			return refuse(s, OUTPUT_LOST, "closed the connection");
		proxy->len++;
		if (proxy->len >= 4 && memcmp(proxy->answer + proxy->len - 4, "\r\n\r\n", 4) == 0)
			return judge(s);
	}
	return refuse(s, OUTPUT_HELD, "answers with too much");
}
