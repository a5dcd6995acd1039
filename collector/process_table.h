/* collector/process_table.h: every process that an event may be about, by pid and start of its
 * image. Bounded by entries and by bytes.
 *
 * An ended or replaced process stays known while a process that descends from it runs, and for
 * `linger` after that, since its sockets may outlive it. Past the bounds the one that lingers
 * longest goes first, then the one that ended longest ago though children refer to it, and a
 * running one only when nothing else is left; each is counted. A lookup is exact (pid and start),
 * so it finds the right process or none.
 *
 * A process holds a reference on its parent, so a parent that has left the table can still be
 * named. What is held that way counts: `bytes` is all memory of processes, images and fragments,
 * in the table or not, and a parent that leaves because of the byte bound is reduced to its pid
 * and start. A chain of ended parents is cut at PROCESS_ENDED_CHAIN.
 *
 * Owned by the collector's loop thread. Returned processes are borrowed until the next call that
 * may evict (add, tick), unless process_ref() is taken. */
#pragma once

#include "base/clock.h"
#include "base/compiler.h"
#include "collector/record.h"
#include "pipeline/pipeline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct process_table;

/* How many ended processes in a row stay linked above a process. A program that executes itself
 * without end makes such a chain; so do daemons that fork twice, a short one. */
#define PROCESS_ENDED_CHAIN 16

struct process_table_settings {
	uint32_t max_entries;
	uint64_t max_bytes;
	uint64_t linger_ns;
};

struct process_table_stats {
	uint64_t entries, live;
	uint64_t images, bytes;	  /* held in memory, in the table or not */
	uint64_t evictions;	  /* of entries that something might still have asked for */
	uint64_t evicted_running; /* those of them that had not ended */
	uint64_t missed;	  /* lookups that found nothing */
};

WARN_UNUSED struct process_table *process_table_create(
	const struct process_table_settings *settings, const struct clock *clock);
/* A child that shares its parent's image. An unknown parent gives a process with PROCESS_UNKNOWN.
 * A process of the same pid that still counts as running has ended unseen, if it is older. NULL:
 * no memory. */
struct process *process_table_fork(struct process_table *table, const struct record *record);
/* A new image; takes its own reference on it. When the draft names a replaced image, that one is
 * the parent, as Tetragon has it; with PROCESS_CLONE (the execve follows a fork) it was only the
 * fork, which leaves without a word, and the draft's parent is the parent. Also for a process that
 * ran already. NULL: no memory. */
struct process *process_table_exec(struct process_table *table, const struct process_draft *draft,
				   struct image *image);
/* Exact; NULL counts as missed (key.pid 0 doesn't). */
struct process *process_table_find(struct process_table *table, struct process_key key);
/* The process will be asked for soon: its memory is fetched, one step with each of the next calls.
 * At 50,000 processes a lookup otherwise waits for memory most of the time. */
void process_table_expect(struct process_table *table, struct process_key key);
/* A stand-in that says nothing but pid and start, for an event whose process is not known. Not in
 * the table; one reference, the caller's. NULL: no memory. */
struct process *process_table_unknown(struct process_table *table, struct process_key key);
/* Its last thread is gone. */
void process_table_exit(struct process_table *table, struct process *process);
/* Is it in the table? Not counted, and not a use. */
bool process_table_has(const struct process_table *table, struct process_key key);
/* Ends those that run and of which `lives` says no; returns how many. One that it is wrong about,
 * because its end is still to be told, is found all the same while it lingers. */
size_t process_table_sweep(struct process_table *table,
			   bool (*lives)(void *ctx, struct process_key key), void *ctx);
/* Lets go what has lingered long enough; bounded work per call. */
void process_table_tick(struct process_table *table);
void process_table_stats(const struct process_table *table, struct process_table_stats *stats_r);
/* All references that were taken outside have been given back. */
void process_table_free(struct process_table **table);

void process_ref(struct process *process);
void process_unref(struct process **process);
