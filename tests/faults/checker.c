#include "checker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "invoices.h"
#include "models.h"

#define NAMED 5	       /* differences of a sort that are told one by one */
#define BATCHES_MOST 3 /* REMOTE_TRIES_MAX of the driver */

enum state { PENDING, SUCCESS, FAILED, CANCELLED, STATES };

/* How each item of a stage has ended, from its results. */
struct ends {
	int stage, size;
	unsigned char *state; /* by ordinal */
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
	       text_is(r, row, 2, promise_failure(p)) && promise_holds(p, number(r, row, 3));
}

static void note_end(struct ends *e, int i, const PGresult *r)
{
	int state = PQgetisnull(r, i, 1) ? PENDING : number(r, i, 1);
	if (state < PENDING || state >= STATES)
		state = PENDING;
	e->state[i] = (unsigned char)state;
	e->counts[state]++;
}

static PGresult *items_of(const struct order *o, struct ends *e)
{
	/* Who fails while the breaker is open is told so; it depends on the neighbours. */
	PGresult *r = sql_rows("SELECT i.custom_id, r.status,"
			       " replace(r.error_class, 'provider_away', 'provider_error'),"
			       " r.attempts, i.ordinal"
			       " FROM weir.items i LEFT JOIN weir.results r"
			       "  USING (job_id, stage, ordinal)"
			       " WHERE i.job_id = '%s' AND i.stage = %d ORDER BY i.ordinal",
			       o->id, e->stage);
	EXPECT(PQntuples(r) == e->size, "stage %d of %s has %d items, not %d", e->stage, o->id,
	       PQntuples(r), e->size);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = '%s' AND stage = %d",
		       o->id, e->stage),
		   e->size);
	return r;
}

/* Its line may have been left out of as many remote batches as it is put into. */
static bool is_lost(const struct order *o, int i)
{
	return o->model && models_bill(o, i)->left_out >= BATCHES_MOST;
}

static void check_item(const struct load *l, const struct order *o, int i, const PGresult *r,
		       struct ends *e)
{
	struct promise p = load_promise(l, o, i);
	note_end(e, i, r);
	bool lost = e->state[i] == FAILED && text_is(r, i, 2, "lost") && is_lost(o, i);
	if (text_is(r, i, 0, p.id) && (lost || ended_as(o, &p, r, i)) && number(r, i, 4) == i)
		return;
	differ(&e->wrong, "%s %s is %s: state %s, %s, %s attempts; promised: %s", o->id, p.id,
	       PQgetvalue(r, i, 0), PQgetvalue(r, i, 1), PQgetvalue(r, i, 2), PQgetvalue(r, i, 3),
	       promise_failure(&p) ? promise_failure(&p) : "success");
}

static void check_items(const struct load *l, const struct order *o, struct ends *e)
{
	PGresult *r = items_of(o, e);
	for (int i = 0; i < e->size && i < PQntuples(r); i++)
		check_item(l, o, i, r, e);
	PQclear(r);
	EXPECT(e->wrong == 0, "%s: %d of %d items are not as promised", o->id, e->wrong, o->size);
}

