#include "collector/probe.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <mntent.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Each question is an attempt: the smallest program of the kind, loaded and, where only attaching
 * shows whether it works, attached for a moment. */

/* r0 = value; exit */
#define PROBE_RETURN(value)                                                    \
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = (value) }, \
	{                                                                      \
		.code = BPF_JMP | BPF_EXIT                                     \
	}
#define PROBE_CALL(helper)                                  \
	{                                                   \
		.code = BPF_JMP | BPF_CALL, .imm = (helper) \
	}
#define PROBE_SET(reg, value)                                                         \
	{                                                                             \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (reg), .imm = (value) \
	}

static const struct bpf_insn return_0[] = { PROBE_RETURN(0) };
static const struct bpf_insn return_1[] = { PROBE_RETURN(1) };

/* What a function of the kernel is called that every kernel has, and that is seldom called. */
#define PROBE_FUNCTION	   "do_sys_openat2"
#define PROBE_SECURITY	   "security_sb_umount"
#define PROBE_LSM_FUNCTION "bpf_lsm_sb_umount"

static int load(enum bpf_prog_type type, enum bpf_attach_type attach, const char *attach_to,
		const struct btf *btf, uint32_t btf_kind, const struct bpf_insn *insns, size_t n)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach);

	if (attach_to) {
		int id = btf ? btf__find_by_name_kind(btf, attach_to, btf_kind) : -ENOENT;

		if (id < 0)
			return id;
		opts.attach_btf_id = id;
	}
	return bpf_prog_load(type, "weir_probe", "Dual BSD/GPL", insns, n, &opts);
}

/* Closes what was made; tells whether it was. */
static bool made(int fd)
{
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* Loads a program of the tracing kind and attaches it for a moment. */
static bool can_trace(enum bpf_prog_type type, enum bpf_attach_type attach, const char *attach_to,
		      const struct btf *btf, uint32_t btf_kind)
{
	int program = load(type, attach, attach_to, btf, btf_kind, return_0, ARRAY_SIZE(return_0));
	bool attached;

	if (program < 0)
		return false;
	attached = made(bpf_raw_tracepoint_open(NULL, program));
	close(program);
	return attached;
}

static bool can_raw_tracepoint(const char *name)
{
	int program = load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, NULL, NULL, 0, return_0,
			   ARRAY_SIZE(return_0));
	bool attached;

	if (program < 0)
		return false;
	attached = made(bpf_raw_tracepoint_open(name, program));
	close(program);
	return attached;
}

static bool can_load(enum bpf_prog_type type, enum bpf_attach_type attach,
		     const struct bpf_insn *insns, size_t n)
{
	return made(load(type, attach, NULL, NULL, 0, insns, n));
}

/* -- probes through perf events -- */

/* The number of a dynamic event source; -1: the kernel has none of that name. */
static int event_source(const char *name)
{
	char path[96], text[16] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/type", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? (int)strtol(text, NULL, 10) : -1;
}

/* target: a function (kprobe) or a file (uprobe). */
static bool can_probe(const char *source, const char *target, uint64_t offset)
{
	struct perf_event_attr attr = { .size = sizeof(attr) };
	int type = event_source(source);

	if (type < 0)
		return false;
	attr.type = type;
	attr.config1 = (uintptr_t)target;
	attr.config2 = offset;
	return made(syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC));
}

/* The helper exists only where the kernel was built with CONFIG_BPF_KPROBE_OVERRIDE. */
static bool can_override(void)
{
	static const struct bpf_insn insns[] = {
		PROBE_SET(BPF_REG_2, 0),
		PROBE_CALL(BPF_FUNC_override_return),
		PROBE_RETURN(0),
	};

	return can_load(BPF_PROG_TYPE_KPROBE, 0, insns, ARRAY_SIZE(insns));
}

static bool can_send_signal(void)
{
	static const struct bpf_insn insns[] = {
		PROBE_SET(BPF_REG_1, 0),
		PROBE_CALL(BPF_FUNC_send_signal),
		PROBE_RETURN(0),
	};

	return can_load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, insns, ARRAY_SIZE(insns));
}

/* -- socket storage -- */

/* Such a map must say what it holds: here an int for an int. */
static int socket_storage_map(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	struct btf *btf = btf__new_empty();
	int id, map = -1;

	if (!btf)
		return -1;
	id = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	if (id > 0 && !btf__load_into_kernel(btf)) {
		opts.btf_fd = btf__fd(btf);
		opts.btf_key_type_id = id;
		opts.btf_value_type_id = id;
		map = bpf_map_create(BPF_MAP_TYPE_SK_STORAGE, "weir_probe", 4, 4, 0, &opts);
	}
	btf__free(btf);
	return map;
}

