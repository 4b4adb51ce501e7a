/* Whose items go to the broker next, and how many: with what the ledger and the broker would have
 * said given by hand. */
#include <CUnit/CUnit.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "relay.h"
#include "weir/clock.h"

void add_schedule_suite(void);

static struct relay r;

static void begin(void)
{
	memset(&r, 0, sizeof r);
	r.options = (struct relay_options){
		.batches = 10, .queue_time_ms = 300, .queue_least = 100, .queue_most = 100000};
	r.run_batches = 10;
}

static void end(void) { schedule_release(&r); }

/* ---- the depth of a queue ---- */

/* What was there when the broker was asked, and whether more was due than there was room for. */
static const struct {
	uint32_t depth, ready;
	bool filled;
	uint32_t wanted;
} depths[] = {
	{1000, 0, true, 2000},	      /* taken faster than it was filled */
	{1000, 124, true, 2000},      /* nearly all */
	{1000, 125, true, 1000},      /* as it is to be */
	{1000, 500, true, 1000},      /* the same */
	{1000, 501, true, 875},	      /* it was never half empty */
	{1000, 1000, true, 875},      /* nobody takes anything */
	{1000, 0, false, 1000},	      /* nothing more was due: that says nothing */
	{1000, 1000, false, 1000},    /* nor does this */
	{110, 110, true, 100},	      /* not below --queue-least */
	{100, 100, true, 100},	      /* the same */
	{60000, 10, true, 100000},    /* not above --queue-most */
	{100000, 0, true, 100000},    /* the same */
	{100000, 90000, true, 87500}, /* and back */
};

static void depth(void)
{
	for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
		struct queue q = {.depth = depths[i].depth,
				  .ready = depths[i].ready,
				  .filled = depths[i].filled};
		CU_ASSERT_EQUAL(schedule_depth(&q, &r.options), depths[i].wanted);
	}
}

/* Consumers that take so many in half of --queue-time: in the end there is between one and eight
 * times of that. */
static void depth_follows_the_rate(void)
{
	static const uint32_t rates[] = {50, 400, 3000, 20000};
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		struct queue q = {.depth = 1000};
		for (int turn = 0; turn < 100; turn++) {
			q.ready = q.depth > rates[i] ? q.depth - rates[i] : 0;
			q.filled = true;
			q.depth = schedule_depth(&q, &r.options);
		}
		uint32_t least = rates[i] > 100 ? rates[i] : 100;
		CU_ASSERT(q.depth >= least && q.depth <= 3 * least);
	}
}

/* Refusals: what may be in it afterwards, by what was in it right after. */
static void a_queue_refuses(void)
{
	static const struct {
		uint32_t ready, wanted;
	} refusals[] = {{0, 750},	{10, 563},     {240, 423}, {240, 318},
			{240, 239},	{240, 180},    {240, 180}, /* so much did fit */
			{20000, 15000}, {20000, 15000}};
	begin();
	size_t n = schedule_find(&r, (struct weir_text){"k", 1});
	struct queue *q = &r.schedule.queues[n];
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		q->ready = refusals[i].ready;
		schedule_refused(&r, n);
		CU_ASSERT_EQUAL(q->bound, refusals[i].wanted);
		CU_ASSERT(q->depth <= q->bound);
		q->filled = true;
		q->ready = 0;
		q->depth = schedule_depth(q, &r.options);
		CU_ASSERT(q->depth <= q->bound);
	}
	end();
}

/* ---- what the ledger says ---- */

static PGresult *rows_new(void)
{
	static char names[6][8] = {"job", "stage", "kind", "size", "batches", "retries"};
	PGresAttDesc columns[6] = {{NULL, 0, 0, 0, 0, 0, 0}};
	PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	for (int i = 0; i < 6; i++)
		columns[i].name = names[i];
	CU_ASSERT_FATAL(rows && PQsetResultAttrs(rows, 6, columns));
	return rows;
}

static void set_text(PGresult *rows, int row, int column, const char *text)
{
	char copy[80];
	int n = snprintf(copy, sizeof copy, "%s", text);
	CU_ASSERT_FATAL(PQsetvalue(rows, row, column, copy, n));
}

static void set_int(PGresult *rows, int row, int column, uint32_t value)
{
	uint32_t v = htobe32(value);
	char bytes[sizeof v];
	memcpy(bytes, &v, sizeof v);
	CU_ASSERT_FATAL(PQsetvalue(rows, row, column, bytes, sizeof v));
}

static void set_bool(PGresult *rows, int row, int column, bool value)
{
	char byte = value;
	CU_ASSERT_FATAL(PQsetvalue(rows, row, column, &byte, 1));
}

static void add_flow(PGresult *rows, const char *job, const char *kind, uint32_t batch_size,
		     bool batches, bool retries)
{
	int row = PQntuples(rows);
	set_text(rows, row, 0, job);
	set_int(rows, row, 1, 1);
	set_text(rows, row, 2, kind);
	set_int(rows, row, 3, batch_size);
	set_bool(rows, row, 4, batches);
	set_bool(rows, row, 5, retries);
}

