/* outputs/stream_tls.c: TLS between the stream and its socket. */
#include "outputs/stream_internal.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <sys/socket.h>

/* OpenSSL's way out. Only a peer that makes it talk without end can fill the room there is. */
static int wire_write(BIO *bio, const char *bytes, int n)
{
	struct stream_tls *tls = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (n <= 0)
		return 0;
	if (TLS_WIRE_BYTES - tls->wire_len < (size_t)n) {
		BIO_set_retry_write(bio);
		return -1;
	}
	memcpy(tls->wire + tls->wire_len, bytes, n);
	tls->wire_len += n;
	tls->encrypted += n;
	return n;
}

static long wire_control(BIO *bio, int command, long number, void *pointer)
{
	return command == BIO_CTRL_FLUSH;
}

static int attach(struct stream *s, struct stream_tls *tls)
{
	BIO *out, *in;

	tls->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "weir stream");
	if (!tls->method)
		return -ENOMEM;
	BIO_meth_set_write(tls->method, wire_write);
	BIO_meth_set_ctrl(tls->method, wire_control);
	out = BIO_new(tls->method);
	in = BIO_new_socket(s->fd, BIO_NOCLOSE);
	if (!out || !in) {
		BIO_free(out);
		BIO_free(in);
		return -ENOMEM;
	}
	BIO_set_data(out, tls);
	BIO_set_init(out, 1);
	SSL_set_bio(tls->ssl, in, out);
	return 0;
}

int stream_tls_start(struct stream *s, struct errmsg *em)
{
	struct stream_tls *tls = calloc(1, sizeof(*tls));
	int err;

	errmsg_set(em, "no memory for TLS");
	if (!tls)
		return -ENOMEM;
	tls->ssl = tls_connection(s->set.tls, s->set.endpoint->host, em);
	err = tls->ssl ? attach(s, tls) : -EINVAL;
	if (err)
		stream_tls_free(&tls, false, -1);
	ERR_clear_error();
	s->tls = tls;
	return err;
}

void stream_tls_free(struct stream_tls **tls, bool say_goodbye, int fd)
{
	struct stream_tls *t = *tls;

	*tls = NULL;
	if (!t)
		return;
	if (say_goodbye && t->wire_at == t->wire_len) {
		ERR_clear_error();
		t->wire_at = t->wire_len = 0;
		SSL_shutdown(t->ssl);
		/* As far as it goes without waiting. */
		(void)!send(fd, t->wire, t->wire_len, MSG_NOSIGNAL | MSG_DONTWAIT);
		ERR_clear_error();
	}
	tls_connection_free(&t->ssl);
	BIO_meth_free(t->method);
	free(t);
}

static enum stream_io flush(struct stream *s)
{
	struct stream_tls *tls = s->tls;
	struct iovec iov = { tls->wire + tls->wire_at, tls->wire_len - tls->wire_at };

	if (iov.iov_len == 0)
		return STREAM_IO_DONE;
	tls->wire_at += stream_send(s, &iov, 1);
	if (tls->wire_at == tls->wire_len) {
		tls->wire_at = tls->wire_len = 0;
		return STREAM_IO_DONE;
	}
	if (s->state == STREAM_ENDED)
		return STREAM_IO_ENDED;
	stream_await_write(s);
	return STREAM_IO_WAIT;
}

/* What OpenSSL says about a call that gave `result`; an alert it has written goes out. */
static enum stream_io judge(struct stream *s, int result, int saved_errno)
{
	struct errmsg em = { "" };
	enum output_verdict verdict;

	switch (SSL_get_error(s->tls->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return STREAM_IO_WAIT;
	default:
		verdict = tls_failure(s->tls->ssl, result, saved_errno, &em);
		stream_end(s, verdict, &em);
		flush(s);
		return STREAM_IO_ENDED;
	}
}

enum stream_io stream_tls_handshake(struct stream *s)
{
	struct errmsg em = { "" };
	int result, saved_errno;

