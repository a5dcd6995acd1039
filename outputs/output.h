/* outputs/output.h: the contract between delivery and one destination.
 *
 * A destination speaks its protocol and says what happened. Delivery (outputs/delivery.h) owns
 * batching, retry, backoff, cursors, dead letters and metrics. Calls are made on the loop of the
 * forwarder and never wait. A destination is one file and one struct, listed in
 * outputs/outputs.c; formats are functions of their own (outputs/format.h). */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/batch.h"

struct config_item;
struct config_node;
struct event_base;

enum output_verdict {
	OUTPUT_SENT,	/* acknowledged, as far as the protocol can tell */
	OUTPUT_PENDING, /* taken; output_settled() follows for this batch */
	OUTPUT_BUSY,	/* not taken; output_ready() follows */
	OUTPUT_LOST,	/* not taken; the peer is gone, reopen later */
	OUTPUT_REFUSED, /* the peer will never take this */
	OUTPUT_HELD, /* not taken; the configuration is at fault (bad token, no such topic): keep,
			try slowly */
};

/* Embedded as the first member of a destination's own struct. */
struct output {
	const struct output_type *type;
	const char *name;	   /* as configured; owned by delivery */
	struct delivery *delivery; /* for the calls below */
};

struct output_type {
	const char *name;		  /* as written in the configuration */
	const char *help;		  /* a sentence for the manual */
	const struct config_item *config; /* schema and defaults; also the source of the manual */
	WARN_UNUSED int (*open)(const struct config_node *cfg, struct event_base *base,
				struct output **out_r, struct errmsg *em);
	/* Delivery guarantees one batch at a time until it is settled. With SENT, LOST, REFUSED or
	 * HELD the batch is delivery's again; with PENDING it is the destination's until
	 * output_settled(). */
	enum output_verdict (*send)(struct output *out, struct batch *batch);
	void (*reopen)(
		struct output *out); /* optional: file rotated, certificates changed, reload */
	void (*close)(
		struct output **out); /* a pending batch is dropped unsettled: it goes out again */
};

/* What a destination tells delivery. em (may be NULL) is copied and shown as the last error. */
void output_settled(struct output *out, struct batch *batch, enum output_verdict verdict,
		    const struct errmsg *em);
void output_ready(struct output *out);
/* For send() to say why it returned LOST, REFUSED or HELD. */
void output_error(struct output *out, const struct errmsg *em);

/* All destinations there are, ended by NULL. */
extern const struct output_type *const output_types[];
const struct output_type *output_type_by_name(const char *name);
