/* Deliveries and their lists. What is not freed is found by the sanitizer. */
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "delivery.h"
#include "failing_malloc.h"

#define CAPACITY 6

void add_delivery_suite(void);

static struct deliveries d;

static void begin(void)
{
	if (deliveries_init(&d, CAPACITY) < 0)
		abort();
}

static void end(void) { deliveries_release(&d); }

static struct delivery *take(uint64_t tag, size_t size)
{
	struct broker_event event = {.tag = tag, .body = calloc(1, size + 1), .body_size = size};
	struct delivery *one = delivery_take(&d, &event, 7);

	CU_ASSERT_PTR_NOT_NULL_FATAL(one);
	CU_ASSERT_PTR_NULL(event.body); /* it is the delivery's now */
	return one;
}

/* The list is whole in both directions and holds these tags, each a digit. */
static void list_is(enum delivery_state state, const char *tags)
{
	const struct delivery_list *list = &d.lists[state];
	const struct delivery *before = NULL, *one = list->first;

	CU_ASSERT_EQUAL(list->size, strlen(tags));
	for (; *tags; tags++) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(one);
		CU_ASSERT_EQUAL(one->tag, (uint64_t)(*tags - '0'));
		CU_ASSERT_EQUAL(one->state, state);
		CU_ASSERT_PTR_EQUAL(one->before, before);
		before = one;
		one = one->after;
	}
	CU_ASSERT_PTR_NULL(one);
	CU_ASSERT_PTR_EQUAL(list->last, before);
}

static void sizes_are(size_t free, size_t held, size_t working, size_t ended, size_t storing)
{
	CU_ASSERT_EQUAL(d.lists[DELIVERY_FREE].size, free);
	CU_ASSERT_EQUAL(d.lists[DELIVERY_HELD].size, held);
	CU_ASSERT_EQUAL(d.lists[DELIVERY_WORKING].size, working);
	CU_ASSERT_EQUAL(d.lists[DELIVERY_ENDED].size, ended);
	CU_ASSERT_EQUAL(d.lists[DELIVERY_STORING].size, storing);
}

static void a_life(void)
{
	static const enum delivery_state life[] = {DELIVERY_WORKING, DELIVERY_ENDED,
						   DELIVERY_STORING, DELIVERY_ENDED,
						   DELIVERY_STORING, DELIVERY_FREE};
	struct delivery *one;

	sizes_are(CAPACITY, 0, 0, 0, 0);
	one = take(1, 10);
	sizes_are(CAPACITY - 1, 1, 0, 0, 0);
	CU_ASSERT_EQUAL(one->state, DELIVERY_HELD);
	for (size_t i = 0; i < sizeof(life) / sizeof(life[0]); i++) {
		delivery_move(&d, one, life[i], false);
		CU_ASSERT_EQUAL(one->state, life[i]);
		CU_ASSERT_EQUAL(d.lists[life[i]].size, life[i] == DELIVERY_FREE ? CAPACITY : 1);
	}
	sizes_are(CAPACITY, 0, 0, 0, 0);
}

/* From each state to each other one, from the middle of its list and from its ends. */
static void every_move(void)
{
	static const char *const rest[] = {"23", "13", "12"};

	for (int from = DELIVERY_HELD; from < DELIVERY_STATES; from++) {
		for (int to = DELIVERY_FREE; to < DELIVERY_STATES; to++) {
			for (uint64_t moved = 1; to != from && moved <= 3; moved++) {
				struct delivery *some[4] = {NULL, take(1, 1), take(2, 1),
							    take(3, 1)};

				for (int i = 1; i <= 3; i++)
					if (from != DELIVERY_HELD)
						delivery_move(&d, some[i], from, false);
				delivery_move(&d, some[moved], to, false);
				list_is(from, rest[moved - 1]);
				CU_ASSERT_PTR_EQUAL(d.lists[to].last, some[moved]);
				end();
				begin();
			}
		}
	}
}

static void front_and_back(void)
{
	for (uint64_t tag = 1; tag <= 4; tag++)
		take(tag, 1);
	list_is(DELIVERY_HELD, "1234");
	delivery_move(&d, d.lists[DELIVERY_HELD].first, DELIVERY_ENDED, false);
	delivery_move(&d, d.lists[DELIVERY_HELD].first, DELIVERY_ENDED, false);
	delivery_move(&d, d.lists[DELIVERY_HELD].first, DELIVERY_ENDED, true);
	list_is(DELIVERY_ENDED, "312");
	list_is(DELIVERY_HELD, "4");
	delivery_move(&d, d.lists[DELIVERY_ENDED].last, DELIVERY_ENDED, true);
	list_is(DELIVERY_ENDED, "231");
	delivery_move(&d, d.lists[DELIVERY_ENDED].first, DELIVERY_ENDED, false);
	list_is(DELIVERY_ENDED, "312");
}

