#include "collector/ingest.h"

#include "base/log.h"

#include <stdlib.h>

/* Longest environment that is kept of one exec, after the choice by name. */
#define ENVIRONMENT_MAX_BYTES (256u * 1024)
/* Journal losses that wait to be told; more are put together with the last one. */
#define JOURNAL_LOSSES_MAX 8

/* Losses of one record type and cause that no weir_loss has told yet. */
struct untold {
	uint64_t count;
	uint64_t first_wall_ns;
};

struct ingest {
	struct ingest_settings settings;
	struct clock *clock;
	struct process_table *table;
	struct pipeline *pipeline;
	struct metrics_collector *metrics;
	struct buf environment;
	struct sensor_counters before;
	uint64_t before_wall_ns; /* of the counters */
	struct untold untold[EVENT_TYPES][LOSS_CAUSES];
	struct journal_loss journal_losses[JOURNAL_LOSSES_MAX];
	size_t journal_losses_count;
	struct log_limit task_map_limit;
};

struct ingest *ingest_create(const struct ingest_settings *settings, struct clock *clock,
			     struct process_table *table, struct pipeline *pipeline,
			     struct metrics_collector *metrics)
{
	struct ingest *ingest = calloc(1, sizeof(*ingest));

	if (!ingest)
		return NULL;
	ingest->settings = *settings;
	ingest->clock = clock;
	ingest->table = table;
	ingest->pipeline = pipeline;
	ingest->metrics = metrics;
	ingest->environment = buf_growable(ENVIRONMENT_MAX_BYTES);
	ingest->before_wall_ns = clock_wall_ns(clock);
	return ingest;
}

void ingest_set_pipeline(struct ingest *ingest, struct pipeline *pipeline)
{
	ingest->pipeline = pipeline;
}

void ingest_free(struct ingest **ingest)
{
	if (*ingest)
		buf_free(&(*ingest)->environment);
	free(*ingest);
	*ingest = NULL;
}

static enum event_kind kind_of(enum event_type type)
{
	switch (type) {
	case EVENT_NONE:
	case EVENT_FORK:
	case EVENT_TASK:
	case EVENT_TYPES:
		return KIND_NONE;
	case EVENT_EXEC:
		return KIND_PROCESS_EXEC;
	case EVENT_EXIT:
		return KIND_PROCESS_EXIT;
	case EVENT_CONNECT:
		return KIND_PROCESS_CONNECT;
	case EVENT_ACCEPT:
		return KIND_PROCESS_ACCEPT;
	case EVENT_LISTEN:
		return KIND_PROCESS_LISTEN;
	case EVENT_CLOSE:
		return KIND_PROCESS_CLOSE;
	}
	return KIND_NONE;
}

/* Losses. */

static void count_loss(struct ingest *ingest, enum event_type type, enum loss_cause cause,
		       uint64_t n, uint64_t first_wall_ns)
{
	struct untold *untold = &ingest->untold[type][cause];

	if (!untold->count)
		untold->first_wall_ns = first_wall_ns;
	untold->count += n;
	metric_add(&ingest->metrics->lost[kind_of(type)][cause], n);
}

static void count_capture(struct ingest *ingest, enum event_type type, uint64_t n)
{
	metric_add(&ingest->metrics->captured[kind_of(type)], n);
}

static bool tell_loss(struct ingest *ingest, const struct loss_fields *loss)
{
	struct event event = {
		.kind = KIND_WEIR_LOSS,
		.time_boot_ns = clock_boot_ns(ingest->clock),
		.time_wall_ns = clock_wall_ns(ingest->clock),
		.loss = *loss,
	};

	return pipeline_notice(ingest->pipeline, &event);
}

/* What can't be journaled now stays, and grows, until it can. */
static void tell_untold(struct ingest *ingest, enum event_type type, enum loss_cause cause)
{
	struct untold *untold = &ingest->untold[type][cause];
	struct loss_fields loss = {
		.cause = cause,
		.of = kind_of(type),
		.count = untold->count,
		.first_wall_ns = untold->first_wall_ns,
		.last_wall_ns = clock_wall_ns(ingest->clock),
		.key = type == EVENT_FORK ? STR("fork") : STR(""),
	};

	if (untold->count && tell_loss(ingest, &loss))
		*untold = (struct untold){ 0 };
}

static bool tell_journal_loss(struct ingest *ingest, const struct journal_loss *loss)
{
	struct loss_fields fields = {
		.cause = loss->cause,
		.count = loss->count,
		.first_wall_ns = loss->first_wall_ns,
		.last_wall_ns = loss->last_wall_ns,
		.first_seq = loss->first_seq,
		.last_seq = loss->last_seq,
	};

	return tell_loss(ingest, &fields);
}

/* Two losses told as one: the count is only known when both are. */
static void merge_journal_loss(struct journal_loss *into, const struct journal_loss *loss)
{
	into->count = into->count && loss->count ? into->count + loss->count : 0;
	into->last_seq = loss->last_seq;
	into->last_wall_ns = loss->last_wall_ns;
}

