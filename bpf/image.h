/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/image.h: puts together, in a scratch slot, what is said of an image: the body of EVENT_EXEC
 * and EVENT_TASK. The fixed part first, then the texts in the order of their lengths. */
#pragma once

#include "bpf/cgroup.h"
#include "bpf/path.h"
#include "bpf/task.h"

/* The slot is the caller's until scratch_put(). NULL: someone has it. Two programs on one CPU can
 * meet here only where tracing programs may be preempted (PREEMPT_RT). */
static __always_inline struct scratch *scratch_get(__u32 slot)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);

	if (!scratch || scratch->busy)
		return NULL;
	scratch->busy = 1;
	scratch->slot = slot;
	scratch->at = 0;
	return scratch;
}

static __always_inline void scratch_put(struct scratch *scratch)
{
	scratch->busy = 0;
}

/* Where the next text goes, when at most `max` bytes are in use. */
static __always_inline char *image_next(struct scratch *scratch, __u64 max)
{
	return scratch->record.data + bounded(scratch->at, max);
}

/* The path of a file or directory as its process sees it; returns its length. */
static __always_inline __u32 image_path(struct scratch *scratch, struct task_struct *task,
					struct dentry *dentry, struct vfsmount *mnt,
					__u32 truncated_fact)
{
	char *to = image_next(scratch, SCRATCH_TEXT_MAX - (NAME_MAX + 1) - PATH_MAX);
	__u64 start;

	if (!path_write(scratch, dentry, mnt, task->fs))
		scratch->record.facts |= truncated_fact;
	start = bounded(scratch->walk.start, PATH_MAX);
	if (start == PATH_MAX) { /* the root */
		*to = '/';
		start--;
	} else {
		bpf_probe_read_kernel(to, PATH_MAX - start, scratch->walk.text + start);
	}
	scratch->at += PATH_MAX - start;
	return PATH_MAX - start;
}

static __always_inline void image_exe(struct scratch *scratch, struct task_struct *task,
				      struct file *file)
{
	struct event_exec *record = &scratch->record;
	struct inode *inode = file->f_inode;

	record->exe_ino = inode->i_ino;
	record->exe_dev = inode->i_sb->s_dev;
	record->exe_nlink = inode->__i_nlink;
	record->exe_mode = inode->i_mode;
	record->exe_uid = inode->i_uid.val;
	record->exe_gid = inode->i_gid.val;
	record->exe_len = image_path(scratch, task, file->f_path.dentry, file->f_path.mnt,
				     EXEC_EXE_TRUNCATED);
}

static __always_inline void image_cwd(struct scratch *scratch, struct task_struct *task)
{
	struct event_exec *record = &scratch->record;
	struct fs_struct *fs = task->fs;
	struct dentry *dentry = fs->pwd.dentry;
	struct vfsmount *mnt = fs->pwd.mnt;

	if (!dentry || !mnt) {
		record->facts |= EXEC_CWD_UNREADABLE;
		return;
	}
	if (dentry == fs->root.dentry && mnt == fs->root.mnt)
		record->facts |= EXEC_ROOT_CWD;
	record->cwd_len = image_path(scratch, task, dentry, mnt, EXEC_CWD_TRUNCATED);
}

static __always_inline void image_cgroup(struct scratch *scratch, struct task_struct *task)
{
	struct event_exec *record = &scratch->record;
	struct kernfs_node *node = cgroup_node(task);
	long n = bpf_probe_read_kernel_str(image_next(scratch, SCRATCH_TEXT_MAX - (NAME_MAX + 1)),
					   NAME_MAX + 1, BPF_CORE_READ(node, name));

	record->cgroup_id = BPF_CORE_READ(node, id);
	if (n <= 0) {
		record->facts |= EXEC_CGROUP_UNREADABLE;
		return;
	}
	record->cgroup_len = (n - 1) & NAME_MAX;
	scratch->at += record->cgroup_len;
}

/* Everything of fixed size. The caller has set header.process, parent and replaced. */
static __always_inline void image_facts(struct event_exec *record, struct task_struct *task)
{
	struct task_pid_ns pid_ns;

	task_pid_ns(&pid_ns, task);
	task_credentials(&record->creds, task->real_cred);
	task_namespaces(&record->ns, task, &pid_ns);
	task_audit(record, task);
	record->task_start_ns = task->group_leader->start_boottime;
	record->nspid = pid_ns.nr;
	bpf_probe_read_kernel(record->comm, sizeof(record->comm), task->comm);
}

/* Empties the fixed part; the texts behind it are only ever read as far as they were written. */
static __always_inline void image_begin(struct event_exec *record)
{
	__builtin_memset(record, 0, sizeof(*record));
}
