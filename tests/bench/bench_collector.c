/* bench_collector: what a record costs from the ring to the journal, all of it: the ring reader,
 * the decoder, the process table, enrichment, redaction (five patterns), the stages, the spliced
 * line, its CRC, the seal, the write. The real objects, fed from memory laid out as a ring; the
 * journal lies in /dev/shm unless told otherwise. The process is held on one CPU, so that what it
 * does per second is what one core does; figures are CPU time of the whole process, the journal's
 * thread included, medians over runs.
 *
 *   known_event_us, exec_event_us       until the sealed record stands in its batch
 *   known_event_written_us, exec_...    and until the kernel has it: with the system calls that
 *                                       write, reserve and sync, most of it page cache
 *   collector_events_per_s              by the clock, everything included, nothing lost
 *
 *   bench_collector [--json] [--case known|exec] [--processes N] [--argv BYTES] [--directory DIR]
 */
#include "collector/ingest.h"
#include "collector/ring.h"
#include "config/config.h"
#include "pipeline/journal_internal.h"
#include "pipeline/journal_io.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define RUNS	      7
#define RING_BYTES    (16u << 20)
#define OVERLAP_BYTES (512u << 10)
#define PASS_RECORDS  4096u /* as the agent drains */
#define KNOWN_PASSES  48u   /* of one run: about 200,000 events */
#define EXEC_PASSES   8u
#define JOURNAL_BYTES (16u << 20) /* its memory */
#define ARENA_BYTES   (64u << 20)
#define NSEC	      1000000000ull
#define PARENT_PID    1u
#define FIRST_PID     1000u

struct bench {
	const char *directory;
	uint32_t processes, argv_bytes;
	uint32_t pass_records;
	bool json, skip_known, skip_exec;

	struct clock clock;
	struct metrics_collector metrics;
	struct encode_settings encode;
	struct config_document *stages;
	struct journal *journal;
	struct pipeline *pipeline;
	struct process_table *table;
	struct ingest *ingest;

	uint8_t *memory; /* of the ring's data */
	uint64_t consumer, producer;
	struct ring *ring;
	uint64_t stamp;		    /* start of the next image */
	_Atomic uint64_t kernel_ns; /* CPU of the journal's thread in system calls on the segment */
	struct journal_io io;
	double known_us[RUNS], known_written_us[RUNS], exec_us[RUNS], exec_written_us[RUNS];
	double rate[RUNS];
	double line_bytes;
};

static const char stage_text[] =
	"- enrich\n"
	"- redact:\n"
	"    credential_presets: false\n"
	"    rules:\n"
	"      - redact: ['(?i)--?(?:password|passwd|token|secret)[= ](\\S+)']\n"
	"      - redact: ['(AKIA[0-9A-Z]{16})']\n"
	"      - redact: ['(?i)authorization: *(?:bearer|basic) +([A-Za-z0-9+/=._-]+)']\n"
	"      - redact: ['(eyJ[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+)']\n"
	"      - redact: ['://[^/:@ ]+:([^@ ]+)@']\n";

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "bench_collector: %s: %s\n", what, why);
	exit(1);
}

static uint64_t now_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NSEC + (uint64_t)ts.tv_nsec;
}

/* ---- Records, as the kernel programs write them ---- */

static struct event_header header_of(enum event_type type, uint32_t size, uint32_t pid,
				     uint64_t start)
{
	return (struct event_header){
		.version = EVENT_LAYOUT_VERSION,
		.type = type,
		.size = size,
		.time_ns = start + 1000,
		.process = { .start_ns = start, .pid = pid },
		.tid = pid,
	};
}

/* Puts one record behind the others. */
static void put(struct bench *bench, const void *record, uint32_t size)
{
	uint32_t *length = (uint32_t *)(bench->memory + bench->producer);

	length[0] = size;
	length[1] = 0;
	memcpy(length + 2, record, size);
	bench->producer += (8 + size + 7) & ~7u;
	if (bench->producer > RING_BYTES)
		fail("ring", "the records of one pass don't fit");
}

/* An argument list of about the bytes wanted: short words, as command lines have. */
static uint32_t put_arguments(char *at, uint32_t wanted)
{
	static const char first[] =
		"curl\0--silent\0--show-error\0--header\0Accept:application/json";
	uint32_t n = sizeof(first);

	memcpy(at, first, sizeof(first));
	for (uint32_t i = 0; n < wanted; i++)
		n += (uint32_t)snprintf(at + n, 32, "/srv/data/part-%05u.bin", i) + 1;
	return n;
}