void ingest_journal_loss(void *ctx, const struct journal_loss *loss)
{
	struct ingest *ingest = ctx;
	size_t n = ingest->journal_losses_count;

	if (n == 0 && tell_journal_loss(ingest, loss))
		return;
	if (n < JOURNAL_LOSSES_MAX)
		ingest->journal_losses[ingest->journal_losses_count++] = *loss;
	else
		merge_journal_loss(&ingest->journal_losses[n - 1], loss);
}

static void tell_journal_losses(struct ingest *ingest)
{
	size_t told = 0, n = ingest->journal_losses_count;

	while (told < n && tell_journal_loss(ingest, &ingest->journal_losses[told]))
		told++;
	memmove(ingest->journal_losses, ingest->journal_losses + told,
		(n - told) * sizeof(ingest->journal_losses[0]));
	ingest->journal_losses_count = n - told;
}

/* What the kernel lost of one type and fate since the last time. */
static void compare_fate(struct ingest *ingest, const struct sensor_counters *now,
			 enum event_type type, enum event_fate fate, enum loss_cause cause)
{
	uint64_t n = now->fates[type][fate] - ingest->before.fates[type][fate];

	if (!n)
		return;
	count_capture(ingest, type, n);
	count_loss(ingest, type, cause, n, ingest->before_wall_ns);
}

static uint64_t sum_fate(const struct sensor_counters *counters, enum event_fate fate)
{
	uint64_t sum = 0;

	for (int type = 0; type < EVENT_TYPES; type++)
		sum += counters->fates[type][fate];
	return sum;
}

/* Nothing is lost then, but who did what can't always be said any more. */
static void report_attribution(struct ingest *ingest, const struct sensor_counters *now)
{
	uint64_t tasks = sum_fate(now, FATE_TASK_MAP_FULL), suppressed;
	uint64_t before = sum_fate(&ingest->before, FATE_TASK_MAP_FULL);

	metric_set(&ingest->metrics->task_map_full, tasks);
	metric_set(&ingest->metrics->task_map_busy, sum_fate(now, FATE_TASK_MAP_BUSY));
	metric_set(&ingest->metrics->socket_unknown, sum_fate(now, FATE_SOCKET_UNKNOWN));
	if (tasks == before ||
	    !log_limit_pass(&ingest->task_map_limit, clock_boot_ns(ingest->clock), &suppressed))
		return;
	log_warn("the kernel's task map is full: %llu processes could not be remembered; "
		 "raise sensor.task_entries (%llu such messages left out)",
		 (unsigned long long)(tasks - before), (unsigned long long)suppressed);
}

void ingest_counters(struct ingest *ingest, const struct sensor_counters *now)
{
	for (int type = 0; type < EVENT_TYPES; type++) {
		compare_fate(ingest, now, (enum event_type)type, FATE_RING_FULL, LOSS_RING_FULL);
		compare_fate(ingest, now, (enum event_type)type, FATE_SCRATCH_BUSY,
			     LOSS_SCRATCH_BUSY);
	}
	report_attribution(ingest, now);
	ingest->before = *now;
	ingest->before_wall_ns = clock_wall_ns(ingest->clock);
	for (int type = 0; type < EVENT_TYPES; type++)
		for (int cause = 0; cause < LOSS_CAUSES; cause++)
			tell_untold(ingest, (enum event_type)type, (enum loss_cause)cause);
	tell_journal_losses(ingest);
}

/* Records. */

/* Its process and parent are the event's for the call. */
static void deliver(struct ingest *ingest, const struct record *record, struct process *process,
		    struct event *event)
{
	event->time_boot_ns = record->time_boot_ns;
	event->time_wall_ns = clock_boot_to_wall(ingest->clock, record->time_boot_ns);
	event->process = process;
	event->parent = process->parent;
	event->tid = record->tid;
	event->ancestors = ingest->settings.ancestors;
	pipeline_event(ingest->pipeline, event);
}

static void lose_for_memory(struct ingest *ingest, const struct record *record)
{
	count_loss(ingest, record->type, LOSS_MEMORY, 1,
		   clock_boot_to_wall(ingest->clock, record->time_boot_ns));
}

/* The process of an event, or a stand-in that says that it is not known; with a reference. NULL:
 * no memory, and counted. */
static struct process *who(struct ingest *ingest, const struct record *record)
{
	struct process *process = process_table_find(ingest->table, record->process);

	if (process)
		process_ref(process);
	else
		process = process_table_unknown(ingest->table, record->process);
	if (!process)
		lose_for_memory(ingest, record);
	return process;
}

static void take_fork(struct ingest *ingest, const struct record *record)
{
	count_capture(ingest, record->type, 1);
	if (process_table_fork(ingest->table, record))
		metric_add(&ingest->metrics->filtered[KIND_NONE], 1);
	else
		lose_for_memory(ingest, record);
}

/* Makes the image and enters the process; NULL when out of memory. */
static struct process *add_process(struct ingest *ingest, struct process_draft *draft)
{
	struct process *process;
	struct image *image;

