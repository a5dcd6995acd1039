/* outputs/fluentd_tag.h: the tag by which a Fluentd server routes an event, made from a text of the
 * configuration with fields of the event in it: {kind}, {node}, {boot}, or the path of a member of
 * the event's body ({process.pod.namespace}); Fields are taken from the event
 * as journaled, whatever the output's format is.
 *
 * Whoever causes an event chooses some of its fields, and routing follows the parts of the tag
 * between its dots: so a value can't hold a dot, is never empty, and is cut. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/batch.h"

#include <stdbool.h>

struct fluentd_tag;

/* -EINVAL: em says what is wrong. *tag_r is NULL then. */
WARN_UNUSED int fluentd_tag_parse(const char *text, struct fluentd_tag **tag_r, struct errmsg *em);
void fluentd_tag_free(struct fluentd_tag **tag);
/* The same for every event. */
bool fluentd_tag_is_constant(const struct fluentd_tag *tag);
/* Appends the tag of an event of the batch; of a constant one, any event's will do. */
void fluentd_tag_write(const struct fluentd_tag *tag, struct batch *batch, size_t i,
		       struct buf *out);
