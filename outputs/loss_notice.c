#include "outputs/loss_notice.h"

#include "base/clock.h"

void loss_tally_add(struct loss_tally *tally, uint64_t seq, uint64_t wall_ns)
{
	if (tally->count++ == 0) {
		tally->first_seq = seq;
		tally->first_wall_ns = wall_ns;
	}
	if (seq > tally->last_seq)
		tally->last_seq = seq;
	if (wall_ns > tally->last_wall_ns)
		tally->last_wall_ns = wall_ns;
}

bool loss_notice_write(struct loss_notice *notice, const struct encode_settings *encode,
		       const struct clock *clock, const struct journal_loss *loss,
		       uint64_t position, struct journal_record *record_r)
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
	uint64_t seq = loss->last_seq ? loss->last_seq : position;

	if (!notice->json.limit)
		notice->json = buf_growable(ENCODE_MAX_BYTES);
	buf_reset(&notice->json);
	encode_json(encode, &event, seq, &notice->json);
	*record_r = (struct journal_record){
		.seq = seq,
		.time_wall_ns = event.time_wall_ns,
		.kind = KIND_WEIR_LOSS,
		.json = buf_str(&notice->json),
		.boot_id = encode->boot_id,
	};
	return buf_ok(&notice->json);
}

void loss_notice_free(struct loss_notice *notice)
{
	buf_free(&notice->json);
}
