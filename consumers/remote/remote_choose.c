/* Choosing: requests that are open become the intent of a remote batch, in one transaction with it.
 * One driver of the fleet chooses at a time, so that what is left over by one is not taken by
 * another for all there is. */
#include <string.h>

#include "remote_parts.h"
#include "weir/clock.h"
#include "weir/failpoint.h"
#include "weir/log.h"

#define PATIENCE_US 250000 /* of the loop: the next look goes on */

static const char lock[] =
	"SELECT pg_try_advisory_lock(hashtextextended('weir.choose_requests', 0))";
static const char unlock[] =
	"SELECT pg_advisory_unlock(hashtextextended('weir.choose_requests', 0))";

/* The groups that are ready, or whose job has ended. Walks from group to group, and counts no more
 * of one than a remote batch takes. */
static const char find_ready[] =
	"WITH RECURSIVE m AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::int8[], $3::int8[],"
	"  $4::int8[], $5::int8[]) WITH ORDINALITY AS m(ai_model, wait, requests, bytes, tokens,"
	"  pos)),"
	" g AS ((SELECT ai_model, job_id, stage, model_key FROM weir.requests"
	"   WHERE remote_batch IS NULL ORDER BY ai_model, job_id, stage, model_key LIMIT 1)"
	"  UNION ALL SELECT n.* FROM g CROSS JOIN LATERAL ("
	"   SELECT r.ai_model, r.job_id, r.stage, r.model_key FROM weir.requests r"
	"    WHERE r.remote_batch IS NULL AND (r.ai_model, r.job_id, r.stage, r.model_key)"
	"        > (g.ai_model, g.job_id, g.stage, g.model_key)"
	"    ORDER BY r.ai_model, r.job_id, r.stage, r.model_key LIMIT 1) n)"
	" SELECT m.pos::int4, g.job_id, g.stage::int4, g.model_key, o.over"
	"  FROM g JOIN m ON m.ai_model = g.ai_model"
	"  LEFT JOIN weir.jobs j ON j.job_id = g.job_id"
	"  CROSS JOIN LATERAL (SELECT j.job_id IS NULL OR j.status = 'cancelled'"
	"   OR j.completed_at IS NOT NULL AS over) o"
	" WHERE o.over OR (j.status IN ('pending', 'running') AND ("
	"  SELECT count(*) >= m.requests OR sum(r.bytes) >= m.bytes"
	"      OR (m.tokens > 0 AND sum(r.tokens) >= m.tokens)"
	"      OR max(r.asked_at) <= now() - m.wait * interval '1 ms'"
	"   FROM (SELECT octet_length(r.body) + octet_length(r.custom_id) + $6 AS bytes, r.tokens,"
	"      r.asked_at FROM weir.requests r"
	"     WHERE r.ai_model = g.ai_model AND r.job_id = g.job_id AND r.stage = g.stage"
	"       AND r.model_key = g.model_key AND r.remote_batch IS NULL AND r.not_before <= now()"
	"     ORDER BY r.ordinal LIMIT m.requests) r))";

/* As many of a group as one remote batch takes, and at least one. */
static const char choose[] =
	"WITH c AS MATERIALIZED (SELECT r.ctid AS tid, r.ordinal, r.tokens,"
	"   octet_length(r.body) + octet_length(r.custom_id) + $8 AS bytes FROM weir.requests r"
	"  WHERE r.ai_model = $1 AND r.job_id = $2 AND r.stage = $3 AND r.model_key = $4"
	"    AND r.remote_batch IS NULL AND r.not_before <= now()"
	"  ORDER BY r.ordinal LIMIT $5 FOR UPDATE SKIP LOCKED),"
	" w AS (SELECT tid, row_number() OVER o AS n, sum(bytes) OVER o AS bytes,"
	"   sum(tokens) OVER o AS tokens FROM c"
	"  WINDOW o AS (ORDER BY ordinal ROWS UNBOUNDED PRECEDING)),"
	" p AS MATERIALIZED (SELECT tid FROM w"
	"  WHERE n = 1 OR (bytes <= $6 AND ($7 = 0 OR tokens <= $7))),"
	" b AS (INSERT INTO weir.remote_batches (job_id, stage, ai_model, model_key, size)"
	"  SELECT $2, $3, $1, $4, count(*) FROM p HAVING count(*) > 0 RETURNING id, size),"
	" u AS (UPDATE weir.requests SET remote_batch = (SELECT id FROM b)"
	"  WHERE ctid = ANY (ARRAY(SELECT tid FROM p)))"
	" SELECT id, size FROM b";

static const char forget[] =
	"DELETE FROM weir.requests WHERE ctid = ANY (ARRAY(SELECT r.ctid FROM weir.requests r"
	"  WHERE r.ai_model = $1 AND r.job_id = $2 AND r.stage = $3 AND r.model_key = $4"
	"    AND r.remote_batch IS NULL AND NOT EXISTS (SELECT FROM weir.jobs j"
	"     WHERE j.job_id = r.job_id AND j.status <> 'cancelled' AND j.completed_at IS NULL)"
	"  LIMIT $5 FOR UPDATE SKIP LOCKED))";

