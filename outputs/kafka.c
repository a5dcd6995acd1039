/* Kafka, through librdkafka: an idempotent producer with acks=all. Each event is a record; its
 * value is sent from where delivery formatted it, so a batch is held until all its records are
 * reported. The reports are the events' verdicts.
 *
 * librdkafka reconnects and resends by itself, in order and without doubles, for as long as it
 * takes. What it gives up for good is one of three: an event that can't be taken is refused by
 * name; a fault of the configuration holds; after anything else the producer is thrown away, what
 * it had is taken back, and a new one is given the same events. When a record set is refused whose
 * records might be good one by one, the next producer makes smaller ones, until it is certain which
 * record was meant. */
#include "base/clock.h"
#include "base/log.h"
#include "outputs/kafka_error.h"
#include "outputs/kafka_record.h"

#include <event2/event.h>
#include <errno.h>
#include <sys/stat.h>

#define SETTLE_TIMEOUT_S 900
#define TICK_S		 1
/* No answer for so long is worth telling. */
#define STALL_NS (3 * NSEC_PER_SEC)
/* For what a failed producer has sent and may still be answered. */
#define FAILING_NS	 (5 * NSEC_PER_SEC)
#define END_WAIT_MS	 1000
#define SMALLEST_SET	 1024u
#define FILES_INTERVAL_S 10
/* Between two looks at the file of a token that is refused. */
#define TOKEN_INTERVAL_S 5

/* A batch whose records are with librdkafka. */
struct slot {
	struct batch *batch; /* NULL: free */
	size_t next;	     /* first event that was not put yet */
	size_t outstanding;
	bool has_left; /* an event is to be sent again */
};

struct kafka_output {
	struct output base;
	const struct kafka_settings *settings;
	struct event_base *loop;
	struct clock clock;
	struct kafka_recorder *recorder;
	struct kafka_limits limits;
	struct kafka_producer *producer; /* NULL: made when there is something to send */
	struct kafka_producer *ending;	 /* the one before */
	struct event *tick;
	struct slot slots[KAFKA_WINDOW];
	struct slot *partial; /* librdkafka was full in the middle of it */
	bool is_busy;	      /* delivery waits for output_ready() */

	bool is_failing; /* the producer is to go, once all its records are reported */
	uint64_t failing_since_ns;
	enum output_verdict failure_verdict; /* for the events that it could not deliver */
	struct errmsg failure;
	bool is_isolating; /* one record a set, one batch, to find the record that is refused */
	bool has_isolated; /* the batch was put */

	struct errmsg trouble; /* what librdkafka complained about last; "": nothing since */
	enum output_verdict trouble_verdict;
	bool is_stalled;
	uint64_t progress_ns; /* boot clock: a record was acknowledged, or the first was put */
	bool has_progress;
	uint64_t files_stamp;
	bool has_new_files;
	unsigned int ticks;
};

static size_t in_use(const struct kafka_output *out)
{
	size_t i, n = 0;

	for (i = 0; i < KAFKA_WINDOW; i++)
		n += out->slots[i].batch != NULL;
	return n;
}

/* ---- certificates: librdkafka reads them once, so new ones want a new producer ---- */

static uint64_t stamp_of(const char *path, uint64_t stamp)
{
	struct stat st;

	if (!*path || stat(path, &st) != 0)
		return stamp * 31 + 1;
	return ((stamp * 31 + st.st_ino) * 31 + st.st_size) * 31 +
	       st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec;
}

static uint64_t files_stamp(const struct kafka_settings *settings)
{
	uint64_t stamp = 0;

	if (settings->transport != KAFKA_TLS)
		return 0;
	stamp = stamp_of(settings->tls.ca_file, stamp);
	stamp = stamp_of(settings->tls.crl_file, stamp);
	stamp = stamp_of(settings->tls.certificate, stamp);
	return stamp_of(settings->tls.key, stamp);
}

/* ---- life of the producer ---- */

static const struct kafka_hooks hooks;

static int make_producer(struct kafka_output *out, struct kafka_producer **producer_r,
			 struct errmsg *em)
{
	out->limits.stop_at_first_gap = !out->limits.set_bytes && !out->limits.set_events;
	out->files_stamp = files_stamp(out->settings);
	return kafka_producer_create(out->settings, &out->limits, out->loop, &hooks, out,
				     producer_r, em);
}

static void put_away(struct kafka_output *out)
{
	kafka_producer_end(out->producer);
	out->ending = out->producer;
	out->producer = NULL;
	out->is_failing = false;
	out->is_stalled = false;
	out->has_isolated = false;
	out->trouble.text[0] = '\0';
}

