/* bench_sensor: what the kernel programs cost the process that they look at.
 *
 *   bench_sensor STORM PAIRS ROUNDS WHAT...	STORM is the program; WHAT: exec PROGRAM, fork, tcp,
 * calls
 *
 * One storm (tests/bench/storm.c), alone on the last CPU, does ROUNDS rounds at a time: with the
 * programs attached and without, in turn, the order changing with each pair. Attaching is the
 * switch, so nothing else differs between the two and a slice can be short; what the machine does
 * beside falls on both. Nobody reads the ring during a slice; it is emptied after it from another
 * CPU, so the programs write to memory that another CPU has read, as in use. Afterwards come as
 * many slices with the kernel's own clock around every run of a program (two readings, some 40 ns
 * a run): upper bounds, but steady.
 *
 * Prints one line of JSON: the CPU time of each slice in ns, `plain` and `watched`, and of the
 * slices with the clock on the time `in_programs`; `lost` records; and for each program, time and
 * runs in all. The statistics are tests/bench/sensor.py's. */
#include "collector/probe.h"
#include "collector/sensor.h"

#include <bpf/bpf.h>
#include <err.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PROGRAMS 16
#define MAX_PAIRS    10000

struct program {
	int fd;
	char name[BPF_OBJ_NAME_LEN];
	uint64_t run_ns, runs;
};

struct bench {
	struct sensor *sensor;
	int pairs, rounds;
	FILE *to_storm, *from_storm;
	struct program programs[MAX_PROGRAMS];
	size_t programs_count;
	double *plain, *watched, *in_programs; /* one per pair */
};

/* -- the programs, by what the kernel lists after the load and did not before -- */

static uint32_t newest_program(void)
{
	uint32_t id = 0, next;

	while (!bpf_prog_get_next_id(id, &next))
		id = next;
	return id;
}

static void find_programs(struct bench *bench, uint32_t after)
{
	struct bpf_prog_info info;
	uint32_t id = after, n;

	while (bench->programs_count < MAX_PROGRAMS && !bpf_prog_get_next_id(id, &id)) {
		struct program *program = &bench->programs[bench->programs_count];

		memset(&info, 0, sizeof(info));
		n = sizeof(info);
		program->fd = bpf_prog_get_fd_by_id(id);
		if (program->fd < 0 || bpf_obj_get_info_by_fd(program->fd, &info, &n) ||
		    strncmp(info.name, "weir_", strlen("weir_")) != 0)
			continue;
		memcpy(program->name, info.name, sizeof(program->name));
		bench->programs_count++;
	}
}

/* How long the programs have run since the last call, in all; and what each has run so far. */
static double read_run_times(struct bench *bench)
{
	struct bpf_prog_info info;
	uint64_t ns = 0;
	uint32_t n;

	for (size_t i = 0; i < bench->programs_count; i++) {
		struct program *program = &bench->programs[i];

		memset(&info, 0, sizeof(info));
		n = sizeof(info);
		if (bpf_obj_get_info_by_fd(program->fd, &info, &n))
			err(99, "%s", program->name);
		ns += info.run_time_ns - program->run_ns;
		program->run_ns = info.run_time_ns;
		program->runs = info.run_cnt;
	}
	return (double)ns;
}

/* -- the storm -- */

static void stay_on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(99, "CPU %d", cpu);
}

static void start_storm(struct bench *bench, char *storm, char **what, int count)
{
	char rounds[16], *argv[8] = { storm };
	int in[2], out[2], n = 1;

	snprintf(rounds, sizeof(rounds), "%d", bench->rounds);
	while (n <= count && n < 4) {
		argv[n] = what[n - 1];
		n++;
	}
	argv[n] = "steps";
	argv[n + 1] = rounds;
	if (pipe(in) || pipe(out))
		err(99, "pipe");
	if (!fork()) {
		stay_on_cpu((int)sysconf(_SC_NPROCESSORS_ONLN) - 1);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[1]);
		close(out[0]);
		execv(storm, argv);
		err(99, "%s", storm);
	}
	close(in[0]);
	close(out[1]);
	bench->to_storm = fdopen(in[1], "w");
	bench->from_storm = fdopen(out[0], "r");
}

static void forget_record(void *ctx, const void *record, size_t bytes)
{
	(void)ctx;
	(void)record;
	(void)bytes;
}

