#include "tests/bench/http_sink.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK_BYTES (256u * 1024)

struct connection {
	int fd;
	SSL *ssl; /* NULL: plain */
	char bytes[CHUNK_BYTES + 1];
	size_t n;
};

static ssize_t receive(struct connection *c, char *to, size_t n)
{
	return c->ssl ? SSL_read(c->ssl, to, n) : read(c->fd, to, n);
}

static int answer(struct connection *c, const char *bytes, size_t n)
{
	return c->ssl ? SSL_write(c->ssl, bytes, n) == (int)n
		      : write(c->fd, bytes, n) == (ssize_t)n;
}

static size_t count_lines(const char *p, size_t n)
{
	const char *end = p + n, *at;
	size_t lines = 0;

	while ((at = memchr(p, '\n', end - p))) {
		lines++;
		p = at + 1;
	}
	return lines;
}

static int answer_bulk(struct connection *c, size_t items)
{
	static const char item[] = "{\"create\":{\"status\":201}},";
	size_t body = sizeof("{\"errors\":false,\"items\":[]}") - 1 +
		      (items ? items * (sizeof(item) - 1) - 1 : 0);
	char *text = malloc(body + 256), *at = text;
	int ok;

	at += snprintf(at, 256,
		       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		       "Content-Length: %zu\r\n\r\n{\"errors\":false,\"items\":[",
		       body);
	for (; items; items--, at += sizeof(item) - 1)
		memcpy(at, item, sizeof(item) - 1);
	if (at[-1] == ',')
		at--;
	memcpy(at, "]}", 2);
	ok = answer(c, text, at + 2 - text);
	free(text);
	return ok;
}

/* One request; 0: the connection is over. */
static int serve_one(struct connection *c)
{
	static const char plain[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	size_t left, body, lines = 0;
	char *end, *length;
	bool is_bulk;

	for (c->n = 0;; c->bytes[c->n] = '\0') {
		ssize_t got = receive(c, c->bytes + c->n, CHUNK_BYTES - c->n);

		if (got <= 0)
			return 0;
		c->n += got;
		c->bytes[c->n] = '\0';
		end = memmem(c->bytes, c->n, "\r\n\r\n", 4);
		if (end)
			break;
	}
	*end = '\0';
	length = strcasestr(c->bytes, "content-length:");
	is_bulk = strstr(c->bytes, "_bulk");
	left = length ? strtoul(length + 15, NULL, 10) : 0;
	body = c->n - (end + 4 - c->bytes);
	lines = count_lines(end + 4, body);
	for (left -= body; left; left -= body) {
		ssize_t got = receive(c, c->bytes, left < CHUNK_BYTES ? left : CHUNK_BYTES);

		if (got <= 0)
			return 0;
		body = got;
		if (is_bulk)
			lines += count_lines(c->bytes, got);
	}
	return is_bulk ? answer_bulk(c, lines / 2) : answer(c, plain, sizeof(plain) - 1);
}

static void serve(int listener, SSL_CTX *tls)
{
	struct connection *c = malloc(sizeof(*c));
	int on = 1;

	for (;;) {
		c->ssl = NULL;
		c->fd = accept(listener, NULL, NULL);
		if (c->fd < 0)
			continue;
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (tls) {
			c->ssl = SSL_new(tls);
			SSL_set_fd(c->ssl, c->fd);
		}
		if (!tls || SSL_accept(c->ssl) == 1)
			while (serve_one(c))
				;
		SSL_free(c->ssl);
		close(c->fd);
	}
}

static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	X509_EXTENSION *san =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost");

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1,
				   -1, 0);
	X509_set_issuer_name(certificate, name);
	X509_set_pubkey(certificate, key);
	X509_add_ext(certificate, san, -1);
	X509_EXTENSION_free(san);
	X509_sign(certificate, key, EVP_sha256());
	return certificate;
}

static SSL_CTX *make_tls(const char *path)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = make_certificate(key);
	FILE *file = fopen(path, "w");

	if (!file || PEM_write_X509(file, certificate) != 1 || fclose(file) != 0 ||
	    SSL_CTX_use_certificate(tls, certificate) != 1 || SSL_CTX_use_PrivateKey(tls, key) != 1)
		return NULL;
	return tls;
}

pid_t http_sink_start(const char *certificate, uint16_t *port_r)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL_CTX *tls = certificate ? make_tls(certificate) : NULL;
	pid_t parent = getpid(), pid;

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, n) != 0 ||
	    listen(listener, 16) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &n) != 0 || (certificate && !tls))
		return -1;
	*port_r = ntohs(address.sin_port);
	pid = fork();
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "http-sink");
		if (getppid() == parent)
			serve(listener, tls);
		_exit(0);
	}
	close(listener);
	return pid;
}