/* Everything that it has is to come back; when that is done it is put away. */
static void fail(struct kafka_output *out, enum output_verdict verdict, const struct errmsg *em)
{
	if (out->is_failing || !out->producer)
		return;
	out->is_failing = true;
	out->failing_since_ns = clock_boot_ns(&out->clock);
	out->failure_verdict = verdict;
	out->failure = *em;
	kafka_producer_take_back(out->producer, false);
}

/* With new certificates only when the old ones can be let go: bad files change nothing. */
static void renew_producer(struct kafka_output *out)
{
	struct kafka_producer *renewed;
	struct errmsg em = { "" };

	out->has_new_files = false;
	if (make_producer(out, &renewed, &em) != 0) {
		log_warn("output %s: goes on with the certificates it has: %s",
			 out->settings->common.name, em.text);
		return;
	}
	put_away(out);
	out->producer = renewed;
}

/* What was looked for is found, or was not in that batch: full record sets again. */
static void stop_isolating(struct kafka_output *out)
{
	out->is_isolating = false;
	out->limits.set_events = 0;
	put_away(out);
}

/* The next records may be put. */
static bool can_take(const struct kafka_output *out)
{
	if (out->is_failing || out->partial || in_use(out) == KAFKA_WINDOW)
		return false;
	return !(out->is_isolating || out->has_new_files) || in_use(out) == 0;
}

static void settle_producer(struct kafka_output *out)
{
	bool is_idle = in_use(out) == 0;

	if (!out->producer || out->ending || !is_idle ||
	    kafka_producer_outstanding(out->producer) != 0)
		return;
	if (out->is_failing)
		put_away(out);
	else if (out->has_isolated)
		stop_isolating(out);
	else if (out->has_new_files)
		renew_producer(out);
}

static void release(struct kafka_output *out)
{
	settle_producer(out);
	if (!out->is_busy || !can_take(out))
		return;
	out->is_busy = false;
	output_ready(&out->base);
}

static void on_ended(void *ctx)
{
	struct kafka_output *out = ctx;

	kafka_producer_free(&out->ending, END_WAIT_MS); /* its thread is about to return */
	release(out);
}

/* ---- what became of a record ---- */

static void finish(struct kafka_output *out, struct slot *slot, bool tell)
{
	enum output_verdict verdict = slot->has_left ? out->failure_verdict : OUTPUT_SENT;
	struct batch *batch = slot->batch;

	*slot = (struct slot){ 0 };
	if (tell)
		output_settled(&out->base, batch, verdict,
			       verdict == OUTPUT_SENT ? NULL : &out->failure);
	batch_unref(&batch);
}

/* It is this very record, not one beside it in the set. */
static bool is_certain(const struct kafka_output *out, enum kafka_fault fault, size_t bytes)
{
	if (kafka_producer_is_single(out->producer))
		return true;
	return fault == KAFKA_FAULT_SIZE && bytes >= kafka_producer_set_bytes(out->producer);
}

static void isolate(struct kafka_output *out)
{
	out->is_isolating = true;
	out->limits.set_events = 1;
}

static void narrow(struct kafka_output *out, enum kafka_fault fault)
{
	size_t bytes = kafka_producer_set_bytes(out->producer);

	if (out->is_failing)
		return; /* narrowed already */
	if (fault == KAFKA_FAULT_RECORD || bytes < 2 * SMALLEST_SET)
		isolate(out);
	else
		out->limits.set_bytes = bytes / 2;
}

static void refuse(struct slot *slot, size_t i, rd_kafka_resp_err_t err, const char *topic)
{
	struct errmsg em;

	kafka_describe(err, topic, &em);
	batch_refuse(slot->batch, i, str_of(em.text));
}

static void leave(struct slot *slot, size_t i)
{
	batch_event_at(slot->batch, i)->verdict = VERDICT_RETRY;
	slot->has_left = true;
}

static void take_failure(struct kafka_output *out, struct slot *slot, size_t i,
			 rd_kafka_resp_err_t err, const char *topic)
{
	enum kafka_fault fault = kafka_fault_of(err);
	bool is_of_set = fault == KAFKA_FAULT_SIZE || fault == KAFKA_FAULT_RECORD;
	struct errmsg em = { "" };

	if (is_of_set && is_certain(out, fault, batch_payload(slot->batch, i).n)) {
		refuse(slot, i, err, topic);
		if (!out->limits.stop_at_first_gap)
			return;
	} else {
		leave(slot, i);
		if (is_of_set)
			narrow(out, fault);
	}
	if (fault != KAFKA_FAULT_PURGED || !kafka_producer_fatal_error(out->producer, &em))
		kafka_describe(err, topic, &em);
	fail(out, fault == KAFKA_FAULT_CONFIG ? OUTPUT_HELD : OUTPUT_LATER, &em);
}

