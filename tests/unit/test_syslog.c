/* The syslog destination against scripted peers: what a message looks like to the byte, which of
 * what is configured is refused, and what becomes of batches when a peer takes them, breaks off,
 * answers badly or isn't there. */
#include "outputs/format.h"
#include "outputs/relp.h"
#include "outputs/syslog_internal.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#define BOOT_ID	 "11111111-2222-3333-4444-555555555555"
#define TIME_NS	 1700000000123456789ull
#define LIMIT_NS (10 * NSEC_PER_SEC)
#define EVENT	 "{\"a\":1}"

extern const struct output_type output_syslog;

/* What the destination has said of its batches. */
static struct {
	unsigned int settled[OUTPUT_HELD + 1];
	struct batch *last;
	struct errmsg em, said_of_send;
} heard;

void __wrap_output_settled(struct output *out, struct batch *batch, enum output_verdict verdict,
			   const struct errmsg *em);
void __wrap_output_error(struct output *out, const struct errmsg *em);

void __wrap_output_settled(struct output *out, struct batch *batch, enum output_verdict verdict,
			   const struct errmsg *em)
{
	heard.settled[verdict]++;
	heard.last = batch;
	if (em && verdict != OUTPUT_SENT)
		heard.em = *em;
}

void __wrap_output_error(struct output *out, const struct errmsg *em)
{
	heard.em = *em;
	heard.said_of_send = *em;
}

/* --- a destination on a loop, a peer in a thread ------------------------------------------- */

struct rig {
	struct event_base *base;
	struct output_settings *settings;
	struct output *out;
	int listen_fd;
	uint16_t port;
	char directory[32], path[64]; /* for Unix sockets */
	pthread_t thread;
	bool has_thread;
	void (*peer)(struct rig *rig, int fd);
	char got[1 << 20];
	size_t got_len;
	bool is_beyond_window; /* it was sent more than the window lets through */
};

static atomic_bool peer_may_go;

static int listen_on(struct rig *rig, int type)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);

	rig->listen_fd = socket(AF_INET, type, 0);
	assert_int_equal(bind(rig->listen_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(rig->listen_fd, 4), 0);
	getsockname(rig->listen_fd, (struct sockaddr *)&addr, &len);
	return rig->port = ntohs(addr.sin_port);
}

static int listen_on_path(struct rig *rig, int type)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(rig->directory, sizeof(rig->directory), "/tmp/weir-syslog-XXXXXX");
	assert_non_null(mkdtemp(rig->directory));
	snprintf(rig->path, sizeof(rig->path), "%s/log", rig->directory);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", rig->path);
	rig->listen_fd = socket(AF_UNIX, type, 0);
	assert_int_equal(bind(rig->listen_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return type == SOCK_STREAM ? listen(rig->listen_fd, 4) : 0;
}

/* One socket at the address, `yaml` behind it. */
static void start(struct rig *rig, int type, const char *yaml)
{
	char text[1024];
	struct config_document *doc;
	struct errmsg em = { "" };

	signal(SIGPIPE, SIG_IGN);
	memset(rig, 0, sizeof(*rig));
	memset(&heard, 0, sizeof(heard));
	rig->base = event_base_new();
	if (strstr(yaml, "unix"))
		assert_int_equal(listen_on_path(rig, type), 0);
	else
		snprintf(rig->path, sizeof(rig->path), "127.0.0.1:%d", listen_on(rig, type));
	snprintf(text, sizeof(text),
		 "{name: s, type: syslog, address: '%s', hostname: host.example, %s}", rig->path,
		 yaml);
	if (config_parse(str_of(text), "test", &doc, &em) != 0 ||
	    output_settings_read(config_root(doc), &rig->settings, &em) != 0)
		fail_msg("%s", em.text);
	config_document_free(&doc);
	assert_int_equal(output_syslog.open(rig->settings, rig->base, &rig->out, &em), 0);
}

static void finish(struct rig *rig)
{
	if (rig->out)
		output_syslog.close(&rig->out);
	if (rig->has_thread)
		pthread_join(rig->thread, NULL);
	if (rig->listen_fd >= 0)
		close(rig->listen_fd);
	if (rig->directory[0]) {
		unlink(rig->path);
		rmdir(rig->directory);
	}
	output_settings_free(&rig->settings);
	event_base_free(rig->base);
}

static void *run_peer(void *arg)
{
	struct rig *rig = arg;
	int fd = accept(rig->listen_fd, NULL, NULL);

	rig->peer(rig, fd);
	close(fd);
	return NULL;
}

static void start_peer(struct rig *rig, void (*peer)(struct rig *rig, int fd))
{
	rig->peer = peer;
	rig->has_thread = true;
	assert_int_equal(pthread_create(&rig->thread, NULL, run_peer, rig), 0);
}

static struct batch *make_batch(const struct rig *rig, size_t n, const char *event)
{
	struct batch *batch = batch_create(n, 1 << 20);
	struct journal_record record = { .kind = KIND_PROCESS_EXEC,
					 .boot_id = STR(BOOT_ID),
					 .time_wall_ns = TIME_NS,
					 .json = str_of(event) };

	for (record.seq = 1; record.seq <= n; record.seq++)
		assert_int_equal(batch_add(batch, &record, rig->settings->formatter), 0);
	return batch;
}

static unsigned int settled(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(heard.settled); i++)
		n += heard.settled[i];
	return n;
}

