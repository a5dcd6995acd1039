#include "outputs/loss_notice.h"

#include "base/clock.h"

/* 0: not known. */
static uint64_t lower(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return a ? a : b;
	return a < b ? a : b;
}

static uint64_t higher(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void loss_merge(struct journal_loss *into, const struct journal_loss *loss)
{
	into->cause = loss->cause;
	into->count += loss->count;
	into->first_seq = lower(into->first_seq, loss->first_seq);
	into->last_seq = higher(into->last_seq, loss->last_seq);
	into->first_wall_ns = lower(into->first_wall_ns, loss->first_wall_ns);
	into->last_wall_ns = higher(into->last_wall_ns, loss->last_wall_ns);
}

bool loss_notice_write(struct loss_notice *notice, const struct encode_settings *encode,
		       const struct clock *clock, const struct journal_loss *loss,
		       struct journal_record *record_r)
{
	struct event event = {
		.kind = KIND_WEIR_LOSS,
		.time_wall_ns = clock_wall_ns(clock),
		.time_boot_ns = clock_boot_ns(clock),
		.loss = { .cause = loss->cause,
			  .of = KIND_NONE,
			  .count = loss->count,
			  .first_wall_ns = loss->first_wall_ns,
			  .last_wall_ns = loss->last_wall_ns,
			  .first_seq = loss->first_seq,
			  .last_seq = loss->last_seq },
	};
	struct buf id = buf_fixed(notice->id, sizeof(notice->id));

	*record_r = (struct journal_record){
		.seq = loss->last_seq,
		.time_wall_ns = event.time_wall_ns,
		.kind = KIND_WEIR_LOSS,
		.boot_id = encode->boot_id,
		.notice = loss,
	};
	event_id_write(record_r, &id);
	event.loss.notice_id = buf_str(&id);
	if (!notice->json.limit)
		notice->json = buf_growable(ENCODE_MAX_BYTES);
	buf_reset(&notice->json);
	encode_json(encode, &event, record_r->seq, &notice->json);
	record_r->json = buf_str(&notice->json);
	return buf_ok(&notice->json);
}

void loss_notice_free(struct loss_notice *notice)
{
	buf_free(&notice->json);
}
