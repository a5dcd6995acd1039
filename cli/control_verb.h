/* cli/control_verb.h: what the verbs that talk to the running weir have in common. */
#pragma once

#include "cli/control_client.h"
#include "cli/locate.h"

/* Finds the socket, asks, and says on standard error what went wrong. request->socket is set
 * here. EXIT_OK: *status_r and body are the answer. */
WARN_UNUSED enum exit_code control_verb_ask(const struct verb *verb, const struct locate *locate,
					    struct control_request *request, unsigned int *status_r,
					    struct buf *body);
/* For an HTTP status that the verb has no meaning for. */
enum exit_code control_verb_refuse(const struct verb *verb, unsigned int status);