/* Until so many batches are settled. */
static void run_until(struct rig *rig, unsigned int n)
{
	struct timeval pause = { 0, 10000 };
	struct clock clock;
	uint64_t until;

	clock_init(&clock);
	until = clock_boot_ns(&clock) + LIMIT_NS;
	while (settled() < n) {
		if (clock_boot_ns(&clock) > until)
			fail_msg("%u of %u settled in time", settled(), n);
		event_base_loopexit(rig->base, &pause);
		event_base_loop(rig->base, EVLOOP_ONCE);
	}
}

static void run_for_a_while(struct rig *rig)
{
	struct timeval pause = { 0, 30000 };

	event_base_loopexit(rig->base, &pause);
	event_base_loop(rig->base, 0);
}

static void read_all(struct rig *rig, int fd)
{
	ssize_t n;

	while ((n = recv(fd, rig->got + rig->got_len, sizeof(rig->got) - rig->got_len, 0)) > 0)
		rig->got_len += n;
}

/* Sends one batch over a stream and closes; what the peer got is in rig->got. */
static void deliver(struct rig *rig, const char *yaml, const char *event, size_t n)
{
	struct batch *batch;

	start(rig, SOCK_STREAM, yaml);
	start_peer(rig, read_all);
	batch = make_batch(rig, n, event);
	assert_int_equal(output_syslog.send(rig->out, batch), OUTPUT_PENDING);
	run_until(rig, 1);
	assert_int_equal(heard.settled[OUTPUT_SENT], 1);
	batch_unref(&batch);
	output_syslog.close(&rig->out);
	pthread_join(rig->thread, NULL);
	rig->has_thread = false;
	rig->got[rig->got_len] = '\0';
}

/* --- messages ------------------------------------------------------------------------------ */

#define SD(seq)                                                                         \
	"[weir@32473 id=\"" BOOT_ID "-" seq "\" seq=\"" seq "\" kind=\"process_exec\" " \
	"time_ns=\"1700000000123456789\"]"
#define HEADER "<134>1 2023-11-14T22:13:20.123456Z host.example weir - process_exec "

