/* The items of a report. */
#include <math.h>

#include "command.h"
#include "report_write.h"

/* So many rows are in memory at a time. Each may bring a result of WEIR_RESULT_MAX bytes. */
#define PORTION "FETCH 100 FROM "

struct cursor {
	const char *declare, *fetch, *close;
	bool limited; /* the second parameter is a limit */
};

/* The SQL of one attempt that failed. */
/* clang-format off */
#define ATTEMPT                                                                                    \
	"json_build_object('attempt', attempt, 'class', error_class, 'error', error, 'at', "       \
	SQL_TIME("ended_at") ")"
/* clang-format on */

/* The attempts that others followed are in weir.attempts, and the last one of an item that failed
 * is its result. The former are read in one pass beside the items, not looked up one by one. */
static const struct cursor failures_cursor = {
	"DECLARE failures NO SCROLL CURSOR FOR"
	" SELECT coalesce(i.custom_id, 'ordinal ' || r.ordinal), r.stage::int4, r.error_class,"
	" r.error, r.attempts,"
	" (SELECT json_agg(" ATTEMPT " ORDER BY ended_at, attempt)"
	"  FROM (SELECT attempt, error_class, error, ended_at FROM weir.attempts a"
	"   WHERE a.job_id = $1 AND a.stage = r.stage AND a.ordinal = r.ordinal"
	"   UNION ALL SELECT r.attempts, r.error_class, r.error, r.finished_at) h)::text,"
	" i.natural_id"
	" FROM (SELECT * FROM weir.results"
	"  WHERE job_id = $1 AND status = 2 ORDER BY stage, ordinal LIMIT $2) r"
	" LEFT JOIN weir.items i ON i.job_id = $1 AND i.stage = r.stage AND i.ordinal = r.ordinal"
	" ORDER BY r.stage, r.ordinal",
	PORTION "failures", "CLOSE failures", true};

/* clang-format off */
static const struct cursor items_cursor = {
	"DECLARE items NO SCROLL CURSOR FOR"
	" SELECT i.custom_id, i.stage::int4, coalesce(r.error_class, w.error_class),"
	" coalesce(r.error, w.error), coalesce(r.attempts, w.attempts, 0)::int4,"
	" coalesce(h.history, '[]'), i.natural_id, weir.status_name(r.status),"
	" (r.processing_ms / 1000.0)::float8, " SQL_TIME("r.finished_at") ", r.result::text, "
	SQL_USAGE("")
	" FROM weir.items i"
	" LEFT JOIN weir.results r ON r.job_id = $1 AND r.stage = i.stage AND r.ordinal = i.ordinal"
	" LEFT JOIN weir.retries w ON r.job_id IS NULL AND w.job_id = $1 AND w.stage = i.stage"
	"  AND w.ordinal = i.ordinal"
	" LEFT JOIN (SELECT stage, ordinal,"
	"   json_agg(" ATTEMPT " ORDER BY ended_at, attempt)::text AS history"
	"  FROM (SELECT stage, ordinal, attempt, error_class, error, ended_at FROM weir.attempts"
	"   WHERE job_id = $1 UNION ALL SELECT stage, ordinal, attempts, error_class, error,"
	"    finished_at FROM weir.results WHERE job_id = $1 AND status = 2) a"
	"  GROUP BY stage, ordinal) h ON h.stage = i.stage AND h.ordinal = i.ordinal"
	" LEFT JOIN " SQL_USAGE_OF_ITEMS " ON a.stage = i.stage AND a.ordinal = i.ordinal"
	" WHERE i.job_id = $1 ORDER BY i.stage, i.ordinal",
	PORTION "items", "CLOSE items", false};
/* clang-format on */

static int declare(struct writing *w, const struct cursor *c, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	params_string(&p, w->report->summary.job_id);
	if (c->limited)
		params_big(&p, w->failures);
	int rc = ledger_do(w->ledger, c->declare, &p, NULL, err);
	params_release(&p);
	return rc;
}

/* Writes one portion; returns its size. */
static int write_portion(struct writing *w, const struct cursor *c, report_row *row,
			 struct weir_error *err)
{
	PGresult *rows = NULL;
	if (command_stop)
		return weir_fail(err, "interrupted", "interrupted");
	if (ledger_query(w->ledger, c->fetch, NULL, true, &rows, err) < 0)
		return -1;
	int n = PQntuples(rows), rc = 0;
	for (int i = 0; i < n && rc == 0; i++) {
		row(w, rows, i);
		rc = sink_pass(w->sink, err);
		w->first = false;
	}
	PQclear(rows);
	return rc < 0 ? -1 : n;
}

static int write_rows(struct writing *w, const struct cursor *c, report_row *row,
		      struct weir_error *err)
{
	int n = declare(w, c, err);
	w->first = true;
	if (n < 0)
		return -1;
	do {
		n = write_portion(w, c, row, err);
	} while (n > 0 && !w->sink->no_reader);
	return n < 0 ? -1 : ledger_do(w->ledger, c->close, NULL, NULL, err);
}

int report_failures(struct writing *w, report_row *row, struct weir_error *err)
{
	return write_rows(w, &failures_cursor, row, err);
}

int report_items(struct writing *w, report_row *row, struct weir_error *err)
{
	return write_rows(w, &items_cursor, row, err);
}

const struct stage_view *report_stage_of(const struct report *r, int64_t stage)
{
	for (int i = 0; i < r->stage_count; i++)
		if (r->stages[i].view.stage == stage)
			return &r->stages[i].view;
	return NULL;
}

double report_seconds(const PGresult *rows, int row)
{
	return PQgetisnull(rows, row, ROW_SECONDS) ? NAN : ledger_real(rows, row, ROW_SECONDS);
}
