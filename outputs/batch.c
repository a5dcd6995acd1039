#include "outputs/batch.h"

#include "outputs/event_id.h"
#include "outputs/format.h"
#include "pipeline/encode_json.h"

#include <errno.h>

/* A format may say more than the JSON did, but not without bound. */
#define EVENT_MAX_BYTES (4u * ENCODE_MAX_BYTES)
#define REASON_BYTES	255u
#define REASONS_BYTES	(64u * 1024)
#define MAX_NOTICES	256u

struct batch {
	unsigned int refs;
	unsigned int attempts;
	struct batch *block; /* who owns the bytes: itself, or a reference for a part */
	struct batch_event *events;
	size_t count, max_events, max_bytes, payload_bytes;
	size_t room;	    /* bytes before each event */
	struct buf payload; /* each event behind its room, or followed by a newline */
	struct buf json;    /* the events as journaled, where the format is another */
	struct buf reasons;
	struct journal_loss *notices; /* of the block */
	size_t notice_count, notice_cap;
	char boot_id[36];
	size_t boot_id_len;
};

struct batch *batch_create(size_t max_events, size_t max_bytes)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	batch->events = calloc(max_events, sizeof(*batch->events));
	if (!batch->events) {
		free(batch);
		return NULL;
	}
	batch->refs = 1;
	batch->block = batch;
	batch->max_events = max_events;
	batch->max_bytes = max_bytes;
	batch->payload = buf_growable(max_bytes + max_events + EVENT_MAX_BYTES);
	batch->json = buf_growable(max_bytes * 4 + EVENT_MAX_BYTES);
	batch->reasons = buf_growable(REASONS_BYTES);
	return batch;
}

void batch_set_room(struct batch *batch, size_t room)
{
	batch->room = room;
	batch->payload.limit += batch->max_events * room;
}

void batch_ref(struct batch *batch)
{
	batch->refs++;
}

void batch_unref(struct batch **batch)
{
	struct batch *b = *batch;

	*batch = NULL;
	if (!b || --b->refs > 0)
		return;
	if (b->block != b)
		batch_unref(&b->block);
	buf_free(&b->payload);
	buf_free(&b->json);
	buf_free(&b->reasons);
	free(b->notices);
	free(b->events);
	free(b);
}

bool batch_reset(struct batch *batch)
{
	if (batch->refs != 1 || batch->block != batch)
		return false;
	batch->count = 0;
	batch->attempts = 0;
	batch->payload_bytes = 0;
	batch->notice_count = 0;
	buf_reset(&batch->payload);
	buf_reset(&batch->json);
	buf_reset(&batch->reasons);
	return true;
}

static void roll_back(struct batch *batch, size_t payload_len, size_t json_len)
{
	batch->payload.len = payload_len;
	batch->payload.overflow = false;
	batch->json.len = json_len;
	batch->json.overflow = false;
}

static int put_json(struct batch *batch, struct str json, struct batch_event *event)
{
	event->json_offset = batch->json.len;
	event->json_bytes = json.n;
	buf_puts(&batch->json, json);
	return buf_ok(&batch->json) ? 0 : -ENOMEM;
}

/* Formats into the block; the event says where. */
static int put_event(struct batch *batch, const struct journal_record *record,
		     struct formatter *formatter, struct batch_event *event)
{
	size_t offset = batch->payload.len + batch->room, bytes;
	int err;

	if (!buf_reserve(&batch->payload, batch->room))
		return -ENOMEM;
	batch->payload.len = offset;
	err = formatter_write(formatter, record, &batch->payload);
	if (err)
		return err;
	bytes = batch->payload.len - offset;
	if (!batch->room)
		buf_putc(&batch->payload, '\n');
	if (!buf_ok(&batch->payload))
		return -ENOMEM;
	event->offset = offset;
	event->bytes = bytes;
	event->json_offset = event->json_bytes = 0;
	if (!formatter_is_canonical(formatter))
		err = put_json(batch, record->json, event);
	if (!err && batch->count && batch->payload_bytes + bytes > batch->max_bytes)
		err = -ENOSPC;
	return err;
}

