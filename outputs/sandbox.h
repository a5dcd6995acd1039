/* outputs/sandbox.h: takes every privilege away from the forwarder, for good: who takes it over
 * through a peer's answer can read the journal, write the outputs' own files and talk to the
 * network, and nothing else on this host.
 *
 * In this order: an ordinary user without groups or capabilities (when started as root), no core
 * dump and no attaching (RLIMIT_CORE, PR_SET_DUMPABLE), no_new_privs, Landlock (kernel 5.13;
 * skipped with a line in the log where it is missing), seccomp. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct sandbox_path {
	const char *path; /* a directory means all beneath it; borrowed */
	bool is_written;
};

struct sandbox_user {
	char name[64];
	uid_t uid;
	gid_t gid;
};

struct sandbox_settings {
	const struct sandbox_user *user; /* NULL: not started as root, keep who we are */
	const struct sandbox_path *paths;
	size_t path_count;
};

/* outputs/sandbox_user.c. The user to become: `configured` if not empty, else the first of weir and
 * nobody in /etc/passwd, and only when it has neither, in the name service. Root is refused. */
WARN_UNUSED int sandbox_find_user(const char *configured, struct sandbox_user *user_r,
				  struct errmsg *em);
/* By that name in a file of passwd(5) entries. -ENOENT: nobody. */
WARN_UNUSED int sandbox_read_user(const char *path, const char *name, struct sandbox_user *user_r);
/* Everything above; there is no way back. */
WARN_UNUSED int sandbox_enter(const struct sandbox_settings *settings, struct errmsg *em);

/* outputs/landlock.c. -EOPNOTSUPP: this kernel has none. */
WARN_UNUSED int landlock_enter(const struct sandbox_path *paths, size_t n, struct errmsg *em);
/* outputs/syscalls.c. Answers EPERM to what the forwarder has no use for, and kills the process on
 * what only an attacker calls. */
WARN_UNUSED int syscalls_enter(struct errmsg *em);
