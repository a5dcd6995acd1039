/* cli/status_table.h: the status of a running weir (collector/status.h) for a person to read. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/str.h"

#include <stdbool.h>

/* False: json is not a JSON object. What it lacks is shown as 0 or left out. */
WARN_UNUSED bool status_write_table(struct str json, struct buf *out);
