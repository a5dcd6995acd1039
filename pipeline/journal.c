#include "pipeline/journal.h"

#include "base/secret.h"
#include "pipeline/journal_directory.h"
#include "pipeline/journal_internal.h"
#include "pipeline/journal_writer.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* While so many batches wait, a commit leaves the batch open to grow: a slow disk then gets fewer
 * and larger writes, and small batches don't use up the memory bound. */
#define COMMIT_MAX_QUEUED 4u
#define THREAD_STACK	  (256u * 1024)
#define MIN_SEGMENT_BYTES (64u * 1024)
/* Retention removes whole segments: with fewer it would remove most of what there is. */
#define MIN_SEGMENTS 4u

struct journal {
	struct journal_writer *writer;
	pthread_t thread;
	const struct clock *clock;
	void (*on_loss)(void *ctx, const struct journal_loss *loss);
	void *ctx;
	struct journal_block *open;   /* being filled; NULL: none */
	struct buf record;	      /* writes into it, between begin and end */
	uint64_t first_seq, next_seq; /* of what this session appends */
	bool commit_due;	      /* asked for while the queue was deep */
	bool has_lost_keys;
	struct journal_loss refused;
	uint64_t refused_total;
};

/* --- open --- */

static void writer_free(struct journal_writer **writer)
{
	struct journal_writer *w = *writer;

	if (!w)
		return;
	const int fds[] = { w->fd, w->state_fd, w->event_fd, w->lock_fd, w->directory_fd };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	journal_segments_free(&w->segments);
	journal_seal_free(&w->seal);
	journal_queue_destroy(&w->queue);
	pthread_mutex_destroy(&w->told_lock);
	free(w->directory);
	secret_wipe(w, sizeof(*w));
	free(w);
	*writer = NULL;
}

static struct journal_writer *writer_create(const struct journal_settings *settings,
					    const struct clock *clock, const struct journal_io *io)
{
	uint64_t share = settings->max_bytes / MIN_SEGMENTS;
	uint64_t memory = settings->memory_bytes;
	struct journal_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->settings = *settings;
	if (w->settings.segment_bytes > share)
		w->settings.segment_bytes = share;
	if (w->settings.segment_bytes < MIN_SEGMENT_BYTES)
		w->settings.segment_bytes = MIN_SEGMENT_BYTES;
	w->clock = clock;
	w->io = io;
	w->fd = w->directory_fd = w->lock_fd = w->state_fd = w->event_fd = -1;
	atomic_init(&w->low_cursor, LOW_CURSOR_NO_READER);
	pthread_mutex_init(&w->told_lock, NULL);
	w->directory = strdup(settings->directory);
	w->settings.directory = w->directory;
	if (journal_queue_init(&w->queue, memory > JOURNAL_BATCH_MAX ? memory : JOURNAL_BATCH_MAX) <
		    0 ||
	    !w->directory) {
		free(w->directory);
		free(w);
		return NULL;
	}
	return w;
}

static int open_files(struct journal_writer *w, struct errmsg *em)
{
	const char *path = w->directory;

	w->directory_fd = journal_directory_create(path, w->settings.reader_gid, em);
	if (w->directory_fd < 0)
		return w->directory_fd;
	w->lock_fd = journal_directory_lock(w->directory_fd, em);
	if (w->lock_fd < 0)
		return w->lock_fd;
	w->state_fd = journal_state_open(w->directory_fd);
	if (w->state_fd < 0) {
		errmsg_set(em, "cannot open the journal's state: %s", strerror(-w->state_fd));
		return w->state_fd;
	}
	w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->event_fd < 0) {
		int err = -errno;

		errmsg_set(em, "cannot make an eventfd: %s", strerror(-err));
		return err;
	}
	return 0;
}

/* Gives the writer what recovery worked out. */
static void take_recovered(struct journal_writer *w, struct journal_recovered *recovered)
{
	w->segments = recovered->segments;
	w->state = recovered->state;
	w->seal = recovered->seal;
	w->header = recovered->header;
	w->last_seq = recovered->header.prev_last_seq;
	for (size_t i = 0; i < recovered->loss_count; i++)
		journal_writer_tell_loss(w, &recovered->losses[i]);
	recovered->segments = (struct journal_segments){ 0 };
	recovered->seal = NULL;
}

static int resume_segment(struct journal_writer *w, struct errmsg *em)
{
	struct journal_segment *segment = &w->segments.list[w->segments.n - 1];

	w->fd = journal_segment_resume(w->io, w->directory_fd, &w->header);
	if (w->fd < 0) {
		errmsg_set(em, "cannot write to the newest segment: %s", strerror(-w->fd));
		return w->fd;
	}
	w->segments.bytes -= segment->bytes - JOURNAL_HEADER_BYTES;
	segment->bytes = JOURNAL_HEADER_BYTES;
	w->bytes = JOURNAL_HEADER_BYTES;
	w->epoch = 1;
	memcpy(w->last_tag, w->header.tag, sizeof(w->last_tag));
	return 0;
}

