/* What a receiver may answer, to each profile: nothing is read outside the bytes, no batch that is
 * answered garbage counts as delivered whole and refused in part at once, and what is shown of the
 * peer's words is printable. The first byte chooses the status, the rest is the body. */
#include "tests/unit/http_profile_rig.h"

#include <assert.h>

#define EVENTS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const profiles[] = {
	"{}",
	"{profile: splunk, token: t}",
	"{profile: splunk, token: t, splunk: {ack: true}}",
	"{profile: elasticsearch}",
	"{profile: loki}",
	"{profile: otlp}",
};
static const int statuses[] = { 200, 204, 400, 401, 413, 429, 500, 503 };

static void assert_printable(struct str text)
{
	size_t i;

	for (i = 0; i < text.n; i++)
		assert(text.p[i] >= 0x20 && text.p[i] < 0x7f);
}

static void confirm(struct http_profile_rig *rig, const struct http_answer *answer)
{
	static const uint64_t tickets[] = { 0, 1, UINT64_MAX };
	bool confirmed[3] = { false };
	struct errmsg em = { "" };

	if (rig->profile->confirmation)
		rig->profile->confirmation->read(answer, tickets, 3, confirmed, &em);
	assert_printable(str_of(em.text));
}

static void judge(struct http_profile_rig *rig, const struct http_answer *answer)
{
	struct errmsg em = { "" };
	enum output_verdict verdict;
	uint64_t ticket = 0;
	size_t i;

	for (i = 0; i < EVENTS; i++)
		batch_event_at(rig->batch, i)->verdict = VERDICT_BATCH;
	verdict = rig->profile->judge(&rig->ctx, answer, rig->batch, &ticket, &em);
	assert(verdict != OUTPUT_BUSY && verdict != OUTPUT_LOST);
	assert(verdict != OUTPUT_PENDING || rig->ctx.set->splunk.ack);
	assert(verdict != OUTPUT_SENT || http_answer_is_ok(answer));
	assert_printable(str_of(em.text));
	for (i = 0; i < EVENTS; i++)
		if (batch_event_at(rig->batch, i)->verdict == VERDICT_REFUSED)
			assert_printable(batch_reason(rig->batch, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_profile_rig *rigs[ARRAY_SIZE(profiles)];
	struct http_answer answer;
	struct errmsg em;
	char *body;
	size_t i;

	if (size == 0 || size > 65536)
		return 0;
	body = malloc(size); /* exact, for the sanitizer to see a byte too many */
	assert(body);
	memcpy(body, data + 1, size - 1);
	answer = (struct http_answer){ .status = statuses[data[0] % ARRAY_SIZE(statuses)],
				       .body = { body, size - 1 } };
	for (i = 0; i < ARRAY_SIZE(profiles); i++) {
		if (!rigs[i]) {
			rigs[i] = http_profile_rig_create(profiles[i], &em);
			assert(rigs[i]);
		}
		http_profile_rig_fill(rigs[i], EVENTS); /* reasons don't pile up */
		judge(rigs[i], &answer);
		confirm(rigs[i], &answer);
	}
	free(body);
	return 0;
}
