/* Events of any bytes, as if every format let everything through, under any framing and header
 * settings: what is written is read back by a strict parser, and gives exactly the events that were
 * not refused, each under its own header. So no byte of an event ends a frame, adds to a header or
 * forges a record. And what a RELP server may answer: no frame is read differently for having come
 * in pieces. */
#include "base/utf8.h"
#include "outputs/format.h"
#include "outputs/relp.h"
#include "outputs/syslog_queue.h"
#include "tests/fuzz/syslog_inverse.h"

#include <assert.h>

#define MAX_EVENTS 8
#define BOOT_ID	   "11111111-2222-3333-4444-555555555555"
#define BOM	   STR("\xEF\xBB\xBF")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int write_raw(const struct journal_record *record, struct buf *out)
{
	buf_puts(out, record->json);
	return 0;
}

static const struct format raw = { .name = "raw", .write = write_raw };

/* The first byte is the configuration; the others are events, each with its length before it. */
static void configure(uint8_t bits, struct syslog_settings *set)
{
	static const uint8_t transports[] = { SYSLOG_TCP, SYSLOG_UNIX_STREAM, SYSLOG_RELP,
					      SYSLOG_UDP };

	*set = (struct syslog_settings){ .app_name = (char *)"weir",
					 .hostname = (char *)"host.example",
					 .procid = (char *)(bits & 64 ? "77" : ""),
					 .sd_id = (char *)(bits & 32 ? "" : "weir@32473"),
					 .transport = transports[bits & 3],
					 .standard = bits & 4 ? SYSLOG_RFC3164 : SYSLOG_RFC5424,
					 .oversize = bits & 8 ? SYSLOG_TRUNCATE : SYSLOG_REFUSE,
					 .bom = bits & 16,
					 .max_message_bytes = 480 };
}

static enum syslog_frame frame_of(const struct syslog_settings *set)
{
	if (set->transport == SYSLOG_TCP)
		return SYSLOG_FRAME_COUNT;
	if (set->transport == SYSLOG_UNIX_STREAM)
		return SYSLOG_FRAME_LF;
	return set->transport == SYSLOG_RELP ? SYSLOG_FRAME_RELP : SYSLOG_FRAME_NONE;
}

static struct batch *make_batch(const uint8_t *data, size_t size)
{
	struct batch *batch = batch_create(MAX_EVENTS, 1 << 20);
	struct formatter *formatter;
	uint64_t seq = 0;

	assert(batch && formatter_open(&raw, &formatter) == 0);
	while (size >= 2 && seq < MAX_EVENTS) {
		size_t n = (size_t)data[0] * 4;
		struct journal_record record = { .seq = ++seq,
						 .kind = data[1] % (EVENT_KINDS + 1),
						 .boot_id = STR(BOOT_ID),
						 .time_wall_ns = 1700000000123456789ull };

		data += 2;
		size -= 2;
		n = n < size ? n : size;
		record.json = (struct str){ (const char *)data, n };
		if (batch_add(batch, &record, formatter) != 0)
			break;
		data += n;
		size -= n;
	}
	formatter_close(&formatter);
	return batch;
}

/* As a stream is: everything one behind the other. Datagrams keep their bounds. */
static struct str take_message(const struct syslog_queue *queue, struct syslog_slot *slot, size_t i,
			       struct str *stream)
{
	struct str message;
	uint32_t txnr;

	switch (queue->frame) {
	case SYSLOG_FRAME_COUNT:
		assert(syslog_take_counted(stream, &message));
		break;
	case SYSLOG_FRAME_LF:
		assert(syslog_take_line(stream, &message));
		break;
	case SYSLOG_FRAME_RELP:
		assert(syslog_take_relp(stream, &txnr, &message) && txnr == i + 2);
		break;
	case SYSLOG_FRAME_NONE:
		message = (struct str){ stream->p, slot->pieces[2 * i].iov_len +
							   slot->pieces[2 * i + 1].iov_len };
		*stream = (struct str){ stream->p + message.n, stream->n - message.n };
		break;
	}
	return message;
}

