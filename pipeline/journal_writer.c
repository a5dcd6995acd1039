#include "pipeline/journal_writer.h"

#include "pipeline/journal_directory.h"

#include <errno.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BACKOFF_MIN_NS	 (20 * NSEC_PER_MSEC)
#define BACKOFF_MAX_NS	 (5 * NSEC_PER_SEC)
#define TRIM_INTERVAL_NS NSEC_PER_SEC
#define AGE_INTERVAL_NS	 (10 * NSEC_PER_SEC)
#define IDLE_WAIT_NS	 (60 * NSEC_PER_SEC)
/* Blocks are asked for so far ahead: an ext4 then writes a batch for a third of the CPU time, since
 * it need not look for room page by page. */
#define RESERVE_BYTES (4u << 20)
/* With an age limit a segment is closed after this part of it, so that age works in steps. */
#define AGE_STEPS 8

static uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* --- telling the loop --- */

void journal_writer_tell(struct journal_writer *writer)
{
	const struct journal_segments *segments = &writer->segments;
	struct journal_stats *stats = &writer->stats;
	const uint64_t one = 1;

	stats->segments = segments->n;
	stats->size_bytes = segments->bytes;
	stats->first_seq = stats->last_seq = 0;
	for (size_t i = 0; i < segments->n && stats->first_seq == 0; i++)
		if (journal_segment_records(&segments->list[i]) > 0)
			stats->first_seq = segments->list[i].first_seq;
	if (stats->first_seq)
		stats->last_seq = writer->last_seq;
	pthread_mutex_lock(&writer->told_lock);
	writer->told = *stats;
	pthread_mutex_unlock(&writer->told_lock);
	/* A full counter would mean that the loop has been told 2^64 times. */
	(void)!write(writer->event_fd, &one, sizeof(one));
}

void journal_writer_tell_loss(struct journal_writer *writer, const struct journal_loss *loss)
{
	pthread_mutex_lock(&writer->told_lock);
	if (writer->loss_count < WRITER_MAX_LOSSES) {
		writer->losses[writer->loss_count++] = *loss;
	} else {
		struct journal_loss *last = &writer->losses[WRITER_MAX_LOSSES - 1];

		/* The loop has not looked for long: one entry names the whole range. */
		last->last_seq = loss->last_seq;
		last->last_wall_ns = loss->last_wall_ns;
		last->count += loss->count;
	}
	pthread_mutex_unlock(&writer->told_lock);
}

static void note_failure(struct journal_writer *writer, int err)
{
	writer->stats.write_errors++;
	writer->stats.failing = true;
	writer->stats.last_errno = -err;
	journal_writer_tell(writer);
}

/* --- group commit --- */

int journal_writer_store_state(struct journal_writer *writer)
{
	return journal_state_store(writer->io, writer->state_fd, &writer->state);
}

int journal_writer_sync(struct journal_writer *writer)
{
	struct journal_state *state = &writer->state;
	int err;

	writer->dirty_since_ns = 0;
	if (writer->fd < 0)
		return 0;
	if (writer->io->sync(writer->io, writer->fd) < 0) {
		err = -errno;
		/* The kernel has dropped the pages it could not write: this file is not to be
		 * trusted with more. */
		writer->abandoned = true;
		note_failure(writer, err);
		return err;
	}
	state->number = writer->header.number;
	state->bytes = writer->bytes;
	state->last_seq = writer->last_seq;
	if (writer->seal)
		state->keys = *journal_seal_keys(writer->seal);
	err = journal_writer_store_state(writer);
	if (err) {
		note_failure(writer, err);
		return err;
	}
	writer->stats.syncs++;
	writer->stats.last_sync_ns = clock_boot_ns(writer->clock);
	return 0;
}

/* --- rotation --- */

