/* cli/event_printer.h: journal records to a stream, one per line, in one of the formats; and what
 * is gone from the journal, in words on standard error. */
#pragma once

#include "base/compiler.h"
#include "cli/verb.h"
#include "outputs/format.h"
#include "pipeline/journal_reader.h"

#include <stdio.h>

/* A format that makes lines of text. NULL: there is none of that name, which is said on stderr. */
const struct format *event_printer_find_format(const struct verb *verb, const char *name);

struct event_printer {
	const struct verb *verb;
	struct formatter *formatter;
	FILE *to;
	struct buf line;
	uint64_t printed, lost; /* lost: gone ranges, and what the format can't express */
};

/* name NULL: `otherwise`. to is borrowed. False: no such format, which is said on stderr. */
WARN_UNUSED bool event_printer_open(struct event_printer *printer, const struct verb *verb,
				    const char *name, const char *otherwise, FILE *to);
void event_printer_write(struct event_printer *printer, const struct journal_record *record);
void event_printer_loss(struct event_printer *printer, const struct journal_loss *loss);
/* Flushes; false when the stream failed, which is said on stderr. */
WARN_UNUSED bool event_printer_flush(struct event_printer *printer);
void event_printer_close(struct event_printer *printer);
