/* collector/rescan.h: sets the process table right after records of starts or ends were lost.
 *
 * An exit that the ring had no room for leaves a process in the table that has ended; a fork or an
 * exec leaves one out that runs. So some time after the last such loss the kernel is asked what
 * runs. What does not any more is ended at once: should its exit still be on its way, the process
 * is found for it, since it lingers. What runs and is not known is only noted, for it may have
 * started this moment: when the ring has been emptied once more after that, and it is still not
 * known, its record was lost, and it is entered like one that ran before weir did, with the flag
 * "miss". No event is made up for the ends. A table that is too small for what runs takes nobody in
 * that way: there, not to be known doesn't mean that a record was lost.
 *
 * Made and used by the collector's loop thread. */
#pragma once

#include "base/clock.h"
#include "base/compiler.h"
#include "collector/process_table.h"
#include "collector/sensor.h"
#include "pipeline/metrics.h"

#include <stdbool.h>

/* So long after the last loss; but in a loss without end, after so long all the same. */
#define RESCAN_QUIET_NS	  (2 * NSEC_PER_SEC)
#define RESCAN_PATIENT_NS (30 * NSEC_PER_SEC)

struct rescan;

/* All borrowed. Records of found processes are given to fn. NULL: no memory. */
WARN_UNUSED struct rescan *rescan_create(struct sensor *sensor, struct process_table *table,
					 const struct clock *clock,
					 struct metrics_collector *metrics, sensor_record_fn fn,
					 void *ctx);
/* Once a second, with the kernel's counters of now. drained: the ring was found empty since the
 * counters were read, and nothing of it waits elsewhere; else all but taking note is put off. */
void rescan_tick(struct rescan *rescan, const struct sensor_counters *counters, bool drained);
void rescan_free(struct rescan **rescan);
