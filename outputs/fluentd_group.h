/* outputs/fluentd_group.h: the events of a batch brought together by their tags, in the order in
 * which they lie in it, when the tag is not the same for all. Used by fluentd_request.c. */
#pragma once

#include "outputs/fluentd_request.h"

/* Most that the tags of n events can take; a template has at most 255 characters, a
 * value 128. */
#define FLUENTD_TAG_MAX_BYTES (255 + TEMPLATE_MAX_PARTS * 128)
#define FLUENTD_TAGS_BYTES(n) ((n)*FLUENTD_TAG_MAX_BYTES + FLUENTD_TAG_MAX_BYTES)

struct fluentd_groups;

/* tag is borrowed. NULL: no memory. */
WARN_UNUSED struct fluentd_groups *fluentd_groups_create(const struct template *tag,
							 struct str output);
void fluentd_groups_free(struct fluentd_groups **groups);
/* Fills tags, chunks and order of the request. False: no memory. */
WARN_UNUSED bool fluentd_groups_make(struct fluentd_groups *groups,
				     struct fluentd_request *request);
