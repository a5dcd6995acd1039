#include "outputs/delivery_internal.h"

#include <errno.h>
#include <limits.h>

/* Who asks for `now` skips what was before this session; who resumes goes on behind the cursor. */
static uint64_t first_position(const struct delivery_settings *set, uint64_t cursor_seq)
{
	uint64_t before_session = set->session_first_seq ? set->session_first_seq - 1 : 0;
	uint64_t acked = metric_get(&set->metrics->acked_seq);

	/* The board outlives a crash of the forwarder and is newer than the file then. */
	if (acked > cursor_seq)
		cursor_seq = acked;
	if (set->output->start == OUTPUT_START_NOW && cursor_seq < before_session)
		return before_session;
	return cursor_seq;
}

static int open_cursor(struct delivery *d, struct errmsg *em)
{
	char path[PATH_MAX];
	int err, n = snprintf(path, sizeof(path), "%s/%s.cursor", d->set.state_directory,
			      d->set.output->name);

	if (n >= (int)sizeof(path)) {
		errmsg_set(em, "the path of the cursor is too long");
		return -ENAMETOOLONG;
	}
	em->text[0] = '\0';
	err = journal_cursor_open(path, &d->cursor, &d->cursor_seq, em);
	if (err)
		return err;
	if (em->text[0])
		log_warn("output %s: begins anew, events may go out again: %s", d->set.output->name,
			 em->text);
	d->acked_seq = first_position(&d->set, d->cursor_seq);
	d->read_seq = d->acked_seq;
	return 0;
}

int delivery_create(const struct delivery_settings *settings, struct delivery **delivery_r,
		    struct errmsg *em)
{
	struct delivery *d = calloc(1, sizeof(*d));
	int err;

	*delivery_r = NULL;
	if (!d) {
		errmsg_set(em, "no memory");
		return -ENOMEM;
	}
	d->set = *settings;
	backoff_init(&d->backoff, settings->output->retry.initial_ns,
		     settings->output->retry.max_ns, settings->random, settings->random_ctx);
	err = delivery_window_create(d);
	if (err)
		errmsg_set(em, "no memory");
	else
		err = open_cursor(d, em);
	if (err) {
		errmsg_prefix(em, "output %s", settings->output->name);
		delivery_window_free(d);
		free(d);
		return err;
	}
	metric_set(&settings->metrics->in_flight, 0);
	metric_set(&settings->metrics->window, d->window_size);
	delivery_trace_begin(d);
	metric_set(&settings->metrics->acked_seq, d->acked_seq);
	delivery_set_state(d, OUTPUT_STATE_STARTING);
	*delivery_r = d;
	return 0;
}

static bool is_down(enum output_state state)
{
	return state == OUTPUT_STATE_WAITING || state == OUTPUT_STATE_HELD;
}

/* Of outages that follow each other within a minute (a receiver that throttles now and then) the
 * first is told, its end too, and how many came after it. */
static void log_outage(struct delivery *d)
{
	uint64_t suppressed;

	d->outage_is_told = log_limit_pass(&d->outage_log, delivery_now(d), &suppressed);
	if (d->outage_is_told && suppressed)
		log_warn("output %s: down, retrying: %s (%llu more since the last line)",
			 d->set.output->name, d->error.text, (unsigned long long)suppressed);
	else if (d->outage_is_told)
		log_warn("output %s: down, retrying: %s", d->set.output->name, d->error.text);
}

static void log_change(struct delivery *d, enum output_state state)
{
	const char *name = d->set.output->name;
	uint64_t down_s;

	if (state == OUTPUT_STATE_HELD) {
		d->outage_is_told = true;
		log_error("output %s: held, the configuration is at fault: %s", name,
			  d->error.text);
	} else if (state == OUTPUT_STATE_WAITING) {
		log_outage(d);
	} else if (state == OUTPUT_STATE_UP && is_down(d->state) && d->outage_is_told) {
		down_s = (delivery_now(d) - d->down_since_ns) / NSEC_PER_SEC;
		log_info("output %s: up again after %llu s", name, (unsigned long long)down_s);
	}
}

