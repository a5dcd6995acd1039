/* outputs/json_edit.h: members of an event renamed, dropped and added, by their path in its JSON,
 * in one run over the text: what isn't named is copied as it is. Paths are those of docs/events.md
 * with the kind in front (process_exec.process.binary); "*" stands for any one name, so that
 * *.process.binary means every kind's; a list is passed through, its elements have its path.
 *
 * Made from an output's configuration, used on the forwarder's loop. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "base/str.h"

struct format_changes;
struct json_edit;

WARN_UNUSED int json_edit_open(const struct format_changes *changes, struct json_edit **edit_r,
			       struct errmsg *em);
/* Appends the changed JSON. -EINVAL: it isn't an object as encode_json() writes it. */
WARN_UNUSED int json_edit_write(const struct json_edit *edit, struct str json, struct buf *out);
void json_edit_close(struct json_edit **edit);
