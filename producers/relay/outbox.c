#include "outbox.h"

const struct outbox *const outboxes[OUTBOXES] = {[OUTBOX_BATCHES] = &outbox_batches,
						 [OUTBOX_RETRIES] = &outbox_retries,
						 [OUTBOX_EVENTS] = &outbox_events,
						 [OUTBOX_LETTERS] = &outbox_letters};

/* Sub-selects that walk an index from its beginning, not EXISTS, which may read the whole table.
 * What becomes due in a paused job is nothing that a claim would find. */
const char outbox_look[] =
	"SELECT (SELECT due_at FROM weir.retries w WHERE due_at <= now() AND due_at < 'infinity'"
	"  AND ($1::text IS NULL OR job_id = $1)"
	"  AND (SELECT j.status FROM weir.jobs j WHERE j.job_id = w.job_id)"
	"   IN ('pending', 'running')"
	"  ORDER BY due_at LIMIT 1) IS NOT NULL,"
	" (SELECT id FROM weir.events ORDER BY id LIMIT 1) IS NOT NULL,"
	" (SELECT id FROM weir.dead_letters WHERE due_at <= now()"
	"  ORDER BY due_at, id LIMIT 1) IS NOT NULL";

void outbox_id_keys(struct params *p, const PGresult *rows, const int *which, int n)
{
	params_array(p, TYPE_INT8, (size_t)n);
	for (int i = 0; i < n; i++)
		params_add_big(p, ledger_big(rows, which[i], 0));
	params_array_end(p);
}
