#include "checker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMED 5 /* differences of a sort that are told one by one */

enum state { PENDING, SUCCESS, FAILED, CANCELLED, STATES };

/* How each item of an order has ended, from its results. */
struct ends {
	unsigned char *state;
	int64_t counts[STATES];
	int wrong; /* differences so far */
};

__attribute__((format(printf, 2, 3))) static void differ(int *wrong, const char *fmt, ...);

static void differ(int *wrong, const char *fmt, ...)
{
	char text[600];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if ((*wrong)++ < NAMED)
		EXPECT(false, "%s", text);
}

/* ---- items ---- */

static bool text_is(const PGresult *r, int row, int column, const char *wanted)
{
	return strcmp(PQgetvalue(r, row, column), wanted ? wanted : "") == 0;
}

static int number(const PGresult *r, int row, int column)
{
	return atoi(PQgetvalue(r, row, column));
}

/* As promised; what is left of a cancelled job was cancelled. */
static bool ended_as(const struct order *o, const struct promise *p, const PGresult *r, int row)
{
	int state = number(r, row, 1);
	if (state == CANCELLED)
		return o->cancelled;
	return state == (promise_failure(p) ? FAILED : SUCCESS) &&
	       text_is(r, row, 2, promise_failure(p)) && number(r, row, 3) == promise_attempts(p);
}

static void check_item(const struct load *l, const struct order *o, int i, const PGresult *r,
		       struct ends *e)
{
	struct promise p = load_promise(l, o, i);
	int state = PQgetisnull(r, i, 1) ? PENDING : number(r, i, 1);
	if (state < PENDING || state >= STATES)
		state = PENDING;
	e->state[i] = (unsigned char)state;
	e->counts[state]++;
	if (text_is(r, i, 0, p.id) && ended_as(o, &p, r, i) && number(r, i, 4) == i)
		return;
	differ(&e->wrong, "%s %s is %s: state %s, %s, %s attempts; promised: %s, %d attempts",
	       o->id, p.id, PQgetvalue(r, i, 0), PQgetvalue(r, i, 1), PQgetvalue(r, i, 2),
	       PQgetvalue(r, i, 3), promise_failure(&p) ? promise_failure(&p) : "success",
	       promise_attempts(&p));
}

static void check_items(const struct load *l, const struct order *o, struct ends *e)
{
	PGresult *r = sql_rows("SELECT i.custom_id, r.status, r.error_class, r.attempts, i.ordinal"
			       " FROM weir.items i LEFT JOIN weir.results r"
			       "  USING (job_id, stage, ordinal)"
			       " WHERE i.job_id = '%s' ORDER BY i.ordinal",
			       o->id);
	EXPECT(PQntuples(r) == o->size, "%s has %d items, not %d", o->id, PQntuples(r), o->size);
	for (int i = 0; i < o->size && i < PQntuples(r); i++)
		check_item(l, o, i, r, e);
	PQclear(r);
	EXPECT(e->wrong == 0, "%s: %d of %d items are not as promised", o->id, e->wrong, o->size);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = '%s'", o->id), o->size);
}

/* ---- effects: one each for successes, none for others ---- */

static void check_effects(const struct order *o, const struct ends *e)
{
	int wrong = 0, row = 0;
	PGresult *r =
		sql_rows("SELECT custom_id, label, count(*) FROM effect_log"
			 " WHERE job_id = '%s' GROUP BY 1, 2 ORDER BY custom_id COLLATE \"C\"",
			 o->id);
	for (int i = 0; i < o->size; i++) {
		char id[32];
		snprintf(id, sizeof id, "item_%06d", i);
		int times = 0;
		for (; row < PQntuples(r) && text_is(r, row, 0, id); row++)
			times += text_is(r, row, 1, o->id) ? number(r, row, 2) : 1000;
		if (times != (e->state[i] == SUCCESS))
			differ(&wrong, "%s %s has %d effects, and its state is %d", o->id, id,
			       times, e->state[i]);
	}
	EXPECT(row == PQntuples(r), "%s: effects of %s, which nobody ordered", o->id,
	       row < PQntuples(r) ? PQgetvalue(r, row, 0) : "");
	EXPECT(wrong == 0, "%s: %d items have another number of effects", o->id, wrong);
	PQclear(r);
}