static void message_of_rfc5424(void **state)
{
	static struct rig rig;

	deliver(&rig, "grace: 0s", EVENT, 2);
	assert_string_equal(rig.got,
			    "190 " HEADER SD("1") " " EVENT "190 " HEADER SD("2") " " EVENT);
	finish(&rig);
	deliver(&rig, "grace: 0s, framing: lf, sd_id: '', procid: p1, app_name: a", EVENT, 2);
	assert_string_equal(
		rig.got,
		"<134>1 2023-11-14T22:13:20.123456Z host.example a p1 process_exec - " EVENT "\n"
		"<134>1 2023-11-14T22:13:20.123456Z host.example a p1 process_exec - " EVENT "\n");
	finish(&rig);
}

static void message_of_rfc3164(void **state)
{
	static struct rig rig;

	setenv("TZ", "UTC-2", 1);
	tzset();
	deliver(&rig, "grace: 0s, framing: lf, standard: rfc3164", EVENT, 1);
	assert_string_equal(rig.got, "<134>Nov 15 00:13:20 host.example weir: " EVENT "\n");
	finish(&rig);
	deliver(&rig, "grace: 0s, framing: lf, standard: rfc3164, procid: '77'", EVENT, 1);
	assert_string_equal(rig.got, "<134>Nov 15 00:13:20 host.example weir[77]: " EVENT "\n");
	finish(&rig);
	unsetenv("TZ");
	tzset();
}

static void byte_order_mark(void **state)
{
	static struct rig rig;

	deliver(&rig, "grace: 0s, framing: lf, sd_id: '', bom: true", EVENT, 1);
	assert_non_null(strstr(rig.got, " - \xEF\xBB\xBF" EVENT "\n"));
	finish(&rig);
	deliver(&rig, "grace: 0s, framing: lf, sd_id: '', bom: true", "{\"a\":\"\xff\"}", 1);
	assert_non_null(strstr(rig.got, " - {\"a\":\"\xff\"}\n")); /* no UTF-8: no mark */
	finish(&rig);
}

static void priorities_by_kind(void **state)
{
	static struct rig rig;

	deliver(&rig, "grace: 0s, framing: lf, priorities: ['*=authpriv', process_exec=crit]",
		EVENT, 1);
	assert_int_equal(strncmp(rig.got, "<82>1 ", 6), 0);
	finish(&rig);
	deliver(&rig, "grace: 0s, framing: lf, priorities: [process_exec=local7.debug]", EVENT, 1);
	assert_int_equal(strncmp(rig.got, "<191>1 ", 7), 0);
	finish(&rig);
}

/* A single event that is longer than may be. */
static void one_long_event(struct rig *rig, const char *yaml, char event[1000])
{
	size_t i;

	start(rig, SOCK_STREAM, yaml);
	for (i = 0; i + 2 < 999; i += 3)
		memcpy(event + i, "\xE2\x82\xAC", 4); /* three bytes a character */
}

static void too_long_is_refused(void **state)
{
	static struct rig rig;
	struct batch *batch;
	char event[1000];

	one_long_event(&rig, "max_message_bytes: 480", event);
	batch = make_batch(&rig, 1, event);
	assert_int_equal(output_syslog.send(rig.out, batch), OUTPUT_SENT);
	assert_int_equal(batch_event_at(batch, 0)->verdict, VERDICT_REFUSED);
	assert_non_null(memmem(batch_reason(batch, 0).p, batch_reason(batch, 0).n,
			       STR("max_message_bytes (480)").p, 23));
	batch_unref(&batch);
	finish(&rig);
}

static void too_long_is_cut_between_characters(void **state)
{
	static struct rig rig;
	char event[1000];
	size_t i;

	for (i = 0; i + 2 < 999; i += 3)
		memcpy(event + i, "\xE2\x82\xAC", 4);
	deliver(&rig,
		"grace: 0s, framing: lf, sd_id: '', max_message_bytes: 480, oversize: truncate",
		event, 1);
	assert_true(rig.got_len <= 481 && rig.got_len > 478);
	assert_int_equal(rig.got[rig.got_len - 1], '\n');
	assert_memory_equal(rig.got + rig.got_len - 4, "\xE2\x82\xAC", 3);
	finish(&rig);
}

