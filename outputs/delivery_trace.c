/* outputs/delivery_trace.c: the last batches that went out, on the metrics board: what `weir trace`
 * says when an event was sent, and when acknowledged. */
#include "outputs/delivery_internal.h"

/* The board outlives the forwarder: numbers go on. */
void delivery_trace_begin(struct delivery *d)
{
	for (size_t i = 0; i < METRICS_RECENT_BATCHES; i++) {
		uint64_t number = metric_get(&d->set.metrics->recent[i].number);

		if (number > d->trace_number)
			d->trace_number = number;
	}
}

static struct metrics_batch *batch_of(struct delivery *d, const struct flight *f)
{
	return &d->set.metrics->recent[f->trace_number % METRICS_RECENT_BATCHES];
}

/* Its place may be a newer batch's by now. */
static bool is_traced(struct delivery *d, const struct flight *f)
{
	return f->trace_number && metric_get(&batch_of(d, f)->number) == f->trace_number;
}

static void begin_batch(struct delivery *d, struct flight *f)
{
	size_t n = batch_count(f->batch);
	struct metrics_batch *traced;

	f->trace_number = ++d->trace_number;
	traced = batch_of(d, f);
	metric_set(&traced->number, 0);
	atomic_thread_fence(memory_order_release);
	metric_set(&traced->first_seq, batch_event_at(f->batch, 0)->seq);
	metric_set(&traced->last_seq, batch_event_at(f->batch, n - 1)->seq);
	metric_set(&traced->attempts, 0);
	metric_set(&traced->sent_wall_ns, 0);
	metric_set(&traced->settled_wall_ns, 0);
	atomic_store_explicit(&traced->number, f->trace_number, memory_order_release);
}

void flight_trace_sent(struct delivery *d, struct flight *f)
{
	if (f->is_replay)
		return;
	if (!f->trace_number)
		begin_batch(d, f);
	if (!is_traced(d, f))
		return;
	metric_add(&batch_of(d, f)->attempts, 1);
	metric_set(&batch_of(d, f)->sent_wall_ns, clock_wall_ns(d->set.clock));
}

void flight_trace_settled(struct delivery *d, const struct flight *f)
{
	if (is_traced(d, f))
		metric_set(&batch_of(d, f)->settled_wall_ns, clock_wall_ns(d->set.clock));
}
