#include "window.h"

#include "relay.h"
#include "weir/log.h"

#define AHEAD_S 3.0 /* at the rate seen, so much work is released */

/* Who pauses or cancels the job waits for the lock on it, and then finds what was released. Without
 * room, or a job that may go on, the limits are 0.
 *
 * $2 items are released and not final. Those of them that are parked are not on their way at all,
 * and those that wait for their next attempt keep nobody busy; of these only a window is left out,
 * so that a job that fails throughout does not publish everything. */
static const char release[] =
	"WITH j AS MATERIALIZED (SELECT batch_size,"
	"   greatest(2 * batch_size, 4 * max_concurrent::int8, $3) AS size FROM weir.jobs"
	"  WHERE job_id = $1 AND status IN ('pending', 'running') AND max_concurrent IS NOT NULL"
	"  FOR SHARE),"
	" w AS MATERIALIZED (SELECT count(*) FILTER (WHERE weir.is_parked(due_at)) AS parked,"
	"   count(*) FILTER (WHERE due_at > now() AND NOT weir.is_parked(due_at)) AS waiting"
	"  FROM weir.retries WHERE job_id = $1 AND due_at < 'infinity'),"
	" room AS MATERIALIZED (SELECT batch_size,"
	"   size - greatest(0, $2 - parked - least(waiting, size)) AS items FROM j, w),"
	" r AS (SELECT stage, ordinal FROM weir.retries"
	"  WHERE job_id = $1 AND due_at < 'infinity' AND weir.is_parked(due_at) ORDER BY due_at"
	"  LIMIT coalesce((SELECT greatest(0, items) FROM room), 0) FOR UPDATE SKIP LOCKED),"
	" again AS (UPDATE weir.retries w SET due_at = greatest(due_at - weir.parked(), now())"
	"  FROM r WHERE w.job_id = $1 AND w.stage = r.stage AND w.ordinal = r.ordinal"
	"  RETURNING 1),"
	" d AS (SELECT stage, n FROM weir.job_batches WHERE job_id = $1"
	"  AND status = 'pending_queue' AND due_at = 'infinity' ORDER BY stage, n"
	"  LIMIT coalesce((SELECT greatest(0, ceil((items - (SELECT count(*) FROM again))::float8"
	"    / batch_size)) FROM room), 0)::int8 FOR UPDATE SKIP LOCKED),"
	" b AS (UPDATE weir.job_batches b SET due_at = now() FROM d"
	"  WHERE b.job_id = $1 AND b.stage = d.stage AND b.n = d.n RETURNING 1)"
	"SELECT (SELECT count(*) FROM again), (SELECT count(*) FROM b)";

int window_release(struct relay *r, const char *job_id, int64_t outstanding, double rate,
		   struct weir_error *err)
{
	PGresult *rows = NULL;
	params_reset(&r->params);
	params_string(&r->params, job_id);
	params_big(&r->params, outstanding);
	params_big(&r->params, (int64_t)(rate * AHEAD_S));
	if (ledger_query(r->ledger, release, &r->params, true, &rows, err) < 0)
		return -1;
	int64_t retries = ledger_big(rows, 0, 0), batches = ledger_big(rows, 0, 1);
	PQclear(rows);
	if (retries + batches > 0) {
		r->due = true;
		log_event(LOG_DEBUG, "items_released", "job=%s retries=%lld batches=%lld", job_id,
			  (long long)retries, (long long)batches);
	}
	return 0;
}
