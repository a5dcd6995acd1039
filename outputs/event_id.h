/* outputs/event_id.h: the id that an event carries at every destination, however often it is sent:
 * what consumers drop doubles by. BOOT_ID-SEQ for a record of the journal; BOOT_ID-FIRST-LAST-CAUSE
 * for the notice of a loss, which no record is, after the numbers that are missing: the same loss
 * has the same id when it is told again, another one has another, and none has a record's. */
#pragma once

#include "base/buf.h"
#include "pipeline/journal_reader.h"

#define EVENT_ID_BYTES 128 /* no id is longer */

void event_id_write(const struct journal_record *record, struct buf *out);
