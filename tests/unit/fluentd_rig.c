#include "tests/unit/fluentd_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#define BOOT "11111111-2222-3333-4444-555555555555"

void fluentd_rig_new_batch(struct fluentd_rig *rig)
{
	batch_unref(&rig->batch);
	rig->batch = batch_create(1000, 1 << 20);
	assert_non_null(rig->batch);
	batch_set_room(rig->batch, fluentd_room(&rig->settings->common));
}

void fluentd_rig_init(struct fluentd_rig *rig, const char *keys)
{
	struct errmsg em = { "" };
	char yaml[1024];

	*rig = (struct fluentd_rig){ 0 };
	snprintf(yaml, sizeof(yaml), "- {name: out, type: fluentd, %s servers: [localhost]}\n",
		 keys);
	assert_int_equal(config_parse(str_of(yaml), "test.yaml", &rig->doc, &em), 0);
	if (outputs_list_read(config_root(rig->doc), &rig->list, &em) != 0)
		fail_msg("%s", em.text);
	rig->settings = (const struct fluentd_settings *)rig->list.v[0];
	assert_int_equal(fluentd_maker_create(rig->settings, &rig->maker, &em), 0);
	fluentd_rig_new_batch(rig);
}

void fluentd_rig_close(struct fluentd_rig *rig)
{
	batch_unref(&rig->batch);
	fluentd_maker_free(&rig->maker);
	outputs_list_free(&rig->list);
	config_document_free(&rig->doc);
}

void fluentd_rig_add(struct fluentd_rig *rig, uint64_t seq, enum event_kind kind, const char *json)
{
	const struct journal_record record = { .seq = seq,
					       .time_wall_ns = 1700000000123456789ull + seq,
					       .kind = kind,
					       .json = str_of(json),
					       .boot_id = STR(BOOT) };

	assert_int_equal(batch_add(rig->batch, &record, rig->settings->common.formatter), 0);
}

void fluentd_rig_add_notice(struct fluentd_rig *rig, uint64_t first_seq, uint64_t last_seq)
{
	const struct journal_loss loss = {
		.cause = LOSS_REJECTED, .first_seq = first_seq, .last_seq = last_seq, .count = 1
	};
	const struct journal_record record = { .seq = last_seq,
					       .kind = KIND_WEIR_LOSS,
					       .json = STR("{\"weir_loss\":{}}"),
					       .boot_id = STR(BOOT),
					       .notice = &loss };

	assert_int_equal(batch_add(rig->batch, &record, rig->settings->common.formatter), 0);
}
