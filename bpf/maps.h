/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/maps.h: the maps and the knobs that the programs share.
 *
 * Everything here is weak: each program file carries a copy and `bpftool gen object` keeps one.
 * Knobs are read-only data, set by collector/sensor.c before the load; the verifier then knows
 * their values and drops what they switch off. */
#pragma once

#include "bpf/event.h"

#include <bpf/bpf_helpers.h>

/* -- knobs -- */

const volatile __u32 args_max __weak = 32768; /* longest argv copied */
const volatile __u32 env_max __weak = 0;      /* longest environment copied; 0: none */
/* The reader is woken when so many bytes are unread; each CPU looks after so many that it wrote. */
const volatile __u64 watermark __weak = 4 << 20;
const volatile __u64 watermark_look __weak = 512 << 10;
/* Scratch slot of the task iterator; those below it are the CPUs'. */
const volatile __u32 snapshot_slot __weak = 0;
/* sched_process_exit has the argument group_dead (6.16). */
const volatile bool exit_has_group_dead __weak = false;
/* bpf_get_socket_cookie() may be called from tracing programs (5.12). */
const volatile bool has_socket_cookie __weak = false;
/* fexit on inet_csk_accept is attached and tells of accepts. */
const volatile bool accept_is_traced __weak = false;

/* -- maps -- */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} ring SEC(".maps") __weak;

struct counters {
	__u64 fates[EVENT_TYPES][EVENT_FATES];
	__u64 since_look; /* bytes; see watermark_look */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters SEC(".maps") __weak;

enum {
	TASK_CLONED = 1u << 0,	     /* forked and not executed anything yet */
	TASK_IN_INIT_TREE = 1u << 1, /* see EXEC_IN_INIT_TREE */
	TASK_SNAPSHOT = 1u << 2,     /* the iterator has put it here and not told of it yet */
};

/* Live thread groups, by tgid: what the hooks need to attribute. Bounded; when it is full, that is
 * counted (FATE_TASK_MAP_FULL) and the process goes by its fallback key (task.h). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, __u32);
	__type(value, struct task_entry);
} tasks SEC(".maps") __weak;

/* A path on its way up (path.h). The text is filled downward from PATH_MAX. */
struct path_walk {
	struct dentry *dentry, *root;
	struct dentry *mnt_top; /* the root of mnt */
	struct vfsmount *mnt, *root_mnt;
	__u32 start; /* of what there is of the text */
	__u32 pad;
	char text[PATH_MAX + NAME_MAX + 1];
};

/* Where a record that is too large for the stack and of no constant size is put together. */
struct scratch {
	__u32 busy;
	__u32 slot; /* its own number */
	/* Bytes of record.data in use. Volatile, so that it is here and not in a register: the
	 * verifier then knows nothing of it, and what follows a text of unknown length looks the
	 * same to it after every outcome; it took ten times as long otherwise. */
	volatile __u32 at;
	__u32 pad;
	struct path_walk walk;
	struct event_exec record;
};

/* What `data` of a record may hold before the arguments: filename, exe, cwd, cgroup. */
#define SCRATCH_TEXT_MAX (3 * PATH_MAX + NAME_MAX + 1)

/* One slot per possible CPU and one for the iterator. An array and not a per-CPU array, because
 * those hold at most 32 KiB per element. The size of an element follows the knobs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct scratch) + SCRATCH_TEXT_MAX + 32768);
} scratches SEC(".maps") __weak;

/* A map update's result. Before 6.4 the kernel calls the map's own function, which returns an int,
 * and leaves the upper half of the register empty: a negative errno is one in 32 bits only. */
#define map_update(map, key, value, flags) ((int)bpf_map_update_elem(map, key, value, flags))

/* n, or 0 when it is more than max. The compiler often knows a bound already and drops the check,
 * or makes it on another register; the barrier keeps it where the verifier sees it. */
static __always_inline __u64 bounded(__u64 n, __u64 max)
{
	asm volatile("" : "+r"(n));
	return n > max ? 0 : n;
}
