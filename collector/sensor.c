#include "collector/sensor.h"

#include "collector/ring.h"
#include "collector/snapshot.h"

#include "weir.skel.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define RING_MIN_BYTES	   (16ull << 20)
#define RING_MAX_BYTES	   (256ull << 20)
#define RING_BYTES_PER_CPU (2ull << 20)
#define ARGUMENTS_MAX	   (128u << 10)
#define ENVIRONMENT_MAX	   (256u << 10)

struct sensor {
	struct sensor_settings settings;
	struct weir_bpf *programs;
	struct ring *ring;
	uint64_t ring_bytes;
	uint32_t record_bytes; /* of the longest record */
	int cpus;
	bool tcp;
	struct bpf_program *accept; /* the one for this kernel's inet_csk_accept; NULL: none is */
	struct counters_of_cpu *counters; /* one per CPU */
};

/* The value of the map `counters`. */
struct counters_of_cpu {
	uint64_t fates[EVENT_TYPES][EVENT_FATES];
	uint64_t since_look;
};

/* -- what libbpf says -- */

/* libbpf describes failures only to a print function of its own, without a context. */
static _Thread_local struct errmsg libbpf_said;

static PRINTF_LIKE(2, 0) int keep_first_warning(enum libbpf_print_level level, const char *fmt,
						va_list ap)
{
	size_t n;

	if (level != LIBBPF_WARN || libbpf_said.text[0])
		return 0;
	vsnprintf(libbpf_said.text, sizeof(libbpf_said.text), fmt, ap);
	n = strcspn(libbpf_said.text, "\n"); /* a verifier's log may follow */
	libbpf_said.text[n] = '\0';
	return 0;
}

static void libbpf_begin(void)
{
	libbpf_said.text[0] = '\0';
	libbpf_set_print(keep_first_warning);
}

/* Puts what was said behind what failed. */
static int libbpf_failed(struct errmsg *em, const char *what, int err)
{
	const char *hint = err == -EPERM || err == -EACCES
				   ? "; run weir as root, or with CAP_BPF, CAP_PERFMON and "
				     "CAP_SYS_RESOURCE"
				   : "";

	errmsg_set(em, "%s: %s (%s)%s", what, strerror(-err),
		   libbpf_said.text[0] ? libbpf_said.text : "no details", hint);
	return err;
}

/* -- sizes -- */

static uint64_t power_of_two_from(uint64_t n)
{
	uint64_t p = 1;

	while (p < n)
		p <<= 1;
	return p;
}

/* By default 2 MiB per CPU, at most a 256th of the memory, between 16 and 256 MiB. */
static uint64_t ring_size(uint64_t wanted, int cpus)
{
	uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	uint64_t bytes = wanted;

	if (!bytes) {
		bytes = RING_BYTES_PER_CPU * cpus;
		if (bytes > memory / 256)
			bytes = memory / 256;
		if (bytes > RING_MAX_BYTES)
			bytes = RING_MAX_BYTES;
		if (bytes < RING_MIN_BYTES)
			bytes = RING_MIN_BYTES;
	}
	if (bytes < (uint64_t)sysconf(_SC_PAGESIZE))
		bytes = sysconf(_SC_PAGESIZE);
	return power_of_two_from(bytes);
}

static uint32_t at_most(uint32_t n, uint32_t max)
{
	return n < max ? n : max;
}

/* A slot of `scratches` as compiled holds the default arguments and no environment. */
static int size_maps(struct sensor *sensor)
{
	struct weir_bpf *programs = sensor->programs;
	uint32_t texts = sensor->settings.arguments_bytes + sensor->settings.environment_bytes;
	uint32_t slot =
		bpf_map__value_size(programs->maps.scratches) - programs->rodata->args_max + texts;
	int err;

	sensor->record_bytes = slot;
	err = bpf_map__set_value_size(programs->maps.scratches, (slot + 7) & ~7u);
	if (!err)
		err = bpf_map__set_max_entries(programs->maps.scratches, sensor->cpus + 1);
	if (!err)
		err = bpf_map__set_max_entries(programs->maps.ring, sensor->ring_bytes);
	if (!err)
		err = bpf_map__set_max_entries(programs->maps.tasks, sensor->settings.task_entries);
	return err;
}

