#include "tally.h"

#include <stdio.h>

#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/presence.h"

#define CHUNK 5000

enum {
	COL_NUMBER,
	COL_OF_KIND,
	COL_BEGUN,
	COL_FINISHED,
	COL_TOTAL,
	COL_SUCCESS,
	COL_FAILED,
	COL_CANCELLED,
	COL_RELEASED,
	COL_TAG,
	COL_OLDEST
};

/* A batch of a job with a limit is withheld by a due time that never comes. */
static const char count_stages[] =
	"SELECT s.stage::int4, s.kind, s.stage = 1 OR s.total_items IS NOT NULL,"
	"  s.completed_at IS NOT NULL,"
	"  coalesce(CASE WHEN s.stage = 1 THEN j.total_items ELSE s.total_items END, 0)::int8,"
	"  b.good, b.bad, b.off, b.released, j.tag, b.oldest"
	" FROM weir.jobs j JOIN weir.job_stages s USING (job_id)"
	" CROSS JOIN LATERAL (SELECT coalesce(sum(success), 0)::int8 AS good,"
	"   coalesce(sum(failed), 0)::int8 AS bad, coalesce(sum(cancelled), 0)::int8 AS off,"
	"   coalesce(sum(size) FILTER (WHERE status = 'queued' OR due_at < 'infinity'), 0)::int8"
	"    AS released,"
	"   coalesce(extract(epoch FROM now() - min(queued_at) FILTER (WHERE status = 'queued'"
	"    AND success + failed + cancelled < size)) * 1000, 0)::int8 AS oldest"
	"  FROM weir.job_batches b WHERE b.job_id = s.job_id AND b.stage = s.stage) b"
	" WHERE j.job_id = $1 ORDER BY s.stage";

static const char read_results[] =
	"SELECT ordinal, status::int4 FROM weir.results"
	" WHERE job_id = $1 AND stage = $2 AND ordinal > $3 ORDER BY ordinal LIMIT $4";

int tally_stages(struct ledger *l, const char *job_id, PGresult **rows, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	params_string(&p, job_id);
	int rc = ledger_query(l, count_stages, &p, true, rows, err);
	params_release(&p);
	return rc;
}

void tally_read(const PGresult *rows, int row, struct tally *out)
{
	struct weir_text kind = ledger_text(rows, row, COL_OF_KIND);
	*out = (struct tally){.stage = ledger_int(rows, row, COL_NUMBER),
			      .begun = ledger_bool(rows, row, COL_BEGUN),
			      .finished = ledger_bool(rows, row, COL_FINISHED),
			      .counts = {.total = ledger_big(rows, row, COL_TOTAL),
					 .success = ledger_big(rows, row, COL_SUCCESS),
					 .failed = ledger_big(rows, row, COL_FAILED),
					 .cancelled = ledger_big(rows, row, COL_CANCELLED)},
			      .released = ledger_big(rows, row, COL_RELEASED),
			      .oldest_ms = ledger_big(rows, row, COL_OLDEST)};
	out->done = out->counts.success + out->counts.failed + out->counts.cancelled;
	snprintf(out->kind, sizeof out->kind, "%.*s", (int)kind.size, kind.data);
	snprintf(out->tag, sizeof out->tag, "%s", PQgetvalue(rows, row, COL_TAG));
}

/* Redis does not say what it knows before the end; whether it has lost the keys, it does. */
static int count_rows(struct progress *p, const struct tally *t, const PGresult *rows,
		      struct weir_error *err)
{
	uint32_t ordinals[CHUNK];
	uint8_t states[CHUNK];
	bool known;
	int n = PQntuples(rows);
	for (int i = 0; i < n; i++) {
		ordinals[i] = (uint32_t)ledger_int(rows, i, 0);
		states[i] = (uint8_t)ledger_int(rows, i, 1);
	}
	return progress_count(p, t->tag, (uint32_t)t->stage, ordinals, states, (size_t)n, &known,
			      NULL, err);
}

static int read_chunk(struct ledger *l, const char *job_id, const struct rebuild *b,
		      PGresult **rows, struct weir_error *err)
{
	struct params params = PARAMS_INIT;
	params_string(&params, job_id);
	params_int(&params, b->of.stage);
	params_int(&params, b->last);
	params_big(&params, CHUNK);
	int rc = ledger_query(l, read_results, &params, true, rows, err);
	params_release(&params);
	return rc;
}

