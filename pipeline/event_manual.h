/* pipeline/event_manual.h: what every member of an event means, as one table. docs/events.md is
 * written from it, and a test holds it against what the encoder writes. */
#pragma once

#include "base/buf.h"

enum event_section {
	SECTION_ENVELOPE,
	SECTION_PROCESS, /* of process, parent and each of ancestors */
	SECTION_EXEC,
	SECTION_EXIT,
	SECTION_TCP,
	SECTION_LOSS,
	SECTION_NOTICE,
	SECTION_WEIR,
	EVENT_SECTIONS,
};

struct event_member {
	enum event_section section;
	const char *path; /* below the section's object: "." enters an object, "[]" a list, "*" any
			     name */
	const char *type;
	const char *help;
};

extern const struct event_member event_members[];
extern const size_t event_members_count;

/* docs/events.md */
void events_write_manual(struct buf *out);