static void check_message(const struct syslog_settings *set, struct batch *batch, size_t i,
			  struct str message)
{
	struct str event = batch_payload(batch, i);
	struct syslog_parts parts;

	if (set->standard == SYSLOG_RFC3164)
		assert(syslog_parse_3164(message, &parts));
	else
		assert(syslog_parse_5424(message, &parts));
	assert(str_equal(parts.host, STR("host.example")) && str_equal(parts.app, STR("weir")));
	assert(message.n <= set->max_message_bytes);
	if (set->bom && utf8_is_valid(event) && str_starts_with(parts.msg, BOM))
		parts.msg = (struct str){ parts.msg.p + 3, parts.msg.n - 3 };
	/* The whole event, or a part of it that ends between characters. */
	assert(parts.msg.n <= event.n && memcmp(parts.msg.p, event.p, parts.msg.n) == 0);
	if (parts.msg.n < event.n)
		assert(set->oversize == SYSLOG_TRUNCATE &&
		       (utf8_is_valid(parts.msg) || !utf8_is_valid(event)));
	if (set->standard == SYSLOG_RFC3164 || !set->sd_id[0])
		return;
	assert(str_equal(parts.sd_id, STR("weir@32473")) && parts.params == 4);
	assert(parts.values[0].n == 38 && parts.values[0].p[37] == (char)('1' + i));
	assert(parts.values[1].n == 1 && parts.values[1].p[0] == (char)('1' + i));
	assert(str_equal(parts.values[2], parts.msgid));
	assert(str_equal(parts.values[3], STR("1700000000123456789")));
}

static void check_queue(struct syslog_queue *queue, const struct syslog_settings *set,
			struct batch *batch)
{
	struct syslog_slot *slot = syslog_queue_at(queue, 0);
	struct buf stream = buf_growable(1 << 20);
	struct str left;
	size_t i, sent = 0;

	for (i = 0; i < syslog_slot_pieces(slot); i++)
		buf_put(&stream, slot->pieces[i].iov_base, slot->pieces[i].iov_len);
	left = buf_str(&stream);
	for (i = 0; i < batch_count(batch); i++) {
		if (batch_event_at(batch, i)->verdict == VERDICT_REFUSED) {
			assert(batch_reason(batch, i).n > 0);
			continue;
		}
		assert(slot->events[sent] == i);
		check_message(set, batch, i, take_message(queue, slot, sent++, &left));
	}
	assert(left.n == 0 && sent == slot->messages);
	buf_free(&stream);
}

static void write_and_read_back(uint8_t bits, const uint8_t *data, size_t size)
{
	struct syslog_settings set;
	struct syslog_queue queue = { 0 };
	struct batch *batch = make_batch(data, size);
	struct errmsg em;
	size_t messages;

	configure(bits, &set);
	queue.frame = frame_of(&set);
	queue.message = syslog_message_create(&set, &em);
	assert(queue.message);
	if (batch_count(batch)) {
		assert(syslog_queue_add(&queue, batch, &messages) == 0);
		if (messages)
			check_queue(&queue, &set, batch);
	}
	syslog_queue_free(&queue);
	batch_unref(&batch);
}

static void read_answers(struct str bytes)
{
	struct relp_frame frame;
	struct str words;
	struct errmsg em;
	unsigned int code;
	size_t used, ignored, n;

	while (relp_read(bytes, &frame, &used) == RELP_FRAME) {
		assert(used > 0 && used <= bytes.n && bytes.p[used - 1] == '\n');
		for (n = 0; n < used; n++) {
			struct relp_frame part;

			assert(relp_read((struct str){ bytes.p, n }, &part, &ignored) == RELP_MORE);
		}
		if (relp_answer(frame.data, &code, &words)) {
			assert(code <= 999 && words.n <= frame.data.n);
			(void)!relp_check_offer(frame.data, &em);
		}
		bytes = (struct str){ bytes.p + used, bytes.n - used };
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (data[0] & 128)
		read_answers((struct str){ (const char *)data + 1, size - 1 });
	else
		write_and_read_back(data[0], data + 1, size - 1);
	return 0;
}
