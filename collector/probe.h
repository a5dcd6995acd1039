/* collector/probe.h: what this kernel can do, found by asking it, and what that means for a
 * user. `weir probe` prints it; sensor_open() chooses by it. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

struct kernel_features {
	char release[65];
	bool btf;
	bool ring_buffer;    /* 5.8 */
	bool tp_btf;	     /* BTF raw tracepoints; 5.5 */
	bool task_iterator;  /* 5.8 */
	bool socket_storage; /* sk storage from tracing programs; 5.11 */
	bool fentry, kprobe, lsm, fmod_ret, kprobe_override;
	bool cgroup_sock_addr, sock_ops, uprobe, send_signal, raw_syscalls;
	bool cgroup2;
	char cgroup2_path[256]; /* where it is mounted; empty: it isn't */
	bool landlock, seccomp;
	bool may_load; /* this process has the rights to load programs */
	char may_load_why[128];
};

/* Asks the kernel; takes some milliseconds; leaves nothing behind. */
void probe_kernel(struct kernel_features *features_r);
/* For people: one line per feature, and what it means for weir when it is missing. */
void probe_write_text(const struct kernel_features *features, struct buf *out);
void probe_write_json(const struct kernel_features *features, struct buf *out);
