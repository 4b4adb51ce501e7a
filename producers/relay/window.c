#include "window.h"

#include "relay.h"
#include "weir/log.h"

#define AHEAD_S 3.0 /* at the rate seen, so much work is released */

/* One relay at a time: the next one then counts what this one has released. Who pauses or cancels
 * the job waits for the lock, too, and then finds what was released; whoever has it is not waited
 * for here, where all jobs would wait, too: the next look is soon. */
static const char lock[] = "SELECT 1 FROM weir.jobs WHERE job_id = $1"
			   " AND status IN ('pending', 'running') AND max_concurrent IS NOT NULL"
			   " FOR NO KEY UPDATE SKIP LOCKED";

/* Of the items that are released and not final, those that are parked are not on their way at all,
 * nor are those that wait for their provider's batch, for hours maybe. Those that wait for their
 * next attempt keep nobody busy; of these only a window is left out, so that a job that fails
 * throughout does not publish everything. */
static const char release[] =
	"WITH j AS MATERIALIZED (SELECT batch_size,"
	"   greatest(2 * batch_size, 4 * max_concurrent::int8, $2) AS size FROM weir.jobs"
	"  WHERE job_id = $1),"
	" o AS MATERIALIZED (SELECT coalesce(sum(size - success - failed - cancelled), 0) AS items"
	"  FROM weir.job_batches WHERE job_id = $1 AND (status = 'queued' OR due_at < 'infinity')),"
	" w AS MATERIALIZED (SELECT count(*) FILTER (WHERE weir.is_parked(due_at)) AS parked,"
	"   count(*) FILTER (WHERE due_at > now() AND NOT weir.is_parked(due_at)) AS waiting"
	"  FROM weir.retries WHERE job_id = $1 AND due_at < 'infinity'),"
	" q AS MATERIALIZED (SELECT count(*) AS asked FROM weir.requests WHERE job_id = $1),"
	" room AS MATERIALIZED (SELECT batch_size, greatest(0, size - greatest(0,"
	"   o.items - parked - asked - least(greatest(0, waiting - asked), size)))::int8 AS items"
	"  FROM j, o, w, q),"
	" r AS (SELECT stage, ordinal FROM weir.retries"
	"  WHERE job_id = $1 AND due_at < 'infinity' AND weir.is_parked(due_at) ORDER BY due_at"
	"  LIMIT (SELECT items FROM room) FOR UPDATE SKIP LOCKED),"
	" again AS (UPDATE weir.retries w SET due_at = greatest(due_at - weir.parked(), now())"
	"  FROM r WHERE w.job_id = $1 AND w.stage = r.stage AND w.ordinal = r.ordinal"
	"  RETURNING 1),"
	" d AS (SELECT stage, n FROM weir.job_batches WHERE job_id = $1"
	"  AND status = 'pending_queue' AND due_at = 'infinity' ORDER BY stage, n"
	"  LIMIT (SELECT ceil((items - (SELECT count(*) FROM again))::float8 / batch_size)::int8"
	"   FROM room) FOR UPDATE SKIP LOCKED),"
	" b AS (UPDATE weir.job_batches b SET due_at = now() FROM d"
	"  WHERE b.job_id = $1 AND b.stage = d.stage AND b.n = d.n RETURNING 1)"
	"SELECT (SELECT count(*) FROM again), (SELECT count(*) FROM b)";

/* In the transaction of the lock. */
static int release_some(struct relay *r, const char *job_id, double rate, struct weir_error *err)
{
	PGresult *rows = NULL;
	params_big(&r->params, (int64_t)(rate * AHEAD_S));
	if (ledger_query(r->ledger, release, &r->params, true, &rows, err) < 0)
		return -1;
	int64_t retries = ledger_big(rows, 0, 0), batches = ledger_big(rows, 0, 1);
	PQclear(rows);
	if (retries + batches == 0)
		return 0;
	r->due = true;
	log_event(LOG_DEBUG, "items_released", "job=%s retries=%lld batches=%lld", job_id,
		  (long long)retries, (long long)batches);
	return 0;
}

int window_release(struct relay *r, const char *job_id, double rate, struct weir_error *err)
{
	struct weir_error ignored;
	int64_t locked = 0;
	params_reset(&r->params);
	params_string(&r->params, job_id);
	if (ledger_do(r->ledger, "BEGIN", NULL, NULL, err) < 0)
		return -1;
	int rc = ledger_do(r->ledger, lock, &r->params, &locked, err);
	if (rc == 0 && locked > 0)
		rc = release_some(r, job_id, rate, err);
	if (rc == 0)
		return ledger_do(r->ledger, "COMMIT", NULL, NULL, err);
	if (ledger_do(r->ledger, "ROLLBACK", NULL, NULL, &ignored) < 0)
		log_event(LOG_DEBUG, "no_rollback", "error=\"%s\"", ignored.text);
	return -1;
}
