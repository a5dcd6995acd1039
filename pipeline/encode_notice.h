/* pipeline/encode_notice.h: the members of weir's own events. Braces are the caller's. */
#pragma once

#include "base/buf.h"
#include "pipeline/event.h"

void encode_loss(const struct loss_fields *loss, struct buf *out);
/* weir_start, weir_stop, weir_config. */
void encode_notice(const struct notice_fields *notice, struct buf *out);
