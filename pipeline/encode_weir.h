/* pipeline/encode_weir.h: weir's own additions to an event, the member "weir" and all in it. What
 * is the same in every event of a process stands in its process_exec only; exec_id leads there. */
#pragma once

#include "pipeline/encode_json.h"

/* Appends `,"weir":{...}`. */
void encode_weir(const struct encode_settings *settings, const struct event *event, uint64_t seq,
		 struct buf *out);