/* --- streams ------------------------------------------------------------------------------- */

static void wait_then_close(struct rig *rig, int fd)
{
	while (!atomic_load(&peer_may_go))
		usleep(1000);
}

/* What the peer's kernel has, and its program never read, is not counted within the grace. */
static void ends_within_the_grace(void **state)
{
	static struct rig rig;
	struct batch *batch;

	start(&rig, SOCK_STREAM, "grace: 60s");
	atomic_store(&peer_may_go, false);
	start_peer(&rig, wait_then_close);
	batch = make_batch(&rig, 3, EVENT);
	assert_int_equal(output_syslog.send(rig.out, batch), OUTPUT_PENDING);
	run_for_a_while(&rig);
	assert_int_equal(settled(), 0);
	atomic_store(&peer_may_go, true);
	run_until(&rig, 1);
	assert_int_equal(heard.settled[OUTPUT_LOST], 1);
	assert_ptr_equal(heard.last, batch);
	assert_non_null(strstr(heard.em.text, "127.0.0.1:"));
	batch_unref(&batch);
	finish(&rig);
}

/* A window full of batches goes out in order; a peer that takes nothing settles none of them. */
static void window_of_batches(void **state)
{
	static struct rig rig;
	static char event[60000];
	struct batch *batches[SYSLOG_WINDOW];
	size_t i;

	memset(event, 'x', sizeof(event) - 1);
	start(&rig, SOCK_STREAM, "grace: 0s, max_message_bytes: 64KiB");
	i = 4096;
	setsockopt(rig.listen_fd, SOL_SOCKET, SO_RCVBUF, &(int){ 4096 }, sizeof(int));
	atomic_store(&peer_may_go, false);
	start_peer(&rig, wait_then_close);
	for (i = 0; i < SYSLOG_WINDOW; i++) {
		batches[i] = make_batch(&rig, 16, event);
		assert_int_equal(output_syslog.send(rig.out, batches[i]), OUTPUT_PENDING);
	}
	run_for_a_while(&rig);
	assert_true(settled() < SYSLOG_WINDOW);
	atomic_store(&peer_may_go, true);
	run_until(&rig, SYSLOG_WINDOW);
	assert_true(heard.settled[OUTPUT_LOST] > 0);
	assert_ptr_equal(heard.last, batches[SYSLOG_WINDOW - 1]);
	for (i = 0; i < SYSLOG_WINDOW; i++)
		batch_unref(&batches[i]);
	finish(&rig);
}

static void nobody_listens(void **state)
{
	static struct rig rig;
	struct batch *batch;

	start(&rig, SOCK_STREAM, "grace: 0s");
	close(rig.listen_fd);
	rig.listen_fd = -1;
	batch = make_batch(&rig, 1, EVENT);
	assert_int_equal(output_syslog.send(rig.out, batch), OUTPUT_PENDING);
	run_until(&rig, 1);
	assert_int_equal(heard.settled[OUTPUT_LOST], 1);
	assert_non_null(strstr(heard.em.text, "Connection refused"));
	batch_unref(&batch);
	finish(&rig);
}

static void unix_stream(void **state)
{
	static struct rig rig;

	deliver(&rig, "transport: unix, grace: 0s", EVENT, 1);
	assert_string_equal(rig.got, HEADER SD("1") " " EVENT "\n");
	finish(&rig);
}

/* --- RELP ---------------------------------------------------------------------------------- */

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void read_until(struct rig *rig, int fd, const char *text)
{
	while (!memmem(rig->got, rig->got_len, text, strlen(text))) {
		ssize_t n = recv(fd, rig->got + rig->got_len, sizeof(rig->got) - rig->got_len, 0);

		if (n <= 0)
			return;
		rig->got_len += n;
	}
}