/* A second addition would show here even if it left no row of its own. */
static void check_sums(const struct load *l, const struct order *o, const struct ends *e)
{
	int64_t sums[5] = {0};
	for (int i = 0; i < o->size; i++)
		if (e->state[i] == SUCCESS)
			sums[i % 5] += load_promise(l, o, i).amount;
	for (int k = 0; k < 5; k++) {
		int64_t seen = sql("SELECT coalesce(sum(total), 0) FROM effects"
				   " WHERE key = '%s.k%d'",
				   o->id, k);
		EXPECT(seen == sums[k], "sum %d of %s: %lld, not %lld", k, o->id, (long long)seen,
		       (long long)sums[k]);
	}
}

/* ---- what the ledger has counted ---- */

static void check_counts(const struct order *o, const struct ends *e, const char *table,
			 const char *columns)
{
	char wanted[128];
	snprintf(wanted, sizeof wanted, "%d %lld %lld %lld", o->size, (long long)e->counts[SUCCESS],
		 (long long)e->counts[FAILED], (long long)e->counts[CANCELLED]);
	const char *seen = sql_text("SELECT concat_ws(' ', %s) FROM weir.%s WHERE job_id = '%s'",
				    columns, table, o->id);
	EXPECT(strcmp(seen, wanted) == 0, "weir.%s of %s: %s, not %s", table, o->id, seen, wanted);
}

static void check_ledger(const struct order *o, const struct ends *e)
{
	static const char ended[] = "total_items, success_count, failure_count, cancelled_count";
	check_counts(o, e, "jobs", ended);
	check_counts(o, e, "job_stages", ended);
	check_counts(o, e, "job_batches", "sum(size), sum(success), sum(failed), sum(cancelled)");
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches"
		       " WHERE job_id = '%s' AND success + failed + cancelled <> size",
		       o->id),
		   0);
	EXPECT(sql("SELECT count(*) FROM weir.jobs WHERE job_id = '%s' AND completed_at IS NOT NULL"
		   " AND counted",
		   o->id) == 1,
	       "%s has not ended, or was not counted", o->id);
}

/* ---- Redis ---- */

static void check_redis(const struct order *o, const struct ends *e)
{
	static const char *const fields[STATES] = {"total", "success", "failed", "cancelled"};
	int wrong = 0;
	unsigned char *states = calloc((size_t)o->size + 1, 1);
	EXPECT(states && redis_states(o->id, states, o->size), "Redis has no states of %s", o->id);
	for (int i = 0; states && i < o->size; i++)
		if (states[i] != e->state[i])
			differ(&wrong, "Redis: item %d of %s has the state %d, not %d", i, o->id,
			       states[i], e->state[i]);
	free(states);
	for (int i = 0; i < STATES; i++) {
		int64_t wanted = i == 0 ? o->size : e->counts[i];
		int64_t seen = redis_count(o->id, fields[i]);
		EXPECT(seen == wanted, "Redis: %s of %s is %lld, not %lld", fields[i], o->id,
		       (long long)seen, (long long)wanted);
	}
}

/* ---- all ---- */

static void check_order(const struct load *l, const struct order *o)
{
	struct ends e = {.state = calloc((size_t)o->size + 1, 1)};
	if (!EXPECT(e.state != NULL, "out of memory"))
		return;
	check_items(l, o, &e);
	check_effects(o, &e);
	check_sums(l, o, &e);
	check_ledger(o, &e);
	check_redis(o, &e);
	free(e.state);
}

static void check_leftovers(const struct load *l)
{
	queue_await_size("weir.sum", 0);
	queue_await_size("weir.slow", 0);
	queue_await_size("weir.dead", 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs"), l->count);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), l->items);
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), l->items);
	EXPECT_INT(sql("SELECT count(*) FROM effect_log WHERE job_id NOT LIKE 'mix\\_%%'"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.trials"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.dead_letters"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.events"), 0);
}

int check_load(const struct load *load)
{
	for (int i = 0; i < load->count; i++)
		check_order(load, &load->orders[i]);
	check_leftovers(load);
	return load->items;
}
