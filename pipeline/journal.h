/* pipeline/journal.h: the append-only journal between the collector and every reader, the
 * writing side. docs/journal-format.md describes the bytes; pipeline/journal_reader.h reads them.
 *
 * Records are gathered into batches in memory. A batch is closed on journal_commit(), sealed
 * (AES-GMAC under a key that evolves one way per batch, the old one wiped) and written whole by
 * the journal's own thread, which also does the fdatasync of the group commit, the rotation and
 * the retention: the collector's loop never waits for a disk. While the disk refuses, batches
 * wait in memory up to `memory_bytes`; past it records are refused and counted, and what is lost
 * is named when the disk is back.
 *
 * Created by the collector, used from its loop thread only. One writer per directory (a lock). */
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "pipeline/event.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum journal_when_full { JOURNAL_DROP_OLDEST, JOURNAL_BLOCK };

struct journal_settings {
	const char *directory;
	uint64_t max_bytes;  /* of all segments; retention removes whole segments */
	uint64_t max_age_ns; /* 0: no limit */
	uint64_t segment_bytes;
	uint64_t sync_interval_ns; /* 0: after each commit */
	uint64_t memory_bytes;
	enum journal_when_full when_full;
	bool seal;
	gid_t reader_gid; /* group that may read the segments (the forwarder's); (gid_t)-1:
			     unchanged */
	char boot_id[37];
};

/* What recovery or retention found gone, to be journaled as weir_loss by the collector. */
struct journal_loss {
	enum loss_cause cause;	      /* LOSS_JOURNAL_* */
	uint64_t first_seq, last_seq; /* 0, 0: not known */
	uint64_t count;		      /* 0: not known */
	uint64_t first_wall_ns, last_wall_ns;
};

struct journal_stats {
	uint64_t records, bytes, batches, syncs, segments;
	uint64_t write_errors, refused_records; /* disk full, I/O error; memory bound reached */
	uint64_t dropped_records;		/* by retention, whether or not they were read */
	uint64_t memory_bytes;			/* waiting in memory now */
	uint64_t size_bytes;			/* on disk now */
	uint64_t first_seq, last_seq;		/* on disk now; 0: empty */
	uint64_t last_sync_ns;			/* boot clock */
	bool failing;				/* the last write failed */
	int last_errno;
};

struct journal;

/* Opens or creates the directory, recovers its tail and takes the lock. What recovery found
 * damaged is given to on_loss by the first journal_poll(), which journal_fd() asks for at once,
 * and so is what happens later: the callback may write records, and the caller has its journal by
 * then. -EBUSY: another weir writes there; em names its pid. settings are copied. clock is
 * borrowed and read by the writing thread, too. */
WARN_UNUSED int journal_open(const struct journal_settings *settings, const struct clock *clock,
			     void (*on_loss)(void *ctx, const struct journal_loss *loss), void *ctx,
			     struct journal **journal_r, struct errmsg *em);

/* Starts a record: the writer to append its bytes to (at most ENCODE_MAX_BYTES), and the sequence
 * number it will have. NULL when no memory is left: the caller counts the event as
 * LOSS_JOURNAL_ERROR. The record is only there after journal_end_record(). */
struct buf *journal_begin_record(struct journal *journal, uint64_t *seq_r);
/* Finishes the record begun. When its buf overflowed nothing is kept, the number is used for the
 * next one, and -EMSGSIZE is returned. */
WARN_UNUSED int journal_end_record(struct journal *journal, enum event_kind kind,
				   uint64_t time_wall_ns, uint32_t pid);

/* Hands what was appended to the writing thread as one sealed batch. Never waits. */
void journal_commit(struct journal *journal);
/* File descriptor that becomes readable when the writer has something to tell (for the loop). */
int journal_fd(const struct journal *journal);
/* Takes what the writer told: delivers losses, frees memory. on_written: up to which sequence
 * readers can see records now (wake the forwarder). */
uint64_t journal_poll(struct journal *journal);
/* With JOURNAL_BLOCK: true while the limit is reached and the slowest reader holds the oldest
 * segment; the collector then stops draining, and the kernel counts. */
bool journal_is_blocked(const struct journal *journal);
/* Sequence numbers at or below this have been read by every registered cursor; retention with
 * JOURNAL_BLOCK goes no further. */
void journal_set_low_cursor(struct journal *journal, uint64_t seq);
/* The sealing state was gone or damaged when it was opened: what is written since is sealed with
 * new keys, which the exported verification key knows nothing of. */
bool journal_has_lost_keys(const struct journal *journal);
void journal_stats(struct journal *journal, struct journal_stats *stats_r);
/* What an orderly end left. */
struct journal_closed {
	uint64_t last_seq;  /* newest that readers can see; 0: none */
	uint64_t unwritten; /* records behind it that could not be written in time */
};
/* Commits, syncs (bounded by timeout_ms), seals the end and closes. */
struct journal_closed journal_close(struct journal **journal, unsigned int timeout_ms);

/* Makes the sealing key of a new journal, writes its first state to the directory and returns the
 * verification key as text, for `weir verify --export-key`: shown once, kept off the host. */
WARN_UNUSED int journal_seal_export(const char *directory, struct buf *key_text, struct errmsg *em);
