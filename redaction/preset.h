/* redaction/preset.h: the rules for credentials that everybody has, on unless switched off.
 * One table; a new one is one more entry there and its lines in
 * tests/unit/test_redaction_presets.c.
 */
#pragma once

#include "redaction/redaction.h"

#include <stddef.h>

/* The presets, as rules with ids "preset/…". */
const struct redaction_rule_settings *redaction_presets(size_t *count_r);
