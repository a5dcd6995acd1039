/* pipeline/journal_queue.h: the bounded queue of batches between the collector's loop and the
 * journal's writing thread, and the memory they lie in. A block is filled by the loop, queued,
 * written, and goes to a pool for the loop to take again; the pool is given back when idle. */
#pragma once

#include "base/compiler.h"
#include "pipeline/journal_format.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* One batch. Its memory is a mapping of JOURNAL_BATCH_MAX bytes: only pages that were written to
 * count. */
struct journal_block {
	struct journal_block *next;
	uint8_t *bytes;
	uint32_t length;  /* header included, trailer not yet */
	uint32_t touched; /* greatest length it ever had */
	uint32_t count;
	uint32_t flags; /* enum journal_batch_flag */
	uint64_t first_seq;
	uint64_t finished_for; /* the segment number its CRCs and seal were made for; 0: none */
};

struct journal_queue {
	pthread_mutex_t lock;
	pthread_cond_t wake; /* of the writing thread; CLOCK_MONOTONIC */
	struct journal_block *head, *tail, *pool;
	unsigned int queued, pooled;
	unsigned int pool_low; /* fewest in the pool since the last trim */
	uint64_t held_bytes;   /* of all blocks: filled, queued, pooled */
	uint64_t limit_bytes;
	bool stop, kick;
};

WARN_UNUSED int journal_queue_init(struct journal_queue *queue, uint64_t limit_bytes);
void journal_queue_destroy(struct journal_queue *queue);

/* Loop: an empty block, from the pool or new; NULL at the limit or out of memory. */
struct journal_block *journal_queue_take(struct journal_queue *queue);
/* Loop: hands a filled block over. */
void journal_queue_push(struct journal_queue *queue, struct journal_block *block);
/* Loop: gives back a block that stayed empty. */
void journal_queue_give_back(struct journal_queue *queue, struct journal_block *block);
/* Would journal_queue_take() give a block? */
bool journal_queue_has_room(struct journal_queue *queue);
/* Batches that wait now. */
unsigned int journal_queue_depth(struct journal_queue *queue);
/* Wakes the writing thread. */
void journal_queue_kick(struct journal_queue *queue);

/* Writer: the oldest block; it stays queued, and counted, until journal_queue_done(). Waits up to
 * timeout_ns for one (or a kick); NULL: none. */
struct journal_block *journal_queue_wait(struct journal_queue *queue, uint64_t timeout_ns);
/* Writer: waits for a kick or stop only: a disk that refuses is asked again later. */
void journal_queue_pause(struct journal_queue *queue, uint64_t timeout_ns);
void journal_queue_done(struct journal_queue *queue);
/* Writer: frees the blocks that the pool did not need since the last call. */
void journal_queue_trim(struct journal_queue *queue);
/* Writer: is there something for journal_queue_trim() to look at? */
bool journal_queue_has_spare(struct journal_queue *queue);
bool journal_queue_is_stopping(struct journal_queue *queue);
/* Writer: told to stop, and nothing is left to write. One look at both: what was pushed before the
 * word to stop is never overlooked. */
bool journal_queue_is_ended(struct journal_queue *queue);
