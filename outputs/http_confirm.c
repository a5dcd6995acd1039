#include "outputs/http_confirm.h"

#include "base/clock.h"
#include "outputs/http_headers.h"

#include <errno.h>
#include <event2/event.h>

#define ANSWER_BYTES (64u * 1024)
#define URL_BYTES    8192u

struct waiting {
	struct batch *batch;
	uint64_t deadline_ns;
};

struct http_confirm {
	struct http_confirm_settings set;
	struct clock clock;
	struct event *timer;
	struct http_request *request;
	struct http_body body;
	struct waiting *waiting;
	uint64_t *tickets; /* of waiting[i] */
	bool *confirmed;
	size_t count, asked; /* asked: the first so many are in the request */
};

static void set_timer(struct http_confirm *c)
{
	struct timeval tv = { c->set.interval_ns / NSEC_PER_SEC,
			      c->set.interval_ns % NSEC_PER_SEC / 1000 };

	if (c->count && !evtimer_pending(c->timer, NULL))
		(void)evtimer_add(c->timer, &tv);
}

/* Takes number i out and tells. */
static void settle(struct http_confirm *c, size_t i, enum output_verdict verdict,
		   const struct errmsg *em)
{
	struct batch *batch = c->waiting[i].batch;

	c->count--;
	memmove(&c->waiting[i], &c->waiting[i + 1], (c->count - i) * sizeof(*c->waiting));
	memmove(&c->tickets[i], &c->tickets[i + 1], (c->count - i) * sizeof(*c->tickets));
	memmove(&c->confirmed[i], &c->confirmed[i + 1], (c->count - i) * sizeof(*c->confirmed));
	c->set.confirmed(c->set.ctx, batch, verdict, em);
	batch_unref(&batch);
}

static void give_up_late_ones(struct http_confirm *c)
{
	uint64_t now = clock_boot_ns(&c->clock);
	struct errmsg em;
	size_t i;

	errmsg_set(&em, "not confirmed within %llu s: sent again",
		   (unsigned long long)(c->set.timeout_ns / NSEC_PER_SEC));
	for (i = 0; i < c->count;) {
		if (c->waiting[i].deadline_ns <= now)
			settle(c, i, OUTPUT_LATER, &em);
		else
			i++;
	}
}

static void settle_confirmed(struct http_confirm *c, size_t asked)
{
	size_t i;

	for (i = 0; i < asked;) {
		if (c->confirmed[i]) {
			settle(c, i, OUTPUT_SENT, NULL);
			asked--;
		} else {
			i++;
		}
	}
}

/* Questions that go unanswered are asked again, until the batches' own deadlines. Only what can't
 * be helped by asking again ends the wait. */
static void on_answer(void *ctx, struct http_request *request, const struct http_result *result)
{
	struct http_confirm *c = ctx;
	enum output_verdict verdict = result->transport;
	struct errmsg em = result->em;
	size_t asked = c->asked;

	c->asked = 0;
	memset(c->confirmed, 0, c->set.max * sizeof(*c->confirmed));
	if (verdict == OUTPUT_SENT)
		verdict = http_settings_profile(c->set.context->set)
				  ->confirmation->read(&result->answer, c->tickets, asked,
						       c->confirmed, &em);
	if (verdict == OUTPUT_SENT) {
		settle_confirmed(c, asked);
	} else if (verdict == OUTPUT_HELD || verdict == OUTPUT_REFUSED) {
		errmsg_prefix(&em, "confirmations");
		while (c->count)
			settle(c, 0, OUTPUT_HELD, &em);
	}
	give_up_late_ones(c);
	set_timer(c);
}

static void ask(struct http_confirm *c)
{
	const struct http_context *context = c->set.context;
	char text[URL_BYTES];
	struct buf url = buf_fixed(text, sizeof(text));
	struct curl_slist *headers;
	struct errmsg em;

	http_body_reset(&c->body);
	http_settings_profile(context->set)
		->confirmation->ask(c->tickets, c->count, http_body_text(&c->body));
	if (!http_body_end(&c->body) || !http_confirmation_url_write(context, &url))
		return;
	headers = http_headers_make(context, NULL, &c->body);
	if (!headers)
		return;
	if (http_request_start(c->request, text, headers, &c->body, ANSWER_BYTES, &em) == 0)
		c->asked = c->count;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct http_confirm *c = arg;

	if (http_request_is_busy(c->request))
		return;
	give_up_late_ones(c);
	if (c->count)
		ask(c);
	if (!http_request_is_busy(c->request))
		set_timer(c);
}

int http_confirm_create(const struct http_confirm_settings *settings,
			struct http_confirm **confirm_r, struct errmsg *em)
{
	struct http_confirm *c = calloc(1, sizeof(*c));

	errmsg_set(em, "no memory for confirmations");
	if (!c)
		return -ENOMEM;
	c->set = *settings;
	clock_init(&c->clock);
	http_body_init(&c->body, ANSWER_BYTES);
	c->timer = evtimer_new(settings->base, on_timer, c);
	c->waiting = calloc(settings->max, sizeof(*c->waiting));
	c->tickets = calloc(settings->max, sizeof(*c->tickets));
	c->confirmed = calloc(settings->max, sizeof(*c->confirmed));
	c->request = http_request_create(settings->client, on_answer, c, em);
	*confirm_r = c;
	if (!c->timer || !c->waiting || !c->tickets || !c->confirmed || !c->request) {
		http_confirm_free(confirm_r);
		return -ENOMEM;
	}
	return 0;
}

void http_confirm_free(struct http_confirm **confirm)
{
	struct http_confirm *c = *confirm;

	*confirm = NULL;
	if (!c)
		return;
	http_request_free(&c->request);
	if (c->timer)
		event_free(c->timer);
	while (c->count)
		batch_unref(&c->waiting[--c->count].batch);
	http_body_free(&c->body);
	free(c->waiting);
	free(c->tickets);
	free(c->confirmed);
	free(c);
}

bool http_confirm_add(struct http_confirm *c, struct batch *batch, uint64_t ticket)
{
	if (c->count == c->set.max)
		return false;
	batch_ref(batch);
	c->waiting[c->count] =
		(struct waiting){ .batch = batch,
				  .deadline_ns = clock_boot_ns(&c->clock) + c->set.timeout_ns };
	c->tickets[c->count++] = ticket;
	set_timer(c);
	return true;
}
