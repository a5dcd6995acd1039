/* outputs/delivery_internal.h: what the files of delivery share: delivery.c (life, run loop),
 * delivery_window.c (the batches on their way), delivery_fill.c (journal to batch),
 * delivery_verdict.c (what a verdict means), delivery_notice.c (losses told), and nobody else. */
#pragma once

#include "base/log.h"
#include "outputs/backoff.h"
#include "outputs/dead_letters.h"
#include "outputs/delivery.h"
#include "outputs/loss_notice.h"
#include "outputs/replay_request.h"
#include "pipeline/journal_reader.h"

/* Most batches on their way at once; how many, the destination's type says. */
#define DELIVERY_WINDOW 64
/* Halving a batch leaves one part per level, and a batch has at most 2^16 events. */
#define FLIGHT_PARTS 18
/* Work of one run, so that the others get their turn. */
#define RUN_RECORDS 4096
#define RUN_SENDS   8

#define HELD_RETRY_NS	   (60 * NSEC_PER_SEC)
#define READER_RETRY_NS	   NSEC_PER_SEC
#define CURSOR_INTERVAL_NS (250 * NSEC_PER_MSEC)
#define NOTICE_INTERVAL_NS (10 * NSEC_PER_SEC)
#define REST_NS		   NSEC_PER_SEC
#define PEER_WAIT_MAX_NS   (3600 * NSEC_PER_SEC)

enum flight_state {
	FLIGHT_FREE,
	FLIGHT_FILLING, /* takes records */
	FLIGHT_QUEUED,	/* its top part is to be sent */
	FLIGHT_PENDING, /* its top part is the destination's */
	FLIGHT_DONE,	/* settled; waits for older ones */
};

/* Counted when the whole flight is settled, together with the cursor: so what a crash makes go out
 * twice is counted once. */
struct flight_counts {
	uint64_t delivered, bytes, rejected, skipped, missed;
};

/* A verdict, and what the destination said with it. */
struct answer {
	enum output_verdict verdict;
	uint64_t wait_ns; /* what the peer asked for; 0: nothing */
	struct errmsg em;
};

struct flight {
	enum flight_state state;
	struct batch *batch;		   /* from the spare ones; NULL: FREE or DONE */
	struct batch *parts[FLIGHT_PARTS]; /* still to be sent; the last one first */
	size_t part_count;
	uint64_t last_seq, last_wall_ns; /* where the cursor goes once it is settled; 0: nowhere */
	uint64_t begun_ns;		 /* boot clock: its first event was put in */
	uint64_t deadline_ns;		 /* while PENDING */
	uint64_t round;			 /* of the delivery when it was sent last */
	uint64_t trace_number;		 /* on the metrics board; 0: not sent yet */
	bool is_replay;			 /* dead letters, not what the journal has */
	bool is_settled; /* the destination has answered; acted upon in the next run */
	struct answer answer;
	struct flight_counts counts;
};

/* What this output did not get and was not told of yet. */
struct untold {
	struct journal_loss loss; /* of zeros: nothing */
	bool is_due;		  /* else the destination refused the notice of it once */
};

struct delivery {
	struct delivery_settings set;
	struct output *out; /* NULL: closed */
	struct journal_reader *reader;
	struct journal_cursor *cursor;
	struct backoff backoff;
	struct dead_letters *letters; /* NULL until the first refusal */
	struct flight *window;	      /* a ring, the oldest first */
	size_t window_size, window_head, window_count;
	/* Batches keep their memory from one use to the next: the last one used is the next. Those
	 * that were not needed for a while go. */
	struct batch *spares[DELIVERY_WINDOW];
	size_t spare_count, spare_low; /* least that were left over since the last look */
	uint64_t spares_looked_at_ns;

	uint64_t read_seq;	     /* last one taken from the journal */
	uint64_t acked_seq;	     /* the cursor */
	uint64_t cursor_seq;	     /* what the cursor file says */
	uint64_t cursor_written_ns;  /* boot clock */
	struct journal_record spare; /* read, but the batch was full; the reader's until it moves */
	bool has_spare;
	bool is_at_end;

	struct replay_request *replay;	    /* NULL: none */
	struct journal_record replay_spare; /* read, but the batch was full */
	bool has_replay_spare, replayed_last;
	uint64_t trace_number; /* of the last batch on the metrics board */
	uint64_t replay_looked_at_ns;

