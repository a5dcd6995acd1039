/* Splunk's HTTP Event Collector, event endpoint: objects one behind the other. The answer's code
 * says more than its status, and table `codes` says what each means. With indexer acknowledgement
 * an event counts as delivered when an indexer has it on its disks, not when the collector took it.
 * https://docs.splunk.com/Documentation/Splunk/latest/Data/TroubleshootHTTPEventCollector */
#include "base/clock.h"
#include "base/json_write.h"
#include "outputs/http_profile.h"
#include "outputs/json_scan.h"

#define NAME_BYTES 255u /* of index, source and sourcetype */

static int splunk_check(const struct config_node *cfg, const struct http_settings *set,
			struct errmsg *em)
{
	const struct config_node *node = config_node_get(cfg, "splunk");
	const char *channel = set->splunk.channel;

	if (!set->token)
		return config_error(cfg, em, "profile splunk needs a token");
	if (*channel &&
	    (strlen(channel) != 36 || channel[strspn(channel, "0123456789abcdefABCDEF-")]))
		return config_error(config_node_get(node, "channel"), em,
				    "channel must be a GUID of 36 characters");
	if (strlen(set->splunk.index) > NAME_BYTES || strlen(set->splunk.source) > NAME_BYTES ||
	    strlen(set->splunk.sourcetype) > NAME_BYTES)
		return config_error(node, em, "index, source and sourcetype have at most %u bytes",
				    NAME_BYTES);
	return 0;
}

static void splunk_path(const struct http_context *ctx, const struct batch *batch, struct buf *path)
{
	buf_lit(path, "/services/collector/event");
}

static void splunk_headers(const struct http_context *ctx, struct buf *lines)
{
	buf_printf(lines, "X-Splunk-Request-Channel: %s\n", ctx->channel);
}

/* Seconds with nine decimals: a double would lose the last three. */
static void put_time(struct buf *out, uint64_t wall_ns)
{
	char digits[9];
	uint64_t fraction = wall_ns % NSEC_PER_SEC;
	int i;

	for (i = 8; i >= 0; i--, fraction /= 10)
		digits[i] = '0' + fraction % 10;
	buf_u64(out, wall_ns / NSEC_PER_SEC);
	buf_putc(out, '.');
	buf_put(out, digits, sizeof(digits));
}

static void put_text(struct buf *out, const char *name, const char *value)
{
	if (*value)
		json_field_string(out, name, str_of(value));
}

static void splunk_frame(const struct http_context *ctx, struct batch *batch,
			 struct http_body *body)
{
	struct buf *out = http_body_text(body);
	char same[4 * 6 * (NAME_BYTES + 20)]; /* four, each byte escaped */
	struct buf fixed = buf_fixed(same, sizeof(same));
	size_t i;

	buf_lit(&fixed, ",\"host\":");
	json_quoted(&fixed, ctx->node);
	put_text(&fixed, "source", ctx->set->splunk.source);
	put_text(&fixed, "sourcetype", ctx->set->splunk.sourcetype);
	put_text(&fixed, "index", ctx->set->splunk.index);
	body->failed |= !buf_ok(&fixed);
	for (i = 0; i < batch_count(batch); i++) {
		buf_lit(out, "{\"time\":");
		put_time(out, batch_event_at(batch, i)->time_wall_ns);
		buf_puts(out, buf_str(&fixed));
		buf_lit(out, ",\"fields\":{\"weir_id\":\"");
		batch_write_id(batch, i, out);
		buf_lit(out, "\"},\"event\":");
		http_body_event(body, batch, i, ctx->is_json);
		buf_lit(out, "}\n");
	}
}

