/* outputs/state_directory.h: where cursors and dead letters live, and the directories of file
 * outputs. Used by the forwarder before it gives its privileges away. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/sandbox.h"

/* Makes the directory (and those above it) where missing, mode 0750, and gives one that was made
 * or is the state directory to the user. user NULL: not root, stays ours. */
WARN_UNUSED int state_directory_make(const char *path, const struct sandbox_user *user,
				     struct errmsg *em);
/* The same for the directory that a file is in; an existing one is left as it is. */
WARN_UNUSED int state_directory_make_parent(const char *file_path, const struct sandbox_user *user,
					    struct errmsg *em);
/* One forwarder per state directory: waits up to timeout_ms for another to end, as it does after a
 * reload. The descriptor holds the lock as long as it is open. -EBUSY: em says who has it. */
WARN_UNUSED int state_directory_lock(const char *path, const struct sandbox_user *user,
				     unsigned int timeout_ms, int *fd_r, struct errmsg *em);
