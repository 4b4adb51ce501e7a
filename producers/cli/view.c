#include "view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define REDIS_MS 1000

const struct field job_view_fields[] = {
	FIELD(FIELD_TEXT, struct job_view, "job_id", job_id),
	FIELD(FIELD_TEXT, struct job_view, "kind", kind),
	FIELD(FIELD_TEXT, struct job_view, "status", status),
	FIELD(FIELD_COUNT, struct job_view, "total_items", total),
	FIELD(FIELD_COUNT, struct job_view, "processed_items", processed),
	FIELD(FIELD_COUNT, struct job_view, "success_count", success),
	FIELD(FIELD_COUNT, struct job_view, "failure_count", failed),
	FIELD(FIELD_COUNT, struct job_view, "cancelled_count", cancelled),
	FIELD(FIELD_COUNT, struct job_view, "pending", pending),
	FIELD(FIELD_FLAG, struct job_view, "sealed", sealed),
	FIELD(FIELD_FLAG, struct job_view, "ended", ended),
	FIELD(FIELD_TEXT, struct job_view, "created_at", created_at),
	FIELD(FIELD_TEXT, struct job_view, "started_at", started_at),
	FIELD(FIELD_TEXT, struct job_view, "completed_at", completed_at),
	FIELD(FIELD_REAL, struct job_view, "duration", seconds),
	FIELD(FIELD_REAL, struct job_view, "age", age),
	FIELD(FIELD_REAL, struct job_view, "throughput", rate),
	FIELD(FIELD_TEXT, struct job_view, "source", source),
	{.type = FIELD_END},
};

const struct field batch_counts_fields[] = {
	FIELD(FIELD_COUNT, struct batch_counts, "total", total),
	FIELD(FIELD_COUNT, struct batch_counts, "pending_queue", pending_queue),
	FIELD(FIELD_COUNT, struct batch_counts, "queued", queued),
	FIELD(FIELD_COUNT, struct batch_counts, "done", done),
	{.type = FIELD_END},
};

#define JOB_COLUMNS                                                                                \
	"SELECT j.job_id, j.kind, j.status,"                                                       \
	" coalesce(j.total_items, (SELECT sum(b.size) FROM weir.job_batches b"                     \
	"  WHERE b.job_id = j.job_id AND b.stage = 1), 0)::int8 AS total_items,"                   \
	" j.sealed_at IS NOT NULL AS sealed, j.completed_at IS NOT NULL AS ended,"                 \
	" " SQL_TIME("j.created_at") " AS created_at,"                                             \
	" " SQL_TIME("j.started_at") " AS started_at,"                                             \
	" " SQL_TIME("j.completed_at") " AS completed_at,"                                         \
	" extract(epoch FROM greatest(coalesce(j.completed_at, now()), j.started_at)"              \
	"  - j.started_at)::float8 AS duration,"                                                   \
	" greatest(extract(epoch FROM now() - j.created_at), 0)::float8 AS age,"

static const char read_job[] =
	JOB_COLUMNS
	" coalesce(j.success_count, 0) AS success_count,"
	" coalesce(j.failure_count, 0) AS failure_count,"
	" coalesce(j.cancelled_count, 0) AS cancelled_count"
	" FROM weir.jobs j WHERE j.job_id = $1";

static const char count_job[] =
	JOB_COLUMNS
	" coalesce(j.success_count, c.success) AS success_count,"
	" coalesce(j.failure_count, c.failed) AS failure_count,"
	" coalesce(j.cancelled_count, c.cancelled) AS cancelled_count"
	" FROM weir.jobs j CROSS JOIN (SELECT count(*) FILTER (WHERE status = 1) AS success,"
	"  count(*) FILTER (WHERE status = 2) AS failed,"
	"  count(*) FILTER (WHERE status = 3) AS cancelled"
	"  FROM weir.results WHERE job_id = $1) c WHERE j.job_id = $1";

static const char count_batches[] =
	"WITH d AS (SELECT stage, ordinal / (SELECT batch_size FROM weir.jobs WHERE job_id = $1)"
	"   AS n, count(*) AS done"
	"  FROM weir.results WHERE job_id = $1 GROUP BY 1, 2)"
	"SELECT count(*) AS total,"
	" count(*) FILTER (WHERE b.status = 'pending_queue' AND NOT e.all_done) AS pending_queue,"
	" count(*) FILTER (WHERE b.status = 'queued' AND NOT e.all_done) AS queued,"
	" count(*) FILTER (WHERE e.all_done) AS done"
	" FROM weir.job_batches b LEFT JOIN d USING (stage, n)"
	" CROSS JOIN LATERAL (SELECT coalesce(d.done, 0) >= b.size AS all_done) e"
	" WHERE b.job_id = $1";

