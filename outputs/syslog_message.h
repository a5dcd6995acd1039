/* outputs/syslog_message.h: the header of a syslog message and where the message ends. Nothing in a
 * header comes from what a process said or did: only the configuration, the event's numbers and the
 * name of its kind. The event's own bytes follow behind the header as they are, and whatever
 *framing is in use, none of them can end the message:
 *
 *	octet counting, RELP	the length is sent before
 *	datagrams		the length is the datagram's
 *	LF			an event with a line feed, a carriage return or a NUL in it is
 *refused
 *
 * Made once per output, used on the loop. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "outputs/batch.h"
#include "outputs/event_id.h"
#include "outputs/syslog_settings.h"

struct syslog_message;

WARN_UNUSED struct syslog_message *syslog_message_create(const struct syslog_settings *settings,
							 struct errmsg *em);
void syslog_message_free(struct syslog_message **message);
/* No header is longer. */
size_t syslog_header_max(const struct syslog_message *message);
/* max_message_bytes */
size_t syslog_message_max(const struct syslog_message *message);
/* Appends the header of event i of the batch, up to where the event's bytes follow. Wants room for
 * syslog_header_max(), whatever it uses of that. */
void syslog_write_header(struct syslog_message *message, struct batch *batch, size_t i,
			 struct buf *out);
/* How many bytes of the event fit behind a header of so many; the whole, or as far as a character
 * ends (oversize: truncate). False: it is refused; em says why. */
WARN_UNUSED bool syslog_fit(const struct syslog_message *message, size_t header_bytes,
			    struct str event, size_t *bytes_r, struct errmsg *em);
