/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/path.h: a dentry and a mount become a path, as d_path(9) makes it, but that a deleted file
 * has no " (deleted)" after its name (its link count tells) and that a path outside the root is
 * given from the top of its mount tree. bpf_d_path() can't be called from tracepoints.
 *
 * Costs about 30 ns per component. Takes no lock: a rename of a directory at this very moment can
 * give a mixture of both names. */
#pragma once

#include "bpf/maps.h"

#include <bpf/bpf_core_read.h>

#define PATH_COMPONENTS 512 /* mounts included; deeper paths are truncated */

enum path_step_result { PATH_MORE, PATH_WHOLE, PATH_CUT };

/* From the root of a mount to where it is mounted. */
static __always_inline enum path_step_result path_leave_mount(struct path_walk *walk)
{
	struct vfsmount *mnt = walk->mnt;
	struct mount *mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
	struct mount *above = BPF_CORE_READ(mount, mnt_parent);

	if (above == mount)
		return PATH_WHOLE;
	walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
	walk->mnt = (void *)above + bpf_core_field_offset(struct mount, mnt);
	walk->mnt_top = BPF_CORE_READ(above, mnt.mnt_root);
	return PATH_MORE;
}

/* What is asked of a dentry stands together in all kernels so far, so one read will do. */
struct path_dentry {
	struct dentry *parent;
	__u32 hash, length; /* of the name; swapped on big-endian machines */
	const unsigned char *name;
};

static __always_inline void path_read(struct path_dentry *out, struct dentry *dentry)
{
	__u64 at = bpf_core_field_offset(struct dentry, d_parent);

	if (bpf_core_field_offset(struct dentry, d_name.len) - at ==
		    offsetof(struct path_dentry, length) &&
	    bpf_core_field_offset(struct dentry, d_name.name) - at ==
		    offsetof(struct path_dentry, name)) {
		bpf_probe_read_kernel(out, sizeof(*out), (void *)dentry + at);
		return;
	}
	out->parent = BPF_CORE_READ(dentry, d_parent);
	out->length = BPF_CORE_READ(dentry, d_name.len);
	out->name = BPF_CORE_READ(dentry, d_name.name);
}

/* Puts "/name" in front of what is there. */
static __always_inline enum path_step_result path_prepend(struct path_walk *walk)
{
	struct dentry *dentry = walk->dentry;
	__u32 length, start = walk->start;
	struct path_dentry read = {};

	path_read(&read, dentry);
	length = read.length & NAME_MAX;
	if (start > PATH_MAX || start <= length + 1)
		return PATH_CUT;
	start -= length + 1;
	walk->text[start & (PATH_MAX - 1)] = '/';
	bpf_probe_read_kernel(&walk->text[(start + 1) & (PATH_MAX - 1)], length, read.name);
	walk->start = start;
	walk->dentry = read.parent;
	if (walk->dentry == dentry) /* no directory holds it: a memfd, a pipe */
		return PATH_WHOLE;
	return PATH_MORE;
}

/* One component of the walk in a scratch slot. A global function (5.6): the verifier looks at it
 * once, by itself, and not once per round and outcome of the loop. Therefore a slot's number and
 * not a pointer. */
__weak __noinline int path_step(__u32 slot)
{
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &slot);

	if (!scratch)
		return PATH_CUT;
	if (scratch->walk.dentry == scratch->walk.root &&
	    scratch->walk.mnt == scratch->walk.root_mnt)
		return PATH_WHOLE;
	if (scratch->walk.dentry == scratch->walk.mnt_top)
		return path_leave_mount(&scratch->walk);
	return path_prepend(&scratch->walk);
}

/* All of them. Its own function for the same reason: what follows a path would be looked at once
 * for every length that the path may have. */
__weak __noinline int path_steps(__u32 slot)
{
	int result = PATH_MORE;

	for (int i = 0; i < PATH_COMPONENTS && result == PATH_MORE; i++)
		result = path_step(slot);
	return result;
}

/* Leaves the path in walk.text[walk.start .. PATH_MAX]. False: leading components are missing. */
static __always_inline bool path_write(struct scratch *scratch, struct dentry *dentry,
				       struct vfsmount *mnt, struct fs_struct *fs)
{
	scratch->walk.start = PATH_MAX;
	scratch->walk.dentry = dentry;
	scratch->walk.mnt = mnt;
	scratch->walk.mnt_top = mnt->mnt_root;
	scratch->walk.root = fs->root.dentry;
	scratch->walk.root_mnt = fs->root.mnt;
	return path_steps(scratch->slot) == PATH_WHOLE;
}
