/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/emit.h: the only way into the ring.
 *
 * The functions here count what becomes of each record, by type: no program can lose one without
 * its being counted. User space drains on a short timer, so submitting wakes nobody (a wake-up
 * costs fifty times what a record does), except while a quarter of the ring is unread; that is
 * looked at by each CPU once in a while, for it costs half of what a record does, too. */
#pragma once

#include "bpf/maps.h"

static __always_inline struct counters *emit_counters(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

static __always_inline void emit_count(enum event_type type, enum event_fate fate)
{
	struct counters *c = emit_counters();

	if (c)
		__sync_fetch_and_add(&c->fates[type][fate], 1); /* a softirq may come between */
}

/* For a record of that size which is about to be submitted. */
static __always_inline __u64 emit_wakeup(struct counters *c, __u64 size)
{
	if (!c)
		return BPF_RB_NO_WAKEUP;
	c->since_look += size;
	if (c->since_look < watermark_look)
		return BPF_RB_NO_WAKEUP;
	c->since_look = 0;
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) < watermark ? BPF_RB_NO_WAKEUP
								       : BPF_RB_FORCE_WAKEUP;
}

static __always_inline void emit_header(struct event_header *header, enum event_type type,
					__u32 size, __u64 now, __u32 tid)
{
	header->version = EVENT_LAYOUT_VERSION;
	header->type = type;
	header->size = size;
	header->time_ns = now;
	header->tid = tid;
	header->cpu = bpf_get_smp_processor_id();
}

/* Room for a record of constant size; NULL when there is none, and then that has been counted.
 * Nothing may return between this and emit_submit(). */
static __always_inline void *emit_reserve(enum event_type type, __u64 size)
{
	void *record = bpf_ringbuf_reserve(&ring, size, 0);

	if (!record)
		emit_count(type, FATE_RING_FULL);
	return record;
}

static __always_inline void emit_submit(void *record, enum event_type type, __u64 size)
{
	struct counters *c = emit_counters();

	if (c)
		__sync_fetch_and_add(&c->fates[type][FATE_SUBMITTED], 1);
	bpf_ringbuf_submit(record, emit_wakeup(c, size));
}

/* Copies a record that was put together elsewhere. */
static __always_inline void emit_copy(void *record, enum event_type type, __u64 size)
{
	__u64 wakeup = emit_wakeup(emit_counters(), size);

	if (bpf_ringbuf_output(&ring, record, size, wakeup))
		emit_count(type, FATE_RING_FULL);
	else
		emit_count(type, FATE_SUBMITTED);
}
