#include "outputs/syslog_queue.h"

#include <errno.h>
#include <stdlib.h>

/* "999999999 syslog 999999999 " */
#define FRAME_START_BYTES 32

static void release(struct syslog_slot *slot)
{
	batch_unref(&slot->batch);
}

void syslog_queue_free(struct syslog_queue *queue)
{
	size_t i;

	for (i = 0; i < SYSLOG_WINDOW; i++) {
		release(&queue->slots[i]);
		buf_free(&queue->slots[i].frames);
		free(queue->slots[i].pieces);
		free(queue->slots[i].events);
	}
	queue->count = 0;
	syslog_message_free(&queue->message);
}

/* What was grown is kept: batches are alike. */
static int make_room(struct syslog_slot *slot, size_t messages, size_t frame_bytes)
{
	if (slot->frames.cap < frame_bytes) {
		buf_free(&slot->frames);
		slot->frames = buf_growable(frame_bytes);
		if (!buf_reserve(&slot->frames, frame_bytes))
			return -ENOMEM;
	}
	buf_reset(&slot->frames);
	if (slot->room >= messages)
		return 0;
	free(slot->pieces);
	free(slot->events);
	slot->room = 0;
	slot->pieces = calloc(messages, 2 * sizeof(*slot->pieces));
	slot->events = calloc(messages, sizeof(*slot->events));
	if (!slot->pieces || !slot->events)
		return -ENOMEM;
	slot->room = messages;
	return 0;
}

/* Right before the message at `start`, whose length is known only when it is there. */
static size_t put_frame_start(const struct syslog_queue *queue, uint64_t number, size_t bytes,
			      char *start)
{
	char text[FRAME_START_BYTES];
	struct buf out = buf_fixed(text, sizeof(text));

	if (queue->frame == SYSLOG_FRAME_RELP) {
		buf_u64(&out, relp_txnr(number));
		buf_lit(&out, " syslog ");
	}
	if (queue->frame == SYSLOG_FRAME_RELP || queue->frame == SYSLOG_FRAME_COUNT) {
		buf_u64(&out, bytes);
		buf_putc(&out, ' ');
	}
	memcpy(start - out.len, text, out.len);
	return out.len;
}

static bool ends_with_lf(const struct syslog_queue *queue)
{
	return queue->frame == SYSLOG_FRAME_LF || queue->frame == SYSLOG_FRAME_RELP;
}

/* The event in place, with the newline that follows it in the block where the frame wants one; a
 * cut one moves to where its end can be written behind it. */
static struct iovec event_piece(const struct syslog_queue *queue, struct syslog_slot *slot,
				struct str event, size_t bytes)
{
	struct iovec piece = { (void *)event.p, bytes + ends_with_lf(queue) };

	if (bytes == event.n || !ends_with_lf(queue))
		return piece;
	piece.iov_base = slot->frames.p + slot->frames.len;
	buf_put(&slot->frames, event.p, bytes);
	buf_putc(&slot->frames, '\n');
	return piece;
}

static void add_message(struct syslog_queue *queue, struct syslog_slot *slot, size_t i)
{
	struct str event = batch_payload(slot->batch, i);
	struct iovec *piece = &slot->pieces[2 * slot->messages];
	size_t before = slot->frames.len, header, bytes, start;
	struct errmsg em;
	char *at;

	slot->frames.len += FRAME_START_BYTES;
	at = slot->frames.p + slot->frames.len;
	syslog_write_header(queue->message, slot->batch, i, &slot->frames);
	header = slot->frames.p + slot->frames.len - at;
	if (!syslog_fit(queue->message, header, event, &bytes, &em)) {
		slot->frames.len = before;
		batch_refuse(slot->batch, i, str_of(em.text));
		return;
	}
	start = put_frame_start(queue, queue->next_message + slot->messages, header + bytes, at);
	piece[0] = (struct iovec){ at - start, start + header };
	piece[1] = event_piece(queue, slot, event, bytes);
	slot->events[slot->messages++] = i;
}

static bool may_be_cut(const struct syslog_queue *queue, struct str event, size_t max)
{
	return ends_with_lf(queue) && event.n + syslog_header_max(queue->message) > max;
}

static size_t frame_bytes(const struct syslog_queue *queue, struct batch *batch)
{
	size_t i, n = batch_count(batch), max = syslog_message_max(queue->message);
	size_t bytes = n * (FRAME_START_BYTES + syslog_header_max(queue->message));

	for (i = 0; i < n; i++)
		if (may_be_cut(queue, batch_payload(batch, i), max))
			bytes += max + 1;
	return bytes;
}

int syslog_queue_add(struct syslog_queue *queue, struct batch *batch, size_t *messages_r)
{
	struct syslog_slot *slot = syslog_queue_at(queue, queue->count);
	size_t i, n = batch_count(batch);
	int err;

	*messages_r = 0;
	if (queue->count == SYSLOG_WINDOW)
		return -ENOBUFS;
	err = make_room(slot, n, frame_bytes(queue, batch));
	if (err)
		return err;
	slot->batch = batch;
	slot->messages = slot->written = slot->admitted = slot->answered = 0;
	slot->first = queue->next_message;
	slot->end = slot->arrived_ns = 0;
	for (i = 0; i < n; i++)
		add_message(queue, slot, i);
	*messages_r = slot->messages;
	if (slot->messages == 0) {
		slot->batch = NULL;
		return 0;
	}
	batch_ref(batch);
	queue->next_message += slot->messages;
	queue->count++;
	return 0;
}

struct syslog_slot *syslog_queue_writing(struct syslog_queue *queue)
{
	size_t i;

	for (i = 0; i < queue->count; i++)
		if (!syslog_slot_is_written(syslog_queue_at(queue, i)))
			return syslog_queue_at(queue, i);
	return NULL;
}

static void settle_oldest(struct syslog_queue *queue, enum output_verdict verdict,
			  const struct errmsg *em)
{
	struct syslog_slot *slot = syslog_queue_at(queue, 0);

	output_settled(queue->out, slot->batch, verdict, em);
	release(slot);
	queue->head = (queue->head + 1) % SYSLOG_WINDOW;
	queue->count--;
}

void syslog_queue_settle(struct syslog_queue *queue)
{
	settle_oldest(queue, OUTPUT_SENT, NULL);
}

void syslog_queue_settle_all(struct syslog_queue *queue, enum output_verdict verdict,
			     const struct errmsg *em)
{
	queue->why = *em;
	while (queue->count)
		settle_oldest(queue, verdict, em);
}

void syslog_queue_arrived(struct syslog_queue *queue, uint64_t acked, uint64_t now_ns,
			  uint64_t grace_ns)
{
	size_t i;

	for (i = 0; i < queue->count; i++) {
		struct syslog_slot *slot = syslog_queue_at(queue, i);

		if (!syslog_slot_is_written(slot) || slot->end > acked)
			break;
		if (!slot->arrived_ns)
			slot->arrived_ns = now_ns;
	}
	while (queue->count && syslog_queue_at(queue, 0)->arrived_ns &&
	       now_ns - syslog_queue_at(queue, 0)->arrived_ns >= grace_ns)
		syslog_queue_settle(queue);
}
