#include "pipeline/journal_reader.h"

#include "base/secret.h"
#include "pipeline/journal_directory.h"
#include "pipeline/journal_key.h"
#include "pipeline/journal_scan.h"
#include "pipeline/journal_state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How the segment before ended, for its successor to confirm. */
struct segment_end {
	uint64_t number; /* 0: none, or not readable */
	uint64_t first_seq, last_seq, offset;
	uint8_t tag[JOURNAL_TAG_BYTES];
	uint32_t epoch;
	uint8_t proof[JOURNAL_TAG_BYTES];
	bool has_proof; /* its seals were sound to the end */
	bool is_torn; /* something stands behind it that is neither a batch nor another segment's */
};

struct verify {
	struct journal_verdict *verdict;
	int directory_fd;
	const struct journal_key *key; /* NULL: frames only */
	struct journal_seal *seal;
	struct journal_state state;
	bool has_state;
	struct journal_scan scan;
	struct segment_end prev;
	uint64_t first_number, declared_oldest;
	/* Of the segment being walked. */
	uint64_t last_seq;
	uint32_t epoch;
	uint8_t tag[JOURNAL_TAG_BYTES];
	bool chain_is_sound, ended;
};

/* The first bad place stays. */
static void PRINTF_LIKE(4, 5)
	bad(struct verify *v, uint64_t segment, uint64_t offset, const char *fmt, ...)
{
	char *text = v->verdict->bad;
	size_t cap = sizeof(v->verdict->bad);
	va_list ap;
	int n;

	if (!v->verdict->sound)
		return;
	v->verdict->sound = false;
	n = snprintf(text, cap, "segment %020" PRIu64 ".weir, offset %" PRIu64 ": ", segment,
		     offset);
	va_start(ap, fmt);
	vsnprintf(text + n, cap - (size_t)n, fmt, ap);
	va_end(ap);
}

/* --- between segments --- */

static void check_missing_segments(struct verify *v, const struct journal_segment_header *header)
{
	const struct segment_end *prev = &v->prev;
	uint64_t missing = 0;

	if (header->prev_last_seq > prev->last_seq)
		missing = header->prev_last_seq - prev->last_seq;
	v->verdict->missing_records += missing;
	if (header->number <= prev->number)
		bad(v, header->first_seq, 0,
		    "its number %" PRIu64 " does not follow %" PRIu64 ": swapped or copied",
		    header->number, prev->number);
	else
		bad(v, header->first_seq, 0,
		    "segments %" PRIu64 " to %" PRIu64 " before it are missing: sequence %" PRIu64
		    " to %" PRIu64,
		    prev->number + 1, header->number - 1, prev->last_seq + 1,
		    header->prev_last_seq);
}

/* Only a header of the same chain can prove anything; one whose recovery found damage says so. */
static bool proof_is_wrong(const struct verify *v, const struct journal_segment_header *header)
{
	const struct segment_end *prev = &v->prev;

	if (!v->key || !prev->has_proof || header->seal == JOURNAL_SEAL_NONE ||
	    (header->flags & SEGMENT_AFTER_DAMAGE) ||
	    memcmp(header->journal_id, v->key->journal_id, sizeof(header->journal_id)) != 0)
		return false;
	return prev->epoch != header->prev_epoch ||
	       CRYPTO_memcmp(prev->proof, header->prev_proof, sizeof(prev->proof)) != 0;
}

/* Does the segment before end where this one says it does? */
static void check_end_of_previous(struct verify *v, const struct journal_segment_header *header)
{
	const struct segment_end *prev = &v->prev;

	if (prev->last_seq < header->prev_last_seq) {
		v->verdict->missing_records += header->prev_last_seq - prev->last_seq;
		bad(v, prev->first_seq, prev->offset,
		    "truncated or damaged: sequence %" PRIu64 " to %" PRIu64 " is missing",
		    prev->last_seq + 1, header->prev_last_seq);
	} else if (prev->offset != header->prev_bytes) {
		bad(v, prev->first_seq, prev->offset,
		    "should end at offset %" PRIu64 ": batches were removed or added",
		    header->prev_bytes);
	} else if (prev->is_torn && !(header->flags & SEGMENT_AFTER_TORN)) {
		bad(v, prev->first_seq, prev->offset,
		    "bytes behind its end that no recovery "
		    "declared");
	} else if (header->seal != JOURNAL_SEAL_NONE &&
		   memcmp(prev->tag, header->prev_tag, sizeof(prev->tag)) != 0) {
		bad(v, prev->first_seq, prev->offset,
		    "its last seal is not the one that segment "
		    "%020" PRIu64 " follows: replaced",
		    header->first_seq);
	} else if (proof_is_wrong(v, header)) {
		bad(v, prev->first_seq, prev->offset,
		    "its end is not proven by the segment that "
		    "follows: cut short after sealing, sequence from %" PRIu64,
		    prev->last_seq + 1);
	}
}

