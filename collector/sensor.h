/* collector/sensor.h: the kernel side, from user space: loads the programs that this kernel can
 * run, attaches them, takes the snapshot of what already runs, drains the ring and reads the
 * kernel's counters. Privileged; one per collector; loop thread only. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "bpf/event.h"
#include "collector/probe.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sensor_settings {
	/* Rounded up to a power of two. 0: 2 MiB per possible CPU, at most a 256th of the memory,
	 * but between 16 and 256 MiB. */
	uint64_t ring_bytes;
	uint32_t arguments_bytes;   /* longest argv kept; at most 128 KiB */
	uint32_t environment_bytes; /* longest environment read; at most 256 KiB; 0: none */
	uint32_t task_entries;	    /* bound of the kernel's task map */
	bool tcp;		    /* needs features.socket_storage, else left out */
};

/* The kernel's own counts, summed over CPUs, since the programs were loaded. FATE_SCRATCH_BUSY also
 * has the runs that the kernel left out because the program was interrupted at work on that CPU: in
 * the row of its event; for TCP, where one program tells of several, in that of EVENT_NONE. */
struct sensor_counters {
	uint64_t fates[EVENT_TYPES][EVENT_FATES];
	uint64_t ring_used_bytes, ring_bytes;
};

struct sensor;

/* Called for each record; the bytes are borrowed for the call and not yet validated. */
typedef void (*sensor_record_fn)(void *ctx, const void *record, size_t bytes);

/* Is a record of that process wanted? */
typedef bool (*sensor_wanted_fn)(void *ctx, const struct event_process_key *key);

/* Loads and verifies; nothing is attached yet. em names the program or map at fault and what
 * would help. */
WARN_UNUSED int sensor_open(const struct sensor_settings *settings,
			    const struct kernel_features *features, struct sensor **sensor_r,
			    struct errmsg *em);
/* Attaches: from here on everything is seen or counted. Then walks the tasks that already ran and
 * gives each (EVENT_TASK, argv from /proc appended) to fn, parents before children where it can be.
 * Nothing that starts meanwhile is missed or doubled: its records wait in the ring. */
WARN_UNUSED int sensor_start(struct sensor *sensor, sensor_record_fn fn, void *ctx,
			     struct errmsg *em);
/* For when records were lost: appends the key of every process that runs now, kernel threads
 * included, to keys (struct event_process_key). 0 or negative errno. */
WARN_UNUSED int sensor_living(struct sensor *sensor, struct buf *keys, struct errmsg *em);
/* Then: gives fn those of them that are wanted, as sensor_start() does; marked EXEC_NO_FORK_SEEN.
 */
WARN_UNUSED int sensor_tell_again(struct sensor *sensor, sensor_wanted_fn wanted,
				  sensor_record_fn fn, void *ctx, struct errmsg *em);
/* Gives at most max_records waiting records to fn; returns how many it gave. */
size_t sensor_drain(struct sensor *sensor, size_t max_records, sensor_record_fn fn, void *ctx);
/* See ring_look_ahead(). */
void sensor_look_ahead(struct sensor *sensor, sensor_record_fn fn, void *ctx);
/* Becomes readable while more than about a quarter of the ring waits. To be watched edge-triggered:
 * it also reads as ready, at any time, while anything waits. */
int sensor_fd(const struct sensor *sensor);
void sensor_counters(struct sensor *sensor, struct sensor_counters *counters_r);
/* Detaches first, then a last sensor_drain() may follow before sensor_close(). */
void sensor_stop(struct sensor *sensor);
void sensor_close(struct sensor **sensor);
