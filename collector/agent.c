#include "collector/agent.h"

#include "base/clock.h"
#include "base/log.h"
#include "cli/exit_code.h"
#include "collector/agent_reload.h"
#include "collector/agent_state.h"
#include "collector/status.h"
#include "outputs/forwarder.h"

#include <errno.h>
#include <event2/event.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define DRAIN_MAX_RECORDS 4096 /* per pass, so that timers and signals get their turn */
#define DRAIN_BUSY_MS	  10   /* while records come */
#define DRAIN_REST_MS	  25   /* at rest; with the outputs' own steps latency stays under 50 ms */
#define STOP_JOURNAL_MS	  5000

static void arm_ms(struct event *timer, unsigned int ms)
{
	event_add(timer, &(struct timeval){ .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 });
}

/* One bounded pass over the ring. True when more is waiting. */
static bool drain_once(struct agent *agent)
{
	size_t n;

	clock_sample(&agent->clock);
	n = sensor_drain(agent->sensor, DRAIN_MAX_RECORDS, ingest_record, agent->ingest);
	if (n)
		journal_commit(agent->journal);
	metric_add(&agent->board->collector.ring_records, n);
	metric_add(&agent->board->collector.ring_drains, 1);
	agent->busy = n > 0;
	return n == DRAIN_MAX_RECORDS;
}

/* The cursor of the output that is furthest behind; retention with `block` waits for it. One that a
 * reload has taken out keeps its counters and waits for nothing. */
static uint64_t low_cursor(const struct metrics_forwarder *forwarder)
{
	uint32_t count = atomic_load(&forwarder->outputs);
	uint64_t low = UINT64_MAX;

	for (uint32_t i = 0; i < count && i < METRICS_MAX_OUTPUTS; i++) {
		const struct metrics_output *output = &forwarder->output[i];
		uint64_t seq = metric_get(&output->acked_seq);

		if (metric_get(&output->state) != OUTPUT_STATE_CLOSED && seq < low)
			low = seq;
	}
	return low == UINT64_MAX ? 0 : low;
}

static void on_drain(evutil_socket_t fd, short what, void *ctx)
{
	struct agent *agent = ctx;
	bool more = false;

	/* Blocked (journal.when_full: block): the ring fills, and the kernel counts. It ends when
	 * the outputs have gone on, which is looked at each time. */
	if (journal_is_blocked(agent->journal))
		journal_set_low_cursor(agent->journal, low_cursor(&agent->board->forwarder));
	else
		more = drain_once(agent);
	(void)fd;
	(void)what;
	arm_ms(agent->drain_timer, more ? 0 : agent->busy ? DRAIN_BUSY_MS : DRAIN_REST_MS);
}

/* The ring has passed its watermark: don't wait for the timer. */
static void on_ring(evutil_socket_t fd, short what, void *ctx)
{
	on_drain(fd, what, ctx);
}

static void on_journal(evutil_socket_t fd, short what, void *ctx)
{
	struct agent *agent = ctx;

	(void)fd;
	(void)what;
	journal_poll(agent->journal);
	supervisor_wake(agent->supervisor);
}

/* That retention took what some output had not read is no loss of all of them: each one's delivery
 * finds the hole, counts it and tells it to that output. */
static void log_unread(struct agent *agent, const struct journal_loss *loss)
{
	uint64_t suppressed;

	if (log_limit_pass(&agent->unread_log, clock_boot_ns(&agent->clock), &suppressed))
		log_warn("journal full: events %llu to %llu were removed before every output had "
			 "read them (%llu more like this)",
			 (unsigned long long)loss->first_seq, (unsigned long long)loss->last_seq,
			 (unsigned long long)suppressed);
}

/* What recovery found comes with the first journal_poll(), when the ingest is there. */
static void on_journal_loss(void *ctx, const struct journal_loss *loss)
{
	struct agent *agent = ctx;

	if (loss->cause == LOSS_JOURNAL_FULL)
		log_unread(agent, loss);
	else
		ingest_journal_loss(agent->ingest, loss);
}

