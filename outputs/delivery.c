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
	err = journal_cursor_open(path, &d->cursor, &d->cursor_seq, em);
	if (err)
		return err;
	d->acked_seq = first_position(&d->set, d->cursor_seq);
	d->read_seq = d->acked_seq;
	return 0;
}

static size_t window_of(const struct output_settings *settings)
{
	const struct output_type *type = settings->output_type;
	unsigned int window = type->window_of ? type->window_of(settings) : type->window;

	if (window == 0)
		return 1;
	return window < DELIVERY_WINDOW ? window : DELIVERY_WINDOW;
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
	d->window_size = window_of(settings->output);
	backoff_init(&d->backoff, settings->output->retry.initial_ns,
		     settings->output->retry.max_ns, settings->random, settings->random_ctx);
	err = open_cursor(d, em);
	if (err) {
		errmsg_prefix(em, "output %s", settings->output->name);
		free(d);
		return err;
	}
	metric_set(&settings->metrics->in_flight, 0);
	metric_set(&settings->metrics->acked_seq, d->acked_seq);
	delivery_set_state(d, OUTPUT_STATE_STARTING);
	*delivery_r = d;
	return 0;
}

static bool is_down(enum output_state state)
{
	return state == OUTPUT_STATE_WAITING || state == OUTPUT_STATE_HELD;
}

