/* pipeline/encode_weir.h: weir's own additions to an event, the member "weir" and all in it. What
 * is the same in every event of a process stands in its process_exec only; exec_id leads there. */
#pragma once

#include "pipeline/encode_json.h"

/* What is left out of an event that would be larger than an event may be: a process that fills its
 * arguments with characters that must be escaped can't make its own event vanish that way. */
enum reduction {
	REDUCED_NOTHING,
	REDUCED_KIN,  /* the parent's image, ancestors, weir.argv and weir.raw */
	REDUCED_TEXT, /* and arguments, environment and working directory of the process */
	REDUCTIONS,
};

/* Appends `,"weir":{...}`. */
void encode_weir(const struct encode_settings *settings, const struct event *event, uint64_t seq,
		 enum reduction reduction, struct buf *out);
