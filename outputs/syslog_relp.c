/* outputs/syslog_relp.c: syslog over RELP: the receiver answers each message, so each event has a
 * verdict of its own. At most relp_window messages are unanswered. Transaction 1 opens the session;
 * messages follow from 2 on, and what was unanswered when a session ended goes out again in the
 * next. A message that the receiver refuses is given RELP_TRIES chances: its reason may have
 * passed.
 */
#include "outputs/relp.h"
#include "outputs/syslog_internal.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#define RELP_TRIES 3

enum relp_state { RELP_CONNECTING, RELP_OPENING, RELP_READY };

struct syslog_link {
	struct syslog_output *out;
	struct stream *stream; /* NULL: not connected, nothing on its way */
	enum relp_state state;
	struct event *deadline; /* for the next answer */
	uint64_t unanswered;	/* messages */
};

/* Ends the session: what is on its way goes back with this verdict. */
static void end(struct syslog_link *link, enum output_verdict verdict, const struct errmsg *em)
{
	stream_free(&link->stream);
	evtimer_del(link->deadline);
	link->unanswered = 0;
	syslog_queue_settle_all(&link->out->queue, verdict, em);
	link->out->queue.next_message = 0;
}

static void end_words(struct syslog_link *link, enum output_verdict verdict, const char *words)
{
	struct errmsg em;

	errmsg_set(&em, "%s: %s", endpoint_name(&link->out->endpoint).text, words);
	end(link, verdict, &em);
}

static void set_deadline(struct syslog_link *link, uint64_t ns)
{
	struct timeval tv = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / 1000 };

	evtimer_add(link->deadline, &tv);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	end_words(arg, OUTPUT_LOST, "no answer from the RELP server in time");
}

/* Lets messages in as far as the window goes. */
static void admit(struct syslog_link *link, struct syslog_slot *slot)
{
	uint64_t window = link->out->settings->relp_window;
	size_t waiting = slot->messages - slot->admitted;
	uint64_t room = window > link->unanswered ? window - link->unanswered : 0;
	size_t n = waiting < room ? waiting : room;

	if (n && link->unanswered == 0)
		set_deadline(link, link->out->settings->stream.timeout_ns);
	slot->admitted += n;
	link->unanswered += n;
}

static void write_queue(struct syslog_link *link)
{
	struct syslog_slot *slot;

	while (link->state == RELP_READY && (slot = syslog_queue_writing(&link->out->queue))) {
		struct iovec *pieces = slot->pieces + slot->written;
		size_t n;

		admit(link, slot);
		n = 2 * slot->admitted - slot->written;
		if (n == 0)
			return; /* the window is full: an answer makes room */
		n = stream_skip(pieces, n, stream_write(link->stream, pieces, n));
		slot->written += n;
		if (slot->written < 2 * slot->admitted)
			return;
	}
}

/* Goes on from the number of the oldest message: 2, 3, ... 999999999, 1, 2, ... */
static bool find_message(struct syslog_queue *queue, uint32_t txnr, struct syslog_slot **slot_r,
			 size_t *message_r)
{
	uint64_t first = syslog_queue_at(queue, 0)->first;
	uint64_t number = first + (RELP_TXNR_MAX + txnr - relp_txnr(first)) % RELP_TXNR_MAX;
	size_t i;

	for (i = 0; i < queue->count; i++) {
		struct syslog_slot *slot = syslog_queue_at(queue, i);

		if (number < slot->first || number >= slot->first + slot->admitted)
			continue;
		*slot_r = slot;
		*message_r = number - slot->first;
		return true;
	}
	return false;
}

static void judge(struct batch *batch, size_t i, unsigned int code, struct str words)
{
	struct batch_event *event = batch_event_at(batch, i);
	char text[256];
	struct buf reason = buf_fixed(text, sizeof(text));

	if (code == 200) {
		event->verdict = VERDICT_SENT;
		return;
	}
	if (batch_attempts(batch) < RELP_TRIES) {
		event->verdict = VERDICT_RETRY;
		return;
	}
	buf_u64(&reason, code);
	buf_putc(&reason, ' ');
	buf_put(&reason, words.p, words.n < 200 ? words.n : 200);
	batch_refuse(batch, i, buf_str(&reason));
}

/* False: the session is over. */
static bool take_answer(struct syslog_link *link, const struct relp_frame *frame)
{
	struct syslog_queue *queue = &link->out->queue;
	struct syslog_slot *slot;
	struct str words;
	unsigned int code;
	size_t message;

	if (!relp_answer(frame->data, &code, &words) || queue->count == 0 ||
	    !find_message(queue, frame->txnr, &slot, &message) ||
	    batch_event_at(slot->batch, slot->events[message])->verdict != VERDICT_BATCH) {
		end_words(link, OUTPUT_LOST, "the RELP server answers what was not asked");
		return false;
	}
	judge(slot->batch, slot->events[message], code, words);
	slot->answered++;
	link->unanswered--;
	while (queue->count &&
	       syslog_queue_at(queue, 0)->answered == syslog_queue_at(queue, 0)->messages)
		syslog_queue_settle(queue);
	if (link->unanswered)
		set_deadline(link, link->out->settings->stream.timeout_ns);
	else
		evtimer_del(link->deadline);
	return true;
}