static uint32_t put_text(char **at, const char *text)
{
	size_t n = strlen(text);

	memcpy(*at, text, n);
	*at += n;
	return (uint32_t)n;
}

/* What runs: the parent of all is a service manager, its children are commands. */
static void put_exec(struct bench *bench, enum event_type type, uint32_t pid, uint64_t start)
{
	const char *binary = pid == PARENT_PID ? "/usr/lib/systemd/systemd" : "/usr/bin/curl";
	const char *cwd = pid == PARENT_PID ? "/" : "/srv/app";
	static _Alignas(8) char block[256 << 10];
	struct event_exec *exec = (struct event_exec *)block;
	char *p = exec->data;

	memset(exec, 0, sizeof(*exec));
	exec->parent = (struct event_process_key){ .start_ns = 1, .pid = PARENT_PID };
	exec->auid = 1000;
	exec->session_id = 2;
	exec->task_start_ns = start;
	exec->exe_nlink = 1;
	exec->filename_len = put_text(&p, binary);
	exec->exe_len = put_text(&p, binary);
	exec->cwd_len = put_text(&p, cwd);
	if (pid == PARENT_PID)
		exec->args_len = put_text(&p, "/sbin/init");
	else
		exec->args_len = put_arguments(p, bench->argv_bytes);
	p = exec->data + exec->filename_len + exec->exe_len + exec->cwd_len + exec->args_len;
	exec->args_total = exec->args_len;
	exec->header = header_of(type, (uint32_t)(p - block), pid, start);
	put(bench, block, exec->header.size);
}

static void put_exit(struct bench *bench, uint32_t pid, uint64_t start)
{
	struct event_exit exit_record = { .header = header_of(EVENT_EXIT, sizeof(exit_record), pid,
							      start) };

	put(bench, &exit_record, sizeof(exit_record));
}

static void put_close(struct bench *bench, uint32_t pid, uint64_t start)
{
	struct event_tcp tcp = {
		.header = header_of(EVENT_CLOSE, sizeof(tcp), pid, start),
		.saddr = { 10, 0, 0, 1 },
		.daddr = { 192, 0, 2, 7 },
		.sport = 40000,
		.dport = 443,
		.family = AF_INET,
		.role = SOCKET_ROLE_CLIENT,
		.owner_source = OWNER_SOCKET,
		.old_state = 4,
		.new_state = 7,
		.netns = 4026531840u,
		.cookie = 987654321,
		.duration_ns = 123456789,
		.bytes_sent = 517,
		.bytes_received = 65536,
	};

	put(bench, &tcp, sizeof(tcp));
}

/* ---- The collector ---- */

static void on_loss(void *ctx, const struct journal_loss *loss)
{
	(void)ctx;
	fprintf(stderr, "bench_collector: the journal lost %llu records\n",
		(unsigned long long)loss->count);
}

static void count_kernel(const struct journal_io *io, uint64_t start_ns)
{
	struct bench *bench = io->ctx;

	bench->kernel_ns += now_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
}

static ssize_t timed_write(const struct journal_io *io, int fd, const void *bytes, size_t n,
			   off_t at)
{
	uint64_t start = now_ns(CLOCK_THREAD_CPUTIME_ID);
	ssize_t written = journal_io_system.write_at(&journal_io_system, fd, bytes, n, at);

	count_kernel(io, start);
	return written;
}

static int timed_sync(const struct journal_io *io, int fd)
{
	uint64_t start = now_ns(CLOCK_THREAD_CPUTIME_ID);
	int err = journal_io_system.sync(&journal_io_system, fd);

	count_kernel(io, start);
	return err;
}

static void timed_reserve(const struct journal_io *io, int fd, off_t offset, off_t bytes)
{
	uint64_t start = now_ns(CLOCK_THREAD_CPUTIME_ID);

	journal_io_system.reserve(&journal_io_system, fd, offset, bytes);
	count_kernel(io, start);
}

