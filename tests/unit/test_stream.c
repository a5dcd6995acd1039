/* One connection to one peer: what is written arrives, what ends is noticed, and a callback may
 * take it all down. The peer is a thread on the loopback, the names are the test's own. */
#include "base/log.h"
#include "outputs/resolver.h"
#include "tests/unit/stream_rig.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#define MANY_BYTES (16u << 20)

/* What names resolve to here. */
static struct {
	const char *addresses[4];
	int error;
	atomic_int may_answer; /* 0: the lookup waits */
} names;

int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
		       struct addrinfo **found);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
		       struct addrinfo **found);

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
		       struct addrinfo **found)
{
	struct addrinfo numeric = *hints, **end = found;
	size_t i;

	if (__real_getaddrinfo(host, port, &(struct addrinfo){ .ai_flags = AI_NUMERICHOST },
			       found) == 0) {
		freeaddrinfo(*found);
		return __real_getaddrinfo(host, port, hints, found);
	}
	if (hints->ai_flags & AI_NUMERICHOST)
		return EAI_NONAME;
	while (!atomic_load(&names.may_answer))
		usleep(1000);
	if (names.error)
		return names.error;
	numeric.ai_flags |= AI_NUMERICHOST;
	for (i = 0; names.addresses[i]; i++) {
		assert_int_equal(__real_getaddrinfo(names.addresses[i], port, &numeric, end), 0);
		while (*end)
			end = &(*end)->ai_next;
	}
	return 0;
}

static void read_until_end(struct stream_rig *rig, int fd)
{
	ssize_t n;

	while (rig->peer_got_len < sizeof(rig->peer_got) &&
	       (n = recv(fd, rig->peer_got + rig->peer_got_len,
			 sizeof(rig->peer_got) - rig->peer_got_len, 0)) > 0)
		rig->peer_got_len += n;
}

static void answer_then_read(struct stream_rig *rig, int fd)
{
	assert_int_equal(send(fd, "hello", 5, 0), 5);
	read_until_end(rig, fd);
}

static void close_at_once(struct stream_rig *rig, int fd)
{
}

static bool has_answer(const struct stream_rig *rig)
{
	return rig->got_len == 5;
}

static void both_ways(void **state)
{
	struct stream_rig rig;

	rig_init(&rig);
	rig.input_max_bytes = 64;
	rig.out = "abcdef";
	rig.out_len = 6;
	rig_peer(&rig, answer_then_read, 1);
	rig_open(&rig);
	rig_until(&rig, has_answer);
	assert_memory_equal(rig.got, "hello", 5);
	assert_int_equal(stream_written(rig.stream), 6);
	stream_free(&rig.stream);
	pthread_join(rig.thread, NULL);
	rig.has_thread = false;
	assert_int_equal(rig.peer_got_len, 6);
	assert_memory_equal(rig.peer_got, "abcdef", 6);
	rig_close(&rig);
}

/* Reads slowly at first, and checks what comes against what the writer sends. */
static void count_many(struct stream_rig *rig, int fd)
{
	static unsigned char part[65536];
	size_t i, total = 0;
	ssize_t n;

	while (total < MANY_BYTES &&
	       (n = recv(fd, part, total < 100000 ? 1000 : sizeof(part), 0)) > 0)
		for (i = 0; i < (size_t)n; i++, total++)
			if (part[i] != (unsigned char)(total % 251))
				return;
	snprintf(rig->peer_got, sizeof(rig->peer_got), "%zu", total);
	send(fd, "hello", 5, 0);
	read_until_end(rig, fd);
}

static char *pattern(void)
{
	char *bytes = malloc(MANY_BYTES);
	size_t i;

	for (i = 0; i < MANY_BYTES; i++)
		bytes[i] = i % 251;
	return bytes;
}