static void welcome(struct rig *rig, int fd)
{
	read_until(rig, fd, "commands=syslog\n");
	say(fd, "1 rsp 46 200 OK\nrelp_version=0\ncommands=eventlog,syslog\n");
}

/* Takes the first, refuses the second; the third is answered by nobody. */
static void judge_two(struct rig *rig, int fd)
{
	welcome(rig, fd);
	read_until(rig, fd, "seq=\"2\"");
	rig->is_beyond_window = memmem(rig->got, rig->got_len, "seq=\"3\"", 7);
	say(fd, "2 rsp 6 200 OK\n3 rsp 11 500 no room\n");
	read_until(rig, fd, "seq=\"3\"");
	while (!atomic_load(&peer_may_go))
		usleep(1000);
}

static void relp_window(void **state)
{
	static struct rig rig;
	struct batch *batch;

	start(&rig, SOCK_STREAM, "transport: relp, relp_window: 2");
	atomic_store(&peer_may_go, false);
	start_peer(&rig, judge_two);
	batch = make_batch(&rig, 4, EVENT);
	assert_int_equal(output_syslog.send(rig.out, batch), OUTPUT_PENDING);
	run_for_a_while(&rig);
	run_for_a_while(&rig);
	atomic_store(&peer_may_go, true);
	run_until(&rig, 1);
	assert_int_equal(heard.settled[OUTPUT_LOST], 1);
	assert_false(rig.is_beyond_window);
	assert_int_equal(batch_event_at(batch, 0)->verdict, VERDICT_SENT);
	assert_int_equal(batch_event_at(batch, 1)->verdict, VERDICT_RETRY);
	assert_int_equal(batch_event_at(batch, 2)->verdict, VERDICT_BATCH);
	batch_unref(&batch);
	finish(&rig);
	assert_non_null(memmem(rig.got, rig.got_len, "2 syslog 190 " HEADER, 20));
}

static void refuse_last(struct rig *rig, int fd)
{
	welcome(rig, fd);
	read_until(rig, fd, "seq=\"2\"");
	say(fd, "3 rsp 11 500 no room\n2 rsp 6 200 OK\n");
	read_until(rig, fd, " close 0\n");
}

/* Tried often enough: the peer's words go with it. Answers may come in any order. */
static void relp_refuses_for_good(void **state)
{
	static struct rig rig;
	struct batch *batch;
	size_t i;

	start(&rig, SOCK_STREAM, "transport: relp");
	start_peer(&rig, refuse_last);
	batch = make_batch(&rig, 2, EVENT);
	for (i = 0; i < 3; i++)
		batch_count_attempt(batch);
	assert_int_equal(output_syslog.send(rig.out, batch), OUTPUT_PENDING);
	run_until(&rig, 1);
	assert_int_equal(heard.settled[OUTPUT_SENT], 1);
	assert_int_equal(batch_event_at(batch, 1)->verdict, VERDICT_REFUSED);
	assert_true(str_equal(batch_reason(batch, 1), STR("500 no room")));
	batch_unref(&batch);
	finish(&rig);
}

static const char *relp_reply;

static void reply(struct rig *rig, int fd)
{
	read_until(rig, fd, "commands=syslog\n");
	say(fd, relp_reply);
	read_all(rig, fd);
}

