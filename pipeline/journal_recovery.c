#include "pipeline/journal_recovery.h"

#include "base/secret.h"
#include "pipeline/journal_directory.h"
#include "pipeline/journal_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Numbers left out after a power loss: more than a collector can have written between the last
 * group commit and the loss. A reader may have seen and acknowledged them. */
#define POWER_LOSS_GAP (1ull << 24)

struct recovery {
	const struct journal_settings *settings;
	int directory_fd;
	struct journal_recovered *out;
	struct journal_scan scan;
	struct journal_segment_header newest; /* number 0: there is none */
	uint64_t end;			      /* offset behind its last sound batch */
	uint64_t last_seq;		      /* the highest number found */
	uint8_t last_tag[JOURNAL_TAG_BYTES];
	uint64_t batches;
	uint64_t last_wall_ns; /* of its last batch */
	bool ended;	       /* the last batch is an end mark */
	bool state_is_sound;   /* it was there */
	bool following;	       /* the seals have been sound so far */
};

static void add_loss(struct recovery *rec, uint64_t first_seq, uint64_t last_seq, uint64_t count)
{
	struct journal_recovered *out = rec->out;

	if (out->loss_count == RECOVERY_MAX_LOSSES) {
		/* Named by their whole range; how many of it are gone is not known then. */
		struct journal_loss *last = &out->losses[RECOVERY_MAX_LOSSES - 1];

		last->last_seq = last_seq > last->last_seq ? last_seq : last->last_seq;
		last->count = 0;
		return;
	}
	out->losses[out->loss_count++] = (struct journal_loss){
		.cause = LOSS_JOURNAL_DAMAGED,
		.first_seq = first_seq,
		.last_seq = last_seq,
		.count = count,
	};
}

static void add_loss_range(struct recovery *rec, uint64_t first_seq, uint64_t last_seq)
{
	if (first_seq <= last_seq)
		add_loss(rec, first_seq, last_seq, last_seq - first_seq + 1);
}

/* --- the sealing state --- */

static bool sealed_segments_exist(const struct recovery *rec)
{
	return rec->newest.number > 0 && rec->newest.seal != JOURNAL_SEAL_NONE;
}

static int load_state(struct recovery *rec, int state_fd, struct errmsg *em)
{
	const struct journal_segments *segments = &rec->out->segments;
	struct journal_state *state = &rec->out->state;
	int err = journal_state_load(state_fd, state);

	rec->state_is_sound = err == 0;
	if (err == 0)
		return 0;
	if (err != -ENOENT && err != -EBADMSG) {
		errmsg_set(em, "cannot read the journal's state: %s", strerror(-err));
		return err;
	}
	err = journal_state_init(state, false);
	if (err)
		errmsg_set(em, "no random numbers from libcrypto");
	state->number = rec->newest.number;
	for (size_t i = segments->n; i-- > 0;) {
		if (segments->list[i].number == 0)
			continue;
		state->oldest_number = segments->list[i].number;
		state->oldest_seq = segments->list[i].first_seq;
	}
	return err;
}

/* Starts a chain of keys when the journal is to be sealed and has none. */
static int prepare_seal(struct recovery *rec, struct errmsg *em)
{
	struct journal_state *state = &rec->out->state, fresh;
	int err;

	if (!rec->settings->seal)
		return 0;
	if (!(state->flags & STATE_SEALED)) {
		if (sealed_segments_exist(rec))
			rec->out->header.flags |= SEGMENT_AFTER_NEW_KEY;
		err = journal_state_init(&fresh, true);
		if (err) {
			errmsg_set(em, "no random numbers from libcrypto");
			return err;
		}
		memcpy(state->journal_id, fresh.journal_id, sizeof(state->journal_id));
		state->flags |= STATE_SEALED;
		state->keys = fresh.keys;
		state->keys.number =
			state->number > rec->newest.number ? state->number : rec->newest.number;
		secret_wipe(&fresh, sizeof(fresh));
	}
	rec->out->seal = journal_seal_create(&state->keys);
	if (rec->out->seal)
		return 0;
	errmsg_set(em, "cannot set up AES-256-GCM of libcrypto");
	return -ENOMEM;
}

