/* cli/trace.c: `weir trace ID`: what became of one event, at each output. */
#include "cli/control_client.h"
#include "cli/dead_store.h"
#include "cli/locate.h"
#include "config/settings.h"
#include "config/value.h"
#include "outputs/output_settings.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define STATUS_TIMEOUT_MS 5000
#define BOOT_ID_BYTES	  36

struct trace_options {
	struct locate locate;
	bool json;
};

static const struct option options[] = {
	{ "json", 0, OPTION_FLAG, offsetof(struct trace_options, json), NULL,
	  "Print one JSON object." },
	LOCATE_SOCKET(struct trace_options, locate),
	LOCATE_CONFIG(struct trace_options, locate),
	OPTION_END,
};

/* What is known: from the journal, the files beside it, and the running weir. */
struct trace {
	const struct verb *verb;
	const struct trace_options *o;
	struct str boot_id; /* of n 0: any */
	uint64_t seq;
	struct settings_document *doc;
	struct outputs_list outputs;
	json_t *status; /* NULL: weir doesn't run */
	json_t *recent; /* the outputs' last batches; NULL: likewise */
	struct journal_reader *reader;
	struct journal_record record; /* the reader's */
	bool is_there;		      /* in the journal */
	struct dead_store letters;
};

static const char *text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name)) ?: "";
}

static uint64_t number(const json_t *object, const char *name)
{
	json_int_t v = json_integer_value(json_object_get(object, name));

	return v > 0 ? (uint64_t)v : 0;
}

/* ---- what is known ---- */

/* "BOOT-SEQ" or "SEQ". */
static bool parse_id(struct trace *trace, const char *id)
{
	const char *digits = id;
	struct str written;

	if (strlen(id) > BOOT_ID_BYTES + 1 && id[BOOT_ID_BYTES] == '-') {
		trace->boot_id = (struct str){ id, BOOT_ID_BYTES };
		digits = id + BOOT_ID_BYTES + 1;
	}
	written = str_of(digits);
	return config_parse_integer(written, &trace->seq) && trace->seq > 0;
}

/* NULL: no answer. That weir doesn't run is no failure here. */
static json_t *ask(const struct trace *trace, const char *path)
{
	const char *given = trace->o->locate.socket;
	struct buf body = buf_growable(CONTROL_RESPONSE_MAX_BYTES);
	struct control_request request = {
		.socket = given ? given : settings_of(trace->doc)->control.socket,
		.method = "GET",
		.path = path,
		.timeout_ms = STATUS_TIMEOUT_MS,
	};
	unsigned int code = 0;
	json_t *answer = NULL;
	struct errmsg em;

	if (control_ask(&request, &code, &body, &em) == CONTROL_ANSWERED && code == 200)
		answer = json_loadb(body.p, body.len, 0, NULL);
	buf_free(&body);
	return answer;
}

static enum exit_code load(struct trace *trace)
{
	struct errmsg em = { "" };
	int err = settings_load(trace->o->locate.config, &trace->doc, &em);

	if (!err)
		err = outputs_list_read(settings_of(trace->doc)->outputs, &trace->outputs, &em);
	if (err) {
		verb_complain(trace->verb, "%s", em.text);
		return EXIT_CONFIG;
	}
	/* The batches first: what they say is settled, the status says, too. */
	trace->recent = ask(trace, "/v1/recent");
	trace->status = ask(trace, "/v1/status");
	return EXIT_OK;
}

static int read_record(struct trace *trace, struct errmsg *em)
{
	struct journal_loss loss;
	enum journal_read read;
	int err = journal_reader_open(settings_of(trace->doc)->journal.directory, trace->seq - 1,
				      &trace->reader, em);

	if (err)
		return err;
	if (journal_reader_newest(trace->reader) < trace->seq) {
		errmsg_set(em, "the journal has no event %" PRIu64 " so far", trace->seq);
		return -ENOENT;
	}
	do
		read = journal_reader_next(trace->reader, &trace->record, &loss, em);
	while (read == JOURNAL_READ_LOSS && loss.last_seq < trace->seq);
	trace->is_there = read == JOURNAL_READ_RECORD && trace->record.seq == trace->seq;
	if (!trace->is_there || trace->boot_id.n == 0 ||
	    str_equal(trace->boot_id, trace->record.boot_id))
		return read == JOURNAL_READ_ERROR ? -EIO : 0;
	errmsg_set(em, "event %" PRIu64 " of this journal is of the boot %.*s", trace->seq,
		   STR_FMT(trace->record.boot_id));
	return -ENOENT;
}

/* Of one of these answers. */
static const json_t *find_output(const json_t *answer, const char *name)
{
	json_t *output;
	size_t i;

	json_array_foreach(json_object_get(answer, "outputs"), i, output)
	{
		if (strcmp(text(output, "name"), name) == 0)
			return output;
	}
	return NULL;
}

