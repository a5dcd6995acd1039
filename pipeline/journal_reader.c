#include "pipeline/journal_reader.h"

#include "pipeline/journal_directory.h"
#include "pipeline/journal_scan.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Retention may take a segment between seeing its name and opening it: look again so often. */
#define MAX_LOOKS 16u

struct journal_reader {
	int directory_fd;
	struct journal_scan scan; /* the segment being read; fd -1: in none */
	struct journal_scan next; /* the one after it, while moving on */
	struct journal_scan tip;  /* for journal_reader_newest() */
	uint64_t tip_seq;
	uint64_t expected; /* the next sequence number to give */
	uint64_t seen;	   /* highest number met in this segment, given or not */
	bool from_oldest;  /* what is gone before the first segment is no loss */
	bool positioning;  /* nothing at or behind the start has been met yet */
	/* There is no segment above this one; of the directory as it was then. */
	uint64_t newest_first_seq;
	struct journal_directory_stamp newest_stamp;
	/* The batch being given out, in scan's memory. */
	const uint8_t *at;
	uint32_t left;
	uint64_t seq; /* of the record at `at` */
	struct journal_loss losses[2];
	unsigned int loss_count;
};

/* --- open and close --- */

int journal_reader_open(const char *directory, uint64_t after_seq, struct journal_reader **reader_r,
			struct errmsg *em)
{
	struct journal_reader *reader = calloc(1, sizeof(*reader));

	if (!reader) {
		errmsg_set(em, "journal %s: out of memory", directory);
		return -ENOMEM;
	}
	journal_scan_init(&reader->scan);
	journal_scan_init(&reader->next);
	journal_scan_init(&reader->tip);
	reader->expected = after_seq + 1;
	reader->from_oldest = after_seq == 0;
	reader->positioning = after_seq > 0;
	reader->directory_fd = journal_directory_open(directory, em);
	if (reader->directory_fd < 0) {
		int err = reader->directory_fd;

		free(reader);
		return err;
	}
	*reader_r = reader;
	return 0;
}

int journal_reader_open_end(const char *directory, struct journal_reader **reader_r,
			    struct errmsg *em)
{
	int err = journal_reader_open(directory, 0, reader_r, em);

	if (err == 0)
		(*reader_r)->expected = journal_reader_newest(*reader_r) + 1;
	return err;
}

void journal_reader_close(struct journal_reader **reader)
{
	if (!*reader)
		return;
	journal_scan_free(&(*reader)->scan);
	journal_scan_free(&(*reader)->next);
	journal_scan_free(&(*reader)->tip);
	close((*reader)->directory_fd);
	free(*reader);
	*reader = NULL;
}

/* --- segments --- */

enum step { STEP_MOVED, STEP_NONE, STEP_ERROR };

static void enter(struct journal_reader *reader)
{
	struct journal_scan block = reader->scan;

	/* The memory goes along, so there is one block for all segments. */
	journal_scan_close(&block);
	reader->scan = reader->next;
	reader->next = block;
	reader->seen = reader->scan.header.first_seq - 1;
	reader->scan.live = true;
}

static void add_loss(struct journal_reader *reader, enum loss_cause cause, uint64_t first,
		     uint64_t last, uint64_t count)
{
	if (first > last || reader->loss_count == ARRAY_SIZE(reader->losses))
		return;
	reader->losses[reader->loss_count++] = (struct journal_loss){
		.cause = cause,
		.first_seq = first,
		.last_seq = last,
		.count = count,
	};
}

/* Known from before: who follows live asks at each wake-up, and a pass through the directory costs
 * as much as reading what came. */
static bool is_newest(const struct journal_reader *reader, uint64_t first_seq)
{
	return first_seq == reader->newest_first_seq &&
	       journal_directory_is_as_at(reader->directory_fd, &reader->newest_stamp);
}

static int look_around(struct journal_reader *reader, uint64_t first_seq,
		       struct journal_neighbours *near_r)
{
	struct journal_directory_stamp stamp;
	int err;

	journal_directory_stamp(reader->directory_fd, &stamp);
	err = journal_directory_neighbours(reader->directory_fd, first_seq, near_r);
	if (!err && near_r->above == 0) {
		reader->newest_first_seq = first_seq;
		reader->newest_stamp = stamp;
	}
	return err;
}

