/* cli/replay.c: `weir replay`: a range of the journal once more, with the ids it had. */
#include "cli/event_printer.h"
#include "cli/locate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct replay_options {
	struct locate locate;
	struct option_number from, to;
	const char *file, *format;
};

static const struct option options[] = {
	{ "from", 0, OPTION_NUMBER, offsetof(struct replay_options, from), "SEQ",
	  "First sequence number (the oldest there is)." },
	{ "to", 0, OPTION_NUMBER, offsetof(struct replay_options, to), "SEQ",
	  "Last sequence number (the newest there is when it starts)." },
	{ "output", 'o', OPTION_TEXT, offsetof(struct replay_options, file), "FILE",
	  "Write to this new file instead of standard output. A file that exists is left alone." },
	{ "format", 0, OPTION_TEXT, offsetof(struct replay_options, format), "NAME",
	  "json (the default) or another format of the outputs." },
	LOCATE_JOURNAL(struct replay_options, locate),
	LOCATE_CONFIG(struct replay_options, locate),
	OPTION_END,
};

/* What was written. */
struct replayed {
	uint64_t first, last;
};

/* Up to `to`; 0: nothing. */
static enum exit_code copy_range(struct event_printer *printer, struct journal_reader *reader,
				 uint64_t to, struct replayed *done)
{
	while (done->last < to) {
		struct journal_record record;
		struct journal_loss loss;
		struct errmsg em;
		enum journal_read read = journal_reader_next(reader, &record, &loss, &em);

		if (read == JOURNAL_READ_ERROR) {
			verb_complain(printer->verb, "%s", em.text);
			return EXIT_FAILED;
		}
		if (read == JOURNAL_READ_END || (read == JOURNAL_READ_RECORD && record.seq > to))
			break;
		if (read == JOURNAL_READ_LOSS) {
			if (loss.first_seq <= to)
				event_printer_loss(printer, &loss);
			continue;
		}
		event_printer_write(printer, &record);
		done->first = done->first ?: record.seq;
		done->last = record.seq;
	}
	return event_printer_flush(printer) ? EXIT_OK : EXIT_FAILED;
}

static void tell(const struct event_printer *printer, const struct replayed *done)
{
	if (printer->printed)
		verb_complain(printer->verb,
			      "%" PRIu64 " events, sequence numbers %" PRIu64 " to %" PRIu64,
			      printer->printed, done->first, done->last);
	else
		verb_complain(printer->verb, "no events in that range");
}

static enum exit_code replay(const struct replay_options *o, const char *directory,
			     struct event_printer *printer)
{
	struct journal_reader *reader = NULL;
	struct replayed done = { 0 };
	uint64_t from = o->from.value, to = o->to.value, newest;
	struct errmsg em;
	enum exit_code code;

	if (journal_reader_open(directory, from ? from - 1 : 0, &reader, &em) < 0) {
		verb_complain(printer->verb, "%s", em.text);
		return EXIT_FAILED;
	}
	/* What comes while it runs is not part of it: it ends. */
	newest = journal_reader_newest(reader);
	if (!o->to.given || to > newest)
		to = newest;
	/* A reader that is asked to start behind the newest event would start with the oldest. */
	code = copy_range(printer, reader, from > newest ? 0 : to, &done);
	journal_reader_close(&reader);
	tell(printer, &done);
	return code == EXIT_OK && printer->lost ? EXIT_FAILED : code;
}

static FILE *open_output(const struct verb *verb, const char *path)
{
	FILE *to = NULL;
	int fd;

	if (!path)
		return stdout;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		to = fdopen(fd, "w");
	if (!to)
		verb_complain(verb, "%s: %s", path, strerror(errno));
	if (!to && fd >= 0)
		close(fd);
	return to;
}

static enum exit_code replay_to(const struct verb *verb, const struct replay_options *o,
				const char *directory)
{
	struct event_printer printer;
	enum exit_code code = EXIT_USAGE;
	FILE *to;

	if (!event_printer_open(&printer, verb, o->format, "json", NULL))
		return EXIT_USAGE;
	to = open_output(verb, o->file);
	if (!to) {
		event_printer_close(&printer);
		return EXIT_FAILED;
	}
	printer.to = to;
	code = replay(o, directory, &printer);
	event_printer_close(&printer);
	if (to != stdout && fclose(to) != 0 && code == EXIT_OK) {
		verb_complain(verb, "%s: %s", o->file, strerror(errno));
		code = EXIT_FAILED;
	}
	return code;
}

static enum exit_code run_replay(const struct verb *verb, int argc, char **argv)
{
	struct replay_options o = { 0 };
	char *directory = NULL;
	enum exit_code code;

	if (verb_parse(verb, &argc, argv, &o, 0, 0) < 0)
		return EXIT_USAGE;
	if (o.from.given && o.to.given && o.from.value > o.to.value) {
		verb_complain(verb, "--from %" PRIu64 " is behind --to %" PRIu64, o.from.value,
			      o.to.value);
		return EXIT_USAGE;
	}
	code = locate_journal(verb, &o.locate, &directory);
	if (code == EXIT_OK)
		code = replay_to(verb, &o, directory);
	free(directory);
	return code;
}

static const struct verb_exit exits[] = {
	{ EXIT_FAILED,
	  "or: part of the range is gone from the journal; what is there was written" },
	{ EXIT_CONFIG, "the configuration given with --config is wrong" },
	{ 0, NULL },
};

const struct verb verb_replay = {
	.name = "replay",
	.summary = "write a range of the journal again, with the same ids",
	.usage = "[--from SEQ] [--to SEQ] [--output FILE]",
	.about =
		"Writes the events from --from to --to once more, each with the boot id and "
		"sequence number\nthat it had, so a consumer drops what it has already. It ends at "
		"--to, or at what was the\nnewest event when it began. No weir needs to run, and a "
		"running one is not disturbed:\nits outputs' cursors stay where they are.\n\n"
		"How many events were written, and what is missing, is said on standard error.",
	.examples = "  weir replay --from 1000 --to 1999\n"
		    "  weir replay --from 4711 --output again.json\n",
	.options = options,
	.exits = exits,
	.run = run_replay,
};