static void relp_ends(const char *answer, enum output_verdict verdict, const char *words)
{
	static struct rig rig;
	struct batch *batch;

	relp_reply = answer;
	start(&rig, SOCK_STREAM, "transport: relp");
	start_peer(&rig, reply);
	batch = make_batch(&rig, 1, EVENT);
	assert_int_equal(output_syslog.send(rig.out, batch), OUTPUT_PENDING);
	run_until(&rig, 1);
	assert_int_equal(heard.settled[verdict], 1);
	if (!strstr(heard.em.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, heard.em.text);
	batch_unref(&batch);
	finish(&rig);
}

static void relp_session_is_refused(void **state)
{
	relp_ends("1 rsp 11 500 go away\n", OUTPUT_HELD, "refuses the session");
	relp_ends("1 rsp 37 200 OK\nrelp_version=0\ncommands=backup\n", OUTPUT_HELD,
		  "takes no syslog messages");
	relp_ends("1 rsp 22 200 OK\ncommands=syslog\n", OUTPUT_HELD, "names no version");
	relp_ends("220 ready\r\n", OUTPUT_HELD, "does not answer in RELP");
	relp_ends("0 serverclose 0\n", OUTPUT_LOST, "closes the session");
	relp_ends("1 open 6 200 OK\n", OUTPUT_LOST, "command that is not known");
}

static void relp_answers_astray(void **state)
{
	static const char hello[] = "1 rsp 37 200 OK\nrelp_version=0\ncommands=syslog\n";
	char text[128];

	snprintf(text, sizeof(text), "%s77 rsp 6 200 OK\n", hello);
	relp_ends(text, OUTPUT_LOST, "answers what was not asked");
	snprintf(text, sizeof(text), "%s99999999999", hello);
	relp_ends(text, OUTPUT_LOST, "does not answer in RELP");
}

static void relp_frames(void **state)
{
	struct relp_frame frame;
	size_t used;

	assert_int_equal(relp_read(STR("2 rsp 6 200 OK\n3 r"), &frame, &used), RELP_FRAME);
	assert_int_equal(frame.txnr, 2);
	assert_int_equal(used, 15);
	assert_true(str_equal(frame.data, STR("200 OK")));
	assert_int_equal(relp_read(STR("0 serverclose 0\n"), &frame, &used), RELP_FRAME);
	assert_int_equal(frame.data.n, 0);
	assert_int_equal(relp_read(STR("2 rsp 6 200 O"), &frame, &used), RELP_MORE);
	assert_int_equal(relp_read(STR("2 rsp 6 200 OKx"), &frame, &used), RELP_NONSENSE);
	assert_int_equal(relp_read(STR("2 rsp 999999 "), &frame, &used), RELP_NONSENSE);
	assert_int_equal(relp_read(STR("1234567890 rsp"), &frame, &used), RELP_NONSENSE);
	assert_int_equal(relp_read(STR("2 r5p 0\n"), &frame, &used), RELP_NONSENSE);
	/* The numbers go round. */
	assert_int_equal(relp_txnr(0), 2);
	assert_int_equal(relp_txnr(RELP_TXNR_MAX - 2), RELP_TXNR_MAX);
	assert_int_equal(relp_txnr(RELP_TXNR_MAX - 1), 1);
	assert_int_equal(relp_txnr(RELP_TXNR_MAX), 2);
}

/* --- datagrams ----------------------------------------------------------------------------- */

static void udp_datagrams(void **state)
{
	static struct rig rig;
	struct batch *batch;
	ssize_t n;

	start(&rig, SOCK_DGRAM, "transport: udp, grace: 20ms");
	batch = make_batch(&rig, 100, EVENT);
	assert_int_equal(output_syslog.send(rig.out, batch), OUTPUT_PENDING);
	run_until(&rig, 1);
	assert_int_equal(heard.settled[OUTPUT_SENT], 1);
	n = recv(rig.listen_fd, rig.got, sizeof(rig.got), 0);
	assert_int_equal(n, 190);
	assert_memory_equal(rig.got, HEADER SD("1") " " EVENT, n);
	n = recv(rig.listen_fd, rig.got, sizeof(rig.got), 0);
	assert_memory_equal(rig.got, HEADER SD("2") " " EVENT, n);
	batch_unref(&batch);
	finish(&rig);
}

static void udp_port_is_closed(void **state)
{
	static struct rig rig;
	struct batch *batch;

	start(&rig, SOCK_DGRAM, "transport: udp, grace: 60s");
	close(rig.listen_fd);
	rig.listen_fd = -1;
	batch = make_batch(&rig, 1, EVENT);
	assert_int_equal(output_syslog.send(rig.out, batch), OUTPUT_PENDING);
	run_until(&rig, 1);
	assert_int_equal(heard.settled[OUTPUT_LOST], 1);
	assert_non_null(strstr(heard.em.text, "Connection refused"));
	batch_unref(&batch);
	finish(&rig);
}

static void udp_too_long(void **state)
{
	static struct rig rig;
	static char event[70000];
	struct batch *batch;

	memset(event, 'x', sizeof(event) - 1);
	start(&rig, SOCK_DGRAM, "transport: udp, grace: 0s, max_message_bytes: 1MiB");
	batch = make_batch(&rig, 1, event);
	assert_int_equal(output_syslog.send(rig.out, batch), OUTPUT_PENDING);
	run_until(&rig, 1);
	assert_int_equal(heard.settled[OUTPUT_SENT], 1);
	assert_int_equal(batch_event_at(batch, 0)->verdict, VERDICT_REFUSED);
	batch_unref(&batch);
	finish(&rig);
}

/* A queue that is full makes it wait, and what is not read does not count. */
static void unix_datagrams(void **state)
{
	static struct rig rig;
	struct batch *batch;
	ssize_t n;
	int i;

	start(&rig, SOCK_DGRAM, "transport: unix_datagram, grace: 0s");
	batch = make_batch(&rig, 300, EVENT);
	assert_int_equal(output_syslog.send(rig.out, batch), OUTPUT_PENDING);
	run_for_a_while(&rig);
	assert_int_equal(settled(), 0);
	for (i = 0; i < 300; i++) {
		event_base_loop(rig.base, EVLOOP_NONBLOCK);
		n = recv(rig.listen_fd, rig.got, sizeof(rig.got), 0);
		assert_int_equal(n, i < 9 ? 190 : i < 99 ? 192 : 194);
	}
	run_until(&rig, 1);
	assert_int_equal(heard.settled[OUTPUT_SENT], 1);
	batch_unref(&batch);
	finish(&rig);
}

/* That it fails within the call is the answer to this batch, in words. */
static void unix_datagrams_to_one_who_went(void **state)
{
	static struct rig rig;
	struct batch *batches[2];

	start(&rig, SOCK_DGRAM, "transport: unix_datagram, grace: 0s");
	batches[0] = make_batch(&rig, 1, EVENT);
	batches[1] = make_batch(&rig, 1, EVENT);
	assert_int_equal(output_syslog.send(rig.out, batches[0]), OUTPUT_PENDING);
	assert_int_equal(recv(rig.listen_fd, rig.got, sizeof(rig.got), 0), 190);
	run_until(&rig, 1);
	close(rig.listen_fd);
	rig.listen_fd = -1;
	assert_int_equal(output_syslog.send(rig.out, batches[1]), OUTPUT_LOST);
	assert_string_equal(strchr(heard.said_of_send.text, ' '), " Connection refused");
	batch_unref(&batches[0]);
	batch_unref(&batches[1]);
	finish(&rig);
}

/* The kernel empties the queue of one who ends, and that is not to be taken for reading. */
static void unix_datagrams_unread_at_the_end(void **state)
{
	static struct rig rig;
	struct batch *batch;

	start(&rig, SOCK_DGRAM, "transport: unix_datagram, grace: 0s");
	batch = make_batch(&rig, 3, EVENT);
	assert_int_equal(output_syslog.send(rig.out, batch), OUTPUT_PENDING);
	close(rig.listen_fd);
	rig.listen_fd = -1;
	run_until(&rig, 1);
	assert_int_equal(heard.settled[OUTPUT_LOST], 1);
	batch_unref(&batch);
	finish(&rig);
}

static void unix_datagrams_to_nobody(void **state)
{
	static struct rig rig;
	struct batch *batch;

	start(&rig, SOCK_DGRAM, "transport: unix_datagram, grace: 0s");
	close(rig.listen_fd);
	rig.listen_fd = -1;
	batch = make_batch(&rig, 1, EVENT);
	assert_int_equal(output_syslog.send(rig.out, batch), OUTPUT_LOST);
	assert_non_null(strstr(heard.em.text, "can't connect to unix:/tmp/"));
	batch_unref(&batch);
	finish(&rig);
}

/* --- configuration ------------------------------------------------------------------------- */

static void refuses(const char *yaml, const char *words)
{
	struct config_document *doc;
	struct output_settings *settings = NULL;
	struct errmsg em = { "" };
	char text[512];

	snprintf(text, sizeof(text), "{name: s, type: syslog, %s}", yaml);
	assert_int_equal(config_parse(str_of(text), "test", &doc, &em), 0);
	assert_int_equal(output_settings_read(config_root(doc), &settings, &em), -EINVAL);
	if (!strstr(em.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, em.text);
	config_document_free(&doc);
}

static void wrong_settings(void **state)
{
	refuses("address: 'a b'", "address:");
	refuses("address: /dev/log", "transport tcp needs HOST:PORT");
	refuses("address: h, transport: unix", "transport unix needs the absolute path");
	refuses("address: dev/log, transport: unix_datagram", "not \"dev/log\"");
	refuses("address: h, transport: udp, framing: lf", "framing has no meaning");
	refuses("address: h, tls: {verify: false}", "tls needs transport tls");
	refuses("address: h, app_name: 'a b'", "app_name");
	refuses("address: h, app_name: ''", "app_name");
	refuses("address: h, app_name: 'a:b', standard: rfc3164", "app_name");
	refuses("address: h, hostname: \"h\\n<13>1\"", "hostname");
	refuses("address: h, procid: \"p\\x01\"", "procid");
	refuses("address: h, sd_id: 'weir'", "sd_id");
	refuses("address: h, sd_id: 'weir@1\"]'", "sd_id");
	refuses("address: h, priorities: [process_exec]", "priorities");
	refuses("address: h, priorities: [process_exec=local9.info]",
		"\"local9.info\" is no priority");
	refuses("address: h, priorities: [exec=info]", "\"exec\" is no kind of event");
	refuses("address: h, transport: tls, tls: {pins: [x]}", "tls.pins");
	refuses("address: h, transport: tls, tls: {ciphers: NONE-SUCH}", "names no cipher");
	refuses("address: h, transport: tls, tls: {key: /k}", "tls.key needs tls.certificate");
	refuses("address: h, transport: tls, tls: {ca_file: ca.pem}", "absolute path");
	refuses("address: h, proxy: h", "proxy");
	refuses("address: h, proxy_user: u", "need proxy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_of_rfc5424),
		cmocka_unit_test(message_of_rfc3164),
		cmocka_unit_test(byte_order_mark),
		cmocka_unit_test(priorities_by_kind),
		cmocka_unit_test(too_long_is_refused),
		cmocka_unit_test(too_long_is_cut_between_characters),
		cmocka_unit_test(ends_within_the_grace),
		cmocka_unit_test(window_of_batches),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(unix_stream),
		cmocka_unit_test(relp_window),
		cmocka_unit_test(relp_refuses_for_good),
		cmocka_unit_test(relp_session_is_refused),
		cmocka_unit_test(relp_answers_astray),
		cmocka_unit_test(relp_frames),
		cmocka_unit_test(udp_datagrams),
		cmocka_unit_test(udp_port_is_closed),
		cmocka_unit_test(udp_too_long),
		cmocka_unit_test(unix_datagrams),
		cmocka_unit_test(unix_datagrams_to_one_who_went),
		cmocka_unit_test(unix_datagrams_unread_at_the_end),
		cmocka_unit_test(unix_datagrams_to_nobody),
		cmocka_unit_test(wrong_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
