/* HTTP to log receivers. This file drives requests: a batch becomes a body (the profile's, in
 * outputs/http_profile.h), the answer becomes verdicts (the profile's again), and how many requests
 * are in the air adapts to how the peer takes them. libcurl is behind outputs/http_client.h. */
#include "base/clock.h"
#include "base/node.h"
#include "outputs/http_client.h"
#include "outputs/http_compress.h"
#include "outputs/http_concurrency.h"
#include "outputs/http_confirm.h"
#include "outputs/http_headers.h"
#include "outputs/http_profile.h"
#include "outputs/json_scan.h"

#include <errno.h>
#include <sys/random.h>

#define SLOTS	  32u
#define URL_BYTES 8192u
/* What an answer may have at most: more for each event it may speak of. */
#define ANSWER_BYTES	       (256u * 1024)
#define ANSWER_BYTES_PER_EVENT 512u
/* Framing and escaping of one event beside its bytes. */
#define TEXT_BYTES_PER_EVENT 2048u
/* Batches that wait for confirmation, beside the requests in the air. */
#define CONFIRM_WINDOW 64u
/* So many single events refused in a row, with nothing taken between: the fault is hardly theirs.
 */
#define REFUSALS_IN_ROW 3u
/* A large body that breaks the connection so often may be what breaks it. */
#define BROKEN_ATTEMPTS 4u

struct http_output;

struct http_slot {
	struct http_output *out;
	struct http_request *request; /* NULL: never used yet */
	struct batch *batch;	      /* NULL: free */
	struct http_body body, packed;
};

struct http_output {
	struct output base;
	const struct http_settings *set;
	const struct http_profile *profile;
	struct clock clock;
	struct http_context context;
	struct http_templates *templates;
	struct http_client *client;
	struct http_compressor *compressor; /* NULL: none */
	struct http_confirm *confirm;	    /* NULL: answers are final */
	struct http_concurrency concurrency;
	struct http_slot slots[SLOTS];
	unsigned int in_air;
	unsigned int refused_in_row;
	bool must_say_ready;
	char node[256], channel[37];
};

/* ---- what an answer means ---- */

static void describe(struct http_output *out, struct errmsg *em)
{
	errmsg_prefix(em, "%.*s", STR_FMT(http_settings_peer(out->set)));
}

/* One event after the other is refused and nothing is taken: rather the configuration's fault, and
 * the dead letters are no place for all there is. One in a while is let go, in case it is not. */
static enum output_verdict refuse(struct http_output *out, const struct batch *batch,
				  const struct http_answer *answer, struct errmsg *em)
{
	if (batch_count(batch) > 1 || answer->status == 413)
		return OUTPUT_REFUSED;
	out->refused_in_row++;
	if (out->refused_in_row <= REFUSALS_IN_ROW ||
	    (out->refused_in_row - REFUSALS_IN_ROW) % 2 == 0)
		return OUTPUT_REFUSED;
	errmsg_prefix(em, "each single event is refused, which looks like the configuration");
	return OUTPUT_HELD;
}

static enum output_verdict judge_answer(struct http_output *out, struct batch *batch,
					const struct http_answer *answer, struct errmsg *em)
{
	enum output_verdict verdict;
	uint64_t ticket = 0;

	verdict = out->profile->judge(&out->context, answer, batch, &ticket, em);
	switch (verdict) {
	case OUTPUT_SENT:
		out->refused_in_row = 0;
		break;
	case OUTPUT_PENDING:
		out->refused_in_row = 0;
		if (http_confirm_add(out->confirm, batch, ticket))
			break;
		errmsg_set(em, "too many batches wait for confirmation");
		return OUTPUT_LATER;
	case OUTPUT_REFUSED:
		verdict = refuse(out, batch, answer, em);
		break;
	case OUTPUT_BUSY:
	case OUTPUT_LATER:
	case OUTPUT_LOST:
	case OUTPUT_HELD:
		break;
	}
	return verdict;
}

/* Connections are libcurl's to make again: the output stays open, and with it the certificates that
 * were good when their files have become bad, and the other requests. */
static enum output_verdict judge_failure(struct http_output *out, const struct batch *batch,
					 const struct http_result *result)
{
	if (result->broke_off && batch_count(batch) > 1 && batch_attempts(batch) > BROKEN_ATTEMPTS)
		return OUTPUT_REFUSED; /* the halves will tell whether it is too large */
	return result->transport == OUTPUT_LOST ? OUTPUT_LATER : result->transport;
}

static void settle(struct http_output *out, struct batch *batch, enum output_verdict verdict,
		   const struct errmsg *em)
{
	output_settled(&out->base, batch, verdict, em && em->text[0] ? em : NULL);
	if (!out->must_say_ready)
		return;
	out->must_say_ready = false;
	output_ready(&out->base);
}

