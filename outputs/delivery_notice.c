/* outputs/delivery_notice.c: what an output did not get, told to it in band. The counters have each
 * loss already; a notice that can't be told now is told with the next of its cause. */
#include "outputs/delivery_internal.h"

static bool put_notice(struct delivery *d, struct flight *f, const struct journal_loss *loss)
{
	struct journal_record record;

	if (!loss_notice_write(&d->notice, d->set.encode, d->set.clock, loss, &record) ||
	    batch_add(f->batch, &record, d->set.output->formatter) != 0)
		return false;
	if (batch_count(f->batch) == 1)
		f->begun_ns = delivery_now(d);
	return true;
}

void delivery_owe_notice(struct delivery *d, const struct journal_loss *loss)
{
	struct untold *untold = &d->untold[loss->cause];

	loss_merge(&untold->loss, loss);
	untold->is_due = true;
}

void delivery_notice_was_refused(struct delivery *d, const struct journal_loss *loss)
{
	/* Not due by itself: a destination that refuses notices would refuse them for ever. */
	loss_merge(&d->untold[loss->cause].loss, loss);
}

void flight_put_loss(struct delivery *d, struct flight *f, const struct journal_loss *loss)
{
	struct untold *untold = &d->untold[loss->cause];
	struct journal_loss all = untold->loss;

	loss_merge(&all, loss);
	if (put_notice(d, f, &all))
		*untold = (struct untold){ 0 };
	else
		delivery_owe_notice(d, loss);
}

bool delivery_owes_notice(const struct delivery *d)
{
	for (size_t cause = 0; cause < LOSS_CAUSES; cause++)
		if (d->untold[cause].is_due)
			return true;
	return false;
}

void flight_put_notices(struct delivery *d, struct flight *f)
{
	if (!delivery_owes_notice(d) || (!d->draining && delivery_now(d) < d->notice_due_ns))
		return;
	for (size_t cause = 0; cause < LOSS_CAUSES; cause++)
		if (d->untold[cause].is_due && put_notice(d, f, &d->untold[cause].loss))
			d->untold[cause] = (struct untold){ 0 };
	d->notice_due_ns = delivery_now(d) + NOTICE_INTERVAL_NS;
}
