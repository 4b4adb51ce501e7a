/* Pace: a fleet of ten in one process, each with its own handle, against a real Redis. What is
 * asserted are counts, over the time that has really passed. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weir/clock.h"
#include "weir/pace.h"
#include "world.h"

enum { HOLDERS = 10, TAKEN_MAX = 100000, ANSWER_US = 100000 };

static struct pace *fleet[HOLDERS];
static struct weir_error err;
static struct model model;

/* When calls began, and whose they were. */
static struct taken {
	int64_t at_us, input;
	int holder;
} taken[TAKEN_MAX];
static int begun, settled;
static int begun_by[HOLDERS];

static void open_fleet(const char *url)
{
	for (int i = 0; i < HOLDERS; i++) {
		char holder[16];
		snprintf(holder, sizeof holder, "holder-%d", i);
		EXPECT(pace_open(url, 500, holder, &fleet[i], &err) == 0, "%s", err.text);
	}
}

static void close_fleet(void)
{
	for (int i = 0; i < HOLDERS; i++) {
		pace_close(fleet[i]);
		fleet[i] = NULL;
	}
}

static void end_test(void)
{
	close_fleet();
	world_leave();
}

/* A model that no other test has had. */
static void begin_test(void)
{
	static int tests;
	world_clean();
	model = (struct model){.provider = PROVIDER_ANTHROPIC, .max_tokens = 400};
	snprintf(model.name, sizeof model.name, "test-%d-%d", (int)getpid(), tests++);
	begun = settled = 0;
	memset(begun_by, 0, sizeof begun_by);
	open_fleet(getenv("WEIR_REDIS_URL"));
}

/* ---- the fleet at work ---- */

static void settle_ended(int64_t output)
{
	for (; settled < begun && taken[settled].at_us + ANSWER_US < clock_us(); settled++) {
		const struct taken *t = &taken[settled];
		pace_settle(fleet[t->holder], &model, t->input, t->input, output);
	}
}

static bool take_some(int holder, int64_t input)
{
	int64_t now_us = clock_us();
	bool any = false;
	if (pace_next_us(fleet[holder], &model, now_us) > now_us)
		return false;
	for (int i = 0; i < 20 && begun < TAKEN_MAX; i++) {
		now_us = clock_us();
		if (!pace_take(fleet[holder], &model, input, 1000, now_us))
			break;
		taken[begun++] = (struct taken){now_us, input, holder};
		begun_by[holder]++;
		any = true;
	}
	return any;
}

/* All of them take what they get, for this long. */
static void work(int holders, int64_t for_us, int64_t input, int64_t output)
{
	int64_t until = clock_us() + for_us;
	while (clock_us() < until) {
		bool any = false;
		for (int i = 0; i < holders; i++)
			any |= take_some(i, input);
		settle_ended(output);
		if (!any)
			usleep(500);
	}
}

/* In no span of time more than its part of the limit and five hundredths of a minute's. */
static void expect_within(double a_minute)
{
	double worst = 0;
	for (int i = 0; i < begun; i++) {
		for (int j = i; j < begun; j++) {
			double span_us = (double)(taken[j].at_us - taken[i].at_us);
			double more = j - i + 1 - span_us * a_minute / 60e6;
			worst = more > worst ? more : worst;
		}
	}
	EXPECT(worst <= 1 + a_minute * 0.05, "%.1f calls too many, of %.0f a minute", worst,
	       a_minute);
}

/* And not much less than there could be. */
static void expect_used(double a_minute, double share)
{
	double span_us = (double)(taken[begun - 1].at_us - taken[0].at_us);
	double most = span_us * a_minute / 60e6;
	EXPECT(begun >= most * share, "%d calls of %.0f", begun, most);
}

/* ---- limits ---- */

static void requests(void)
{
	model.requests = 6000;
	work(HOLDERS, 4000000, 100, 50);
	expect_within(6000);
	expect_used(6000, 0.6);
	for (int i = 0; i < HOLDERS; i++)
		EXPECT(begun_by[i] > 0, "the holder %d got nothing", i);
}

static void few_requests(void)
{
	model.requests = 120;
	work(HOLDERS, 4000000, 100, 50);
	expect_within(120);
	expect_used(120, 0.6);
}

static void input_tokens(void)
{
	model.requests = 60000;
	model.input_tokens = 600000;
	work(HOLDERS, 3000000, 100, 50);
	expect_within(6000);
	expect_used(6000, 0.6);
}

