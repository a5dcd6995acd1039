/* pipeline/journal_reader.h: a cursor over the journal: every consumer reads through this, the
 * forwarder's outputs, `weir events`, `weir replay` and `weir verify` alike. Needs no server and no
 * lock: it reads whole committed batches and never sees a record that is not whole. A segment that
 * a reader has open stays as it is, even when retention has dropped it.
 *
 * A reader is used by one thread, and is cheap: a few descriptors and one block of memory. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "pipeline/event.h"
#include "pipeline/journal.h"

#include <stdbool.h>
#include <stdint.h>

/* Borrowed until the next call on its reader. */
struct journal_record {
	uint64_t seq;
	uint64_t time_wall_ns;
	enum event_kind kind;
	uint32_t pid;
	struct str json;    /* the event as encode_json() wrote it, without newline */
	struct str boot_id; /* 36 characters; with seq the event's id */
	/* NULL in what a reader gives. Else no record of the journal but the forwarder's notice of
	 * this loss, with an id of its own (outputs/event_id.h); seq is the last one lost. */
	const struct journal_loss *notice;
};

enum journal_read {
	JOURNAL_READ_RECORD,
	JOURNAL_READ_END,  /* nothing more yet */
	JOURNAL_READ_LOSS, /* records are gone: see loss; reading goes on behind them */
	JOURNAL_READ_ERROR,
};

struct journal_reader;

/* Starts behind sequence number after_seq (0: from the oldest there is). When those are gone
 * already, the first read says so as JOURNAL_READ_LOSS. An after_seq that the journal never
 * reached belongs to another journal: reading starts from the oldest then. */
WARN_UNUSED int journal_reader_open(const char *directory, uint64_t after_seq,
				    struct journal_reader **reader_r, struct errmsg *em);
/* Starts at the newest end. */
WARN_UNUSED int journal_reader_open_end(const char *directory, struct journal_reader **reader_r,
					struct errmsg *em);
enum journal_read journal_reader_next(struct journal_reader *reader,
				      struct journal_record *record_r, struct journal_loss *loss_r,
				      struct errmsg *em);
/* Newest sequence number that a reader could see now; 0: none. */
uint64_t journal_reader_newest(struct journal_reader *reader);
void journal_reader_close(struct journal_reader **reader);

/* A cursor file: where one output is. Two slots written in turn, each with its CRC, so a crash
 * in the middle of a write leaves the older one. Made when it is not there (0600). When neither
 * slot is sound *seq_r is 0, em says so and the result is 0 all the same: sending again is better
 * than not at all. */
struct journal_cursor;

WARN_UNUSED int journal_cursor_open(const char *path, struct journal_cursor **cursor_r,
				    uint64_t *seq_r, struct errmsg *em);
/* Writes; with sync also waits for the disk. */
WARN_UNUSED int journal_cursor_set(struct journal_cursor *cursor, uint64_t seq, bool sync);
void journal_cursor_close(struct journal_cursor **cursor);

/* Walks the whole journal with the verification key (NULL: only frames and CRCs): order,
 * completeness, content. `bad` names the first bad place in words: segment, offset, sequence
 * range, what is wrong. What stands in the journal's state file is used when it can be read (by
 * root, on the host): only that shows a newest segment that was cut short.
 * -EINVAL: key_text is no key. An unsound journal is no error: see sound. */
enum journal_end {
	JOURNAL_END_EMPTY, /* no segments */
	JOURNAL_END_CLEAN, /* the writer closed it */
	JOURNAL_END_OPEN, /* whole batches up to the end: being written, or its writer was killed */
	JOURNAL_END_TORN, /* a batch that is not whole stands at the end; no recovery has run yet */
};
struct journal_verdict {
	bool sound;
	bool sealed; /* every segment is, and the key fitted */
	enum journal_end end;
	uint64_t segments, batches, records, first_seq, last_seq;
	uint64_t missing_records; /* within the range, gone and accounted for by nothing */
	uint64_t declared_lost;	  /* accounted for by a recovery, as far as the count is known */
	uint64_t unclean_ends;	  /* segments whose writer was killed */
	uint64_t torn_ends;	  /* of these, with a torn tail, declared by recovery */
	char bad[256];
};
WARN_UNUSED int journal_verify(const char *directory, const char *key_text,
			       struct journal_verdict *verdict_r, struct errmsg *em);