static void on_done(void *ctx, struct http_request *request, const struct http_result *result)
{
	struct http_slot *slot = ctx;
	struct http_output *out = slot->out;
	struct batch *batch = slot->batch;
	struct errmsg em = result->em;
	enum output_verdict verdict;
	bool overload = result->timed_out || (result->transport == OUTPUT_SENT &&
					      http_answer_is_overload(&result->answer));

	http_concurrency_answered(&out->concurrency, http_request_started_ns(request),
				  clock_boot_ns(&out->clock), out->in_air, overload);
	slot->batch = NULL;
	out->in_air--;
	if (result->transport == OUTPUT_SENT)
		verdict = judge_answer(out, batch, &result->answer, &em);
	else
		verdict = judge_failure(out, batch, result);
	if (em.text[0])
		describe(out, &em);
	if (result->retry_after_ns && verdict != OUTPUT_SENT)
		output_wait(&out->base, result->retry_after_ns);
	if (verdict != OUTPUT_PENDING) {
		settle(out, batch, verdict, &em);
	} else if (out->must_say_ready) {
		out->must_say_ready = false;
		output_ready(&out->base);
	}
	batch_unref(&batch);
}

static void on_confirmed(void *ctx, struct batch *batch, enum output_verdict verdict,
			 const struct errmsg *em)
{
	struct http_output *out = ctx;
	struct errmsg words = em ? *em : (struct errmsg){ "" };

	if (em)
		describe(out, &words);
	settle(out, batch, verdict, &words);
}

/* ---- sending ---- */

static enum output_verdict no_memory(struct http_output *out)
{
	struct errmsg em;

	errmsg_set(&em, "no memory for a request");
	describe(out, &em);
	output_error(&out->base, &em);
	return OUTPUT_LATER;
}

static struct http_slot *free_slot(struct http_output *out)
{
	size_t i;

	for (i = 0; i < SLOTS; i++)
		if (!out->slots[i].batch)
			return &out->slots[i];
	return NULL;
}

/* The node's name is the configured one, which the events carry. */
static void read_node(struct http_output *out, struct batch *batch)
{
	struct buf name = buf_fixed(out->node, sizeof(out->node));
	struct json_value root, node;

	if (!json_parse(batch_json(batch, 0), &root))
		return;
	node = json_get(&root, "node_name");
	if (node.type != JSON_STRING)
		return;
	json_unescape(node.raw, &name);
	if (buf_ok(&name) && name.len)
		out->context.node = buf_str(&name);
}

/* The body as it goes out; NULL: no memory. */
static const struct http_body *make_body(struct http_output *out, struct http_slot *slot,
					 struct batch *batch)
{
	read_node(out, batch);
	http_body_reset(&slot->body);
	out->profile->frame(&out->context, batch, &slot->body);
	if (!http_body_end(&slot->body))
		return NULL;
	if (!out->compressor)
		return &slot->body;
	http_body_reset(&slot->packed);
	return http_compress(out->compressor, &slot->body, &slot->packed) ? &slot->packed : NULL;
}

static bool start(struct http_output *out, struct http_slot *slot, struct batch *batch)
{
	const struct http_body *body = make_body(out, slot, batch);
	char text[URL_BYTES];
	struct buf url = buf_fixed(text, sizeof(text));
	struct curl_slist *headers;
	struct errmsg em;

	if (!body || !http_url_write(&out->context, batch, &url))
		return false;
	if (!slot->request)
		slot->request = http_request_create(out->client, on_done, slot, &em);
	headers = http_headers_make(&out->context, batch, body);
	if (!slot->request || !headers) {
		http_headers_free(&headers);
		return false;
	}
	return http_request_start(slot->request, text, headers, body,
				  ANSWER_BYTES + batch_count(batch) * ANSWER_BYTES_PER_EVENT,
				  &em) == 0;
}

static enum output_verdict http_send(struct output *output, struct batch *batch)
{
	struct http_output *out = (struct http_output *)output;
	struct http_slot *slot = free_slot(out);

	if (!slot || out->in_air >= http_concurrency_limit(&out->concurrency)) {
		out->must_say_ready = true;
		return OUTPUT_BUSY;
	}
	if (!start(out, slot, batch))
		return no_memory(out);
	batch_ref(batch);
	slot->batch = batch;
	out->in_air++;
	return OUTPUT_PENDING;
}

/* ---- life ---- */

static unsigned int http_window(const struct output_settings *settings)
{
	const struct http_settings *set = (const struct http_settings *)settings;
	const struct http_profile *profile = http_settings_profile(set);

	if (profile->confirmation && profile->confirmation->is_on(set))
		return CONFIRM_WINDOW;
	return set->concurrency + 1; /* one is made ready while the others are in the air */
}

