/* bench_outputs: what delivery costs: the forwarder as its own process reads a journal of 1 KB
 * events and delivers them to one destination after the other. Wall time from its start until the
 * last event is acknowledged, and the CPU time of the whole process, start included; medians.
 *
 *   bench_outputs [--json] [FIGURE...] */
#include "base/log.h"
#include "outputs/forwarder.h"
#include "outputs/sandbox.h"
#include "pipeline/journal.h"
#include "tests/bench/fluentd_sink.h"
#include "tests/bench/http_sink.h"
#include "tests/bench/kafka_sink.h"
#include "tests/bench/tcp_sink.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENTS	    200000u
#define EVENT_BYTES 1024u
#define RUNS	    5

/* us: name of the same figure as microseconds of CPU per event; NULL: not wanted. */
static const struct {
	const char *name, *yaml, *us;
} cases[] = {
	{ "deliver_null_events_per_cpu_s", "- {name: n, type: 'null'}\n", "null_us" },
	{ "deliver_file_events_per_cpu_s",
	  "- {name: n, type: file, path: '${BENCH_DIR}/out/events', rotate_bytes: 0}\n", NULL },
	{ "deliver_compact_events_per_cpu_s", "- {name: n, type: 'null', format: compact}\n",
	  NULL },
	{ "deliver_syslog_events_per_cpu_s",
	  "- {name: n, type: syslog, address: '127.0.0.1:${BENCH_TCP}'}\n", "syslog_us" },
	{ "deliver_fluentd_events_per_cpu_s",
	  "- {name: n, type: fluentd, servers: ['127.0.0.1:${BENCH_FLUENTD}']}\n", "forward_us" },
	{ "deliver_http_events_per_cpu_s",
	  "- {name: n, type: http, profile: elasticsearch, url: 'http://localhost:${BENCH_HTTP}'}\n",
	  "http_us" },
	{ "deliver_https_events_per_cpu_s",
	  "- {name: n, type: http, profile: elasticsearch, url: 'https://localhost:${BENCH_HTTPS}', "
	  "tls: {ca_file: '${BENCH_DIR}/https.pem'}}\n",
	  "https_us" },
	{ "deliver_http_lines_events_per_cpu_s",
	  "- {name: n, type: http, url: 'http://localhost:${BENCH_HTTP}/lines'}\n",
	  "http_lines_us" },
	{ "deliver_http_zstd_events_per_cpu_s",
	  "- {name: n, type: http, url: 'http://localhost:${BENCH_HTTP}/lines', compression: zstd}\n",
	  "http_zstd_us" },
	{ "deliver_kafka_events_per_cpu_s",
	  "- {name: n, type: kafka, topic: bench, brokers: ['${BENCH_KAFKA}'], compression: none}\n",
	  "kafka_us" },
	{ "deliver_kafka_lz4_events_per_cpu_s",
	  "- {name: n, type: kafka, topic: bench, brokers: ['${BENCH_KAFKA}'], compression: lz4}\n",
	  "kafka_lz4_us" },
	{ "deliver_three_events_per_cpu_s",
	  "- {name: s, type: syslog, address: '127.0.0.1:${BENCH_TCP}'}\n"
	  "- {name: f, type: fluentd, servers: ['127.0.0.1:${BENCH_FLUENTD}']}\n"
	  "- {name: h, type: http, profile: elasticsearch, url: 'http://localhost:${BENCH_HTTP}'}\n",
	  "three_us" },
};

/* The outputs of the last case, each alone. */
static const char *const three[] = { "syslog_us", "forward_us", "http_us" };

#define LIVE_RATE 5000.0 /* events a second that an outage is of */

struct bench {
	char dir[64], journal_dir[96], state_dir[96];
	struct clock clock;
	struct metrics_board *board;
	bool is_wanted[ARRAY_SIZE(cases)], has_reported;
	double cpu_rate[ARRAY_SIZE(cases)][RUNS], wall_rate[ARRAY_SIZE(cases)][RUNS];
};

static void on_loss(void *ctx, const struct journal_loss *loss)
{
}

static void die(const char *what)
{
	fprintf(stderr, "bench_outputs: %s\n", what);
	exit(1);
}

static void put_event(struct buf *out, uint64_t seq)
{
	size_t from = out->len;

	buf_printf(out,
		   "{\"process_exec\":{\"process\":{\"pid\":%u,\"uid\":0,"
		   "\"binary\":\"/usr/bin/true\",\"arguments\":\"",
		   (unsigned int)(seq % 32768));
	while (out->len - from < EVENT_BYTES - 60)
		buf_putc(out, 'a' + out->len % 26);
	buf_printf(out, "\"}},\"node_name\":\"bench\",\"weir\":{\"seq\":\"%llu\"}}",
		   (unsigned long long)seq);
}

