/* outputs/relp.h: the frames of RELP (Reliable Event Logging Protocol, version 0): reads those of a
 * server, and makes the offer that opens a session. Functions from bytes to bytes; the session is
 * outputs/syslog_relp.c. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define RELP_COMMAND_BYTES 32
#define RELP_ANSWER_MAX	   (64u * 1024) /* no frame of a server is longer */

struct relp_frame {
	uint32_t txnr; /* 0: a hint of the server's own accord */
	struct str command, data;
};

enum relp_read { RELP_FRAME, RELP_MORE, RELP_NONSENSE };

/* The first frame in the bytes; *used_r is its length. MORE: it is not there whole. NONSENSE: no
 * frame begins like this. */
enum relp_read relp_read(struct str bytes, struct relp_frame *frame_r, size_t *used_r);
/* "200 OK" and what follows. False: this is no answer. words is the text behind the code. */
WARN_UNUSED bool relp_answer(struct str data, unsigned int *code_r, struct str *words_r);
/* Whether the server's answer to the offer holds version and command that are needed. */
WARN_UNUSED bool relp_check_offer(struct str data, struct errmsg *em);
void relp_write_open(struct buf *out);
void relp_write_close(uint32_t txnr, struct buf *out);
