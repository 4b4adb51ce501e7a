#include "weir/clock.h"

#include <time.h>
#include <unistd.h>

static int64_t read_ns(clockid_t clock)
{
	struct timespec now = {0};

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_us(void) { return read_ns(CLOCK_MONOTONIC) / 1000; }

int64_t clock_wall_us(void) { return read_ns(CLOCK_REALTIME) / 1000; }

/* Jitter needs to differ between processes and calls, not to be unguessable: the nanosecond and
 * the process number, mixed by the finalizer of splitmix64, need no state. */
static uint64_t jitter(void)
{
	uint64_t x = (uint64_t)read_ns(CLOCK_MONOTONIC) +
		     (uint64_t)getpid() * UINT64_C(0x9E3779B97F4A7C15);

	x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
	return x ^ (x >> 31);
}

/* base * factor^tries, or cap when that is less. */
static int64_t grown(int64_t base, int64_t cap, double factor, unsigned tries)
{
	double pause = (double)base;

	if (factor <= 1)
		return base < cap ? base : cap;
	/* By then any factor that is worth the name has reached any cap. */
	if (tries > 10000)
		tries = 10000;
	while (tries-- > 0 && pause < (double)cap)
		pause *= factor;
	return pause < (double)cap ? (int64_t)pause : cap;
}

int64_t clock_backoff_us(int64_t base_us, int64_t cap_us, unsigned tries)
{
	return clock_backoff_by(base_us, cap_us, 2, tries);
}

int64_t clock_backoff_by(int64_t base_us, int64_t cap_us, double factor, unsigned tries)
{
	int64_t most, least;

	if (base_us <= 0 || cap_us <= 0)
		return 0;
	most = grown(base_us, cap_us, factor, tries);
	least = base_us / 2 < cap_us ? base_us / 2 : cap_us;
	return least + (int64_t)(jitter() % (uint64_t)(most - least + 1));
}
