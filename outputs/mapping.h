/* outputs/mapping.h: the schemas of others (OCSF, ECS, CEF ...) as tables. A schema is a list of
 * rows: a field of the target, which events have it, and where its value comes from. Who wants one
 * more field adds a row; the engine behind this header does the rest, for all of them.
 *
 * A mapping is a table made ready for one output, with that output's changes (renamed, dropped,
 * added fields) already in it: one run over the event's JSON picks the values, one over a list of
 * steps writes the fields. It belongs to the output's settings and is used on the forwarder's loop;
 * no memory is allocated for an event. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "pipeline/journal_reader.h"

#include <stdbool.h>
#include <stdint.h>

struct format_changes;

/* What an event can be. The kinds of event, told apart further where a schema needs it: an exit by
 * what ended the process, a connection by its outcome and by which side of it is here. */
enum event_case {
	CASE_EXEC,
	CASE_EXIT,
	CASE_KILLED,
	CASE_CONNECT,
	CASE_REFUSED,
	CASE_FAILED,
	CASE_ACCEPT,
	CASE_LISTEN,
	CASE_CLOSE_CLIENT, /* also when the role is not known */
	CASE_CLOSE_SERVER,
	CASE_CLOSE_LISTENER,
	CASE_LOSS,
	CASE_START,
	CASE_STOP,
	CASE_CONFIG,
	CASE_CONFIG_REFUSED,
	EVENT_CASES,
};

#define ON(name)   (1u << CASE_##name)
#define ON_ENDED   (ON(EXIT) | ON(KILLED))
#define ON_IMAGE   (ON(EXEC) | ON_ENDED)
#define ON_CONNECT (ON(CONNECT) | ON(REFUSED) | ON(FAILED))
#define ON_LISTEN  (ON(LISTEN) | ON(CLOSE_LISTENER))
#define ON_CLOSE   (ON(CLOSE_CLIENT) | ON(CLOSE_SERVER) | ON(CLOSE_LISTENER))
/* The side of a connection that this process has; a listener has the server's. */
#define ON_CLIENT  (ON_CONNECT | ON(CLOSE_CLIENT))
#define ON_SERVER  (ON(ACCEPT) | ON(CLOSE_SERVER) | ON_LISTEN)
#define ON_NETWORK (ON_CLIENT | ON_SERVER)
#define ON_PROCESS (ON_IMAGE | ON_NETWORK)
#define ON_CONFIG  (ON(CONFIG) | ON(CONFIG_REFUSED))
#define ON_SELF	   (ON(START) | ON(STOP) | ON_CONFIG)
#define ON_ALL	   (ON_PROCESS | ON(LOSS) | ON_SELF)

enum mapping_conversion {
	/* From the member of the event that `source` names: */
	MAP_VALUE,	  /* as it is: text, a number or a bool */
	MAP_NUMBER,	  /* 64 bits, which the event has as text, as a number */
	MAP_TEXT,	  /* a number as text */
	MAP_MILLISECONDS, /* a time as milliseconds since 1970 */
	MAP_NS_TO_MS,	  /* nanoseconds as milliseconds */
	MAP_LAST_PART,	  /* what follows the last slash */
	MAP_IPV4,	  /* an address, if it is one of IPv4 */
	MAP_IPV6,
	MAP_JSON,	  /* whatever it is, as JSON */
	MAP_LIST,	  /* a list of strings */
	MAP_ARGUMENTS,	  /* binary, arguments and, where there is one, the exact list, as a list;
			     `source` names the three, with a space between */
	MAP_ENVIRONMENT,  /* a list of "KEY=VALUE" */
	MAP_VARIABLES,	  /* a list of {"name":KEY,"value":VALUE} */
	MAP_CAPABILITIES, /* a list, each with CAP_ in front */
	MAP_CHOICE,	  /* what `choices` says of it */
	/* From the event as a whole: */
	MAP_ID,		   /* boot id and sequence number: outputs/event_id.h */
	MAP_KIND,	   /* process_exec */
	MAP_TIME,	   /* when it happened, RFC 3339 */
	MAP_TIME_MS,	   /* in milliseconds since 1970 */
	MAP_TIME_S,	   /* in seconds since 1970 with three digits of fraction */
	MAP_TEMPLATE,	   /* `text`, with "{member}" put in; "[...{member}...]" is there with the
			      member only */
	MAP_CONSTANT,	   /* `text` */
	MAP_CONSTANT_JSON, /* `text` is a number, a bool or a list as JSON has it */
	MAP_CONVERSIONS,
};

