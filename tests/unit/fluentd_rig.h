/* tests/unit/fluentd_rig.h: settings as the configuration gives them, and batches of events, for
 * the tests of the Fluentd destination. */
#pragma once

#include "outputs/fluentd_request.h"
#include "outputs/output_settings.h"

struct fluentd_rig {
	struct config_document *doc;
	struct outputs_list list;
	const struct fluentd_settings *settings;
	struct fluentd_maker *maker;
	struct batch *batch;
};

/* keys: of the output besides name, type and servers, each followed by a comma. */
void fluentd_rig_init(struct fluentd_rig *rig, const char *keys);
void fluentd_rig_close(struct fluentd_rig *rig);
/* An event of the journal with this body, or the notice of a loss. */
void fluentd_rig_add(struct fluentd_rig *rig, uint64_t seq, enum event_kind kind, const char *json);
void fluentd_rig_add_notice(struct fluentd_rig *rig, uint64_t first_seq, uint64_t last_seq);
/* An empty batch in place of the other. */
void fluentd_rig_new_batch(struct fluentd_rig *rig);
