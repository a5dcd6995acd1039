/* outputs/loss_notice.h: a loss of one output, told in band: the record of a weir_loss event as the
 * collector would have written it, made by the forwarder for this output alone. It is not in the
 * journal, so it has no number there but an id of its own (outputs/event_id.h). */
#pragma once

#include "base/buf.h"
#include "outputs/event_id.h"
#include "pipeline/encode_json.h"
#include "pipeline/journal_reader.h"

#include <stdint.h>

struct clock;

/* Makes one of two losses of a cause. `into` of zeros is none. */
void loss_merge(struct journal_loss *into, const struct journal_loss *loss);

/* The writer of notices. Zeros to begin with. */
struct loss_notice {
	struct buf json;
	char id[EVENT_ID_BYTES];
};

/* The record borrows from the notice until the next call, and from the loss; its seq is the last
 * one that is lost. False: no memory. */
bool loss_notice_write(struct loss_notice *notice, const struct encode_settings *encode,
		       const struct clock *clock, const struct journal_loss *loss,
		       struct journal_record *record_r);
void loss_notice_free(struct loss_notice *notice);
