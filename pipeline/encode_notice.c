#include "pipeline/encode_notice.h"

#include "base/json_write.h"

static void encode_count(const char *name, uint64_t v, struct buf *out)
{
	if (v)
		json_field_u64_string(out, name, v);
}

static void encode_string(const char *name, struct str s, struct buf *out)
{
	if (s.n)
		json_field_string(out, name, s);
}

void encode_loss(const struct loss_fields *loss, struct buf *out)
{
	encode_string("cause", str_of(loss_cause_name(loss->cause)), out);
	if (loss->of != KIND_NONE)
		encode_string("kind", str_of(event_kind_name(loss->of)), out);
	encode_string("key", loss->key, out);
	encode_count("count", loss->count, out);
	if (loss->first_wall_ns)
		json_field_time(out, "first_time", loss->first_wall_ns);
	if (loss->last_wall_ns)
		json_field_time(out, "last_time", loss->last_wall_ns);
	encode_count("first_seq", loss->first_seq, out);
	encode_count("last_seq", loss->last_seq, out);
}

static bool is_row_empty(const struct accounting *accounting, int kind)
{
	/* Whatever was counted was captured first; a row that breaks this must show. */
	uint64_t any = accounting->captured[kind] | accounting->journaled[kind] |
		       accounting->filtered[kind] | accounting->limited[kind];

	for (int cause = 0; cause < LOSS_CAUSES; cause++)
		any |= accounting->lost[kind][cause];
	return !any;
}

static void encode_row(const struct accounting *accounting, int kind, struct buf *out)
{
	bool open = false;

	json_comma(out);
	buf_putc(out, '{');
	encode_string("kind", str_of(event_kind_name((enum event_kind)kind)), out);
	json_field_u64_string(out, "captured", accounting->captured[kind]);
	json_field_u64_string(out, "journaled", accounting->journaled[kind]);
	encode_count("filtered", accounting->filtered[kind], out);
	encode_count("limited", accounting->limited[kind], out);
	for (int cause = 0; cause < LOSS_CAUSES; cause++) {
		if (!accounting->lost[kind][cause])
			continue;
		if (!open) {
			json_key(out, "lost");
			buf_putc(out, '{');
		}
		open = true;
		encode_count(loss_cause_name((enum loss_cause)cause), accounting->lost[kind][cause],
			     out);
	}
	if (open)
		buf_putc(out, '}');
	buf_putc(out, '}');
}

static void encode_accounting(const struct accounting *accounting, struct buf *out)
{
	json_key(out, "accounting");
	buf_putc(out, '[');
	for (int kind = 0; kind < EVENT_KINDS; kind++)
		if (!is_row_empty(accounting, kind))
			encode_row(accounting, kind, out);
	buf_putc(out, ']');
}

void encode_notice(const struct notice_fields *notice, struct buf *out)
{
	encode_string("version", notice->version, out);
	encode_string("config_digest", notice->config_digest, out);
	encode_string("message", notice->message, out);
	if (notice->refused)
		json_field_bool(out, "refused", true);
	if (notice->accounting)
		encode_accounting(notice->accounting, out);
}