/* The header of the segment that follows the current one. */
static int succeed_current(struct journal_writer *writer)
{
	struct journal_segment_header *header = &writer->header;

	header->number++;
	header->flags = writer->tail_torn ? SEGMENT_AFTER_TORN : 0;
	header->prev_last_seq = writer->last_seq;
	header->prev_bytes = writer->bytes;
	header->lost_first = header->lost_last = header->lost_count = 0;
	memcpy(header->prev_tag, writer->last_tag, sizeof(header->prev_tag));
	if (!writer->seal)
		return 0;
	header->prev_epoch = journal_seal_keys(writer->seal)->epoch;
	return journal_seal_proof(writer->seal, header->prev_proof);
}

/* Its line in the table; the bytes there are the length of its file. */
static struct journal_segment *current_segment(struct journal_writer *writer)
{
	return &writer->segments.list[writer->segments.n - 1];
}

static void set_file_bytes(struct journal_writer *writer, uint64_t bytes)
{
	struct journal_segment *current = current_segment(writer);

	writer->segments.bytes = writer->segments.bytes - current->bytes + bytes;
	current->bytes = bytes;
}

/* Gives back what was asked for and not used, and what was there before. */
static void cut_to_length(struct journal_writer *writer)
{
	bool is_longer =
		writer->reserved > writer->bytes || current_segment(writer)->bytes > writer->bytes;

	writer->reserved = 0;
	if (!is_longer || writer->abandoned)
		return;
	if (writer->io->truncate(writer->io, writer->fd, (off_t)writer->bytes) == 0)
		set_file_bytes(writer, writer->bytes);
}

static void close_current(struct journal_writer *writer)
{
	char name[JOURNAL_NAME_BYTES];

	cut_to_length(writer);
	close(writer->fd);
	writer->fd = -1;
	writer->abandoned = false;
	if (writer->bytes > JOURNAL_HEADER_BYTES)
		return;
	/* Nothing got into it: the same header makes it again. */
	journal_segment_name(writer->header.first_seq, name);
	(void)unlinkat(writer->directory_fd, name, 0);
	set_file_bytes(writer, 0);
	writer->segments.n--;
	writer->header_ready = true;
}

static int prepare_header(struct journal_writer *writer, uint64_t first_seq)
{
	struct journal_segment_header *header = &writer->header;
	int err;

	header->first_seq = first_seq;
	header->created_wall_ns = clock_wall_ns(writer->clock);
	if (writer->state.oldest_number == 0) {
		writer->state.oldest_number = header->number;
		writer->state.oldest_seq = first_seq;
	}
	header->oldest_number = writer->state.oldest_number;
	if (RAND_bytes(header->salt, sizeof(header->salt)) != 1)
		return -EIO;
	if (writer->seal) {
		err = 0;
		if (journal_seal_keys(writer->seal)->number < header->number)
			err = journal_seal_segment(writer->seal, header);
		if (err == 0)
			err = journal_seal_header(writer->seal, header);
		if (err == 0)
			err = journal_seal_advance(writer->seal, header->tag);
		if (err)
			return err;
	}
	memcpy(writer->last_tag, header->tag, sizeof(writer->last_tag));
	writer->header_ready = true;
	return 0;
}

/* Makes the segment's file, of the spare one when there is one (-1: none). */
static int make_file(struct journal_writer *writer, int spare, uint64_t spare_bytes)
{
	const struct journal_settings *settings = &writer->settings;

	if (spare >= 0 &&
	    journal_segment_reuse(writer->io, writer->directory_fd, spare, spare_bytes,
				  &writer->header, settings->reader_gid) == 0) {
		set_file_bytes(writer, spare_bytes);
		return spare;
	}
	if (spare >= 0)
		close(spare);
	return journal_segment_create(writer->io, writer->directory_fd, &writer->header,
				      settings->reader_gid);
}

/* The file and its line in the table, after the header. */
static int make_segment(struct journal_writer *writer, int spare, uint64_t spare_bytes)
{
	const struct journal_segment_header *header = &writer->header;
	struct journal_segment segment = { .number = header->number,
					   .first_seq = header->first_seq,
					   .last_seq = header->first_seq - 1,
					   .bytes = JOURNAL_HEADER_BYTES,
					   .created_wall_ns = header->created_wall_ns,
					   .newest_wall_ns = header->created_wall_ns };
	int fd;

	/* Room in the table first: a file it doesn't know would never be dropped. */
	if (!journal_segments_add(&writer->segments, &segment))
		return -ENOMEM;
	fd = make_file(writer, spare, spare_bytes);
	if (fd < 0) {
		set_file_bytes(writer, 0);
		writer->segments.n--;
		return fd;
	}
	writer->fd = fd;
	writer->bytes = JOURNAL_HEADER_BYTES;
	writer->reserved = current_segment(writer)->bytes;
	writer->epoch = 1;
	writer->header_ready = writer->tail_torn = false;
	return 0;
}

