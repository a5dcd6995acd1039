/* tests/fuzz/syslog_inverse.h: reads back what a syslog output has written, as strictly as the RFCs
 * are written: a header that is not exactly one, or structured data that is not, is refused. */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct syslog_parts {
	unsigned int pri;
	struct str time, host, app, procid, msgid;
	struct str sd_id, names[8], values[8]; /* values as escaped */
	size_t params;
	struct str msg;
};

/* RFC 5424; and of RFC 3164 what it calls the usual form (time, host, app and, in brackets,
 * procid). */
bool syslog_parse_5424(struct str message, struct syslog_parts *parts_r);
bool syslog_parse_3164(struct str message, struct syslog_parts *parts_r);
/* "MSG-LEN SP MSG" (RFC 6587, 3.4.1): the next message; false: this is not one. */
bool syslog_take_counted(struct str *stream, struct str *message_r);
/* Up to the next line feed, NUL or carriage return: what a receiver may take for an end. */
bool syslog_take_line(struct str *stream, struct str *message_r);
/* "TXNR SP syslog SP DATALEN SP DATA LF" */
bool syslog_take_relp(struct str *stream, uint32_t *txnr_r, struct str *message_r);
