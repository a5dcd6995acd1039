/* outputs/mapping_internal.h: what the parts of outputs/mapping.c share: the table made ready
 * (mapping_compile.c), the run over one event (mapping.c) and the conversions (mapping_values.c).
 */
#pragma once

#include "outputs/json_token.h"
#include "outputs/mapping.h"

#define MAPPING_MAX_FIELDS 128u
#define MAPPING_MAX_LEVELS 16u
#define MAPPING_NO_FIELD   -1

/* The members of the event that the table takes, as a tree. */
struct field_node {
	char *name;
	size_t name_bytes;
	uint64_t begin; /* the first eight bytes of the name, zeros behind it */
	int field;	/* number of its value in a run; MAPPING_NO_FIELD: only what is in it */
	struct field_node *children;
	size_t count;
};

struct template_piece {
	struct str text;  /* as the target has it */
	int field;	  /* written behind the text; MAPPING_NO_FIELD: none */
	bool is_optional; /* the text is written with the field only */
};

enum step_type {
	STEP_OPEN,  /* an object begins */
	STEP_CLOSE, /* and ends: it is taken back when no value of the event came into it */
	STEP_TEXT,  /* fields that are the same in every event */
	STEP_VALUE,
};

struct step {
	enum step_type type;
	enum mapping_conversion conversion;
	struct str text; /* VALUE, OPEN: the name and what follows it; TEXT: the fields */
	int fields[3];
	const struct mapping_choice *choices;
	struct str otherwise;
	struct template_piece *pieces;
	size_t piece_count;
};

struct program {
	struct str header;
	struct step *steps;
	size_t count;
};

struct mapping_text {
	struct mapping_text *next;
	char bytes[];
};

struct mapping {
	const struct schema *schema;
	struct field_node event;  /* the kind's object */
	struct field_node beside; /* what stands beside it */
	size_t field_count;
	int signal, error, role, refused; /* fields that tell the cases of a kind apart */
	struct program programs[EVENT_CASES];
	struct mapping_text *texts; /* what the steps point to */
};

/* One event on its way. */
struct mapping_run {
	const struct mapping_style *style;
	const struct journal_record *record;
	struct buf *out;
	bool is_first;	      /* nothing stands before the next field in its object */
	bool is_malformed;    /* a member is not of the type that it has in every event */
	unsigned int written; /* values of the event so far */
	struct json_token values[MAPPING_MAX_FIELDS];
};

/* Writes the value of a step; false: the event has none, what was written is to be taken back. */
typedef bool (*mapping_writer)(struct mapping_run *run, const struct step *step);
extern const mapping_writer mapping_writers[MAP_CONVERSIONS];

/* Enters all members that an event can have, and takes those that tell its case. */
WARN_UNUSED int mapping_enter_members(struct mapping *mapping);
/* The number of the member's value in a run; path: as `source` of a row. */
WARN_UNUSED int mapping_take_member(struct mapping *mapping, struct str path, int *field_r);
/* Makes programs and field tree from the schema's table and the changes. */
WARN_UNUSED int mapping_compile(struct mapping *mapping, const struct format_changes *changes,
				struct errmsg *em);
