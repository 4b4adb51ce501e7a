#include <CUnit/CUnit.h>
#include <limits.h>
#include <time.h>

#include "weir/clock.h"

void add_clock_suite(void);

static void never_goes_back(void)
{
	int64_t before = clock_us();

	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_us();

		CU_ASSERT_FATAL(now >= before);
		before = now;
	}
}

static void wall_is_the_time_of_day(void)
{
	int64_t seconds = clock_wall_us() / 1000000;
	int64_t now = (int64_t)time(NULL);

	CU_ASSERT(seconds >= now - 2 && seconds <= now + 2);
}

static void check_bounds(int64_t base, int64_t cap, unsigned tries, int64_t least, int64_t most)
{
	for (int i = 0; i < 200; i++) {
		int64_t pause = clock_backoff_us(base, cap, tries);

		CU_ASSERT_FATAL(pause >= least && pause <= most);
	}
}

static void backoff_stays_in_bounds(void)
{
	check_bounds(1000, 60000, 0, 500, 1000);
	check_bounds(1000, 60000, 3, 500, 8000);
	check_bounds(1000, 60000, 6, 500, 60000);
	check_bounds(1000, 60000, 1000, 500, 60000);
	check_bounds(1000, 60000, UINT_MAX, 500, 60000);
	check_bounds(1, INT64_MAX, 62, 0, INT64_MAX);
	check_bounds(INT64_MAX, INT64_MAX, 5, INT64_MAX / 2, INT64_MAX);
}

static void backoff_bears_odd_settings(void)
{
	check_bounds(1000, 100, 0, 100, 100);
	check_bounds(0, 1000, 4, 0, 0);
	check_bounds(-5, 1000, 4, 0, 0);
	check_bounds(1000, 0, 4, 0, 0);
}

/* Both halves of the range must come up, and neighbours must differ. */
static void backoff_is_spread(void)
{
	int low = 0, same = 0;
	int64_t before = -1;

	for (int i = 0; i < 1000; i++) {
		int64_t pause = clock_backoff_us(1000000, 1000000000, 9);

		low += pause < 256250000;
		same += pause == before;
		before = pause;
	}
	CU_ASSERT(low > 400 && low < 600);
	CU_ASSERT(same < 10);
}

void add_clock_suite(void)
{
	CU_pSuite suite = CU_add_suite("clock", NULL, NULL);

	CU_ADD_TEST(suite, never_goes_back);
	CU_ADD_TEST(suite, wall_is_the_time_of_day);
	CU_ADD_TEST(suite, backoff_stays_in_bounds);
	CU_ADD_TEST(suite, backoff_bears_odd_settings);
	CU_ADD_TEST(suite, backoff_is_spread);
}