void delivery_set_state(struct delivery *d, enum output_state state)
{
	if (is_down(state))
		metrics_output_error(d->set.metrics, clock_wall_ns(d->set.clock),
				     str_of(d->error.text));
	if (state != d->state) {
		log_change(d, state);
		if (is_down(state) && !is_down(d->state))
			d->down_since_ns = delivery_now(d);
	}
	d->state = state;
	metric_set(&d->set.metrics->state, state);
}

static bool has_queued(struct delivery *d)
{
	size_t i;

	for (i = 0; i < d->window_count; i++)
		if (delivery_flight(d, i)->state == FLIGHT_QUEUED)
			return true;
	return false;
}

static bool open_output(struct delivery *d)
{
	const struct output_settings *settings = d->set.output;
	struct answer why = { .verdict = OUTPUT_LOST };

	if (d->out)
		return true;
	if (settings->output_type->open(settings, d->set.base, &d->out, &why.em) != 0) {
		d->out = NULL;
		delivery_lose(d, d->round, &why);
		return false;
	}
	d->out->type = settings->output_type;
	d->out->name = settings->name;
	d->out->delivery = d;
	if (d->was_open)
		metric_add(&d->set.metrics->reconnects, 1);
	d->was_open = true;
	/* With something to send, the outage ends when that went out. */
	if (!is_down(d->state) || !has_queued(d))
		delivery_set_state(d, OUTPUT_STATE_UP);
	return true;
}

/* What was in flight is the delivery's again. */
void delivery_close_output(struct delivery *d)
{
	size_t i;

	if (d->out)
		d->out->type->close(&d->out);
	d->out = NULL;
	d->busy_since_ns = 0;
	d->lost_while_idle = false;
	for (i = 0; i < d->window_count; i++) {
		if (delivery_flight(d, i)->state == FLIGHT_PENDING)
			flight_take_back(d, delivery_flight(d, i));
	}
}

static void write_cursor(struct delivery *d, bool sync)
{
	uint64_t suppressed, now = delivery_now(d);
	int err;

	if (d->cursor_seq == d->acked_seq && !sync)
		return;
	d->cursor_written_ns = now;
	err = journal_cursor_set(d->cursor, d->acked_seq, sync);
	if (!err)
		d->cursor_seq = d->acked_seq;
	else if (log_limit_pass(&d->reader_log, now, &suppressed))
		log_error("output %s: can't write the cursor: %s (%llu more like this)",
			  d->set.output->name, strerror(-err), (unsigned long long)suppressed);
}

static void time_out(struct delivery *d, uint64_t round, const char *what)
{
	uint64_t timeout_ns = d->set.output->output_type->settle_timeout_ns;
	struct answer why = { .verdict = OUTPUT_LOST };

	errmsg_set(&why.em, "%s for %llu s", what, (unsigned long long)(timeout_ns / NSEC_PER_SEC));
	delivery_lose(d, round, &why);
}

static uint64_t busy_deadline_ns(const struct delivery *d)
{
	uint64_t timeout = d->set.output->output_type->settle_timeout_ns;

	return d->busy_since_ns && timeout ? d->busy_since_ns + timeout : DELIVERY_NEVER;
}

static void hear_answers(struct delivery *d, bool of_loss)
{
	size_t i;

	for (i = 0; i < d->window_count; i++) {
		struct flight *f = delivery_flight(d, i);

		if (f->state == FLIGHT_PENDING && f->is_settled &&
		    (f->answer.verdict == OUTPUT_LOST) == of_loss)
			flight_take_verdict(d, f, &f->answer);
	}
}

/* What the destination said since the last run, and what it should have said by now. What arrived
 * before the peer went away counts; only then is the rest taken back. */
