/* base/clock.h: the two clocks weir knows, behind one struct so that a test can turn them.
 *
 * boot  CLOCK_BOOTTIME: what the kernel programs stamp and what orders events; it counts suspend.
 * wall  CLOCK_REALTIME: what a person reads; it jumps.
 * A collector samples the offset once per drain (clock_sample) and converts with it, so all
 * events of one drain agree and the start_time of a process is computed once and kept. */
#pragma once

#include <stdint.h>

#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_SEC  1000000000ull

struct clock {
	uint64_t (*boot_now)(const struct clock *clock);
	uint64_t (*wall_now)(const struct clock *clock);
	uint64_t wall_minus_boot_ns; /* at the last clock_sample() */
	uint64_t fake_boot_ns, fake_wall_ns;
};

/* The system's clocks, sampled. */
void clock_init(struct clock *clock);
/* A clock that shows what the test set in fake_boot_ns and fake_wall_ns. */
void clock_init_fake(struct clock *clock, uint64_t boot_ns, uint64_t wall_ns);
void clock_sample(struct clock *clock);

static inline uint64_t clock_boot_ns(const struct clock *clock)
{
	return clock->boot_now(clock);
}

static inline uint64_t clock_wall_ns(const struct clock *clock)
{
	return clock->wall_now(clock);
}

static inline uint64_t clock_boot_to_wall(const struct clock *clock, uint64_t boot_ns)
{
	return boot_ns + clock->wall_minus_boot_ns;
}
