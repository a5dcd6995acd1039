#include "pipeline/event.h"

#include "base/compiler.h"

static const struct {
	const char *name, *filter_name;
} kinds[EVENT_KINDS] = {
	[KIND_NONE] = { "none", "UNDEF" },
	[KIND_PROCESS_EXEC] = { "process_exec", "PROCESS_EXEC" },
	[KIND_PROCESS_EXIT] = { "process_exit", "PROCESS_EXIT" },
	[KIND_PROCESS_CONNECT] = { "process_connect", "PROCESS_CONNECT" },
	[KIND_PROCESS_ACCEPT] = { "process_accept", "PROCESS_ACCEPT" },
	[KIND_PROCESS_LISTEN] = { "process_listen", "PROCESS_LISTEN" },
	[KIND_PROCESS_CLOSE] = { "process_close", "PROCESS_CLOSE" },
	[KIND_WEIR_LOSS] = { "weir_loss", "WEIR_LOSS" },
	[KIND_WEIR_START] = { "weir_start", "WEIR_START" },
	[KIND_WEIR_STOP] = { "weir_stop", "WEIR_STOP" },
	[KIND_WEIR_CONFIG] = { "weir_config", "WEIR_CONFIG" },
};

static const char *const causes[LOSS_CAUSES] = {
	[LOSS_RING_FULL] = "ring_full",		[LOSS_SCRATCH_BUSY] = "scratch_busy",
	[LOSS_MALFORMED] = "malformed",		[LOSS_MEMORY] = "memory",
	[LOSS_RATE_LIMIT] = "rate_limit",	[LOSS_JOURNAL_FULL] = "journal_full",
	[LOSS_JOURNAL_ERROR] = "journal_error", [LOSS_JOURNAL_DAMAGED] = "journal_damaged",
	[LOSS_REJECTED] = "rejected",
};

const char *event_kind_name(enum event_kind kind)
{
	return kinds[kind].name;
}

const char *event_kind_filter_name(enum event_kind kind)
{
	return kinds[kind].filter_name;
}

enum event_kind event_kind_by_name(struct str name)
{
	for (int kind = KIND_NONE + 1; kind < EVENT_KINDS; kind++)
		if (str_equal(name, str_of(kinds[kind].name)) ||
		    str_equal(name, str_of(kinds[kind].filter_name)))
			return (enum event_kind)kind;
	return KIND_NONE;
}

const char *loss_cause_name(enum loss_cause cause)
{
	return causes[cause];
}
