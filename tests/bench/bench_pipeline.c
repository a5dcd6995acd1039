/* bench_pipeline: what an event costs between the process table and the journal. CPU time of this
 * process, medians over runs that take the cases in turn, so that a slow moment hits all of them.
 *
 *   known event    a connection that a process with a parent closes: one line of about 1 KB
 *   exec           an image made of a draft (five redaction patterns), a process, its line
 *
 *   bench_pipeline [--json] */
#include "base/clock.h"
#include "pipeline/encode_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define RUNS	    9
#define EVENTS	    100000u
#define EXECS	    20000u
#define NSEC	    1000000000ull
#define REDACTIONS  5
#define IMAGES_KEPT 64

enum figure { SPLICED, WHOLE, EXEC, IMAGE, FIGURES };

static const char *const names[FIGURES] = {
	[SPLICED] = "known_event_encode_ns",
	[WHOLE] = "known_event_encode_whole_ns",
	[EXEC] = "exec_redact_encode_ns",
	[IMAGE] = "exec_redact_ns",
};

struct bench {
	struct encode_settings settings;
	struct redaction *redaction;
	struct process parent, process;
	struct buf out;
	size_t line_bytes[2]; /* of a known event, of an exec */
	double ns[FIGURES][RUNS];
};

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NSEC + (uint64_t)ts.tv_nsec;
}

static struct process_draft draft_of(void)
{
	return (struct process_draft){
		.flags = PROCESS_EXECVE | PROCESS_CLONE,
		.filename = STR("/usr/bin/curl"),
		.exe = STR("/usr/bin/curl"),
		.cwd = STR("/home/deploy/releases/2024-11-02/current"),
		.args = STR("curl\0--silent\0--show-error\0--retry\0"
			    "5\0--header\0Accept:application/json\0--output\0/tmp/response.json\0"
			    "https://api.internal.example.com/v1/orders?page=2\0"),
		.cgroup = STR("docker-0123456789abcdef0123456789abcdef.scope"),
		.container_id = STR("0123456789abcdef0123456789abcdef0123456789abcdef"),
		.user_name = STR("deploy"),
		.auid = 1000,
		.session_id = 3,
		.cgroup_id = 123456,
		.start_wall_ns = 1700000000123456789ull,
	};
}

static struct process process_of(struct image *image, uint32_t pid, uint32_t parent)
{
	return (struct process){
		.refs = 1,
		.flags = PROCESS_EXECVE | PROCESS_CLONE,
		.key = { 123456789012345, pid },
		.parent_key = { 123456789000000, parent },
		.image = image,
		.start_wall_ns = 1700000000123456789ull,
	};
}

static struct redaction *create_redaction(void)
{
	static const struct redaction_rule_settings rules[REDACTIONS] = {
		{ .pattern = "(?i)--?(?:password|passwd|token|secret)[= ](\\S+)" },
		{ .pattern = "(AKIA[0-9A-Z]{16})" },
		{ .pattern = "(?i)authorization: *(?:bearer|basic) +([A-Za-z0-9+/=._-]+)" },
		{ .pattern = "(eyJ[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+)" },
		{ .pattern = "://[^/:@ ]+:([^@ ]+)@" },
	};
	struct redaction_settings settings = { .rules = rules, .rules_count = REDACTIONS };
	struct redaction *redaction = NULL;
	struct errmsg em;

	if (redaction_create(&settings, &redaction, &em)) {
		fprintf(stderr, "bench_pipeline: %s\n", em.text);
		exit(1);
	}
	return redaction;
}

static double known_events(struct bench *bench, bool splice)
{
	struct event event = {
		.kind = KIND_PROCESS_CLOSE,
		.time_wall_ns = 1700000000123456789ull,
		.process = &bench->process,
		.parent = &bench->parent,
		.tid = 4242,
		.tcp = { .saddr = { 10, 0, 0, 1 },
			 .daddr = { 192, 0, 2, 7 },
			 .sport = 40000,
			 .dport = 443,
			 .family = AF_INET,
			 .role = ROLE_CLIENT,
			 .owner = OWNED_BY_CALLER,
			 .old_state = 4,
			 .new_state = 7,
			 .netns = 4026531840u,
			 .cookie = 987654321,
			 .duration_ns = 123456789,
			 .bytes_sent = 517,
			 .bytes_received = 65536 },
	};
	uint64_t start = cpu_ns();

	bench->settings.splice = splice;
	for (uint64_t seq = 0; seq < EVENTS; seq++) {
		event.time_wall_ns += 12345;
		buf_reset(&bench->out);
		encode_json(&bench->settings, &event, seq, &bench->out);
	}
	bench->line_bytes[0] = bench->out.len;
	return (double)(cpu_ns() - start) / EVENTS;
}