/* Both changes of state are said; a disk that comes and goes is said once a minute. */
static void log_journal_state(struct agent *agent, const struct journal_stats *stats)
{
	const char *directory = settings_of(agent->first_document)->journal.directory;
	uint64_t suppressed;

	if (stats->failing == agent->journal_failing)
		return;
	agent->journal_failing = stats->failing;
	if (!stats->failing)
		log_info("journal %s: written again", directory);
	else if (log_limit_pass(&agent->journal_log, clock_boot_ns(&agent->clock), &suppressed))
		log_error("journal %s can't be written: %s; events wait in memory, up to "
			  "journal.memory_bytes (%llu more like this)",
			  directory, strerror(stats->last_errno), (unsigned long long)suppressed);
}

static void measure_journal(struct agent *agent)
{
	struct metrics_collector *collector = &agent->board->collector;
	struct journal_stats stats;

	journal_stats(agent->journal, &stats);
	metric_set(&collector->journal_bytes, stats.bytes);
	metric_set(&collector->journal_size_bytes, stats.size_bytes);
	metric_set(&collector->journal_segments, stats.segments);
	metric_set(&collector->journal_syncs, stats.syncs);
	metric_set(&collector->journal_write_errors, stats.write_errors);
	metric_set(&collector->journal_first_seq, stats.first_seq);
	metric_set(&collector->journal_last_seq, stats.last_seq);
	metric_set(&collector->journal_memory_bytes, stats.memory_bytes);
	metric_set(&collector->journal_dropped_records, stats.dropped_records);
	log_journal_state(agent, &stats);
}

static void measure_processes(struct agent *agent)
{
	struct metrics_collector *collector = &agent->board->collector;
	struct process_table_stats stats;

	process_table_stats(agent->table, &stats);
	metric_set(&collector->processes, stats.entries);
	metric_set(&collector->process_images, stats.images);
	metric_set(&collector->process_bytes, stats.bytes);
	metric_set(&collector->process_evictions, stats.evictions);
	metric_set(&collector->process_lookups_missed, stats.missed);
}

static struct sensor_counters measure_kernel(struct agent *agent)
{
	struct metrics_collector *collector = &agent->board->collector;
	struct sensor_counters counters;

	sensor_counters(agent->sensor, &counters);
	ingest_counters(agent->ingest, &counters);
	metric_set(&collector->ring_bytes, counters.ring_bytes);
	if (counters.ring_used_bytes > metric_get(&collector->ring_used_max_bytes))
		metric_set(&collector->ring_used_max_bytes, counters.ring_used_bytes);
	return counters;
}

static uint64_t total_journaled(const struct metrics_collector *collector)
{
	uint64_t total = 0;

	for (unsigned int kind = 0; kind < EVENT_KINDS; kind++)
		total += metric_get(&collector->journaled[kind]);
	return total;
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct agent *agent = ctx;
	struct sensor_counters counters;
	uint64_t total;

	(void)fd;
	(void)what;
	counters = measure_kernel(agent);
	rescan_tick(agent->rescan, &counters,
		    !journal_is_blocked(agent->journal) && !drain_once(agent));
	pipeline_tick(agent->pipeline, false);
	process_table_tick(agent->table);
	journal_set_low_cursor(agent->journal, low_cursor(&agent->board->forwarder));
	journal_commit(agent->journal);
	measure_journal(agent);
	measure_processes(agent);
	metric_set(&agent->board->collector.resident_bytes, host_resident_bytes());
	total = total_journaled(&agent->board->collector);
	agent->events_per_s = total - agent->journaled_before;
	agent->journaled_before = total;
}

static void on_stop(evutil_socket_t fd, short what, void *ctx)
{
	struct agent *agent = ctx;

	(void)fd;
	(void)what;
	event_base_loopbreak(agent->base);
}

static void on_reload(evutil_socket_t fd, short what, void *ctx)
{
	struct errmsg em;

	(void)fd;
	(void)what;
	(void)!agent_reload(ctx, &em); /* it logs and journals its own outcome */
}

static void on_reopen(evutil_socket_t fd, short what, void *ctx)
{
	struct agent *agent = ctx;

	(void)fd;
	(void)what;
	supervisor_reopen(agent->supervisor);
}

static void on_child(evutil_socket_t fd, short what, void *ctx)
{
	struct agent *agent = ctx;

	(void)fd;
	(void)what;
	supervisor_reap(agent->supervisor);
}

