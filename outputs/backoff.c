#include "outputs/backoff.h"

#include "base/clock.h"

#include <sys/random.h>

#define MIN_WAIT_NS NSEC_PER_MSEC /* a wait of nothing would spin */

static uint64_t system_random(void *ctx)
{
	uint64_t v;

	/* Eight bytes are given whole once the pool is seeded; before that any spread will do. */
	if (getrandom(&v, sizeof(v), GRND_NONBLOCK) != sizeof(v)) {
		struct clock clock;

		clock_init(&clock);
		v = clock_boot_ns(&clock) * 0x9e3779b97f4a7c15ull;
	}
	return v;
}

void backoff_init(struct backoff *backoff, uint64_t initial_ns, uint64_t max_ns,
		  uint64_t (*random)(void *ctx), void *ctx)
{
	*backoff = (struct backoff){
		.initial_ns = initial_ns,
		.max_ns = max_ns,
		.random = random ? random : system_random,
		.ctx = ctx,
	};
}

static uint64_t ceiling_ns(const struct backoff *backoff)
{
	uint64_t ceiling = backoff->initial_ns;
	unsigned int i;

	for (i = 0; i < backoff->failures && ceiling < backoff->max_ns; i++)
		ceiling = ceiling > UINT64_MAX / 2 ? UINT64_MAX : ceiling * 2;
	return ceiling < backoff->max_ns ? ceiling : backoff->max_ns;
}

uint64_t backoff_next(struct backoff *backoff)
{
	uint64_t ceiling = ceiling_ns(backoff);

	if (backoff->failures < UINT32_MAX)
		backoff->failures++;
	if (ceiling <= MIN_WAIT_NS)
		return MIN_WAIT_NS;
	return MIN_WAIT_NS + backoff->random(backoff->ctx) % (ceiling - MIN_WAIT_NS + 1);
}

void backoff_reset(struct backoff *backoff)
{
	backoff->failures = 0;
}
