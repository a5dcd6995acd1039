/* pipeline/metrics_page.c: the table of every counter, and what is made from it: the page that
 * Prometheus reads and the manual. Adding a counter is a field in metrics.h and a line here. */
#include "pipeline/metrics.h"

#include "base/clock.h"
#include "base/utf8.h"

/* ---- one row of the page ---- */

/* As `label="value"`, escaped as the format asks. */
static void put_label(struct buf *out, const char *label, struct str value)
{
	buf_puts(out, str_of(label));
	buf_lit(out, "=\"");
	while (value.n > 0) {
		bool newline = value.p[0] == '\n';
		struct str c = utf8_take_visible(&value);

		if (newline) {
			buf_lit(out, "\\n");
			continue;
		}
		if (c.p[0] == '"' || c.p[0] == '\\')
			buf_putc(out, '\\');
		buf_puts(out, c);
	}
	buf_putc(out, '"');
}

static void put_number(struct buf *out, uint64_t v)
{
	buf_putc(out, ' ');
	buf_u64(out, v);
	buf_putc(out, '\n');
}

/* Nanoseconds as seconds, digit for digit: a double would round a time of this century. */
static void put_seconds(struct buf *out, uint64_t ns)
{
	buf_printf(out, " %llu.%09llu\n", ns / NSEC_PER_SEC, ns % NSEC_PER_SEC);
}

/* ---- shapes: how a family's values lie on the board, and which labels tell them apart ---- */

enum metric_type { COUNTER, GAUGE };

struct family {
	const char *section; /* heading in the manual; NULL: that of the family before */
	const char *name;
	enum metric_type type;
	const struct shape *shape;
	size_t offset; /* in struct metrics_board or, for shapes by output, struct metrics_output */
	const char *help;
};

struct shape {
	const char *labels; /* for the manual */
	void (*write)(const struct family *family, const struct metrics_board *board,
		      struct buf *out);
};

static const metric_t *metric_at(const void *base, size_t offset)
{
	return (const metric_t *)((const char *)base + offset);
}

static void write_value(const struct family *family, const struct metrics_board *board,
			struct buf *out)
{
	buf_puts(out, str_of(family->name));
	put_number(out, metric_get(metric_at(board, family->offset)));
}

static void write_seconds(const struct family *family, const struct metrics_board *board,
			  struct buf *out)
{
	buf_puts(out, str_of(family->name));
	put_seconds(out, metric_get(metric_at(board, family->offset)));
}

static void write_build(const struct family *family, const struct metrics_board *board,
			struct buf *out)
{
	(void)board;
	buf_puts(out, str_of(family->name));
	buf_putc(out, '{');
	put_label(out, "version", STR(WEIR_VERSION));
	buf_lit(out, "} 1\n");
}

static void put_kind(struct buf *out, unsigned int kind)
{
	put_label(out, "kind", str_of(event_kind_name((enum event_kind)kind)));
}

static void write_by_kind(const struct family *family, const struct metrics_board *board,
			  struct buf *out)
{
	const metric_t *values = metric_at(board, family->offset);

	for (unsigned int kind = 0; kind < EVENT_KINDS; kind++) {
		buf_puts(out, str_of(family->name));
		buf_putc(out, '{');
		put_kind(out, kind);
		buf_putc(out, '}');
		put_number(out, metric_get(&values[kind]));
	}
}

static void write_by_kind_and_cause(const struct family *family, const struct metrics_board *board,
				    struct buf *out)
{
	const metric_t *values = metric_at(board, family->offset);

	for (unsigned int i = 0; i < EVENT_KINDS * LOSS_CAUSES; i++) {
		enum loss_cause cause = (enum loss_cause)(i % LOSS_CAUSES);

		buf_puts(out, str_of(family->name));
		buf_putc(out, '{');
		put_kind(out, i / LOSS_CAUSES);
		buf_putc(out, ',');
		put_label(out, "cause", str_of(loss_cause_name(cause)));
		buf_putc(out, '}');
		put_number(out, metric_get(&values[i]));
	}
}