/* Nobody knows how long answers are before there are some. */
static void output_tokens(void)
{
	model.output_tokens = 300000;
	work(HOLDERS, 4000000, 100, 50);
	expect_within(6000);
	expect_used(6000, 0.5);
}

/* Answers are longer than they were taken to be: what is too much is owed. */
static void longer_answers(void)
{
	model.output_tokens = 60000;
	work(HOLDERS, 1000000, 10, 20);
	int before = begun;
	work(HOLDERS, 3000000, 10, 200);
	/* 1000 tokens a second, and the burst; calls of 200 */
	EXPECT(begun - before <= 110, "%d calls of 200 tokens", begun - before);
	EXPECT(begun > before, "nothing begins any more");
}

/* What is larger than a burst goes all the same, and is paid for afterwards. */
static void a_large_call(void)
{
	model.input_tokens = 6000;
	work(1, 200000, 3000, 10);
	EXPECT_INT(begun, 1);
	work(HOLDERS, 1000000, 10, 10);
	EXPECT_INT(begun, 1);
}

/* Who needs much at one time is not always behind those who need little. */
static void a_large_one_among_small_ones(void)
{
	model.input_tokens = 600000;
	for (int64_t until = clock_us() + 3000000; clock_us() < until;) {
		for (int i = 0; i < HOLDERS; i++)
			take_some(i, i == 0 ? 5000 : 100);
		settle_ended(10);
		usleep(500);
	}
	EXPECT(begun_by[0] > 0, "it got nothing");
	EXPECT(begun > begun_by[0], "the others got nothing");
}

static void no_limits(void)
{
	work(HOLDERS, 300000, 100, 50);
	EXPECT(begun > 1000, "%d calls", begun);
}

static void given_back(void)
{
	model.requests = 60;
	int calls = 0;
	for (int64_t until = clock_us() + 1500000; clock_us() < until && calls < 50;) {
		if (!pace_take(fleet[0], &model, 10, 0, clock_us()))
			continue;
		pace_give_back(fleet[0], &model, 10);
		calls++;
	}
	EXPECT(calls >= 10, "%d calls, though none was made", calls);
}

/* ---- holds ---- */

static void held(void)
{
	model.requests = 6000;
	work(HOLDERS, 500000, 100, 50);
	pace_hold(fleet[3], &model, 60000, clock_us());
	int64_t now_us = clock_us();
	EXPECT(pace_next_us(fleet[3], &model, now_us) > now_us + 50000000, "it may go on");
	work(HOLDERS, 1300000, 100, 50); /* what was borrowed before may still begin */
	int before = begun;
	work(HOLDERS, 500000, 100, 50);
	EXPECT_INT(begun, before);
	pace_hold(fleet[4], &model, 10, clock_us());
	now_us = clock_us();
	EXPECT(pace_next_us(fleet[4], &model, now_us) > now_us + 50000000, "it may go on");
}

static void held_without_limits(void)
{
	work(HOLDERS, 300000, 100, 50);
	pace_hold(fleet[3], &model, 60000, clock_us());
	work(HOLDERS, 500000, 100, 50);
	int before = begun;
	work(HOLDERS, 300000, 100, 50);
	EXPECT_INT(begun, before);
}

static void a_hold_ends(void)
{
	model.requests = 6000;
	pace_hold(fleet[0], &model, 300, clock_us());
	EXPECT(!pace_take(fleet[1], &model, 10, 0, clock_us()), "the others do not obey");
	int64_t until = clock_us() + (int64_t)PATIENCE_MS * 1000;
	while (begun == 0 && clock_us() < until)
		work(HOLDERS, 50000, 100, 50);
	EXPECT(begun > 0, "nothing begins any more");
}

static void nothing_left(void)
{
	struct provider_limits some = {5, -1, -1, 0}, none = {0, 10, -1, 60000};
	model.requests = 6000;
	pace_limits(fleet[0], &model, &some, clock_us());
	EXPECT(pace_take(fleet[0], &model, 10, 0, clock_us()), "it waits for nothing");
	pace_limits(fleet[0], &model, &none, clock_us());
	EXPECT(!pace_take(fleet[0], &model, 10, 0, clock_us()), "it does not wait");
	EXPECT(!pace_take(fleet[1], &model, 10, 0, clock_us()), "the others do not wait");
}

