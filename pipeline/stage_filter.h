/* pipeline/stage_filter.h: the stage that keeps or drops events by allow and deny lists, with the
 * keys and the meaning of Tetragon's export filters; see pipeline/stage_filter.md. */
#pragma once

#include "pipeline/stage.h"

extern const struct stage_type stage_filter_type;
