/* collector/status.h: the state of a running weir as one JSON object, for GET /v1/status. */
#pragma once

#include "base/buf.h"
#include "pipeline/metrics.h"

#include <stdint.h>

struct status_source {
	const char *version, *node_name, *config_path;
	uint64_t now_wall_ns;
	uint64_t events_per_s; /* journaled, over the last second */
	const struct metrics_board *board;
};

void status_write_json(const struct status_source *source, struct buf *out);
/* {"outputs": [{"name", "recent": [{"first_seq", "last_seq", "attempts", "sent", "settled"}]}]}:
 * the last batches that each output sent. */
void status_write_recent(const struct metrics_board *board, struct buf *out);