static void hear(struct delivery *d)
{
	const struct answer idle = { .verdict = OUTPUT_LOST, .em = d->error };
	uint64_t now = delivery_now(d);
	size_t i;

	hear_answers(d, false);
	hear_answers(d, true);
	for (i = 0; i < d->window_count; i++) {
		struct flight *f = delivery_flight(d, i);

		if (f->state == FLIGHT_PENDING && now >= f->deadline_ns)
			time_out(d, f->round, "no answer");
	}
	if (d->lost_while_idle)
		delivery_lose(d, d->round, &idle);
	if (now >= busy_deadline_ns(d))
		time_out(d, d->round, "not ready");
}

static void send_flight(struct delivery *d, struct flight *f)
{
	struct batch *part = flight_part(f);
	struct answer answer;

	d->sends_left--;
	d->said = (struct answer){ 0 };
	f->round = d->round;
	f->is_settled = false;
	f->state = FLIGHT_PENDING; /* it may settle before send() returns */
	d->said.verdict = d->out->type->send(d->out, part);
	if (d->said.verdict != OUTPUT_BUSY) {
		batch_count_attempt(part);
		flight_trace_sent(d, f);
	}
	answer = d->said;
	flight_take_verdict(d, f, &answer);
}

/* One move of one flight; false when it can't make any now. */
static bool move_flight(struct delivery *d, struct flight *f)
{
	switch (f->state) {
	case FLIGHT_FREE:
	case FLIGHT_FILLING:
		return d->records_left && flight_fill(d, f);
	case FLIGHT_QUEUED:
		if (!d->out || d->busy_since_ns || d->sends_left == 0 ||
		    delivery_now(d) < d->wait_until_ns)
			return false;
		send_flight(d, f);
		return true;
	case FLIGHT_PENDING:
	case FLIGHT_DONE:
		return false;
	}
	return false;
}

/* The flight that takes records; NULL: none does. */
static struct flight *filling_flight(struct delivery *d)
{
	struct flight *newest;

	if (d->window_count == 0)
		return NULL;
	newest = delivery_flight(d, d->window_count - 1);
	return newest->state == FLIGHT_FILLING ? newest : NULL;
}

