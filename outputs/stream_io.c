/* outputs/stream_io.c: bytes to and from the peer, over the socket itself. */
#include "outputs/stream_internal.h"

#include <errno.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

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

size_t stream_receive(struct stream *s, void *to, size_t n)
{
	struct errmsg em = { "the peer closed the connection" };
	ssize_t got;

	if (s->tls)
		return stream_tls_receive(s, to, n);
	got = recv(s->fd, to, n, MSG_DONTWAIT);
	if (got > 0)
		return got;
	if (got == 0)
		stream_end(s, OUTPUT_LOST, &em);
	else if (errno != EAGAIN && errno != EINTR)
		stream_end_errno(s, errno);
	return 0;
}

size_t stream_send(struct stream *s, const struct iovec *iov, size_t n)
{
	struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };
	ssize_t sent = sendmsg(s->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent >= 0)
		return sent;
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

/* As many as one system call takes with each turn; one that took less than all is the last. */
static size_t write_plain(struct stream *s, const struct iovec *iov, size_t n)
{
	size_t first, taken = 0;

	for (first = 0; first < n; first += IOV_MAX) {
		size_t part = n - first < IOV_MAX ? n - first : IOV_MAX;
		size_t sent = stream_send(s, iov + first, part);

		taken += sent;
		s->written += sent;
		if (sent < bytes_of(iov + first, part)) {
			s->caller_waits = true;
			stream_await_write(s);
			break;
		}
	}
	return taken;
}

size_t stream_write(struct stream *s, const struct iovec *iov, size_t n)
{
	if (s->state != STREAM_OPEN)
		return 0;
	return s->tls ? stream_tls_write(s, iov, n) : write_plain(s, iov, n);
}

uint64_t stream_written(const struct stream *s)
{
	return s->written;
}

uint64_t stream_acked(struct stream *s)
{
	uint64_t acked;
	int queued = 0;

	/* In a Unix socket's queue, overhead counts too: it errs to the safe side. */
	if (s->state != STREAM_OPEN || ioctl(s->fd, TIOCOUTQ, &queued) != 0)
		return s->acked;
	if (s->tls)
		acked = stream_tls_acked(s, queued);
	else
		acked = s->written > (uint64_t)queued ? s->written - queued : 0;
	if (acked > s->acked)
		s->acked = acked;
	return s->acked;
}
