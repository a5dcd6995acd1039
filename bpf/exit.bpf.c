/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/exit.bpf.c: the last thread of a process is gone.
 *
 * Hook: sched_process_exit, as a BTF raw tracepoint (5.5). It runs for every thread; from 6.16 on
 * its second argument says which one was the last. Before, signal->live was already counted down,
 * but two threads that end together can both find it zero: then the first to claim the group
 * tells. Kernel threads are passed over.
 * Cost: 0.8 microseconds per process; little for another thread. */
#include "bpf/emit.h"
#include "bpf/task.h"

#include <bpf/bpf_tracing.h>

/* Groups of several threads that ended lately, on kernels before 6.16. A claim matters for the
 * moment in which the last threads run through the hook; old ones are evicted. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct event_process_key);
	__type(value, __u32);
} ended SEC(".maps");

/* The first of them to ask gets it. */
static __always_inline bool exit_claim(struct task_struct *task)
{
	struct event_process_key group = {
		.start_ns = task->group_leader->start_boottime,
		.pid = task->tgid,
	};
	__u32 one = 1;

	return map_update(&ended, &group, &one, BPF_NOEXIST) != -EEXIST;
}

/* May this thread be the last of its group? */
static __always_inline bool exit_is_last(unsigned long long *ctx, struct task_struct *task)
{
	if (exit_has_group_dead)
		return *(volatile __u64 *)&ctx[1] & 0xff;
	return !task->signal->live.counter;
}

/* Forgets the group; true for the one thread of it that is to tell. Who takes the entry away and
 * sees no other thread has no one to race with. Without an entry, it was taken by another thread,
 * or there never was one: then the claim tells which. */
static __always_inline bool exit_settle(struct task_struct *task)
{
	__u32 tgid = task->tgid;
	bool forgotten = !bpf_map_delete_elem(&tasks, &tgid);

	if (exit_has_group_dead)
		return true;
	return (forgotten && task->signal->nr_threads == 1) || exit_claim(task);
}

/* What wait(2) gives the parent: the code of a group that was ended as a whole (exit_group, a
 * signal), else that of the leader, whichever thread ended last. */
static __always_inline __u32 exit_code(struct task_struct *task)
{
	struct signal_struct *signal = task->signal;

	if (signal->flags & SIGNAL_GROUP_EXIT)
		return signal->group_exit_code;
	return task->group_leader->exit_code;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(weir_exit, struct task_struct *task)
{
	struct event_process_key key;
	struct event_exit *record;

	if (task_is_kernel(task) || !exit_is_last(ctx, task))
		return 0;
	task_key(&key, task);
	if (!exit_settle(task))
		return 0;
	record = emit_reserve(EVENT_EXIT, sizeof(*record));
	if (!record)
		return 0;
	emit_header(&record->header, EVENT_EXIT, sizeof(*record), bpf_ktime_get_boot_ns(),
		    task->pid);
	record->header.process = key;
	record->code = exit_code(task);
	record->pad = 0;
	emit_submit(record, EVENT_EXIT, sizeof(*record));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
