/* pipeline/stage_redact.h: the stage that reads the redaction rules. Redaction itself happens
 * between draft and image, whatever the order of the stages; see pipeline/stage_redact.md. */
#pragma once

#include "pipeline/stage.h"

struct redaction;

extern const struct stage_type stage_redact_type;

/* The rules of a stage of this type. Borrowed; who keeps them longer takes a reference. */
struct redaction *stage_redact_rules(struct stage *stage);
