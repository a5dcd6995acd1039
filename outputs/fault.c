/* The output that fails on demand: for rehearsing an outage, and for tests of what comes before it.
 * It stands in for a peer that is dead, slow, picky or forgetful, and writes what it has accepted
 * to a file, so that it can be counted. */
#include "base/clock.h"
#include "outputs/log_file.h"
#include "outputs/output_settings.h"

#include <event2/event.h>
#include <sys/random.h>
#include <unistd.h>

struct fault_settings {
	struct output_settings common;
	char *accepted_path, *dead_while_exists, *refuse_matching;
	uint64_t fail_percent, refuse_every, lose_ack_percent, delay_ns, events_per_second;
	bool hold;
};

struct fault_output {
	struct output base;
	const struct fault_settings *settings;
	struct clock clock;
	struct log_file *accepted; /* NULL: not asked for */
	struct event *answer;	   /* timer: the pending batch is due */
	struct batch *pending;
	uint64_t seen; /* events so far, for refuse_every */
};

#define AT(field) offsetof(struct fault_settings, field)

static const struct config_item fault_items[] = {
	{ .name = "accepted_path",
	  .type = CONFIG_STRING,
	  .offset = AT(accepted_path),
	  .value = "",
	  .help = "Events it has taken are appended to this file, a line each; empty: nowhere." },
	{ .name = "dead_while_exists",
	  .type = CONFIG_STRING,
	  .offset = AT(dead_while_exists),
	  .value = "",
	  .help = "While this file exists the peer is gone: it can't be opened and takes "
		  "nothing." },
	{ .name = "fail_percent",
	  .type = CONFIG_INTEGER,
	  .offset = AT(fail_percent),
	  .value = "0",
	  .max = 100,
	  .unit = "percent",
	  .help = "This share of the batches is lost with the connection, nothing of them taken." },
	{ .name = "lose_ack_percent",
	  .type = CONFIG_INTEGER,
	  .offset = AT(lose_ack_percent),
	  .value = "0",
	  .max = 100,
	  .unit = "percent",
	  .help = "This share of the batches is taken, and the connection lost before the answer: "
		  "they come twice." },
	{ .name = "refuse_every",
	  .type = CONFIG_INTEGER,
	  .offset = AT(refuse_every),
	  .value = "0",
	  .max = UINT32_MAX,
	  .unit = "events",
	  .help = "Every so many-th event is refused by name, the others of its batch taken; 0: "
		  "none." },
	{ .name = "refuse_matching",
	  .type = CONFIG_STRING,
	  .offset = AT(refuse_matching),
	  .value = "",
	  .help = "A batch with an event that holds this text is refused whole, without saying "
		  "why." },
	{ .name = "hold",
	  .type = CONFIG_BOOL,
	  .offset = AT(hold),
	  .value = "false",
	  .help = "Answers as if the configuration were at fault (a bad token)." },
	{ .name = "delay",
	  .type = CONFIG_DURATION,
	  .offset = AT(delay_ns),
	  .value = "0s",
	  .max = 3600 * NSEC_PER_SEC,
	  .help = "The answer to each batch takes this long." },
	{ .name = "events_per_second",
	  .type = CONFIG_INTEGER,
	  .offset = AT(events_per_second),
	  .value = "0",
	  .max = 10000000,
	  .unit = "events",
	  .help = "Takes no more than this, by answering later; 0: as fast as they come." },
	CONFIG_END,
};

static void fault_paths(const struct output_settings *common, output_path_fn visit, void *ctx)
{
	const struct fault_settings *settings = (const struct fault_settings *)common;

	if (*settings->accepted_path)
		visit(ctx, settings->accepted_path, true);
}

static bool is_dead(const struct fault_settings *settings)
{
	return *settings->dead_while_exists && access(settings->dead_while_exists, F_OK) == 0;
}

static bool happens(uint64_t percent)
{
	uint32_t v;

	if (percent == 0 || getrandom(&v, sizeof(v), GRND_NONBLOCK) != sizeof(v))
		return false;
	return v % 100 < percent;
}

static bool has_refused_text(const struct fault_output *out, struct batch *batch)
{
	const char *text = out->settings->refuse_matching;
	size_t i, n = strlen(text);

	for (i = 0; n && i < batch_count(batch); i++) {
		struct str event = batch_json(batch, i);

		if (memmem(event.p, event.n, text, n))
			return true;
	}
	return false;
}

