/* pipeline/stage_rate_limit.h: the stage that lets so many events per time pass of each key; see
 * pipeline/stage_rate_limit.md. */
#pragma once

#include "pipeline/stage.h"

#include <stdint.h>

extern const struct stage_type stage_rate_limit_type;

/* Keys that had to be forgotten for want of room (max_keys), since the stage was made. */
uint64_t stage_rate_limit_evictions(const struct stage *stage);
