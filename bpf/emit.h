/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/emit.h: the only way into the ring.
 *
 * The functions here count what becomes of each record, by type: no program can lose one without
 * its being counted. User space drains on a short timer, so submitting wakes nobody (a wake-up
 * costs fifty times what a record does), except when the unread data passes another quarter of the
 * ring. */
#pragma once

#include "bpf/maps.h"

static __always_inline void emit_count(enum event_type type, enum event_fate fate)
{
	__u32 zero = 0;
	struct counters *c = bpf_map_lookup_elem(&counters, &zero);

	if (c)
		__sync_fetch_and_add(&c->fates[type][fate], 1); /* a softirq may come between */
}

/* `before` and `after`: bytes waiting in the ring. */
static __always_inline __u64 emit_wakeup(__u64 before, __u64 after)
{
	return (before ^ after) >> watermark_shift ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
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
	__u64 after = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);

	emit_count(type, FATE_SUBMITTED);
	bpf_ringbuf_submit(record, emit_wakeup(after - size, after));
}

/* Copies a record that was put together elsewhere. */
static __always_inline void emit_copy(void *record, enum event_type type, __u64 size)
{
	__u64 before = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);

	if (bpf_ringbuf_output(&ring, record, size, emit_wakeup(before, before + size)))
		emit_count(type, FATE_RING_FULL);
	else
		emit_count(type, FATE_SUBMITTED);
}
