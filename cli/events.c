/* cli/events.c: `weir events`: the journal for a person or a script. It needs no running weir and
 * takes no lock: it reads what is on the disk. */
#include "base/clock.h"
#include "cli/event_filter.h"
#include "cli/event_printer.h"
#include "cli/locate.h"
#include "cli/since.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_INTERVAL_NS (50 * NSEC_PER_MSEC)
#define LAST_MAX	 1000000u

struct events_options {
	struct locate locate;
	struct option_texts filters;
	struct option_number last;
	const char *since, *format;
	bool follow;
};

static const struct option options[] = {
	{ "follow", 'f', OPTION_FLAG, offsetof(struct events_options, follow), NULL,
	  "Go on with new events as they come, until interrupted. Without --since and -n it "
	  "begins with what comes next." },
	{ "since", 0, OPTION_TEXT, offsetof(struct events_options, since), "WHEN",
	  "Begin there: 10m (ago), 2026-03-01T08:00:00Z, or a sequence number." },
	{ "last", 'n', OPTION_NUMBER, offsetof(struct events_options, last), "N",
	  "Only the last N that match (at most 1000000)." },
	{ "filter", 0, OPTION_TEXTS, offsetof(struct events_options, filters), "KEY=VALUE",
	  "Only events for which this holds; see above. May be given again." },
	{ "format", 0, OPTION_TEXT, offsetof(struct events_options, format), "NAME",
	  "json, compact or compact-color. Default: compact-color on a terminal, else json." },
	LOCATE_JOURNAL(struct events_options, locate),
	LOCATE_CONFIG(struct events_options, locate),
	OPTION_END,
};

/* What one run works with. */
struct events_run {
	const struct verb *verb;
	const char *directory;
	struct since since;
	bool follow, from_now;
	uint64_t last; /* 0: all */
	struct event_filter *filter;
	struct event_printer printer;
	struct journal_reader *reader;
};

static bool is_wanted(const struct events_run *run, const struct journal_record *record)
{
	if (run->since.kind == SINCE_TIME && record->time_wall_ns < run->since.wall_ns)
		return false;
	/* A reader that is asked to start behind the newest event starts with the oldest. */
	if (run->since.kind == SINCE_SEQ && record->seq < run->since.seq)
		return false;
	return event_filter_matches(run->filter, record);
}

static int open_reader(struct events_run *run, uint64_t first_seq)
{
	uint64_t after = first_seq ? first_seq - 1 : 0;
	struct errmsg em;
	int err;

	err = run->from_now ? journal_reader_open_end(run->directory, &run->reader, &em)
			    : journal_reader_open(run->directory, after, &run->reader, &em);
	if (err)
		verb_complain(run->verb, "%s", em.text);
	return err;
}

/* The sequence number of the Nth last event that is wanted: a ring of numbers, no event is kept. */
static int find_last(struct events_run *run, uint64_t *first_seq_r)
{
	uint64_t *ring = calloc(run->last, sizeof(*ring)), n = 0;
	struct journal_record record;
	struct journal_loss loss;
	enum journal_read read = JOURNAL_READ_LOSS;
	struct errmsg em = { "out of memory" };

	while (ring && (read == JOURNAL_READ_RECORD || read == JOURNAL_READ_LOSS)) {
		read = journal_reader_next(run->reader, &record, &loss, &em);
		if (read == JOURNAL_READ_RECORD && is_wanted(run, &record))
			ring[n++ % run->last] = record.seq;
	}
	journal_reader_close(&run->reader);
	if (!ring || read == JOURNAL_READ_ERROR) {
		verb_complain(run->verb, "%s", em.text);
		free(ring);
		return -1;
	}
	if (n > 0)
		*first_seq_r = ring[n < run->last ? 0 : n % run->last];
	free(ring);
	return 0;
}

static void wait_for_more(void)
{
	const struct timespec interval = { .tv_nsec = POLL_INTERVAL_NS };

	nanosleep(&interval, NULL);
}

