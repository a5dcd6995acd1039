/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/snapshot.bpf.c: the processes that ran before weir did.
 *
 * Hook: the task iterator (5.8), read once, after the other programs are attached. Each process
 * gets its entry in the task map only if no hook has made one, and is told of only then; so a
 * process that starts, executes or ends meanwhile is told of once, either here or in the ring.
 * Kernel threads are told of too, marked, so that a parent or an owner has a name; they get no
 * entry and have no events.
 * The other two are for later, when records of starts and ends were lost (collector/rescan.h).
 * Cost: 3 microseconds per process, once. */
#include "bpf/emit.h"
#include "bpf/image.h"

#include <bpf/bpf_tracing.h>

#define SNAPSHOT_ANCESTORS 64

/* Is the task below pid 1 of its pid namespace, by parenthood? */
static __always_inline bool snapshot_in_init_tree(struct task_struct *task)
{
	struct task_struct *at = task;
	struct task_pid_ns own, ns;

	task_pid_ns(&own, task);
	if (own.level == 0)
		return false;
	ns = own;
	for (int i = 0; i < SNAPSHOT_ANCESTORS; i++) {
		if (ns.ns != own.ns)
			return false;
		if (ns.nr == 1)
			return true;
		at = BPF_CORE_READ(at, real_parent);
		task_pid_ns(&ns, at);
	}
	return false;
}

/* True: the entry is the iterator's and is still to be told. It may be there from the last time
 * this task was shown: when the buffer of the read was full, the kernel shows it again. */
static __always_inline bool snapshot_remember(struct task_struct *task,
					      const struct task_entry *fresh)
{
	struct task_entry *known;

	if (task_remember(task->tgid, fresh, BPF_NOEXIST, EVENT_TASK))
		return true;
	known = task_entry(task->tgid);
	return known && known->flags & TASK_SNAPSHOT;
}

/* Has it ended since? Its exit has been told then, or will be; only the entry must go. */
static __always_inline void snapshot_settle(struct task_struct *task)
{
	__u32 tgid = task->tgid;
	struct task_entry *entry = task_entry(tgid);

	if (!entry)
		return;
	entry->flags &= ~TASK_SNAPSHOT;
	if (task->signal->live.counter == 0)
		bpf_map_delete_elem(&tasks, &tgid);
}

static __always_inline void snapshot_memory(struct event_exec *record, struct mm_struct *mm)
{
	record->replaced.start_ns =
		mm->arg_start; /* tells this image's memory from the next one's */
	record->args_total = mm->arg_end - mm->arg_start;
	record->env_total = mm->env_end - mm->env_start;
}

static __always_inline long snapshot_tell(struct scratch *scratch, struct seq_file *seq,
					  struct task_struct *task)
{
	struct event_exec *record = &scratch->record;
	struct mm_struct *mm = task->mm;
	__u64 size;

	image_facts(record, task);
	record->old_tid = task->pid;
	if (task_is_kernel(task)) {
		record->facts |= EXEC_KERNEL_THREAD;
	} else {
		if (mm) {
			snapshot_memory(record, mm);
			image_exe(scratch, task, mm->exe_file);
		}
		image_cwd(scratch, task);
		/* Asked last: an execve takes longer than all this. */
		if (bpf_core_field_exists(task->in_execve) &&
		    BPF_CORE_READ_BITFIELD(task, in_execve))
			record->facts |= EXEC_CHANGING;
	}
	image_cgroup(scratch, task);
	size = sizeof(*record) + bounded(scratch->at, SCRATCH_TEXT_MAX);
	record->header.size = size;
	return bpf_seq_write(seq, record, size);
}

static __always_inline void snapshot_begin(struct event_exec *record, struct task_struct *task,
					   __u64 start_ns, const struct event_process_key *parent)
{
	image_begin(record);
	emit_header(&record->header, EVENT_TASK, 0, bpf_ktime_get_boot_ns(), task->pid);
	record->header.process.start_ns = start_ns;
	record->header.process.pid = task->tgid;
	record->parent = *parent;
	if (snapshot_in_init_tree(task))
		record->facts |= EXEC_IN_INIT_TREE;
}

static __always_inline void snapshot_task(struct scratch *scratch, struct seq_file *seq,
					  struct task_struct *task)
{
	struct event_exec *record = &scratch->record;
	struct task_entry fresh = { .flags = TASK_SNAPSHOT };

	fresh.start_ns = task->start_boottime;
	task_parent_key(&fresh.parent, task);
	snapshot_begin(record, task, fresh.start_ns, &fresh.parent);
	if (record->facts & EXEC_IN_INIT_TREE)
		fresh.flags |= TASK_IN_INIT_TREE;
	if (!task_is_kernel(task) && !snapshot_remember(task, &fresh))
		return;
	if (snapshot_tell(scratch, seq, task))
		return; /* no room in this read: shown again in the next */
	emit_count(EVENT_TASK, FATE_SUBMITTED);
	snapshot_settle(task);
}

/* The same of a process whose start may have been told already, and lost. */
static __always_inline void snapshot_task_again(struct scratch *scratch, struct seq_file *seq,
						struct task_struct *task)
{
	struct task_entry *entry = task_entry(task->tgid);
	struct event_process_key parent, key;

	task_key(&key, task);
	if (entry)
		parent = entry->parent;
	else
		task_parent_key(&parent, task);
	snapshot_begin(&scratch->record, task, key.start_ns, &parent);
	scratch->record.facts |= EXEC_NO_FORK_SEEN;
	snapshot_tell(scratch, seq, task);
}

static __always_inline bool snapshot_is_process(struct task_struct *task)
{
	return task && task->pid == task->tgid && task->signal->live.counter != 0;
}

/* The iterators' slot; only one of them runs at a time. */
static __always_inline struct scratch *snapshot_scratch(void)
{
	struct scratch *scratch = scratch_get(snapshot_slot);

	if (!scratch)
		emit_count(EVENT_TASK, FATE_SCRATCH_BUSY);
	return scratch;
}

SEC("iter/task")
int weir_snapshot(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct scratch *scratch;

	if (!snapshot_is_process(task))
		return 0;
	scratch = snapshot_scratch();
	if (!scratch)
		return 0;
	snapshot_task(scratch, ctx->meta->seq, task);
	scratch_put(scratch);
	return 0;
}

/* After a loss, when the ring is empty: the keys of all that runs, kernel threads included. */
SEC("iter/task")
int weir_living(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct event_process_key key;

	if (!snapshot_is_process(task))
		return 0;
	task_key(&key, task);
	bpf_seq_write(ctx->meta->seq, &key, sizeof(key));
	return 0;
}

/* And a record of each, of which user space takes those that it has not heard of. */
SEC("iter/task")
int weir_again(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct scratch *scratch;

	if (!snapshot_is_process(task))
		return 0;
	scratch = snapshot_scratch();
	if (!scratch)
		return 0;
	snapshot_task_again(scratch, ctx->meta->seq, task);
	scratch_put(scratch);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
