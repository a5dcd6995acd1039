/* pipeline/event.h: what flows through the stages: one thing that happened, and who did it.
 *
 * An event is on the collector's stack while it passes the stages and the encoder; it borrows
 * its processes from the table for that time. Nobody keeps one. */
#pragma once

#include "pipeline/process.h"

#include <stdint.h>

/* The order is that of the counters and of the journal's type field: append only. */
enum event_kind {
	KIND_NONE,
	KIND_PROCESS_EXEC,
	KIND_PROCESS_EXIT,
	KIND_PROCESS_CONNECT,
	KIND_PROCESS_ACCEPT,
	KIND_PROCESS_LISTEN,
	KIND_PROCESS_CLOSE,
	KIND_WEIR_LOSS, /* so many of these were lost, when and why */
	KIND_WEIR_START,
	KIND_WEIR_STOP,
	KIND_WEIR_CONFIG, /* the configuration changed, or was refused */
	EVENT_KINDS,
};

enum socket_role { ROLE_UNKNOWN, ROLE_CLIENT, ROLE_SERVER, ROLE_LISTENER };
enum owner_source { OWNED_BY_UNKNOWN, OWNED_BY_CALLER, OWNED_BY_SOCKET, OWNED_BY_LISTENER };

struct tcp_fields {
	uint8_t saddr[16], daddr[16]; /* IPv4 in the first four bytes; network order */
	uint16_t sport, dport;	      /* host order */
	uint16_t family;
	uint16_t error; /* errno; 0: none */
	enum socket_role role;
	enum owner_source owner;
	uint8_t old_state, new_state; /* TCP_* of the kernel */
	uint32_t netns, uid, backlog;
	uint64_t cookie, duration_ns, bytes_sent, bytes_received;
};

/* Why events did not come through. The order is that of the counters: append only. */
enum loss_cause {
	LOSS_RING_FULL,	      /* the kernel's ring buffer had no room */
	LOSS_SCRATCH_BUSY,    /* the kernel's scratch memory was in use */
	LOSS_MALFORMED,	      /* a record that did not decode */
	LOSS_MEMORY,	      /* no memory for it, or larger than an event may be */
	LOSS_RATE_LIMIT,      /* a rate limit of the configuration */
	LOSS_JOURNAL_FULL,    /* written, then dropped from the journal before an output read it */
	LOSS_JOURNAL_ERROR,   /* the journal could not be written and memory ran out */
	LOSS_JOURNAL_DAMAGED, /* written, and unreadable later (torn tail, flipped bit, missing
				 segment) */
	LOSS_REJECTED,	      /* an output refused it for good; it is in the dead letters */
	LOSS_CAUSES,
};

struct loss_fields {
	enum loss_cause cause;
	enum event_kind of; /* KIND_NONE: any kind */
	uint64_t count;	    /* 0: not known how many */
	uint64_t first_wall_ns, last_wall_ns;
	uint64_t first_seq, last_seq; /* 0: they never had one */
	/* Rate limit: the bucket's key, already redacted text. KIND_NONE from the kernel: the
	 * record type that is no event ("fork"). Else empty. */
	struct str key;
	/* A notice of the forwarder, which has no number in the journal: its id. Else empty. */
	struct str notice_id;
};

/* The loss equation, one row per kind: captured = journaled + filtered + limited + sum of lost.
 * A record that only feeds the process table (a fork; a process that already ran, when those are
 * not delivered) is no event: it is captured and filtered under KIND_NONE. */
struct accounting {
	uint64_t captured[EVENT_KINDS], journaled[EVENT_KINDS];
	uint64_t filtered[EVENT_KINDS], limited[EVENT_KINDS];
	uint64_t lost[EVENT_KINDS][LOSS_CAUSES];
};

/* What weir says of itself. Text comes from weir and its configuration, never from a process. */
struct notice_fields {
	struct str version, config_digest, message;
	bool refused; /* weir_config: kept what ran */
	/* weir_stop: the equation just before this event, which is not in it. Else NULL. */
	const struct accounting *accounting;
};

struct event {
	enum event_kind kind;
	uint64_t time_wall_ns, time_boot_ns;
	const struct process *process; /* NULL for weir's own events only */
	const struct process *parent;  /* NULL: not known, or there is none (pid 1) */
	uint32_t tid;		       /* the acting thread; 0: none acted */
	uint8_t ancestors; /* how many of the chain above the parent to write; 0: none */
	union {
		uint32_t exit_code; /* as wait(2) shows it */
		struct tcp_fields tcp;
		struct loss_fields loss;
		struct notice_fields notice;
	};
};

/* The name of the JSON member that holds the event ("process_exec"). */
const char *event_kind_name(enum event_kind kind);
/* Tetragon's EventType name for its filters ("PROCESS_EXEC"). */
const char *event_kind_filter_name(enum event_kind kind);
/* KIND_NONE when no kind has that name, in either form. */
enum event_kind event_kind_by_name(struct str name);
/* As in JSON and in metric labels ("ring_full"). */
const char *loss_cause_name(enum loss_cause cause);