static int start_thread(struct journal *journal, struct errmsg *em)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&journal->thread, &attr, journal_writer_main, journal->writer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (err)
		errmsg_set(em, "cannot start the writing thread: %s", strerror(err));
	else
		(void)pthread_setname_np(journal->thread, "weir-journal");
	return -err;
}

static int open_writer(struct journal *journal, struct errmsg *em)
{
	struct journal_writer *w = journal->writer;
	struct journal_recovered recovered;
	int err;

	err = open_files(w, em);
	if (err)
		return err;
	err = journal_recover(&w->settings, w->io, w->directory_fd, w->state_fd, &recovered, em);
	if (err)
		return err;
	journal->has_lost_keys = recovered.header.flags & SEGMENT_AFTER_NEW_KEY;
	take_recovered(w, &recovered);
	err = recovered.resume ? resume_segment(w, em) : 0;
	journal_recovered_free(&recovered);
	if (err)
		return err;
	journal_writer_tell(w);
	journal->first_seq = journal->next_seq = w->header.first_seq;
	return start_thread(journal, em);
}

int journal_open_io(const struct journal_settings *settings, const struct clock *clock,
		    const struct journal_io *io,
		    void (*on_loss)(void *ctx, const struct journal_loss *loss), void *ctx,
		    struct journal **journal_r, struct errmsg *em)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	int err;

	if (!journal)
		return -ENOMEM;
	journal->clock = clock;
	journal->on_loss = on_loss;
	journal->ctx = ctx;
	journal->writer = writer_create(settings, clock, io);
	err = journal->writer ? open_writer(journal, em) : -ENOMEM;
	if (err) {
		/* Who opens the directory names it. */
		if (!journal->writer || journal->writer->directory_fd >= 0)
			errmsg_prefix(em, "journal %s", settings->directory);
		writer_free(&journal->writer);
		free(journal);
		return err;
	}
	*journal_r = journal;
	return 0;
}

int journal_open(const struct journal_settings *settings, const struct clock *clock,
		 void (*on_loss)(void *ctx, const struct journal_loss *loss), void *ctx,
		 struct journal **journal_r, struct errmsg *em)
{
	return journal_open_io(settings, clock, &journal_io_system, on_loss, ctx, journal_r, em);
}

/* --- records --- */

static void hand_over(struct journal *journal)
{
	journal_queue_push(&journal->writer->queue, journal->open);
	journal->open = NULL;
	journal->commit_due = false;
}

static void count_refused(struct journal *journal)
{
	struct journal_loss *refused = &journal->refused;
	uint64_t now = clock_wall_ns(journal->clock);

	if (refused->count++ == 0)
		refused->first_wall_ns = now;
	refused->last_wall_ns = now;
	journal->refused_total++;
}

struct buf *journal_begin_record(struct journal *journal, uint64_t *seq_r)
{
	struct journal_block *block = journal->open;

	if (unlikely(!block)) {
		block = journal_queue_take(&journal->writer->queue);
		if (!block) {
			count_refused(journal);
			return NULL;
		}
		block->first_seq = journal->next_seq;
		journal->open = block;
	}
	journal->record =
		buf_fixed(block->bytes + block->length + sizeof(struct journal_record_header),
			  ENCODE_MAX_BYTES);
	*seq_r = journal->next_seq;
	return &journal->record;
}

int journal_end_record(struct journal *journal, enum event_kind kind, uint64_t time_wall_ns,
		       uint32_t pid)
{
	struct journal_block *block = journal->open;
	struct journal_record_header header = {
		.length = (uint32_t)journal->record.len,
		.wall_ns = time_wall_ns,
		.pid = pid,
		.kind = (uint16_t)kind,
	};

	assert(block && journal->record.p);
	if (!buf_ok(&journal->record)) {
		journal->record = (struct buf){ 0 };
		return -EMSGSIZE;
	}
	/* The CRC is the writer's: it reads these bytes once for that and for the seal. */
	memcpy(block->bytes + block->length, &header, sizeof(header));
	block->length += (uint32_t)(sizeof(header) + journal->record.len);
	block->count++;
	journal->next_seq++;
	journal->record = (struct buf){ 0 };
	if (block->length >= JOURNAL_BATCH_FULL)
		hand_over(journal);
	return 0;
}

void journal_commit(struct journal *journal)
{
	if (!journal->open)
		return;
	if (journal->open->count == 0) {
		journal_queue_give_back(&journal->writer->queue, journal->open);
		journal->open = NULL;
	} else if (journal_queue_depth(&journal->writer->queue) < COMMIT_MAX_QUEUED) {
		hand_over(journal);
	} else {
		journal->commit_due = true;
	}
}