/* May a tracepoint program ask for a socket's storage? */
static bool can_use_socket_storage(const struct btf *btf)
{
	int map = socket_storage_map();
	struct bpf_insn insns[] = {
		/* r2 = the socket; r1 = the map */
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_1 },
		{ .code = BPF_LD | BPF_IMM | BPF_DW,
		  .dst_reg = BPF_REG_1,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = map },
		{ 0 },
		PROBE_SET(BPF_REG_3, 0),
		PROBE_SET(BPF_REG_4, 0),
		PROBE_CALL(BPF_FUNC_sk_storage_get),
		PROBE_RETURN(0),
	};
	bool can;

	if (map < 0)
		return false;
	can = made(load(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "btf_trace_inet_sock_set_state",
			btf, BTF_KIND_TYPEDEF, insns, ARRAY_SIZE(insns)));
	close(map);
	return can;
}

/* -- what is not BPF -- */

static void find_cgroup2(struct kernel_features *features)
{
	FILE *mounts = setmntent("/proc/self/mounts", "r");
	struct mntent *mount;

	if (!mounts)
		return;
	while ((mount = getmntent(mounts))) {
		if (strcmp(mount->mnt_type, "cgroup2"))
			continue;
		features->cgroup2 = true;
		snprintf(features->cgroup2_path, sizeof(features->cgroup2_path), "%s",
			 mount->mnt_dir);
		break;
	}
	endmntent(mounts);
}

/* A program can be attached to an LSM hook and yet never run: only when "bpf" is among the modules
 * that were switched on at boot. */
static bool lsm_runs_bpf(void)
{
	int fd = open("/sys/kernel/security/lsm", O_RDONLY | O_CLOEXEC);
	char text[512];
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (char *rest = text, *name; (name = strsep(&rest, ",\n"));)
		if (!strcmp(name, "bpf"))
			return true;
	return false;
}

static bool has_landlock(void)
{
#ifdef SYS_landlock_create_ruleset
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1u /* ask for the version */) > 0;
#else
	return false;
#endif
}

static bool has_seccomp_filter(void)
{
	uint32_t action = SECCOMP_RET_ERRNO;

	return !syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
}

/* -- all of it -- */

/* The plainest program there is. When it is refused, nothing else can be asked. */
static void probe_rights(struct kernel_features *features)
{
	int fd = load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, NULL, NULL, 0, return_0,
		      ARRAY_SIZE(return_0));

	features->may_load = made(fd);
	if (features->may_load)
		return;
	if (fd == -EPERM || fd == -EACCES)
		snprintf(features->may_load_why, sizeof(features->may_load_why),
			 "not permitted: needs root, or CAP_BPF and CAP_PERFMON (a container: "
			 "seccomp must allow bpf)");
	else if (fd == -ENOSYS)
		snprintf(features->may_load_why, sizeof(features->may_load_why),
			 "this kernel has no bpf system call");
	else
		snprintf(features->may_load_why, sizeof(features->may_load_why),
			 "the kernel says: %s", strerror(-fd));
}

static void probe_tracing(struct kernel_features *features, const struct btf *btf)
{
	features->tp_btf = can_trace(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP,
				     "btf_trace_sched_process_exec", btf, BTF_KIND_TYPEDEF);
	features->fentry = can_trace(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, PROBE_FUNCTION, btf,
				     BTF_KIND_FUNC);
	features->fmod_ret = can_trace(BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN, PROBE_SECURITY,
				       btf, BTF_KIND_FUNC);
	features->lsm = lsm_runs_bpf() && can_trace(BPF_PROG_TYPE_LSM, BPF_LSM_MAC,
						    PROBE_LSM_FUNCTION, btf, BTF_KIND_FUNC);
	features->task_iterator = made(load(BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, "bpf_iter_task",
					    btf, BTF_KIND_FUNC, return_0, ARRAY_SIZE(return_0)));
	features->socket_storage = can_use_socket_storage(btf);
	features->raw_syscalls = can_raw_tracepoint("sys_enter");
}

static int probe_quietly(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0; /* refusals are answers here */
}

void probe_kernel(struct kernel_features *features_r)
{
	libbpf_print_fn_t print = libbpf_set_print(probe_quietly);
	struct btf *btf = btf__load_vmlinux_btf();
	struct utsname name;

	memset(features_r, 0, sizeof(*features_r));
	if (!uname(&name))
		snprintf(features_r->release, sizeof(features_r->release), "%s", name.release);
	features_r->btf = btf;
	probe_rights(features_r);
	features_r->ring_buffer =
		made(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "weir_probe", 0, 0, getpagesize(), NULL));
	probe_tracing(features_r, btf);
	features_r->kprobe = can_probe("kprobe", PROBE_FUNCTION, 0);
	features_r->kprobe_override = features_r->kprobe && can_override();
	/* Byte 64 of a program file belongs to its headers: no instruction is touched. */
	features_r->uprobe = can_probe("uprobe", "/proc/self/exe", 64);
	features_r->send_signal = can_send_signal();
	features_r->cgroup_sock_addr =
		can_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, return_1,
			 ARRAY_SIZE(return_1));
	features_r->sock_ops = can_load(BPF_PROG_TYPE_SOCK_OPS, 0, return_1, ARRAY_SIZE(return_1));
	find_cgroup2(features_r);
	features_r->landlock = has_landlock();
	features_r->seccomp = has_seccomp_filter();
	btf__free(btf);
	libbpf_set_print(print);
}