static uint32_t output_count(const struct metrics_board *board)
{
	uint32_t n = atomic_load_explicit((_Atomic uint32_t *)&board->forwarder.outputs,
					  memory_order_acquire);

	return n < METRICS_MAX_OUTPUTS ? n : METRICS_MAX_OUTPUTS;
}

/* As `family{output="name"`, for more labels and the closing brace to follow. */
static void put_output(const struct family *family, const struct metrics_output *output,
		       struct buf *out)
{
	char copy[METRICS_NAME_BYTES];

	buf_puts(out, str_of(family->name));
	buf_putc(out, '{');
	put_label(out, "output", metrics_text(output->name, copy, sizeof(copy)));
}

static void write_output_value(const struct family *family, const struct metrics_board *board,
			       struct buf *out)
{
	for (uint32_t i = 0; i < output_count(board); i++) {
		const struct metrics_output *output = &board->forwarder.output[i];

		put_output(family, output, out);
		buf_putc(out, '}');
		put_number(out, metric_get(metric_at(output, family->offset)));
	}
}

static void write_output_seconds(const struct family *family, const struct metrics_board *board,
				 struct buf *out)
{
	for (uint32_t i = 0; i < output_count(board); i++) {
		const struct metrics_output *output = &board->forwarder.output[i];

		put_output(family, output, out);
		buf_putc(out, '}');
		put_seconds(out, metric_get(metric_at(output, family->offset)));
	}
}

static void write_output_lag(const struct family *family, const struct metrics_board *board,
			     struct buf *out)
{
	for (uint32_t i = 0; i < output_count(board); i++) {
		const struct metrics_output *output = &board->forwarder.output[i];
		const struct metrics_lag lag = metrics_output_lag(board, output, 0);

		put_output(family, output, out);
		buf_putc(out, '}');
		put_number(out, *(const uint64_t *)((const char *)&lag + family->offset));
	}
}

static void write_output_info(const struct family *family, const struct metrics_board *board,
			      struct buf *out)
{
	char copy[METRICS_NAME_BYTES];

	for (uint32_t i = 0; i < output_count(board); i++) {
		const struct metrics_output *output = &board->forwarder.output[i];

		put_output(family, output, out);
		buf_putc(out, ',');
		put_label(out, "type", metrics_text(output->type, copy, sizeof(copy)));
		buf_lit(out, "} 1\n");
	}
}

static void write_output_state(const struct family *family, const struct metrics_board *board,
			       struct buf *out)
{
	for (uint32_t i = 0; i < output_count(board); i++) {
		const struct metrics_output *output = &board->forwarder.output[i];
		uint64_t now = metric_get(&output->state);

		for (uint64_t state = 0; state < METRICS_OUTPUT_STATES; state++) {
			put_output(family, output, out);
			buf_putc(out, ',');
			put_label(out, "state", str_of(metrics_state_name(state)));
			buf_putc(out, '}');
			put_number(out, now == state);
		}
	}
}

static const struct shape value = { "", write_value };
static const struct shape seconds = { "", write_seconds };
static const struct shape build = { "version", write_build };
static const struct shape by_kind = { "kind", write_by_kind };
static const struct shape by_kind_and_cause = { "kind, cause", write_by_kind_and_cause };
static const struct shape of_output = { "output", write_output_value };
static const struct shape of_output_seconds = { "output", write_output_seconds };
static const struct shape of_output_lag = { "output", write_output_lag };
static const struct shape of_output_info = { "output, type", write_output_info };
static const struct shape of_output_state = { "output, state", write_output_state };

/* ---- the table ---- */

#define COLLECTOR(field) offsetof(struct metrics_board, collector.field)
#define FORWARDER(field) offsetof(struct metrics_board, forwarder.field)
#define OUTPUT(field)	 offsetof(struct metrics_output, field)
#define LAG(field)	 offsetof(struct metrics_lag, field)