int journal_writer_rotate(struct journal_writer *writer, uint64_t first_seq)
{
	uint64_t spare_bytes = 0;
	int spare = -1, err;

	if (writer->fd >= 0) {
		if (!writer->abandoned)
			(void)!journal_writer_sync(writer); /* told; the next one tries again */
		close_current(writer);
		err = writer->header_ready ? 0 : succeed_current(writer);
		if (err)
			return err;
	}
	if (!writer->header_ready) {
		/* First, for the header says which segment is the oldest. */
		spare = journal_retention_set_aside(writer, &spare_bytes);
		err = prepare_header(writer, first_seq);
		if (err)
			goto out;
	}
	err = make_segment(writer, spare, spare_bytes);
	spare = -1;
	if (err == 0)
		err = journal_writer_sync(writer);
out:
	if (spare >= 0) {
		journal_segment_discard_spare(writer->directory_fd);
		close(spare);
	}
	return err;
}

static bool must_rotate(const struct journal_writer *writer, uint64_t bytes)
{
	uint64_t step = writer->settings.max_age_ns / AGE_STEPS;

	if (writer->fd < 0 || writer->abandoned)
		return true;
	if (writer->bytes == JOURNAL_HEADER_BYTES)
		return false;
	return writer->bytes + bytes > writer->settings.segment_bytes ||
	       (step > 0 && writer->header.created_wall_ns + step < clock_wall_ns(writer->clock));
}

/* --- one batch --- */

/* Fills in what is only known now, the CRCs and the seal. */
static int finish_block(struct journal_writer *writer, struct journal_block *block)
{
	struct journal_batch_header header = {
		.magic = JOURNAL_BATCH_MAGIC,
		.length = block->length + (uint32_t)sizeof(struct journal_batch_trailer),
		.first_seq = block->first_seq,
		.count = block->count,
		.epoch = writer->epoch,
		.number = writer->header.number,
		.wall_ns = clock_wall_ns(writer->clock),
		.oldest_number = writer->state.oldest_number,
		.flags = block->flags,
	};
	uint8_t tag[JOURNAL_TAG_BYTES] = { 0 };
	int err;

	/* Sealed once: other bytes under the same key would give the key away. */
	if (block->finished_for == writer->header.number)
		return 0;
	memcpy(block->bytes, &header, sizeof(header));
	journal_batch_finish(block->bytes);
	if (writer->seal) {
		err = journal_seal_tag(writer->seal, block->bytes, block->length, tag);
		if (err)
			return err;
	}
	journal_batch_finish_trailer(block->bytes, tag);
	block->finished_for = writer->header.number;
	return 0;
}

static void reserve_ahead(struct journal_writer *writer, uint64_t length)
{
	uint64_t end = writer->bytes + RESERVE_BYTES;

	if (writer->bytes + length <= writer->reserved)
		return;
	if (end > writer->settings.segment_bytes)
		end = writer->settings.segment_bytes;
	if (end < writer->bytes + length)
		end = writer->bytes + length;
	writer->io->reserve(writer->io, writer->fd, (off_t)writer->bytes,
			    (off_t)(end - writer->bytes));
	writer->reserved = end;
}

/* Takes a half-written batch back, and older bytes behind it, so that the next attempt starts
 * clean. */
static void take_back(struct journal_writer *writer)
{
	writer->reserved = 0; /* goes with it */
	if (writer->io->truncate(writer->io, writer->fd, (off_t)writer->bytes) == 0)
		set_file_bytes(writer, writer->bytes);
	else
		writer->abandoned = writer->tail_torn = true;
}