static void note(PGresult *rows)
{
	schedule_note(&r, rows);
	PQclear(rows);
}

/* The broker was just asked: there is room for so many. */
static void set_room(const char *kind, uint32_t room)
{
	for (size_t i = 0; i < r.schedule.queue_count; i++)
		if (strcmp(r.schedule.queues[i].kind, kind) == 0) {
			r.schedule.queues[i].depth = room;
			r.schedule.queues[i].ready = r.schedule.queues[i].since = 0;
			r.schedule.queues[i].ask_us = INT64_MAX;
		}
}

/* Who is picked, with how many rows: "a10 b10"; "" nobody. */
static const char *pick(enum outbox_number outbox)
{
	static char text[512];
	struct picks p = {.count = 0};
	size_t n = 0;
	text[0] = '\0';
	if (!schedule_pick(&r, outbox, &p))
		return text;
	for (int i = 0; i < p.count; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%d", i ? " " : "",
				      p.list[i].job_id, p.list[i].most);
	return text;
}

/* ---- turns ---- */

static void jobs_take_turns(void)
{
	PGresult *rows = rows_new();
	add_flow(rows, "a", "sum", 100, true, false);
	add_flow(rows, "b", "sum", 100, true, false);
	add_flow(rows, "c", "sum", 100, true, false);
	note(rows);
	set_room("sum", 100);
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "a1");
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "b1");
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "c1");
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "a1");
	set_room("sum", 1000);
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "b4 c3 a3");
}

/* A turn is a hundred items, whatever the size of batches, and of what is tried again. */
static void turns_are_of_items(void)
{
	PGresult *rows = rows_new();
	add_flow(rows, "a", "sum", 100, true, true);
	add_flow(rows, "b", "sum", 10, true, true);
	add_flow(rows, "c", "sum", 1, true, true);
	note(rows);
	set_room("sum", 300);
	r.run_batches = 111;
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "a1 b10 c100");
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_RETRIES), "a100 b100"); /* as many as a claim takes */
	set_room("sum", 5);
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "c5");
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "a1");
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "b1");
}

/* However long the others have been at it. */
static void who_is_new_comes_next(void)
{
	PGresult *rows = rows_new();
	add_flow(rows, "a", "sum", 100, true, false);
	add_flow(rows, "b", "sum", 100, true, false);
	note(rows);
	set_room("sum", 100);
	for (int i = 0; i < 21; i++)
		(void)pick(OUTBOX_BATCHES);
	rows = rows_new();
	add_flow(rows, "n", "sum", 100, true, false);
	note(rows);
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "b1"); /* has waited longest */
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "n1");
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "a1");
}

/* Each kind is filled by itself. */
static void a_full_queue_is_its_own(void)
{
	PGresult *rows = rows_new();
	add_flow(rows, "a", "sum", 100, true, false);
	add_flow(rows, "b", "slow", 100, true, false);
	note(rows);
	set_room("sum", 0);
	set_room("slow", 100);
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "b1");
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "b1");
	set_room("sum", 100);
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "a1");
	r.schedule.queues[0].apart = r.schedule.queues[1].apart = 1;
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "");
}

/* ---- many jobs ---- */

static int64_t when(void)
{
	int64_t at = INT64_MAX;
	schedule_when(&r, &at);
	return at;
}

/* They are read by parts, and a part in which nothing is due is no reason to wait for the next:
 * else a job behind hundreds that are paused would begin seconds late. */
static void parts_follow_each_other(void)
{
	char name[16];
	for (int part = 0; part < 3; part++) {
		PGresult *rows = rows_new();
		for (int i = 0; i < 500; i++) {
			snprintf(name, sizeof name, "p%d-%03d", part, i);
			add_flow(rows, name, "sum", 100, false, false);
		}
		note(rows);
		CU_ASSERT_EQUAL(when(), r.schedule.look_us);
		CU_ASSERT_STRING_EQUAL(r.schedule.after_job, name);
	}
	PGresult *rows = rows_new();
	add_flow(rows, "z", "sum", 100, true, false);
	note(rows);
	set_room("sum", 100);
	CU_ASSERT_STRING_EQUAL(r.schedule.after_job, "");
	CU_ASSERT_FALSE(r.schedule.look_wanted);
	CU_ASSERT_STRING_EQUAL(pick(OUTBOX_BATCHES), "z1");
}

void add_schedule_suite(void)
{
	CU_pSuite s = CU_add_suite_with_setup_and_teardown("schedule", NULL, NULL, begin, end);
	CU_add_test(s, "the depth of a queue", depth);
	CU_add_test(s, "the depth follows the rate", depth_follows_the_rate);
	CU_add_test(s, "a queue refuses", a_queue_refuses);
	CU_add_test(s, "jobs take turns", jobs_take_turns);
	CU_add_test(s, "turns are of items", turns_are_of_items);
	CU_add_test(s, "who is new comes next", who_is_new_comes_next);
	CU_add_test(s, "a full queue is its own", a_full_queue_is_its_own);
	CU_add_test(s, "parts follow each other", parts_follow_each_other);
}