static void on_report(void *ctx, uint64_t opaque, rd_kafka_resp_err_t err, const char *topic)
{
	struct kafka_output *out = ctx;
	struct slot *slot = &out->slots[opaque >> 32];
	size_t i = (uint32_t)opaque;

	if (err)
		take_failure(out, slot, i, err, topic);
	else
		batch_event_at(slot->batch, i)->verdict = VERDICT_SENT;
	if (--slot->outstanding == 0 && slot->next == batch_count(slot->batch))
		finish(out, slot, true);
	if (!err) {
		out->trouble.text[0] = '\0';
		out->is_stalled = false;
		out->has_progress = true;
	}
}

/* ---- what is wrong with the cluster ---- */

static void stall(struct kafka_output *out)
{
	if (out->is_stalled || in_use(out) == 0)
		return;
	out->is_stalled = true;
	output_stalled(&out->base, out->trouble_verdict, &out->trouble);
}

static void on_error(void *ctx, rd_kafka_resp_err_t err, const char *words)
{
	struct kafka_output *out = ctx;
	struct errmsg em = { "" };
	rd_kafka_resp_err_t fatal = kafka_producer_fatal_error(out->producer, &em);

	/* Of a gap, the reports of the records that make it say more. */
	if (fatal && fatal != RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE)
		fail(out, OUTPUT_LATER, &em);
	if (fatal)
		return;
	/* That all are down says less than why the last of them is. */
	if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !out->trouble.text[0]) {
		errmsg_set(&out->trouble, "%s", words);
		out->trouble_verdict =
			kafka_fault_of(err) == KAFKA_FAULT_CONFIG ? OUTPUT_HELD : OUTPUT_LATER;
		if (out->trouble_verdict == OUTPUT_HELD)
			out->is_stalled = false; /* to say so, whatever was said before */
	}
	if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || out->trouble_verdict == OUTPUT_HELD)
		stall(out);
}

/* ---- putting records ---- */