/* Once per outage, and once when it is over. */
static void log_change(struct delivery *d, enum output_state state)
{
	const char *name = d->set.output->name;
	uint64_t down_s;

	if (state == OUTPUT_STATE_HELD)
		log_error("output %s: held, the configuration is at fault: %s", name,
			  d->error.text);
	else if (state == OUTPUT_STATE_WAITING)
		log_warn("output %s: down, retrying: %s", name, d->error.text);
	else if (state == OUTPUT_STATE_UP && is_down(d->state)) {
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
	struct errmsg em = { "" };

	if (d->out)
		return true;
	if (settings->output_type->open(settings, d->set.base, &d->out, &em) != 0) {
		d->out = NULL;
		d->error = em;
		delivery_lose(d);
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
		struct flight *f = delivery_flight(d, i);

		f->is_settled = false;
		if (f->state == FLIGHT_PENDING)
			flight_take_back(d, f);
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

static void count_flight(struct delivery *d, const struct flight *f)
{
	struct metrics_output *m = d->set.metrics;

	metric_add(&m->delivered, f->counts.delivered);
	metric_add(&m->delivered_bytes, f->counts.bytes);
	metric_add(&m->skipped, f->counts.skipped);
	metric_add(&m->rejected, f->counts.rejected);
	metric_add(&m->missed, f->counts.missed);
	if (f->last_seq > d->acked_seq) {
		d->acked_seq = f->last_seq;
		metric_set(&m->acked_seq, f->last_seq);
		metric_set(&m->acked_wall_ns, f->last_wall_ns);
	}
}

/* The cursor follows the oldest flight: newer ones that are done wait for it. */
static bool retire_flights(struct delivery *d)
{
	bool any = false;

	while (d->window_count && delivery_flight(d, 0)->state == FLIGHT_DONE) {
		count_flight(d, delivery_flight(d, 0));
		if (batch_count(delivery_flight(d, 0)->batch))
			d->retired_ns = delivery_now(d);
		delivery_flight(d, 0)->state = FLIGHT_FREE;
		d->window_head = (d->window_head + 1) % d->window_size;
		d->window_count--;
		any = true;
	}
	return any;
}

static void time_out(struct delivery *d, const char *what)
{
	struct errmsg em;

	errmsg_set(
		&em, "%s for %llu s", what,
		(unsigned long long)(d->set.output->output_type->settle_timeout_ns / NSEC_PER_SEC));
	d->error = em;
	delivery_lose(d);
}

static uint64_t busy_deadline_ns(const struct delivery *d)
{
	uint64_t timeout = d->set.output->output_type->settle_timeout_ns;

	return d->busy_since_ns && timeout ? d->busy_since_ns + timeout : DELIVERY_NEVER;
}

/* What the destination said since the last run, and what it should have said by now. */
static void hear(struct delivery *d)
{
	uint64_t now = delivery_now(d);
	size_t i;

	for (i = 0; i < d->window_count; i++) {
		struct flight *f = delivery_flight(d, i);

		if (f->state != FLIGHT_PENDING)
			continue;
		if (f->is_settled) {
			f->is_settled = false;
			flight_take_verdict(d, f, f->verdict);
		} else if (now >= f->deadline_ns) {
			time_out(d, "no answer");
		}
	}
	if (d->lost_while_idle)
		delivery_lose(d);
	if (now >= busy_deadline_ns(d))
		time_out(d, "not ready");
}

static bool send_flight(struct delivery *d, struct flight *f)
{
	struct batch *part = flight_part(f);
	enum output_verdict verdict;

	d->sends_left--;
	d->error.text[0] = '\0';
	verdict = d->out->type->send(d->out, part);
	if (verdict != OUTPUT_BUSY)
		batch_count_attempt(part);
	flight_take_verdict(d, f, verdict);
	return true;
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
		return send_flight(d, f);
	case FLIGHT_PENDING:
	case FLIGHT_DONE:
		return false;
	}
	return false;
}

static bool step(struct delivery *d)
{
	size_t i, n = d->window_count;
	bool moved = false;

	if (delivery_now(d) < d->wait_until_ns || !open_output(d))
		return false;
	for (i = 0; i < n; i++)
		moved |= move_flight(d, delivery_flight(d, i));
	moved |= retire_flights(d);
	if (d->window_count < d->window_size &&
	    (d->window_count == 0 ||
	     delivery_flight(d, d->window_count - 1)->state != FLIGHT_FILLING)) {
		struct flight *f = delivery_flight(d, d->window_count);

		if (move_flight(d, f))
			moved = true;
		if (f->state != FLIGHT_FREE)
			d->window_count++;
		retire_flights(d);
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

static bool can_fill(struct delivery *d)
{
	return d->window_count < d->window_size ||
	       delivery_flight(d, d->window_count - 1)->state == FLIGHT_FILLING;
}

/* When there is something to read or to tell. */
static uint64_t fill_deadline_ns(struct delivery *d)
{
	if (!can_fill(d))
		return DELIVERY_NEVER;
	if (!d->reader)
		return d->reader_wait_until_ns;
	if (!d->is_at_end)
		return 0; /* stopped by the bound on one run's work */
	return delivery_owes_notice(d) && d->window_count == 0 ? d->notice_due_ns : DELIVERY_NEVER;
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

static uint64_t events_in_flight(struct delivery *d)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < d->window_count; i++)
		n += batch_count(delivery_flight(d, i)->batch);
	return n;
}

/* Batches keep their memory from one to the next, but not through a rest. */
static void release_batches(struct delivery *d)
{
	size_t i;

	if (!d->retired_ns || d->window_count || delivery_now(d) < d->retired_ns + REST_NS)
		return;
	d->retired_ns = 0;
	for (i = 0; i < d->window_size; i++)
		batch_unref(&d->window[i].batch);
}

uint64_t delivery_run(struct delivery *d)
{
	d->records_left = RUN_RECORDS;
	d->sends_left = RUN_SENDS;
	hear(d);
	retire_flights(d);
	while (step(d))
		;
	metric_set(&d->set.metrics->in_flight, events_in_flight(d));
	if (delivery_now(d) >= d->cursor_written_ns + CURSOR_INTERVAL_NS)
		write_cursor(d, false);
	release_batches(d);
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
	size_t i;

	*delivery = NULL;
	if (!d)
		return;
	delivery_close_output(d);
	delivery_set_state(d, OUTPUT_STATE_CLOSED);
	write_cursor(d, true);
	for (i = 0; i < DELIVERY_WINDOW; i++) {
		while (d->window[i].part_count)
			batch_unref(&d->window[i].parts[--d->window[i].part_count]);
		batch_unref(&d->window[i].batch);
	}
	journal_reader_close(&d->reader);
	journal_cursor_close(&d->cursor);
	dead_letters_free(&d->letters);
	loss_notice_free(&d->notice);
	free(d);
}

void output_settled(struct output *out, struct batch *batch, enum output_verdict verdict,
		    const struct errmsg *em)
{
	struct delivery *d = out->delivery;
	size_t i;

	if (em)
		d->error = *em;
	if (!batch)
		d->lost_while_idle = true;
	for (i = 0; batch && i < d->window_count; i++) {
		struct flight *f = delivery_flight(d, i);

		if (f->state == FLIGHT_PENDING && flight_part(f) == batch) {
			f->is_settled = true;
			f->verdict = verdict;
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
	out->delivery->error = *em;
}

void output_wait(struct output *out, uint64_t wait_ns)
{
	out->delivery->peer_wait_ns = wait_ns < PEER_WAIT_MAX_NS ? wait_ns : PEER_WAIT_MAX_NS;
}
