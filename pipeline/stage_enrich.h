/* pipeline/stage_enrich.h: the stage that adds the user's name and the container's id to a process,
 * once per execve; see pipeline/stage_enrich.md. */
#pragma once

#include "pipeline/stage.h"

extern const struct stage_type stage_enrich_type;