/* As a flush does that failed: from the last to the first, each to the front. */
static void put_back_in_order(void)
{
	for (uint64_t tag = 1; tag <= 4; tag++)
		delivery_move(&d, take(tag, 1), tag < 4 ? DELIVERY_STORING : DELIVERY_ENDED, false);
	while (d.lists[DELIVERY_STORING].last)
		delivery_move(&d, d.lists[DELIVERY_STORING].last, DELIVERY_ENDED, true);
	list_is(DELIVERY_ENDED, "1234");
}

static void no_place_left(void)
{
	struct broker_event event = {.tag = 9};
	struct delivery *first;

	for (uint64_t tag = 1; tag <= CAPACITY; tag++)
		take(tag, 1);
	first = d.lists[DELIVERY_HELD].first;
	event.body = strdup("x");
	event.body_size = 1;
	CU_ASSERT_PTR_NULL(delivery_take(&d, &event, 7));
	CU_ASSERT_PTR_NOT_NULL(event.body); /* still the caller's */
	CU_ASSERT_EQUAL(d.bytes, CAPACITY);
	delivery_move(&d, first, DELIVERY_FREE, true);
	CU_ASSERT_PTR_EQUAL(delivery_take(&d, &event, 7), first);
}

static void what_an_event_becomes(void)
{
	struct broker_event event = {.tag = 5, .body = strdup("body"), .body_size = 4};
	struct delivery *one = delivery_take(&d, &event, 3);

	CU_ASSERT_PTR_NOT_NULL_FATAL(one);
	CU_ASSERT_EQUAL(one->tag, 5);
	CU_ASSERT_EQUAL(one->connection, 3);
	CU_ASSERT_STRING_EQUAL(one->body, "body");
	CU_ASSERT_EQUAL(one->body_size, 4);
	CU_ASSERT_FALSE(one->suspect);
	event = (struct broker_event){.redelivered = true};
	CU_ASSERT_TRUE(delivery_take(&d, &event, 3)->suspect);
	event = (struct broker_event){.deliveries = 1};
	CU_ASSERT_TRUE(delivery_take(&d, &event, 3)->suspect);
}

/* Nothing of the one before is left in the place. */
static void a_place_is_clean(void)
{
	struct delivery *one = take(1, 3), *again;

	one->suspect = one->tried = one->claimed = one->unknown = one->looked_up = true;
	one->fate = FATE_FAILED;
	one->attempts = one->group = one->starts = one->crashes = 9;
	one->final = 9;
	one->alone = true;
	one->trial_us = 9;
	one->timer_us = one->deadline_us = one->began_us = 9;
	one->note_size = 9;
	buffer_add_text(&one->result, "result");
	snprintf(one->error->code, sizeof(one->error->code), "code");
	delivery_move(&d, one, DELIVERY_FREE, true);
	again = take(2, 3);
	CU_ASSERT_PTR_EQUAL_FATAL(again, one);
	CU_ASSERT(!one->suspect && !one->tried && !one->claimed && !one->unknown);
	CU_ASSERT(!one->looked_up && !one->starts && !one->final && !one->group);
	CU_ASSERT(!one->crashes && !one->alone && !one->trial_us);
	CU_ASSERT_EQUAL(one->fate, FATE_NONE);
	CU_ASSERT_EQUAL(one->attempts, 0);
	CU_ASSERT(!one->timer_us && !one->deadline_us && !one->began_us);
	CU_ASSERT_EQUAL(one->note_size, 0);
	CU_ASSERT_PTR_NULL(one->result.data);
	CU_ASSERT_STRING_EQUAL(one->error->code, "");
}

/* ---- handles ---- */

static void found_while_working(void)
{
	struct delivery *one = take(1, 1), *two = take(2, 1);

	for (int state = DELIVERY_HELD; state < DELIVERY_STATES; state++) {
		bool working = state == DELIVERY_WORKING;

		delivery_move(&d, one, state, false);
		CU_ASSERT_PTR_EQUAL(delivery_find(&d, delivery_work(one)), working ? one : NULL);
	}
	delivery_move(&d, one, DELIVERY_WORKING, false);
	delivery_move(&d, two, DELIVERY_WORKING, false);
	CU_ASSERT_PTR_EQUAL(delivery_find(&d, delivery_work(one)), one);
	CU_ASSERT_PTR_EQUAL(delivery_find(&d, delivery_work(two)), two);
	CU_ASSERT_NOT_EQUAL(delivery_work(one).id, delivery_work(two).id);
}

