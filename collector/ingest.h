/* collector/ingest.h: from a ring record to a journaled event: decode, keep the process table
 * right, say who, hand to the pipeline. The only place where kernel records meet the rest.
 * Collector's loop thread. */
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
WARN_UNUSED struct ingest *ingest_create(const struct ingest_settings *settings, struct clock *clock,
					 struct process_table *table, struct pipeline *pipeline,
					 struct metrics_collector *metrics);
/* After a reload. */
void ingest_set_pipeline(struct ingest *ingest, struct pipeline *pipeline);
/* Takes one record; fits sensor_record_fn. What does not decode is counted as LOSS_MALFORMED. */
void ingest_record(void *ingest, const void *record, size_t bytes);
/* Compares the kernel's counters with the last time: captured and lost are brought up to date, and
 * each loss becomes a weir_loss event with its count, cause and time span. */
void ingest_counters(struct ingest *ingest, const struct sensor_counters *now);
/* For journal_open's on_loss: journals it as weir_loss. */
void ingest_journal_loss(void *ingest, const struct journal_loss *loss);
void ingest_free(struct ingest **ingest);
