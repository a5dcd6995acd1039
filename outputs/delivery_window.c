/* outputs/delivery_window.c: the batches that are on their way at once, from the one that is filled
 * to the oldest that is not settled, and the memory they use. */
#include "outputs/delivery_internal.h"

#include <errno.h>

static size_t window_of(const struct output_settings *settings)
{
	const struct output_type *type = settings->output_type;
	unsigned int window = type->window_of ? type->window_of(settings) : type->window;

	if (window == 0)
		return 1;
	return window < DELIVERY_WINDOW ? window : DELIVERY_WINDOW;
}

int delivery_window_create(struct delivery *d)
{
	d->window_size = window_of(d->set.output);
	d->window = calloc(d->window_size, sizeof(*d->window));
	return d->window ? 0 : -ENOMEM;
}

void delivery_window_free(struct delivery *d)
{
	size_t i;

	for (i = 0; d->window && i < d->window_size; i++) {
		struct flight *f = &d->window[i];

		while (f->part_count)
			batch_unref(&f->parts[--f->part_count]);
		batch_unref(&f->batch);
	}
	while (d->spare_count)
		batch_unref(&d->spares[--d->spare_count]);
	free(d->window);
	d->window = NULL;
}

bool flight_take_batch(struct delivery *d, struct flight *f)
{
	const struct output_settings *set = d->set.output;

	if (d->spare_count) {
		f->batch = d->spares[--d->spare_count];
		return true;
	}
	f->batch = batch_create(set->batch.max_events, set->batch.max_bytes);
	if (f->batch && set->output_type->room_of)
		batch_set_room(f->batch, set->output_type->room_of(set));
	return f->batch;
}

void flight_is_filled(struct delivery *d, struct flight *f)
{
	f->parts[0] = f->batch;
	batch_ref(f->batch);
	f->part_count = 1;
	f->state = FLIGHT_QUEUED;
	if (d->spare_count < d->spare_low)
		d->spare_low = d->spare_count;
}

void flight_is_done(struct delivery *d, struct flight *f)
{
	f->state = FLIGHT_DONE;
	/* One that the destination still holds is the destination's to free. */
	if (batch_reset(f->batch))
		d->spares[d->spare_count++] = f->batch;
	else
		batch_unref(&f->batch);
	f->batch = NULL;
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

bool delivery_retire_flights(struct delivery *d)
{
	bool any = false;

	while (d->window_count && delivery_flight(d, 0)->state == FLIGHT_DONE) {
		count_flight(d, delivery_flight(d, 0));
		delivery_flight(d, 0)->state = FLIGHT_FREE;
		delivery_flight(d, 0)->is_replay = false;
		d->window_head = (d->window_head + 1) % d->window_size;
		d->window_count--;
		any = true;
	}
	return any;
}

uint64_t delivery_events_in_flight(struct delivery *d)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < d->window_count; i++)
		if (delivery_flight(d, i)->batch)
			n += batch_count(delivery_flight(d, i)->batch);
	return n;
}

void delivery_release_spares(struct delivery *d)
{
	uint64_t now = delivery_now(d);

	if (now < d->spares_looked_at_ns + REST_NS)
		return;
	while (d->spare_low && d->spare_count) {
		batch_unref(&d->spares[--d->spare_count]);
		d->spare_low--;
	}
	d->spare_low = d->spare_count;
	d->spares_looked_at_ns = now;
}