static enum exit_code print_all(struct events_run *run)
{
	for (;;) {
		struct journal_record record;
		struct journal_loss loss;
		struct errmsg em;

		switch (journal_reader_next(run->reader, &record, &loss, &em)) {
		case JOURNAL_READ_RECORD:
			if (is_wanted(run, &record))
				event_printer_write(&run->printer, &record);
			break;
		case JOURNAL_READ_LOSS:
			event_printer_loss(&run->printer, &loss);
			break;
		case JOURNAL_READ_END:
			if (!event_printer_flush(&run->printer))
				return EXIT_FAILED;
			if (!run->follow)
				return EXIT_OK;
			wait_for_more();
			break;
		case JOURNAL_READ_ERROR:
			verb_complain(run->verb, "%s", em.text);
			return EXIT_FAILED;
		}
	}
}

static enum exit_code print_events(struct events_run *run)
{
	uint64_t first_seq = run->since.kind == SINCE_SEQ ? run->since.seq : 0;

	if (open_reader(run, first_seq) < 0)
		return EXIT_FAILED;
	if (run->last && (find_last(run, &first_seq) < 0 || open_reader(run, first_seq) < 0))
		return EXIT_FAILED;
	return print_all(run);
}

static int prepare(struct events_run *run, const struct events_options *o)
{
	struct clock clock;
	struct errmsg em;
	int err = 0;

	clock_init(&clock);
	if (o->since)
		err = since_parse(o->since, clock_wall_ns(&clock), &run->since, &em);
	if (!err && o->last.given && (o->last.value == 0 || o->last.value > LAST_MAX)) {
		errmsg_set(&em, "-n: write 1 to %u", LAST_MAX);
		err = -1;
	}
	if (!err)
		err = event_filter_create(o->filters.v, o->filters.n, &run->filter, &em);
	if (err)
		verb_complain(run->verb, "%s", em.text);
	else if (!event_printer_open(&run->printer, run->verb, o->format,
				     isatty(STDOUT_FILENO) ? "compact-color" : "json", stdout))
		err = -1;
	return err;
}

static enum exit_code run_events(const struct verb *verb, int argc, char **argv)
{
	struct events_options o = { 0 };
	struct events_run run = { .verb = verb };
	enum exit_code code;
	char *directory = NULL;

	if (verb_parse(verb, &argc, argv, &o, 0, 0) < 0)
		return EXIT_USAGE;
	run.follow = o.follow;
	run.last = o.last.value;
	run.from_now = o.follow && !o.since && !o.last.given;
	if (prepare(&run, &o) < 0) {
		event_filter_free(&run.filter);
		return EXIT_USAGE;
	}
	code = locate_journal(verb, &o.locate, &directory);
	run.directory = directory;
	if (code == EXIT_OK)
		code = print_events(&run);
	journal_reader_close(&run.reader);
	event_printer_close(&run.printer);
	event_filter_free(&run.filter);
	free(directory);
	return code;
}

static const struct verb_exit exits[] = {
	{ EXIT_CONFIG, "the configuration given with --config is wrong" },
	{ 0, NULL },
};

const struct verb verb_events = {
	.name = "events",
	.summary = "show events from the journal, old ones and (-f) new ones",
	.usage = "[-f] [--since WHEN] [-n N] [--filter KEY=VALUE]...",
	.about = "Prints the events in the journal, oldest first, one per line. No weir needs to "
		 "run.\nWhat is missing in the journal is said on standard error.\n\n"
		 "A filter is KEY=VALUE or KEY!=VALUE. Filters with different keys must all hold, "
		 "of those\nwith the same key one must; one with != takes events out. Keys:\n"
		 "  event      kind of event: process_exec, process_exit, process_connect, ...\n"
		 "  pid        process id\n"
		 "  binary     regular expression (PCRE2) on the binary's path\n"
		 "  arguments  regular expression on the arguments\n"
		 "  parent     regular expression on the parent's binary\n"
		 "  container  regular expression on the container's id\n"
		 "  policy     name of the policy\n"
		 "Tetragon's names for them (event_set, binary_regex, ...) are understood too.",
	.examples = "  weir events -f --format compact\n"
		    "  weir events --since 10m --filter event=process_connect --filter "
		    "'binary=/curl$'\n"
		    "  weir events -n 20 --filter 'binary!=^/usr/lib/'\n"
		    "  weir events --since 4711 | jq .process_exec.process.binary\n",
	.options = options,
	.exits = exits,
	.run = run_events,
};
