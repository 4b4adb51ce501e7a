#include "report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CLASSES_MOST 1000

#define SUMMARY(TYPE, NAME, FIELD_NAME) FIELD(TYPE, struct report_summary, NAME, FIELD_NAME)

const struct field report_fields[] = {
	SUMMARY(FIELD_TEXT, "batch_id", batch_id),
	SUMMARY(FIELD_TEXT, "job_id", job_id),
	SUMMARY(FIELD_TEXT, "kind", kind),
	SUMMARY(FIELD_TEXT, "status", status),
	SUMMARY(FIELD_COUNT, "total_items", total),
	SUMMARY(FIELD_COUNT, "processed_items", processed),
	SUMMARY(FIELD_COUNT, "success_count", success),
	SUMMARY(FIELD_COUNT, "failure_count", failed),
	SUMMARY(FIELD_COUNT, "cancelled_count", cancelled),
	SUMMARY(FIELD_COUNT, "pending", pending),
	SUMMARY(FIELD_REAL, "total_duration", duration),
	SUMMARY(FIELD_REAL, "avg_processing_time", average),
	SUMMARY(FIELD_REAL, "p50_processing_time", p50),
	SUMMARY(FIELD_REAL, "p95_processing_time", p95),
	SUMMARY(FIELD_REAL, "p99_processing_time", p99),
	SUMMARY(FIELD_REAL, "throughput", throughput),
	SUMMARY(FIELD_TEXT, "created_at", created_at),
	SUMMARY(FIELD_TEXT, "started_at", started_at),
	SUMMARY(FIELD_TEXT, "completed_at", completed_at),
	SUMMARY(FIELD_FLAG, "sealed", sealed),
	SUMMARY(FIELD_FLAG, "ended", ended),
	SUMMARY(FIELD_FLAG, "consistent", consistent),
	SUMMARY(FIELD_TEXT, "redis", redis),
	{.type = FIELD_END},
};

static const struct field compared_fields[] = {
	SUMMARY(FIELD_COUNT, "results", results),
	SUMMARY(FIELD_COUNT, "batch_items", batch_items),
	SUMMARY(FIELD_COUNT, "items", items),
	SUMMARY(FIELD_COUNT, "told_success", told_success),
	SUMMARY(FIELD_COUNT, "told_failed", told_failed),
	SUMMARY(FIELD_COUNT, "told_cancelled", told_cancelled),
	{.type = FIELD_END},
};

static const char read_job[] =
	"SELECT j.job_id AS batch_id, j.job_id, j.kind, j.status,"
	" coalesce(j.total_items, b.items, 0)::int8 AS total_items,"
	" coalesce(b.items, 0)::int8 AS batch_items,"
	" (SELECT count(*) FROM weir.items WHERE job_id = $1 AND stage = 1) AS items,"
	" " SQL_TIME("j.created_at") " AS created_at,"
	" " SQL_TIME("j.started_at") " AS started_at,"
	" " SQL_TIME("j.completed_at") " AS completed_at,"
	" extract(epoch FROM greatest(coalesce(j.completed_at, now()), j.started_at)"
	"  - j.started_at)::float8 AS total_duration,"
	" j.sealed_at IS NOT NULL AS sealed, j.completed_at IS NOT NULL AS ended,"
	" j.success_count AS told_success, j.failure_count AS told_failed,"
	" j.cancelled_count AS told_cancelled"
	" FROM weir.jobs j CROSS JOIN (SELECT sum(size) AS items FROM weir.job_batches"
	"  WHERE job_id = $1 AND stage = 1) b"
	" WHERE j.job_id = $1";

static const char read_results[] =
	"SELECT results, success_count, failure_count, cancelled_count,"
	" avg_ms / 1000 AS avg_processing_time, p[1] / 1000 AS p50_processing_time,"
	" p[2] / 1000 AS p95_processing_time, p[3] / 1000 AS p99_processing_time"
	" FROM (SELECT count(*) AS results, count(*) FILTER (WHERE status = 1) AS success_count,"
	"  count(*) FILTER (WHERE status = 2) AS failure_count,"
	"  count(*) FILTER (WHERE status = 3) AS cancelled_count,"
	"  avg(processing_ms) FILTER (WHERE status IN (1, 2)) AS avg_ms,"
	"  percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY processing_ms::float8)"
	"   FILTER (WHERE status IN (1, 2)) AS p"
	"  FROM weir.results WHERE job_id = $1) r";