/* Opens the sound segment that follows first_seq (STEP_NONE: there is none). A file that is no
 * segment is stepped over only when a sound one stands behind it: it may be in the making. */
static enum step open_above(struct journal_reader *reader, uint64_t first_seq, bool *is_oldest_r)
{
	struct journal_neighbours near;
	int err;

	if (is_newest(reader, first_seq))
		return STEP_NONE;
	for (unsigned int look = 0; look < MAX_LOOKS; look++) {
		err = look_around(reader, first_seq, &near);
		if (err)
			break;
		if (near.above == 0)
			return STEP_NONE;
		err = journal_scan_open(&reader->next, reader->directory_fd, near.above);
		if (err == 0) {
			*is_oldest_r = near.oldest == near.above;
			return STEP_MOVED;
		}
		if (err == -EBADMSG || err == -ELOOP)
			first_seq = near.above;
		else if (err != -ENOENT)
			break;
	}
	reader->scan.error = -err;
	return err == -EBADMSG || err == -ELOOP ? STEP_NONE : STEP_ERROR;
}

/* Names what lies between the last number given and the segment in `next`. Numbers that nobody
 * lost were never given out. */
static void name_gap(struct journal_reader *reader, bool next_is_oldest)
{
	const struct journal_segment_header *header = &reader->next.header;
	uint64_t from = reader->expected, declared;
	bool follows = reader->scan.fd >= 0 && header->number == reader->scan.header.number + 1;
	enum loss_cause cause =
		next_is_oldest && !follows ? LOSS_JOURNAL_FULL : LOSS_JOURNAL_DAMAGED;

	if (header->prev_last_seq >= from) {
		add_loss(reader, cause, from, header->prev_last_seq,
			 header->prev_last_seq - from + 1);
		from = header->prev_last_seq + 1;
	}
	declared = header->lost_first > from ? header->lost_first : from;
	if (header->lost_last >= declared && header->lost_last < header->first_seq)
		add_loss(reader, LOSS_JOURNAL_DAMAGED, declared, header->lost_last,
			 declared == header->lost_first ? header->lost_count : 0);
	if (header->first_seq > reader->expected)
		reader->expected = header->first_seq;
}

/* The segment that holds the expected number, or the first behind it. */
static enum step enter_first(struct journal_reader *reader)
{
	struct journal_neighbours near;
	bool is_oldest = false;
	enum step step;
	int err;

	err = journal_directory_neighbours(reader->directory_fd, reader->expected, &near);
	if (err) {
		reader->scan.error = -err;
		return STEP_ERROR;
	}
	if (near.at_or_below > 0) {
		err = journal_scan_open(&reader->next, reader->directory_fd, near.at_or_below);
		if (err == 0) {
			enter(reader);
			return STEP_MOVED;
		}
	}
	step = open_above(reader, near.at_or_below, &is_oldest);
	if (step != STEP_MOVED)
		return step;
	if (!reader->from_oldest)
		name_gap(reader, is_oldest);
	else if (reader->expected < reader->next.header.first_seq)
		reader->expected = reader->next.header.first_seq;
	enter(reader);
	return STEP_MOVED;
}

/* The start lies behind all there is: that cursor was of another journal. Everything again is
 * better than nothing. */
static bool start_is_beyond(struct journal_reader *reader)
{
	if (!reader->positioning || reader->seen + 1 >= reader->expected)
		return false;
	reader->positioning = false;
	reader->from_oldest = true;
	reader->expected = 1;
	journal_scan_close(&reader->scan);
	return true;
}

/* At the end of a segment: on to the next, when there is one and nothing was added meanwhile. */
static enum step move_on(struct journal_reader *reader)
{
	bool is_oldest = false;
	enum step step;

	step = open_above(reader, reader->scan.header.first_seq, &is_oldest);
	if (step == STEP_NONE && start_is_beyond(reader))
		return STEP_MOVED;
	if (step != STEP_MOVED)
		return step;
	if (reader->scan.live) {
		/* Its last batches may have come after we saw its end. */
		reader->scan.live = false;
		journal_scan_close(&reader->next);
		return STEP_MOVED;
	}
	name_gap(reader, is_oldest);
	enter(reader);
	return STEP_MOVED;
}