/* -- what differs between kernels -- */

/* Parameters of a function, or of the function type behind a tracepoint's typedef; -1: none. */
static int parameters_of(const struct btf *btf, const char *name, uint32_t kind)
{
	int id = btf__find_by_name_kind(btf, name, kind);
	const struct btf_type *type;

	if (id < 0)
		return -1;
	do {
		type = btf__type_by_id(btf, id);
		id = type ? (int)type->type : 0;
	} while (type && !btf_is_func_proto(type) &&
		 (btf_is_func(type) || btf_is_typedef(type) || btf_is_ptr(type)));
	return type && btf_is_func_proto(type) ? btf_vlen(type) : -1;
}

static int set_kernel_knobs(struct sensor *sensor, struct errmsg *em)
{
	struct weir_bpf__rodata *knobs = sensor->programs->rodata;
	struct btf *btf = btf__load_vmlinux_btf();
	int accept_arguments;

	if (!btf)
		return libbpf_failed(em, "the kernel's BTF", -errno);
	/* The tracepoint's own context comes first. */
	knobs->exit_has_group_dead =
		parameters_of(btf, "btf_trace_sched_process_exit", BTF_KIND_TYPEDEF) == 3;
	knobs->has_socket_cookie =
		btf__find_by_name_kind(btf, "bpf_get_socket_ptr_cookie", BTF_KIND_FUNC) > 0;
	accept_arguments = parameters_of(btf, "inet_csk_accept", BTF_KIND_FUNC);
	sensor->accept = accept_arguments == 2	 ? sensor->programs->progs.weir_accept
			 : accept_arguments == 4 ? sensor->programs->progs.weir_accept_before_6_10
						 : NULL;
	if (!sensor->accept)
		knobs->accept_is_traced = false;
	btf__free(btf);
	return 0;
}

static void set_knobs(struct sensor *sensor, const struct kernel_features *features)
{
	struct weir_bpf__rodata *knobs = sensor->programs->rodata;

	knobs->args_max = sensor->settings.arguments_bytes;
	knobs->env_max = sensor->settings.environment_bytes;
	knobs->watermark = sensor->ring_bytes / 4;
	knobs->watermark_look = sensor->ring_bytes / 16 / sensor->cpus;
	knobs->snapshot_slot = sensor->cpus;
	knobs->accept_is_traced = sensor->tcp && features->fentry;
}

static void choose_programs(struct sensor *sensor)
{
	struct weir_bpf *programs = sensor->programs;

	bpf_program__set_autoload(programs->progs.weir_tcp, sensor->tcp);
	bpf_program__set_autoload(programs->progs.weir_sockets, sensor->tcp);
	bpf_program__set_autoload(programs->progs.weir_accept, false);
	bpf_program__set_autoload(programs->progs.weir_accept_before_6_10, false);
	if (programs->rodata->accept_is_traced)
		bpf_program__set_autoload(sensor->accept, true);
	bpf_program__set_autoattach(programs->progs.weir_snapshot, false);
	bpf_program__set_autoattach(programs->progs.weir_living, false);
	bpf_program__set_autoattach(programs->progs.weir_again, false);
	bpf_program__set_autoattach(programs->progs.weir_sockets, false);
	bpf_map__set_autocreate(programs->maps.sockets, sensor->tcp);
	bpf_map__set_autocreate(programs->maps.slots, sensor->tcp);
}

/* -- life -- */

/* NULL: all that weir can't run without is there. */
static const char *missing_feature(const struct kernel_features *features)
{
	if (!features->btf)
		return "type information (/sys/kernel/btf/vmlinux)";
	if (!features->ring_buffer)
		return "BPF ring buffer";
	if (!features->tp_btf)
		return "BTF raw tracepoints";
	return features->task_iterator ? NULL : "BPF task iterator";
}

