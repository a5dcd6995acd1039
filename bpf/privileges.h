/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/privileges.h: did the file give the process rights that its caller had not?
 *
 * Told after the fact, at sched_process_exec, from what execve leaves behind; so it needs no
 * kprobe. The kernel sets bprm->per_clear for three reasons only: the file's setuid bit counted,
 * its setgid bit counted, or the permitted capabilities grew. A bit counts unless the mount is
 * nosuid or the task has no_new_privs. execve changes neither the real uid nor the real gid, so
 * comparing with them tells what the bit gave. (One case is not told apart: a process whose
 * effective uid differed before, running a setuid file whose owner has no mapping in its user
 * namespace, and gaining capabilities from being root.) */
#pragma once

#include "bpf/task.h"

/* Does uid 0 of the namespace mean this uid? Id maps are sorted by `first`, so 0 is in the first
 * extent; with more than five extents they are behind a pointer. */
static __always_inline bool user_ns_root_is(struct user_namespace *ns, __u32 uid)
{
	struct uid_gid_extent extent = {};
	struct uid_gid_extent *first;

	if (BPF_CORE_READ(ns, level) == 0)
		return uid == 0;
	if (BPF_CORE_READ(ns, uid_map.nr_extents) <= UID_GID_MAP_EXTENTS) {
		bpf_core_read(&extent, sizeof(extent), &ns->uid_map.extent);
	} else {
		first = BPF_CORE_READ(ns, uid_map.forward);
		bpf_probe_read_kernel(&extent, sizeof(extent), first);
	}
	return extent.count && extent.first == 0 && extent.lower_first == uid;
}

/* For root, execve grants capabilities whatever the file says. */
static __always_inline bool capabilities_come_from_root(const struct event_credentials *creds,
							struct user_namespace *ns)
{
	if (creds->securebits & SECBIT_NOROOT)
		return false;
	return user_ns_root_is(ns, creds->uid) || user_ns_root_is(ns, creds->euid);
}

/* Adds EXEC_SETUID and its like to the record's facts. */
static __always_inline void privileges_gained(struct event_exec *record, struct task_struct *task,
					      struct linux_binprm *bprm)
{
	const struct event_credentials *creds = &record->creds;
	bool bits_count;

	if (!bprm->per_clear)
		return;
	bits_count = !(task->atomic_flags & (1ul << PFA_NO_NEW_PRIVS)) &&
		     !(BPF_CORE_READ(bprm, file, f_path.mnt, mnt_flags) & MNT_NOSUID);
	if (bits_count && record->exe_mode & S_ISUID && creds->euid != creds->uid)
		record->facts |= EXEC_SETUID;
	if (bits_count && (record->exe_mode & S_ISGID_EXECUTABLE) == S_ISGID_EXECUTABLE &&
	    creds->egid != creds->gid)
		record->facts |= EXEC_SETGID;
	if (creds->cap_permitted & ~creds->cap_ambient &&
	    !capabilities_come_from_root(creds, BPF_CORE_READ(task, real_cred, user_ns)))
		record->facts |= EXEC_FILE_CAPS;
}