/* One slice; its CPU time. */
static double step(struct bench *bench)
{
	double user_ns, system_ns;

	fputc('\n', bench->to_storm);
	fflush(bench->to_storm);
	if (fscanf(bench->from_storm,
		   " {\"iterations\":%*u,\"wall_ns\":%*u,\"user_ns\":%lf,\"system_ns\":%lf}",
		   &user_ns, &system_ns) != 2)
		errx(99, "the storm has ended");
	sensor_drain(bench->sensor, SIZE_MAX, forget_record, NULL);
	return user_ns + system_ns;
}

static void attach(struct bench *bench)
{
	struct errmsg em;

	if (sensor_start(bench->sensor, forget_record, NULL, &em))
		errx(99, "%s", em.text);
}

/* -- what is measured -- */

static void measure_pair(struct bench *bench, int i)
{
	if (i % 2) {
		bench->plain[i] = step(bench);
		attach(bench);
		bench->watched[i] = step(bench);
		sensor_stop(bench->sensor);
		return;
	}
	attach(bench);
	bench->watched[i] = step(bench);
	sensor_stop(bench->sensor);
	bench->plain[i] = step(bench);
}

static void measure_run_times(struct bench *bench)
{
	int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);

	if (stats < 0)
		err(99, "statistics of programs");
	attach(bench);
	for (int i = 0; i < bench->pairs; i++) {
		read_run_times(bench);
		step(bench);
		bench->in_programs[i] = read_run_times(bench);
	}
	sensor_stop(bench->sensor);
	close(stats);
}

static uint64_t lost(struct bench *bench)
{
	struct sensor_counters counters;
	uint64_t n = 0;

	sensor_counters(bench->sensor, &counters);
	for (int type = 0; type < EVENT_TYPES; type++)
		n += counters.fates[type][FATE_RING_FULL] + counters.fates[type][FATE_SCRATCH_BUSY];
	return n;
}

static void print_slices(const char *name, const double *ns, int n)
{
	printf("\"%s\":[", name);
	for (int i = 0; i < n; i++)
		printf("%s%.0f", i ? "," : "", ns[i]);
	printf("],");
}

static void print_all(struct bench *bench)
{
	printf("{\"rounds\":%d,\"lost\":%llu,", bench->rounds, (unsigned long long)lost(bench));
	print_slices("plain", bench->plain, bench->pairs);
	print_slices("watched", bench->watched, bench->pairs);
	print_slices("in_programs", bench->in_programs, bench->pairs);
	printf("\"programs\":[");
	for (size_t i = 0; i < bench->programs_count; i++)
		printf("%s{\"name\":\"%s\",\"ns\":%llu,\"runs\":%llu}", i ? "," : "",
		       bench->programs[i].name, (unsigned long long)bench->programs[i].run_ns,
		       (unsigned long long)bench->programs[i].runs);
	printf("]}\n");
}

static void open_sensor(struct bench *bench)
{
	struct sensor_settings settings = { .arguments_bytes = 32768,
					    .task_entries = 32768,
					    .tcp = true };
	uint32_t before = newest_program();
	struct kernel_features features;
	struct errmsg em;

	probe_kernel(&features);
	if (sensor_open(&settings, &features, &bench->sensor, &em))
		errx(99, "%s", em.text);
	find_programs(bench, before);
}

int main(int argc, char **argv)
{
	struct bench bench = { .pairs = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0,
			       .rounds = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 0 };

	if (argc < 5 || bench.pairs < 1 || bench.pairs > MAX_PAIRS || bench.rounds < 1)
		errx(99, "usage: bench_sensor STORM PAIRS ROUNDS exec PROGRAM|fork|tcp|calls");
	bench.plain = calloc(bench.pairs, sizeof(double));
	bench.watched = calloc(bench.pairs, sizeof(double));
	bench.in_programs = calloc(bench.pairs, sizeof(double));
	if (!bench.plain || !bench.watched || !bench.in_programs)
		err(99, "%d pairs", bench.pairs);
	stay_on_cpu(0);
	open_sensor(&bench);
	start_storm(&bench, argv[1], argv + 4, argc - 4);
	step(&bench); /* caches warm */
	for (int i = 0; i < bench.pairs; i++)
		measure_pair(&bench, i);
	measure_run_times(&bench);
	print_all(&bench);
	fclose(bench.to_storm);
	wait(NULL);
	fclose(bench.from_storm);
	sensor_close(&bench.sensor);
	free(bench.plain);
	free(bench.watched);
	free(bench.in_programs);
	return 0;
}