static int check_features(const struct kernel_features *features, struct errmsg *em)
{
	if (!features->may_load) {
		errmsg_set(em, "may not load kernel programs: %s", features->may_load_why);
		return -EPERM;
	}
	if (missing_feature(features)) {
		errmsg_set(em,
			   "kernel %s has no %s; weir needs Linux 5.8 or later, built with "
			   "CONFIG_DEBUG_INFO_BTF (`weir probe` says what there is)",
			   features->release, missing_feature(features));
		return -ENOTSUP;
	}
	return 0;
}

static int load(struct sensor *sensor, const struct kernel_features *features, struct errmsg *em)
{
	int err;

	sensor->programs = weir_bpf__open();
	if (!sensor->programs)
		return libbpf_failed(em, "open the kernel programs", -errno);
	err = size_maps(sensor);
	if (err)
		return libbpf_failed(em, "size the maps", err);
	set_knobs(sensor, features);
	err = set_kernel_knobs(sensor, em);
	if (err)
		return err;
	choose_programs(sensor);
	err = weir_bpf__load(sensor->programs);
	if (err)
		return libbpf_failed(em, "load the kernel programs", err);
	err = ring_open(bpf_map__fd(sensor->programs->maps.ring), sensor->ring_bytes,
			sensor->record_bytes, &sensor->ring);
	if (err)
		errmsg_set(em, "map the ring buffer of %llu bytes: %s",
			   (unsigned long long)sensor->ring_bytes, strerror(-err));
	return err;
}

int sensor_open(const struct sensor_settings *settings, const struct kernel_features *features,
		struct sensor **sensor_r, struct errmsg *em)
{
	struct sensor *sensor;
	int err = check_features(features, em);

	if (err)
		return err;
	sensor = calloc(1, sizeof(*sensor));
	if (!sensor) {
		errmsg_set(em, "no memory for the sensor");
		return -ENOMEM;
	}
	libbpf_begin();
	sensor->settings = *settings;
	sensor->settings.arguments_bytes = at_most(settings->arguments_bytes, ARGUMENTS_MAX);
	sensor->settings.environment_bytes = at_most(settings->environment_bytes, ENVIRONMENT_MAX);
	sensor->tcp = settings->tcp && features->socket_storage;
	sensor->cpus = libbpf_num_possible_cpus();
	sensor->ring_bytes = ring_size(settings->ring_bytes, sensor->cpus);
	sensor->counters = calloc(sensor->cpus, sizeof(*sensor->counters));
	if (sensor->counters) {
		err = load(sensor, features, em);
	} else {
		errmsg_set(em, "no memory for the counters of %d CPUs", sensor->cpus);
		err = -ENOMEM;
	}
	if (err) {
		sensor_close(&sensor);
		return err;
	}
	*sensor_r = sensor;
	return 0;
}

static int attach(struct bpf_program *program, struct bpf_link **link, struct errmsg *em)
{
	char what[64];

	*link = bpf_program__attach(program);
	if (*link)
		return 0;
	snprintf(what, sizeof(what), "attach %s", bpf_program__name(program));
	return libbpf_failed(em, what, -errno);
}

/* Exit before exec before fork: so of a process whose fork is seen, the rest is seen too. (The
 * other way round one could exec unseen after its fork, and would go by its parent's name.) */
static int attach_all(struct sensor *sensor, struct errmsg *em)
{
	struct weir_bpf *programs = sensor->programs;
	int err;

	err = attach(programs->progs.weir_exit, &programs->links.weir_exit, em);
	if (!err)
		err = attach(programs->progs.weir_exec, &programs->links.weir_exec, em);
	if (!err)
		err = attach(programs->progs.weir_fork, &programs->links.weir_fork, em);
	if (!err && programs->rodata->accept_is_traced) /* one link, whichever program it is */
		err = attach(sensor->accept, &programs->links.weir_accept, em);
	if (!err && sensor->tcp)
		err = attach(programs->progs.weir_tcp, &programs->links.weir_tcp, em);
	return err;
}

static struct snapshot_settings snapshot_settings_of(const struct sensor *sensor)
{
	return (struct snapshot_settings){
		.arguments_bytes = sensor->settings.arguments_bytes,
		.environment_bytes = sensor->settings.environment_bytes,
		.tasks_fd = bpf_map__fd(sensor->programs->maps.tasks),
	};
}

