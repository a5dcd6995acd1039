#include "tests/unit/stream_rig.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define LIMIT_NS (10 * NSEC_PER_SEC)

void rig_init(struct stream_rig *rig)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);

	signal(SIGPIPE, SIG_IGN);
	*rig = (struct stream_rig){ .base = event_base_new() };
	rig->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(rig->listen_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(rig->listen_fd, 8), 0);
	getsockname(rig->listen_fd, (struct sockaddr *)&addr, &len);
	rig->endpoint.port = ntohs(addr.sin_port);
	rig->endpoint.is_literal = true;
	snprintf(rig->endpoint.host, sizeof(rig->endpoint.host), "127.0.0.1");
	rig->settings = (struct stream_settings){ .connect_timeout_ns = LIMIT_NS,
						  .timeout_ns = LIMIT_NS,
						  .keepalive_ns = LIMIT_NS,
						  .proxy = (char *)"",
						  .proxy_user = (char *)"" };
	rig->tls_settings = (struct tls_settings){ .ca_file = (char *)"",
						   .crl_file = (char *)"",
						   .certificate = (char *)"",
						   .key = (char *)"",
						   .server_name = (char *)"",
						   .ciphers = (char *)"",
						   .verify = true,
						   .verify_hostname = true };
}

void rig_close(struct stream_rig *rig)
{
	stream_free(&rig->stream);
	tls_free(&rig->tls);
	if (rig->has_thread)
		pthread_join(rig->thread, NULL);
	close(rig->listen_fd);
	event_base_free(rig->base);
}

static void *run_peer(void *arg)
{
	struct stream_rig *rig = arg;
	int i;

	for (i = 0; i < rig->connections; i++) {
		int fd = accept4(rig->listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			break;
		rig->peer(rig, fd);
		close(fd);
	}
	return NULL;
}

void rig_peer(struct stream_rig *rig, peer_fn peer, int connections)
{
	rig->peer = peer;
	rig->connections = connections;
	rig->has_thread = true;
	assert_int_equal(pthread_create(&rig->thread, NULL, run_peer, rig), 0);
}

SSL *peer_accept_tls(struct stream_rig *rig, int fd)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	SSL *ssl;

	if (SSL_CTX_use_certificate_chain_file(ctx, rig->peer_certificate) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, rig->peer_certificate, SSL_FILETYPE_PEM) != 1)
		abort();
	if (rig->peer_client_ca) {
		SSL_CTX_load_verify_file(ctx, rig->peer_client_ca);
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		return ssl;
	SSL_free(ssl);
	return NULL;
}

static void push(struct stream_rig *rig)
{
	struct iovec iov;

	if (rig->out_at == rig->out_len)
		return;
	iov = (struct iovec){ (void *)(rig->out + rig->out_at), rig->out_len - rig->out_at };
	rig->out_at += stream_write(rig->stream, &iov, 1);
}

static void on_opened(void *ctx)
{
	struct stream_rig *rig = ctx;

	rig->opened++;
	if (rig->free_in_callback)
		stream_free(&rig->stream);
	else
		push(rig);
}

static void on_writable(void *ctx)
{
	struct stream_rig *rig = ctx;

	rig->writables++;
	push(rig);
}

static size_t on_received(void *ctx, struct str bytes)
{
	struct stream_rig *rig = ctx;

	if (rig->keep)
		return 0;
	assert_true(rig->got_len + bytes.n <= sizeof(rig->got));
	memcpy(rig->got + rig->got_len, bytes.p, bytes.n);
	rig->got_len += bytes.n;
	return bytes.n;
}

static void on_ended(void *ctx, enum output_verdict verdict, const struct errmsg *em)
{
	struct stream_rig *rig = ctx;

	rig->ends++;
	rig->verdict = verdict;
	rig->why = *em;
	stream_free(&rig->stream);
}

static const struct stream_callbacks callbacks = {
	.opened = on_opened,
	.received = on_received,
	.writable = on_writable,
	.ended = on_ended,
};

void rig_open(struct stream_rig *rig)
{
	struct stream_options options = {
		.base = rig->base,
		.endpoint = &rig->endpoint,
		.settings = &rig->settings,
		.input_max_bytes = rig->input_max_bytes,
		.callbacks = &callbacks,
		.ctx = rig,
	};
	struct errmsg em;

	if (rig->peer_certificate || rig->tls_settings.ca_file[0]) {
		if (!rig->tls)
			rig->tls = tls_create(&rig->tls_settings, "siem");
		options.tls = rig->tls;
	}
	rig->ends = 0;
	assert_int_equal(stream_open(&options, &rig->stream, &em), 0);
}

void rig_until(struct stream_rig *rig, bool (*done)(const struct stream_rig *rig))
{
	struct timeval pause = { 0, 10000 };
	struct clock clock;
	uint64_t until;

	clock_init(&clock);
	until = clock_boot_ns(&clock) + LIMIT_NS;
	while (!done(rig)) {
		if (clock_boot_ns(&clock) > until)
			fail_msg("not done in time; ended: %s", rig->why.text);
		event_base_loopexit(rig->base, &pause);
		event_base_loop(rig->base, EVLOOP_ONCE);
	}
}

bool rig_is_open(const struct stream_rig *rig)
{
	return rig->opened;
}

bool rig_has_ended(const struct stream_rig *rig)
{
	return rig->ends;
}

bool rig_has_written(const struct stream_rig *rig)
{
	return rig->out_at == rig->out_len;
}
