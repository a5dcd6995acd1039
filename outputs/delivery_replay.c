/* outputs/delivery_replay.c: dead letters that a person wants sent again. They go out in batches of
 * their own, one at a time, between those of the journal; the cursor and the output's books, in
 * which they are rejected, stay as they are. */
#include "outputs/delivery_internal.h"

#define LOOK_INTERVAL_NS NSEC_PER_SEC

static bool is_under_way(struct delivery *d)
{
	size_t i;

	for (i = 0; i < d->window_count; i++)
		if (delivery_flight(d, i)->is_replay)
			return true;
	return false;
}

static bool has_request(struct delivery *d)
{
	uint64_t now = delivery_now(d);

	if (d->replay)
		return true;
	if (now < d->replay_looked_at_ns + LOOK_INTERVAL_NS)
		return false;
	d->replay_looked_at_ns = now;
	d->replay = replay_request_open(d->set.state_directory, d->set.output->name);
	d->has_replay_spare = false;
	if (d->replay)
		log_info("output %s: sends dead letters again", d->set.output->name);
	return d->replay;
}

/* What the format can't say is no more sendable than before: its letter stays. */
static void fill(struct delivery *d, struct flight *f)
{
	if (!d->has_replay_spare)
		d->has_replay_spare = replay_request_next(d->replay, &d->replay_spare);
	while (d->has_replay_spare && d->records_left) {
		int err = batch_add(f->batch, &d->replay_spare, d->set.output->formatter);

		if (batch_count(f->batch) && (err == -ENOSPC || err == -ENOMEM))
			return;
		d->records_left--;
		d->has_replay_spare = replay_request_next(d->replay, &d->replay_spare);
	}
}

bool flight_fill_replay(struct delivery *d, struct flight *f)
{
	if (d->draining || is_under_way(d) || !has_request(d))
		return false;
	fill(d, f);
	if (batch_count(f->batch)) {
		f->is_replay = true;
		return true;
	}
	if (!d->has_replay_spare) {
		log_info("output %s: has sent the dead letters again", d->set.output->name);
		replay_request_close(&d->replay, true);
	}
	return false;
}

void flight_replayed(struct delivery *d, struct batch *part, size_t i)
{
	struct dead_letters *letters = delivery_letters(d);
	struct buf id = buf_fixed((char[EVENT_ID_BYTES]){ 0 }, EVENT_ID_BYTES);
	struct errmsg em = { "no memory" };
	uint64_t suppressed;

	batch_write_id(part, i, &id);
	metric_add(&d->set.metrics->replayed, 1);
	if (letters &&
	    dead_letters_remove(letters, buf_str(&id), clock_wall_ns(d->set.clock), &em) == 0)
		return;
	if (log_limit_pass(&d->letter_log, delivery_now(d), &suppressed))
		log_error("output %s: the dead letter of event %.*s was acknowledged and is still "
			  "there: %s (%llu more like this)",
			  d->set.output->name, STR_FMT(buf_str(&id)), em.text,
			  (unsigned long long)suppressed);
}