static void control_status(void *ctx, struct buf *out)
{
	struct agent *agent = ctx;
	struct status_source source = {
		.version = WEIR_VERSION,
		.node_name = agent->host.node_name,
		.config_path = agent->options->config_path,
		.now_wall_ns = clock_wall_ns(&agent->clock),
		.events_per_s = agent->events_per_s,
		.board = agent->board,
	};

	measure_kernel(agent);
	measure_journal(agent);
	measure_processes(agent);
	status_write_json(&source, out);
}

static void control_recent(void *ctx, struct buf *out)
{
	struct agent *agent = ctx;

	status_write_recent(agent->board, out);
}

static int control_reload(void *ctx, struct errmsg *em)
{
	return agent_reload(ctx, em);
}

static void control_reopen(void *ctx)
{
	struct agent *agent = ctx;

	supervisor_reopen(agent->supervisor);
}

/* A small heap and no core: raw command lines pass through this memory. */
static void harden(void)
{
	struct rlimit none = { 0, 0 };

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	signal(SIGPIPE, SIG_IGN);
}

static int open_journal(struct agent *agent, struct errmsg *em)
{
	const struct settings *settings = settings_of(agent->document);
	struct journal_settings journal = {
		.directory = settings->journal.directory,
		.max_bytes = settings->journal.max_bytes,
		.max_age_ns = settings->journal.max_age_ns,
		.segment_bytes = settings->journal.segment_bytes,
		.sync_interval_ns = settings->journal.sync_interval_ns,
		.memory_bytes = settings->journal.memory_bytes,
		.when_full = (enum journal_when_full)settings->journal.when_full,
		.seal = settings->journal.seal,
	};
	int err;

	memcpy(journal.boot_id, agent->host.boot_id, sizeof(journal.boot_id));
	err = forwarder_find_group(settings->forwarder.user, &journal.reader_gid, em);
	if (!err)
		err = host_make_directory(journal.directory, 0750, em);
	if (!err)
		err = journal_open(&journal, &agent->clock, on_journal_loss, agent, &agent->journal,
				   em);
	if (!err && journal_has_lost_keys(agent->journal))
		log_warn("journal %s: its sealing state was gone or damaged; from here on it is "
			 "sealed with new keys, and `weir verify` proves only what was before. For "
			 "a whole proof move it away and export the key of a new one",
			 journal.directory);
	/* Until the forwarder has said where its outputs are, all may be unread. */
	if (!err && journal.when_full == JOURNAL_BLOCK)
		journal_set_low_cursor(agent->journal, 0);
	return err;
}

static int open_sensor(struct agent *agent, struct errmsg *em)
{
	const struct settings *settings = settings_of(agent->document);
	struct sensor_settings sensor = {
		.ring_bytes = settings->sensor.ring_bytes,
		.arguments_bytes = (uint32_t)settings->sensor.arguments_bytes,
		.environment_bytes = settings->sensor.environment.n
					     ? (uint32_t)settings->sensor.environment_bytes
					     : 0,
		.task_entries = (uint32_t)settings->sensor.task_entries,
		.tcp = settings->sensor.tcp,
	};
	struct kernel_features features;

	probe_kernel(&features);
	return sensor_open(&sensor, &features, &agent->sensor, em);
}

static int open_pipeline(struct agent *agent, struct errmsg *em)
{
	const struct settings *settings = settings_of(agent->document);
	struct process_table_settings table = {
		.max_entries = (uint32_t)settings->processes.max_entries,
		.max_bytes = settings->processes.max_bytes,
		.linger_ns = settings->processes.linger_ns,
	};
	struct ingest_settings ingest = {
		.environment = (const char *const *)settings->sensor.environment.v,
		.environment_count = settings->sensor.environment.n,
		.ancestors = (uint8_t)settings->processes.ancestors,
		.existing_processes = settings->sensor.existing_processes,
	};
	int err;

	agent->encode = (struct encode_settings){
		.node_name = str_of(agent->host.node_name),
		.cluster_name = str_of(settings->cluster_name),
		.boot_id = str_of(agent->host.boot_id),
		.credentials = (enum detail_level)settings->processes.credentials,
		.namespaces = (enum detail_level)settings->processes.namespaces,
		.splice = true,
		.host_ns = agent->host.ns,
	};
	err = pipeline_create(settings->pipeline, &agent->encode, &agent->clock, agent->journal,
			      &agent->board->collector, &agent->pipeline, em);
	if (err)
		return err;
	agent->table = process_table_create(&table, &agent->clock);
	if (agent->table)
		agent->ingest = ingest_create(&ingest, &agent->clock, agent->table, agent->pipeline,
					      &agent->board->collector);
	if (agent->ingest)
		agent->rescan =
			rescan_create(agent->sensor, agent->table, &agent->clock,
				      &agent->board->collector, ingest_record, agent->ingest);
	if (!agent->rescan) {
		errmsg_set(em, "out of memory");
		return -ENOMEM;
	}
	return 0;
}