static void open_journal(struct bench *bench)
{
	struct journal_settings settings = {
		.directory = bench->directory,
		.max_bytes = 256u << 20,
		.segment_bytes = 64u << 20,
		.sync_interval_ns = NSEC,
		.memory_bytes = JOURNAL_BYTES,
		.when_full = JOURNAL_DROP_OLDEST,
		.seal = true,
		.reader_gid = (gid_t)-1,
		.boot_id = "6f0a1b2c-0000-4000-8000-1234567890ab",
	};
	struct errmsg em;

	bench->io = journal_io_system;
	bench->io.write_at = timed_write;
	bench->io.sync = timed_sync;
	bench->io.reserve = timed_reserve;
	bench->io.ctx = bench;
	if (journal_open_io(&settings, &bench->clock, &bench->io, on_loss, NULL, &bench->journal,
			    &em) < 0)
		fail("journal", em.text);
}

static void open_collector(struct bench *bench)
{
	struct process_table_settings table = { .max_entries = 65536,
						.max_bytes = ARENA_BYTES,
						.linger_ns = 60 * NSEC };
	struct ingest_settings ingest = { .existing_processes = true };
	struct errmsg em;

	bench->encode = (struct encode_settings){
		.node_name = STR("worker-17"),
		.boot_id = STR("6f0a1b2c-0000-4000-8000-1234567890ab"),
		.credentials = DETAIL_EXEC,
		.namespaces = DETAIL_EXEC,
		.splice = true,
	};
	open_journal(bench);
	if (config_parse(str_of(stage_text), "stages", &bench->stages, &em) < 0 ||
	    pipeline_create(config_root(bench->stages), &bench->encode, &bench->clock,
			    bench->journal, &bench->metrics, &bench->pipeline, &em) < 0)
		fail("pipeline", em.text);
	bench->table = process_table_create(&table, &bench->clock);
	bench->ingest = ingest_create(&ingest, &bench->clock, bench->table, bench->pipeline,
				      &bench->metrics);
	if (!bench->table || !bench->ingest)
		fail("collector", "no memory");
}

/* The reader has taken all: the next pass starts at the front again. */
static void rewind_ring(struct bench *bench)
{
	struct ring_memory memory = { .consumer = &bench->consumer,
				      .producer = &bench->producer,
				      .data = bench->memory,
				      .data_bytes = RING_BYTES,
				      .overlap_bytes = OVERLAP_BYTES };

	ring_close(&bench->ring);
	bench->consumer = bench->producer = 0;
	bench->ring = ring_over(&memory);
	if (!bench->ring)
		fail("ring", "no memory");
	ring_look_ahead(bench->ring, ingest_expect, bench->ingest);
}

/* The data, and behind it its first part again, as the reader wants it. */
static void open_ring(struct bench *bench)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);
	uint8_t *p;

	if (fd < 0 || ftruncate(fd, RING_BYTES) < 0)
		fail("ring", strerror(errno));
	p = mmap(NULL, RING_BYTES + OVERLAP_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED ||
	    mmap(p, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
		    MAP_FAILED ||
	    mmap(p + RING_BYTES, OVERLAP_BYTES, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) ==
		    MAP_FAILED)
		fail("ring", strerror(errno));
	close(fd);
	bench->memory = p;
	rewind_ring(bench);
}

static uint64_t journaled(const struct bench *bench)
{
	uint64_t n = 0;

	for (int kind = 0; kind < EVENT_KINDS; kind++)
		n += metric_get(&bench->metrics.journaled[kind]);
	return n;
}

/* Waits until the journal's thread is at most so far behind. The time is measured, the waiting
 * costs no CPU. */
static void let_journal_write(struct bench *bench, uint64_t behind)
{
	struct journal_stats stats;

	for (;;) {
		journal_poll(bench->journal);
		journal_stats(bench->journal, &stats);
		if (journaled(bench) - stats.records <= behind)
			return;
		usleep(500);
	}
}

static void drain(struct bench *bench)
{
	clock_sample(&bench->clock);
	while (ring_drain(bench->ring, bench->pass_records, ingest_record, bench->ingest))
		journal_commit(bench->journal);
	let_journal_write(bench, bench->pass_records / 4 * 3); /* so that nothing is lost */
}

/* ---- The cases ---- */

static void add_processes(struct bench *bench)
{
	put_exec(bench, EVENT_TASK, PARENT_PID, 1);
	drain(bench);
	for (uint32_t i = 0; i < bench->processes; i++) {
		rewind_ring(bench);
		put_exec(bench, EVENT_TASK, FIRST_PID + i, 1000 + i);
		drain(bench);
	}
}