/* How far a batch that ends there makes the file grow. */
static uint64_t growth(struct journal_writer *writer, uint64_t end)
{
	uint64_t file_bytes = current_segment(writer)->bytes;

	return end > file_bytes ? end - file_bytes : 0;
}

/* Puts an edge behind the batch where older bytes follow it: one write for both, so that a reader
 * never takes them for a torn batch. How many bytes it is. */
static uint32_t put_edge(struct journal_writer *writer, uint8_t *at, uint64_t end)
{
	if (end >= current_segment(writer)->bytes)
		return 0;
	journal_edge_write(at, writer->header.number, end);
	return sizeof(struct journal_edge);
}

static int count_written(struct journal_writer *writer, const struct journal_block *block)
{
	struct journal_segment *current = current_segment(writer);
	uint32_t length = block->length + (uint32_t)sizeof(struct journal_batch_trailer);

	writer->bytes += length;
	current->newest_wall_ns = clock_wall_ns(writer->clock);
	writer->epoch++;
	writer->stats.batches++;
	writer->stats.records += block->count;
	writer->stats.bytes += length;
	if (block->count) {
		writer->last_seq = block->first_seq + block->count - 1;
		current->last_seq = writer->last_seq;
	}
	if (!writer->dirty_since_ns)
		writer->dirty_since_ns = monotonic_ns();
	memcpy(writer->last_tag, journal_batch_tag(block->bytes), sizeof(writer->last_tag));
	return writer->seal ? journal_seal_advance(writer->seal, writer->last_tag) : 0;
}

enum write_result { WRITE_DONE, WRITE_AGAIN, WRITE_LATER };

static enum write_result after_failure(struct journal_writer *writer, int err)
{
	bool full = err == -ENOSPC || err == -EDQUOT;

	note_failure(writer, err);
	if (!full) {
		writer->abandoned = writer->fd >= 0;
		return WRITE_LATER;
	}
	if (writer->settings.when_full == JOURNAL_BLOCK)
		return WRITE_LATER;
	if (journal_retention_drop_oldest(writer))
		return WRITE_AGAIN;
	/* The current segment is all there is: close it, then it can go. */
	if (writer->fd >= 0 && writer->bytes > JOURNAL_HEADER_BYTES && !writer->abandoned) {
		writer->abandoned = true;
		return WRITE_AGAIN;
	}
	return WRITE_LATER;
}

static enum write_result write_block(struct journal_writer *writer, struct journal_block *block)
{
	uint32_t length = block->length + (uint32_t)sizeof(struct journal_batch_trailer), written;
	int err;

	if (must_rotate(writer, length)) {
		err = journal_writer_rotate(writer, block->first_seq);
		if (err)
			return after_failure(writer, err);
	}
	if (block->count > 0 &&
	    journal_retention_make_room(writer, growth(writer, writer->bytes + length)) ==
		    RETENTION_BLOCKED) {
		atomic_store(&writer->blocked, true);
		return WRITE_LATER;
	}
	atomic_store(&writer->blocked, false);
	err = finish_block(writer, block);
	if (err)
		return after_failure(writer, err);
	reserve_ahead(writer, length);
	written = length + put_edge(writer, block->bytes + length, writer->bytes + length);
	err = journal_io_write_all(writer->io, writer->fd, block->bytes, written,
				   (off_t)writer->bytes);
	if (err) {
		take_back(writer);
		return after_failure(writer, err);
	}
	if (growth(writer, writer->bytes + written) > 0)
		set_file_bytes(writer, writer->bytes + written);
	err = count_written(writer, block);
	if (err)
		writer->abandoned = true; /* the key did not move on: nothing more under it */
	return WRITE_DONE;
}

/* A batch without records: an end mark, or a declaration of what retention left. */
static void write_mark(struct journal_writer *writer, uint32_t flags)
{
	uint8_t bytes[JOURNAL_BATCH_OVERHEAD + sizeof(struct journal_edge)];
	struct journal_block block = {
		.bytes = bytes,
		.length = sizeof(struct journal_batch_header),
		.flags = flags,
		.first_seq = writer->last_seq + 1,
	};

	if (writer->fd >= 0 && !writer->abandoned)
		(void)write_block(writer, &block);
}

