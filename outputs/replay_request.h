/* outputs/replay_request.h: the wish to have dead letters sent again: a file of letters,
 * STATE_DIRECTORY/NAME.replay, that `weir dead replay` puts there whole and the forwarder takes
 * away when each of them is settled. So it survives a restart of either, and needs no other
 * channel.
 *
 * Read by delivery, a line at a time. */
#pragma once

#include "base/compiler.h"
#include "outputs/dead_letters.h"
#include "pipeline/journal_reader.h"

#include <stdbool.h>

struct replay_request;

/* NULL: there is none. */
struct replay_request *replay_request_open(const char *state_directory, const char *output);
/* The next letter as the record it was made of: of its boot and with its id. It borrows from the
 * request until the next call. False: no more. Lines that are no letters are passed over. */
bool replay_request_next(struct replay_request *request, struct journal_record *record_r);
/* Closes. is_done: each of its letters is settled, and the file goes. */
void replay_request_close(struct replay_request **request, bool is_done);

/* False: the id is not one of ours. loss_r is filled, and the record's notice, for one of a notice
 * (outputs/event_id.h). */
bool replay_record_of(const struct dead_letter_line *line, struct journal_record *record_r,
		      struct journal_loss *loss_r);