/* Events about processes that are known, in an order that a cache doesn't like. */
static void put_known(struct bench *bench)
{
	rewind_ring(bench);
	for (uint32_t i = 0; i < bench->pass_records; i++) {
		uint32_t which = (uint32_t)((uint64_t)i * 2654435761u % bench->processes);

		put_close(bench, FIRST_PID + which, 1000 + which);
	}
}

/* What a stretch of work costs. Filling the ring is no part of that: what this thread takes for it
 * is left out, and only that, since the journal's thread may be writing meanwhile. */
struct cost {
	uint64_t cpu_ns, wall_ns, filling_ns;
	uint64_t kernel_ns; /* of cpu_ns: the journal's system calls */
};

static void cost_begin(struct bench *bench, struct cost *cost)
{
	let_journal_write(bench, 0);
	*cost = (struct cost){ .cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID),
			       .wall_ns = now_ns(CLOCK_MONOTONIC),
			       .kernel_ns = bench->kernel_ns };
}

static void cost_end(struct bench *bench, struct cost *cost)
{
	let_journal_write(bench, 0);
	cost->cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cost->cpu_ns - cost->filling_ns;
	cost->wall_ns = now_ns(CLOCK_MONOTONIC) - cost->wall_ns - cost->filling_ns;
	cost->kernel_ns = bench->kernel_ns - cost->kernel_ns;
}

static void measure_known(struct bench *bench, int run)
{
	struct journal_stats before, after;
	struct cost cost;

	cost_begin(bench, &cost);
	journal_stats(bench->journal, &before);
	for (uint32_t pass = 0; pass < KNOWN_PASSES; pass++) {
		uint64_t start = now_ns(CLOCK_THREAD_CPUTIME_ID);

		put_known(bench);
		cost.filling_ns += now_ns(CLOCK_THREAD_CPUTIME_ID) - start;
		drain(bench);
	}
	cost_end(bench, &cost);
	journal_stats(bench->journal, &after);
	bench->known_written_us[run] =
		(double)cost.cpu_ns / (KNOWN_PASSES * bench->pass_records) / 1000;
	bench->known_us[run] = (double)(cost.cpu_ns - cost.kernel_ns) /
			       (KNOWN_PASSES * bench->pass_records) / 1000;
	bench->rate[run] =
		(double)(KNOWN_PASSES * bench->pass_records) * 1e9 / (double)cost.wall_ns;
	bench->line_bytes =
		(double)(after.bytes - before.bytes) / (double)(after.records - before.records);
}

/* Pids come round after four million, as on a large host. */
static uint32_t pid_of(const struct bench *bench, uint32_t i)
{
	return 1000000 + (uint32_t)((bench->stamp + i) & 0x3fffff);
}

/* A pass of execs is measured; that the processes end again is not. */
static void measure_exec(struct bench *bench, int run)
{
	uint32_t per_pass = bench->pass_records;
	uint64_t cpu_sum = 0, kernel_sum = 0;
	struct cost cost;

	for (uint32_t pass = 0; pass < EXEC_PASSES; pass++) {
		rewind_ring(bench);
		for (uint32_t i = 0; i < per_pass; i++)
			put_exec(bench, EVENT_EXEC, pid_of(bench, i), bench->stamp + i);
		cost_begin(bench, &cost);
		drain(bench);
		cost_end(bench, &cost);
		cpu_sum += cost.cpu_ns;
		kernel_sum += cost.kernel_ns;
		rewind_ring(bench);
		for (uint32_t i = 0; i < per_pass; i++)
			put_exit(bench, pid_of(bench, i), bench->stamp + i);
		drain(bench);
		process_table_tick(bench->table);
		bench->stamp += per_pass;
	}
	bench->exec_written_us[run] = (double)cpu_sum / (EXEC_PASSES * per_pass) / 1000;
	bench->exec_us[run] = (double)(cpu_sum - kernel_sum) / (EXEC_PASSES * per_pass) / 1000;
}

static uint64_t lost(const struct bench *bench)
{
	uint64_t n = 0;

	for (int kind = 0; kind < EVENT_KINDS; kind++)
		for (int cause = 0; cause < LOSS_CAUSES; cause++)
			n += metric_get(&bench->metrics.lost[kind][cause]);
	return n;
}

