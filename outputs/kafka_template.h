/* outputs/kafka_template.h: a text of the configuration with fields of the event in braces, from
 * which a record's topic or key is made: {kind}, {node}, {boot}, or the path of a member of the
 * event's body ({process.exec_id}, {process.pod.namespace}). {{ and }} are braces. Fields are taken
 * from the event as journaled, whatever the output's format is. Made by the destination; no I/O. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/batch.h"

#include <stdbool.h>

/* Kafka's own limit on the name of a topic. */
#define KAFKA_TOPIC_BYTES 249

struct kafka_template;

/* -EINVAL: a brace alone or a path that can't be one; em says which. */
WARN_UNUSED int kafka_template_parse(const char *text, struct kafka_template **template_r,
				     struct errmsg *em);
void kafka_template_free(struct kafka_template **template);
/* The same text for every event. */
bool kafka_template_is_constant(const struct kafka_template *template);
/* Holds nothing that whoever causes an event can choose: only text, {kind}, {node} and {boot}. */
bool kafka_template_is_closed(const struct kafka_template *template);
/* The text that it begins with; empty when it begins with a field. */
struct str kafka_template_prefix(const struct kafka_template *template);

/* Appends the key of an event. A field that the event lacks is empty. */
void kafka_template_write_key(const struct kafka_template *template, struct batch *batch, size_t i,
			      struct buf *out);
/* Appends the topic of an event: what a name can't hold comes out as '_'. False: a field is missing
 * or empty. */
WARN_UNUSED bool kafka_template_write_topic(const struct kafka_template *template,
					    struct batch *batch, size_t i, struct buf *out);
/* Kafka's rules: 1 to 249 of letters, digits, '.', '_' and '-', and not "." or "..". */
bool kafka_is_topic(struct str name);