/* Room for one more notice. */
static int reserve_notice(struct batch *batch)
{
	size_t cap = batch->notice_cap ? 2 * batch->notice_cap : 4;
	struct journal_loss *grown;

	if (batch->notice_count == MAX_NOTICES)
		return -ENOSPC;
	if (batch->notice_count < batch->notice_cap)
		return 0;
	grown = reallocarray(batch->notices, cap, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	batch->notices = grown;
	batch->notice_cap = cap;
	return 0;
}

static bool is_of_another_boot(const struct batch *batch, struct str boot_id)
{
	return batch->count && !str_equal(batch_boot_id(batch), boot_id);
}

static void set_boot_id(struct batch *batch, struct str boot_id)
{
	size_t n = sizeof(batch->boot_id);

	batch->boot_id_len = boot_id.n < n ? boot_id.n : n;
	memcpy(batch->boot_id, boot_id.p, batch->boot_id_len);
}

/* The event is written where it stays: a copy of what has just been written field by field would
 * wait until the formatted bytes in front of it have left for the cache. */
int batch_add(struct batch *batch, const struct journal_record *record, struct formatter *formatter)
{
	size_t payload_len = batch->payload.len, json_len = batch->json.len;
	struct batch_event *event = &batch->events[batch->count];
	int err;

	if (batch_is_full(batch) || is_of_another_boot(batch, record->boot_id))
		return -ENOSPC;
	err = record->notice ? reserve_notice(batch) : 0;
	if (!err)
		err = put_event(batch, record, formatter, event);
	if (err) {
		roll_back(batch, payload_len, json_len);
		return err;
	}
	if (batch->count == 0)
		set_boot_id(batch, record->boot_id);
	event->seq = record->seq;
	event->time_wall_ns = record->time_wall_ns;
	event->kind = record->kind;
	event->verdict = VERDICT_BATCH;
	event->reason_offset = 0;
	event->reason_len = 0;
	event->notice = 0;
	if (record->notice) {
		batch->notices[batch->notice_count++] = *record->notice;
		event->notice = batch->notice_count;
	}
	batch->payload_bytes += event->bytes;
	batch->count++;
	return 0;
}

static bool is_settled(const struct batch_event *event)
{
	return event->verdict == VERDICT_SENT || event->verdict == VERDICT_REFUSED;
}

struct batch *batch_part(struct batch *of, size_t first, size_t n)
{
	struct batch *part = calloc(1, sizeof(*part));
	size_t i;

	if (!part)
		return NULL;
	part->events = calloc(n ? n : 1, sizeof(*part->events));
	if (!part->events) {
		free(part);
		return NULL;
	}
	part->refs = 1;
	part->attempts = of->attempts;
	part->max_events = n;
	part->max_bytes = of->max_bytes;
	part->reasons = buf_growable(REASONS_BYTES);
	part->block = of->block;
	set_boot_id(part, batch_boot_id(of));
	batch_ref(of->block);
	for (i = first; i < first + n; i++) {
		struct batch_event *event = &part->events[part->count];

		if (is_settled(&of->events[i]))
			continue;
		*event = of->events[i];
		event->verdict = VERDICT_BATCH;
		event->reason_len = 0;
		part->payload_bytes += event->bytes;
		part->count++;
	}
	return part;
}

size_t batch_count(const struct batch *batch)
{
	return batch->count;
}

bool batch_is_full(const struct batch *batch)
{
	return batch->count == batch->max_events ||
	       (batch->count && batch->payload_bytes >= batch->max_bytes);
}

struct batch_event *batch_event_at(struct batch *batch, size_t i)
{
	return &batch->events[i];
}

struct str batch_payload(const struct batch *batch, size_t i)
{
	return (struct str){ batch->block->payload.p + batch->events[i].offset,
			     batch->events[i].bytes };
}

char *batch_room(struct batch *batch, size_t i)
{
	return batch->block->payload.p + batch->events[i].offset - batch->block->room;
}

struct str batch_json(const struct batch *batch, size_t i)
{
	const struct batch_event *event = &batch->events[i];

	if (event->json_bytes == 0)
		return batch_payload(batch, i);
	return (struct str){ batch->block->json.p + event->json_offset, event->json_bytes };
}

const struct journal_loss *batch_notice(const struct batch *batch, size_t i)
{
	uint16_t notice = batch->events[i].notice;

	return notice ? &batch->block->notices[notice - 1] : NULL;
}

struct str batch_boot_id(const struct batch *batch)
{
	return (struct str){ batch->boot_id, batch->boot_id_len };
}

unsigned int batch_attempts(const struct batch *batch)
{
	return batch->attempts;
}

void batch_count_attempt(struct batch *batch)
{
	batch->attempts++;
}

size_t batch_lines(const struct batch *batch, size_t i, struct str *lines_r)
{
	const struct batch_event *event = &batch->events[i];
	size_t end = event->offset + event->bytes + 1, first = i;

	lines_r->p = batch->block->payload.p + event->offset;
	for (i++; i < batch->count && batch->events[i].offset == end; i++)
		end += batch->events[i].bytes + 1;
	lines_r->n = end - event->offset;
	return i - first;
}

void batch_write_id(const struct batch *batch, size_t i, struct buf *out)
{
	const struct journal_record record = { .seq = batch->events[i].seq,
					       .boot_id = batch_boot_id(batch),
					       .notice = batch_notice(batch, i) };

	event_id_write(&record, out);
}

void batch_refuse(struct batch *batch, size_t i, struct str reason)
{
	struct batch_event *event = &batch->events[i];
	size_t n = reason.n < REASON_BYTES ? reason.n : REASON_BYTES;

	event->verdict = VERDICT_REFUSED;
	event->reason_offset = batch->reasons.len;
	buf_put(&batch->reasons, reason.p, n);
	event->reason_len = buf_ok(&batch->reasons) ? n : 0;
	batch->reasons.overflow = false; /* a refusal without its words is still one */
}

struct str batch_reason(const struct batch *batch, size_t i)
{
	const struct batch_event *event = &batch->events[i];

	return (struct str){ batch->reasons.p + event->reason_offset, event->reason_len };
}
