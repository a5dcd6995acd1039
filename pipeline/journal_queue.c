#include "pipeline/journal_queue.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

int journal_queue_init(struct journal_queue *queue, uint64_t limit_bytes)
{
	pthread_condattr_t attr;
	int err;

	*queue = (struct journal_queue){ .limit_bytes = limit_bytes };
	err = pthread_mutex_init(&queue->lock, NULL);
	if (err)
		return -err;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	err = pthread_cond_init(&queue->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (err)
		pthread_mutex_destroy(&queue->lock);
	return -err;
}

static void block_free(struct journal_block *block)
{
	munmap(block->bytes, JOURNAL_BATCH_MAX);
	free(block);
}

static void list_free(struct journal_block *block)
{
	while (block) {
		struct journal_block *next = block->next;

		block_free(block);
		block = next;
	}
}

void journal_queue_destroy(struct journal_queue *queue)
{
	list_free(queue->head);
	list_free(queue->pool);
	pthread_cond_destroy(&queue->wake);
	pthread_mutex_destroy(&queue->lock);
}

static struct journal_block *block_create(void)
{
	struct journal_block *block = calloc(1, sizeof(*block));

	if (!block)
		return NULL;
	block->bytes = mmap(NULL, JOURNAL_BATCH_MAX, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (block->bytes == MAP_FAILED) {
		free(block);
		return NULL;
	}
	/* A huge page would make every block cost its whole length. */
	(void)madvise(block->bytes, JOURNAL_BATCH_MAX, MADV_NOHUGEPAGE);
	return block;
}

static struct journal_block *pool_pop(struct journal_queue *queue)
{
	struct journal_block *block = queue->pool;

	if (!block)
		return NULL;
	queue->pool = block->next;
	queue->pooled--;
	if (queue->pooled < queue->pool_low)
		queue->pool_low = queue->pooled;
	return block;
}

static void pool_push(struct journal_queue *queue, struct journal_block *block)
{
	block->next = queue->pool;
	queue->pool = block;
	queue->pooled++;
}

struct journal_block *journal_queue_take(struct journal_queue *queue)
{
	struct journal_block *block;

	pthread_mutex_lock(&queue->lock);
	block = pool_pop(queue);
	if (!block && queue->held_bytes + JOURNAL_BATCH_FULL <= queue->limit_bytes) {
		block = block_create();
		if (block) {
			/* What it will hold when it is closed; corrected then. */
			block->touched = JOURNAL_BATCH_FULL;
			queue->held_bytes += block->touched;
		}
	}
	pthread_mutex_unlock(&queue->lock);
	if (!block)
		return NULL;
	block->next = NULL;
	block->length = sizeof(struct journal_batch_header);
	block->count = block->flags = 0;
	block->finished_for = 0;
	return block;
}

void journal_queue_push(struct journal_queue *queue, struct journal_block *block)
{
	pthread_mutex_lock(&queue->lock);
	if (block->length > block->touched) {
		queue->held_bytes += block->length - block->touched;
		block->touched = block->length;
	}
	if (queue->tail)
		queue->tail->next = block;
	else
		queue->head = block;
	queue->tail = block;
	if (queue->queued++ == 0)
		pthread_cond_signal(&queue->wake);
	pthread_mutex_unlock(&queue->lock);
}

void journal_queue_give_back(struct journal_queue *queue, struct journal_block *block)
{
	pthread_mutex_lock(&queue->lock);
	pool_push(queue, block);
	pthread_mutex_unlock(&queue->lock);
}

bool journal_queue_has_room(struct journal_queue *queue)
{
	bool has_room;

	pthread_mutex_lock(&queue->lock);
	has_room =
		queue->pooled > 0 || queue->held_bytes + JOURNAL_BATCH_FULL <= queue->limit_bytes;
	pthread_mutex_unlock(&queue->lock);
	return has_room;
}

unsigned int journal_queue_depth(struct journal_queue *queue)
{
	unsigned int depth;

	pthread_mutex_lock(&queue->lock);
	depth = queue->queued;
	pthread_mutex_unlock(&queue->lock);
	return depth;
}

void journal_queue_kick(struct journal_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->kick = true;
	pthread_cond_signal(&queue->wake);
	pthread_mutex_unlock(&queue->lock);
}

static struct timespec deadline_in(uint64_t timeout_ns)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += (time_t)(timeout_ns / NSEC_PER_SEC);
	ts.tv_nsec += (long)(timeout_ns % NSEC_PER_SEC);
	if (ts.tv_nsec >= (long)NSEC_PER_SEC) {
		ts.tv_nsec -= (long)NSEC_PER_SEC;
		ts.tv_sec++;
	}
	return ts;
}

struct journal_block *journal_queue_wait(struct journal_queue *queue, uint64_t timeout_ns)
{
	struct timespec deadline = deadline_in(timeout_ns);
	struct journal_block *block;
	int err = 0;

	pthread_mutex_lock(&queue->lock);
	while (!queue->head && !queue->kick && !queue->stop && err == 0)
		err = pthread_cond_timedwait(&queue->wake, &queue->lock, &deadline);
	queue->kick = false;
	block = queue->head;
	pthread_mutex_unlock(&queue->lock);
	return block;
}

void journal_queue_pause(struct journal_queue *queue, uint64_t timeout_ns)
{
	struct timespec deadline = deadline_in(timeout_ns);
	int err = 0;

	pthread_mutex_lock(&queue->lock);
	while (!queue->kick && err == 0)
		err = pthread_cond_timedwait(&queue->wake, &queue->lock, &deadline);
	queue->kick = false;
	pthread_mutex_unlock(&queue->lock);
}

void journal_queue_done(struct journal_queue *queue)
{
	struct journal_block *block;

	pthread_mutex_lock(&queue->lock);
	block = queue->head;
	queue->head = block->next;
	if (!queue->head)
		queue->tail = NULL;
	queue->queued--;
	pool_push(queue, block);
	pthread_mutex_unlock(&queue->lock);
}

void journal_queue_trim(struct journal_queue *queue)
{
	struct journal_block *spare = NULL, *block;
	unsigned int n;

	pthread_mutex_lock(&queue->lock);
	for (n = queue->pool_low; n > 0 && (block = pool_pop(queue)) != NULL; n--) {
		queue->held_bytes -= block->touched;
		block->next = spare;
		spare = block;
	}
	queue->pool_low = queue->pooled;
	pthread_mutex_unlock(&queue->lock);
	list_free(spare);
}

bool journal_queue_has_spare(struct journal_queue *queue)
{
	bool has_spare;

	pthread_mutex_lock(&queue->lock);
	has_spare = queue->pooled > 0;
	pthread_mutex_unlock(&queue->lock);
	return has_spare;
}

bool journal_queue_is_stopping(struct journal_queue *queue)
{
	bool stop;

	pthread_mutex_lock(&queue->lock);
	stop = queue->stop;
	pthread_mutex_unlock(&queue->lock);
	return stop;
}

bool journal_queue_is_ended(struct journal_queue *queue)
{
	bool ended;

	pthread_mutex_lock(&queue->lock);
	ended = queue->stop && !queue->head;
	pthread_mutex_unlock(&queue->lock);
	return ended;
}