/* A random GUID (RFC 4122, version 4). */
static int draw_channel(char channel[37])
{
	unsigned char r[16];

	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		return -EIO;
	r[6] = (r[6] & 0x0f) | 0x40;
	r[8] = (r[8] & 0x3f) | 0x80;
	snprintf(channel, 37,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1],
		 r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14],
		 r[15]);
	return 0;
}

static int fill_context(struct http_output *out)
{
	const struct http_settings *set = out->set;

	node_name_read(NULL, out->node, sizeof(out->node));
	if (*set->splunk.channel)
		snprintf(out->channel, sizeof(out->channel), "%s", set->splunk.channel);
	else if (draw_channel(out->channel) != 0)
		return -EIO;
	out->context = (struct http_context){
		.set = set,
		.templates = out->templates,
		.node = str_of(out->node),
		.channel = out->channel,
		.is_json = strstr(set->common.format->content_type, "json"),
	};
	return 0;
}

static int open_confirm(struct http_output *out, struct event_base *base, struct errmsg *em)
{
	const struct http_confirm_settings settings = {
		.client = out->client,
		.base = base,
		.context = &out->context,
		.interval_ns = out->set->splunk.ack_interval_ns,
		.timeout_ns = out->set->splunk.ack_timeout_ns,
		.max = CONFIRM_WINDOW,
		.confirmed = on_confirmed,
		.ctx = out,
	};

	if (!out->profile->confirmation || !out->profile->confirmation->is_on(out->set))
		return 0;
	return http_confirm_create(&settings, &out->confirm, em);
}

static void init_slots(struct http_output *out)
{
	const struct output_settings *common = &out->set->common;
	/* Escaping makes of one byte six at the worst. */
	size_t limit = 6 * (common->batch.max_bytes + (1u << 20)) +
		       common->batch.max_events * TEXT_BYTES_PER_EVENT;
	size_t i;

	for (i = 0; i < SLOTS; i++) {
		out->slots[i].out = out;
		http_body_init(&out->slots[i].body, limit);
		http_body_init(&out->slots[i].packed, limit);
	}
}

static int open_parts(struct http_output *out, struct event_base *base, struct errmsg *em)
{
	int err = http_templates_create(out->set, &out->templates, em);

	init_slots(out);
	if (!err)
		err = fill_context(out);
	if (!err)
		err = http_client_create(out->set, base, &out->client, em);
	if (!err)
		err = open_confirm(out, base, em);
	if (err || out->set->compression == HTTP_COMPRESSION_NONE)
		return err;
	out->compressor = http_compressor_create(out->set->compression);
	return out->compressor ? 0 : -ENOMEM;
}

static void http_close(struct output **output)
{
	struct http_output *out = (struct http_output *)*output;
	size_t i;

	*output = NULL;
	http_confirm_free(&out->confirm);
	for (i = 0; i < SLOTS; i++) {
		http_request_free(&out->slots[i].request);
		batch_unref(&out->slots[i].batch);
		http_body_free(&out->slots[i].body);
		http_body_free(&out->slots[i].packed);
	}
	http_client_free(&out->client);
	http_compressor_free(&out->compressor);
	http_templates_free(&out->templates);
	free(out);
}

static int http_open(const struct output_settings *settings, struct event_base *base,
		     struct output **out_r, struct errmsg *em)
{
	struct http_output *out = calloc(1, sizeof(*out));
	int err;

	errmsg_set(em, "no memory");
	if (!out)
		return -ENOMEM;
	out->set = (const struct http_settings *)settings;
	out->profile = http_settings_profile(out->set);
	clock_init(&out->clock);
	http_concurrency_init(&out->concurrency, out->set->concurrency);
	*out_r = &out->base;
	err = open_parts(out, base, em);
	if (err)
		http_close(out_r);
	return err;
}

static void http_reopen(struct output *output)
{
	http_client_reload(((struct http_output *)output)->client);
}

const struct output_type output_http = {
	.name = "http",
	.help = "Posts to a log receiver over HTTP: Splunk, Elasticsearch, OpenSearch, Loki, OTLP, "
		"Datadog, Azure Monitor, or any URL.",
	.config = http_items,
	.settings_bytes = sizeof(struct http_settings),
	.check = http_settings_check,
	.paths = http_settings_paths,
	/* Requests and confirmations have deadlines of their own, all of them shorter. */
	.settle_timeout_ns = 3600 * NSEC_PER_SEC,
	.window_of = http_window,
	.open = http_open,
	.send = http_send,
	.reopen = http_reopen,
	.close = http_close,
};
