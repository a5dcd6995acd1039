/* outputs/delivery_verdict.c: what a destination's verdict means for its batch: the one place
 * where verdicts become policy. */
#include "outputs/delivery_internal.h"

#include <errno.h>

struct dead_letters *delivery_letters(struct delivery *d)
{
	if (!d->letters)
		d->letters = dead_letters_create(d->set.state_directory, d->set.output->name,
						 d->set.output->dead_letters.max_bytes);
	return d->letters;
}

void delivery_bury(struct delivery *d, const struct dead_letter *letter)
{
	uint64_t suppressed, removed = 0;
	struct errmsg em = { "" };
	int err = -ENOMEM;

	if (delivery_letters(d)) {
		removed = dead_letters_removed(d->letters);
		err = dead_letters_append(d->letters, letter, &em);
		removed = dead_letters_removed(d->letters) - removed;
	}
	if (!err && !removed)
		return;
	if (!log_limit_pass(&d->letter_log, delivery_now(d), &suppressed))
		return;
	if (err)
		log_error("output %s: event %.*s was refused and is not in the dead letters: %s "
			  "(%llu more like this)",
			  d->set.output->name, STR_FMT(letter->id), em.text,
			  (unsigned long long)suppressed);
	else
		log_warn("output %s: the oldest dead letters were removed to stay below "
			 "dead_letters.max_bytes (%llu times more)",
			 d->set.output->name, (unsigned long long)suppressed);
}

static struct str peer_words(const struct answer *answer)
{
	return answer->em.text[0] ? str_of(answer->em.text) : STR("refused");
}

static void bury_event(struct delivery *d, struct batch *part, size_t i,
		       const struct answer *answer)
{
	const struct batch_event *event = batch_event_at(part, i);
	struct str reason = batch_reason(part, i);
	char id[EVENT_ID_BYTES];
	struct buf id_buf = buf_fixed(id, sizeof(id));
	struct dead_letter letter = {
		.time_wall_ns = clock_wall_ns(d->set.clock),
		.seq = event->notice ? 0 : event->seq,
		.output = str_of(d->set.output->name),
		.reason = reason.n ? reason : peer_words(answer),
		.attempts = batch_attempts(part),
		.event = batch_json(part, i),
	};

	batch_write_id(part, i, &id_buf);
	letter.id = buf_str(&id_buf);
	delivery_bury(d, &letter);
}

void flight_count_rejected(struct delivery *d, struct flight *f, uint64_t seq, uint64_t wall_ns)
{
	const struct journal_loss loss = { .cause = LOSS_REJECTED,
					   .first_seq = seq,
					   .last_seq = seq,
					   .count = 1,
					   .first_wall_ns = wall_ns,
					   .last_wall_ns = wall_ns };

	f->counts.rejected++;
	delivery_owe_notice(d, &loss);
}

/* A notice is not one of the journal's events: it is in no count. A dead letter is in one already.
 */
static void count_event(struct delivery *d, struct flight *f, struct batch *part, size_t i)
{
	const struct batch_event *event = batch_event_at(part, i);
	const struct journal_loss *notice = batch_notice(part, i);
	bool is_sent = event->verdict == VERDICT_SENT;

	if (f->is_replay) {
		if (is_sent)
			flight_replayed(d, part, i);
	} else if (notice && !is_sent) {
		delivery_notice_was_refused(d, notice);
	} else if (!notice && !is_sent) {
		flight_count_rejected(d, f, event->seq, event->time_wall_ns);
	} else if (!notice) {
		f->counts.delivered++;
		f->counts.bytes += event->bytes;
	}
}

/* Gives events without a verdict of their own `rest`. Returns how many are not settled. */
static size_t apply_rest(struct batch *part, enum batch_event_verdict rest)
{
	size_t i, left = 0;

	for (i = 0; i < batch_count(part); i++) {
		struct batch_event *event = batch_event_at(part, i);

		if (event->verdict == VERDICT_BATCH)
			event->verdict = rest;
		left += event->verdict == VERDICT_RETRY;
	}
	return left;
}

/* Counts and buries what is settled in the top part; what is not stays to be sent. */
static void settle_part(struct delivery *d, struct flight *f, enum batch_event_verdict rest,
			const struct answer *answer)
{
	struct batch *part = flight_part(f), *remaining = NULL;
	size_t i, left = apply_rest(part, rest);

	if (left == batch_count(part)) {
		for (i = 0; i < left; i++)
			batch_event_at(part, i)->verdict = VERDICT_BATCH;
		return;
	}
	if (left) {
		remaining = batch_part(part, 0, batch_count(part));
		if (!remaining) { /* no memory: all of it again, nothing is counted yet */
			for (i = 0; i < batch_count(part); i++)
				batch_event_at(part, i)->verdict = VERDICT_BATCH;
			return;
		}
	}
	for (i = 0; i < batch_count(part); i++) {
		if (batch_event_at(part, i)->verdict == VERDICT_RETRY)
			continue;
		if (batch_event_at(part, i)->verdict == VERDICT_REFUSED)
			bury_event(d, part, i, answer);
		count_event(d, f, part, i);
	}
	batch_unref(&f->parts[f->part_count - 1]);
	if (remaining)
		f->parts[f->part_count - 1] = remaining;
	else
		f->part_count--;
}

static bool has_event_verdicts(struct batch *part)
{
	size_t i;

	for (i = 0; i < batch_count(part); i++)
		if (batch_event_at(part, i)->verdict != VERDICT_BATCH)
			return true;
	return false;
}