/* clang-format off */
static const struct family families[] = {
	{ "Events", "weir_events_captured_total", COUNTER, &by_kind, COLLECTOR(captured),
	  "Events that the sensor saw, those it could not hand over included, and weir's own." },
	{ NULL, "weir_events_journaled_total", COUNTER, &by_kind, COLLECTOR(journaled),
	  "Events written to the journal." },
	{ NULL, "weir_events_filtered_total", COUNTER, &by_kind, COLLECTOR(filtered),
	  "Events that the configuration does not want." },
	{ NULL, "weir_events_limited_total", COUNTER, &by_kind, COLLECTOR(limited),
	  "Events that a rate limit took; a weir_loss event reports them." },
	{ NULL, "weir_events_lost_total", COUNTER, &by_kind_and_cause, COLLECTOR(lost),
	  "Events that were lost, by cause; a weir_loss event reports them." },

	{ "Journal", "weir_journal_written_bytes_total", COUNTER, &value, COLLECTOR(journal_bytes),
	  "Bytes written to the journal, frames and seals included." },
	{ NULL, "weir_journal_size_bytes", GAUGE, &value, COLLECTOR(journal_size_bytes),
	  "Size of all segments on disk." },
	{ NULL, "weir_journal_segments", GAUGE, &value, COLLECTOR(journal_segments),
	  "Segments on disk." },
	{ NULL, "weir_journal_memory_bytes", GAUGE, &value, COLLECTOR(journal_memory_bytes),
	  "Bytes that wait in memory for the disk." },
	{ NULL, "weir_journal_syncs_total", COUNTER, &value, COLLECTOR(journal_syncs),
	  "Times that the journal was made durable." },
	{ NULL, "weir_journal_write_errors_total", COUNTER, &value,
	  COLLECTOR(journal_write_errors),
	  "Writes and syncs that the disk refused; they are tried again from memory." },
	{ NULL, "weir_journal_dropped_records_total", COUNTER, &value,
	  COLLECTOR(journal_dropped_records),
	  "Records removed by the limits on size and age, read or not; what an output had not read "
	  "counts as missed there." },
	{ NULL, "weir_journal_first_sequence", GAUGE, &value, COLLECTOR(journal_first_seq),
	  "Sequence number of the oldest record on disk; 0: none." },
	{ NULL, "weir_journal_last_sequence", GAUGE, &value, COLLECTOR(journal_last_seq),
	  "Sequence number of the newest record; 0: none." },

	{ "Kernel side", "weir_ring_size_bytes", GAUGE, &value, COLLECTOR(ring_bytes),
	  "Size of the ring buffer between kernel and collector." },
	{ NULL, "weir_ring_used_max_bytes", GAUGE, &value, COLLECTOR(ring_used_max_bytes),
	  "Most bytes that waited in the ring since the start, looked at every second." },
	{ NULL, "weir_ring_drains_total", COUNTER, &value, COLLECTOR(ring_drains),
	  "Times that the ring was drained." },
	{ NULL, "weir_ring_records_total", COUNTER, &value, COLLECTOR(ring_records),
	  "Records taken from the ring, those that feed the process table only included." },
	{ NULL, "weir_task_map_full_total", COUNTER, &value, COLLECTOR(task_map_full),
	  "Processes that the kernel's task map had no room to remember. Their events are there, "
	  "but name no parent." },
	{ NULL, "weir_task_map_busy_total", COUNTER, &value, COLLECTOR(task_map_busy),
	  "Processes that the kernel's task map had room for, but could not remember: one of its "
	  "locks was not to be had. Their events are there, but name no parent." },
	{ NULL, "weir_socket_owner_unknown_total", COUNTER, &value, COLLECTOR(socket_unknown),
	  "Sockets whose owner could not be remembered. Their events are there, but may name no "
	  "process." },

	{ "Process table", "weir_processes", GAUGE, &value, COLLECTOR(processes),
	  "Processes in the table, ended ones that are still referred to included." },
	{ NULL, "weir_process_images", GAUGE, &value, COLLECTOR(process_images),
	  "Images (what an execve made) in the table; processes that only forked share one." },
	{ NULL, "weir_process_table_bytes", GAUGE, &value, COLLECTOR(process_bytes),
	  "Memory of the table and of what it keeps encoded." },
	{ NULL, "weir_process_evictions_total", COUNTER, &value, COLLECTOR(process_evictions),
	  "Processes that left the table to keep it in its bounds while an event might still have "
	  "asked for them." },
	{ NULL, "weir_process_lookups_missed_total", COUNTER, &value,
	  COLLECTOR(process_lookups_missed),
	  "Lookups that found no process; the event then says that its process is not known." },
	{ NULL, "weir_process_rescans_total", COUNTER, &value, COLLECTOR(process_rescans),
	  "Times that the table was compared with what runs, after records of starts or ends were "
	  "lost." },
	{ NULL, "weir_processes_gone_total", COUNTER, &value, COLLECTOR(processes_gone),
	  "Processes that such a comparison showed to have ended." },
	{ NULL, "weir_processes_found_total", COUNTER, &value, COLLECTOR(processes_found),
	  "Processes that such a comparison showed to run, and that were not known." },

	{ "Redaction", "weir_redaction_replaced_total", COUNTER, &value,
	  COLLECTOR(redaction_replaced), "Pieces of text that a redaction rule replaced." },
	{ NULL, "weir_redaction_failed_total", COUNTER, &value, COLLECTOR(redaction_failed),
	  "Fields masked whole because a rule could not be evaluated." },

	{ "Outputs", "weir_output_info", GAUGE, &of_output_info, 0,
	  "Always 1; tells which type an output is of." },
	{ NULL, "weir_output_state", GAUGE, &of_output_state, OUTPUT(state),
	  "1 for the state that the output is in: starting, up, waiting (its peer is gone, tried "
	  "again with backoff), held (the configuration is at fault, tried slowly) or closed." },
	{ NULL, "weir_output_events_delivered_total", COUNTER, &of_output, OUTPUT(delivered),
	  "Events that the peer acknowledged." },
	{ NULL, "weir_output_delivered_bytes_total", COUNTER, &of_output, OUTPUT(delivered_bytes),
	  "Bytes of the events that the peer acknowledged, as formatted." },
	{ NULL, "weir_output_events_skipped_total", COUNTER, &of_output, OUTPUT(skipped),
	  "Events that this output's own rules leave to others." },
	{ NULL, "weir_output_events_rejected_total", COUNTER, &of_output, OUTPUT(rejected),
	  "Events that the peer refused for good; they are in the dead letters." },
	{ NULL, "weir_output_events_replayed_total", COUNTER, &of_output, OUTPUT(replayed),
	  "Dead letters that were sent again by `weir dead replay` and acknowledged; they stay counted as "
	  "rejected." },
	{ NULL, "weir_output_events_missed_total", COUNTER, &of_output, OUTPUT(missed),
	  "Events that were gone from the journal before this output read them." },
	{ NULL, "weir_output_events_in_flight", GAUGE, &of_output, OUTPUT(in_flight),
	  "Events that were sent and not yet acknowledged." },
	{ NULL, "weir_output_window_batches", GAUGE, &of_output, OUTPUT(window),
	  "Batches that the output may have on their way at once." },
	{ NULL, "weir_output_window_used_batches", GAUGE, &of_output, OUTPUT(window_used),
	  "Batches that it has: being filled, sent, or settled and waiting for older ones." },
	{ NULL, "weir_output_lag_events", GAUGE, &of_output_lag, LAG(events),
	  "Events in the journal that are not settled for this output." },
	{ NULL, "weir_output_lag_bytes", GAUGE, &of_output_lag, LAG(bytes),
	  "Their bytes in the journal, estimated from the mean size there." },
	{ NULL, "weir_output_next_attempt_time_seconds", GAUGE, &of_output_seconds, OUTPUT(retry_wall_ns),
	  "While it waits: when it tries again; 0: it never failed." },
	{ NULL, "weir_output_batches_total", COUNTER, &of_output, OUTPUT(batches),
	  "Batches given to the output, those sent again included." },
	{ NULL, "weir_output_retries_total", COUNTER, &of_output, OUTPUT(retries),
	  "Batches that were sent again." },
	{ NULL, "weir_output_reconnects_total", COUNTER, &of_output, OUTPUT(reconnects),
	  "Times that the output was opened anew after its peer was gone." },
	{ NULL, "weir_output_acked_sequence", GAUGE, &of_output, OUTPUT(acked_seq),
	  "Sequence number up to which everything is settled: the cursor." },
	{ NULL, "weir_output_acked_event_time_seconds", GAUGE, &of_output_seconds,
	  OUTPUT(acked_wall_ns), "Time of the event at the cursor; 0: none yet." },
	{ NULL, "weir_output_last_error_time_seconds", GAUGE, &of_output_seconds,
	  OUTPUT(last_error_wall_ns), "When the output last failed; 0: never. `weir status` says why." },

	{ "Weir itself", "weir_build_info", GAUGE, &build, 0, "Always 1; tells the version." },
	{ NULL, "weir_start_time_seconds", GAUGE, &seconds, COLLECTOR(start_wall_ns),
	  "When the collector started." },
	{ NULL, "weir_collector_resident_bytes", GAUGE, &value, COLLECTOR(resident_bytes),
	  "Resident memory of the collector." },
	{ NULL, "weir_forwarder_resident_bytes", GAUGE, &value, FORWARDER(resident_bytes),
	  "Resident memory of the forwarder." },
	{ NULL, "weir_forwarder_starts_total", COUNTER, &value, COLLECTOR(forwarder_starts),
	  "Times that the forwarder was started; more than 1: it ended and was started again." },
	{ NULL, "weir_forwarder_ready", GAUGE, &value, FORWARDER(ready),
	  "1 once the forwarder has opened every output." },
	{ NULL, "weir_config_reloads_total", COUNTER, &value, COLLECTOR(config_reloads),
	  "Reloads that took effect." },
	{ NULL, "weir_config_refusals_total", COUNTER, &value, COLLECTOR(config_refusals),
	  "Reloads that were refused; what ran went on running." },
};
/* clang-format on */