static bool take_offer(struct syslog_link *link, const struct relp_frame *frame)
{
	struct errmsg em = { "the RELP server refuses the session" };
	struct str words;
	unsigned int code;

	if (frame->txnr != 1 || !relp_answer(frame->data, &code, &words) || code != 200 ||
	    !relp_check_offer(frame->data, &em)) {
		end_words(link, OUTPUT_HELD, em.text);
		return false;
	}
	evtimer_del(link->deadline);
	link->state = RELP_READY;
	return true;
}

static bool take_frame(struct syslog_link *link, const struct relp_frame *frame)
{
	if (frame->txnr == 0 && str_equal(frame->command, STR("serverclose"))) {
		end_words(link, OUTPUT_LOST, "the RELP server closes the session");
		return false;
	}
	if (!str_equal(frame->command, STR("rsp"))) {
		end_words(link, OUTPUT_LOST, "the RELP server sends a command that is not known");
		return false;
	}
	return link->state == RELP_OPENING ? take_offer(link, frame) : take_answer(link, frame);
}

static size_t on_received(void *ctx, struct str bytes)
{
	struct syslog_link *link = ctx;
	struct relp_frame frame;
	size_t used, total = 0;

	for (;; total += used) {
		struct str left = { bytes.p + total, bytes.n - total };
		enum relp_read result = relp_read(left, &frame, &used);

		if (result == RELP_MORE)
			break;
		if (result == RELP_NONSENSE) {
			end_words(link, link->state == RELP_OPENING ? OUTPUT_HELD : OUTPUT_LOST,
				  "the peer does not answer in RELP");
			return 0;
		}
		if (!take_frame(link, &frame))
			return 0;
	}
	write_queue(link);
	return total;
}

static void on_opened(void *ctx)
{
	struct syslog_link *link = ctx;
	char text[128];
	struct buf offer = buf_fixed(text, sizeof(text));
	struct iovec iov = { text, 0 };

	relp_write_open(&offer);
	iov.iov_len = offer.len;
	link->state = RELP_OPENING;
	set_deadline(link, link->out->settings->stream.connect_timeout_ns);
	/* A connection that was made this moment has room for it. */
	if (stream_write(link->stream, &iov, 1) != offer.len)
		end_words(link, OUTPUT_LOST, "the RELP server takes no offer");
}

static void on_writable(void *ctx)
{
	write_queue(ctx);
}

static void on_ended(void *ctx, enum output_verdict verdict, const struct errmsg *em)
{
	end(ctx, verdict, em);
}

static const struct stream_callbacks callbacks = {
	.opened = on_opened,
	.received = on_received,
	.writable = on_writable,
	.ended = on_ended,
};

static struct syslog_link *link_create(struct syslog_output *out)
{
	struct syslog_link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->out = out;
	link->deadline = evtimer_new(out->loop, on_deadline, link);
	if (!link->deadline) {
		free(link);
		return NULL;
	}
	return link;
}

static int link_push(struct syslog_link *link, struct errmsg *em)
{
	struct syslog_output *out = link->out;
	struct stream_options options = {
		.base = out->loop,
		.endpoint = &out->endpoint,
		.settings = &out->settings->stream,
		.tls = out->tls,
		.input_max_bytes = RELP_ANSWER_MAX + 64,
		.callbacks = &callbacks,
		.ctx = link,
	};

	if (!link->stream) {
		link->state = RELP_CONNECTING;
		return stream_open(&options, &link->stream, em);
	}
	if (stream_is_open(link->stream))
		write_queue(link);
	return 0;
}

/* The server hears of the end; its answer is not waited for. */
static void say_goodbye(struct syslog_link *link)
{
	char text[32];
	struct buf out = buf_fixed(text, sizeof(text));
	struct iovec iov = { text, 0 };

	if (!link->stream || !stream_is_open(link->stream) || link->state != RELP_READY ||
	    syslog_queue_writing(&link->out->queue))
		return;
	relp_write_close(relp_txnr(link->out->queue.next_message), &out);
	iov.iov_len = out.len;
	stream_write(link->stream, &iov, 1);
}

static void link_free(struct syslog_link **link)
{
	say_goodbye(*link);
	stream_free(&(*link)->stream);
	event_free((*link)->deadline);
	free(*link);
	*link = NULL;
}

const struct syslog_link_type syslog_relp_link = {
	.create = link_create,
	.push = link_push,
	.free = link_free,
};
