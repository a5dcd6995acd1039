/* outputs/delivery_fill.c: from the journal into a batch: what this output is to get, and the
 * notices of what it can't get any more. */
#include "outputs/delivery_internal.h"

#include <errno.h>

static void dead_letter_unformatted(struct delivery *d, struct flight *f,
				    const struct journal_record *record, int err)
{
	char id[EVENT_ID_BYTES];
	struct buf id_buf = buf_fixed(id, sizeof(id));
	struct dead_letter letter = {
		.time_wall_ns = clock_wall_ns(d->set.clock),
		.seq = record->seq,
		.output = str_of(d->set.output->name),
		.reason = err == -ENOMEM ? STR("no memory to format this event")
					 : STR("the format can't express this event"),
		.event = record->json,
	};

	event_id_write(record, &id_buf);
	letter.id = buf_str(&id_buf);
	delivery_bury(d, &letter);
	flight_count_rejected(d, f, record->seq, record->time_wall_ns);
}

static void passed(struct flight *f, uint64_t seq, uint64_t wall_ns)
{
	f->last_seq = seq;
	f->last_wall_ns = wall_ns;
}

static bool is_wanted(const struct output_settings *settings, const struct journal_record *record)
{
	return settings->kinds & 1ull << record->kind && route_takes(settings->route, record);
}

/* False: the batch is full without it. */
static bool take_record(struct delivery *d, struct flight *f, const struct journal_record *record)
{
	int err;

	if (!is_wanted(d->set.output, record)) {
		f->counts.skipped++;
		passed(f, record->seq, record->time_wall_ns);
		return true;
	}
	err = batch_add(f->batch, record, d->set.output->formatter);
	if (err == -ENOSPC || (err == -ENOMEM && batch_count(f->batch)))
		return false;
	if (err)
		dead_letter_unformatted(d, f, record, err);
	else if (batch_count(f->batch) == 1)
		f->begun_ns = delivery_now(d);
	passed(f, record->seq, record->time_wall_ns);
	return true;
}

static void take_loss(struct delivery *d, struct flight *f, struct journal_loss *loss)
{
	if (loss->count == 0 && loss->last_seq >= loss->first_seq && loss->last_seq)
		loss->count = loss->last_seq - loss->first_seq + 1;
	f->counts.missed += loss->count;
	flight_put_loss(d, f, loss);
	if (loss->last_seq > f->last_seq)
		passed(f, loss->last_seq, loss->last_wall_ns);
}

static void reader_failed(struct delivery *d, const struct errmsg *em)
{
	uint64_t now = delivery_now(d), suppressed;

	journal_reader_close(&d->reader);
	d->reader_wait_until_ns = now + READER_RETRY_NS;
	if (log_limit_pass(&d->reader_log, now, &suppressed))
		log_error("output %s: can't read the journal: %s (%llu more like this)",
			  d->set.output->name, em->text, (unsigned long long)suppressed);
}

/* A journal that was made anew, or lost its unsynced tail with the power, counts from lower than a
 * cursor of before: what is still to come is then what this session wrote. */
static bool is_behind_cursor(struct delivery *d)
{
	uint64_t newest = journal_reader_newest(d->reader), session = d->set.session_first_seq;

	return newest < d->read_seq && session && session - 1 < d->read_seq;
}

static int restart_reader(struct delivery *d, struct errmsg *em)
{
	log_warn(
		"output %s: its cursor (%llu) is ahead of the journal: goes on with this session's "
		"events (from %llu)",
		d->set.output->name, (unsigned long long)d->read_seq,
		(unsigned long long)d->set.session_first_seq);
	journal_reader_close(&d->reader);
	d->read_seq = d->set.session_first_seq - 1;
	d->acked_seq = d->read_seq;
	metric_set(&d->set.metrics->acked_seq, d->acked_seq);
	return journal_reader_open(d->set.journal_directory, d->read_seq, &d->reader, em);
}

