#include "collector/status.h"

#include "base/clock.h"
#include "base/json_write.h"

static void open_object(struct buf *out, const char *name)
{
	json_key(out, name);
	buf_putc(out, '{');
}

static void write_metric(struct buf *out, const char *name, const metric_t *metric)
{
	json_field_u64(out, name, metric_get(metric));
}

static void write_losses(const struct metrics_collector *collector, enum event_kind kind,
			 struct buf *out)
{
	open_object(out, "lost");
	for (unsigned int cause = 0; cause < LOSS_CAUSES; cause++)
		if (metric_get(&collector->lost[kind][cause]))
			write_metric(out, loss_cause_name(cause), &collector->lost[kind][cause]);
	buf_putc(out, '}');
}

/* The loss equation, kind by kind. */
static void write_events(const struct metrics_collector *collector, struct buf *out)
{
	open_object(out, "events");
	for (unsigned int kind = 0; kind < EVENT_KINDS; kind++) {
		if (!metric_get(&collector->captured[kind]) &&
		    !metric_get(&collector->journaled[kind]))
			continue;
		open_object(out, event_kind_name(kind));
		write_metric(out, "captured", &collector->captured[kind]);
		write_metric(out, "journaled", &collector->journaled[kind]);
		write_metric(out, "filtered", &collector->filtered[kind]);
		write_metric(out, "limited", &collector->limited[kind]);
		write_losses(collector, kind, out);
		buf_putc(out, '}');
	}
	buf_putc(out, '}');
}

static void write_journal(const struct metrics_collector *collector, struct buf *out)
{
	open_object(out, "journal");
	write_metric(out, "first_seq", &collector->journal_first_seq);
	write_metric(out, "last_seq", &collector->journal_last_seq);
	write_metric(out, "size_bytes", &collector->journal_size_bytes);
	write_metric(out, "segments", &collector->journal_segments);
	write_metric(out, "memory_bytes", &collector->journal_memory_bytes);
	write_metric(out, "write_errors", &collector->journal_write_errors);
	write_metric(out, "dropped_records", &collector->journal_dropped_records);
	buf_putc(out, '}');
}

static void write_kernel_side(const struct metrics_collector *collector, struct buf *out)
{
	open_object(out, "ring");
	write_metric(out, "size_bytes", &collector->ring_bytes);
	write_metric(out, "used_max_bytes", &collector->ring_used_max_bytes);
	write_metric(out, "records", &collector->ring_records);
	write_metric(out, "task_map_full", &collector->task_map_full);
	write_metric(out, "task_map_busy", &collector->task_map_busy);
	write_metric(out, "socket_unknown", &collector->socket_unknown);
	buf_putc(out, '}');
	open_object(out, "processes");
	write_metric(out, "entries", &collector->processes);
	write_metric(out, "images", &collector->process_images);
	write_metric(out, "bytes", &collector->process_bytes);
	write_metric(out, "evictions", &collector->process_evictions);
	write_metric(out, "lookups_missed", &collector->process_lookups_missed);
	write_metric(out, "rescans", &collector->process_rescans);
	write_metric(out, "gone", &collector->processes_gone);
	write_metric(out, "found", &collector->processes_found);
	buf_putc(out, '}');
}

/* What went wrong last, and while it still does: what is done about it, by weir or by somebody. */
static void write_trouble(const struct status_source *source, const struct metrics_output *output,
			  struct buf *out)
{
	uint64_t state = metric_get(&output->state), retry_ns = metric_get(&output->retry_wall_ns);
	char error[METRICS_TEXT_BYTES];

	metrics_output_last_error(output, error);
	if (error[0]) {
		json_field_string(out, "last_error", str_of(error));
		json_field_time(out, "last_error_time", metric_get(&output->last_error_wall_ns));
	}
	if (state != OUTPUT_STATE_WAITING && state != OUTPUT_STATE_HELD)
		return;
	json_field_u64(out, "next_attempt_s",
		       retry_ns > source->now_wall_ns
			       ? (retry_ns - source->now_wall_ns) / NSEC_PER_SEC + 1
			       : 0);
	json_field_string(out, "to_do",
			  state == OUTPUT_STATE_HELD
				  ? STR("correct the configuration or the receiver's, then weir "
					"reload; nothing is dropped meanwhile but by the journal's "
					"limits")
				  : STR("nothing here: it is tried again by itself; see to the "
					"receiver and the network between"));
}

static void write_output(const struct status_source *source, const struct metrics_output *output,
			 struct buf *out)
{
	const struct metrics_lag lag =
		metrics_output_lag(source->board, output, source->now_wall_ns);
	char name[METRICS_NAME_BYTES], type[METRICS_NAME_BYTES];