/* --- the thread --- */

static uint64_t next_jitter(struct journal_writer *writer)
{
	writer->jitter = writer->jitter * 6364136223846793005ull + 1442695040888963407ull;
	return writer->jitter >> 33;
}

static void pause_after_failure(struct journal_writer *writer)
{
	uint64_t wait;

	if (writer->backoff_ns == 0)
		writer->backoff_ns = BACKOFF_MIN_NS;
	wait = writer->backoff_ns / 2 + next_jitter(writer) % writer->backoff_ns;
	journal_queue_pause(&writer->queue, wait);
	writer->backoff_ns *= 2;
	if (writer->backoff_ns > BACKOFF_MAX_NS)
		writer->backoff_ns = BACKOFF_MAX_NS;
}

static bool sync_is_due(const struct journal_writer *writer)
{
	return writer->dirty_since_ns &&
	       monotonic_ns() - writer->dirty_since_ns >= writer->settings.sync_interval_ns;
}

/* Writes until the queue is empty. False: the rest can't be written and nobody waits for it. */
static bool drain_queue(struct journal_writer *writer, struct journal_block *block)
{
	for (; block; block = journal_queue_wait(&writer->queue, 0)) {
		switch (write_block(writer, block)) {
		case WRITE_DONE:
			writer->backoff_ns = 0;
			writer->stats.failing = false;
			journal_queue_done(&writer->queue);
			journal_writer_tell(writer);
			break;
		case WRITE_AGAIN:
			break;
		case WRITE_LATER:
			journal_writer_tell(writer);
			if (journal_queue_is_stopping(&writer->queue))
				return false;
			pause_after_failure(writer);
			break;
		}
		/* With an interval of 0 the sync follows when the queue is empty: one for all. */
		if (writer->settings.sync_interval_ns > 0 && sync_is_due(writer)) {
			(void)!journal_writer_sync(writer);
			journal_writer_tell(writer);
		}
	}
	return true;
}

static void do_what_is_due(struct journal_writer *writer)
{
	uint64_t now = monotonic_ns();

	if (sync_is_due(writer)) {
		(void)!journal_writer_sync(writer);
		journal_writer_tell(writer);
	}
	if (now - writer->trimmed_ns >= TRIM_INTERVAL_NS) {
		journal_queue_trim(&writer->queue);
		writer->trimmed_ns = now;
	}
	if (writer->settings.max_age_ns && now - writer->aged_ns >= AGE_INTERVAL_NS) {
		if (journal_retention_by_age(writer)) {
			write_mark(writer, 0);
			journal_writer_tell(writer);
		}
		writer->aged_ns = now;
	}
}

static uint64_t until_next_duty(struct journal_writer *writer)
{
	uint64_t wait = IDLE_WAIT_NS, now = monotonic_ns(), due;

	if (journal_queue_has_spare(&writer->queue))
		wait = TRIM_INTERVAL_NS;
	if (writer->settings.max_age_ns && wait > AGE_INTERVAL_NS)
		wait = AGE_INTERVAL_NS;
	if (writer->dirty_since_ns) {
		due = writer->dirty_since_ns + writer->settings.sync_interval_ns;
		due = due > now ? due - now : 0;
		wait = due < wait ? due : wait;
	}
	return wait;
}

void *journal_writer_main(void *ctx)
{
	struct journal_writer *writer = ctx;
	struct journal_block *block;

	writer->jitter = monotonic_ns();
	writer->trimmed_ns = writer->aged_ns = monotonic_ns();
	(void)journal_retention_by_age(writer);
	for (;;) {
		block = journal_queue_wait(&writer->queue, until_next_duty(writer));
		if (!drain_queue(writer, block))
			break;
		do_what_is_due(writer);
		if (journal_queue_is_ended(&writer->queue))
			break;
	}
	write_mark(writer, BATCH_END);
	if (writer->fd >= 0)
		cut_to_length(writer);
	(void)!journal_writer_sync(writer);
	journal_writer_tell(writer);
	return NULL;
}