static const char count_classes[] =
	"SELECT coalesce(error_class, 'unknown') AS class, count(*) AS items FROM weir.results"
	" WHERE job_id = $1 AND status = 2 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $2";

/* The statistics of tables that fill this fast are often old: the planner then takes a job of a
 * million rows for an empty one, and joins by nested loops that would take hours. */
static const char join_by_scans[] = "SET enable_nestloop = off";

int viewer_open(struct call *call, struct viewer *out)
{
	struct viewer v = {NULL, NULL};
	const char *url = call->settings->redis_url;
	if (url && progress_open(url, REDIS_MS, &v.progress, call->error) < 0)
		return -1;
	if (command_ledger(call, &v.ledger) < 0 ||
	    ledger_do(v.ledger, join_by_scans, NULL, NULL, call->error) < 0) {
		viewer_close(&v);
		return -1;
	}
	*out = v;
	return 0;
}

void viewer_close(struct viewer *v)
{
	ledger_close(v->ledger);
	progress_close(v->progress);
	*v = (struct viewer){NULL, NULL};
}

int view_query(struct ledger *l, const char *sql, const char *job_id, PGresult **out,
	       struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	params_string(&p, job_id);
	int rc = ledger_query(l, sql, &p, true, out, err);
	params_release(&p);
	return rc;
}

int view_no_job(const char *job_id, struct weir_error *err)
{
	return weir_fail(err, "unknown_job",
			 "there is no job \"%.80s\" (`weir status` lists the latest)", job_id);
}

/* ---- one job ---- */

static int read_row(struct ledger *l, const char *sql, const char *job_id, struct job_view *out,
		    struct weir_error *err)
{
	PGresult *r = NULL;
	if (view_query(l, sql, job_id, &r, err) < 0)
		return -1;
	int found = PQntuples(r);
	if (found)
		fields_read(job_view_fields, r, 0, out);
	PQclear(r);
	snprintf(out->source, sizeof out->source, "ledger");
	return found;
}

/* Takes what Redis counted, unless the ledger contradicts it. */
static bool take_live(struct job_view *job, const struct progress_counts *live)
{
	if (live->success + live->failed + live->cancelled > job->total)
		return false;
	job->success = live->success;
	job->failed = live->failed;
	job->cancelled = live->cancelled;
	snprintf(job->source, sizeof job->source, "redis");
	return true;
}

static void derive(struct job_view *job)
{
	job->processed = job->success + job->failed + job->cancelled;
	job->pending = job->total - job->processed;
	job->rate = job->seconds > 0 ? (double)job->processed / job->seconds : NAN;
}

/* Redis is asked first: an item is in the ledger before it is counted, so that the ledger's total,
 * read later, can only be the larger one. */
int view_job(const struct viewer *v, const char *job_id, struct job_view *out,
	     struct weir_error *err)
{
	struct progress_counts live = {0};
	struct weir_error ignored;
	struct job_view job = {0};
	bool known = false;
	if (v->progress && progress_read(v->progress, job_id, 1, &known, &live, &ignored) < 0)
		known = false;
	int found = read_row(v->ledger, read_job, job_id, &job, err);
	if (found == 1 && !job.ended && !(known && take_live(&job, &live)))
		found = read_row(v->ledger, count_job, job_id, &job, err);
	if (found != 1)
		return found;
	derive(&job);
	*out = job;
	return 1;
}

/* ---- what belongs to it ---- */

int view_batches(struct ledger *l, const char *job_id, struct batch_counts *out,
		 struct weir_error *err)
{
	PGresult *r = NULL;
	if (view_query(l, count_batches, job_id, &r, err) < 0)
		return -1;
	fields_read(batch_counts_fields, r, 0, out);
	PQclear(r);
	return 0;
}

int view_classes(struct ledger *l, const char *job_id, int64_t most, PGresult **out,
		 struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	params_string(&p, job_id);
	params_big(&p, most);
	int rc = ledger_query(l, count_classes, &p, true, out, err);
	params_release(&p);
	return rc;
}

void print_classes(const PGresult *classes, struct buffer *b)
{
	for (int i = 0; i < PQntuples(classes); i++) {
		buffer_add_text(b, i ? ", " : "");
		print_plain(b, ledger_text(classes, i, 0));
		buffer_printf(b, " %" PRId64, ledger_big(classes, i, 1));
	}
}