/* What a refusal of the whole request means; `is_one`: of one event, whose number may follow. */
static const struct {
	unsigned int code;
	enum output_verdict verdict;
	bool is_one;
	const char *advice;
} codes[] = {
	{ 0, OUTPUT_SENT, false, "" },
	{ 1, OUTPUT_HELD, false, "enable the token in Splunk, or use another" },
	{ 2, OUTPUT_HELD, false, "a token is required: set token" },
	{ 3, OUTPUT_HELD, false, "the token is not written as Splunk wants it: check token" },
	{ 4, OUTPUT_HELD, false, "Splunk does not know the token: check token" },
	{ 5, OUTPUT_REFUSED, false, "" },
	{ 6, OUTPUT_REFUSED, true, "" },
	{ 7, OUTPUT_HELD, false,
	  "the token may not write into that index, or there is none: check "
	  "splunk.index and the indexes of the token" },
	{ 8, OUTPUT_LATER, false, "Splunk failed" },
	{ 9, OUTPUT_LATER, false, "Splunk is busy" },
	{ 10, OUTPUT_HELD, false, "a proxy on the way takes X-Splunk-Request-Channel away" },
	{ 11, OUTPUT_HELD, false, "check splunk.channel" },
	{ 12, OUTPUT_REFUSED, true, "" },
	{ 13, OUTPUT_REFUSED, true, "" },
	{ 14, OUTPUT_HELD, false,
	  "enable indexer acknowledgement for the token, or set splunk.ack "
	  "to false" },
	{ 15, OUTPUT_REFUSED, true, "" },
	{ 16, OUTPUT_HELD, false, "url must not carry the token: set token" },
	{ 17, OUTPUT_LATER, false, "that is no answer to events: check url" },
	{ 18, OUTPUT_LATER, false, "Splunk's queues are full" },
	{ 19, OUTPUT_LATER, false, "the acknowledgement service is not available" },
	{ 20, OUTPUT_LATER, false,
	  "Splunk's queues are full and the acknowledgement service is not "
	  "available" },
	{ 21, OUTPUT_HELD, false, "Splunk does not know the token: check token" },
	{ 22, OUTPUT_HELD, false, "enable the token in Splunk, or use another" },
	{ 23, OUTPUT_LATER, false, "Splunk is shutting down" },
	{ 24, OUTPUT_LATER, false, "Splunk's queue is at its capacity" },
	{ 25, OUTPUT_LATER, false, "the channel waits for too many acknowledgements" },
	{ 26, OUTPUT_LATER, false, "Splunk's queue is at its capacity" },
	{ 27, OUTPUT_REFUSED, false, "too large for Splunk: lower batch.max_bytes" },
};

/* Everything but the named one again: those before it may have been taken, or not. */
static bool refuse_one(const struct json_value *root, struct batch *batch, struct str reason)
{
	struct json_value number = json_get(root, "invalid-event-number");
	uint64_t n;
	size_t i;

	if (number.type == JSON_NONE || !json_u64(&number, &n) || n >= batch_count(batch))
		return false;
	for (i = 0; i < batch_count(batch); i++)
		batch_event_at(batch, i)->verdict = VERDICT_RETRY;
	batch_refuse(batch, n, reason);
	return true;
}

static enum output_verdict judge_code(const struct http_answer *answer,
				      const struct json_value *root, uint64_t code,
				      struct batch *batch, struct errmsg *em)
{
	struct http_words words = http_words_of(json_get(root, "text").raw);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(codes) && codes[i].code != code; i++)
		;
	/* A code of a newer Splunk, or success with the status of a failure: the status tells. */
	if (i == ARRAY_SIZE(codes) || (code == 0 && !http_answer_is_ok(answer))) {
		if (http_answer_is_ok(answer))
			return http_answer_garbage(answer, "an answer that is known", em);
		return http_answer_verdict(answer, em);
	}
	if (codes[i].verdict == OUTPUT_SENT)
		return OUTPUT_SENT;
	errmsg_set(em, "answered %d, code %u \"%s\"%s%s", answer->status, codes[i].code, words.text,
		   *codes[i].advice ? ": " : "", codes[i].advice);
	if (codes[i].is_one && batch)
		refuse_one(root, batch, str_of(words.text));
	return codes[i].verdict;
}