	ERR_clear_error();
	errno = 0;
	result = SSL_do_handshake(s->tls->ssl);
	saved_errno = errno;
	if (flush(s) == STREAM_IO_ENDED)
		return STREAM_IO_ENDED;
	if (result != 1)
		return judge(s, result, saved_errno);
	if (!tls_check_peer(s->set.tls, s->tls->ssl, &em)) {
		stream_end(s, OUTPUT_HELD, &em);
		return STREAM_IO_ENDED;
	}
	return STREAM_IO_DONE;
}

size_t stream_tls_receive(struct stream *s, void *to, size_t n)
{
	int result, saved_errno;

	ERR_clear_error();
	errno = 0;
	result = SSL_read(s->tls->ssl, to, n < INT_MAX ? n : INT_MAX);
	saved_errno = errno;
	flush(s); /* reading can make it answer */
	if (s->tls->plain_len)
		stream_await_write(s); /* it may have read what it wanted before it writes */
	if (result > 0)
		return result;
	judge(s, result, saved_errno);
	return 0;
}

/* With the ring full the newest mark moves on: it says less exactly, never too early, when its
 * bytes have arrived. */
static void add_mark(struct stream_tls *tls, uint64_t plain)
{
	size_t at;

	if (tls->mark_count < STREAM_MARKS)
		tls->mark_count++;
	at = (tls->mark_head + tls->mark_count - 1) % STREAM_MARKS;
	tls->marks[at] = (struct stream_mark){ plain, tls->encrypted };
}

/* Makes a record of the plaintext that was gathered. */
static enum stream_io encrypt(struct stream *s)
{
	struct stream_tls *tls = s->tls;
	int result;

	ERR_clear_error();
	errno = 0;
	result = SSL_write(tls->ssl, tls->plain, tls->plain_len);
	if (result <= 0)
		return judge(s, result, errno);
	tls->plain_len = 0;
	add_mark(tls, s->written);
	return STREAM_IO_DONE;
}

enum stream_io stream_tls_resume(struct stream *s)
{
	enum stream_io io = flush(s);

	if (io == STREAM_IO_DONE && s->tls->plain_len) {
		io = encrypt(s);
		if (io == STREAM_IO_DONE)
			io = flush(s);
	}
	return io;
}

/* Where the caller's bytes go on. */
struct position {
	const struct iovec *iov;
	size_t n, i, at;
};

static size_t gather(struct stream_tls *tls, struct position *from)
{
	size_t before = tls->plain_len;

	while (from->i < from->n && tls->plain_len < TLS_RECORD_BYTES) {
		const struct iovec *iov = &from->iov[from->i];
		size_t left = iov->iov_len - from->at, room = TLS_RECORD_BYTES - tls->plain_len;
		size_t part = left < room ? left : room;

		memcpy(tls->plain + tls->plain_len, (char *)iov->iov_base + from->at, part);
		tls->plain_len += part;
		from->at += part;
		if (from->at == iov->iov_len) {
			from->i++;
			from->at = 0;
		}
	}
	return tls->plain_len - before;
}

static bool has_room(const struct stream_tls *tls)
{
	return tls->wire_len + TLS_RECORD_BYTES + TLS_OVERHEAD_BYTES + TLS_SPARE_BYTES <=
	       TLS_WIRE_BYTES;
}

/* Full records, several of them with one system call. */
size_t stream_tls_write(struct stream *s, const struct iovec *iov, size_t n)
{
	struct position from = { .iov = iov, .n = n };
	struct stream_tls *tls = s->tls;
	size_t taken = 0;
	bool is_stuck = tls->plain_len > 0;

	while (!is_stuck && from.i < n) {
		size_t part;

		if (!has_room(tls)) {
			is_stuck = flush(s) != STREAM_IO_DONE;
			continue;
		}
		part = gather(tls, &from);
		s->written += part;
		taken += part;
		is_stuck = part && encrypt(s) != STREAM_IO_DONE;
	}
	if (s->state == STREAM_OPEN)
		flush(s);
	s->caller_waits |= is_stuck;
	return taken;
}

uint64_t stream_tls_acked(struct stream *s, size_t queued)
{
	struct stream_tls *tls = s->tls;
	uint64_t unsent = queued + tls->wire_len - tls->wire_at, acked = s->acked;
	uint64_t wire = tls->encrypted > unsent ? tls->encrypted - unsent : 0;

	while (tls->mark_count && tls->marks[tls->mark_head].wire <= wire) {
		acked = tls->marks[tls->mark_head].plain;
		tls->mark_head = (tls->mark_head + 1) % STREAM_MARKS;
		tls->mark_count--;
	}
	return acked;
}

void stream_tls_seek_reason(struct stream *s)
{
	struct errmsg em;
	char scratch[512];
	int result;

	if (!s->write_failed || s->verdict != OUTPUT_LOST)
		return;
	do {
		ERR_clear_error();
		errno = 0;
		result = SSL_read(s->tls->ssl, scratch, sizeof(scratch));
	} while (result > 0);
	if (SSL_get_error(s->tls->ssl, result) == SSL_ERROR_SSL &&
	    tls_failure(s->tls->ssl, result, 0, &em) == OUTPUT_HELD) {
		errmsg_prefix(&em, "%s", endpoint_name(s->set.endpoint).text);
		s->why = em;
		s->verdict = OUTPUT_HELD;
	}
	ERR_clear_error();
}
