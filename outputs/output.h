/* outputs/output.h: the contract between delivery and one destination.
 *
 * A destination speaks its protocol and says what happened. Delivery (outputs/delivery.h) owns
 * configuration, batching, retry, backoff, cursors, dead letters and metrics. Calls are made on the
 * loop of the forwarder and never wait: what can only be done by waiting (a disk, a terminal) is
 * done in a thread (outputs/worker.h). A destination is one file and one struct, listed in
 * outputs/outputs.c; formats are functions of their own (outputs/format.h). */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/batch.h"

#include <stddef.h>
#include <stdint.h>

struct config_item;
struct config_node;
struct event_base;
struct output_settings;

enum output_verdict {
	OUTPUT_SENT,	/* acknowledged, as far as the protocol can tell */
	OUTPUT_PENDING, /* taken; output_settled() follows for this batch */
	OUTPUT_BUSY,	/* not taken; output_ready() follows */
	OUTPUT_LATER,	/* not taken; the peer is there and wants it again later */
	OUTPUT_LOST,	/* not taken; the peer is gone, reopen later */
	OUTPUT_REFUSED, /* the peer will never take this */
	OUTPUT_HELD, /* not taken; the configuration is at fault (bad token, no such topic): keep,
			try slowly */
};

/* Embedded as the first member of a destination's own struct; filled by delivery after open(). */
struct output {
	const struct output_type *type;
	const char *name;	   /* as configured; owned by delivery */
	struct delivery *delivery; /* for the calls below */
};

/* A path that a destination uses: its directory is made before privileges go, and the sandbox
 * lets it through. */
typedef void (*output_path_fn)(void *ctx, const char *path, bool is_written);

struct output_type {
	const char *name; /* as written in the configuration */
	const char *help; /* a sentence for the manual */
	/* Schema and defaults of the destination's own keys; also the source of the manual. They
	 * describe a struct whose first member is struct output_settings; the common keys
	 * (outputs/output_settings.h) stand in the same mapping and are added by delivery. */
	const struct config_item *config;
	size_t settings_bytes;
	/* Optional: what a schema can't say. cfg is for config_error(). */
	int (*check)(const struct config_node *cfg, const struct output_settings *settings,
		     struct errmsg *em);
	/* Optional: names the paths it uses. */
	void (*paths)(const struct output_settings *settings, output_path_fn visit, void *ctx);
	/* Backstop: a batch that stays PENDING, or an output that stays BUSY, for longer is LOST.
	 * 0: none, it waits on purpose (a paused terminal). */
	uint64_t settle_timeout_ns;
	/* How many batches it may hold PENDING at once; 0: one. They may settle in any order, the
	 * cursor follows the oldest; after LOST all of them go out again, oldest first. A protocol
	 * whose peer keeps the order of what it is sent keeps it with any window, as long as it
	 * gives a batch back with LOST only: what comes back alone (LATER, HELD, events to be
	 * retried) goes out again behind what was already sent. */
	unsigned int window;
	/* Optional, instead of `window`: when how many depends on the settings. Batches are read
	 * ahead as far as the window goes, so it also says how much memory an output may use. */
	unsigned int (*window_of)(const struct output_settings *settings);
	/* Optional: how many bytes it wants to write itself before each event (batch_set_room()).
	 */
	size_t (*room_of)(const struct output_settings *settings);
	bool takes_binary; /* tells events apart by their length: a format may hold newlines */
	const char *default_format; /* what `format: auto` means; NULL: json */
	/* settings outlive the output. */
	WARN_UNUSED int (*open)(const struct output_settings *settings, struct event_base *base,
				struct output **out_r, struct errmsg *em);
	/* Delivery hands over at most `window` batches until one is settled. With PENDING the batch
	 * is the destination's until output_settled(), else it is delivery's again. Verdicts set on
	 * single events count whatever the batch's verdict is. */
	enum output_verdict (*send)(struct output *out, struct batch *batch);
	/* Optional: file rotated, certificates changed. */
	void (*reopen)(struct output *out);
	/* A pending batch is dropped unsettled: it goes out again. */
	void (*close)(struct output **out);
};

/* What a destination tells delivery; safe from any callback, acted upon when that has returned.
 * em (may be NULL) is copied and shown as the last error. batch NULL with LOST: the peer went
 * away while nothing was in flight. */
void output_settled(struct output *out, struct batch *batch, enum output_verdict verdict,
		    const struct errmsg *em);
void output_ready(struct output *out);
/* For a destination that goes on trying by itself with what it has (a library with a queue of its
 * own): nothing arrives at present, for a reason that time (LATER) or a change of configuration
 * (HELD) will cure. The output shows as waiting or held until the next batch is SENT; what is
 * pending stays so. */
void output_stalled(struct output *out, enum output_verdict verdict, const struct errmsg *em);
/* For send() to say why it returned LATER, LOST, REFUSED or HELD. */
void output_error(struct output *out, const struct errmsg *em);
/* The peer said when to come back (Retry-After): before the verdict LATER, LOST or HELD that it
 * came with. The next attempt is made no earlier than that, and no earlier than the backoff says;
 * more than an hour counts as an hour. */
void output_wait(struct output *out, uint64_t wait_ns);

/* All destinations there are, ended by NULL. */
extern const struct output_type *const output_types[];
