/* The breaker of a model, in processes that know of each other by Redis alone. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "weir/breaker.h"
#include "weir/clock.h"
#include "world.h"

#define PROCESSES 2

static struct breakers *fleet[PROCESSES];
static struct model model;

static void end_test(void)
{
	for (int i = 0; i < PROCESSES; i++) {
		breakers_close(fleet[i]);
		fleet[i] = NULL;
	}
	world_leave();
}

/* A model that no other test has had. */
static void begin_test(void)
{
	static int tests;
	struct weir_error err;
	world_clean();
	model = (struct model){
		.provider = PROVIDER_OPENAI, .timeout_ms = 1000, .outage_ms = 600000};
	snprintf(model.name, sizeof model.name, "broken-%d-%d", (int)getpid(), tests++);
	for (int i = 0; i < PROCESSES; i++)
		EXPECT(breakers_open(getenv("WEIR_REDIS_URL"), 500, &fleet[i], &err) == 0, "%s",
		       err.text);
}

/* By one process after the other. */
static bool fails(const char *item)
{
	static int turn;
	return breaker_failed(fleet[turn++ % PROCESSES], &model, item, "HTTP 500", clock_us());
}

static void fail_others(int n)
{
	static int items;
	char name[32];
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof name, "other-%d", items++);
		EXPECT(!fails(name), "%s is charged", name);
	}
}

/* Each is told at once: it is more than a second since the one before. */
static void serve(int n)
{
	static int64_t later_us;
	for (int i = 0; i < n; i++) {
		later_us += 2000000;
		breaker_served(fleet[0], &model, clock_us() + later_us);
	}
}

static bool is_open(void)
{
	bool open = false;
	for (int i = 0; i < PROCESSES; i++) {
		int64_t later = clock_us() + 1000000; /* it looks again */
		if (breaker_may_call(fleet[i], &model, later))
			breaker_given_back(fleet[i], &model, later);
		open |= *breaker_reason(fleet[i], &model) != '\0';
	}
	return open;
}

/* It fails again after others were served: from then on nobody else is needed to tell. */
static void own_fault(void)
{
	EXPECT(!fails("bad"), "its first failure is charged");
	serve(4);
	for (int i = 0; i < 3 * BREAKER_FAILURES; i++)
		EXPECT(fails("bad"), "failure %d is not charged", i + 2);
	EXPECT(!is_open(), "it has opened the breaker for others");
}

/* Of an outage it is not charged either, whatever it was before. */
static void outage(void)
{
	fails("bad");
	serve(4);
	EXPECT(fails("bad"), "it is not charged");
	fail_others(BREAKER_FAILURES);
	EXPECT(is_open(), "five in a row do not open it");
	EXPECT(!fails("bad"), "it is charged in an outage");
	fail_others(20);
	serve(1);
	EXPECT(!is_open(), "an answer does not close it");
	EXPECT(fails("bad"), "it is not charged after the outage");
}

/* Of a provider that fails many, nobody can be told apart. */
static void fails_many(void)
{
	for (int i = 0; i < 12; i++) {
		serve(3);
		EXPECT(!fails("one"), "it is charged");
		EXPECT(!fails("two"), "it is charged");
	}
}

static void alone(void)
{
	for (int i = 0; i < 3 * BREAKER_FAILURES; i++)
		EXPECT(!fails("alone"), "failure %d is charged", i + 1);
	EXPECT(is_open(), "it is not open");
	model.outage_ms = 0; /* they have passed */
	EXPECT(fails("alone"), "it is never charged");
	EXPECT(fails("another"), "another is not charged");
	serve(1);
	fail_others(BREAKER_FAILURES);
}

/* However long it lasts, the fleet asks again within seconds, and whoever is alone with it is not
 * away for minutes. */
static void asks_within_seconds(void)
{
	char command[200];
	for (int lasted = 0; lasted < 24; lasted += 3) {
		fail_others(BREAKER_FAILURES);
		snprintf(command, sizeof command, "HSET weir:{model:%s}:breaker pauses %d probe 0",
			 model.name, lasted);
		redis_do(command);
		fails("the one that asked");
		EXPECT(is_open(), "it is not open");
		for (int i = 0; i < PROCESSES; i++) {
			int64_t us = breaker_probe_us(fleet[i], &model) - clock_us();
			EXPECT(us < 8000000, "%d pauses: the next call is in %lld ms", lasted,
			       (long long)us / 1000);
		}
	}
}

/* While Redis is away too, by what a process knows itself. */
static void without_redis(void)
{
	struct weir_error err;
	breakers_close(fleet[1]);
	EXPECT(breakers_open("redis://127.0.0.1:1", 500, &fleet[1], &err) == 0, "%s", err.text);
	for (int i = 0; i < 3 * BREAKER_FAILURES; i++)
		EXPECT(!breaker_failed(fleet[1], &model, "alone", "HTTP 500", clock_us()),
		       "failure %d is charged", i + 1);
	EXPECT(*breaker_reason(fleet[1], &model) != '\0', "it is not open");
	model.outage_ms = 0;
	EXPECT(breaker_failed(fleet[1], &model, "alone", "HTTP 500", clock_us()),
	       "it is never charged");
}

/* It is full for a moment: whatever would be written is refused. */
static void fill_redis(bool full)
{
	redis_do(full ? "CONFIG SET maxmemory 1" : "CONFIG SET maxmemory 0");
}

static bool fails_in_first(const char *item)
{
	return breaker_failed(fleet[0], &model, item, "HTTP 500", clock_us());
}

/* What was answered and what failed meanwhile counts afterwards, in whatever order it came. */
static void away_for_a_moment(void)
{
	EXPECT(!fails_in_first("bad"), "its first failure is charged");
	fill_redis(true);
	serve(4);
	EXPECT(!fails_in_first("other"), "another is charged");
	fill_redis(false);
	EXPECT(fails_in_first("bad"), "four answers to one failure are forgotten");
}

static void fails_while_away(void)
{
	EXPECT(!fails_in_first("good"), "its first failure is charged");
	fill_redis(true);
	serve(4);
	EXPECT(!fails_in_first("other"), "another is charged");
	EXPECT(!fails_in_first("third"), "a third one is charged");
	fill_redis(false);
	EXPECT(!fails_in_first("good"), "two failures to four answers are forgotten");
}

void add_breaker_suite(void);

void add_breaker_suite(void)
{
	CU_pSuite s = CU_add_suite_with_setup_and_teardown("breaker", world_open, world_close,
							   begin_test, end_test);
	CU_add_test(s, "an item of its own fault", own_fault);
	CU_add_test(s, "an outage charges nobody", outage);
	CU_add_test(s, "a provider that fails many", fails_many);
	CU_add_test(s, "an item that is alone", alone);
	CU_add_test(s, "it is asked within seconds", asks_within_seconds);
	CU_add_test(s, "while Redis is away", without_redis);
	CU_add_test(s, "Redis is away for a moment", away_for_a_moment);
	CU_add_test(s, "others fail while Redis is away", fails_while_away);
}