static bool open_reader(struct delivery *d)
{
	struct errmsg em = { "" };
	int err;

	if (d->reader)
		return true;
	if (delivery_now(d) < d->reader_wait_until_ns)
		return false;
	err = journal_reader_open(d->set.journal_directory, d->read_seq, &d->reader, &em);
	if (!err && is_behind_cursor(d))
		err = restart_reader(d, &em);
	if (err)
		reader_failed(d, &em);
	return !err;
}

/* False: no more records now, or the batch is full. */
static bool take_next(struct delivery *d, struct flight *f)
{
	struct journal_record record;
	struct journal_loss loss;
	struct errmsg em;

	if (d->drain_seq && d->read_seq >= d->drain_seq) {
		d->is_at_end = true;
		return false;
	}
	switch (journal_reader_next(d->reader, &record, &loss, &em)) {
	case JOURNAL_READ_RECORD:
		d->read_seq = record.seq;
		d->records_left--;
		if (take_record(d, f, &record))
			return true;
		d->spare = record;
		d->has_spare = true;
		return false;
	case JOURNAL_READ_LOSS:
		d->records_left--;
		if (loss.last_seq > d->read_seq)
			d->read_seq = loss.last_seq;
		take_loss(d, f, &loss);
		return true;
	case JOURNAL_READ_END:
		d->is_at_end = true;
		return false;
	case JOURNAL_READ_ERROR:
		reader_failed(d, &em);
		return false;
	}
	return false;
}

static void begin(struct flight *f)
{
	f->state = FLIGHT_FILLING;
	f->counts = (struct flight_counts){ 0 };
	f->last_seq = 0;
	f->is_replay = false;
	f->trace_number = 0;
	f->last_wall_ns = 0;
}

uint64_t flight_due_ns(const struct delivery *d, const struct flight *f)
{
	if (batch_count(f->batch) == 0)
		return DELIVERY_NEVER;
	return d->draining ? 0 : f->begun_ns + d->set.output->batch.max_age_ns;
}

/* Nothing was for this output: the cursor moves without a batch. One that older flights keep the
 * cursor from stays to be filled instead of taking another's place in the window. */
static bool finish_empty(struct delivery *d, struct flight *f)
{
	bool is_bounded = f->counts.skipped >= RUN_RECORDS;

	if (f != delivery_flight(d, 0) || !(d->is_at_end || is_bounded))
		return false;
	flight_is_done(d, f);
	return f->last_seq || f->counts.missed;
}

/* A batch goes out full, or old. */
static bool finish(struct delivery *d, struct flight *f)
{
	if (batch_is_full(f->batch) || d->has_spare || flight_due_ns(d, f) <= delivery_now(d)) {
		flight_is_filled(d, f);
		return true;
	}
	return batch_count(f->batch) == 0 && finish_empty(d, f);
}

/* Dead letters take turns with what the journal has. */
static bool take_replay(struct delivery *d, struct flight *f)
{
	if (!flight_fill_replay(d, f))
		return false;
	d->replayed_last = true;
	flight_is_filled(d, f);
	return true;
}

bool flight_fill(struct delivery *d, struct flight *f)
{
	unsigned int before = d->records_left;

	if (!open_reader(d))
		return f->state == FLIGHT_FILLING && finish(d, f);
	if (f->state == FLIGHT_FREE) {
		if (!flight_take_batch(d, f))
			return false;
		begin(f);
		if (!d->replayed_last && take_replay(d, f))
			return true;
	}
	if (batch_count(f->batch) == 0)
		flight_put_notices(d, f);
	d->is_at_end = false;
	/* A notice may have taken the room that it needs: then it stays for the next. */
	if (d->has_spare)
		d->has_spare = !take_record(d, f, &d->spare);
	while (!d->has_spare && d->records_left && !batch_is_full(f->batch) && take_next(d, f))
		;
	if (batch_count(f->batch) == 0 && take_replay(d, f))
		return true;
	d->replayed_last = false;
	return finish(d, f) || d->records_left != before;
}