struct group {
	const struct model *model;
	struct weir_text job, key;
	int32_t stage;
	bool over;
};

static void add_bigs(struct remote *r, int64_t (*of)(const struct model *m))
{
	const struct model *m;
	size_t n = 0;
	while (remote_model(r, n))
		n++;
	params_array(&r->params, TYPE_INT8, n);
	for (size_t i = 0; (m = remote_model(r, i)); i++)
		params_add_big(&r->params, of(m));
	params_array_end(&r->params);
}

static int64_t wait_of(const struct model *m) { return m->batch.wait_ms; }
static int64_t requests_of(const struct model *m) { return m->batch.requests; }
static int64_t bytes_of(const struct model *m) { return m->batch.bytes; }
static int64_t tokens_of(const struct model *m) { return m->batch.tokens; }

static int read_groups(struct remote *r, PGresult **out)
{
	struct weir_error why;
	params_reset(&r->params);
	remote_add_models(r);
	add_bigs(r, wait_of);
	add_bigs(r, requests_of);
	add_bigs(r, bytes_of);
	add_bigs(r, tokens_of);
	params_int(&r->params, REMOTE_LINE_EXTRA);
	return remote_query(r, find_ready, out, &why);
}

static struct group group_at(const struct remote *r, const PGresult *rows, int i)
{
	return (struct group){.model = remote_model(r, (size_t)ledger_int(rows, i, 0) - 1),
			      .job = ledger_text(rows, i, 1),
			      .stage = ledger_int(rows, i, 2),
			      .key = ledger_text(rows, i, 3),
			      .over = ledger_bool(rows, i, 4)};
}

static void set_group(struct params *p, const struct group *g)
{
	params_reset(p);
	params_string(p, g->model->name);
	params_text(p, g->job);
	params_int(p, g->stage);
	params_text(p, g->key);
	params_big(p, g->model->batch.requests);
}

static int forget_group(struct remote *r, const struct group *g)
{
	struct weir_error why;
	int64_t n = 0;
	set_group(&r->params, g);
	if (remote_do(r, forget, &n, &why) < 0)
		return -1;
	log_event(LOG_INFO, "requests_forgotten",
		  "job=%.*s stage=%d requests=%lld text=\"the job has ended\"", (int)g->job.size,
		  g->job.data, (int)g->stage, (long long)n);
	return 0;
}

static int choose_group(struct remote *r, const struct group *g)
{
	struct weir_error why;
	PGresult *rows = NULL;
	set_group(&r->params, g);
	params_big(&r->params, g->model->batch.bytes);
	params_big(&r->params, g->model->batch.tokens);
	params_int(&r->params, REMOTE_LINE_EXTRA);
	if (remote_query(r, choose, &rows, &why) < 0)
		return -1;
	if (PQntuples(rows) == 1) {
		failpoint("remote_chosen");
		log_event(LOG_INFO, "remote_batch_chosen",
			  "id=%lld ai_model=%s job=%.*s stage=%d requests=%d",
			  (long long)ledger_big(rows, 0, 0), g->model->name, (int)g->job.size,
			  g->job.data, (int)g->stage, (int)ledger_int(rows, 0, 1));
	}
	PQclear(rows);
	return 0;
}

/* One intent of each group that is ready, while there is time. How many groups; 0 also after a
 * failure. What fails does not keep others back: who comes after it is the first of the next round.
 */
static int choose_round(struct remote *r, int64_t until_us)
{
	PGresult *rows = NULL;
	bool failed = false;
	if (read_groups(r, &rows) < 0)
		return 0;
	int n = PQntuples(rows);
	unsigned first = r->choose_first;
	r->choose_first = 0;
	for (int done = 0; done < n && clock_us() < until_us; done++) {
		int at = (int)((first + (unsigned)done) % (unsigned)n);
		struct group g = group_at(r, rows, at);
		if ((g.over ? forget_group(r, &g) : choose_group(r, &g)) == 0)
			continue;
		failed = true;
		r->choose_first = (unsigned)at + 1;
	}
	PQclear(rows);
	return failed ? 0 : n;
}

void remote_choose(struct remote *r)
{
	struct weir_error why;
	PGresult *rows = NULL;
	bool ours;
	params_reset(&r->params);
	if (remote_query(r, lock, &rows, &why) < 0)
		return;
	ours = ledger_bool(rows, 0, 0);
	PQclear(rows);
	if (!ours)
		return;
	int64_t until_us = clock_us() + PATIENCE_US;
	while (choose_round(r, until_us) > 0)
		if (clock_us() >= until_us) {
			r->look_us = 0;
			break;
		}
	params_reset(&r->params);
	if (remote_do(r, unlock, NULL, &why) < 0)
		log_event(LOG_WARN, "remote_still_locked", "error=\"%s\"", why.text);
}