/* Keeps some images, as a table does, so that the allocator meets memory in use. */
static double execs(struct bench *bench, bool encode)
{
	struct image *kept[IMAGES_KEPT] = { 0 };
	struct process_draft draft = draft_of();
	uint64_t start = cpu_ns();

	bench->settings.splice = true;
	for (uint32_t i = 0; i < EXECS; i++) {
		struct image **slot = &kept[i % IMAGES_KEPT];
		struct process process;
		struct event event = { .kind = KIND_PROCESS_EXEC,
				       .process = &process,
				       .parent = &bench->parent };

		image_unref(slot);
		*slot = image_create(&draft, bench->redaction);
		if (!encode)
			continue;
		process = process_of(*slot, i, 1);
		event.time_wall_ns = draft.start_wall_ns + i;
		buf_reset(&bench->out);
		encode_json(&bench->settings, &event, i, &bench->out);
		fragment_drop(&process.json, NULL);
		bench->line_bytes[1] = bench->out.len;
	}
	for (size_t i = 0; i < IMAGES_KEPT; i++)
		image_unref(&kept[i]);
	return (double)(cpu_ns() - start) / EXECS;
}

static void run(struct bench *bench)
{
	for (int i = -1; i < RUNS; i++) {
		double ns[FIGURES] = { [SPLICED] = known_events(bench, true),
				       [WHOLE] = known_events(bench, false),
				       [EXEC] = execs(bench, true),
				       [IMAGE] = execs(bench, false) };

		for (int figure = 0; i >= 0 && figure < FIGURES; figure++)
			bench->ns[figure][i] = ns[figure];
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_figure(const char *name, const char *unit, double *values, bool json, bool last)
{
	qsort(values, RUNS, sizeof(*values), compare);
	if (json)
		printf("{\"name\":\"%s\",\"value\":%.3f,\"unit\":\"%s\",\"min\":%.3f,\"max\":%.3f,"
		       "\"runs\":%d}%s",
		       name, values[RUNS / 2], unit, values[0], values[RUNS - 1], RUNS,
		       last ? "]}\n" : ",");
	else
		printf("%-28s %8.2f %-5s (%.2f to %.2f, median of %d runs)\n", name,
		       values[RUNS / 2], unit, values[0], values[RUNS - 1], RUNS);
}

static void print(struct bench *bench, bool json)
{
	double ratio[RUNS];

	/* Pairs of one run, before the runs are sorted. */
	for (int i = 0; i < RUNS; i++)
		ratio[i] = bench->ns[WHOLE][i] / bench->ns[SPLICED][i];
	if (json)
		printf("{\"figures\":[");
	else
		printf("CPU time per event; lines of %zu bytes (known) and %zu (exec)\n",
		       bench->line_bytes[0], bench->line_bytes[1]);
	for (int figure = 0; figure < FIGURES; figure++)
		print_figure(names[figure], "ns", bench->ns[figure], json, false);
	print_figure("splice_ratio", "ratio", ratio, json, true);
}

int main(int argc, char **argv)
{
	static struct bench bench = {
		.settings = { .node_name = STR("worker-17.example.com"),
			      .boot_id = STR("6f0a1b2c-0000-4000-8000-1234567890ab"),
			      .credentials = DETAIL_EXEC },
	};
	struct process_draft draft = draft_of();
	bool json = argc == 2 && !strcmp(argv[1], "--json");

	if (argc > 1 && !json) {
		fprintf(stderr, "usage: bench_pipeline [--json]\n");
		return 2;
	}
	bench.redaction = create_redaction();
	bench.out = buf_growable(ENCODE_MAX_BYTES);
	bench.process = process_of(image_create(&draft, bench.redaction), 4242, 4000);
	draft.filename = draft.exe = STR("/usr/bin/bash");
	draft.args = STR("bash\0-e\0/home/deploy/bin/fetch-orders.sh\0");
	bench.parent = process_of(image_create(&draft, bench.redaction), 4000, 1);
	run(&bench);
	print(&bench, json);
	fragment_drop(&bench.process.json, NULL);
	fragment_drop(&bench.parent.json, NULL);
	image_unref(&bench.process.image);
	image_unref(&bench.parent.image);
	redaction_unref(&bench.redaction);
	buf_free(&bench.out);
	return 0;
}
