/* Whose items have the places in hand. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "places.h"

void add_places_suite(void);

/* ---- shares ---- */

/* So many of three jobs are WORKING: may one more of the first? */
static const struct {
	uint32_t most, first, others;
	bool wanted;
} lets[] = {
	{1500, 0, 0, true},	  /* nobody is there */
	{1500, 1499, 0, true},	  /* alone: as many as --prefetch says, */
	{1500, 1500, 0, false},	  /* and no more: the rest is for others */
	{1500, 0, 1500, true},	  /* as here */
	{1500, 86, 1500, true},	  /* until they have most of the rest */
	{1500, 91, 1500, false},  /* but for what the next ones need */
	{1500, 1000, 500, true},  /* who was alone goes on while there is room, */
	{1500, 1000, 540, false}, /* and then leaves it to those that have less */
	{1500, 500, 1060, true},  /* like this one */
	{1500, 0, 1593, false},	  /* there is no place at all */
	{1, 0, 0, true},	  /* one at a time */
	{1, 1, 0, false},	  /* the second place is for another job */
	{1, 0, 1, true},	  /* which has it */
	{20, 19, 0, true},	  /* few */
	{20, 20, 0, false},	  {20, 0, 20, true},
};

static void shares(void)
{
	for (size_t i = 0; i < sizeof lets / sizeof *lets; i++) {
		struct places p;
		places_init(&p, 0, lets[i].most);
		p.working = lets[i].first + lets[i].others;
		CU_ASSERT_EQUAL(places_let(&p, lets[i].first), lets[i].wanted);
	}
}

/* Of jobs that always have more: each comes to the same, and the next one finds a place. */
static void shares_become_equal(void)
{
	uint32_t jobs[8] = {0};
	struct places p;
	places_init(&p, 0, 1500);
	for (size_t n = 1; n <= 8; n++) {
		CU_ASSERT(places_let(&p, jobs[n - 1]));
		for (int turn = 0; turn < 20000; turn++) {
			size_t i = (size_t)turn % n;
			if (turn / (int)n % 3 == 0 && jobs[i] > 0) {
				jobs[i]--;
				p.working--;
			}
			if (places_let(&p, jobs[i])) {
				jobs[i]++;
				p.working++;
			}
		}
		for (size_t i = 1; i < n; i++)
			CU_ASSERT(jobs[i] + 32 > jobs[0] && jobs[i] < jobs[0] + 32);
	}
}

/* Without a lane there are no bounds. */
static void no_bounds(void)
{
	static const struct places none;
	CU_ASSERT(places_let(&none, 100000));
	CU_ASSERT_FALSE(places_crowded(&none));
}

static void crowded(void)
{
	struct places p;
	places_init(&p, 0, 1500);
	p.taken = 1000;
	CU_ASSERT_FALSE(places_crowded(&p));
	p.taken = 1400;
	CU_ASSERT(places_crowded(&p));
}

/* ---- turns ---- */

/* Jobs whose items wait, each with the time that its kind takes to begin one: "aab" and so on, in
 * the order in which they begin. */
static void order_is(const int64_t *cost, const char *came, const char *wanted)
{
	char order[64] = "";
	uint64_t last[3] = {0}, turns[64], now = 0;
	size_t n = strlen(came);
	for (size_t i = 0; i < n; i++) {
		const struct places p = {.cost_us = cost[came[i] - 'a']};
		turns[i] = places_turn(&p, &last[came[i] - 'a'], now);
	}
	for (size_t k = 0; k < n; k++) {
		size_t first = n;
		for (size_t i = 0; i < n; i++)
			if (turns[i] && (first == n || turns[i] < turns[first]))
				first = i;
		order[k] = came[first];
		turns[first] = 0;
	}
	CU_ASSERT_STRING_EQUAL(order, wanted);
}

static void turns(void)
{
	static const int64_t equal[] = {10, 10, 10}, slow[] = {1000, 10, 10};
	order_is(equal, "aaabbb", "ababab");
	order_is(equal, "aaaaaabc", "abcaaaaa");
	order_is(equal, "abcabc", "abcabc");
	order_is(slow, "aaabbbbbb",
		 "bbbbbbaaa"); /* ten of the one cost what one of the other does */
}

/* Who comes later is behind the one that has begun, and before what the others have besides. */
static void a_late_comer(void)
{
	const struct places p = {.cost_us = 10};
	uint64_t big = 0, small = 0, turn = 0;
	for (int i = 0; i < 100; i++)
		turn = places_turn(&p, &big, 0);
	CU_ASSERT_EQUAL(turn, 1000);
	CU_ASSERT_EQUAL(places_turn(&p, &small, 500), 510);
	CU_ASSERT_EQUAL(places_turn(&p, &small, 500), 520);
}

static void cost(void)
{
	struct places p;
	places_init(&p, 0, 10);
	for (int i = 0; i < 100; i++)
		places_begun(&p, 1, 1000);
	CU_ASSERT(p.cost_us > 900 && p.cost_us <= 1000);
	for (int i = 0; i < 100; i++)
		places_begun(&p, 2, 0);
	CU_ASSERT(p.cost_us >= 1 && p.cost_us < 10);
	CU_ASSERT_EQUAL(p.begun_us, 2);
}

static void pauses(void)
{
	CU_ASSERT_EQUAL(places_pause_us(0), PLACES_PAUSE_US);
	CU_ASSERT_EQUAL(places_pause_us(20000000), 10000000);
	CU_ASSERT_EQUAL(places_pause_us(INT64_MAX), PLACES_PAUSE_CAP_US);
}

/* What goes is back before the rest is done, so that nobody waits for it: it is away for the pause,
 * half of it or a second more (held.c), and as long as the relay takes. */
static void nobody_waits_for_what_goes(void)
{
	static const int64_t costs[] = {1000, 100000, 1000000, 3000000, 20000000};
	for (size_t i = 0; i < sizeof costs / sizeof *costs; i++)
		for (int64_t n = 1; n <= 1500; n++) {
			int64_t rest_us = (n - 1) * costs[i];
			if (places_spare(n * costs[i], costs[i]))
				CU_ASSERT(places_pause_us(rest_us) + 2000000 <= rest_us);
		}
	CU_ASSERT(places_spare(1500 * 100000, 100000));
	CU_ASSERT(places_spare(2 * 20000000, 20000000));
	CU_ASSERT_FALSE(places_spare(20000000, 20000000));
}

void add_places_suite(void)
{
	CU_pSuite s = CU_add_suite("places", NULL, NULL);
	CU_add_test(s, "shares", shares);
	CU_add_test(s, "shares become equal", shares_become_equal);
	CU_add_test(s, "no bounds", no_bounds);
	CU_add_test(s, "crowded", crowded);
	CU_add_test(s, "turns", turns);
	CU_add_test(s, "a late comer", a_late_comer);
	CU_add_test(s, "what a beginning costs", cost);
	CU_add_test(s, "pauses", pauses);
	CU_add_test(s, "nobody waits for what goes", nobody_waits_for_what_goes);
}
