/* pipeline/encode_json.h: an event as one line of JSON, in Tetragon's shape (tetragon.md
 * section 2), by splicing what is encoded already around the event's own few fields.
 *
 * The line has a fixed outer order: {"<kind>":{...},"node_name":...,"time":...,"weir":{...}}.
 * It holds no newline and no byte that is not valid UTF-8; the newline that ends it is the
 * reader's to add. Weir's own members are under "weir" and nowhere else. */
#pragma once

#include "base/buf.h"
#include "pipeline/event.h"

#include <stdint.h>

enum detail_level {
	DETAIL_OFF,
	DETAIL_EXEC,
	DETAIL_ALL
}; /* in no event, in process_exec only, in all */

/* Borrowed for as long as the encoder is used; the collector makes one. */
struct encode_settings {
	struct str node_name, cluster_name;
	struct str boot_id; /* 36 characters */
	enum detail_level credentials, namespaces;
	bool splice; /* false: encode every event whole; for the benchmark and for tests that
			compare */
	struct namespaces host_ns; /* those of pid 1, for is_host */
};

/* Largest event there is. What would be larger is written with less in it, and says so
 * ("reduced" among its defects); so a buf of this much never overflows on what the sensor sends. */
#define ENCODE_MAX_BYTES (512u * 1024)

/* Appends the event to out. seq is the number the journal gave it. Fills the fragments of the
 * processes it meets when they are still empty (they are caches: hence not const inside). */
void encode_json(const struct encode_settings *settings, const struct event *event, uint64_t seq,
		 struct buf *out);
