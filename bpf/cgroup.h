/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/cgroup.h: the cgroup that says which container or unit a task is in: that of the default
 * (v2) hierarchy; when that is the root, as on v1 and hybrid hosts, that of the first of the pids,
 * memory and cpu controllers which is not a root. */
#pragma once

#include "bpf/task.h"

static __always_inline bool cgroup_is_root(struct kernfs_node *node)
{
	struct kernfs_node___6_15 *newer = (void *)node;

	if (bpf_core_field_exists(newer->__parent))
		return !BPF_CORE_READ(newer, __parent);
	return !BPF_CORE_READ(node, parent);
}

static __always_inline struct kernfs_node *cgroup_of_controller(struct css_set *set, __u32 id)
{
	struct cgroup_subsys_state *state = NULL;

	bpf_probe_read_kernel(&state, sizeof(state),
			      (void *)set + bpf_core_field_offset(struct css_set, subsys) +
				      id * sizeof(void *));
	return BPF_CORE_READ(state, cgroup, kn);
}

/* A controller that the kernel was built without has no number. */
#define cgroup_try_controller(node, set, name)                                               \
	if (cgroup_is_root(node) && bpf_core_enum_value_exists(enum cgroup_subsys_id, name)) \
	node = cgroup_of_controller(set, bpf_core_enum_value(enum cgroup_subsys_id, name))

static __always_inline struct kernfs_node *cgroup_node(struct task_struct *task)
{
	struct css_set *set = task->cgroups;
	struct kernfs_node *node = BPF_CORE_READ(set, dfl_cgrp, kn);

	cgroup_try_controller(node, set, pids_cgrp_id);
	cgroup_try_controller(node, set, memory_cgrp_id);
	cgroup_try_controller(node, set, cpu_cgrp_id);
	return node;
}