/* ---- Telling ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_figure(const struct bench *bench, const char *name, const char *unit,
			 double *values, const char *end)
{
	qsort(values, RUNS, sizeof(*values), compare);
	if (bench->json)
		printf("{\"name\":\"%s\",\"value\":%.3f,\"unit\":\"%s\",\"min\":%.3f,\"max\":%.3f,"
		       "\"runs\":%d}%s",
		       name, values[RUNS / 2], unit, values[0], values[RUNS - 1], RUNS, end);
	else
		printf("%-24s %12.2f %-10s (%.2f to %.2f, median of %d runs)\n", name,
		       values[RUNS / 2], unit, values[0], values[RUNS - 1], RUNS);
}

static void print(struct bench *bench)
{
	if (bench->json)
		printf("{\"figures\":[");
	else
		printf("%u known processes, argv of %u bytes, %.0f bytes a journal record, %llu lost\n",
		       bench->processes, bench->argv_bytes, bench->line_bytes,
		       (unsigned long long)lost(bench));
	if (!bench->skip_known) {
		print_figure(bench, "known_event_us", "us", bench->known_us, ",");
		print_figure(bench, "known_event_written_us", "us", bench->known_written_us, ",");
		print_figure(bench, "collector_events_per_s", "events/s", bench->rate,
			     bench->skip_exec ? "]}\n" : ",");
	}
	if (!bench->skip_exec) {
		print_figure(bench, "exec_event_us", "us", bench->exec_us, ",");
		print_figure(bench, "exec_event_written_us", "us", bench->exec_written_us, "]}\n");
	}
}

/* One case alone, for a profile. */
static void choose_case(struct bench *bench, const char *name)
{
	bench->skip_known = strcmp(name, "exec") == 0;
	bench->skip_exec = strcmp(name, "known") == 0;
	if (!bench->skip_known && !bench->skip_exec)
		fail("options", "--case is known or exec");
}

/* Fewer where they are long: what a pass makes fits twice into the journal's memory. */
static void size_passes(struct bench *bench)
{
	uint32_t fit = JOURNAL_BYTES / 2 / (bench->argv_bytes + 1536);

	bench->pass_records = fit < PASS_RECORDS ? fit : PASS_RECORDS;
}

static void read_options(struct bench *bench, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "case", required_argument, NULL, 'c' },
		{ "processes", required_argument, NULL, 'p' },
		{ "argv", required_argument, NULL, 'a' },
		{ "directory", required_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'j')
			bench->json = true;
		else if (option == 'c')
			choose_case(bench, optarg);
		else if (option == 'p')
			bench->processes = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'a')
			bench->argv_bytes = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'd')
			bench->directory = optarg;
		else
			exit(2);
	}
	if (!bench->processes || bench->argv_bytes > (128u << 10))
		fail("options", "--processes is at least 1, --argv at most 131072");
}

static void hold_on_one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fprintf(stderr, "bench_collector: not held on one CPU: %s\n", strerror(errno));
}

static void remove_directory(const char *directory)
{
	char command[512];

	snprintf(command, sizeof(command), "rm -rf -- '%s'", directory);
	if (system(command) != 0)
		fprintf(stderr, "bench_collector: %s stays behind\n", directory);
}

int main(int argc, char **argv)
{
	static struct bench bench = { .processes = 1000, .argv_bytes = 130, .stamp = 1000000 };
	char made[] = "/dev/shm/weir-bench-XXXXXX";

	read_options(&bench, argc, argv);
	size_passes(&bench);
	if (!bench.directory)
		bench.directory = mkdtemp(made);
	if (!bench.directory)
		fail("directory", strerror(errno));
	hold_on_one_cpu();
	clock_init(&bench.clock);
	open_collector(&bench);
	open_ring(&bench);
	add_processes(&bench);
	for (int run = 0; run < RUNS; run++) {
		if (!bench.skip_known)
			measure_known(&bench, run);
		if (!bench.skip_exec)
			measure_exec(&bench, run);
	}
	print(&bench);
	ingest_free(&bench.ingest);
	process_table_free(&bench.table);
	pipeline_free(&bench.pipeline);
	journal_close(&bench.journal, 1000);
	config_document_free(&bench.stages);
	ring_close(&bench.ring);
	if (bench.directory == made)
		remove_directory(made);
	return lost(&bench) ? 1 : 0;
}
