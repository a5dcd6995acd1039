/* outputs/syslog_internal.h: what the files of the syslog destination share: syslog.c (the output
 * type), and the three ways of bringing the queue to a peer: syslog_stream.c (TCP, TLS, Unix
 * stream), syslog_relp.c, syslog_datagram.c (UDP, Unix datagram). A link connects when there is
 * something to send; when it ends, the batches on their way are settled with the reason. */
#pragma once

#include "base/clock.h"
#include "outputs/stream.h"
#include "outputs/syslog_queue.h"

struct event_base;
struct syslog_link;
struct syslog_output;

struct syslog_link_type {
	WARN_UNUSED struct syslog_link *(*create)(struct syslog_output *out);
	/* The queue has grown. Never settles a batch as sent, but may end the link. Negative errno:
	 * em says why. */
	WARN_UNUSED int (*push)(struct syslog_link *link, struct errmsg *em);
	void (*free)(struct syslog_link **link);
};

struct syslog_output {
	struct output base;
	const struct syslog_settings *settings;
	struct event_base *loop;
	struct endpoint endpoint;
	struct tls *tls; /* NULL: not encrypted */
	struct clock clock;
	struct syslog_queue queue;
	const struct syslog_link_type *link_type;
	struct syslog_link *link;
};

extern const struct syslog_link_type syslog_stream_link, syslog_relp_link, syslog_datagram_link;
