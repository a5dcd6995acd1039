/* outputs/fluentd_internal.h: what the files of the Fluentd destination share: fluentd.c (the
 * output type, and which server gets which batch), fluentd_server.c (one server: its connection,
 * the batches it has, whether it is up) and fluentd_heartbeat.c. */
#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "outputs/backoff.h"
#include "outputs/fluentd_connection.h"
#include "outputs/fluentd_request.h"

struct event;
struct fluentd_heartbeat;
struct fluentd_output;

enum fluentd_server_state {
	FLUENTD_IDLE, /* not connected, may be at once */
	FLUENTD_CONNECTING,
	FLUENTD_READY,
	FLUENTD_DOWN, /* tried again by its timer */
};

struct fluentd_server {
	struct fluentd_output *out;
	struct fluentd_server_settings set;
	struct endpoint_name name;
	enum fluentd_server_state state;
	struct fluentd_connection *connection; /* while CONNECTING or READY */
	struct fluentd_requests requests;      /* it has these, in the order they are written */
	struct fluentd_request *writing;       /* the first that is not written whole */
	unsigned int taken;		       /* by this connection */
	bool has_delivered;		       /* on this connection */
	bool is_told_down;		       /* the log has it, and not yet that it is up again */
	bool was_down;			       /* and has not been READY since */
	uint64_t progress_ns; /* when it took bytes last, or was given some after a rest */
	struct backoff backoff;
	struct event *timer; /* DOWN: the next attempt; READY: acknowledgements that are due */
	struct fluentd_heartbeat *heartbeat; /* NULL: none */
	int64_t credit;			     /* of the round robin by weight */
	enum output_verdict verdict;	     /* why it is DOWN */
	struct errmsg why;
	struct log_limit log;
};

struct fluentd_output {
	struct output base;
	const struct fluentd_settings *settings;
	struct event_base *loop;
	struct clock clock;
	struct tls *tls; /* NULL: not encrypted */
	char hostname[256];
	struct fluentd_identity identity;
	struct fluentd_maker *maker;
	struct fluentd_server servers[FLUENTD_MAX_SERVERS];
	size_t server_count;
	struct fluentd_requests waiting; /* no server has them; oldest first */
	size_t pending;			 /* requests in all */
	uint64_t next_number;
};

/* fluentd_server.c */
WARN_UNUSED int fluentd_server_init(struct fluentd_server *server, struct fluentd_output *out,
				    const char *text, struct errmsg *em);
/* Its requests are dropped unsettled. */
void fluentd_server_close(struct fluentd_server *server);
void fluentd_server_connect(struct fluentd_server *server);
bool fluentd_server_can_take(const struct fluentd_server *server);
void fluentd_server_take(struct fluentd_server *server, struct fluentd_request *request);
/* What it has goes back to the waiting ones, and the others get it. Not from a callback of its
 * connection other than ended(). */
void fluentd_server_fail(struct fluentd_server *server, enum output_verdict verdict,
			 const struct errmsg *em);

/* fluentd.c */
void fluentd_give_back(struct fluentd_output *out, struct fluentd_request *request);
void fluentd_finish(struct fluentd_output *out, struct fluentd_request *request);
/* Waiting requests go to servers that are ready. When none is, or will be, they are settled. */
void fluentd_dispatch(struct fluentd_output *out);

/* fluentd_heartbeat.c: *heartbeat_r NULL and 0: none is configured. It calls fluentd_server_fail()
 * when the server has not answered for too long. */
WARN_UNUSED int fluentd_heartbeat_create(struct fluentd_server *server,
					 struct fluentd_heartbeat **heartbeat_r);
void fluentd_heartbeat_free(struct fluentd_heartbeat **heartbeat);
/* A new attempt gets the whole time. */
void fluentd_heartbeat_reset(struct fluentd_heartbeat *heartbeat);
