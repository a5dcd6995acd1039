/* pipeline/journal_writer.h: the journal's writing thread: seals batches, writes each with one
 * pwrite(2), rotates, syncs by group commit and applies retention. Created by journal_open(),
 * which also talks to it; nobody else does. */
#pragma once

#include "base/clock.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "pipeline/journal.h"
#include "pipeline/journal_io.h"
#include "pipeline/journal_queue.h"
#include "pipeline/journal_recovery.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define WRITER_MAX_LOSSES    64u
#define LOW_CURSOR_NO_READER UINT64_MAX

struct journal_writer {
	/* Set before the thread starts, read by it only. */
	struct journal_settings settings;
	char *directory; /* what settings.directory points to */
	const struct clock *clock;
	const struct journal_io *io;
	int directory_fd, lock_fd, state_fd, event_fd;
	struct journal_queue queue;

	/* Both threads. */
	_Atomic uint64_t low_cursor;
	atomic_bool blocked;
	pthread_mutex_t told_lock; /* the three below */
	struct journal_stats told;
	struct journal_loss losses[WRITER_MAX_LOSSES];
	unsigned int loss_count;

	/* The writing thread's own. */
	struct journal_segments segments; /* the current one is the last, once fd is open */
	struct journal_state state;
	struct journal_seal *seal;
	struct journal_segment_header header; /* of the current segment, or of the next to make */
	bool header_ready;		      /* sealed, its file could not be made yet */
	bool abandoned;			      /* the current segment failed: go on in another */
	bool tail_torn;	   /* and what was half-written could not be taken back */
	int fd;		   /* -1: no current segment */
	uint64_t bytes;	   /* of it; its file is longer while older bytes stand behind them */
	uint64_t reserved; /* and up to where its blocks have been asked for; 0: not yet */
	uint32_t epoch;	   /* of its next batch */
	uint64_t last_seq; /* last written */
	uint8_t last_tag[JOURNAL_TAG_BYTES];
	uint64_t dirty_since_ns, trimmed_ns, aged_ns; /* CLOCK_MONOTONIC; 0: nothing unsynced */
	uint64_t backoff_ns;
	uint64_t jitter; /* state of a small generator */
	struct journal_stats stats;
};

/* The thread; ctx is a struct journal_writer. Ends when the queue is stopped and empty, or when
 * the disk refuses the rest. */
void *journal_writer_main(void *ctx);

/* --- between the files of the writer --- */

/* Shows the loop what changed. */
void journal_writer_tell(struct journal_writer *writer);
void journal_writer_tell_loss(struct journal_writer *writer, const struct journal_loss *loss);

/* Group commit: what was written is on the disk, and the state says so. */
WARN_UNUSED int journal_writer_sync(struct journal_writer *writer);
/* The state as of the last group commit, with what retention changed in it. */
WARN_UNUSED int journal_writer_store_state(struct journal_writer *writer);
/* Closes the current segment, if any, and makes the next, which starts at first_seq. */
WARN_UNUSED int journal_writer_rotate(struct journal_writer *writer, uint64_t first_seq);

enum retention_result { RETENTION_ROOM, RETENTION_BLOCKED };
/* Makes room for that many bytes within max_bytes. */
enum retention_result journal_retention_make_room(struct journal_writer *writer, uint64_t bytes);
/* Drops what is older than max_age; true when something went. */
bool journal_retention_by_age(struct journal_writer *writer);
/* Drops the oldest segment early, when it would have to go before the next one is full, so that its
 * file can become that one. A descriptor and the file's length; -1: it stays, or its file can't be
 * used again. */
WARN_UNUSED int journal_retention_set_aside(struct journal_writer *writer, uint64_t *bytes_r);
/* Drops the oldest closed segment; false when there is none, or a reader still needs it. */
bool journal_retention_drop_oldest(struct journal_writer *writer);