static bool step(struct delivery *d)
{
	size_t i, n = d->window_count;
	bool moved = false;

	if (delivery_now(d) < d->wait_until_ns || !open_output(d))
		return false;
	for (i = 0; i < n; i++)
		moved |= move_flight(d, delivery_flight(d, i));
	moved |= delivery_retire_flights(d);
	if (d->window_count < d->window_size && !filling_flight(d)) {
		struct flight *f = delivery_flight(d, d->window_count);

		if (move_flight(d, f))
			moved = true;
		if (f->state != FLIGHT_FREE)
			d->window_count++;
		delivery_retire_flights(d);
	}
	return moved && d->records_left && d->sends_left;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t flight_deadline_ns(const struct delivery *d, const struct flight *f)
{
	switch (f->state) {
	case FLIGHT_FILLING:
		return delivery_now(d) < d->wait_until_ns ? DELIVERY_NEVER : flight_due_ns(d, f);
	case FLIGHT_PENDING:
		return f->deadline_ns;
	case FLIGHT_QUEUED: /* unless it waits for something that has its own deadline */
		return d->busy_since_ns || delivery_now(d) < d->wait_until_ns ? DELIVERY_NEVER : 0;
	case FLIGHT_FREE:
	case FLIGHT_DONE:
		break;
	}
	return DELIVERY_NEVER;
}

/* When there is something to read or to tell. */
static uint64_t fill_deadline_ns(struct delivery *d)
{
	const struct flight *f = filling_flight(d);

	if (d->window_count == d->window_size && !f)
		return DELIVERY_NEVER;
	if (!d->reader)
		return d->reader_wait_until_ns;
	if (!d->is_at_end)
		return 0; /* stopped by the bound on one run's work */
	if (!delivery_owes_notice(d) || (f && batch_count(f->batch)))
		return DELIVERY_NEVER; /* or with the batch after the one that fills */
	return d->notice_due_ns;
}

static uint64_t next_run_ns(struct delivery *d)
{
	uint64_t now = delivery_now(d), next = busy_deadline_ns(d);
	size_t i;

	next = earlier(next, now < d->wait_until_ns ? d->wait_until_ns : fill_deadline_ns(d));
	if (d->cursor_seq != d->acked_seq)
		next = earlier(next, d->cursor_written_ns + CURSOR_INTERVAL_NS);
	for (i = 0; i < d->window_count; i++)
		next = earlier(next, flight_deadline_ns(d, delivery_flight(d, i)));
	return next;
}

uint64_t delivery_run(struct delivery *d)
{
	d->records_left = RUN_RECORDS;
	d->sends_left = RUN_SENDS;
	hear(d);
	delivery_retire_flights(d);
	while (step(d))
		;
	metric_set(&d->set.metrics->in_flight, delivery_events_in_flight(d));
	metric_set(&d->set.metrics->window_used, d->window_count);
	if (delivery_now(d) >= d->cursor_written_ns + CURSOR_INTERVAL_NS)
		write_cursor(d, false);
	delivery_release_spares(d);
	return next_run_ns(d);
}

void delivery_reopen(struct delivery *d)
{
	if (d->out && d->out->type->reopen)
		d->out->type->reopen(d->out);
}

void delivery_drain(struct delivery *d, uint64_t last_seq)
{
	d->draining = true;
	d->drain_seq = last_seq;
	d->is_at_end = false; /* until the reader has said so again */
}

bool delivery_is_drained(const struct delivery *d)
{
	return d->draining && d->window_count == 0 && d->is_at_end && !delivery_owes_notice(d) &&
	       d->acked_seq >= d->drain_seq;
}

void delivery_free(struct delivery **delivery)
{
	struct delivery *d = *delivery;

	*delivery = NULL;
	if (!d)
		return;
	delivery_close_output(d);
	delivery_set_state(d, OUTPUT_STATE_CLOSED);
	write_cursor(d, true);
	delivery_window_free(d);
	journal_reader_close(&d->reader);
	journal_cursor_close(&d->cursor);
	dead_letters_free(&d->letters);
	replay_request_close(&d->replay, false);
	loss_notice_free(&d->notice);
	free(d);
}

/* What was said with output_error() and output_wait() goes with this verdict. */
static struct answer take_answer(struct delivery *d, enum output_verdict verdict,
				 const struct errmsg *em)
{
	struct answer answer = d->said;

	d->said = (struct answer){ 0 };
	answer.verdict = verdict;
	if (em)
		answer.em = *em;
	return answer;
}

void output_settled(struct output *out, struct batch *batch, enum output_verdict verdict,
		    const struct errmsg *em)
{
	struct delivery *d = out->delivery;
	struct answer answer = take_answer(d, verdict, em);
	size_t i;

	if (!batch) {
		d->lost_while_idle = true;
		d->error = answer.em;
	}
	for (i = 0; batch && i < d->window_count; i++) {
		struct flight *f = delivery_flight(d, i);

		if (f->state == FLIGHT_PENDING && flight_part(f) == batch) {
			f->is_settled = true;
			f->answer = answer;
		}
	}
	d->set.wake(d->set.wake_ctx);
}

void output_ready(struct output *out)
{
	out->delivery->busy_since_ns = 0;
	out->delivery->set.wake(out->delivery->set.wake_ctx);
}

void output_stalled(struct output *out, enum output_verdict verdict, const struct errmsg *em)
{
	struct delivery *d = out->delivery;

	d->error = *em;
	delivery_set_state(d, verdict == OUTPUT_HELD ? OUTPUT_STATE_HELD : OUTPUT_STATE_WAITING);
}

void output_error(struct output *out, const struct errmsg *em)
{
	out->delivery->said.em = *em;
}

void output_wait(struct output *out, uint64_t wait_ns)
{
	out->delivery->said.wait_ns = wait_ns < PEER_WAIT_MAX_NS ? wait_ns : PEER_WAIT_MAX_NS;
}