	json_comma(out);
	buf_putc(out, '{');
	json_field_string(out, "name", metrics_text(output->name, name, sizeof(name)));
	json_field_string(out, "type", metrics_text(output->type, type, sizeof(type)));
	json_field_string(out, "state", str_of(metrics_state_name(metric_get(&output->state))));
	write_metric(out, "delivered", &output->delivered);
	write_metric(out, "delivered_bytes", &output->delivered_bytes);
	json_field_u64(out, "pending", lag.events);
	json_field_u64(out, "lag_bytes", lag.bytes);
	json_field_u64(out, "lag_s", lag.ns / NSEC_PER_SEC);
	write_metric(out, "in_flight", &output->in_flight);
	write_metric(out, "window", &output->window);
	write_metric(out, "window_used", &output->window_used);
	write_metric(out, "acked_seq", &output->acked_seq);
	write_metric(out, "skipped", &output->skipped);
	write_metric(out, "rejected", &output->rejected);
	write_metric(out, "replayed", &output->replayed);
	write_metric(out, "missed", &output->missed);
	write_metric(out, "retries", &output->retries);
	write_metric(out, "reconnects", &output->reconnects);
	write_trouble(source, output, out);
	buf_putc(out, '}');
}

/* How many there are, as the other process says, held to how many there may be. */
static uint32_t output_count(const struct metrics_forwarder *forwarder)
{
	uint32_t count = atomic_load(&((struct metrics_forwarder *)forwarder)->outputs);

	return count < METRICS_MAX_OUTPUTS ? count : METRICS_MAX_OUTPUTS;
}

static void write_outputs(const struct status_source *source, struct buf *out)
{
	const struct metrics_forwarder *forwarder = &source->board->forwarder;
	uint32_t count = output_count(forwarder);

	json_key(out, "outputs");
	buf_putc(out, '[');
	for (uint32_t i = 0; i < count; i++)
		write_output(source, &forwarder->output[i], out);
	buf_putc(out, ']');
}

static void write_memory(const struct metrics_board *board, struct buf *out)
{
	open_object(out, "memory");
	write_metric(out, "collector_bytes", &board->collector.resident_bytes);
	write_metric(out, "forwarder_bytes", &board->forwarder.resident_bytes);
	buf_putc(out, '}');
}

void status_write_json(const struct status_source *source, struct buf *out)
{
	const struct metrics_collector *collector = &source->board->collector;
	uint64_t start_ns = metric_get(&collector->start_wall_ns);

	buf_putc(out, '{');
	json_field_string(out, "version", str_of(source->version));
	json_field_string(out, "node_name", str_of(source->node_name));
	json_field_string(out, "configuration",
			  str_of(source->config_path ? source->config_path : ""));
	json_field_time(out, "started", start_ns);
	json_field_u64(out, "uptime_s",
		       source->now_wall_ns > start_ns
			       ? (source->now_wall_ns - start_ns) / NSEC_PER_SEC
			       : 0);
	json_field_u64(out, "events_per_s", source->events_per_s);
	write_events(collector, out);
	write_kernel_side(collector, out);
	write_journal(collector, out);
	write_memory(source->board, out);
	json_field_bool(out, "forwarder_ready", metric_get(&source->board->forwarder.ready) != 0);
	write_metric(out, "forwarder_starts", &collector->forwarder_starts);
	write_metric(out, "config_reloads", &collector->config_reloads);
	write_metric(out, "config_refusals", &collector->config_refusals);
	write_outputs(source, out);
	buf_putc(out, '}');
}

static void write_batch(const struct metrics_batch *batch, struct buf *out)
{
	json_comma(out);
	buf_putc(out, '{');
	write_metric(out, "first_seq", &batch->first_seq);
	write_metric(out, "last_seq", &batch->last_seq);
	write_metric(out, "attempts", &batch->attempts);
	json_field_time(out, "sent", metric_get(&batch->sent_wall_ns));
	if (metric_get(&batch->settled_wall_ns))
		json_field_time(out, "settled", metric_get(&batch->settled_wall_ns));
	buf_putc(out, '}');
}

/* In no order; one that is just being written is left out. */
static void write_recent(const struct metrics_output *output, struct buf *out)
{
	char name[METRICS_NAME_BYTES];

	json_comma(out);
	buf_putc(out, '{');
	json_field_string(out, "name", metrics_text(output->name, name, sizeof(name)));
	json_key(out, "recent");
	buf_putc(out, '[');
	for (size_t i = 0; i < METRICS_RECENT_BATCHES; i++)
		if (metric_get(&output->recent[i].number))
			write_batch(&output->recent[i], out);
	buf_lit(out, "]}");
}

void status_write_recent(const struct metrics_board *board, struct buf *out)
{
	buf_putc(out, '{');
	json_key(out, "outputs");
	buf_putc(out, '[');
	for (uint32_t i = 0; i < output_count(&board->forwarder); i++)
		write_recent(&board->forwarder.output[i], out);
	buf_lit(out, "]}");
}