/* Puts what is left of a batch; false: librdkafka is full. */
static bool put_events(struct kafka_output *out, struct slot *slot)
{
	size_t n = batch_count(slot->batch);

	for (; slot->next < n; slot->next++) {
		size_t i = slot->next;
		rd_kafka_topic_t *topic;
		rd_kafka_resp_err_t err;

		if (out->is_failing) { /* it is for the next producer */
			leave(slot, i);
			continue;
		}
		topic = kafka_recorder_topic(out->recorder, out->producer, slot->batch, i);
		if (!topic) {
			batch_refuse(slot->batch, i, STR("no topic can be made of it"));
			continue;
		}
		err = kafka_recorder_put(out->recorder, out->producer, topic, slot->batch, i,
					 (uint64_t)(slot - out->slots) << 32 | i);
		if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			return false;
		if (err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
			batch_refuse(slot->batch, i, STR("larger than message.max.bytes"));
		else if (err)
			take_failure(out, slot, i, err, rd_kafka_topic_name(topic));
		else
			slot->outstanding++;
	}
	return true;
}

static void go_on(struct kafka_output *out)
{
	struct slot *slot = out->partial;

	if (!slot)
		return;
	if (!put_events(out, slot))
		return;
	out->partial = NULL;
	if (slot->outstanding == 0)
		finish(out, slot, true);
}

static void on_served(void *ctx)
{
	struct kafka_output *out = ctx;

	if (out->has_progress)
		out->progress_ns = clock_boot_ns(&out->clock);
	out->has_progress = false;
	go_on(out);
	release(out);
}

static const struct kafka_hooks hooks = {
	.on_report = on_report,
	.on_error = on_error,
	.on_served = on_served,
	.on_ended = on_ended,
};

static struct slot *take_slot(struct kafka_output *out, struct batch *batch)
{
	struct slot *slot = out->slots;

	while (slot->batch)
		slot++;
	if (in_use(out) == 0)
		out->progress_ns = clock_boot_ns(&out->clock);
	slot->batch = batch;
	batch_ref(batch);
	return slot;
}

/* All of the batch is settled already: nothing of it was taken. */
static enum output_verdict answer_at_once(struct kafka_output *out, struct slot *slot)
{
	enum output_verdict verdict = slot->has_left ? out->failure_verdict : OUTPUT_SENT;

	if (slot->has_left)
		output_error(&out->base, &out->failure);
	finish(out, slot, false);
	settle_producer(out);
	return verdict;
}

static enum output_verdict kafka_send(struct output *output, struct batch *batch)
{
	struct kafka_output *out = (struct kafka_output *)output;
	struct errmsg em = { "" };
	struct slot *slot;

	settle_producer(out);
	if (!can_take(out)) {
		out->is_busy = true;
		return OUTPUT_BUSY;
	}
	if (!out->producer && make_producer(out, &out->producer, &em) != 0) {
		output_error(output, &em);
		return OUTPUT_HELD;
	}
	slot = take_slot(out, batch);
	out->has_isolated = out->is_isolating;
	if (!put_events(out, slot))
		out->partial = slot;
	else if (slot->outstanding == 0)
		return answer_at_once(out, slot);
	return OUTPUT_PENDING;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct kafka_output *out = arg;
	const struct errmsg renewing = { "the certificates have changed" };
	uint64_t now = clock_boot_ns(&out->clock);

	if (in_use(out) && out->trouble.text[0] && now >= out->progress_ns + STALL_NS)
		stall(out);
	if (out->producer && out->trouble.text[0] && out->trouble_verdict == OUTPUT_HELD &&
	    out->ticks % TOKEN_INTERVAL_S == 0)
		kafka_producer_renew_token(out->producer);
	if (out->is_failing && now >= out->failing_since_ns + FAILING_NS)
		kafka_producer_take_back(out->producer, true);
	if (++out->ticks % (FILES_INTERVAL_S / TICK_S) == 0 && out->producer &&
	    files_stamp(out->settings) != out->files_stamp)
		out->has_new_files = true;
	if (out->has_new_files && out->is_stalled)
		fail(out, OUTPUT_LATER, &renewing);
	release(out);
}

static void kafka_reopen(struct output *output)
{
	struct kafka_output *out = (struct kafka_output *)output;

	out->limits = (struct kafka_limits){ 0 };
	out->has_new_files = out->producer != NULL;
	release(out);
}

static void end_producer(struct kafka_producer **producer, bool *has_ended)
{
	if (*producer && !kafka_producer_free(producer, END_WAIT_MS))
		*has_ended = false;
}

static void kafka_close(struct output **output)
{
	struct kafka_output *out = (struct kafka_output *)*output;
	bool has_ended = true;
	size_t i;

	*output = NULL;
	if (out->tick)
		event_free(out->tick);
	if (out->producer)
		kafka_producer_end(out->producer);
	end_producer(&out->producer, &has_ended);
	end_producer(&out->ending, &has_ended);
	/* A thread that hangs in a lookup may still read the batches: then they stay. */
	for (i = 0; has_ended && i < KAFKA_WINDOW; i++)
		batch_unref(&out->slots[i].batch);
	kafka_recorder_free(&out->recorder);
	free(out);
}

static int open_parts(struct kafka_output *out, struct errmsg *em)
{
	struct timeval interval = { TICK_S, 0 };
	int err = kafka_recorder_create(out->settings, &out->recorder, em);

	if (err)
		return err;
	out->tick = event_new(out->loop, -1, EV_PERSIST, on_tick, out);
	if (!out->tick || event_add(out->tick, &interval) != 0)
		return -ENOMEM;
	/* It connects at once. What it can't start with is the configuration's fault: send() says
	 * it. */
	if (make_producer(out, &out->producer, em) != 0)
		out->producer = NULL;
	return 0;
}

static int kafka_open(const struct output_settings *settings, struct event_base *base,
		      struct output **out_r, struct errmsg *em)
{
	struct kafka_output *out = calloc(1, sizeof(*out));
	int err;

	if (!out)
		return -ENOMEM;
	out->settings = (const struct kafka_settings *)settings;
	out->loop = base;
	clock_init(&out->clock);
	err = open_parts(out, em);
	*out_r = &out->base;
	if (err)
		kafka_close(out_r);
	return err;
}

const struct output_type output_kafka = {
	.name = "kafka",
	.help = "Writes each event as a record to Kafka, once per producer, acknowledged by all "
		"replicas in sync.",
	.config = kafka_items,
	.settings_bytes = sizeof(struct kafka_settings),
	.check = kafka_settings_check,
	.paths = kafka_settings_paths,
	.settle_timeout_ns = SETTLE_TIMEOUT_S * NSEC_PER_SEC,
	.window = KAFKA_WINDOW,
	.open = kafka_open,
	.send = kafka_send,
	.reopen = kafka_reopen,
	.close = kafka_close,
};