static void check_link(struct verify *v, const struct journal_segment_header *header)
{
	struct journal_verdict *verdict = v->verdict;

	if (v->first_number == 0)
		v->first_number = header->number;
	else if (v->prev.number > 0 && header->number != v->prev.number + 1)
		check_missing_segments(v, header);
	else if (v->prev.number > 0)
		check_end_of_previous(v, header);
	if (header->flags & SEGMENT_AFTER_UNCLEAN)
		verdict->unclean_ends++;
	if (header->flags & SEGMENT_AFTER_TORN)
		verdict->torn_ends++;
	verdict->declared_lost += header->lost_count;
	if (header->flags & SEGMENT_AFTER_NEW_KEY)
		bad(v, header->first_seq, 0,
		    "the sealing state was lost: sealed with new keys from sequence %" PRIu64
		    " on, and nothing proves the end of what was before",
		    header->first_seq);
	else if (header->flags & SEGMENT_AFTER_DAMAGE)
		bad(v, header->first_seq, 0,
		    "recovery found the end of the journal damaged after it had been synced, from "
		    "sequence %" PRIu64,
		    header->prev_last_seq + 1);
}

/* --- one segment --- */

static void check_header_seal(struct verify *v, const struct journal_segment_header *header)
{
	v->chain_is_sound = false;
	if (!v->key)
		return;
	if (header->seal != JOURNAL_SEAL_AES256_GMAC) {
		bad(v, header->first_seq, 0, "not sealed");
	} else if (memcmp(header->journal_id, v->key->journal_id, sizeof(header->journal_id)) !=
		   0) {
		bad(v, header->first_seq, 0, "sealed with a chain of keys that is not this key's");
	} else if (journal_seal_segment(v->seal, header) < 0 ||
		   journal_seal_check_header(v->seal, header) < 0) {
		bad(v, header->first_seq, 0,
		    "the header's seal is wrong: changed, or sealed with "
		    "a wrong key");
	} else {
		v->chain_is_sound = true;
	}
}

static void check_batch_order(struct verify *v, const struct journal_batch *batch)
{
	const struct journal_batch_header *header = &batch->header;
	uint64_t segment = v->scan.header.first_seq, expected = v->last_seq + 1;

	if (batch->skipped) {
		bad(v, segment, batch->offset - batch->skipped,
		    "%" PRIu64 " bytes are no sound batch: sequence %" PRIu64 " to %" PRIu64,
		    batch->skipped, expected, header->first_seq - 1);
		v->chain_is_sound = false;
	} else if (header->epoch != v->epoch) {
		bad(v, segment, batch->offset,
		    "batch %" PRIu32 " stands where %" PRIu32 " belongs: removed, swapped or "
		    "inserted, around sequence %" PRIu64,
		    header->epoch, v->epoch, expected);
		v->chain_is_sound = false;
	} else if (header->first_seq != expected) {
		bad(v, segment, batch->offset, "starts at sequence %" PRIu64 " instead of %" PRIu64,
		    header->first_seq, expected);
	}
	v->epoch = header->epoch + 1;
	if (header->first_seq > expected)
		v->verdict->missing_records += header->first_seq - expected;
}