/* False: not Splunk's words. */
static bool read_code(const struct http_answer *answer, struct json_value *root_r, uint64_t *code_r)
{
	struct json_value code;

	if (!json_parse(answer->body, root_r) || root_r->type != JSON_OBJECT)
		return false;
	code = json_get(root_r, "code");
	return code.type == JSON_NUMBER && json_u64(&code, code_r);
}

static enum output_verdict splunk_judge(const struct http_context *ctx,
					const struct http_answer *answer, struct batch *batch,
					uint64_t *ticket_r, struct errmsg *em)
{
	struct json_value root, ack;
	enum output_verdict verdict;
	uint64_t code;

	if (!read_code(answer, &root, &code)) {
		if (http_answer_is_ok(answer))
			return http_answer_garbage(answer, "Splunk's", em);
		return http_answer_verdict(answer, em);
	}
	verdict = judge_code(answer, &root, code, batch, em);
	if (verdict != OUTPUT_SENT || !ctx->set->splunk.ack)
		return verdict;
	ack = json_get(&root, "ackId");
	if (ack.type == JSON_NUMBER && json_u64(&ack, ticket_r))
		return OUTPUT_PENDING;
	errmsg_set(em, "the events were taken, but their indexing will not be acknowledged: enable "
		       "indexer acknowledgement for the token, or set splunk.ack to false");
	return OUTPUT_HELD;
}

static bool is_acknowledged(const struct http_settings *set)
{
	return set->splunk.ack;
}

static void ack_path(const struct http_context *ctx, struct buf *path)
{
	buf_lit(path, "/services/collector/ack");
}

static void ack_ask(const uint64_t *tickets, size_t n, struct buf *body)
{
	size_t i;

	buf_lit(body, "{\"acks\":[");
	for (i = 0; i < n; i++) {
		if (i)
			buf_putc(body, ',');
		buf_u64(body, tickets[i]);
	}
	buf_lit(body, "]}");
}

/* An id that is not named is not confirmed yet; one that is, is forgotten by Splunk. */
static enum output_verdict ack_read(const struct http_answer *answer, const uint64_t *tickets,
				    size_t n, bool *confirmed_r, struct errmsg *em)
{
	struct json_value root, acks;
	enum output_verdict verdict;
	char name[24];
	uint64_t code;
	size_t i;

	if (!json_parse(answer->body, &root) || root.type != JSON_OBJECT) {
		verdict = http_answer_verdict(answer, em);
		return verdict == OUTPUT_SENT ? http_answer_garbage(answer, "Splunk's", em)
					      : verdict;
	}
	acks = json_get(&root, "acks");
	if (http_answer_is_ok(answer) && acks.type == JSON_OBJECT) {
		for (i = 0; i < n; i++) {
			struct json_value ack;

			snprintf(name, sizeof(name), "%llu", (unsigned long long)tickets[i]);
			ack = json_get(&acks, name);
			confirmed_r[i] = ack.type == JSON_BOOL && str_equal(ack.raw, STR("true"));
		}
		return OUTPUT_SENT;
	}
	verdict = read_code(answer, &root, &code) ? judge_code(answer, &root, code, NULL, em)
						  : http_answer_verdict(answer, em);
	return verdict == OUTPUT_SENT ? http_answer_garbage(answer, "Splunk's", em) : verdict;
}

static const struct http_confirmation splunk_confirmation = {
	.is_on = is_acknowledged,
	.path = ack_path,
	.ask = ack_ask,
	.read = ack_read,
};

const struct http_profile http_splunk = {
	.name = "splunk",
	.help = "Splunk's HTTP Event Collector (HEC).",
	.content_type = "application/json",
	.token_header = "Authorization: Splunk ",
	.has_cookies = true,
	.check = splunk_check,
	.path = splunk_path,
	.headers = splunk_headers,
	.frame = splunk_frame,
	.judge = splunk_judge,
	.confirmation = &splunk_confirmation,
};