	buf_reset(&ingest->environment);
	draft->env =
		record_filter_environment(draft->env, ingest->settings.environment,
					  ingest->settings.environment_count, &ingest->environment);
	image = pipeline_image(ingest->pipeline, draft);
	if (!image)
		return NULL;
	process = process_table_exec(ingest->table, draft, image);
	image_unref(&image);
	return process;
}

/* Returns the process; NULL when out of memory, and counted. */
static struct process *take_exec(struct ingest *ingest, struct record *record)
{
	struct event event = { .kind = KIND_PROCESS_EXEC };
	struct process *process;

	count_capture(ingest, record->type, 1);
	process = add_process(ingest, &record->exec);
	if (process)
		deliver(ingest, record, process, &event);
	else
		lose_for_memory(ingest, record);
	return process;
}

/* A process that ran already; when it is delivered, it is a process_exec like any other. Kernel
 * threads are only known, so that what they own has a name. */
static void take_task(struct ingest *ingest, struct record *record)
{
	struct process *process;

	record->exec.flags = (record->exec.flags | PROCESS_PROCFS) & ~(uint32_t)PROCESS_EXECVE;
	if (ingest->settings.existing_processes && !record->kernel_thread) {
		record->type = EVENT_EXEC;
		process = take_exec(ingest, record);
		/* Most of them sit idle for good: a host of 10,000 saves some megabytes. */
		if (process)
			process_forget_encoding(process);
		return;
	}
	count_capture(ingest, record->type, 1);
	if (add_process(ingest, &record->exec))
		metric_add(&ingest->metrics->filtered[KIND_NONE], 1);
	else
		lose_for_memory(ingest, record);
}

static void take_exit(struct ingest *ingest, const struct record *record)
{
	struct event event = { .kind = KIND_PROCESS_EXIT, .exit_code = record->exit_code };
	struct process *process;

	count_capture(ingest, record->type, 1);
	process = who(ingest, record);
	if (!process)
		return;
	deliver(ingest, record, process, &event);
	process_table_exit(ingest->table, process);
	process_unref(&process);
}

static void take_tcp(struct ingest *ingest, const struct record *record)
{
	struct event event = { .kind = kind_of(record->type), .tcp = record->tcp };
	struct process *process;

	count_capture(ingest, record->type, 1);
	process = who(ingest, record);
	if (!process)
		return;
	deliver(ingest, record, process, &event);
	process_unref(&process);
}

/* Which type a record says it has, when it doesn't decode: it was submitted under that type. */
static enum event_type claimed_type(const void *bytes, size_t n)
{
	struct event_header header;

	if (n < sizeof(header))
		return EVENT_NONE;
	memcpy(&header, bytes, sizeof(header));
	return header.type < EVENT_TYPES ? (enum event_type)header.type : EVENT_NONE;
}

static void refuse(struct ingest *ingest, const void *bytes, size_t n)
{
	enum event_type type = claimed_type(bytes, n);

	count_capture(ingest, type, 1);
	count_loss(ingest, type, LOSS_MALFORMED, 1, clock_wall_ns(ingest->clock));
}

void ingest_record(void *ctx, const void *bytes, size_t n)
{
	struct ingest *ingest = ctx;
	struct record record;

	if (record_decode(bytes, n, ingest->clock, &record)) {
		refuse(ingest, bytes, n);
		return;
	}
	switch (record.type) {
	case EVENT_FORK:
		take_fork(ingest, &record);
		return;
	case EVENT_EXEC:
		take_exec(ingest, &record);
		return;
	case EVENT_TASK:
		take_task(ingest, &record);
		return;
	case EVENT_EXIT:
		take_exit(ingest, &record);
		return;
	case EVENT_CONNECT:
	case EVENT_ACCEPT:
	case EVENT_LISTEN:
	case EVENT_CLOSE:
		take_tcp(ingest, &record);
		return;
	case EVENT_NONE:
	case EVENT_TYPES:
		refuse(ingest, bytes, n);
		return;
	}
}

void ingest_expect(void *ctx, const void *bytes, size_t n)
{
	struct ingest *ingest = ctx;
	struct event_header header;

	if (n < sizeof(header))
		return;
	memcpy(&header, bytes, sizeof(header));
	process_table_expect(ingest->table,
			     (struct process_key){ .start_ns = header.process.start_ns,
						   .pid = header.process.pid });
}

void accounting_read(const struct metrics_collector *metrics, struct accounting *accounting_r)
{
	for (int kind = 0; kind < EVENT_KINDS; kind++) {
		accounting_r->captured[kind] = metric_get(&metrics->captured[kind]);
		accounting_r->journaled[kind] = metric_get(&metrics->journaled[kind]);
		accounting_r->filtered[kind] = metric_get(&metrics->filtered[kind]);
		accounting_r->limited[kind] = metric_get(&metrics->limited[kind]);
		for (int cause = 0; cause < LOSS_CAUSES; cause++)
			accounting_r->lost[kind][cause] = metric_get(&metrics->lost[kind][cause]);
	}
}