/* The place is used again: the handle of the one before does not fit. */
static void stale_handles(void)
{
	struct weir_work old[100];

	for (int i = 0; i < 100; i++) {
		struct delivery *one = take(1, 1);

		delivery_move(&d, one, DELIVERY_WORKING, false);
		old[i] = delivery_work(one);
		CU_ASSERT_PTR_EQUAL(delivery_find(&d, old[i]), one);
		for (int j = 0; j < i; j++)
			CU_ASSERT_PTR_NULL(delivery_find(&d, old[j]));
		delivery_move(&d, one, DELIVERY_FREE, true);
		CU_ASSERT_PTR_NULL(delivery_find(&d, old[i]));
	}
}

/* A plugin may hand in anything; zero is what a cleared struct of its own holds. */
static void handles_out_of_nowhere(void)
{
	static const uint64_t ids[] = {0, 1, CAPACITY, UINT32_MAX, UINT64_MAX, UINT64_C(99) << 32};

	for (uint64_t tag = 1; tag <= CAPACITY; tag++)
		delivery_move(&d, take(tag, 1), DELIVERY_WORKING, false);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		CU_ASSERT_PTR_NULL(delivery_find(&d, (struct weir_work){ids[i]}));
}

/* ---- memory ---- */

static void bytes_are_counted(void)
{
	struct broker_event oversized = {.tag = 3, .body_size = 1 << 20};
	struct delivery *one = take(1, 100), *two = take(2, 50);

	CU_ASSERT_EQUAL(d.bytes, 150);
	CU_ASSERT_PTR_NOT_NULL(delivery_take(&d, &oversized, 7)); /* has no body */
	CU_ASSERT_EQUAL(d.bytes, 150);
	delivery_move(&d, one, DELIVERY_WORKING, false);
	delivery_move(&d, one, DELIVERY_ENDED, false);
	CU_ASSERT_EQUAL(d.bytes, 150);
	delivery_move(&d, one, DELIVERY_FREE, true);
	CU_ASSERT_EQUAL(d.bytes, 50);
	delivery_move(&d, two, DELIVERY_FREE, false);
	CU_ASSERT_EQUAL(d.bytes, 0);
}

static const char body[] =
	"{\"v\":1,\"kind\":\"sum\",\"job_id\":\"j\",\"batch_id\":\"j-s1-b1\",\"stage\":1,"
	"\"ordinal\":0,\"custom_id\":\"a\",\"epoch\":0,\"attempt\":0,\"context\":{\"k\":\"v\"},"
	"\"payload\":{\"p\":[1]}}";

static struct delivery *take_decoded(void)
{
	struct broker_event event = {.body = strdup(body), .body_size = strlen(body)};
	struct delivery *one = delivery_take(&d, &event, 7);
	struct weir_error err;

	CU_ASSERT_EQUAL_FATAL(message_decode(&one->message, one->body, one->body_size,
					     (struct weir_text){"application/json", 16}, &err),
			      0);
	buffer_add_text(&one->result, "a result");
	return one;
}

static void release_frees_all(void)
{
	for (int state = DELIVERY_WORKING; state < DELIVERY_STATES; state++)
		delivery_move(&d, take_decoded(), state, false);
	delivery_move(&d, take_decoded(), DELIVERY_FREE, false);
	deliveries_release(&d);
	CU_ASSERT_PTR_NULL(d.slots);
	CU_ASSERT_EQUAL(d.capacity, 0);
	deliveries_release(&d);
}

static void no_memory(void)
{
	struct deliveries none;

	failing_malloc_arm(1);
	CU_ASSERT_EQUAL(deliveries_init(&none, CAPACITY), -1);
	CU_ASSERT_TRUE(failing_malloc_disarm());
	deliveries_release(&none);
}

void add_delivery_suite(void)
{
	CU_pSuite suite = CU_add_suite_with_setup_and_teardown("delivery", NULL, NULL, begin, end);

	CU_ADD_TEST(suite, a_life);
	CU_ADD_TEST(suite, every_move);
	CU_ADD_TEST(suite, front_and_back);
	CU_ADD_TEST(suite, put_back_in_order);
	CU_ADD_TEST(suite, no_place_left);
	CU_ADD_TEST(suite, what_an_event_becomes);
	CU_ADD_TEST(suite, a_place_is_clean);
	CU_ADD_TEST(suite, found_while_working);
	CU_ADD_TEST(suite, stale_handles);
	CU_ADD_TEST(suite, handles_out_of_nowhere);
	CU_ADD_TEST(suite, bytes_are_counted);
	CU_ADD_TEST(suite, release_frees_all);
	CU_ADD_TEST(suite, no_memory);
}
