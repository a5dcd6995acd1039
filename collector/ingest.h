/* collector/ingest.h: from a ring record to a journaled event: decode, keep the process table
 * right, say who, hand to the pipeline. The only place where kernel records meet the rest.
 * Collector's loop thread.
 *
 * This is where `captured` is counted, once for each record taken and once for each that the
 * kernel lost, so that captured = journaled + filtered + limited + lost holds per kind whenever the
 * ring is drained and ingest_counters() has run. The pipeline counts what became of the events it
 * is given; weir's own events it counts as captured too. A record that only feeds the process table
 * (a fork; a process that ran already, when those are not delivered) is no event: it counts as
 * captured and filtered under KIND_NONE. */
#pragma once

#include "base/clock.h"
#include "collector/process_table.h"
#include "collector/sensor.h"
#include "pipeline/metrics.h"
#include "pipeline/journal.h"
#include "pipeline/pipeline.h"

#include <stddef.h>

struct ingest_settings {
	const char *const *environment; /* names to keep; borrowed */
	size_t environment_count;
	uint8_t ancestors;
	bool existing_processes; /* deliver process_exec for those that ran already */
};

struct ingest;

/* All borrowed until ingest_free(). */
WARN_UNUSED struct ingest *ingest_create(const struct ingest_settings *settings,
					 struct clock *clock, struct process_table *table,
					 struct pipeline *pipeline,
					 struct metrics_collector *metrics);
/* After a reload. */
void ingest_set_pipeline(struct ingest *ingest, struct pipeline *pipeline);
/* Takes one record; fits sensor_record_fn. What does not decode is counted as LOSS_MALFORMED. */
void ingest_record(void *ingest, const void *record, size_t bytes);
/* Takes note of a record that ingest_record() will get soon; fits ring_record_fn. */
void ingest_expect(void *ingest, const void *record, size_t bytes);
/* Compares the kernel's counters with the last time: captured and lost are brought up to date, and
 * each loss becomes a weir_loss event with its count, cause and time span: at most one per record
 * type and cause and call. One that can't be journaled now is told by a later call. */
void ingest_counters(struct ingest *ingest, const struct sensor_counters *now);
/* For journal_open's on_loss: journals it as weir_loss. */
void ingest_journal_loss(void *ingest, const struct journal_loss *loss);
void ingest_free(struct ingest **ingest);

/* The loss equation as it stands, for weir_stop. */
void accounting_read(const struct metrics_collector *metrics, struct accounting *accounting_r);
