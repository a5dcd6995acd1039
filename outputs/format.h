/* outputs/format.h: a format is a function from one journal record to bytes. It knows no
 * destination and no framing: what ends an event on the wire (a newline, a count) is the
 * destination's. Listed in outputs/formats.c. No byte of an event can end or forge a frame: every
 * format says in its file how it makes sure. */
#pragma once

#include "base/buf.h"
#include "base/errmsg.h"
#include "pipeline/journal_reader.h"

#include <stdbool.h>

struct config_node;
struct format_changes;
struct formatter;
struct schema;

struct format {
	const char *name;
	const char *help;
	const char *content_type;
	bool is_canonical; /* the bytes are the record's own JSON */
	bool is_binary;	   /* may hold newlines: for outputs that count bytes */
	/* One that maps the event to somebody else's fields is a table and nothing else
	 * (outputs/mapping.h). */
	const struct schema *schema;
	/* The others: appends the event. -EINVAL: this record can't be expressed. */
	WARN_UNUSED int (*write)(const struct journal_record *record, struct buf *out);
	/* Of these, whose fields a user may rename, drop and add by their path in the event: the
	 * record given to write() is then the changed one. */
	bool has_paths;
};

/* All formats there are, ended by NULL. */
extern const struct format *const formats[];
const struct format *format_by_name(const char *name);

/* A format made ready for one output: with the changes that its configuration makes to the fields.
 * Made and freed by the output's settings (or by who prints events), used on one thread. */
WARN_UNUSED int formatter_open(const struct format *format, struct formatter **formatter_r);
/* From the configuration: the name of a format, or a mapping with name, rename, drop and add. What
 * is wrong is refused with its place. `automatic` is what "auto" means. */
WARN_UNUSED int formatter_read(const struct config_node *node, const struct format *automatic,
			       struct formatter **formatter_r, struct errmsg *em);
void formatter_close(struct formatter **formatter);

const struct format *formatter_format(const struct formatter *formatter);
/* The bytes are the record's own JSON: the format's are, and nothing is changed. */
bool formatter_is_canonical(const struct formatter *formatter);
/* Appends the event. -EINVAL: this record can't be expressed (goes to the dead letters); what was
 * appended is the caller's to take back. */
WARN_UNUSED int formatter_write(struct formatter *formatter, const struct journal_record *record,
				struct buf *out);

/* docs/outputs/formats.md */
void formats_write_manual(struct buf *out);
