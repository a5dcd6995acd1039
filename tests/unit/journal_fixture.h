/* tests/unit/journal_fixture.h: what the journal's tests share: a temporary directory, a writer on
 * it, records whose bytes follow from their number, and a reader that checks them. */
#pragma once

#include "pipeline/journal.h"
#include "pipeline/journal_internal.h"
#include "pipeline/journal_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <cmocka.h>

#define BOOT_A	   "11111111-1111-4111-8111-111111111111"
#define BOOT_B	   "22222222-2222-4222-8222-222222222222"
#define MAX_LOSSES 64

struct losses {
	struct journal_loss list[MAX_LOSSES];
	unsigned int n;
};

struct fixture {
	char dir[64];
	struct journal_settings settings;
	struct clock clock;
	struct journal *journal; /* NULL: closed */
	struct losses losses;	 /* what on_loss was told */
	size_t record_bytes;	 /* of each record's JSON */
};

/* cmocka setup and teardown: an empty directory, 1 MiB segments, no sealing. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Opens the journal and takes what recovery has to say. */
void fixture_open(struct fixture *f);
void fixture_open_io(struct fixture *f, const struct journal_io *io);
/* Closes in order. */
void fixture_close(struct fixture *f);
/* Appends n records in batches of that many; false when the journal refused one. */
bool fixture_append(struct fixture *f, unsigned int n, unsigned int batch);
/* Polls until `seq` can be read; fails the test after ten seconds. */
void fixture_wait_written(struct fixture *f, uint64_t seq);
/* fixture_append, fixture_wait_written. */
void fixture_write(struct fixture *f, unsigned int n, unsigned int batch);
/* Polls until the condition holds; fails the test after ten seconds. */
void fixture_wait(struct fixture *f, bool (*is_met)(struct fixture *f));

/* The JSON of record `seq`, as fixture_append() writes it. */
size_t fixture_json(uint64_t seq, size_t bytes, char *out);

struct read_result {
	uint64_t records, first_seq, last_seq;
	struct losses losses;
};
/* Reads to the end, checking every record's bytes and that numbers only go up. */
struct read_result fixture_read(struct fixture *f, uint64_t after_seq);
struct read_result fixture_read_on(struct fixture *f, struct journal_reader *reader);

/* Segments in the directory, by first sequence number; how many. */
size_t fixture_segments(struct fixture *f, uint64_t *first_seqs, size_t cap);
void fixture_segment_path(struct fixture *f, uint64_t first_seq, char *path, size_t cap);
uint64_t fixture_file_bytes(const char *path);
void fixture_flip(const char *path, uint64_t offset, unsigned char mask);
void fixture_copy(const char *from, const char *to);
/* Offset of the n-th batch (from 0) of a segment, its length too; fails when there is none. */
uint64_t fixture_batch(struct fixture *f, uint64_t segment, unsigned int n, uint32_t *length_r);
