/* pipeline/config_objects.h: lists of objects in the two forms that filters are written in: as
 * YAML (a list of mappings), or as Tetragon takes them, JSON objects one after another in one
 * string. Both are read by the same code, and what is wrong is named with its place in both. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"

struct config_node;

/* Called for each object, in order. The object is a mapping and lives only during the call, so
 * what is kept is copied. 0, or a negative errno with em set: the walk ends with it. */
typedef int (*config_object_fn)(void *ctx, const struct config_node *object, struct errmsg *em);

/* list: a list of mappings or strings, one string, or NULL (nothing). */
WARN_UNUSED int config_objects_read(const struct config_node *list, config_object_fn take,
				    void *ctx, struct errmsg *em);