/* The state was written when the segment ended here, so its link must be the one we have. */
static void check_state_here(struct verify *v)
{
	const struct journal_state *state = &v->state;

	if (!v->has_state || !v->chain_is_sound || v->scan.header.number != state->number ||
	    v->scan.offset != state->bytes || state->keys.number != state->number)
		return;
	if (CRYPTO_memcmp(journal_seal_keys(v->seal)->link, state->keys.link,
			  sizeof(state->keys.link)) != 0)
		bad(v, v->scan.header.first_seq, v->scan.offset,
		    "the sealing state does not belong to what is sealed up to here");
}

static void check_batch(struct verify *v, const struct journal_batch *batch)
{
	const struct journal_batch_header *header = &batch->header;
	const size_t sealed = header->length - sizeof(struct journal_batch_trailer);
	struct journal_verdict *verdict = v->verdict;

	check_batch_order(v, batch);
	if (v->chain_is_sound && journal_seal_check(v->seal, batch->bytes, sealed,
						    journal_batch_tag(batch->bytes)) < 0) {
		bad(v, v->scan.header.first_seq, batch->offset,
		    "the seal is wrong: changed, or sealed with a wrong key; sequence %" PRIu64
		    " to %" PRIu64,
		    header->first_seq, header->first_seq + header->count - 1);
		v->chain_is_sound = false;
	}
	check_state_here(v);
	verdict->batches++;
	verdict->records += header->count;
	v->ended = header->flags & BATCH_END;
	if (header->oldest_number > v->declared_oldest)
		v->declared_oldest = header->oldest_number;
	memcpy(v->tag, journal_batch_tag(batch->bytes), sizeof(v->tag));
	if (header->count == 0)
		return;
	if (verdict->first_seq == 0)
		verdict->first_seq = header->first_seq;
	v->last_seq = header->first_seq + header->count - 1;
	if (v->last_seq > verdict->last_seq)
		verdict->last_seq = v->last_seq;
}

static void note_end(struct verify *v, enum journal_scan_result result)
{
	const struct journal_segment_header *header = &v->scan.header;

	v->prev = (struct segment_end){
		.number = header->number,
		.first_seq = header->first_seq,
		.last_seq = v->last_seq,
		.offset = v->scan.offset,
		.is_torn = result == SCAN_TAIL,
		.has_proof = v->chain_is_sound,
	};
	memcpy(v->prev.tag, v->tag, sizeof(v->tag));
	if (v->chain_is_sound) {
		v->prev.epoch = journal_seal_keys(v->seal)->epoch;
		v->prev.has_proof = journal_seal_proof(v->seal, v->prev.proof) == 0;
	}
	v->verdict->end = result == SCAN_TAIL ? JOURNAL_END_TORN
			  : v->ended	      ? JOURNAL_END_CLEAN
					      : JOURNAL_END_OPEN;
}

/* Dropped since the segments were listed, and all that is older with it? */
static bool retention_was_faster(const struct verify *v, uint64_t first_seq)
{
	struct journal_neighbours near;

	return journal_directory_neighbours(v->directory_fd, first_seq, &near) == 0 &&
	       near.oldest > first_seq;
}

static int verify_segment(struct verify *v, uint64_t first_seq)
{
	const struct journal_segment_header *header = &v->scan.header;
	enum journal_scan_result result;
	struct journal_batch batch;
	int err;

	err = journal_scan_open(&v->scan, v->directory_fd, first_seq);
	if (err == -ENOENT && (v->first_number == 0 || retention_was_faster(v, first_seq))) {
		v->prev.number = 0;
		return 0;
	}
	if (err == -EBADMSG || err == -ELOOP || err == -ENOENT) {
		bad(v, first_seq, 0,
		    err == -ENOENT ? "gone"
				   : "the header is damaged, or another "
				     "segment's");
		return 0;
	}
	if (err)
		return err;
	check_link(v, header);
	check_header_seal(v, header);
	v->verdict->segments++;
	v->verdict->sealed = v->verdict->sealed && v->chain_is_sound;
	v->last_seq = header->first_seq - 1;
	v->epoch = 1;
	v->ended = false;
	memcpy(v->tag, header->tag, sizeof(v->tag));
	if (header->oldest_number > v->declared_oldest)
		v->declared_oldest = header->oldest_number;
	while ((result = journal_scan_next(&v->scan, &batch)) == SCAN_BATCH)
		check_batch(v, &batch);
	note_end(v, result);
	return result == SCAN_ERROR ? -v->scan.error : 0;
}

