#include "cli/event_printer.h"

#include "config/config.h"
#include "pipeline/encode_json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* A format may need more room than the event's JSON: every byte of it escaped. */
#define LINE_MAX_BYTES (8u * ENCODE_MAX_BYTES)

static void refuse_format(const struct verb *verb, const char *name)
{
	const char *names[64], *nearest;
	size_t n = 0;

	for (const struct format *const *f = formats; *f && n < ARRAY_SIZE(names); f++)
		names[n++] = (*f)->name;
	nearest = config_nearest(str_of(name), names, n);
	if (nearest)
		verb_complain(verb, "no format '%s'; did you mean '%s'?", name, nearest);
	else
		verb_complain(verb, "no format '%s'; json and compact are two", name);
}

bool event_printer_open(struct event_printer *printer, const struct verb *verb, const char *name,
			const char *otherwise, FILE *to)
{
	*printer = (struct event_printer){
		.verb = verb,
		.format = format_by_name(name ?: otherwise),
		.to = to,
		.line = buf_growable(LINE_MAX_BYTES),
	};
	if (!printer->format)
		refuse_format(verb, name ?: otherwise);
	return printer->format;
}

void event_printer_write(struct event_printer *printer, const struct journal_record *record)
{
	struct buf *line = &printer->line;
	int err;

	buf_reset(line);
	err = printer->format->write(record, line);
	buf_putc(line, '\n');
	if (err || !buf_ok(line)) {
		verb_complain(printer->verb, "event %" PRIu64 " can't be written as %s",
			      record->seq, printer->format->name);
		printer->lost++;
		return;
	}
	fwrite(line->p, 1, line->len, printer->to);
	printer->printed++;
}

void event_printer_loss(struct event_printer *printer, const struct journal_loss *loss)
{
	char count[48] = "events";

	printer->lost++;
	if (loss->count)
		snprintf(count, sizeof(count), "%" PRIu64 " event%s", loss->count,
			 loss->count == 1 ? "" : "s");
	if (loss->last_seq)
		verb_complain(printer->verb,
			      "%s missing (%s): sequence numbers %" PRIu64 " to %" PRIu64, count,
			      loss_cause_name(loss->cause), loss->first_seq, loss->last_seq);
	else
		verb_complain(printer->verb, "%s missing (%s)", count,
			      loss_cause_name(loss->cause));
}

bool event_printer_flush(struct event_printer *printer)
{
	if (fflush(printer->to) == 0 && !ferror(printer->to))
		return true;
	verb_complain(printer->verb, "the events can't be written: %s", strerror(errno));
	return false;
}

void event_printer_close(struct event_printer *printer)
{
	buf_free(&printer->line);
}