/* The successes of the first stage, in their order, and nobody else. */
static void check_second(const struct load *l, const struct order *o, const struct ends *first,
			 struct ends *e)
{
	PGresult *r = items_of(o, e);
	for (int i = 0, at = 0; i < e->size && i < PQntuples(r); i++, at++) {
		while (at < first->size && first->state[at] != SUCCESS)
			at++;
		struct promise p = load_promise(l, o, at);
		note_end(e, i, r);
		bool ended = e->state[i] == SUCCESS || (o->cancelled && e->state[i] == CANCELLED);
		if (!ended || !text_is(r, i, 0, p.id) || number(r, i, 4) != i)
			differ(&e->wrong, "stage 2 of %s: %s stands for %s, and its state is %d",
			       o->id, PQgetvalue(r, i, 0), p.id, e->state[i]);
	}
	PQclear(r);
	EXPECT(e->wrong == 0, "stage 2 of %s: %d items are not as promised", o->id, e->wrong);
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

/* A row has a score when its item has succeeded. */
static void check_news(const struct order *o, const struct ends *e)
{
	int wrong = 0;
	PGresult *r = sql_rows("SELECT i, a.sentiment_score > 0 FROM generate_series(%d, %d) AS i"
			       " LEFT JOIN news_articles AS a ON a.id = i ORDER BY i",
			       load_article(o, 0), load_article(o, o->size - 1));
	for (int i = 0; i < o->size && i < PQntuples(r); i++)
		if (text_is(r, i, 1, "t") != (e->state[i] == SUCCESS))
			differ(&wrong, "article %s of %s: scored %s, and its item's state is %d",
			       PQgetvalue(r, i, 0), o->id, PQgetvalue(r, i, 1), e->state[i]);
	PQclear(r);
	EXPECT(wrong == 0, "%s: %d articles are not as their items have ended", o->id, wrong);
}

/* ---- what was asked of a model ---- */

/* Nothing is paid for twice, and what is stored answers what was asked. Who is cancelled may have
 * been asked for or not. */
static void check_bill(const struct load *l, const struct order *o, const struct ends *e,
		       const PGresult *r, int i, int *wrong)
{
	const struct bill *b = models_bill(o, i);
	struct promise p = load_promise(l, o, i);
	int answers = number(r, i, 1), wanted = promise_bills(&p);
	bool lost = e->state[i] == FAILED && is_lost(o, i);
	bool paid = e->state[i] == CANCELLED ? b->billed <= wanted && answers <= b->billed
		    : lost		     ? b->billed <= wanted && answers == b->billed
					     : b->billed == wanted && answers == b->billed;
	if (!paid || b->strange)
		differ(wrong,
		       "%s %s was billed %d times, not %d, and has %d answers; %d calls were"
		       " strange",
		       o->id, p.id, b->billed, wanted, answers, b->strange);
	if (e->state[i] == SUCCESS && !text_is(r, i, 0, b->hash))
		differ(wrong, "%s %s has the answer of %s, not of %s", o->id, p.id,
		       PQgetvalue(r, i, 0), b->hash);
}

static void check_bills(const struct load *l, const struct order *o, const struct ends *e)
{
	int wrong = 0;
	PGresult *r = sql_rows(
		"SELECT left(r.result->>'title', 16), (SELECT count(nullif(a.answer, ''))"
		"  FROM weir.answers a"
		"  WHERE (a.job_id, a.stage, a.ordinal) = (r.job_id, r.stage, r.ordinal))"
		" FROM weir.results r WHERE r.job_id = '%s' AND r.stage = 1 ORDER BY r.ordinal",
		o->id);
	for (int i = 0; i < o->size && i < PQntuples(r); i++)
		check_bill(l, o, e, r, i, &wrong);
	PQclear(r);
	EXPECT(wrong == 0, "%s, of %s: %d items were not asked and paid for as promised", o->id,
	       o->model, wrong);
}

/* ---- what the ledger has counted ---- */

static void check_counts(const struct order *o, const char *wanted, const char *table, int stage,
			 const char *columns)
{
	char where[32] = "";
	if (stage)
		snprintf(where, sizeof where, " AND stage = %d", stage);
	const char *seen = sql_text("SELECT concat_ws(' ', %s) FROM weir.%s WHERE job_id = '%s'%s",
				    columns, table, o->id, where);
	EXPECT(strcmp(seen, wanted) == 0, "weir.%s of %s%s: %s, not %s", table, o->id, where, seen,
	       wanted);
}

static const char ended[] = "total_items, success_count, failure_count, cancelled_count";

static void check_stage(const struct order *o, const struct ends *e)
{
	char wanted[128];
	snprintf(wanted, sizeof wanted, "%d %lld %lld %lld", e->size, (long long)e->counts[SUCCESS],
		 (long long)e->counts[FAILED], (long long)e->counts[CANCELLED]);
	check_counts(o, wanted, "job_stages", e->stage, ended);
	if (e->size > 0)
		check_counts(o, wanted, "job_batches", e->stage,
			     "sum(size), sum(success), sum(failed), sum(cancelled)");
}

/* Success is what came through the last stage. */
static void check_job(const struct order *o, const struct ends *first, const struct ends *last)
{
	char wanted[128];
	int64_t good = last->counts[SUCCESS], bad = first->counts[FAILED];
	snprintf(wanted, sizeof wanted, "%d %lld %lld %lld", o->size, (long long)good,
		 (long long)bad, (long long)(o->size - good - bad));
	check_counts(o, wanted, "jobs", 0, ended);
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
	unsigned char *states = calloc((size_t)e->size + 1, 1);
	bool there = states && redis_stage_states(o->id, e->stage, states, e->size);
	EXPECT(there || e->size == 0, "Redis has no states of stage %d of %s", e->stage, o->id);
	for (int i = 0; there && i < e->size; i++)
		if (states[i] != e->state[i])
			differ(&wrong, "Redis: item %d of stage %d of %s has the state %d, not %d",
			       i, e->stage, o->id, states[i], e->state[i]);
	free(states);
	for (int i = 0; e->size > 0 && i < STATES; i++) {
		int64_t wanted = i == 0 ? e->size : e->counts[i];
		int64_t seen = redis_stage_count(o->id, e->stage, fields[i]);
		EXPECT(seen == wanted, "Redis: %s of stage %d of %s is %lld, not %lld", fields[i],
		       e->stage, o->id, (long long)seen, (long long)wanted);
	}
}

/* ---- all ---- */

static struct ends ends_of(int stage, int64_t size)
{
	struct ends e = {.stage = stage, .size = (int)size};
	e.state = calloc((size_t)size + 1, 1);
	if (!e.state)
		abort();
	return e;
}

static void check_order(const struct load *l, const struct order *o)
{
	struct ends first = ends_of(1, o->size), second = {0};
	check_items(l, o, &first);
	if (o->news) {
		check_news(o, &first);
	} else if (!o->invoices) {
		check_effects(o, &first);
		check_sums(l, o, &first);
	}
	if (o->model)
		check_bills(l, o, &first);
	check_stage(o, &first);
	check_redis(o, &first);
	if (o->staged) {
		bool begun = !o->cancelled || sql("SELECT count(*) FROM weir.items WHERE stage = 2"
						  " AND job_id = '%s'",
						  o->id) > 0;
		second = ends_of(2, begun ? first.counts[SUCCESS] : 0);
		check_second(l, o, &first, &second);
		check_stage(o, &second);
		check_redis(o, &second);
	}
	check_job(o, &first, o->staged ? &second : &first);
	free(first.state);
	free(second.state);
}

static void check_leftovers(const struct load *l)
{
	static const char *const tables[] = {"retries", "trials",   "dead_letters",
					     "events",	"requests", "calls"};
	for (size_t i = 0; load_queues[i]; i++)
		queue_await_size(load_queues[i], 0);
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		int64_t left = sql("SELECT count(*) FROM weir.%s", tables[i]);
		EXPECT(left == 0, "%lld rows are left in weir.%s", (long long)left, tables[i]);
	}
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE status = 'pending_queue'"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs"), l->count);
	EXPECT_INT(sql("SELECT count(*) FROM weir.items WHERE stage = 1"), l->items);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results r LEFT JOIN weir.items i"
		       " USING (job_id, stage, ordinal) WHERE i.job_id IS NULL"),
		   0);
	EXPECT_INT(sql("SELECT count(*) FROM effect_log WHERE job_id NOT LIKE 'mix%%'"), 0);
}

int check_load(const struct load *load)
{
	models_count(load);
	for (int i = 0; i < load->count; i++)
		check_order(load, &load->orders[i]);
	invoices_check(load);
	check_leftovers(load);
	return load->items;
}