/* --- what is on disk --- */

/* A file whose making was cut off: nothing was ever in it. */
static bool is_stillborn(int directory_fd, const char *name, uint64_t *bytes_r)
{
	struct stat st;

	*bytes_r = 0;
	if (fstatat(directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return false;
	*bytes_r = (uint64_t)st.st_size;
	return st.st_size <= (off_t)JOURNAL_HEADER_BYTES;
}

static int add_segment(struct recovery *rec, uint64_t first_seq, bool is_last)
{
	struct journal_segment segment = { .first_seq = first_seq, .last_seq = first_seq - 1 };
	char name[JOURNAL_NAME_BYTES];
	int err = journal_scan_open(&rec->scan, rec->directory_fd, first_seq);
	bool stillborn;

	journal_segment_name(first_seq, name);
	stillborn = is_stillborn(rec->directory_fd, name, &segment.bytes);
	if (err == 0 && rec->scan.header.number > rec->newest.number) {
		segment.number = rec->scan.header.number;
		segment.created_wall_ns = segment.newest_wall_ns = rec->scan.header.created_wall_ns;
		rec->newest = rec->scan.header;
	} else if (err != 0 && err != -EBADMSG && err != -ELOOP) {
		return err;
	} else if (is_last && stillborn && err == -EBADMSG) {
		(void)unlinkat(rec->directory_fd, name, 0);
		return 0;
	}
	return journal_segments_add(&rec->out->segments, &segment) ? 0 : -ENOMEM;
}

static int load_segments(struct recovery *rec, struct errmsg *em)
{
	uint64_t *first_seqs = NULL;
	size_t n = 0;
	int err = journal_directory_list(rec->directory_fd, &first_seqs, &n);

	for (size_t i = 0; err == 0 && i < n; i++)
		err = add_segment(rec, first_seqs[i], i + 1 == n);
	free(first_seqs);
	if (err)
		errmsg_set(em, "cannot list the journal's segments: %s", strerror(-err));
	return err;
}

/* A power loss in the middle of making a segment of the oldest one's file can leave the new header
 * under the old name. Retention was done with it. */
static void remove_half_reused(struct recovery *rec)
{
	struct journal_segments *segments = &rec->out->segments;
	const struct journal_state *state = &rec->out->state;
	char name[JOURNAL_NAME_BYTES];

	while (rec->state_is_sound && segments->n > 0 && segments->list[0].number == 0 &&
	       segments->list[0].first_seq < state->oldest_seq) {
		journal_segment_name(segments->list[0].first_seq, name);
		if (unlinkat(rec->directory_fd, name, 0) < 0)
			return;
		journal_segments_drop_oldest(segments);
	}
}

/* Highest number of a segment whose successor is not there to tell. */
static uint64_t scan_last_seq(struct recovery *rec, uint64_t first_seq)
{
	uint64_t last_seq = first_seq - 1;
	struct journal_batch batch;

	if (journal_scan_open(&rec->scan, rec->directory_fd, first_seq) < 0)
		return last_seq;
	while (journal_scan_next(&rec->scan, &batch) == SCAN_BATCH)
		if (batch.header.first_seq > last_seq)
			last_seq = batch.header.first_seq + batch.header.count - 1;
	return last_seq;
}

static bool gap_is_known(struct journal_state *state, uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < JOURNAL_KNOWN_GAPS; i++)
		if (state->gaps[i].first == first && state->gaps[i].last == last)
			return true;
	/* The oldest one makes room: reported twice is better than not. */
	memmove(state->gaps, state->gaps + 1, sizeof(state->gaps) - sizeof(state->gaps[0]));
	state->gaps[JOURNAL_KNOWN_GAPS - 1] = (struct journal_gap){ first, last };
	return false;
}

/* Fills in what each segment's successor says of it, and names the segments that are gone. */
static void join_segments(struct recovery *rec)
{
	struct journal_state *state = &rec->out->state;
	struct journal_segments *segments = &rec->out->segments;
	struct journal_segment *prev = NULL;

	for (size_t i = 0; i < segments->n; i++) {
		struct journal_segment *segment = &segments->list[i];
		uint64_t expected = prev ? prev->number + 1 : state->oldest_number;
		uint64_t first_lost = prev ? 0 : state->oldest_seq;

		if (segment->number == 0 ||
		    journal_scan_open(&rec->scan, rec->directory_fd, segment->first_seq) < 0)
			continue;
		if (prev) {
			prev->last_seq = rec->scan.header.prev_last_seq;
			prev->newest_wall_ns = rec->scan.header.created_wall_ns;
		}
		if (expected > 0 && segment->number > expected &&
		    !gap_is_known(state, expected, segment->number - 1)) {
			uint64_t last_lost = rec->scan.header.prev_last_seq;

			if (prev)
				first_lost = scan_last_seq(rec, prev->first_seq) + 1;
			add_loss_range(rec, first_lost, last_lost);
		}
		if (prev && segment->number > expected)
			prev->last_seq = first_lost ? first_lost - 1 : prev->last_seq;
		prev = segment;
	}
}

/* --- the newest segment --- */

/* Checks one batch's seal where the seals have not been followed yet. */
static void follow_seal(struct recovery *rec, const struct journal_batch *batch)
{
	struct journal_seal *seal = rec->out->seal;
	const struct journal_state *state = &rec->out->state;

	if (!rec->following ||
	    (rec->newest.number == state->number && batch->offset < state->bytes))
		return;
	if (batch->header.epoch != journal_seal_keys(seal)->epoch ||
	    journal_seal_check(seal, batch->bytes,
			       batch->header.length - sizeof(struct journal_batch_trailer),
			       journal_batch_tag(batch->bytes)) < 0)
		rec->following = false;
}

/* Brings the seal to the newest segment: there already, or one step ahead (killed between making
 * a segment and writing the state). Further ahead it has no business. */
static void start_following(struct recovery *rec)
{
	struct journal_seal *seal = rec->out->seal;
	uint64_t at;

	rec->following = false;
	if (!seal || rec->newest.seal == JOURNAL_SEAL_NONE ||
	    memcmp(rec->newest.journal_id, rec->out->state.journal_id,
		   sizeof(rec->newest.journal_id)) != 0)
		return;
	at = journal_seal_keys(seal)->number;
	if (at == rec->newest.number) {
		journal_seal_resume(seal, &rec->newest);
		rec->following = true;
	} else if (at + 1 == rec->newest.number) {
		rec->following = journal_seal_segment(seal, &rec->newest) == 0 &&
				 journal_seal_check_header(seal, &rec->newest) == 0;
	}
}

static void take_batch(struct recovery *rec, const struct journal_batch *batch)
{
	const struct journal_batch_header *header = &batch->header;

	follow_seal(rec, batch);
	if (header->first_seq <= rec->last_seq)
		return; /* a copy of what was there: no reader shows it, verify names it */
	add_loss_range(rec, rec->last_seq + 1, header->first_seq - 1);
	rec->last_seq = header->first_seq + header->count - 1;
}

/* Walks the newest segment. What stands behind its last sound batch is a torn tail, unless it lies
 * below what was synced: that is damage. */
static int read_newest(struct recovery *rec, struct errmsg *em)
{
	struct journal_segment_header *next = &rec->out->header;
	const struct journal_state *state = &rec->out->state;
	enum journal_scan_result result;
	struct journal_batch_header tail;
	struct journal_batch batch;
	int err;

	err = journal_scan_open(&rec->scan, rec->directory_fd, rec->newest.first_seq);
	if (err) {
		errmsg_set(em, "cannot read the newest segment: %s", strerror(-err));
		return err;
	}
	start_following(rec);
	rec->last_seq = rec->newest.first_seq - 1;
	memcpy(rec->last_tag, rec->newest.tag, sizeof(rec->last_tag));
	while ((result = journal_scan_next(&rec->scan, &batch)) == SCAN_BATCH) {
		take_batch(rec, &batch);
		rec->ended = batch.header.flags & BATCH_END;
		rec->last_wall_ns = batch.header.wall_ns;
		rec->batches++;
		memcpy(rec->last_tag, journal_batch_tag(batch.bytes), sizeof(rec->last_tag));
	}
	rec->end = rec->scan.offset;
	if (result == SCAN_ERROR) {
		errmsg_set(em, "cannot read the newest segment: %s", strerror(rec->scan.error));
		return -rec->scan.error;
	}
	if (result == SCAN_TAIL) {
		next->flags |= SEGMENT_AFTER_TORN;
		rec->ended = false;
		if (journal_scan_tail_header(&rec->scan, &tail) &&
		    tail.first_seq == rec->last_seq + 1) {
			next->lost_first = tail.first_seq;
			next->lost_last = tail.first_seq + tail.count - 1;
			next->lost_count = tail.count;
		}
	}
	if (rec->newest.number == state->number && rec->end < state->bytes)
		next->flags |= SEGMENT_AFTER_DAMAGE;
	if (rec->out->seal && rec->newest.seal != JOURNAL_SEAL_NONE && !rec->following)
		next->flags |= SEGMENT_AFTER_DAMAGE;
	if (!rec->ended)
		next->flags |= SEGMENT_AFTER_UNCLEAN;
	return 0;
}

/* Cuts off what an earlier segment left in the newest one's file: it has been searched. True: the
 * file ends where the newest segment ends. */
static bool cut_newest(const struct recovery *rec, const struct journal_io *io)
{
	char name[JOURNAL_NAME_BYTES];
	bool is_cut;
	int fd;

	journal_segment_name(rec->newest.first_seq, name);
	fd = openat(rec->directory_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	is_cut = io->truncate(io, fd, (off_t)rec->end) == 0;
	close(fd);
	return is_cut;
}

/* What no successor says of it. */
static void fill_newest(struct recovery *rec, const struct journal_io *io)
{
	struct journal_segments *segments = &rec->out->segments;
	bool may_cut = !(rec->out->header.flags & (SEGMENT_AFTER_TORN | SEGMENT_AFTER_DAMAGE));

	for (size_t i = 0; i < segments->n; i++) {
		struct journal_segment *newest = &segments->list[i];

		if (newest->number != rec->newest.number)
			continue;
		newest->last_seq = rec->last_seq;
		if (rec->last_wall_ns)
			newest->newest_wall_ns = rec->last_wall_ns;
		if (may_cut && newest->bytes > rec->end && cut_newest(rec, io)) {
			segments->bytes -= newest->bytes - rec->end;
			newest->bytes = rec->end;
		}
	}
}

/* --- where writing goes on --- */

static bool name_is_taken(const struct recovery *rec, uint64_t first_seq)
{
	const struct journal_segments *segments = &rec->out->segments;

	for (size_t i = 0; i < segments->n; i++)
		if (segments->list[i].first_seq == first_seq)
			return true;
	return false;
}

/* Killed between making a segment and its first batch: numbers go on where it starts, so that is
 * the segment to write to, if it is ours. */
static bool can_resume(const struct recovery *rec)
{
	const struct journal_segment_header *newest = &rec->newest;
	const struct journal_recovered *out = rec->out;

	return rec->batches == 0 && newest->number > 0 &&
	       out->segments.list[out->segments.n - 1].number == newest->number &&
	       out->header.first_seq == newest->first_seq && (rec->following || !out->seal) &&
	       (newest->seal != JOURNAL_SEAL_NONE) == (out->seal != NULL) &&
	       memcmp(newest->boot_id, rec->settings->boot_id, sizeof(newest->boot_id)) == 0 &&
	       memcmp(newest->journal_id, out->state.journal_id, sizeof(newest->journal_id)) == 0;
}

/* A file of that name that is not ours to go on in: its number is left out, and said to be lost,
 * for whoever counts. */
static void leave_out_taken_names(struct recovery *rec)
{
	struct journal_segment_header *next = &rec->out->header;

	while (name_is_taken(rec, next->first_seq)) {
		if (next->lost_last == 0)
			next->lost_first = next->first_seq;
		next->lost_last = next->first_seq++;
		next->lost_count = 0;
	}
}

/* Declares what is lost between the last number found and the first to be given out. */
static void declare_losses(struct recovery *rec)
{
	struct journal_segment_header *next = &rec->out->header;
	const struct journal_state *state = &rec->out->state;
	bool other_boot =
		rec->newest.number > 0 && memcmp(rec->newest.boot_id, rec->settings->boot_id,
						 sizeof(rec->newest.boot_id)) != 0;

	if (state->last_seq > rec->last_seq && state->last_seq > next->lost_last) {
		next->lost_first = rec->last_seq + 1;
		next->lost_last = state->last_seq;
		next->lost_count = next->lost_last - rec->last_seq;
		next->flags |= SEGMENT_AFTER_DAMAGE;
	}
	if (other_boot && !rec->ended) {
		next->flags |= SEGMENT_AFTER_POWER;
		next->lost_first = rec->last_seq + 1;
		next->lost_last =
			(next->lost_last > rec->last_seq ? next->lost_last : rec->last_seq) +
			POWER_LOSS_GAP;
		next->lost_count = 0;
	}
	next->prev_last_seq = rec->last_seq;
	next->first_seq = (next->lost_last ? next->lost_last : rec->last_seq) + 1;
	rec->out->resume = can_resume(rec);
	if (!rec->out->resume)
		leave_out_taken_names(rec);
	if (next->lost_last)
		add_loss(rec, next->lost_first, next->lost_last, next->lost_count);
}

static int prepare_header(struct recovery *rec, struct errmsg *em)
{
	struct journal_segment_header *next = &rec->out->header;
	const struct journal_state *state = &rec->out->state;
	int err = 0;

	declare_losses(rec);
	if (rec->out->resume) {
		*next = rec->newest;
		return 0;
	}
	next->magic = JOURNAL_SEGMENT_MAGIC;
	next->version = JOURNAL_VERSION;
	memcpy(next->journal_id, state->journal_id, sizeof(next->journal_id));
	memcpy(next->boot_id, rec->settings->boot_id, sizeof(next->boot_id));
	next->number =
		(state->number > rec->newest.number ? state->number : rec->newest.number) + 1;
	next->oldest_number = state->oldest_number ? state->oldest_number : next->number;
	next->prev_bytes = rec->end;
	next->seal = rec->out->seal ? JOURNAL_SEAL_AES256_GMAC : JOURNAL_SEAL_NONE;
	memcpy(next->prev_tag, rec->last_tag, sizeof(next->prev_tag));
	if (rec->following) {
		next->prev_epoch = journal_seal_keys(rec->out->seal)->epoch;
		err = journal_seal_proof(rec->out->seal, next->prev_proof);
	}
	if (err)
		errmsg_set(em, "cannot prove the end of the newest segment: %s", strerror(-err));
	return err;
}

static int recover(struct recovery *rec, const struct journal_io *io, int state_fd,
		   struct errmsg *em)
{
	int err;

	journal_segment_discard_spare(rec->directory_fd);
	err = load_segments(rec, em);
	if (err == 0)
		err = load_state(rec, state_fd, em);
	if (err == 0)
		err = prepare_seal(rec, em);
	if (err)
		return err;
	remove_half_reused(rec);
	join_segments(rec);
	if (rec->newest.number > 0) {
		err = read_newest(rec, em);
		if (err)
			return err;
		fill_newest(rec, io);
	}
	return prepare_header(rec, em);
}

int journal_recover(const struct journal_settings *settings, const struct journal_io *io,
		    int directory_fd, int state_fd, struct journal_recovered *recovered_r,
		    struct errmsg *em)
{
	struct recovery rec = { .settings = settings,
				.directory_fd = directory_fd,
				.out = recovered_r };
	int err;

	*recovered_r = (struct journal_recovered){ 0 };
	journal_scan_init(&rec.scan);
	err = recover(&rec, io, state_fd, em);
	journal_scan_free(&rec.scan);
	if (err)
		journal_recovered_free(recovered_r);
	return err;
}

void journal_recovered_free(struct journal_recovered *recovered)
{
	journal_segments_free(&recovered->segments);
	journal_seal_free(&recovered->seal);
	secret_wipe(recovered, sizeof(*recovered));
}