int sensor_start(struct sensor *sensor, sensor_record_fn fn, void *ctx, struct errmsg *em)
{
	struct snapshot_settings snapshot = snapshot_settings_of(sensor);
	int err;

	libbpf_begin();
	err = attach_all(sensor, em);
	if (!err)
		err = snapshot_tasks(&snapshot, sensor->programs->progs.weir_snapshot, fn, ctx, em);
	if (!err && sensor->tcp)
		err = snapshot_run(sensor->programs->progs.weir_sockets, em);
	if (err)
		sensor_stop(sensor);
	return err;
}

int sensor_living(struct sensor *sensor, struct buf *keys, struct errmsg *em)
{
	libbpf_begin();
	return snapshot_keys(sensor->programs->progs.weir_living, keys, em);
}

int sensor_tell_again(struct sensor *sensor, sensor_wanted_fn wanted, sensor_record_fn fn,
		      void *ctx, struct errmsg *em)
{
	struct snapshot_settings snapshot = snapshot_settings_of(sensor);

	snapshot.wanted = wanted;
	snapshot.wanted_ctx = ctx;
	libbpf_begin();
	return snapshot_tasks(&snapshot, sensor->programs->progs.weir_again, fn, ctx, em);
}

size_t sensor_drain(struct sensor *sensor, size_t max_records, sensor_record_fn fn, void *ctx)
{
	uint64_t before = ring_corruptions(sensor->ring);
	size_t n = ring_drain(sensor->ring, max_records, fn, ctx);

	/* How many records were skipped can't be known. As one that doesn't decode it is a loss
	 * that is counted and told. */
	if (ring_corruptions(sensor->ring) != before)
		fn(ctx, "", 0);
	return n;
}

void sensor_look_ahead(struct sensor *sensor, sensor_record_fn fn, void *ctx)
{
	ring_look_ahead(sensor->ring, fn, ctx);
}

int sensor_fd(const struct sensor *sensor)
{
	return bpf_map__fd(sensor->programs->maps.ring);
}

/* Runs that the kernel left out because the program was at work on that CPU already; 5.12. */
static uint64_t left_out(const struct bpf_program *program)
{
	struct bpf_prog_info info = {};
	uint32_t n = sizeof(info);

	if (bpf_program__fd(program) < 0 ||
	    bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &n))
		return 0;
	return info.recursion_misses;
}

void sensor_counters(struct sensor *sensor, struct sensor_counters *counters_r)
{
	struct weir_bpf *programs = sensor->programs;
	uint32_t zero = 0;

	memset(counters_r, 0, sizeof(*counters_r));
	counters_r->ring_bytes = sensor->ring_bytes;
	counters_r->ring_used_bytes = ring_pending_bytes(sensor->ring);
	if (bpf_map_lookup_elem(bpf_map__fd(programs->maps.counters), &zero, sensor->counters))
		memset(sensor->counters, 0, sensor->cpus * sizeof(*sensor->counters));
	for (int cpu = 0; cpu < sensor->cpus; cpu++)
		for (int type = 0; type < EVENT_TYPES; type++)
			for (int fate = 0; fate < EVENT_FATES; fate++)
				counters_r->fates[type][fate] +=
					sensor->counters[cpu].fates[type][fate];
	counters_r->fates[EVENT_EXEC][FATE_SCRATCH_BUSY] += left_out(programs->progs.weir_exec);
	counters_r->fates[EVENT_FORK][FATE_SCRATCH_BUSY] += left_out(programs->progs.weir_fork);
	counters_r->fates[EVENT_EXIT][FATE_SCRATCH_BUSY] += left_out(programs->progs.weir_exit);
	counters_r->fates[EVENT_NONE][FATE_SCRATCH_BUSY] += left_out(programs->progs.weir_tcp);
}

void sensor_stop(struct sensor *sensor)
{
	weir_bpf__detach(sensor->programs);
}

void sensor_close(struct sensor **sensor)
{
	struct sensor *s = *sensor;

	if (!s)
		return;
	ring_close(&s->ring);
	weir_bpf__destroy(s->programs);
	free(s->counters);
	free(s);
	*sensor = NULL;
}
