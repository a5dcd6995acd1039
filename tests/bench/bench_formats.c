/* bench_formats: what a format costs per event, alone: an execve and a connection of about 1 KB,
 * formats in alternation, the median of the runs in nanoseconds of CPU time.
 *
 *   bench_formats [--json] */
#include "outputs/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RUNS   9
#define EVENTS 20000u
#define NAMES  16u

#define ID   "bm9kZS0xOjE0NDU1MjkwMzkzOTQzOjE2MTAx"
#define BOOT "0c16005a-ab78-4a6a-afb4-20fdb3bde1de"
#define PROCESS                                                                              \
	"{\"exec_id\":\"" ID "\",\"pid\":16101,\"flags\":\"execve clone\",\"start_time\":"   \
	"\"2026-11-22T05:45:22.388842977Z\",\"parent_exec_id\":\"" ID "\",\"uid\":1000,"     \
	"\"cwd\":\"/srv/app/releases/42\",\"binary\":\"/usr/bin/python3.11\",\"arguments\":" \
	"\"manage.py export --format csv --since 2026-11-01 --output /srv/app/export.csv\"," \
	"\"auid\":1000,\"docker\":\"0123456789abcdef0123456789abcde\",\"user\":{\"name\":"   \
	"\"app\"},\"refcnt\":1,\"tid\":16101}"
#define PARENT                                                                                 \
	"{\"exec_id\":\"" ID "\",\"pid\":900,\"flags\":\"execve clone\",\"start_time\":"       \
	"\"2026-11-22T05:40:00.000000001Z\",\"parent_exec_id\":\"" ID "\",\"uid\":1000,"       \
	"\"cwd\":\"/srv/app\",\"binary\":\"/usr/bin/bash\",\"arguments\":\"-c ./nightly.sh\"," \
	"\"auid\":1000,\"user\":{\"name\":\"app\"},\"refcnt\":2,\"tid\":900}"
#define AROUND                                                                   \
	",\"node_name\":\"node-1\",\"time\":\"2026-11-22T05:45:22.388842977Z\"," \
	"\"weir\":{\"seq\":\"665\",\"boot_id\":\"" BOOT "\"}}"

static const struct {
	enum event_kind kind;
	const char *json;
} events[] = {
	{ KIND_PROCESS_EXEC,
	  "{\"process_exec\":{\"process\":" PROCESS ",\"parent\":" PARENT "}" AROUND },
	{ KIND_PROCESS_CLOSE,
	  "{\"process_close\":{\"process\":" PROCESS ",\"parent\":" PARENT
	  ",\"family\":\"AF_INET\",\"protocol\":\"TCP\",\"source_ip\":\"10.0.0.5\","
	  "\"source_port\":51514,\"destination_ip\":\"10.0.0.7\",\"destination_port\":5432,"
	  "\"sock_cookie\":\"77\",\"state\":\"TCP_CLOSE\",\"old_state\":\"TCP_FIN_WAIT2\","
	  "\"role\":\"client\",\"duration_ns\":\"1500000\",\"bytes_sent\":\"420\","
	  "\"bytes_received\":\"99120\",\"socket_uid\":1000,\"netns\":4026531840}" AROUND },
};

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double run(struct formatter *formatter, struct buf *out)
{
	uint64_t before = cpu_ns();

	for (size_t i = 0; i < EVENTS; i++) {
		const struct journal_record record = { .seq = 665,
						       .time_wall_ns = 1795326322388842977ull,
						       .kind = events[i % 2].kind,
						       .json = str_of(events[i % 2].json),
						       .boot_id = STR(BOOT) };

		if (i % 256 == 0)
			buf_reset(out);
		if (formatter_write(formatter, &record, out) != 0 || !buf_ok(out))
			exit(1);
	}
	return (double)(cpu_ns() - before) / EVENTS;
}

static int compare(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) -
	       (*(const double *)a < *(const double *)b);
}

int main(int argc, char **argv)
{
	const bool as_json = argc > 1 && strcmp(argv[1], "--json") == 0;
	struct buf out = buf_growable(16 << 20);
	struct formatter *formatters[NAMES];
	double ns[NAMES][RUNS];
	size_t count = 0;

	for (; formats[count] && count < NAMES; count++)
		if (formatter_open(formats[count], &formatters[count]) != 0)
			return 1;
	for (size_t r = 0; r < RUNS; r++)
		for (size_t i = 0; i < count; i++)
			ns[i][r] = run(formatters[i], &out);
	for (size_t i = 0; i < count; i++) {
		qsort(ns[i], RUNS, sizeof(ns[i][0]), compare);
		printf(as_json ? "%s\"format_%s_ns\": %.0f%s" : "%s%-14s %6.0f ns per event%s",
		       as_json && i == 0 ? "{" : "", formats[i]->name, ns[i][RUNS / 2],
		       as_json ? (i + 1 < count ? ", " : "}\n") : "\n");
		formatter_close(&formatters[i]);
	}
	buf_free(&out);
	return 0;
}
