/* Whatever a Fluentd server says, in pieces of any size, with a handshake and without one: nothing
 * is read outside of what came, no chunk counts as confirmed that was not, nobody is let in without
 * the digest, and the connection ends at most once. The stream is this file's own: the first byte
 * says whether there is a key and how the rest is cut. */
#include "base/secret.h"
#include "outputs/fluentd_connection.h"
#include "outputs/msgpack_reader.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>

#define INPUT_BYTES 8192
#define CHUNK	    "AAAAAAAAAAAAAAAAAAAAAA=="

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_stream_open(const struct stream_options *options, struct stream **stream_r,
		       struct errmsg *em);
void __wrap_stream_free(struct stream **stream);
size_t __wrap_stream_write(struct stream *stream, const struct iovec *iov, size_t n);

static struct stream_options options;
static bool is_open;
static unsigned int readies, ends, acks;

int __wrap_stream_open(const struct stream_options *set, struct stream **stream_r,
		       struct errmsg *em)
{
	options = *set;
	*stream_r = (struct stream *)&options;
	is_open = true;
	return 0;
}

void __wrap_stream_free(struct stream **stream)
{
	*stream = NULL;
	is_open = false;
}

size_t __wrap_stream_write(struct stream *stream, const struct iovec *iov, size_t n)
{
	assert(n == 1 && iov->iov_len < 2048);
	return iov->iov_len;
}

static void on_ready(void *ctx)
{
	readies++;
}

static void on_writable(void *ctx)
{
}

static bool on_acked(void *ctx, struct str id)
{
	assert(readies);
	acks++;
	return str_equal(id, STR(CHUNK));
}

static void on_ended(void *ctx, enum output_verdict verdict, const struct errmsg *em)
{
	assert(verdict == OUTPUT_LOST || verdict == OUTPUT_HELD);
	assert(em->text[0] && !strstr(em->text, "k3y"));
	ends++;
}

static const struct fluentd_connection_callbacks callbacks = {
	.ready = on_ready,
	.writable = on_writable,
	.acked = on_acked,
	.ended = on_ended,
};

/* As a stream does: what isn't taken comes again with more behind it. In memory of its exact size,
 * so that a sanitizer sees each byte read too much. */
static void hear(struct str said, size_t step)
{
	size_t begin = 0, end = 0;

	while (is_open && end < said.n) {
		size_t used, n;
		char *copy;

		end = end + step < said.n ? end + step : said.n;
		n = end - begin;
		if (n > INPUT_BYTES)
			return;
		copy = malloc(n);
		assert(copy);
		memcpy(copy, said.p + begin, n);
		used = options.callbacks->received(options.ctx, (struct str){ copy, n });
		free(copy);
		assert(used <= n);
		begin += used;
	}
}

static void converse(struct event_base *base, bool with_key, struct str said, size_t step)
{
	static struct secret *key, *password;
	static const struct endpoint endpoint = { .host = "localhost", .port = 24224 };
	static const struct stream_settings settings = { .connect_timeout_ns = NSEC_PER_SEC };
	struct fluentd_identity identity = { .hostname = "sensor", .username = "joe" };
	struct fluentd_connection *connection;
	struct errmsg em;

	if (!key) {
		key = secret_create("k3y", 3);
		password = secret_create("k3ypw", 5);
	}
	identity.shared_key = with_key ? key : NULL;
	identity.password = password;
	readies = ends = acks = 0;
	assert(fluentd_connection_open(
		       &(struct fluentd_connection_options){ .base = base,
							     .endpoint = &endpoint,
							     .settings = &settings,
							     .identity = &identity,
							     .callbacks = &callbacks },
		       &connection, &em) == 0);
	options.callbacks->opened(options.ctx);
	hear(said, step);
	/* The salt is random: no bytes made before can hold the digest. */
	assert(readies == !with_key && ends <= 1 && is_open == !ends);
	fluentd_connection_free(&connection);
}

static void skip(struct str said)
{
	struct str rest = said, part;

	if (msgpack_skip(&rest) != MSGPACK_OK)
		return;
	assert(rest.p > said.p && rest.p + rest.n == said.p + said.n);
	part = (struct str){ said.p, said.n - rest.n - 1 };
	assert(msgpack_skip(&part) == MSGPACK_MORE);
	part = said;
	if (msgpack_find(&part, STR("ack")))
		assert(part.p > said.p && part.p < rest.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct event_base *base;
	struct str said = { (const char *)data + 1, size - 1 };

	if (size == 0 || size > 2 * INPUT_BYTES)
		return 0;
	if (!base)
		base = event_base_new();
	assert(base);
	skip(said);
	converse(base, data[0] & 1, said, 1 + (data[0] >> 1) * 3);
	return 0;
}
