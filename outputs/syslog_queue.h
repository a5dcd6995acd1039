/* outputs/syslog_queue.h: the batches that a syslog destination has on their way: each as the
 * pieces that are to be written (a frame's start in memory of the queue's own, the event's bytes
 * where they lie in the batch), how far that has come, and since when the peer has it. Owned by the
 * destination; holds a reference on each batch. */
#pragma once

#include "base/compiler.h"
#include "outputs/syslog_message.h"

#include <sys/uio.h>

#define SYSLOG_WINDOW 16

/* How a frame is made around a message. */
enum syslog_frame { SYSLOG_FRAME_NONE, SYSLOG_FRAME_COUNT, SYSLOG_FRAME_LF, SYSLOG_FRAME_RELP };

/* RELP numbers its transactions from 1 to this, and then from 1 again. */
#define RELP_TXNR_MAX 999999999u

/* Of a message, counted from 0: the first one follows the transaction that opens the session. */
static inline uint32_t relp_txnr(uint64_t number)
{
	return (number + 1) % RELP_TXNR_MAX + 1;
}

struct syslog_slot {
	struct batch *batch;
	struct buf frames;    /* starts of the frames */
	struct iovec *pieces; /* two per message: start, and event with what ends the frame */
	uint32_t *events;     /* of each message: its number in the batch */
	size_t room;	      /* messages that pieces and events have room for */
	size_t messages;
	size_t written;	     /* pieces that are written whole */
	uint64_t first;	     /* RELP: number of its first message, counted from 0 */
	size_t admitted;     /* RELP: messages that may be written */
	size_t answered;     /* RELP: messages that the peer has judged */
	uint64_t end;	     /* where it ends in the stream, once written */
	uint64_t arrived_ns; /* since when the peer has it all; 0: not yet */
};

struct syslog_queue {
	struct syslog_message *message;
	enum syslog_frame frame;
	struct output *out; /* whose verdicts these are */
	uint64_t next_message;
	struct errmsg why;			 /* the last reason for which all were settled */
	struct syslog_slot slots[SYSLOG_WINDOW]; /* a ring */
	size_t head, count;
};

void syslog_queue_free(struct syslog_queue *queue);
/* Takes a batch: events that can't be sent are refused in it. -ENOMEM, or -ENOBUFS when all slots
 * are taken. *messages_r 0: nothing is left to be sent, it was not taken. */
WARN_UNUSED int syslog_queue_add(struct syslog_queue *queue, struct batch *batch,
				 size_t *messages_r);
static inline struct syslog_slot *syslog_queue_at(struct syslog_queue *queue, size_t i)
{
	return &queue->slots[(queue->head + i) % SYSLOG_WINDOW];
}

static inline size_t syslog_slot_pieces(const struct syslog_slot *slot)
{
	return 2 * slot->messages;
}

static inline bool syslog_slot_is_written(const struct syslog_slot *slot)
{
	return slot->written == syslog_slot_pieces(slot);
}

/* The oldest that is not written whole; NULL: none. */
struct syslog_slot *syslog_queue_writing(struct syslog_queue *queue);
/* Settles the oldest as sent, or all of them with another verdict. */
void syslog_queue_settle(struct syslog_queue *queue);
void syslog_queue_settle_all(struct syslog_queue *queue, enum output_verdict verdict,
			     const struct errmsg *em);
/* Notes that the peer has everything up to `acked` of the stream, and settles what it has had for
 * grace_ns. */
void syslog_queue_arrived(struct syslog_queue *queue, uint64_t acked, uint64_t now_ns,
			  uint64_t grace_ns);