/* Marks every n-th; true when there was one. */
static bool refuse_some(struct fault_output *out, struct batch *batch)
{
	bool any = false;
	size_t i;

	for (i = 0; out->settings->refuse_every && i < batch_count(batch); i++) {
		if (++out->seen % out->settings->refuse_every)
			continue;
		batch_refuse(batch, i, STR("refuse_every"));
		any = true;
	}
	return any;
}

static int accept_events(struct fault_output *out, struct batch *batch)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && out->accepted && i < batch_count(batch); i++) {
		struct str line = batch_payload(batch, i);

		line.n++; /* its newline, which follows in the block */
		if (batch_event_at(batch, i)->verdict != VERDICT_REFUSED)
			err = log_file_append(out->accepted, line, clock_wall_ns(&out->clock));
	}
	return err;
}

static enum output_verdict lost(struct fault_output *out, const char *why)
{
	struct errmsg em;

	errmsg_set(&em, "%s", why);
	output_error(&out->base, &em);
	return OUTPUT_LOST;
}

static enum output_verdict judge(struct fault_output *out, struct batch *batch)
{
	struct errmsg em = { "held on demand" };

	if (is_dead(out->settings))
		return lost(out, "dead on demand");
	if (out->settings->hold) {
		output_error(&out->base, &em);
		return OUTPUT_HELD;
	}
	if (happens(out->settings->fail_percent))
		return lost(out, "failed on demand");
	if (has_refused_text(out, batch)) {
		errmsg_set(&em, "refused on demand");
		output_error(&out->base, &em);
		return OUTPUT_REFUSED;
	}
	if (happens(out->settings->lose_ack_percent))
		return accept_events(out, batch) ? lost(out, "can't write accepted_path")
						 : lost(out, "answer lost on demand");
	refuse_some(out, batch);
	if (accept_events(out, batch))
		return lost(out, "can't write accepted_path");
	return OUTPUT_SENT;
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct fault_output *out = arg;
	struct batch *batch = out->pending;

	out->pending = NULL;
	output_settled(&out->base, batch, judge(out, batch), NULL);
	batch_unref(&batch);
}

static uint64_t answer_after_ns(const struct fault_output *out, struct batch *batch)
{
	uint64_t wait = out->settings->delay_ns;

	if (out->settings->events_per_second)
		wait += batch_count(batch) * NSEC_PER_SEC / out->settings->events_per_second;
	return wait;
}

static enum output_verdict fault_send(struct output *output, struct batch *batch)
{
	struct fault_output *out = (struct fault_output *)output;
	uint64_t wait = answer_after_ns(out, batch);
	struct timeval tv = { wait / NSEC_PER_SEC, wait % NSEC_PER_SEC / 1000 };

	if (wait == 0)
		return judge(out, batch);
	if (evtimer_add(out->answer, &tv) != 0)
		return lost(out, "no memory");
	out->pending = batch;
	batch_ref(batch);
	return OUTPUT_PENDING;
}

static void fault_close(struct output **output)
{
	struct fault_output *out = (struct fault_output *)*output;

	*output = NULL;
	if (out->answer)
		event_free(out->answer);
	batch_unref(&out->pending);
	log_file_close(&out->accepted);
	free(out);
}

static int open_accepted(struct fault_output *out, struct errmsg *em)
{
	struct log_file_settings settings = { .path = out->settings->accepted_path, .mode = 0640 };

	if (*settings.path == '\0')
		return 0;
	return log_file_open(&settings, clock_wall_ns(&out->clock), &out->accepted, em);
}

static int fault_open(const struct output_settings *settings, struct event_base *base,
		      struct output **out_r, struct errmsg *em)
{
	struct fault_output *out;
	int err;

	if (is_dead((const struct fault_settings *)settings)) {
		errmsg_set(em, "dead on demand");
		return -ECONNREFUSED;
	}
	out = calloc(1, sizeof(*out));
	if (!out)
		return -ENOMEM;
	out->settings = (const struct fault_settings *)settings;
	clock_init(&out->clock);
	out->answer = evtimer_new(base, on_answer, out);
	err = out->answer ? open_accepted(out, em) : -ENOMEM;
	*out_r = &out->base;
	if (err)
		fault_close(out_r);
	return err;
}

const struct output_type output_fault = {
	.name = "fault",
	.help = "Fails on demand: dead, slow, picky or forgetful, to rehearse an outage.",
	.config = fault_items,
	.settings_bytes = sizeof(struct fault_settings),
	.paths = fault_paths,
	.open = fault_open,
	.send = fault_send,
	.close = fault_close,
};
