/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/exec.bpf.c: a process has become another program.
 *
 * Hook: sched_process_exec, as a BTF raw tracepoint (5.5). It runs when execve can't fail any
 * more: credentials, memory and pid are the new image's, the other threads are gone, and the
 * kernel's own copies can be read instead of user memory that another thread might change; only
 * argv and the environment lie on the new stack, which nobody else can write yet.
 * Cost: 3 microseconds per execve (kernel.bpf_stats_enabled, cold caches), most of it the two
 * paths and the reads of what an image is made of; nothing for anything else. */
#include "bpf/emit.h"
#include "bpf/image.h"
#include "bpf/privileges.h"

#include <bpf/bpf_tracing.h>

/* Makes the task's entry that of the new image, and says whose child it is and what it replaces.
 * Returns EXEC_* facts. */
static __always_inline __u32 exec_remember(struct task_struct *task, __u64 now,
					   struct event_process_key *parent,
					   struct event_process_key *replaced)
{
	struct task_entry *entry = task_entry(task->tgid), fresh = {};
	__u32 facts = 0;

	task_key_of(replaced, task, entry);
	if (entry) {
		*parent = entry->parent;
		if (entry->flags & TASK_CLONED)
			facts |= EXEC_AFTER_FORK;
		if (entry->flags & TASK_IN_INIT_TREE)
			facts |= EXEC_IN_INIT_TREE;
		entry->start_ns = now;
		entry->flags &= TASK_IN_INIT_TREE;
		return facts;
	}
	task_parent_key(parent, task);
	fresh.start_ns = now;
	fresh.parent = *parent;
	task_remember(task->tgid, &fresh, BPF_ANY, EVENT_EXEC);
	return EXEC_NO_FORK_SEEN;
}

static __always_inline void exec_filename(struct scratch *scratch, struct linux_binprm *bprm)
{
	struct event_exec *record = &scratch->record;
	long n = bpf_probe_read_kernel_str(record->data, PATH_MAX, bprm->filename);

	if (n <= 0) {
		record->facts |= EXEC_FILENAME_UNREADABLE;
		return;
	}
	record->filename_len = (n - 1) & (PATH_MAX - 1);
	scratch->at = record->filename_len;
}

/* Copies user memory of the new image to `to`, at most max bytes; returns how many. */
static __always_inline __u32 exec_user_text(struct scratch *scratch, char *to, __u64 from,
					    __u64 total, __u64 max, __u32 truncated,
					    __u32 unreadable)
{
	__u64 n = total;

	if (n > max) {
		n = max;
		scratch->record.facts |= truncated;
	}
	n = bounded(n, max);
	if (bpf_probe_read_user(to, n, (void *)from)) {
		scratch->record.facts |= unreadable;
		return 0;
	}
	scratch->at += n;
	return n;
}

static __always_inline void exec_arguments(struct scratch *scratch, struct mm_struct *mm)
{
	struct event_exec *record = &scratch->record;

	record->args_total = mm->arg_end - mm->arg_start;
	record->args_len = exec_user_text(scratch, image_next(scratch, SCRATCH_TEXT_MAX),
					  mm->arg_start, record->args_total, args_max,
					  EXEC_ARGS_TRUNCATED, EXEC_ARGS_UNREADABLE);
	record->env_total = mm->env_end - mm->env_start;
	if (!env_max)
		return;
	record->env_len = exec_user_text(scratch, image_next(scratch, SCRATCH_TEXT_MAX + args_max),
					 mm->env_start, record->env_total, env_max,
					 EXEC_ENV_TRUNCATED, EXEC_ENV_UNREADABLE);
}

static __always_inline void exec_tell(struct scratch *scratch, struct task_struct *task,
				      struct linux_binprm *bprm, __u32 old_tid)
{
	struct event_exec *record = &scratch->record;
	__u64 size;

	image_facts(record, task);
	record->old_tid = old_tid;
	if (old_tid != (__u32)task->tgid)
		record->facts |= EXEC_BY_THREAD;
	exec_filename(scratch, bprm);
	image_exe(scratch, task, bprm->file);
	image_cwd(scratch, task);
	image_cgroup(scratch, task);
	privileges_gained(record, task, bprm);
	exec_arguments(scratch, task->mm);
	size = sizeof(*record) + bounded(scratch->at, SCRATCH_TEXT_MAX + args_max + env_max);
	record->header.size = size;
	emit_copy(record, EVENT_EXEC, size);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(weir_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct scratch *scratch = scratch_get(bpf_get_smp_processor_id());
	struct event_process_key parent, replaced;
	__u64 now = bpf_ktime_get_boot_ns();
	struct event_exec *record;
	__u32 facts;

	facts = exec_remember(task, now, &parent, &replaced);
	if (!scratch) {
		emit_count(EVENT_EXEC, FATE_SCRATCH_BUSY);
		return 0;
	}
	record = &scratch->record;
	image_begin(record);
	emit_header(&record->header, EVENT_EXEC, 0, now, task->pid);
	record->header.process.start_ns = now;
	record->header.process.pid = task->tgid;
	record->parent = parent;
	record->replaced = replaced;
	record->facts = facts;
	exec_tell(scratch, task, bprm, old_pid);
	scratch_put(scratch);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
