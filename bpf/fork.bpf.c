/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/fork.bpf.c: a new thread group.
 *
 * Hook: sched_process_fork, as a BTF raw tracepoint (5.5). It runs in the parent, before the child
 * can run, so the child's entry is there before its first event. New threads and kernel threads
 * are passed over.
 * Cost: 1.2 microseconds per new process; a new thread returns after two comparisons. */
#include "bpf/emit.h"
#include "bpf/task.h"

#include <bpf/bpf_tracing.h>

static __always_inline __u32 fork_flags(const struct task_entry *parent,
					const struct task_pid_ns *ns)
{
	bool starts_tree = ns->level > 0 && ns->nr == 1;

	if (starts_tree || (parent && parent->flags & TASK_IN_INIT_TREE))
		return TASK_CLONED | TASK_IN_INIT_TREE;
	return TASK_CLONED;
}

/* False: the iterator has met this task already and tells of it. */
static __always_inline bool fork_remember(struct task_struct *child, const struct task_entry *fresh)
{
	__u32 tgid = child->tgid;
	struct task_entry *known;

	if (task_remember(tgid, fresh, BPF_NOEXIST, EVENT_FORK))
		return true;
	known = task_entry(tgid);
	if (known && known->start_ns == fresh->start_ns) {
		known->flags |= TASK_CLONED;
		return false;
	}
	task_remember(tgid, fresh, BPF_ANY, EVENT_FORK);
	return true;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(weir_fork, struct task_struct *parent, struct task_struct *child)
{
	struct task_entry fresh = {}, *above;
	struct task_pid_ns ns;
	struct event_fork *record;

	if (child->pid != child->tgid || task_is_kernel(child))
		return 0;
	task_pid_ns(&ns, child);
	above = task_parent_key(&fresh.parent, child); /* CLONE_PARENT gives it a sibling */
	fresh.start_ns = child->start_boottime;
	fresh.flags = fork_flags(above, &ns);
	if (!fork_remember(child, &fresh))
		return 0;
	record = emit_reserve(EVENT_FORK, sizeof(*record));
	if (!record)
		return 0;
	emit_header(&record->header, EVENT_FORK, sizeof(*record), bpf_ktime_get_boot_ns(),
		    child->pid);
	record->header.process.start_ns = fresh.start_ns;
	record->header.process.pid = child->tgid;
	record->header.process.pad = 0;
	record->parent = fresh.parent;
	record->nspid = ns.nr;
	record->pad = 0;
	emit_submit(record, EVENT_FORK, sizeof(*record));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