static void partial_writes_are_resumed(void **state)
{
	char *bytes = pattern();
	struct stream_rig rig;

	rig_init(&rig);
	rig.input_max_bytes = 64;
	rig.out = bytes;
	rig.out_len = MANY_BYTES;
	rig_peer(&rig, count_many, 1);
	rig_open(&rig);
	rig_until(&rig, has_answer);
	assert_true(rig.writables > 0);
	assert_int_equal(stream_acked(rig.stream), MANY_BYTES);
	stream_free(&rig.stream);
	rig_close(&rig);
	assert_int_equal(strtoul(rig.peer_got, NULL, 10), MANY_BYTES);
	free(bytes);
}

static void many_small_pieces(void **state)
{
	static struct iovec iov[3000];
	struct stream_rig rig;
	char *bytes = pattern();
	size_t i, n = ARRAY_SIZE(iov), first = 0;

	rig_init(&rig);
	rig.input_max_bytes = 64;
	rig_peer(&rig, count_many, 1);
	rig_open(&rig);
	rig_until(&rig, rig_is_open);
	for (i = 0; i < n; i++)
		iov[i] = (struct iovec){ bytes + i * (MANY_BYTES / n), MANY_BYTES / n };
	iov[n - 1].iov_len = MANY_BYTES - (n - 1) * (MANY_BYTES / n);
	while (first < n) {
		first += stream_skip(iov + first, n - first,
				     stream_write(rig.stream, iov + first, n - first));
		event_base_loop(rig.base, EVLOOP_NONBLOCK);
	}
	rig_until(&rig, has_answer);
	stream_free(&rig.stream);
	rig_close(&rig);
	assert_int_equal(strtoul(rig.peer_got, NULL, 10), MANY_BYTES);
	free(bytes);
}

static atomic_bool peer_may_go;

static void hold_unread(struct stream_rig *rig, int fd)
{
	while (!atomic_load(&peer_may_go))
		usleep(1000);
}