/* ---- the page and the manual ---- */

static const char *type_name(enum metric_type type)
{
	return type == COUNTER ? "counter" : "gauge";
}

void metrics_write_prometheus(const struct metrics_board *board, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		const struct family *family = &families[i];

		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help,
			   family->name, type_name(family->type));
		family->shape->write(family, board, out);
	}
}

static void write_manual_head(struct buf *out)
{
	buf_lit(out,
		"# Metrics\n\n"
		"Written by `weir manual metrics` from the table in `pipeline/metrics_page.c`; "
		"`./dev docs` writes it anew.\n\n"
		"`weir run` serves these in the Prometheus text format on the address set by "
		"`metrics.listen`, at `/metrics`. Counters start at 0 with the collector and "
		"outlive the forwarder. For every kind\n\n"
		"    captured = journaled + filtered + limited + sum over the causes of lost\n\n"
		"and for every output, over the records it has come by,\n\n"
		"    journaled = delivered + skipped + rejected + missed + still to be read\n\n"
		"How far an output lags behind, in events:\n\n"
		"    weir_journal_last_sequence - on(instance) group_right weir_output_acked_sequence\n\n"
		"The values are read one after the other while weir goes on counting: on a busy host the "
		"lines of one page may be some events apart; `weir_stop` has them at rest.\n\n"
		"The kind `none` counts records that are no event by themselves: a fork, which feeds "
		"the process table, is captured and counts as filtered; a record that could not be "
		"decoded is lost.\n");
}

void metrics_write_manual(struct buf *out)
{
	write_manual_head(out);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		const struct family *family = &families[i];

		if (family->section)
			buf_printf(out,
				   "\n## %s\n\n| metric | type | labels | meaning |\n"
				   "|---|---|---|---|\n",
				   family->section);
		buf_printf(out, "| `%s` | %s | %s | %s |\n", family->name, type_name(family->type),
			   family->shape->labels, family->help);
	}
}