/* --- batches and records --- */

static void take_batch(struct journal_reader *reader, const struct journal_batch *batch)
{
	uint64_t first = batch->header.first_seq, last = first + batch->header.count - 1;

	if (batch->header.count == 0)
		return;
	if (last > reader->seen)
		reader->seen = last;
	if (last < reader->expected)
		return; /* given already, or reported as lost */
	reader->from_oldest = reader->positioning = false;
	if (first > reader->expected) {
		add_loss(reader, LOSS_JOURNAL_DAMAGED, reader->expected, first - 1,
			 first - reader->expected);
		reader->expected = first;
	}
	reader->at = batch->bytes + sizeof(batch->header);
	reader->left = batch->header.count;
	reader->seq = first;
}

/* The batch is sound: its lengths add up. */
static bool take_record(struct journal_reader *reader, struct journal_record *record_r)
{
	struct journal_record_header header;

	memcpy(&header, reader->at, sizeof(header));
	*record_r = (struct journal_record){
		.seq = reader->seq,
		.time_wall_ns = header.wall_ns,
		.kind = header.kind < EVENT_KINDS ? (enum event_kind)header.kind : KIND_NONE,
		.pid = header.pid,
		.json = { (const char *)reader->at + sizeof(header), header.length },
		.boot_id = { reader->scan.header.boot_id, sizeof(reader->scan.header.boot_id) },
	};
	reader->at += sizeof(header) + header.length;
	reader->left--;
	reader->seq++;
	if (record_r->seq < reader->expected)
		return false;
	reader->expected = record_r->seq + 1;
	return true;
}

static bool take_loss(struct journal_reader *reader, struct journal_loss *loss_r)
{
	if (reader->loss_count == 0)
		return false;
	*loss_r = reader->losses[0];
	reader->losses[0] = reader->losses[1];
	reader->loss_count--;
	return true;
}

/* One step through the files, when no record is at hand. */
static enum step step_on(struct journal_reader *reader)
{
	struct journal_batch batch;

	if (reader->scan.fd < 0)
		return enter_first(reader);
	switch (journal_scan_next(&reader->scan, &batch)) {
	case SCAN_BATCH:
		take_batch(reader, &batch);
		return STEP_MOVED;
	case SCAN_END:
	case SCAN_TAIL:
		return move_on(reader);
	case SCAN_ERROR:
		break;
	}
	return STEP_ERROR;
}

enum journal_read journal_reader_next(struct journal_reader *reader,
				      struct journal_record *record_r, struct journal_loss *loss_r,
				      struct errmsg *em)
{
	for (;;) {
		if (take_loss(reader, loss_r))
			return JOURNAL_READ_LOSS;
		while (reader->left > 0)
			if (take_record(reader, record_r))
				return JOURNAL_READ_RECORD;
		switch (step_on(reader)) {
		case STEP_MOVED:
			break;
		case STEP_NONE:
			return JOURNAL_READ_END;
		case STEP_ERROR:
			errmsg_set(em, "journal: cannot read: %s", strerror(reader->scan.error));
			return JOURNAL_READ_ERROR;
		}
	}
}

uint64_t journal_reader_newest(struct journal_reader *reader)
{
	struct journal_scan *tip = &reader->tip;
	struct journal_batch_header header;
	struct journal_neighbours near;
	uint64_t limit = UINT64_MAX;

	while (journal_directory_neighbours(reader->directory_fd, limit, &near) == 0 &&
	       near.at_or_below > 0) {
		if (tip->fd >= 0 && tip->header.first_seq == near.at_or_below)
			break;
		if (journal_scan_open(tip, reader->directory_fd, near.at_or_below) == 0) {
			reader->tip_seq = tip->header.prev_last_seq;
			break;
		}
		limit = near.at_or_below - 1; /* no segment of ours, or in the making */
	}
	if (tip->fd < 0)
		return reader->tip_seq;
	while (journal_scan_hop(tip, &header))
		if (header.count > 0)
			reader->tip_seq = header.first_seq + header.count - 1;
	return reader->tip_seq;
}