/* What the peer's kernel has no room for is written, but has not arrived. */
static void unread_is_not_acked(void **state)
{
	char *bytes = pattern();
	struct stream_rig rig;
	int small = 4096;

	rig_init(&rig);
	setsockopt(rig.listen_fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	rig.out = bytes;
	rig.out_len = MANY_BYTES;
	atomic_store(&peer_may_go, false);
	rig_peer(&rig, hold_unread, 1);
	rig_open(&rig);
	rig_until(&rig, rig_is_open);
	assert_true(stream_written(rig.stream) > 65536);
	assert_true(stream_acked(rig.stream) < stream_written(rig.stream));
	atomic_store(&peer_may_go, true);
	rig_until(&rig, rig_has_ended); /* closed with unread bytes: a reset */
	assert_int_equal(rig.verdict, OUTPUT_LOST);
	rig_close(&rig);
	free(bytes);
}

static void end_is_noticed_while_idle(void **state)
{
	struct stream_rig rig;

	rig_init(&rig);
	rig_peer(&rig, close_at_once, 1);
	rig_open(&rig);
	rig_until(&rig, rig_has_ended);
	assert_int_equal(rig.opened, 1);
	assert_int_equal(rig.verdict, OUTPUT_LOST);
	assert_non_null(strstr(rig.why.text, "127.0.0.1:"));
	assert_non_null(strstr(rig.why.text, "the peer closed the connection"));
	rig_close(&rig);
}

static void reset_at_once(struct stream_rig *rig, int fd)
{
	struct linger linger = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static void reset_is_noticed_while_idle(void **state)
{
	struct stream_rig rig;

	rig_init(&rig);
	rig_peer(&rig, reset_at_once, 1);
	rig_open(&rig);
	rig_until(&rig, rig_has_ended);
	assert_int_equal(rig.verdict, OUTPUT_LOST);
	assert_non_null(strstr(rig.why.text, "reset"));
	rig_close(&rig);
}

static void babble(struct stream_rig *rig, int fd)
{
	char nonsense[4096] = { 0 };

	send(fd, nonsense, sizeof(nonsense), MSG_NOSIGNAL);
	read_until_end(rig, fd);
}

static void too_much_input_ends_it(void **state)
{
	struct stream_rig rig;

	rig_init(&rig);
	rig.input_max_bytes = 1000;
	rig.keep = 1;
	rig_peer(&rig, babble, 1);
	rig_open(&rig);
	rig_until(&rig, rig_has_ended);
	assert_non_null(strstr(rig.why.text, "sent 1000 bytes that are no answer"));
	rig_close(&rig);
}

static void refused(void **state)
{
	struct stream_rig rig;
	char words[64];

	rig_init(&rig);
	close(rig.listen_fd);
	rig_open(&rig);
	rig_until(&rig, rig_has_ended);
	assert_int_equal(rig.opened, 0);
	assert_int_equal(rig.verdict, OUTPUT_LOST);
	snprintf(words, sizeof(words), "can't connect to 127.0.0.1:%u: Connection refused",
		 (unsigned int)rig.endpoint.port);
	assert_string_equal(rig.why.text, words);
	rig.listen_fd = -1;
	rig_close(&rig);
}

static void use_name(struct stream_rig *rig, const char *first, const char *second)
{
	names.error = 0;
	names.addresses[0] = first;
	names.addresses[1] = second;
	names.addresses[2] = NULL;
	atomic_store(&names.may_answer, 1);
	snprintf(rig->endpoint.host, sizeof(rig->endpoint.host), "log.example");
	rig->endpoint.is_literal = false;
}

static void next_address_when_one_refuses(void **state)
{
	struct stream_rig rig;

	rig_init(&rig);
	use_name(&rig, "127.0.0.2", "127.0.0.1");
	rig_peer(&rig, read_until_end, 1);
	rig_open(&rig);
	rig_until(&rig, rig_is_open);
	rig_close(&rig);
}

static void all_addresses_refuse(void **state)
{
	struct stream_rig rig;

	rig_init(&rig);
	use_name(&rig, "127.0.0.2", "127.0.0.3");
	rig_open(&rig);
	rig_until(&rig, rig_has_ended);
	assert_non_null(strstr(rig.why.text, "can't connect to log.example:"));
	assert_non_null(strstr(rig.why.text, "127.0.0.2:"));
	assert_non_null(strstr(rig.why.text, "127.0.0.3:"));
	rig_close(&rig);
}

/* A listener whose queue is full answers nothing. */
static void fill_queue(int fds[8], const struct sockaddr_in *addr)
{
	size_t i;

	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fds[0], (struct sockaddr *)addr, sizeof(*addr)), 0);
	assert_int_equal(listen(fds[0], 0), 0);
	for (i = 1; i < 8; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fds[i], (struct sockaddr *)addr, sizeof(*addr));
	}
}

