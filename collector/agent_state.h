/* collector/agent_state.h: what the collector holds, for agent.c and agent_reload.c only. */
#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "collector/agent.h"
#include "collector/control.h"
#include "collector/host.h"
#include "collector/ingest.h"
#include "collector/process_table.h"
#include "collector/rescan.h"
#include "collector/sensor.h"
#include "collector/supervisor.h"
#include "config/settings.h"
#include "pipeline/journal.h"
#include "pipeline/metrics.h"
#include "pipeline/pipeline.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;

#define AGENT_MAX_EVENTS 12

struct agent {
	const struct agent_options *options;
	/* The first one stays to the end: long-lived parts borrow from it. */
	struct settings_document *first_document, *document;
	struct clock clock;
	struct host host;
	char config_digest[65]; /* SHA-256 of the file, hex; empty without one */

	struct metrics_board *board;
	struct metrics_fds board_fds;
	struct sensor *sensor;
	struct journal *journal;
	struct encode_settings encode;
	struct pipeline *pipeline;
	struct process_table *table;
	struct ingest *ingest;
	struct rescan *rescan;
	struct supervisor *supervisor;
	struct control *control;

	struct event_base *base;
	struct event *drain_timer;
	struct event *events[AGENT_MAX_EVENTS];
	size_t events_count;
	bool busy;	      /* the last drain found records */
	bool journal_failing; /* said in the log */
	struct log_limit journal_log, unread_log;
	uint64_t journaled_before, events_per_s;
};