/* For when weir doesn't run. */
static uint64_t read_cursor(const struct trace *trace, const char *name)
{
	struct journal_cursor *cursor;
	struct errmsg em;
	char path[PATH_MAX];
	uint64_t seq = 0;

	snprintf(path, sizeof(path), "%s/%s.cursor",
		 settings_of(trace->doc)->forwarder.state_directory, name);
	if (access(path, F_OK) == 0 && journal_cursor_open(path, &cursor, &seq, &em) == 0)
		journal_cursor_close(&cursor);
	return seq;
}

static const json_t *find_batch(const struct trace *trace, const json_t *output)
{
	json_t *batch;
	size_t i;

	json_array_foreach(json_object_get(output, "recent"), i, batch)
	{
		if (number(batch, "first_seq") <= trace->seq &&
		    trace->seq <= number(batch, "last_seq"))
			return batch;
	}
	return NULL;
}

static bool is_letter_of(const struct trace *trace, const struct dead_entry *entry)
{
	struct str written = entry->letter.id;
	uint64_t seq;

	if (written.n <= BOOT_ID_BYTES + 1 ||
	    !config_parse_integer(
		    (struct str){ written.p + BOOT_ID_BYTES + 1, written.n - BOOT_ID_BYTES - 1 },
		    &seq))
		return false;
	return seq == trace->seq &&
	       (trace->boot_id.n == 0 || memcmp(written.p, trace->boot_id.p, BOOT_ID_BYTES) == 0);
}

static const struct dead_letter_line *find_letter(const struct trace *trace, const char *output)
{
	for (size_t i = 0; i < trace->letters.n; i++) {
		const struct dead_entry *entry = &trace->letters.entries[i];

		if (str_equal(entry->letter.output, str_of(output)) && is_letter_of(trace, entry))
			return &entry->letter;
	}
	return NULL;
}

/* ---- what became of it ---- */

static bool is_wanted(const struct trace *trace, const struct output_settings *output)
{
	return !trace->is_there || (output->kinds & 1ull << trace->record.kind &&
				    route_takes(output->route, &trace->record));
}

static void set(json_t *fate, const char *name, const char *value)
{
	if (*value)
		json_object_set_new(fate, name, json_string(value));
}

/* A text that stands in a file of dead letters, escaped. */
static void set_escaped(json_t *fate, const char *name, struct str escaped)
{
	struct buf quoted = buf_growable(1 << 16);
	json_t *value;

	buf_printf(&quoted, "\"%.*s\"", STR_FMT(escaped));
	value = json_loadb(quoted.p, quoted.len, JSON_DECODE_ANY, NULL);
	json_object_set_new(fate, name, value ?: json_string("?"));
	buf_free(&quoted);
}

static void set_batch(json_t *fate, const json_t *batch)
{
	set(fate, "sent", text(batch, "sent"));
	set(fate, "settled", text(batch, "settled"));
	json_object_set_new(fate, "attempts", json_integer((json_int_t)number(batch, "attempts")));
}

/* Behind the cursor. */
static void set_pending(const struct trace *trace, const json_t *status, const json_t *batch,
			json_t *fate)
{
	bool is_settled = *text(batch, "settled");

	if (!trace->is_there) {
		set(fate, "state", "lost");
		set(fate, "detail", "removed from the journal before this output settled it");
	} else if (!batch) {
		set(fate, "state", "queued");
		set(fate, "detail", *text(status, "to_do") ? text(status, "last_error") : "");
	} else {
		set(fate, "state", is_settled ? "acknowledged" : "sent");
		set(fate, "detail", is_settled ? "" : "not acknowledged so far");
		set_batch(fate, batch);
	}
}

static void set_settled(const json_t *batch, json_t *fate)
{
	set(fate, "state", "acknowledged");
	if (batch)
		set_batch(fate, batch);
	else
		set(fate, "detail", "not among the last batches, of which the times are known");
}

static json_t *find_fate(const struct trace *trace, const struct output_settings *output)
{
	const json_t *status = find_output(trace->status, output->name);
	const json_t *batch = find_batch(trace, find_output(trace->recent, output->name));
	uint64_t acked = status ? number(status, "acked_seq") : read_cursor(trace, output->name);
	const struct dead_letter_line *letter = find_letter(trace, output->name);
	json_t *fate = json_object();

	set(fate, "output", output->name);
	if (letter) {
		set(fate, "state", "refused");
		set_escaped(fate, "refused", letter->time);
		set_escaped(fate, "reason", letter->reason);
		json_object_set_new(fate, "attempts", json_integer((json_int_t)letter->attempts));
	} else if (!is_wanted(trace, output)) {
		set(fate, "state", "skipped");
		set(fate, "detail", "by the output's own events, filter or sample");
	} else if (trace->seq > acked) {
		set_pending(trace, status, batch, fate);
	} else {
		set_settled(batch, fate);
	}
	return fate;
}

