/* collector/record.h: the ring decoder. Bytes from the kernel become a process_draft, or an event's
 * own fields, or a refusal: no length, offset or version in them is trusted. No allocation; results
 * borrow the record. Fuzzed (tests/fuzz/fuzz_record.c). */
#pragma once

#include "base/clock.h"
#include "base/compiler.h"
#include "bpf/event.h"
#include "pipeline/event.h"

#include <stdbool.h>
#include <stddef.h>

/* In `exec`, the flag PROCESS_CLONE says that `replaced` was only the fork's entry; without it,
 * `replaced` ran as an image before this one (bpf/event.h, EXEC_AFTER_FORK). */
struct record {
	enum event_type type;
	uint64_t time_boot_ns;
	struct process_key process;
	uint32_t tid;
	/* EVENT_TASK of a kernel thread: for names only, not to be delivered (Tetragon keeps them
	 * in its cache, too, and does not export them). They fork and exit without a record. */
	bool kernel_thread;
	union {
		struct process_draft exec; /* EVENT_EXEC, EVENT_TASK */
		struct {
			struct process_key parent;
			uint32_t nspid;
		} fork;
		uint32_t exit_code;
		struct tcp_fields tcp;
	};
};

/* 0, or -EBADMSG when the bytes are not a record of this layout, or don't lie at a multiple of
 * eight, as they do in the ring. clock turns boot time into wall time. The draft's env is the whole
 * environment that was read: see record_filter_environment(). */
WARN_UNUSED int record_decode(const void *bytes, size_t n, const struct clock *clock,
			      struct record *record_r);

/* Keeps of a list of KEY=VALUE elements, each ended by NUL, those whose KEY is among names; the
 * result is built in out, which is emptied first. An element that was cut short (the last one, when
 * nothing ends it) is kept as far as it goes. */
struct str record_filter_environment(struct str env, const char *const *names, size_t n,
				     struct buf *out);