struct mapping_choice {
	const char *value;  /* "": the member is not there; NULL, the last: any other */
	const char *result; /* as the target's text has it, so with quotes in JSON */
};

struct mapping_row {
	const char *target; /* with dots for objects in objects */
	uint32_t cases;	    /* bits, ON() */
	enum mapping_conversion conversion;
	/* Below the event ("process.pid"), but for node_name, cluster_name and weir.*, which are
	 * beside it. */
	const char *source;
	const char *text;
	const struct mapping_choice *choices;
	const char *otherwise; /* as JSON: written when there is no source */
};

/* Rows of the tables. */
#define FROM(target_, cases_, conversion_, source_)                                              \
	{                                                                                        \
		.target = target_, .cases = cases_, .conversion = conversion_, .source = source_ \
	}
#define FROM_OR(target_, cases_, conversion_, source_, otherwise_)                                \
	{                                                                                         \
		.target = target_, .cases = cases_, .conversion = conversion_, .source = source_, \
		.otherwise = otherwise_                                                           \
	}
#define CHOOSE(target_, cases_, source_, choices_)                                               \
	{                                                                                        \
		.target = target_, .cases = cases_, .conversion = MAP_CHOICE, .source = source_, \
		.choices = choices_                                                              \
	}
#define OF_EVENT(target_, cases_, conversion_)                                \
	{                                                                     \
		.target = target_, .cases = cases_, .conversion = conversion_ \
	}
#define TEXT(target_, cases_, text_)                                                          \
	{                                                                                     \
		.target = target_, .cases = cases_, .conversion = MAP_CONSTANT, .text = text_ \
	}
#define JSON(target_, cases_, text_)                                                               \
	{                                                                                          \
		.target = target_, .cases = cases_, .conversion = MAP_CONSTANT_JSON, .text = text_ \
	}
#define TEMPLATE(target_, cases_, text_)                                                      \
	{                                                                                     \
		.target = target_, .cases = cases_, .conversion = MAP_TEMPLATE, .text = text_ \
	}

/* How the text of a schema is put together. */
struct mapping_style {
	char quote;	   /* around text; '\0': none */
	char separator;	   /* between two fields */
	const char *equal; /* between a name and its value */
	bool is_nested;	   /* dots in a target's name make objects */
	/* Writes a string of JSON, which is well-formed and without its quotes, so that it ends
	 * neither its field nor its line. */
	void (*put)(struct str raw, bool is_escaped, struct buf *out);
	/* May a user name a field so? `part`: between two dots where is_nested. */
	bool (*is_name)(struct str part);
	const char *names; /* what is_name() takes, in words */
};

struct schema {
	const char *name, *title;
	const char *version; /* of the schema, in words */
	const struct mapping_style *style;
	const struct mapping_row *rows;
	size_t count;
	/* Optional: what stands before the fields. */
	void (*header)(enum event_case of, struct buf *out);
};

extern const struct schema schema_ocsf, schema_ecs, schema_cef, schema_leef, schema_gelf;

/* JSON with objects in objects, and what a flat style may use of it. */
extern const struct mapping_style mapping_json_nested;
bool mapping_is_json_name(struct str part);
void mapping_put_json(struct str raw, bool is_escaped, struct buf *out);

struct mapping;

/* changes (NULL: none) are checked against the table: em says what is wrong and where it stands. */
WARN_UNUSED int mapping_open(const struct schema *schema, const struct format_changes *changes,
			     struct mapping **mapping_r, struct errmsg *em);
/* Appends the event. -EINVAL: the record's JSON is not as encode_json() writes it. */
WARN_UNUSED int mapping_write(const struct mapping *mapping, const struct journal_record *record,
			      struct buf *out);
void mapping_close(struct mapping **mapping);
