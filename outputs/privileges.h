/* outputs/privileges.h: the last thing the forwarder does with rights: finds the user to become,
 * makes and locks the state directory, makes the directories of file outputs, and enters the
 * sandbox, which lets through the paths that the outputs named. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "config/settings.h"
#include "outputs/output_settings.h"

/* Waits for another forwarder on the same state directory to end, at most its drain timeout and
 * some seconds. *lock_fd_r is open on success, and possibly on failure. */
WARN_UNUSED int privileges_drop(const struct settings *settings, const struct outputs_list *outputs,
				int *lock_fd_r, struct errmsg *em);
