/* cli/control_client.h: one request to the running weir: HTTP/1.0 on its Unix socket
 * (collector/control.h has the other end). */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"

#define CONTROL_RESPONSE_MAX_BYTES (4u << 20)

enum control_answer {
	CONTROL_ANSWERED,    /* status_r and body are what it said */
	CONTROL_NOT_RUNNING, /* nobody listens there */
	CONTROL_DENIED,	     /* no right to ask */
	CONTROL_FAILED,	     /* it hung up, took too long, or said what is not HTTP */
};

struct control_request {
	const char *socket, *method, *path;
	unsigned int timeout_ms; /* of each read and write */
};

/* body: growable, empty; gets the answer's body. em says what is wrong unless it answered. */
WARN_UNUSED enum control_answer control_ask(const struct control_request *request,
					    unsigned int *status_r, struct buf *body,
					    struct errmsg *em);
