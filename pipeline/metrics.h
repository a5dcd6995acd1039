/* pipeline/metrics.h: every counter of weir. The Prometheus page and docs/metrics.md are made from
 * one table of them (metrics_page.c), so they can't differ; `weir status` and the stop event read
 * the same board.
 *
 * The collector and the forwarder each own one half of a board in memory that both map (two memfds,
 * made by the collector before it starts the forwarder): one writes, the other reads. So counters
 * live on when the forwarder is restarted, and neither waits for the other. Each value is a 64-bit
 * atomic. The forwarder, which talks to strangers, can't change the collector's half (it is sealed
 * against further writers), and what it writes into its own is not trusted by the collector beyond
 * being a number or a bounded text. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "pipeline/event.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define METRICS_MAX_OUTPUTS 32
#define METRICS_NAME_BYTES  64
#define METRICS_TEXT_BYTES  256

typedef _Atomic uint64_t metric_t; /* the one typedef: an atomic has no other spelling */

/* captured{kind} = journaled{kind} + filtered{kind} + limited{kind} + sum of lost{kind,cause}.
 * Written by the collector's loop thread only. */
struct metrics_collector {
	metric_t captured[EVENT_KINDS];
	metric_t journaled[EVENT_KINDS];
	metric_t filtered[EVENT_KINDS];
	metric_t limited[EVENT_KINDS];
	metric_t lost[EVENT_KINDS][LOSS_CAUSES];
	metric_t journal_bytes; /* written since the start */
	metric_t journal_size_bytes, journal_segments, journal_syncs, journal_write_errors;
	metric_t journal_last_seq, journal_first_seq, journal_memory_bytes, journal_dropped_records;
	metric_t ring_bytes; /* its size */
	metric_t ring_used_max_bytes, ring_drains, ring_records;
	metric_t processes, process_bytes, process_evictions, process_lookups_missed,
		process_images;
	metric_t process_rescans, processes_gone, processes_found;
	metric_t task_map_full, task_map_busy, socket_unknown;
	metric_t redaction_replaced, redaction_failed;
	metric_t forwarder_starts;
	metric_t drain_seq; /* how far a forwarder that is told to drain delivers; 0: to the end */
	metric_t config_reloads, config_refusals;
	metric_t start_wall_ns;
	metric_t resident_bytes;
};

enum output_state {
	OUTPUT_STATE_STARTING,
	OUTPUT_STATE_UP,
	OUTPUT_STATE_WAITING,
	OUTPUT_STATE_HELD,
	OUTPUT_STATE_CLOSED
};
#define METRICS_OUTPUT_STATES (OUTPUT_STATE_CLOSED + 1)

/* A batch that an output sent, for `weir trace`. */
struct metrics_batch {
	metric_t number; /* 1, 2, ...; 0: none, or being written */
	metric_t first_seq, last_seq;
	metric_t attempts;
	metric_t sent_wall_ns;	  /* the last attempt */
	metric_t settled_wall_ns; /* every event acknowledged or refused; 0: not yet */
};

#define METRICS_RECENT_BATCHES 512 /* 25 s of the shortest, by default */

/* journaled = delivered + skipped + rejected + missed + what is still to be read (for the range
 * this output covers). */
struct metrics_output {
	char name[METRICS_NAME_BYTES];
	char type[METRICS_NAME_BYTES];
	metric_t state;	    /* enum output_state */
	metric_t delivered; /* acknowledged by the peer */
	metric_t delivered_bytes;
	metric_t skipped;  /* routed elsewhere by this output's own rules */
	metric_t rejected; /* refused for good: in the dead letters */
	metric_t replayed; /* dead letters sent again and acknowledged; in none of the others */
	metric_t missed;   /* gone from the journal before this output read them */
	metric_t batches, retries, reconnects;
	metric_t acked_seq, acked_wall_ns; /* the cursor; time of the event there */
	metric_t in_flight;		   /* events */
	metric_t window, window_used;	   /* batches it may, and does, have on their way */
	metric_t retry_wall_ns; /* no attempt before; of a time past: it waits for nothing */
	_Atomic uint32_t error_version; /* odd while last_error is being written */
	char last_error[METRICS_TEXT_BYTES];
	metric_t last_error_wall_ns;
	struct metrics_batch recent[METRICS_RECENT_BATCHES]; /* at number % their count */
};

/* Written by the forwarder's loop thread only. */
struct metrics_forwarder {
	_Atomic uint32_t outputs; /* slots in use */
	metric_t resident_bytes;
	metric_t ready; /* 1 once every output has been opened */
	struct metrics_output output[METRICS_MAX_OUTPUTS];
};

/* A multiple of every page size there is, so that each half can be a file of its own. */
#define METRICS_HALF_ALIGN 65536

struct metrics_board {
	_Alignas(METRICS_HALF_ALIGN) struct metrics_collector collector;
	_Alignas(METRICS_HALF_ALIGN) struct metrics_forwarder forwarder;
};

/* The halves as descriptors. */
struct metrics_fds {
	int collector, forwarder;
};

static inline void metric_add(metric_t *metric, uint64_t n)
{
	/* One writer per value: a plain load and store, no locked instruction. */
	atomic_store_explicit(metric, atomic_load_explicit(metric, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline void metric_set(metric_t *metric, uint64_t v)
{
	atomic_store_explicit(metric, v, memory_order_relaxed);
}

static inline uint64_t metric_get(const metric_t *metric)
{
	return atomic_load_explicit((metric_t *)metric, memory_order_relaxed);
}

/* A zeroed board for the collector; *fds_r are for the other process, closed on exec until the
 * caller says otherwise. NULL: errno says why. */
WARN_UNUSED struct metrics_board *metrics_create(struct metrics_fds *fds_r);
/* Maps, for the forwarder, a board that the collector made: its own half to write, the other to
 * read. The descriptors may be closed then. NULL: errno says why, EINVAL when it is no board of
 * this layout, or could shrink under the reader. */
WARN_UNUSED struct metrics_board *metrics_map(const struct metrics_fds *fds);
void metrics_close_fds(struct metrics_fds *fds);
void metrics_unmap(struct metrics_board **board);

/* For the owner of the output; a longer text is cut. Never waits. */
void metrics_output_error(struct metrics_output *output, uint64_t wall_ns, struct str text);
/* A consistent copy that is fit for a terminal (utf8_take_visible); empty when there was none, or
 * when the forwarder died while it wrote one. */
void metrics_output_last_error(const struct metrics_output *output,
			       char text_r[METRICS_TEXT_BYTES]);

/* A name or a type of an output as the other process wrote it, at most n bytes, copied before it is
 * looked at; the result lies in copy. */
struct str metrics_text(const char *shared, char *copy, size_t n);
/* "up" for OUTPUT_STATE_UP and so on; "unknown" for a number that is none of them. */
const char *metrics_state_name(uint64_t state);

/* What an output still has to settle; all 0 for one that was taken out of the configuration. */
struct metrics_lag {
	uint64_t events;
	uint64_t bytes; /* estimated: as many of the mean size in the journal */
	uint64_t ns; /* between now and the time of the event at the cursor; 0: with none pending */
};
struct metrics_lag metrics_output_lag(const struct metrics_board *board,
				      const struct metrics_output *output, uint64_t now_wall_ns);

/* The Prometheus text format, version 0.0.4. */
void metrics_write_prometheus(const struct metrics_board *board, struct buf *out);
/* docs/metrics.md, from the same table. */
void metrics_write_manual(struct buf *out);
