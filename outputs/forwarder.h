/* outputs/forwarder.h: the second process: reads the journal, delivers, and owns the network. It
 * is started by the collector (collector/supervisor.c) as `weir forward` and, once its
 * configuration is read and its directories exist, has no privilege left: an ordinary user, no
 * capability, no_new_privs, seccomp, and Landlock where the kernel has it.
 *
 * The collector talks to it over one socket pair, a byte a message: FORWARDER_WAKE (the journal
 * grew), FORWARDER_REOPEN (log files were rotated), FORWARDER_DRAIN (deliver what is there, then
 * exit). How far to deliver stands on the board then: drain_seq. End of file means that the
 * collector is gone or found no room for that word: it drains, bounded, and exits. So does SIGTERM.
 */
#pragma once

#include "base/errmsg.h"
#include "config/settings.h"
#include "pipeline/metrics.h"

#include <sys/types.h>

enum forwarder_message { FORWARDER_WAKE = 'w', FORWARDER_REOPEN = 'o', FORWARDER_DRAIN = 'd' };

struct forwarder_settings {
	const struct settings *settings;
	int control_fd;		     /* its end of the socket pair */
	struct metrics_board *board; /* writes .forwarder, reads .collector */
	uint64_t session_first_seq;  /* outputs with `start: now` begin no earlier than here */
};

/* Runs until told to drain. Returns an enum exit_code (cli/exit_code.h). */
int forwarder_run(const struct forwarder_settings *forwarder);

/* The group of the user that it will be (forwarder.user; outputs/sandbox.h says who when that is
 * empty): the collector gives it the journal to read. */
WARN_UNUSED int forwarder_find_group(const char *user, gid_t *gid_r, struct errmsg *em);

/* Makes the state directory, and finds out whether that user can work in it and read the journal,
 * which must be there. What can't be is refused by the collector, at its start. */
WARN_UNUSED int forwarder_check_directories(const struct settings *settings, struct errmsg *em);

/* Validates the `outputs` list without opening anything: types, names, formats, every key. Used by
 * `weir check`, by a reload before it swaps, and by forwarder_run itself. */
WARN_UNUSED int outputs_check(const struct config_node *outputs, struct errmsg *em);
