#include "window.h"

#include "relay.h"
#include "weir/log.h"

#define AHEAD_S 3.0 /* at the rate seen, so much work is released */

/* Who pauses or cancels the job waits for the lock on it, and then finds what was released. Without
 * room, or a job that may go on, the limit is 0. */
static const char release[] =
	"WITH j AS MATERIALIZED (SELECT batch_size, max_concurrent FROM weir.jobs"
	"  WHERE job_id = $1 AND status IN ('pending', 'running') AND max_concurrent IS NOT NULL"
	"  FOR SHARE),"
	" d AS (SELECT stage, n FROM weir.job_batches WHERE job_id = $1"
	"  AND status = 'pending_queue' AND due_at = 'infinity' ORDER BY stage, n"
	"  LIMIT coalesce((SELECT greatest(0, ceil((greatest(2 * batch_size,"
	"    4 * max_concurrent::int8, $3) - $2)::float8 / batch_size)) FROM j), 0)::int8"
	"  FOR UPDATE SKIP LOCKED)"
	"UPDATE weir.job_batches b SET due_at = now() FROM d"
	" WHERE b.job_id = $1 AND b.stage = d.stage AND b.n = d.n";

int window_release(struct relay *r, const char *job_id, int64_t outstanding, double rate,
		   struct weir_error *err)
{
	int64_t released = 0;
	params_reset(&r->params);
	params_string(&r->params, job_id);
	params_big(&r->params, outstanding);
	params_big(&r->params, (int64_t)(rate * AHEAD_S));
	if (ledger_do(r->ledger, release, &r->params, &released, err) < 0)
		return -1;
	if (released > 0) {
		r->due = true;
		log_event(LOG_DEBUG, "batches_released", "job=%s batches=%lld", job_id,
			  (long long)released);
	}
	return 0;
}