static void next_address_joins_a_silent_one(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct stream_rig rig;
	int fds[8];
	size_t i;

	rig_init(&rig);
	addr.sin_port = htons(rig.endpoint.port);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	fill_queue(fds, &addr);
	use_name(&rig, "127.0.0.2", "127.0.0.1");
	rig_peer(&rig, read_until_end, 1);
	rig_open(&rig);
	rig_until(&rig, rig_is_open);
	rig_close(&rig);
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

static void silent_peer_times_out(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct stream_rig rig;
	int fds[8];
	size_t i;

	rig_init(&rig);
	addr.sin_port = htons(rig.endpoint.port);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	fill_queue(fds, &addr);
	snprintf(rig.endpoint.host, sizeof(rig.endpoint.host), "127.0.0.2");
	rig.settings.connect_timeout_ns = 50 * NSEC_PER_MSEC;
	rig_open(&rig);
	rig_until(&rig, rig_has_ended);
	assert_non_null(strstr(rig.why.text, "no answer in time"));
	rig_close(&rig);
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

static void unknown_name(void **state)
{
	struct stream_rig rig;

	rig_init(&rig);
	use_name(&rig, NULL, NULL);
	names.error = EAI_NONAME;
	rig_open(&rig);
	rig_until(&rig, rig_has_ended);
	assert_int_equal(rig.verdict, OUTPUT_LOST);
	assert_string_equal(rig.why.text, "can't look up log.example: no such name");
	rig_close(&rig);
}

/* A lookup that doesn't end holds up nobody, also not who gives it up. */
static void slow_lookup(void **state)
{
	struct stream_rig rig;

	rig_init(&rig);
	use_name(&rig, "127.0.0.1", NULL);
	atomic_store(&names.may_answer, 0);
	rig.settings.connect_timeout_ns = 20 * NSEC_PER_MSEC;
	rig_open(&rig);
	rig_until(&rig, rig_has_ended);
	assert_string_equal(rig.why.text, "can't look up log.example: no answer in time");
	rig_open(&rig);
	stream_free(&rig.stream);
	atomic_store(&names.may_answer, 1);
	rig_close(&rig);
}

static void too_many_lookups(void **state)
{
	struct resolver *resolvers[RESOLVER_MAX_LOOKUPS + 1];
	struct event_base *base = event_base_new();
	struct errmsg em;
	int i, err = 0;

	atomic_store(&names.may_answer, 0);
	for (i = 0; i <= RESOLVER_MAX_LOOKUPS && !err; i++)
		err = resolver_start(base, "log.example", 1, SOCK_STREAM, NULL, NULL, &resolvers[i],
				     &em);
	assert_int_equal(err, -EAGAIN);
	assert_non_null(strstr(em.text, "64 lookups are unanswered"));
	while (--i >= 0)
		resolver_free(&resolvers[i]);
	/* Once they are answered, there is room again. */
	atomic_store(&names.may_answer, 1);
	do
		err = resolver_start(base, "log.example", 1, SOCK_STREAM, NULL, NULL, &resolvers[0],
				     &em);
	while (err == -EAGAIN);
	assert_int_equal(err, 0);
	resolver_free(&resolvers[0]);
	event_base_free(base);
}

static void families_by_turns(void *ctx, const struct resolver_answer *answer,
			      const struct errmsg *em)
{
	assert_non_null(answer);
	assert_int_equal(answer->n, 3);
	assert_string_equal(resolver_address_text(&answer->v[0]).text, "192.0.2.1:7");
	assert_string_equal(resolver_address_text(&answer->v[1]).text, "[2001:db8::1]:7");
	assert_string_equal(resolver_address_text(&answer->v[2]).text, "192.0.2.2:7");
	*(bool *)ctx = true;
}

static void families_take_turns(void **state)
{
	struct event_base *base = event_base_new();
	struct resolver *resolver;
	struct errmsg em;
	bool heard = false;

	names.error = 0;
	names.addresses[0] = "192.0.2.1";
	names.addresses[1] = "192.0.2.2";
	names.addresses[2] = "2001:db8::1";
	names.addresses[3] = NULL;
	atomic_store(&names.may_answer, 1);
	assert_int_equal(resolver_start(base, "log.example", 7, SOCK_STREAM, families_by_turns,
					&heard, &resolver, &em),
			 0);
	event_base_dispatch(base);
	assert_true(heard);
	resolver_free(&resolver);
	event_base_free(base);
}

static void freed_in_callback(void **state)
{
	struct stream_rig rig;

	rig_init(&rig);
	rig.free_in_callback = true;
	rig_peer(&rig, read_until_end, 1);
	rig_open(&rig);
	rig_until(&rig, rig_is_open);
	assert_null(rig.stream);
	rig_close(&rig);
	assert_int_equal(rig.ends, 0);
}

static void unix_socket(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stream_rig rig;

	rig_init(&rig);
	close(rig.listen_fd);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/tmp/weir-stream-%d", getpid());
	rig.listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(rig.listen_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(rig.listen_fd, 1), 0);
	memcpy(rig.endpoint.path, addr.sun_path, sizeof(rig.endpoint.path));
	rig.input_max_bytes = 64;
	rig_peer(&rig, answer_then_read, 1);
	rig_open(&rig);
	rig_until(&rig, has_answer);
	stream_free(&rig.stream);
	rig_close(&rig);
	unlink(addr.sun_path);
}

static void read_request(struct stream_rig *rig, int fd)
{
	while (!memmem(rig->peer_got, rig->peer_got_len, "\r\n\r\n", 4)) {
		ssize_t n = recv(fd, rig->peer_got + rig->peer_got_len, 1, 0);

		if (n <= 0)
			return;
		rig->peer_got_len++;
	}
}

/* The peer's first words follow the proxy's at once: none of them may be lost. */
static void proxy_connects(struct stream_rig *rig, int fd)
{
	static const char answer[] = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nhello";

	read_request(rig, fd);
	send(fd, answer, sizeof(answer) - 1, 0);
	while (recv(fd, rig->peer_got + rig->peer_got_len, 1, 0) == 1)
		rig->peer_got_len++;
}

static void proxy_refuses(struct stream_rig *rig, int fd)
{
	static const char answer[] = "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";

	read_request(rig, fd);
	send(fd, answer, sizeof(answer) - 1, 0);
}

static void use_proxy(struct stream_rig *rig, char proxy[32])
{
	snprintf(proxy, 32, "127.0.0.1:%u", (unsigned int)rig->endpoint.port);
	rig->settings.proxy = proxy;
	rig->settings.proxy_user = (char *)"jo";
	snprintf(rig->endpoint.host, sizeof(rig->endpoint.host), "siem.example");
	rig->endpoint.port = 6514;
}

static void through_a_proxy(void **state)
{
	static const char wanted[] = "CONNECT siem.example:6514 HTTP/1.1\r\n"
				     "Host: siem.example:6514\r\n"
				     "Proxy-Authorization: Basic am86\r\n\r\nabc";
	struct stream_rig rig;
	char proxy[32];

	rig_init(&rig);
	use_proxy(&rig, proxy);
	rig.input_max_bytes = 64;
	rig.out = "abc";
	rig.out_len = 3;
	rig_peer(&rig, proxy_connects, 1);
	rig_open(&rig);
	rig_until(&rig, has_answer);
	rig_close(&rig);
	assert_int_equal(rig.peer_got_len, sizeof(wanted) - 1);
	assert_memory_equal(rig.peer_got, wanted, sizeof(wanted) - 1);
}

static void proxy_is_not_there(void **state)
{
	struct stream_rig rig;
	char proxy[32];

	rig_init(&rig);
	use_proxy(&rig, proxy);
	close(rig.listen_fd);
	rig_open(&rig);
	rig_until(&rig, rig_has_ended);
	assert_int_equal(rig.verdict, OUTPUT_LOST);
	assert_non_null(strstr(rig.why.text, "siem.example:6514: proxy: can't connect to 127.0."));
	rig.listen_fd = -1;
	rig_close(&rig);
}

static void proxy_wants_another_password(void **state)
{
	struct stream_rig rig;
	char proxy[32];

	rig_init(&rig);
	use_proxy(&rig, proxy);
	rig_peer(&rig, proxy_refuses, 1);
	rig_open(&rig);
	rig_until(&rig, rig_has_ended);
	assert_int_equal(rig.verdict, OUTPUT_HELD);
	assert_non_null(strstr(rig.why.text, "407"));
	assert_non_null(strstr(rig.why.text, "siem.example:6514: proxy 127.0.0.1:"));
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways),
		cmocka_unit_test(partial_writes_are_resumed),
		cmocka_unit_test(many_small_pieces),
		cmocka_unit_test(unread_is_not_acked),
		cmocka_unit_test(end_is_noticed_while_idle),
		cmocka_unit_test(reset_is_noticed_while_idle),
		cmocka_unit_test(too_much_input_ends_it),
		cmocka_unit_test(refused),
		cmocka_unit_test(next_address_when_one_refuses),
		cmocka_unit_test(all_addresses_refuse),
		cmocka_unit_test(next_address_joins_a_silent_one),
		cmocka_unit_test(silent_peer_times_out),
		cmocka_unit_test(unknown_name),
		cmocka_unit_test(slow_lookup),
		cmocka_unit_test(too_many_lookups),
		cmocka_unit_test(families_take_turns),
		cmocka_unit_test(freed_in_callback),
		cmocka_unit_test(unix_socket),
		cmocka_unit_test(through_a_proxy),
		cmocka_unit_test(proxy_is_not_there),
		cmocka_unit_test(proxy_wants_another_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
