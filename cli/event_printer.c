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
	char list[256];
	struct buf known = buf_fixed(list, sizeof(list));
	size_t n = 0;

	for (const struct format *const *f = formats; *f && n < ARRAY_SIZE(names); f++) {
		if ((*f)->is_binary)
			continue;
		buf_printf(&known, "%s%s", n ? ", " : "", (*f)->name);
		names[n++] = (*f)->name;
	}
	nearest = config_nearest(str_of(name), names, n);
	if (nearest)
		verb_complain(verb, "no format '%s'; did you mean '%s'?", name, nearest);
	else
		verb_complain(verb, "no format '%s'; there are %.*s", name, (int)known.len, list);
}

const struct format *event_printer_find_format(const struct verb *verb, const char *name)
{
	const struct format *format = format_by_name(name);

	if (format && !format->is_binary)
		return format;
	if (format)
		verb_complain(verb, "%s is not for lines", name);
	else
		refuse_format(verb, name);
	return NULL;
}

bool event_printer_open(struct event_printer *printer, const struct verb *verb, const char *name,
			const char *otherwise, FILE *to)
{
	const struct format *format = event_printer_find_format(verb, name ?: otherwise);

	*printer = (struct event_printer){
		.verb = verb,
		.to = to,
		.line = buf_growable(LINE_MAX_BYTES),
	};
	if (format && formatter_open(format, &printer->formatter) < 0)
		verb_complain(verb, "out of memory");
	return printer->formatter;
}

void event_printer_write(struct event_printer *printer, const struct journal_record *record)
{
	struct buf *line = &printer->line;
	int err;

	buf_reset(line);
	err = formatter_write(printer->formatter, record, line);
	buf_putc(line, '\n');
	if (err || !buf_ok(line)) {
		verb_complain(printer->verb, "event %" PRIu64 " can't be written as %s",
			      record->seq, formatter_format(printer->formatter)->name);
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
	formatter_close(&printer->formatter);
	buf_free(&printer->line);
}