/* --- what the writer told --- */

int journal_fd(const struct journal *journal)
{
	return journal->writer->event_fd;
}

/* Takes the losses out before any is delivered: delivering writes records. */
static void deliver_losses(struct journal *journal)
{
	struct journal_loss losses[WRITER_MAX_LOSSES];
	struct journal_writer *w = journal->writer;
	unsigned int n;

	pthread_mutex_lock(&w->told_lock);
	n = w->loss_count;
	memcpy(losses, w->losses, n * sizeof(*losses));
	w->loss_count = 0;
	pthread_mutex_unlock(&w->told_lock);
	for (unsigned int i = 0; i < n && journal->on_loss; i++)
		journal->on_loss(journal->ctx, &losses[i]);
}

/* Says how many were refused, once it is over and there is room to write that down. */
static void deliver_refused(struct journal *journal, bool failing)
{
	struct journal_loss refused = journal->refused;

	if (refused.count == 0 || failing || journal_is_blocked(journal) ||
	    !journal_queue_has_room(&journal->writer->queue))
		return;
	refused.cause = LOSS_JOURNAL_ERROR;
	journal->refused = (struct journal_loss){ 0 };
	if (journal->on_loss)
		journal->on_loss(journal->ctx, &refused);
}

uint64_t journal_poll(struct journal *journal)
{
	struct journal_writer *w = journal->writer;
	uint64_t ticks, last_seq;
	bool failing;

	(void)!read(w->event_fd, &ticks, sizeof(ticks));
	pthread_mutex_lock(&w->told_lock);
	last_seq = w->told.last_seq;
	failing = w->told.failing;
	pthread_mutex_unlock(&w->told_lock);
	if (journal->commit_due)
		journal_commit(journal);
	deliver_losses(journal);
	deliver_refused(journal, failing);
	return last_seq;
}

bool journal_is_blocked(const struct journal *journal)
{
	return atomic_load_explicit(&journal->writer->blocked, memory_order_relaxed);
}

void journal_set_low_cursor(struct journal *journal, uint64_t seq)
{
	atomic_store_explicit(&journal->writer->low_cursor, seq, memory_order_relaxed);
	if (journal_is_blocked(journal))
		journal_queue_kick(&journal->writer->queue);
}

bool journal_has_lost_keys(const struct journal *journal)
{
	return journal->has_lost_keys;
}

void journal_stats(struct journal *journal, struct journal_stats *stats_r)
{
	struct journal_writer *w = journal->writer;

	pthread_mutex_lock(&w->told_lock);
	*stats_r = w->told;
	pthread_mutex_unlock(&w->told_lock);
	pthread_mutex_lock(&w->queue.lock);
	stats_r->memory_bytes = w->queue.held_bytes;
	pthread_mutex_unlock(&w->queue.lock);
	stats_r->refused_records = journal->refused_total;
}

/* --- close --- */

static bool thread_ended(struct journal *journal, unsigned int timeout_ms)
{
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += timeout_ms / 1000;
	deadline.tv_nsec += (long)(timeout_ms % 1000) * (long)NSEC_PER_MSEC;
	if (deadline.tv_nsec >= (long)NSEC_PER_SEC) {
		deadline.tv_nsec -= (long)NSEC_PER_SEC;
		deadline.tv_sec++;
	}
	return pthread_timedjoin_np(journal->thread, NULL, &deadline) == 0;
}

static struct journal_closed what_is_left(struct journal *journal)
{
	struct journal_stats stats;

	journal_stats(journal, &stats);
	return (struct journal_closed){
		.last_seq = stats.last_seq,
		.unwritten = journal->next_seq - journal->first_seq - stats.records,
	};
}

struct journal_closed journal_close(struct journal **journal, unsigned int timeout_ms)
{
	struct journal_closed closed = { 0 };
	struct journal *j = *journal;
	struct journal_queue *queue;
	bool ended;

	if (!j)
		return closed;
	queue = &j->writer->queue;
	if (j->open && j->open->count > 0)
		hand_over(j);
	else if (j->open)
		journal_queue_give_back(queue, j->open);
	pthread_mutex_lock(&queue->lock);
	queue->stop = queue->kick = true;
	pthread_cond_signal(&queue->wake);
	pthread_mutex_unlock(&queue->lock);
	ended = thread_ended(j, timeout_ms);
	closed = what_is_left(j);
	if (ended)
		writer_free(&j->writer);
	else
		/* It hangs in the kernel on a dead disk and still uses the writer's memory: that
		 * is left to the end of the process, which comes next. */
		pthread_detach(j->thread);
	free(j);
	*journal = NULL;
	return closed;
}