static void fill_journal(struct bench *bench)
{
	struct sandbox_user user;
	struct errmsg em = { "" };
	bool is_root = geteuid() == 0 && sandbox_find_user("", &user, &em) == 0;
	struct journal_settings settings = {
		.directory = bench->journal_dir,
		.max_bytes = 2ull << 30,
		.segment_bytes = 64 << 20,
		.sync_interval_ns = NSEC_PER_SEC,
		.memory_bytes = 64 << 20,
		.reader_gid = is_root ? user.gid : (gid_t)-1,
		.boot_id = "11111111-2222-3333-4444-555555555555",
	};
	struct journal *journal;
	uint64_t seq = 0, written = 0;

	if (journal_open(&settings, &bench->clock, on_loss, NULL, &journal, &em) != 0)
		die(em.text);
	while (seq < EVENTS) {
		struct pollfd readable = { journal_fd(journal), POLLIN, 0 };
		struct buf *out = journal_begin_record(journal, &seq);

		if (!out)
			die("the journal takes no more");
		put_event(out, seq);
		if (journal_end_record(journal, KIND_PROCESS_EXEC, clock_wall_ns(&bench->clock),
				       1) != 0)
			die("a record is refused");
		if (seq % 500 && seq < EVENTS)
			continue;
		journal_commit(journal);
		while (written + 10000 < seq || (seq == EVENTS && written < seq)) {
			if (poll(&readable, 1, 10000) != 1)
				die("the journal's writer is stuck");
			written = journal_poll(journal);
		}
	}
	journal_close(&journal, 10000);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void remove_all(const char *path)
{
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static double seconds(struct timeval tv)
{
	return tv.tv_sec + tv.tv_usec / 1e6;
}

static pid_t start(struct bench *bench, const char *yaml, int control[2])
{
	struct config_document *doc;
	struct errmsg em;
	pid_t pid;

	if (config_parse(str_of(yaml), "bench", &doc, &em) != 0)
		die(em.text);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, control) != 0)
		die("no socket pair");
	pid = fork();
	if (pid == 0) {
		struct settings settings = {
			.journal.directory = bench->journal_dir,
			.forwarder = { .state_directory = bench->state_dir,
				       .drain_timeout_ns = NSEC_PER_SEC },
			.outputs = config_root(doc),
		};
		struct forwarder_settings forwarder = { .settings = &settings,
							.control_fd = control[1],
							.board = bench->board,
							.session_first_seq = 1 };

		close(control[0]);
		_exit(forwarder_run(&forwarder));
	}
	close(control[1]);
	config_document_free(&doc);
	return pid;
}

/* By every output that there is. */
static bool is_delivered(struct bench *bench)
{
	struct metrics_forwarder *board = &bench->board->forwarder;
	uint32_t n = atomic_load(&board->outputs);

	for (uint32_t i = 0; i < n; i++)
		if (metric_get(&board->output[i].delivered) < EVENTS)
			return false;
	return n > 0 && metric_get(&board->ready);
}

