#include "outputs/event_id.h"

void event_id_write(const struct journal_record *record, struct buf *out)
{
	const struct journal_loss *notice = record->notice;

	buf_puts(out, record->boot_id);
	buf_putc(out, '-');
	if (!notice) {
		buf_u64(out, record->seq);
		return;
	}
	buf_u64(out, notice->first_seq);
	buf_putc(out, '-');
	buf_u64(out, notice->last_seq);
	buf_putc(out, '-');
	buf_puts(out, str_of(loss_cause_name(notice->cause)));
}
