/* outputs/stream_io.c: bytes to and from the peer, over the socket itself or through TLS. TLS may
 * want to read before it can write and the other way round; what it waits for is kept in the
 * record's flags. */
#include "outputs/stream_internal.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Work of one call, so that other connections get their turn. */
#define WRITE_CALLS 8

size_t stream_skip(struct iovec *iov, size_t n, size_t bytes)
{
	size_t i;

	for (i = 0; i < n && bytes >= iov[i].iov_len; i++) {
		bytes -= iov[i].iov_len;
		iov[i].iov_len = 0;
	}
	if (i < n) {
		iov[i].iov_base = (char *)iov[i].iov_base + bytes;
		iov[i].iov_len -= bytes;
	}
	return i;
}

/* What OpenSSL says about a call that gave `result`. */
static enum stream_io tls_result(struct stream *s, int result, int saved_errno, bool *wants_read,
				 bool *wants_write)
{
	struct errmsg em = { "" };
	enum output_verdict verdict;

	switch (SSL_get_error(s->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		*wants_read = true;
		return STREAM_IO_WAIT;
	case SSL_ERROR_WANT_WRITE:
		*wants_write = true;
		stream_await_write(s);
		return STREAM_IO_WAIT;
	default:
		verdict = tls_failure(s->ssl, result, saved_errno, &em);
		stream_end(s, verdict, &em);
		return STREAM_IO_ENDED;
	}
}

enum stream_io stream_handshake(struct stream *s)
{
	struct errmsg em = { "" };
	bool ignored = false;
	int result;

	ERR_clear_error();
	errno = 0;
	result = SSL_do_handshake(s->ssl);
	if (result != 1)
		return tls_result(s, result, errno, &ignored, &ignored);
	if (!tls_check_peer(s->set.tls, s->ssl, &em)) {
		stream_end(s, OUTPUT_HELD, &em);
		return STREAM_IO_ENDED;
	}
	return STREAM_IO_DONE;
}

static size_t receive_tls(struct stream *s, void *to, size_t n)
{
	bool ignored = false;
	int result;

	s->record->read_wants_write = false;
	ERR_clear_error();
	errno = 0;
	result = SSL_read(s->ssl, to, n < INT_MAX ? n : INT_MAX);
	if (result > 0)
		return result;
	tls_result(s, result, errno, &ignored, &s->record->read_wants_write);
	return 0;
}

size_t stream_receive(struct stream *s, void *to, size_t n)
{
	struct errmsg em = { "the peer closed the connection" };
	ssize_t got;

	if (s->ssl)
		return receive_tls(s, to, n);
	got = recv(s->fd, to, n, MSG_DONTWAIT);
	if (got > 0)
		return got;
	if (got == 0)
		stream_end(s, OUTPUT_LOST, &em);
	else if (errno != EAGAIN && errno != EINTR)
		stream_end_errno(s, errno);
	return 0;
}

bool stream_has_more(const struct stream *s)
{
	return s->ssl && SSL_has_pending(s->ssl);
}

/* With the ring full the newest mark moves on: it says less exactly, never too early, when its
 * bytes have arrived. */
static void add_mark(struct stream_record *record, uint64_t plain, uint64_t wire)
{
	size_t at;

	if (record->mark_count < STREAM_MARKS)
		record->mark_count++;
	at = (record->mark_head + record->mark_count - 1) % STREAM_MARKS;
	record->marks[at] = (struct stream_mark){ plain, wire };
}

enum stream_io stream_flush(struct stream *s)
{
	struct stream_record *record = s->record;
	bool wants_write = false;
	int result;

	if (!record || record->len == 0)
		return STREAM_IO_DONE;
	record->write_wants_read = false;
	ERR_clear_error();
	errno = 0;
	result = SSL_write(s->ssl, record->bytes, record->len);
	if (result <= 0) {
		enum stream_io io =
			tls_result(s, result, errno, &record->write_wants_read, &wants_write);

		s->write_failed = io == STREAM_IO_ENDED;
		return io;
	}
	record->len = 0; /* a record is written whole or not at all */
	add_mark(record, s->written, BIO_number_written(SSL_get_wbio(s->ssl)));
	return STREAM_IO_DONE;
}

/* Fills records from wherever the bytes lie: a record each would cost several times more. */
static size_t write_tls(struct stream *s, const struct iovec *iov, size_t n)
{
	struct stream_record *record = s->record;
	size_t i, taken = 0;

	if (record->len)
		return 0;
	for (i = 0; i < n; i++) {
		size_t at = 0;

		while (at < iov[i].iov_len) {
			size_t room = TLS_RECORD_BYTES - record->len, left = iov[i].iov_len - at;
			size_t part = left < room ? left : room;

			memcpy(record->bytes + record->len, (char *)iov[i].iov_base + at, part);
			record->len += part;
			s->written += part;
			taken += part;
			at += part;
			if (record->len == TLS_RECORD_BYTES && stream_flush(s) != STREAM_IO_DONE)
				return taken;
		}
	}
	stream_flush(s);
	return taken;
}

static size_t write_plain(struct stream *s, const struct iovec *iov, size_t n)
{
	struct msghdr message = { .msg_iov = (struct iovec *)iov,
				  .msg_iovlen = n < IOV_MAX ? n : IOV_MAX };
	ssize_t sent = sendmsg(s->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent >= 0) {
		s->written += sent;
		return sent;
	}
	if (errno != EAGAIN && errno != EINTR) {
		s->write_failed = true;
		stream_end_errno(s, errno);
	}
	return 0;
}

static size_t bytes_of(const struct iovec *iov, size_t n)
{
	size_t i, bytes = 0;

	for (i = 0; i < n; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

/* The most that fits one system call goes with each turn; a turn that took less ends it. */
static size_t write_plain_all(struct stream *s, const struct iovec *iov, size_t n, bool *all_r)
{
	size_t first, taken = 0;
	unsigned int calls = 0;

	*all_r = false;
	for (first = 0; first < n; first += IOV_MAX) {
		size_t part = n - first < IOV_MAX ? n - first : IOV_MAX;
		size_t bytes = bytes_of(iov + first, part),
		       sent = write_plain(s, iov + first, part);

		taken += sent;
		if (sent < bytes || (++calls == WRITE_CALLS && first + part < n))
			return taken;
	}
	*all_r = true;
	return taken;
}

size_t stream_write(struct stream *s, const struct iovec *iov, size_t n)
{
	size_t taken;
	bool all;

	if (s->state != STREAM_OPEN)
		return 0;
	if (s->ssl) {
		taken = write_tls(s, iov, n);
		all = taken == bytes_of(iov, n);
	} else {
		taken = write_plain_all(s, iov, n, &all);
	}
	if (!all && s->state == STREAM_OPEN) {
		s->caller_waits = true;
		if (!s->record || !s->record->write_wants_read)
			stream_await_write(s);
	}
	return taken;
}

uint64_t stream_written(const struct stream *s)
{
	return s->written;
}

static uint64_t acked_of_marks(struct stream_record *record, uint64_t wire, uint64_t acked)
{
	while (record->mark_count && record->marks[record->mark_head].wire <= wire) {
		acked = record->marks[record->mark_head].plain;
		record->mark_head = (record->mark_head + 1) % STREAM_MARKS;
		record->mark_count--;
	}
	return acked;
}

uint64_t stream_acked(struct stream *s)
{
	uint64_t wire, acked = s->acked;
	int queued = 0;

	/* In a Unix socket's queue, overhead counts too: it errs to the safe side. */
	if (s->state != STREAM_OPEN || ioctl(s->fd, TIOCOUTQ, &queued) != 0)
		return acked;
	wire = s->ssl ? BIO_number_written(SSL_get_wbio(s->ssl)) : s->written;
	wire = wire > (uint64_t)queued ? wire - queued : 0;
	if (s->ssl)
		acked = acked_of_marks(s->record, wire, acked);
	else if (wire > acked)
		acked = wire;
	s->acked = acked;
	return acked;
}

void stream_seek_reason(struct stream *s)
{
	struct errmsg em;
	char scratch[512];
	int result, code;

	if (!s->ssl || !s->write_failed || s->verdict != OUTPUT_LOST)
		return;
	do {
		ERR_clear_error();
		errno = 0;
		result = SSL_read(s->ssl, scratch, sizeof(scratch));
	} while (result > 0);
	code = SSL_get_error(s->ssl, result);
	if (code == SSL_ERROR_SSL && tls_failure(s->ssl, result, 0, &em) == OUTPUT_HELD) {
		errmsg_prefix(&em, "%s", endpoint_name(s->set.endpoint).text);
		s->why = em;
		s->verdict = OUTPUT_HELD;
	}
	ERR_clear_error();
}
