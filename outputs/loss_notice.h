/* outputs/loss_notice.h: a loss of one output, told in band: the record of a weir_loss event as the
 * collector would have written it, made by the forwarder for this output alone. */
#pragma once

#include "base/buf.h"
#include "pipeline/encode_json.h"
#include "pipeline/journal_reader.h"

#include <stdint.h>

/* Losses of one cause that are told together. Zero is empty. */
struct loss_tally {
	uint64_t count, first_seq, last_seq, first_wall_ns, last_wall_ns;
};

struct loss_notice {
	struct buf json;
};

void loss_tally_add(struct loss_tally *tally, uint64_t seq, uint64_t wall_ns);
/* The record borrows from the notice until the next call. position: the seq it gets when the loss
 * has none. False: no memory. */
bool loss_notice_write(struct loss_notice *notice, const struct encode_settings *encode,
		       const struct clock *clock, const struct journal_loss *loss,
		       uint64_t position, struct journal_record *record_r);
void loss_notice_free(struct loss_notice *notice);