static int step(struct progress *p, const struct rebuild *b, enum progress_step step,
		const char *who, bool *mine, struct weir_error *err)
{
	return progress_rebuild(p, b->of.tag, (uint32_t)b->of.stage, step, who, b->of.counts.total,
				mine, err);
}

/* The next results; *more: there may be others. */
static int count_chunk(struct ledger *l, struct progress *p, const char *job_id, struct rebuild *b,
		       bool *more, struct weir_error *err)
{
	PGresult *rows = NULL;
	if (read_chunk(l, job_id, b, &rows, err) < 0)
		return -1;
	int n = PQntuples(rows), rc = n > 0 ? count_rows(p, &b->of, rows, err) : 0;
	if (n > 0)
		b->last = ledger_int(rows, n - 1, 0);
	b->counted += n;
	*more = n == CHUNK;
	PQclear(rows);
	return rc;
}

static int begin(struct progress *p, struct rebuild *b, enum progress_step how, const char *who,
		 bool *mine, struct weir_error *err)
{
	b->last = -1;
	b->counted = 0;
	b->begun = true;
	return step(p, b, how, who, mine, err);
}

/* The keys are made first and filled afterwards: whatever is committed from now on counts itself,
 * and what was committed before is read here. Counting twice changes nothing. */
int tally_rebuild_some(struct ledger *l, struct progress *p, const char *job_id, const char *who,
		       struct rebuild *b, int64_t until_us, bool *done, struct weir_error *err)
{
	bool mine = true, more = true, known = false, same;
	*done = false;
	if (!b->begun && b->lost && tally_compare(p, &b->of, &known, &same, err) < 0)
		return -1;
	b->wanted = !known;
	if (b->wanted && !b->begun && begin(p, b, REBUILD_BEGIN, who, &mine, err) < 0)
		return -1;
	while (b->wanted && mine && more) {
		failpoint("rebuilding");
		if (count_chunk(l, p, job_id, b, &more, err) < 0 ||
		    step(p, b, more ? REBUILD_GO_ON : REBUILD_END, who, &mine, err) < 0)
			return -1;
		*done = mine && !more;
		if (clock_us() >= until_us)
			break;
	}
	b->wanted &= mine && more;
	return 0;
}

static bool equal(const struct progress_counts *a, const struct progress_counts *b)
{
	return a->total == b->total && a->success == b->success && a->failed == b->failed &&
	       a->cancelled == b->cancelled;
}

int tally_compare(struct progress *p, const struct tally *t, bool *known, bool *same,
		  struct weir_error *err)
{
	struct progress_counts told;
	if (progress_read(p, t->tag, (uint32_t)t->stage, known, &told, err) < 0)
		return -1;
	*same = *known && equal(&told, &t->counts);
	return 0;
}

/* All of it, now. */
static int rebuild(struct ledger *l, struct progress *p, const char *job_id, const struct tally *t,
		   struct weir_error *err)
{
	struct rebuild b = {.of = *t};
	char who[PRESENCE_NAME];
	bool mine, done;
	presence_name(who);
	if (begin(p, &b, REBUILD_TAKE_OVER, who, &mine, err) < 0 ||
	    tally_rebuild_some(l, p, job_id, who, &b, INT64_MAX, &done, err) < 0)
		return -1;
	return done ? 0
		    : weir_fail(err, "redis_lost",
				"the keys were lost again meanwhile, or somebody else has begun "
				"to count them anew");
}

static int reconcile_stage(struct ledger *l, struct progress *p, const char *job_id,
			   const struct tally *t, struct reconciling *how, struct weir_error *err)
{
	bool known, same;
	if (tally_compare(p, t, &known, &same, err) < 0)
		return -1;
	if (!t->begun || (how->expired && !known))
		return 0;
	if (!same && rebuild(l, p, job_id, t, err) < 0)
		return -1;
	how->seen = true;
	how->rebuilt |= !same;
	if (!how->ended)
		return 0;
	return progress_expire(p, t->tag, (uint32_t)t->stage, TALLY_KEEP_S, err);
}

int tally_reconcile_job(struct ledger *l, struct progress *p, const char *job_id,
			struct reconciling *how, struct weir_error *err)
{
	PGresult *rows = NULL;
	int rc = tally_stages(l, job_id, &rows, err);
	for (int i = 0; rc == 0 && i < PQntuples(rows); i++) {
		struct tally t;
		tally_read(rows, i, &t);
		rc = reconcile_stage(l, p, job_id, &t, how, err);
	}
	PQclear(rows);
	return rc;
}
