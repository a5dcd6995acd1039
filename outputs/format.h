/* outputs/format.h: a format is a function from one journal record to bytes. It knows no
 * destination and no framing: what ends an event on the wire (a newline, a count) is the
 * destination's. Listed in outputs/formats.c. No byte of an event can end or forge a frame: every
 * format says in its file how it makes sure. */
#pragma once

#include "base/buf.h"
#include "pipeline/journal_reader.h"

#include <stdbool.h>

struct format {
	const char *name;
	const char *help;
	const char *content_type;
	bool is_canonical; /* the bytes are the record's own JSON */
	/* Appends the event. -EINVAL: this record can't be expressed (goes to the dead letters). */
	WARN_UNUSED int (*write)(const struct journal_record *record, struct buf *out);
};

/* All formats there are, ended by NULL. */
extern const struct format *const formats[];
const struct format *format_by_name(const char *name);