/* The peer said no to the whole without saying to which: the halves will tell. */
static bool bisect(struct flight *f)
{
	struct batch *part = flight_part(f), *second, *first;
	size_t n = batch_count(part);

	first = batch_part(part, 0, n / 2);
	second = batch_part(part, n / 2, n - n / 2);
	if (!first || !second || f->part_count == FLIGHT_PARTS) {
		batch_unref(&first);
		batch_unref(&second);
		return false;
	}
	batch_unref(&f->parts[f->part_count - 1]);
	f->parts[f->part_count - 1] = second;
	f->parts[f->part_count++] = first;
	return true;
}

/* Not before our own backoff says so, nor before the peer asked for it. */
static void wait_before_retry(struct delivery *d, uint64_t wait_ns, const struct answer *answer)
{
	uint64_t until;

	if (wait_ns < answer->wait_ns)
		wait_ns = answer->wait_ns;
	until = delivery_now(d) + wait_ns;
	if (until <= d->wait_until_ns)
		return;
	d->wait_until_ns = until;
	metric_set(&d->set.metrics->retry_wall_ns, clock_wall_ns(d->set.clock) + wait_ns);
}

/* Several batches that were on their way together may fail of one cause: only the first is a
 * failure in the row that the backoff counts. True: this is the first. */
static bool begin_round(struct delivery *d, uint64_t round)
{
	if (round != d->round)
		return false;
	d->round++;
	return true;
}

static void say_why(struct delivery *d, const struct answer *answer, const char *otherwise)
{
	if (answer->em.text[0])
		d->error = answer->em;
	else
		errmsg_set(&d->error, "%s", otherwise);
}

static void retry_later(struct delivery *d, uint64_t round, const struct answer *answer)
{
	bool is_first = begin_round(d, round);

	metric_add(&d->set.metrics->retries, 1);
	wait_before_retry(d, is_first ? backoff_next(&d->backoff) : 0, answer);
	if (!is_first && d->state == OUTPUT_STATE_HELD)
		return; /* what came with it needs a person */
	say_why(d, answer, "the peer wants it again later");
	delivery_set_state(d, OUTPUT_STATE_WAITING);
}

static void hold(struct delivery *d, uint64_t round, const struct answer *answer)
{
	begin_round(d, round);
	metric_add(&d->set.metrics->retries, 1);
	wait_before_retry(d, HELD_RETRY_NS, answer);
	say_why(d, answer, "it didn't say why");
	delivery_set_state(d, OUTPUT_STATE_HELD);
}

static void take_sent(struct delivery *d, struct flight *f, const struct answer *answer)
{
	size_t parts = f->part_count;

	settle_part(d, f, VERDICT_SENT, answer);
	if (f->part_count == parts) { /* it took some and wants the others later */
		retry_later(d, f->round, answer);
		return;
	}
	metric_add(&d->set.metrics->batches, 1);
	if (d->busy_since_ns)
		d->busy_since_ns = delivery_now(d); /* it moves */
	if (f->round != d->round)
		return; /* sent before the failure that is waited for */
	backoff_reset(&d->backoff);
	delivery_set_state(d, OUTPUT_STATE_UP);
}

static void take_refused(struct delivery *d, struct flight *f, const struct answer *answer)
{
	struct batch *part = flight_part(f);

	if (has_event_verdicts(part)) {
		size_t before = batch_count(part);

		settle_part(d, f, VERDICT_RETRY, answer);
		if (f->part_count && batch_count(flight_part(f)) == before)
			retry_later(d, f->round, answer); /* it said no to none */
	} else if (batch_count(part) == 1) {
		settle_part(d, f, VERDICT_REFUSED, answer);
	} else if (!bisect(f)) {
		retry_later(d, f->round, answer);
	}
}

void delivery_lose(struct delivery *d, uint64_t round, const struct answer *why)
{
	struct answer lost = *why;

	if (!lost.em.text[0])
		errmsg_set(&lost.em, "the peer is gone");
	delivery_close_output(d);
	retry_later(d, round, &lost);
}

static void finish(struct delivery *d, struct flight *f)
{
	flight_trace_settled(d, f);
	flight_is_done(d, f);
}

void flight_take_back(struct delivery *d, struct flight *f)
{
	bool is_sent = f->is_settled && f->answer.verdict == OUTPUT_SENT;
	const struct answer *answer = &f->answer;

	settle_part(d, f, is_sent ? VERDICT_SENT : VERDICT_RETRY, answer);
	f->is_settled = false;
	f->state = FLIGHT_QUEUED;
	if (f->part_count == 0)
		finish(d, f);
}

void flight_take_verdict(struct delivery *d, struct flight *f, const struct answer *answer)
{
	uint64_t timeout = d->set.output->output_type->settle_timeout_ns;

	f->state = FLIGHT_QUEUED;
	switch (answer->verdict) {
	case OUTPUT_SENT:
		take_sent(d, f, answer);
		break;
	case OUTPUT_PENDING:
		f->state = FLIGHT_PENDING;
		f->deadline_ns = timeout ? delivery_now(d) + timeout : DELIVERY_NEVER;
		break;
	case OUTPUT_BUSY:
		d->busy_since_ns = delivery_now(d) ? delivery_now(d) : 1;
		break;
	case OUTPUT_LATER:
		settle_part(d, f, VERDICT_RETRY, answer);
		retry_later(d, f->round, answer);
		break;
	case OUTPUT_LOST:
		settle_part(d, f, VERDICT_RETRY, answer);
		delivery_lose(d, f->round, answer);
		break;
	case OUTPUT_REFUSED:
		take_refused(d, f, answer);
		break;
	case OUTPUT_HELD:
		settle_part(d, f, VERDICT_RETRY, answer);
		hold(d, f->round, answer);
		break;
	}
	if (f->part_count == 0)
		finish(d, f);
}