	uint64_t wait_until_ns; /* destination: no attempt before */
	struct answer said;	/* what goes with the next verdict */
	/* Grows with each failure that is waited for. What was sent before it says nothing about
	 * how things are behind it. */
	uint64_t round;
	uint64_t reader_wait_until_ns;
	uint64_t busy_since_ns; /* 0: not busy */
	bool lost_while_idle;
	bool was_open;
	bool draining;
	uint64_t drain_seq; /* while draining: nothing behind it is read; 0: no such number */
	enum output_state state;
	uint64_t down_since_ns; /* 0: not down */
	struct errmsg error;	/* why, for the log and the status */

	struct untold untold[LOSS_CAUSES];
	uint64_t notice_due_ns;
	struct loss_notice notice; /* the writer of notices */
	struct log_limit reader_log, letter_log, outage_log;
	bool outage_is_told;

	unsigned int records_left, sends_left; /* of this run */
};

static inline uint64_t delivery_now(const struct delivery *d)
{
	return clock_boot_ns(d->set.clock);
}

static inline struct flight *delivery_flight(struct delivery *d, size_t i)
{
	return &d->window[(d->window_head + i) % d->window_size];
}

static inline struct batch *flight_part(const struct flight *f)
{
	return f->parts[f->part_count - 1];
}

/* delivery.c */
void delivery_set_state(struct delivery *d, enum output_state state);
void delivery_close_output(struct delivery *d);

/* delivery_window.c */
WARN_UNUSED int delivery_window_create(struct delivery *d);
void delivery_window_free(struct delivery *d);
/* An empty batch for the flight; false: no memory. */
bool flight_take_batch(struct delivery *d, struct flight *f);
/* It is to be sent. */
void flight_is_filled(struct delivery *d, struct flight *f);
/* Everything in it is settled. */
void flight_is_done(struct delivery *d, struct flight *f);
/* Counts the oldest flights that are done and moves the cursor behind them; newer ones that are
 * done wait for older ones that are not. True: there was one. */
bool delivery_retire_flights(struct delivery *d);
uint64_t delivery_events_in_flight(struct delivery *d);
/* Gives the memory back that was not needed for REST_NS. */
void delivery_release_spares(struct delivery *d);

/* delivery_fill.c: reads from the journal into the flight; true when something was done. */
bool flight_fill(struct delivery *d, struct flight *f);
/* When a flight that fills is to go out although it is not full. */
uint64_t flight_due_ns(const struct delivery *d, const struct flight *f);

/* delivery_trace.c */
void delivery_trace_begin(struct delivery *d);
void flight_trace_sent(struct delivery *d, struct flight *f);
void flight_trace_settled(struct delivery *d, const struct flight *f);

/* delivery_replay.c */
/* Fills an empty flight with dead letters that are to be sent again; false: there are none, or
 * others are on their way. */
bool flight_fill_replay(struct delivery *d, struct flight *f);
/* One of them was acknowledged. */
void flight_replayed(struct delivery *d, struct batch *part, size_t i);

/* delivery_notice.c */
/* The loss is to be told in one of the next flights, together with others of its cause. */
void delivery_owe_notice(struct delivery *d, const struct journal_loss *loss);
/* Tells a loss at this place of the stream, or later when the batch has no room. */
void flight_put_loss(struct delivery *d, struct flight *f, const struct journal_loss *loss);
/* The destination refused a notice: what it told goes with the next of its cause. */
void delivery_notice_was_refused(struct delivery *d, const struct journal_loss *loss);
bool delivery_owes_notice(const struct delivery *d);
/* Tells what is due, at most once per NOTICE_INTERVAL_NS. */
void flight_put_notices(struct delivery *d, struct flight *f);

/* delivery_verdict.c */
/* One event of the journal was refused for good. */
void flight_count_rejected(struct delivery *d, struct flight *f, uint64_t seq, uint64_t wall_ns);
/* NULL: no memory. */
struct dead_letters *delivery_letters(struct delivery *d);
/* Puts an event into the dead letters; that they can't be written is logged and holds nothing up.
 */
void delivery_bury(struct delivery *d, const struct dead_letter *letter);
/* The destination goes away with the top part: what it had settled of it counts, the rest is to be
 * sent again. */
void flight_take_back(struct delivery *d, struct flight *f);
void flight_take_verdict(struct delivery *d, struct flight *f, const struct answer *answer);
/* Closes the output and waits as long as the backoff says, once for all that was lost together:
 * round is that in which what failed was sent. */
void delivery_lose(struct delivery *d, uint64_t round, const struct answer *why);
