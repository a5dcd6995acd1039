/* What probe_kernel() found, for people and for programs. */
#include "collector/probe.h"

#include "base/json_write.h"

#include <stddef.h>

enum importance { NEEDED, BETTER, LATER };

/* In the order of the output. `lacking` says what a user of weir does without. */
static const struct {
	const char *name;
	size_t offset;
	enum importance importance;
	const char *what, *lacking;
} rows[] = {
#define ROW(field) #field, offsetof(struct kernel_features, field)
	{ ROW(may_load), NEEDED, "may load kernel programs", "weir can't run" },
	{ ROW(btf), NEEDED, "type information of the kernel (BTF)",
	  "weir can't run; the kernel needs CONFIG_DEBUG_INFO_BTF" },
	{ ROW(ring_buffer), NEEDED, "ring buffer", "weir can't run; needs Linux 5.8" },
	{ ROW(tp_btf), NEEDED, "BTF raw tracepoints",
	  "weir can't run; processes are seen through these" },
	{ ROW(task_iterator), NEEDED, "task iterator",
	  "weir can't run; processes that run already are found by it (Linux 5.8)" },
	{ ROW(socket_storage), BETTER, "socket storage in tracepoint programs",
	  "no TCP events; needs Linux 5.11" },
	{ ROW(fentry), BETTER, "fentry and fexit",
	  "an accepted connection is told with the process that listens, not the one that accepts; "
	  "policies on kernel functions use kprobes" },
	{ ROW(kprobe), LATER, "kprobes",
	  "policies on kernel functions need fentry; without both they are refused" },
	{ ROW(raw_syscalls), LATER, "raw system call tracepoints",
	  "policies on system calls are refused" },
	{ ROW(uprobe), LATER, "uprobes", "policies on user-space functions are refused" },
	{ ROW(lsm), LATER, "BPF LSM",
	  "policies on LSM hooks are refused; the kernel needs CONFIG_BPF_LSM and bpf in lsm=" },
	{ ROW(fmod_ret), LATER, "changing return values (fmod_ret)",
	  "a call can be denied only by LSM or kprobe override" },
	{ ROW(kprobe_override), LATER, "kprobe override",
	  "a system call can't be denied through a kprobe" },
	{ ROW(send_signal), LATER, "sending signals", "policies can't kill" },
	{ ROW(cgroup_sock_addr), LATER, "cgroup connect and bind programs",
	  "connections can't be denied by policy" },
	{ ROW(sock_ops), LATER, "sock_ops programs", "no details of TCP connections by policy" },
	{ ROW(cgroup2), BETTER, "cgroup2 hierarchy",
	  "containers are found by their v1 cgroups; no network denials" },
	{ ROW(seccomp), BETTER, "seccomp filters",
	  "the process that talks to the network is confined less" },
	{ ROW(landlock), BETTER, "Landlock",
	  "the process that talks to the network is confined by user and seccomp only" },
#undef ROW
};

static bool has(const struct kernel_features *features, size_t row)
{
	return *(const bool *)((const char *)features + rows[row].offset);
}

static const char *mark(bool is_there, enum importance importance)
{
	if (is_there)
		return "yes ";
	return importance == NEEDED ? "NO  " : "no  ";
}

static bool can_run(const struct kernel_features *features)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].importance == NEEDED && !has(features, i))
			return false;
	return true;
}

void probe_write_text(const struct kernel_features *features, struct buf *out)
{
	buf_printf(out, "Linux %s: weir %s here\n\n", features->release,
		   can_run(features) ? "runs" : "can't run");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		buf_printf(out, "  %s %s\n", mark(has(features, i), rows[i].importance),
			   rows[i].what);
		if (!has(features, i))
			buf_printf(out, "         without it: %s\n", rows[i].lacking);
	}
	if (!features->may_load)
		buf_printf(out, "\nLoading: %s. What is \"no\" above may only be forbidden.\n",
			   features->may_load_why);
	if (features->cgroup2)
		buf_printf(out, "\ncgroup2 is mounted at %s\n", features->cgroup2_path);
}

void probe_write_json(const struct kernel_features *features, struct buf *out)
{
	buf_lit(out, "{");
	json_field_string(out, "release", str_of(features->release));
	json_field_bool(out, "can_run", can_run(features));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		json_field_bool(out, rows[i].name, has(features, i));
	json_field_string(out, "cgroup2_path", str_of(features->cgroup2_path));
	json_field_string(out, "may_load_why", str_of(features->may_load_why));
	buf_lit(out, "}\n");
}