/* ---- turns ---- */

static void turns(void)
{
	int64_t apart_us, first, second, third;
	model.requests = 60;
	first = pace_turns(fleet[0], &model, 100, 10, &apart_us);
	EXPECT_INT(apart_us, 1000000);
	second = pace_turns(fleet[1], &model, 10, 10, &apart_us);
	third = pace_turns(fleet[2], &model, 1, 10, &apart_us);
	EXPECT(first < 5000, "the first turn is in %" PRId64 " ms", first);
	EXPECT(second > 95000 && second <= 100000 + first, "the 101st in %" PRId64, second);
	EXPECT(third > 105000 && third <= 110000 + first, "the 111th in %" PRId64, third);
}

static void turns_of_tokens(void)
{
	int64_t apart_us;
	model.requests = 6000;
	model.input_tokens = 6000;
	pace_turns(fleet[0], &model, 1, 50, &apart_us);
	EXPECT_INT(apart_us, 500000);
}

static void turns_without_limits(void)
{
	int64_t apart_us;
	EXPECT_INT(pace_turns(fleet[0], &model, 1000, 50, &apart_us), 0);
	EXPECT_INT(pace_turns(fleet[0], &model, 1000, 50, &apart_us), 0);
	EXPECT_INT(apart_us, 0);
}

/* ---- Redis ---- */

static void redis_forgets(void)
{
	model.requests = 6000;
	work(HOLDERS, 2000000, 100, 50);
	redis_flush();
	redis_do("SCRIPT FLUSH");
	work(HOLDERS, 2000000, 100, 50);
	expect_within(6000);
	expect_used(6000, 0.6);
}

/* They go on at the pace they had, and do not stop. */
static void redis_goes_away(void)
{
	model.requests = 6000;
	work(HOLDERS, 3000000, 100, 50);
	server("down", "redis");
	begun = settled = 0;
	work(HOLDERS, 3000000, 100, 50);
	EXPECT(begun > 0, "nothing begins any more");
	expect_within(7500); /* each one's pace is a measured one */
	server("up", "redis");
	begun = settled = 0;
	work(HOLDERS, 3000000, 100, 50);
	EXPECT(begun > 0, "nothing begins any more");
	expect_within(7500);
}

static void redis_was_never_there(void)
{
	close_fleet();
	open_fleet("redis://127.0.0.1:1");
	model.requests = 6000;
	work(HOLDERS, 1000000, 100, 50);
	EXPECT(begun > 0, "nothing begins");
	expect_within(6000);
	int64_t apart_us;
	pace_turns(fleet[0], &model, 10, 10, &apart_us);
	EXPECT(apart_us > 0, "nothing is put off");
}

static void bad_urls(void)
{
	struct pace *p = NULL;
	EXPECT_INT(pace_open("http://x", 500, "h", &p, &err), -1);
	EXPECT_PART(err.code, "bad_url");
}

void add_pace_suite(void);

void add_pace_suite(void)
{
	CU_pSuite suite = CU_add_suite_with_setup_and_teardown("pace", world_open, world_close,
							       begin_test, end_test);

	CU_add_test(suite, "requests", requests);
	CU_add_test(suite, "few requests", few_requests);
	CU_add_test(suite, "input tokens", input_tokens);
	CU_add_test(suite, "output tokens", output_tokens);
	CU_add_test(suite, "longer answers", longer_answers);
	CU_add_test(suite, "a large call", a_large_call);
	CU_add_test(suite, "a large one among small ones", a_large_one_among_small_ones);
	CU_add_test(suite, "no limits", no_limits);
	CU_add_test(suite, "given back", given_back);
	CU_add_test(suite, "held", held);
	CU_add_test(suite, "held without limits", held_without_limits);
	CU_add_test(suite, "a hold ends", a_hold_ends);
	CU_add_test(suite, "nothing left", nothing_left);
	CU_add_test(suite, "turns", turns);
	CU_add_test(suite, "turns of tokens", turns_of_tokens);
	CU_add_test(suite, "turns without limits", turns_without_limits);
	CU_add_test(suite, "Redis forgets", redis_forgets);
	CU_add_test(suite, "Redis goes away", redis_goes_away);
	CU_add_test(suite, "Redis was never there", redis_was_never_there);
	CU_add_test(suite, "bad URLs", bad_urls);
}