static json_t *find_fates(const struct trace *trace)
{
	json_t *fates = json_array();

	for (size_t i = 0; i < trace->outputs.n; i++)
		json_array_append_new(fates, find_fate(trace, trace->outputs.v[i]));
	return fates;
}

/* ---- telling ---- */

static void write_fate(const json_t *fate, struct buf *out)
{
	static const char *const parts[] = { "sent", "settled", "refused", "reason" };

	buf_printf(out, "%-16s %-12s", text(fate, "output"), text(fate, "state"));
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (*text(fate, parts[i]))
			buf_printf(out, "  %s %s", parts[i], text(fate, parts[i]));
	if (number(fate, "attempts") > 1)
		buf_printf(out, "  after %" PRIu64 " attempts", number(fate, "attempts"));
	if (*text(fate, "detail"))
		buf_printf(out, "  (%s)", text(fate, "detail"));
	buf_putc(out, '\n');
}

static void write_text(const struct trace *trace, const json_t *fates, struct buf *out)
{
	const struct journal_record *record = &trace->record;
	json_t *fate;
	size_t i;

	if (trace->is_there)
		buf_printf(out, "%.*s-%" PRIu64 ": %s of process %" PRIu32 ", in the journal\n",
			   STR_FMT(record->boot_id), trace->seq, event_kind_name(record->kind),
			   record->pid);
	else
		buf_printf(out, "event %" PRIu64 ": no longer in the journal\n", trace->seq);
	if (!trace->status)
		buf_lit(out, "weir is not running: as its files say\n");
	json_array_foreach(fates, i, fate) write_fate(fate, out);
}

static void write_json(const struct trace *trace, json_t *fates, struct buf *out)
{
	json_t *whole =
		json_pack("{s:I, s:b, s:b, s:O}", "seq", (json_int_t)trace->seq, "in_journal",
			  trace->is_there, "running", trace->status != NULL, "outputs", fates);
	char *dumped = json_dumps(whole, JSON_COMPACT);

	buf_puts(out, str_of(dumped ?: "{}"));
	buf_putc(out, '\n');
	free(dumped);
	json_decref(whole);
}

static enum exit_code tell(const struct trace *trace)
{
	struct buf out = buf_growable(1 << 20);
	json_t *fates = find_fates(trace);

	if (trace->o->json)
		write_json(trace, fates, &out);
	else
		write_text(trace, fates, &out);
	json_decref(fates);
	return verb_print(trace->verb, &out, EXIT_OK);
}

static enum exit_code trace_event(struct trace *trace)
{
	struct errmsg em = { "" };
	enum exit_code code = load(trace);
	int err;

	if (code != EXIT_OK)
		return code;
	err = read_record(trace, &em);
	if (!err)
		err = dead_store_open(settings_of(trace->doc)->forwarder.state_directory, NULL,
				      &trace->letters, &em);
	if (!err)
		return tell(trace);
	verb_complain(trace->verb, "%s", em.text);
	return EXIT_FAILED;
}

static enum exit_code run_trace(const struct verb *verb, int argc, char **argv)
{
	struct trace_options o = { 0 };
	struct trace trace = { .verb = verb, .o = &o };
	enum exit_code code;

	if (verb_parse(verb, &argc, argv, &o, 1, 1) < 0)
		return EXIT_USAGE;
	if (!parse_id(&trace, argv[0])) {
		verb_complain(verb, "'%s' is no event's id: write BOOT_ID-NUMBER, or the number",
			      argv[0]);
		return EXIT_USAGE;
	}
	code = trace_event(&trace);
	dead_store_close(&trace.letters);
	journal_reader_close(&trace.reader);
	json_decref(trace.status);
	json_decref(trace.recent);
	outputs_list_free(&trace.outputs);
	settings_free(&trace.doc);
	return code;
}

static const struct verb_exit exits[] = {
	{ EXIT_CONFIG, "the configuration given with --config is wrong" },
	{ 0, NULL },
};

const struct verb verb_trace = {
	.name = "trace",
	.summary = "what became of one event, at each output",
	.usage = "ID [--json]",
	.about =
		"ID is what consumers see as the event's id, BOOT_ID-NUMBER, or the number alone "
		"(weir.seq).\nFor each output of the configuration:\n"
		"  queued        in the journal, and not sent so far\n"
		"  sent          on its way; not acknowledged\n"
		"  acknowledged  the receiver has it; of the last 512 batches the times are known\n"
		"  refused       for good: it is in the dead letters (weir dead show ID)\n"
		"  skipped       the output's own events, filter or sample leave it out\n"
		"  lost          the journal's limits removed it before this output settled it",
	.examples = "  weir trace 4711\n"
		    "  weir trace --json 4711 | jq '.outputs[] | select(.state != "
		    "\"acknowledged\")'\n",
	.options = options,
	.exits = exits,
	.run = run_trace,
};
