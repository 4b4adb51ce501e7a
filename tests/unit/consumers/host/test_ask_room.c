/* Turns between jobs that ask one model, and who gives up his place in the hand. */
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "asks.h"
#include "weir/clock.h"

#define HAND 64

void add_ask_room_suite(void);

static struct consumer c;
static struct asks a;
static struct job jobs[3];
static struct model models[2];
static struct lane lane;
static int asked;

static void begin(void)
{
	memset(&c, 0, sizeof c);
	memset(&a, 0, sizeof a);
	memset(jobs, 0, sizeof jobs);
	memset(models, 0, sizeof models);
	memset(&lane, 0, sizeof lane);
	struct weir_error err;
	asked = 0;
	if (deliveries_init(&c.deliveries, HAND) < 0 || !(a.slots = calloc(HAND, sizeof *a.slots)))
		abort();
	if (breakers_open("redis://127.0.0.1:1", 100, &a.breakers, &err) < 0) /* it asks nobody */
		abort();
	c.asks = &a;
	c.options.prefetch = HAND;
	a.consumer = &c;
	a.capacity = HAND;
	a.model_count = 2;
	for (int i = 0; i < 2; i++) {
		models[i] = (struct model){.mode = MODEL_CALL, .max_in_flight = 2};
		a.models[i] = (struct asked_model){.model = &models[i]};
	}
	for (int i = 0; i < HAND; i++)
		a.slots[i] = (struct ask){.asks = &a, .limits = &a.models[0]};
}

static void end(void)
{
	for (int i = 0; i < HAND; i++)
		if (a.slots[i].state != ASK_NONE)
			ask_move(&a, &a.slots[i], ASK_NONE);
	free(a.slots);
	breakers_close(a.breakers);
	deliveries_release(&c.deliveries);
}

/* An item of this job asks this model, and waits. */
static void ask(char job, int model)
{
	struct broker_event event = {.tag = (uint64_t)++asked};
	struct delivery *one = delivery_take(&c.deliveries, &event, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(one);
	one->job = &jobs[job - 'a'];
	one->job->users++;
	one->lane = &lane;
	delivery_move(&c.deliveries, one, DELIVERY_WORKING, false);
	struct ask *it = &a.slots[one->slot];
	it->one = one;
	it->model = one->model = &models[model];
	it->limits = &a.models[model];
	ask_take_turn(it);
	ask_move(&a, it, ASK_READY);
}

static char job_of(const struct ask *it) { return (char)('a' + (it->one->job - jobs)); }

/* Whose calls of the first model begin next, in order. */
static const char *order(void)
{
	static char text[HAND + 1];
	size_t n = 0;
	for (const struct ask *it = a.lists[ASK_READY].first; it; it = it->after)
		if (it->model == &models[0])
			text[n++] = job_of(it);
	text[n] = '\0';
	return text;
}

static void call_first(void) { ask_move(&a, a.lists[ASK_READY].first, ASK_CALLING); }

/* "a0": an item of the job a asks the first model; ".": a call begins. */
static const struct {
	const char *steps, *wanted;
} turns[] = {
	{"a0a0a0", "aaa"},
	{"a0a0a0b0b0b0", "ababab"},
	{"a0a0a0a0b0c0", "abcaaa"},
	{"a0a0a0a0..b0", "aba"},	    /* behind the one that would be next */
	{"a0a0a0....b0b0a0", "bab"},	    /* nobody saves up turns */
	{"a0a0a0a1a1a1b0b0", "ababa"},	    /* another model: turns of its own, */
	{"a0a0a0a0a1a0b0b0b0", "abababaa"}, /* which change nothing here */
	{"b0b0b0b0b0.....a0b0b0", "abb"},   /* nor is a former turn held against anybody */
};

static void take_turns(void)
{
	for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
		end();
		begin();
		for (const char *s = turns[i].steps; *s; s++)
			if (*s == '.' && a.lists[ASK_READY].first)
				call_first();
			else if (*s != '.')
				ask(*s, s[1] - '0'), s++;
		CU_ASSERT_STRING_EQUAL(order(), turns[i].wanted);
		if (strcmp(order(), turns[i].wanted) != 0)
			printf("%s: %s\n", turns[i].steps, order());
	}
}

/* ---- room ---- */

static void room_is_made(void)
{
	int64_t now = clock_us();
	ask_make_room(&a, now);
	a.models[0].rate_us -= 1000000; /* no call has ended for so long */
	ask_make_room(&a, now);
}

/* Of a model that has ended nothing, a few are kept, and they are of all jobs; no other model loses
 * any. */
static void the_rest_is_put_off(void)
{
	for (int i = 0; i < 40; i++)
		ask('a', 0);
	for (int i = 0; i < 5; i++)
		ask('b', 0);
	for (int i = 0; i < 5; i++)
		ask('c', 1);
	room_is_made();
	size_t of[3] = {0};
	for (const struct ask *it = a.lists[ASK_READY].first; it; it = it->after)
		of[job_of(it) - 'a']++;
	CU_ASSERT_EQUAL(of[0] + of[1], 22); /* KEPT_LEAST, and a generation of calls */
	CU_ASSERT_EQUAL(of[1], 5);
	CU_ASSERT_EQUAL(of[2], 5);
	CU_ASSERT_EQUAL(c.deliveries.lists[DELIVERY_ENDED].size, 23);
	for (struct delivery *d = c.deliveries.lists[DELIVERY_ENDED].first; d; d = d->after) {
		CU_ASSERT_EQUAL(d->fate, FATE_DEFER);
		CU_ASSERT_STRING_EQUAL(d->error->code, "busy");
		CU_ASSERT(d->retry_us >= 1000000 && d->retry_us <= 40000000);
	}
}

/* The more are away, the later the next one comes back: so no faster than twice the rate. */
static void more_away_come_back_later(void)
{
	a.models[0].rate = 10;
	for (int i = 0; i < 62; i++)
		ask('a', 0);
	a.models[0].away = 900;
	a.models[0].measured = true;
	a.models[0].rate_us = clock_us();
	ask_make_room(&a, clock_us());
	struct delivery *d = c.deliveries.lists[DELIVERY_ENDED].first;
	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	CU_ASSERT(d->retry_us >= 20000000);
}

void add_ask_room_suite(void)
{
	CU_pSuite s = CU_add_suite_with_setup_and_teardown("room of asks", NULL, NULL, begin, end);
	CU_add_test(s, "turns", take_turns);
	CU_add_test(s, "the rest is put off", the_rest_is_put_off);
	CU_add_test(s, "more away come back later", more_away_come_back_later);
}
