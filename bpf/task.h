/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/task.h: what is asked of a task: which image it runs, its pid inside its namespaces, its
 * credentials.
 *
 * The key of an image that began before weir did, or that the task map had no room for, is the
 * fallback key: tgid and start of the thread group. It needs no map, so the iterator and every
 * hook arrive at the same one, in whatever order they run. */
#pragma once

#include "bpf/emit.h"

#include <bpf/bpf_core_read.h>

static __always_inline struct task_entry *task_entry(__u32 tgid)
{
	return bpf_map_lookup_elem(&tasks, &tgid);
}

/* Puts an entry in. True: it is there, or could not be put there, and that has been counted. False:
 * there was one already (BPF_NOEXIST), which stays.
 * A map with room may refuse: when a lock in it can't be had, because this CPU was interrupted
 * while it had it, or, since 6.15, because the one who has it does not come to run. That passes; so
 * the second attempt. */
static __always_inline bool task_remember(__u32 tgid, const struct task_entry *entry, __u64 flags,
					  enum event_type type)
{
	int err = map_update(&tasks, &tgid, entry, flags);

	if (err && err != -EEXIST)
		err = map_update(&tasks, &tgid, entry, flags);
	if (err == -EEXIST)
		return false;
	if (err)
		emit_count(type, err == -E2BIG ? FATE_TASK_MAP_FULL : FATE_TASK_MAP_BUSY);
	return true;
}

/* By a helper and not by a plain load: where branches join, the compiler would make one load of
 * several whose pointers the verifier holds to be of different kinds. */
static __always_inline __u64 task_group_start(struct task_struct *task)
{
	return BPF_CORE_READ(task, group_leader, start_boottime);
}

/* The image that the task's thread group runs, when its entry (or NULL) is at hand. */
static __always_inline void task_key_of(struct event_process_key *key, struct task_struct *task,
					const struct task_entry *entry)
{
	key->pid = task->tgid;
	key->pad = 0;
	key->start_ns = entry ? entry->start_ns : task_group_start(task);
}

static __always_inline void task_key(struct event_process_key *key, struct task_struct *task)
{
	task_key_of(key, task, task_entry(task->tgid));
}

/* The image that forked the task. An image of the parent that is younger than the task can't have;
 * then the parent has executed something since, and the image before that is meant. Returns the
 * parent's entry or NULL. */
static __always_inline struct task_entry *task_parent_key(struct event_process_key *key,
							  struct task_struct *task)
{
	struct task_struct *parent = task->real_parent;
	struct task_entry *entry = task_entry(parent->tgid);

	task_key_of(key, parent, entry);
	if (key->start_ns > task->start_boottime)
		key->start_ns = task_group_start(parent);
	if (!key->pid) /* the idle task is the parent of init: no process */
		key->start_ns = 0;
	return entry;
}

/* A task's number in its innermost pid namespace, that namespace, and how deep it lies. */
struct task_pid_ns {
	__u32 nr;
	__u32 level;
	struct pid_namespace *ns;
};

static __always_inline void task_pid_ns(struct task_pid_ns *out, struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct upid *innermost;

	out->level = BPF_CORE_READ(pid, level);
	innermost = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
		    out->level * bpf_core_type_size(struct upid);
	out->nr = BPF_CORE_READ(innermost, nr);
	out->ns = BPF_CORE_READ(innermost, ns);
}

/* A program that runs for a kernel thread. */
static __always_inline bool task_is_kernel(struct task_struct *task)
{
	return task->flags & PF_KTHREAD;
}

/* Capability sets are 64 bits in every kernel, under two declarations; half a set fits either. */
#define task_capabilities(cred, set)                                                          \
	({                                                                                    \
		const volatile __u32 *half =                                                  \
			(const void *)(cred) + bpf_core_field_offset(struct cred, cap_##set); \
		half[0] | (__u64)half[1] << 32;                                               \
	})

static __always_inline void task_credentials(struct event_credentials *out, const struct cred *cred)
{
	struct user_namespace *ns = cred->user_ns;

	out->uid = cred->uid.val;
	out->gid = cred->gid.val;
	out->euid = cred->euid.val;
	out->egid = cred->egid.val;
	out->suid = cred->suid.val;
	out->sgid = cred->sgid.val;
	out->fsuid = cred->fsuid.val;
	out->fsgid = cred->fsgid.val;
	out->cap_permitted = task_capabilities(cred, permitted);
	out->cap_effective = task_capabilities(cred, effective);
	out->cap_inheritable = task_capabilities(cred, inheritable);
	out->cap_ambient = task_capabilities(cred, ambient);
	out->securebits = cred->securebits;
	out->user_ns_level = ns->level;
	out->user_ns_uid = ns->owner.val;
	out->user_ns_gid = ns->group.val;
}

static __always_inline void task_namespaces(struct event_namespaces *out, struct task_struct *task,
					    const struct task_pid_ns *pid_ns)
{
	struct nsproxy *proxy = task->nsproxy;
	struct pid_namespace *inner = pid_ns->ns;

	out->uts = proxy->uts_ns->ns.inum;
	out->ipc = proxy->ipc_ns->ns.inum;
	out->mnt = proxy->mnt_ns->ns.inum;
	out->pid = BPF_CORE_READ(inner, ns.inum);
	out->pid_for_children = proxy->pid_ns_for_children->ns.inum;
	out->net = proxy->net_ns->ns.inum;
	out->time = proxy->time_ns->ns.inum;
	out->time_for_children = proxy->time_ns_for_children->ns.inum;
	out->cgroup = proxy->cgroup_ns->ns.inum;
	out->user = task->real_cred->user_ns->ns.inum;
}

static __always_inline void task_audit(struct event_exec *out, struct task_struct *task)
{
	out->auid = UNSET_UID;
	out->session_id = UNSET_UID;
	if (bpf_core_field_exists(task->loginuid)) /* CONFIG_AUDIT */
		out->auid = task->loginuid.val;
	if (bpf_core_field_exists(task->sessionid))
		out->session_id = task->sessionid;
}