static const char count_attempts[] =
	"SELECT attempts::int8, count(*) FROM weir.results"
	" WHERE job_id = $1 AND status IN (1, 2) GROUP BY 1 ORDER BY 1";

/* ---- reading ---- */

static int read_summary(struct ledger *l, const char *sql, const char *job_id,
			struct report_summary *s, struct weir_error *err)
{
	PGresult *rows = NULL;
	if (view_query(l, sql, job_id, &rows, err) < 0)
		return -1;
	int found = PQntuples(rows);
	if (found) {
		fields_read(report_fields, rows, 0, s);
		fields_read(compared_fields, rows, 0, s);
	}
	PQclear(rows);
	return found;
}

static void derive(struct report_summary *s)
{
	s->processed = s->success + s->failed + s->cancelled;
	s->pending = s->total - s->processed;
	s->throughput = s->duration > 0 ? (double)s->processed / s->duration : NAN;
	snprintf(s->redis, sizeof s->redis, "away");
}

static int read_all(struct ledger *l, const char *job_id, struct report *r, struct weir_error *err)
{
	struct report_summary *s = &r->summary;
	int found = read_summary(l, read_job, job_id, s, err);
	if (found == 0)
		return view_no_job(job_id, err);
	if (found < 0 || read_summary(l, read_results, job_id, s, err) < 0 ||
	    view_batches(l, job_id, &r->batches, err) < 0 ||
	    view_query(l, count_attempts, job_id, &r->attempts, err) < 0 ||
	    view_classes(l, job_id, CLASSES_MOST, &r->classes, err) < 0)
		return -1;
	derive(s);
	report_check(r);
	return buffer_failed(&r->differences) ? weir_fail_memory(err) : 0;
}

int report_begin(struct ledger *l, const char *job_id, struct report *out, struct weir_error *err)
{
	struct report r = {.summary = {.average = NAN, .p50 = NAN, .p95 = NAN, .p99 = NAN}};
	if (ledger_do(l, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, NULL, err) < 0)
		return -1;
	if (read_all(l, job_id, &r, err) < 0) {
		report_release(&r);
		return -1;
	}
	*out = r;
	return 0;
}

void report_release(struct report *r)
{
	PQclear(r->attempts);
	PQclear(r->classes);
	buffer_release(&r->differences);
}

/* ---- checking ---- */

/* Two numbers that must be the same. */
struct equation {
	bool applies;
	const char *left, *right;
	int64_t a, b;
};

static void check(const struct equation *e, struct buffer *differences)
{
	if (e->applies && e->a != e->b)
		buffer_printf(differences, "%s%s is %" PRId64 ", but %s is %" PRId64,
			      differences->size > 0 ? "; " : "", e->left, e->a, e->right, e->b);
}

void report_check(struct report *r)
{
	struct report_summary *s = &r->summary;
	const struct equation equations[] = {
		{true, "total_items", "the sum of the batches", s->total, s->batch_items},
		{true, "total_items", "the number of item rows", s->total, s->items},
		{true, "success + failed + cancelled", "the number of result rows", s->processed,
		 s->results},
		{s->pending < 0 || s->ended, "total_items", "success + failed + cancelled",
		 s->total, s->processed},
		{s->ended, "the job's success_count", "that of its results", s->told_success,
		 s->success},
		{s->ended, "the job's failure_count", "that of its results", s->told_failed,
		 s->failed},
		{s->ended, "the job's cancelled_count", "that of its results", s->told_cancelled,
		 s->cancelled},
	};
	for (size_t i = 0; i < sizeof equations / sizeof *equations; i++)
		check(&equations[i], &r->differences);
	s->consistent = r->differences.size == 0;
}

static bool same(const struct progress_counts *told, const struct report_summary *s)
{
	return told->total == (s->sealed ? s->total : 0) && told->success == s->success &&
	       told->failed == s->failed && told->cancelled == s->cancelled;
}

void report_compare(const struct viewer *v, struct report *r)
{
	struct progress_counts told;
	struct weir_error ignored;
	bool known;
	const char *word = "expired";
	if (!v->progress || progress_read(v->progress, r->summary.job_id, 1, &known, &told,
					  &ignored) < 0)
		word = "away";
	else if (known)
		word = same(&told, &r->summary) ? "equal" : "different";
	snprintf(r->summary.redis, sizeof r->summary.redis, "%s", word);
}
