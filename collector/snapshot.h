/* collector/snapshot.h: the processes that ran before weir did, as records like those of the ring.
 *
 * The kernel's task iterator gives each one that no hook has told of (bpf/snapshot.bpf.c); argv,
 * and the environment when it is wanted, come from /proc, and only when the pid still belongs to
 * the very image that the iterator saw. Collector's start, before the first drain. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "collector/sensor.h"

struct bpf_program;

struct snapshot_settings {
	uint32_t arguments_bytes, environment_bytes;
	int tasks_fd; /* the kernel's task map: pid to the start of its image */
	/* Which records to complete and give; NULL: all. */
	sensor_wanted_fn wanted;
	void *wanted_ctx;
};

/* Runs the iterator and gives fn its records, parents before children as far as start times order
 * them (a process that was adopted can be older than its new parent). 0 or negative errno. */
WARN_UNUSED int snapshot_tasks(const struct snapshot_settings *settings,
			       const struct bpf_program *iterator, sensor_record_fn fn, void *ctx,
			       struct errmsg *em);
/* Runs an iterator that writes keys; appends struct event_process_key to keys. 0 or negative errno;
 * -E2BIG when keys is at its limit. */
WARN_UNUSED int snapshot_keys(const struct bpf_program *iterator, struct buf *keys,
			      struct errmsg *em);
/* Runs an iterator for what it does in the kernel. 0 or negative errno. */
WARN_UNUSED int snapshot_run(const struct bpf_program *iterator, struct errmsg *em);