static int open_supervisor(struct agent *agent, struct errmsg *em)
{
	const struct settings *settings = settings_of(agent->document);
	struct journal_stats stats;
	struct supervisor_settings supervisor = {
		.config_path = agent->options->config_path,
		.config_fd = settings_copy(agent->document),
		.journal_directory = settings->journal.directory,
		.state_directory = settings->forwarder.state_directory,
		.format = agent->options->format,
		.drain_timeout_ns = settings->forwarder.drain_timeout_ns,
		.board_fds = agent->board_fds,
		.board = agent->board,
	};

	journal_stats(agent->journal, &stats);
	supervisor.session_first_seq = stats.last_seq + 1;
	return supervisor_create(&supervisor, agent->base, &agent->supervisor, em);
}

static int open_control(struct agent *agent, struct errmsg *em)
{
	const char *path = settings_of(agent->document)->control.socket;
	struct control_calls calls = { .ctx = agent,
				       .status = control_status,
				       .recent = control_recent,
				       .reload = control_reload,
				       .reopen = control_reopen };

	if (!*path)
		return 0;
	return control_open(path, &calls, agent->base, &agent->control, em);
}

static int open_events(struct agent *agent, struct errmsg *em)
{
	const struct {
		int signal;
		event_callback_fn fn;
	} signals[] = { { SIGTERM, on_stop },
			{ SIGINT, on_stop },
			{ SIGHUP, on_reload },
			{ SIGUSR1, on_reopen },
			{ SIGCHLD, on_child } };
	struct event *journal, *ring, *tick;
	bool ok = true;

	agent->drain_timer = evtimer_new(agent->base, on_drain, agent);
	ring = event_new(agent->base, sensor_fd(agent->sensor), EV_READ | EV_PERSIST | EV_ET,
			 on_ring, agent);
	journal = event_new(agent->base, journal_fd(agent->journal), EV_READ | EV_PERSIST,
			    on_journal, agent);
	tick = event_new(agent->base, -1, EV_PERSIST, on_tick, agent);
	agent->events[agent->events_count++] = ring;
	agent->events[agent->events_count++] = journal;
	agent->events[agent->events_count++] = tick;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct event *ev =
			evsignal_new(agent->base, signals[i].signal, signals[i].fn, agent);

		agent->events[agent->events_count++] = ev;
		ok = ok && ev && event_add(ev, NULL) == 0;
	}
	ok = ok && agent->drain_timer && ring && journal && tick && event_add(ring, NULL) == 0 &&
	     event_add(journal, NULL) == 0 &&
	     event_add(tick, &(struct timeval){ .tv_sec = 1 }) == 0;
	if (agent->options->duration_ns) {
		struct timeval duration = {
			.tv_sec = (time_t)(agent->options->duration_ns / NSEC_PER_SEC),
			.tv_usec = (suseconds_t)(agent->options->duration_ns % NSEC_PER_SEC / 1000)
		};

		ok = ok &&
		     event_base_once(agent->base, -1, EV_TIMEOUT, on_stop, agent, &duration) == 0;
	}
	if (ok)
		return 0;
	errmsg_set(em, "the event loop refused a timer or a signal");
	return -ENOMEM;
}

/* Everything that can be wrong is found before the first event is seen. */
static int agent_open(struct agent *agent, struct errmsg *em)
{
	int err = agent_load_settings(agent->options, &agent->first_document, em);

	if (err)
		return err;
	agent->document = agent->first_document;
	log_set_level((enum log_level)settings_of(agent->document)->log_level);
	err = host_read(settings_of(agent->document)->node_name, &agent->host, em);
	if (err)
		return err;
	agent->board = metrics_create(&agent->board_fds);
	agent->base = event_base_new();
	if (!agent->board || !agent->base) {
		errmsg_set(em, "out of memory");
		return -ENOMEM;
	}
	metric_set(&agent->board->collector.start_wall_ns, clock_wall_ns(&agent->clock));
	err = open_sensor(agent, em);
	err = err ? err : open_journal(agent, em);
	err = err ? err : forwarder_check_directories(settings_of(agent->document), em);
	err = err ? err : open_supervisor(agent, em);
	err = err ? err : open_pipeline(agent, em);
	err = err ? err : open_control(agent, em);
	return err ? err : open_events(agent, em);
}

