#include "base/clock.h"

#include <time.h>

static uint64_t now_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static uint64_t system_boot_now(const struct clock *clock)
{
	(void)clock;
	return now_ns(CLOCK_BOOTTIME);
}

static uint64_t system_wall_now(const struct clock *clock)
{
	(void)clock;
	return now_ns(CLOCK_REALTIME);
}

static uint64_t fake_boot_now(const struct clock *clock)
{
	return clock->fake_boot_ns;
}

static uint64_t fake_wall_now(const struct clock *clock)
{
	return clock->fake_wall_ns;
}

void clock_init(struct clock *clock)
{
	*clock = (struct clock){ .boot_now = system_boot_now, .wall_now = system_wall_now };
	clock_sample(clock);
}

void clock_init_fake(struct clock *clock, uint64_t boot_ns, uint64_t wall_ns)
{
	*clock = (struct clock){
		.boot_now = fake_boot_now,
		.wall_now = fake_wall_now,
		.fake_boot_ns = boot_ns,
		.fake_wall_ns = wall_ns,
	};
	clock_sample(clock);
}

void clock_sample(struct clock *clock)
{
	uint64_t before = clock_boot_ns(clock), wall = clock_wall_ns(clock),
		 after = clock_boot_ns(clock);

	clock->wall_minus_boot_ns = wall - (before + (after - before) / 2);
}
