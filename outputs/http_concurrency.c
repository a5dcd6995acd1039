#include "outputs/http_concurrency.h"

#include "base/clock.h"

#define SHRINK	   0.9
#define WEIGHT	   0.2 /* of the newest latency in the moving mean */
#define DEVIATIONS 2.5
/* Answers that take a little longer on a fast network are no sign of anything. */
#define SLACK_NS (20.0 * NSEC_PER_MSEC)

void http_concurrency_init(struct http_concurrency *c, unsigned int max)
{
	*c = (struct http_concurrency){ .limit = 1, .max = max };
}

unsigned int http_concurrency_limit(const struct http_concurrency *c)
{
	return c->limit < c->max ? (unsigned int)c->limit : c->max;
}

static bool is_slow(const struct http_concurrency *c, double latency_ns)
{
	return c->mean_ns > 0 && latency_ns > c->mean_ns + DEVIATIONS * c->deviation_ns + SLACK_NS;
}

static void learn(struct http_concurrency *c, double latency_ns)
{
	double distance;

	if (c->mean_ns <= 0) {
		c->mean_ns = latency_ns;
		return;
	}
	distance = latency_ns > c->mean_ns ? latency_ns - c->mean_ns : c->mean_ns - latency_ns;
	c->mean_ns += WEIGHT * (latency_ns - c->mean_ns);
	c->deviation_ns += WEIGHT * (distance - c->deviation_ns);
}

/* Once for all requests that were in the air together. */
static void shrink(struct http_concurrency *c, uint64_t sent_ns, uint64_t now_ns)
{
	if (sent_ns < c->shrunk_at_ns)
		return;
	c->shrunk_at_ns = now_ns;
	c->limit *= SHRINK;
	if (c->limit < 1)
		c->limit = 1;
}

void http_concurrency_answered(struct http_concurrency *c, uint64_t sent_ns, uint64_t now_ns,
			       unsigned int in_air, bool is_overloaded)
{
	double latency_ns = now_ns > sent_ns ? (double)(now_ns - sent_ns) : 0;

	if (is_overloaded) {
		shrink(c, sent_ns, now_ns);
		return;
	}
	if (is_slow(c, latency_ns))
		shrink(c, sent_ns, now_ns);
	else if (in_air >= http_concurrency_limit(c) && c->limit < c->max)
		c->limit += 1 / c->limit;
	learn(c, latency_ns);
}
