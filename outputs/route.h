/* outputs/route.h: which events an output takes, beyond their kinds: an allow and a deny list on
 * what stands in them, and a sample. Read with the output's settings, before privileges go; used on
 * the forwarder's loop. Events about weir itself (losses, starts, stops) pass always. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "pipeline/journal_reader.h"

#include <stdbool.h>
#include <stdint.h>

struct config_node;
struct route;

/* filter: a mapping with `allow` and `deny`, or NULL. one_in: takes one event in so many. *route_r
 * is NULL when everything is taken. */
WARN_UNUSED int route_create(const struct config_node *filter, uint64_t one_in,
			     struct route **route_r, struct errmsg *em);
/* The same for the same record, whenever it is asked. route NULL: true. */
bool route_takes(struct route *route, const struct journal_record *record);
void route_free(struct route **route);