/* --- the whole --- */

static void load_state(struct verify *v)
{
	int fd = openat(v->directory_fd, "state", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return; /* a copy of the segments, or not root */
	v->has_state = journal_state_load(fd, &v->state) == 0;
	close(fd);
}

static void check_oldest(struct verify *v)
{
	uint64_t oldest = v->declared_oldest;

	if (v->has_state)
		load_state(v); /* retention may have gone on meanwhile */
	if (v->has_state && v->state.oldest_number > oldest)
		oldest = v->state.oldest_number;
	if (v->first_number > oldest)
		bad(v, v->verdict->first_seq, 0,
		    "segments %" PRIu64 " to %" PRIu64 " before it are missing, and not by "
		    "retention",
		    oldest, v->first_number - 1);
}

/* Against the state as it was before the walk: the segments only grow. */
static void check_newest(struct verify *v, const struct journal_state *state)
{
	if (!v->has_state)
		return;
	if (state->number > v->prev.number) {
		if (state->last_seq > v->last_seq)
			v->verdict->missing_records += state->last_seq - v->last_seq;
		bad(v, v->prev.first_seq, v->prev.offset,
		    "the segments behind it, up to number %" PRIu64 ", are missing: sequence up to "
		    "%" PRIu64,
		    state->number, state->last_seq);
	} else if (state->number == v->prev.number && v->prev.offset < state->bytes) {
		if (state->last_seq > v->last_seq)
			v->verdict->missing_records += state->last_seq - v->last_seq;
		bad(v, v->prev.first_seq, v->prev.offset,
		    "truncated or damaged: %" PRIu64 " bytes had been synced; sequence %" PRIu64
		    " to %" PRIu64,
		    state->bytes, v->last_seq + 1, state->last_seq);
	}
}

static int verify_all(struct verify *v, struct errmsg *em)
{
	struct journal_state before;
	uint64_t *first_seqs = NULL;
	size_t n = 0;
	int err;

	load_state(v);
	before = v->state;
	err = journal_directory_list(v->directory_fd, &first_seqs, &n);
	v->verdict->sealed = v->key && n > 0;
	for (size_t i = 0; err == 0 && i < n; i++)
		err = verify_segment(v, first_seqs[i]);
	free(first_seqs);
	if (err == 0) {
		check_oldest(v);
		check_newest(v, &before);
	} else {
		errmsg_set(em, "cannot read the journal: %s", strerror(-err));
	}
	secret_wipe(&before, sizeof(before));
	return err;
}

static int start_seal(struct verify *v, const char *key_text, struct journal_key *key_r,
		      struct errmsg *em)
{
	struct journal_seal_keys keys = { 0 };

	if (!key_text)
		return 0;
	if (journal_key_parse(key_text, key_r) < 0) {
		errmsg_set(em, "that is not a verification key: one line, as `weir verify "
			       "--export-key` prints it (weir-journal-key:v1:...)");
		return -EINVAL;
	}
	memcpy(keys.next_segment, key_r->key, sizeof(keys.next_segment));
	v->seal = journal_seal_create(&keys);
	secret_wipe(&keys, sizeof(keys));
	if (!v->seal)
		return -ENOMEM;
	v->key = key_r;
	return 0;
}

int journal_verify(const char *directory, const char *key_text, struct journal_verdict *verdict_r,
		   struct errmsg *em)
{
	struct verify v = { .verdict = verdict_r, .directory_fd = -1 };
	struct journal_key key = { 0 };
	int err;

	*verdict_r = (struct journal_verdict){ .sound = true, .end = JOURNAL_END_EMPTY };
	journal_scan_init(&v.scan);
	err = start_seal(&v, key_text, &key, em);
	if (err == 0)
		err = v.directory_fd = journal_directory_open(directory, em);
	if (v.directory_fd >= 0) {
		err = verify_all(&v, em);
		close(v.directory_fd);
	}
	journal_scan_free(&v.scan);
	journal_seal_free(&v.seal);
	secret_wipe(&key, sizeof(key));
	secret_wipe(&v.state, sizeof(v.state));
	return err;
}
