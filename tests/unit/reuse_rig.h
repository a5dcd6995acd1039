/* tests/unit/reuse_rig.h: what the tests of segments made of older ones' files share: a journal at
 * its limit, what lies in its directory, and an I/O shim that dies, refuses or looks on. */
#pragma once

#include "journal_fixture.h"
#include "pipeline/journal_scan.h"

#include <stdatomic.h>
#include <sys/stat.h>

#define SEGMENT_BYTES (128u * 1024)
#define MAX_BYTES     (4 * SEGMENT_BYTES)
#define RECORD_BYTES  1000u
#define BATCH	      10u
/* More than the journal holds: from here on each segment is made of an older one's file. */
#define FILLING 1000u

/* Sizes as above. */
void at_the_limit(struct fixture *f);

struct stat stat_of(struct fixture *f, uint64_t segment);
/* First number of the newest segment. */
uint64_t newest_segment(struct fixture *f);
bool is_a_segment(struct fixture *f, ino_t inode);
uint64_t bytes_on_disk(struct fixture *f);
bool spare_is_there(struct fixture *f);

/* Switches sealing on; the journal has not begun yet. */
void export_key(struct fixture *f, char key[160]);
/* Verifies: sound, nothing missing. */
struct journal_verdict expect_sound(struct fixture *f, const char *key);
/* From the oldest there is to `last`, without a hole. */
void expect_all(struct fixture *f, uint64_t last);
/* Goes on until the newest segment is in a file of an older one and starts with `records`, one a
 * batch. */
uint64_t begin_reused(struct fixture *f, unsigned int records);

/* What the I/O shim does at which call. */
struct trap {
	struct journal_io io;
	struct fixture *f;
	atomic_int countdown; /* dies before that call; 0: not armed */
	bool half;	      /* a write is done by half first */
	bool at_batch;	      /* dies before the next batch */
	int rename_errno;     /* what renaming says */
	void (*on_rename)(struct trap *trap, const char *from, const char *to, bool done);
	struct journal_scan before, after; /* opened by on_rename */
	int after_err;
	unsigned int seen;
};

/* A shim over the real system calls that does nothing of that yet. */
void trap_init(struct trap *trap, struct fixture *f);