static void journal_notice(struct agent *agent, enum event_kind kind,
			   const struct accounting *accounting)
{
	struct event event = {
		.kind = kind,
		.time_boot_ns = clock_boot_ns(&agent->clock),
		.time_wall_ns = clock_wall_ns(&agent->clock),
		.notice = { .version = str_of(WEIR_VERSION),
			    .config_digest = str_of(agent->config_digest),
			    .accounting = accounting },
	};

	pipeline_notice(agent->pipeline, &event);
}

static int agent_start(struct agent *agent, struct errmsg *em)
{
	int err;

	agent_digest(agent->document, agent->config_digest);
	journal_notice(agent, KIND_WEIR_START, NULL);
	journal_commit(agent->journal);
	supervisor_start(agent->supervisor);
	err = sensor_start(agent->sensor, ingest_record, agent->ingest, em);
	if (err)
		return err;
	sensor_look_ahead(agent->sensor, ingest_expect, agent->ingest);
	malloc_trim(0); /* loading took the kernel's type information through the heap */
	journal_commit(agent->journal);
	arm_ms(agent->drain_timer, 0);
	return 0;
}

/* The journal first: only when it is closed is it known how far the outputs have to go. What an
 * output does not take in time is there at the next start. */
static void stop_delivery(struct agent *agent)
{
	struct journal_closed closed = journal_close(&agent->journal, STOP_JOURNAL_MS);

	if (closed.unwritten)
		log_error("journal: the last %llu events could not be written and are lost",
			  (unsigned long long)closed.unwritten);
	if (!agent->supervisor)
		return;
	supervisor_wake(agent->supervisor);
	supervisor_stop(agent->supervisor, closed.last_seq);
}

/* Nothing new is seen from here on; everything that was seen is journaled, then delivered as far
 * as the drain timeout allows. */
static void agent_stop(struct agent *agent)
{
	struct accounting accounting;

	sensor_stop(agent->sensor);
	while (drain_once(agent))
		;
	(void)journal_poll(agent->journal); /* losses that it has to tell */
	measure_kernel(agent);
	pipeline_tick(agent->pipeline, true);
	accounting_read(&agent->board->collector, &accounting);
	journal_notice(agent, KIND_WEIR_STOP, &accounting);
}

static void agent_free(struct agent *agent)
{
	control_close(&agent->control);
	rescan_free(&agent->rescan);
	ingest_free(&agent->ingest);
	process_table_free(&agent->table);
	pipeline_free(&agent->pipeline);
	sensor_close(&agent->sensor);
	supervisor_free(&agent->supervisor);
	for (size_t i = 0; i < agent->events_count; i++)
		if (agent->events[i])
			event_free(agent->events[i]);
	if (agent->drain_timer)
		event_free(agent->drain_timer);
	if (agent->base)
		event_base_free(agent->base);
	if (agent->board)
		metrics_unmap(&agent->board);
	metrics_close_fds(&agent->board_fds);
	if (agent->document != agent->first_document)
		settings_free(&agent->document);
	settings_free(&agent->first_document);
}

static enum exit_code exit_code_of(int err)
{
	if (err == -EINVAL)
		return EXIT_CONFIG;
	return err == -EPERM || err == -EACCES || err == -EOPNOTSUPP ? EXIT_UNSUPPORTED
								     : EXIT_FAILED;
}

int agent_run(const struct agent_options *options)
{
	struct agent agent = { .options = options, .board_fds = { -1, -1 } };
	struct errmsg em = { "" };
	int err;

	log_init("weir", LOG_LEVEL_INFO);
	harden();
	clock_init(&agent.clock);
	err = agent_open(&agent, &em);
	if (!err)
		err = agent_start(&agent, &em);
	if (err) {
		log_error("%s", em.text);
	} else {
		event_base_dispatch(agent.base);
		agent_stop(&agent);
	}
	stop_delivery(&agent);
	agent_free(&agent);
	return err ? exit_code_of(err) : EXIT_OK;
}