static void run_case(struct bench *bench, size_t which, unsigned int run)
{
	uint64_t begun = clock_boot_ns(&bench->clock), ended;
	struct rusage usage;
	char out[96];
	int control[2], status;
	pid_t pid;

	memset(&bench->board->forwarder, 0, sizeof(bench->board->forwarder));
	snprintf(out, sizeof(out), "%s/out", bench->dir);
	remove_all(bench->state_dir);
	remove_all(out);
	pid = start(bench, cases[which].yaml, control);
	while (!is_delivered(bench))
		poll(NULL, 0, 1);
	ended = clock_boot_ns(&bench->clock);
	close(control[0]);
	if (wait4(pid, &status, 0, &usage) != pid || status != 0)
		die("the forwarder failed");
	bench->wall_rate[which][run] = EVENTS / ((ended - begun) / 1e9);
	bench->cpu_rate[which][run] = EVENTS / (seconds(usage.ru_utime) + seconds(usage.ru_stime));
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void report_json(const char *name, double value, double min, double max, bool is_first)
{
	printf("%s{\"name\":\"%s\",\"value\":%.*f,\"unit\":\"%s\",\"min\":%.*f,"
	       "\"max\":%.*f,\"runs\":%d}",
	       is_first ? "" : ",", name, value < 1000 ? 3 : 0, value, value < 1000 ? "us" : "1/s",
	       value < 1000 ? 3 : 0, min, value < 1000 ? 3 : 0, max, RUNS);
}

static size_t find_case(const char *us)
{
	size_t i = 0;

	while (!cases[i].us || strcmp(cases[i].us, us) != 0)
		i++;
	return i;
}

/* Of the last case, when all that it takes were run: what three outputs at once cost over the sum
 * of each alone, and how many times faster than it came the backlog of an outage goes to all three.
 */
static void report_three(struct bench *bench, bool json)
{
	size_t all = ARRAY_SIZE(cases) - 1;
	double sum = 0, cost = 1e6 / bench->cpu_rate[all][RUNS / 2];
	double catch_up = bench->wall_rate[all][RUNS / 2] / LIVE_RATE;

	for (size_t i = 0; i < ARRAY_SIZE(three); i++) {
		if (!bench->is_wanted[find_case(three[i])])
			return;
		sum += 1e6 / bench->cpu_rate[find_case(three[i])][RUNS / 2];
	}
	if (!bench->is_wanted[all])
		return;
	if (json)
		printf(",{\"name\":\"three_ratio\",\"value\":%.3f,\"unit\":\"ratio\"},"
		       "{\"name\":\"catch_up_ratio\",\"value\":%.1f,\"unit\":\"ratio\"}",
		       cost / sum, catch_up);
	else
		printf("three at once over the sum of each alone: %.2f; a backlog goes to all three "
		       "at %.0f times the %.0f events/s of an outage\n",
		       cost / sum, catch_up, LIVE_RATE);
}

static void report(struct bench *bench, bool json)
{
	size_t i;

	if (json)
		printf("{\"figures\":[");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		double *cpu = bench->cpu_rate[i], *wall = bench->wall_rate[i];

		if (!bench->is_wanted[i])
			continue;
		qsort(cpu, RUNS, sizeof(*cpu), compare);
		qsort(wall, RUNS, sizeof(*wall), compare);
		if (!json) {
			printf("%-38s %9.0f per CPU second (%.0f to %.0f; %.2f us each), %.0f by the "
			       "clock\n",
			       cases[i].name, cpu[RUNS / 2], cpu[0], cpu[RUNS - 1],
			       1e6 / cpu[RUNS / 2], wall[RUNS / 2]);
			continue;
		}
		report_json(cases[i].name, cpu[RUNS / 2], cpu[0], cpu[RUNS - 1],
			    !bench->has_reported);
		bench->has_reported = true;
		if (cases[i].us)
			report_json(cases[i].us, 1e6 / cpu[RUNS / 2], 1e6 / cpu[RUNS - 1],
				    1e6 / cpu[0], false);
	}
	report_three(bench, json);
	if (json)
		printf("]}\n");
}

/* The receivers, each behind a variable that a case's configuration names. */
static void start_sinks(struct bench *bench)
{
	char path[96], text[16];
	uint16_t port;

	snprintf(path, sizeof(path), "%s/https.pem", bench->dir);
	if (http_sink_start(NULL, &port) < 0)
		die("no HTTP sink");
	snprintf(text, sizeof(text), "%u", port);
	setenv("BENCH_HTTP", text, 1);
	if (http_sink_start(path, &port) < 0)
		die("no HTTPS sink");
	snprintf(text, sizeof(text), "%u", port);
	setenv("BENCH_HTTPS", text, 1);
	if (tcp_sink_start(&port) < 0)
		die("no TCP sink");
	snprintf(text, sizeof(text), "%u", port);
	setenv("BENCH_TCP", text, 1);
	if (fluentd_sink_start(&port) < 0)
		die("no Fluentd sink");
	snprintf(text, sizeof(text), "%u", port);
	setenv("BENCH_FLUENTD", text, 1);
	if (kafka_sink_start(path, sizeof(path)) < 0)
		die("no Kafka sink");
	setenv("BENCH_KAFKA", path, 1);
}

/* With names of figures behind the options, only these. */
static void choose(struct bench *bench, char **wanted)
{
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		bench->is_wanted[i] = !*wanted;
		for (j = 0; wanted[j]; j++)
			bench->is_wanted[i] |= strcmp(wanted[j], cases[i].name) == 0 ||
					       (cases[i].us && strcmp(wanted[j], cases[i].us) == 0);
	}
}

int main(int argc, char **argv)
{
	struct bench bench = { .dir = "/tmp/weir-bench-XXXXXX" };
	bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
	unsigned int run;
	size_t i;
	struct metrics_fds fds;

	log_init("bench", LOG_LEVEL_ERROR);
	if (!mkdtemp(bench.dir) || chmod(bench.dir, 0755) != 0)
		die("no directory");
	snprintf(bench.journal_dir, sizeof(bench.journal_dir), "%s/journal", bench.dir);
	snprintf(bench.state_dir, sizeof(bench.state_dir), "%s/state", bench.dir);
	clock_init(&bench.clock);
	setenv("BENCH_DIR", bench.dir, 1);
	bench.board = metrics_create(&fds);
	if (!bench.board)
		die("no memory");
	choose(&bench, argv + 1 + json);
	start_sinks(&bench);
	fill_journal(&bench);
	for (run = 0; run < RUNS; run++)
		for (i = 0; i < ARRAY_SIZE(cases); i++)
			if (bench.is_wanted[i])
				run_case(&bench, i, run);
	report(&bench, json);
	remove_all(bench.dir);
	return 0;
}
