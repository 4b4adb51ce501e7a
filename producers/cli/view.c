#include "view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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
	FIELD(FIELD_COUNT, struct job_view, "cancelled", cancelled),
	FIELD(FIELD_COUNT, struct job_view, "pending", pending),
	FIELD(FIELD_FLAG, struct job_view, "submitting", submitting),
	FIELD(FIELD_REAL, struct job_view, "idle", idle),
	FIELD(FIELD_FLAG, struct job_view, "sealed", sealed),
	FIELD(FIELD_FLAG, struct job_view, "ended", ended),
	FIELD(FIELD_TEXT, struct job_view, "created_at", created_at),
	FIELD(FIELD_TEXT, struct job_view, "started_at", started_at),
	FIELD(FIELD_TEXT, struct job_view, "completed_at", completed_at),
	FIELD(FIELD_REAL, struct job_view, "duration", seconds),
	FIELD(FIELD_REAL, struct job_view, "age", age),
	FIELD(FIELD_REAL, struct job_view, "throughput", rate),
	FIELD(FIELD_TEXT, struct job_view, "paused_at", paused_at),
	FIELD(FIELD_TEXT, struct job_view, "pause_reason", pause_reason),
	FIELD(FIELD_COUNT, struct job_view, "max_attempts", max_attempts),
	FIELD(FIELD_REAL, struct job_view, "backoff", backoff),
	FIELD(FIELD_REAL, struct job_view, "backoff_factor", backoff_factor),
	FIELD(FIELD_REAL, struct job_view, "backoff_cap", backoff_cap),
	FIELD(FIELD_REAL, struct job_view, "max_concurrent", max_concurrent),
	FIELD(FIELD_COUNT, struct job_view, "retries_waiting", retries_waiting),
	FIELD(FIELD_TEXT, struct job_view, "next_retry_at", next_retry_at),
	FIELD(FIELD_REAL, struct job_view, "next_retry", next_retry),
	FIELD(FIELD_COUNT, struct job_view, "remote_waiting", remote_waiting),
	FIELD(FIELD_COUNT, struct job_view, "remote_batches", remote_batches),
	FIELD(FIELD_TEXT, struct job_view, "waiting_error", waiting_error),
	FIELD(FIELD_COUNT, struct job_view, "relays", relays),
	FIELD(FIELD_COUNT, struct job_view, "consumers", consumers),
	FIELD(FIELD_TEXT, struct job_view, "obstacle", obstacle),
	FIELD(FIELD_FLAG, struct job_view, "being_purged", purged),
	FIELD(FIELD_TEXT, struct job_view, "source", source),
	{.type = FIELD_END},
};

const struct field stage_view_fields[] = {
	FIELD(FIELD_COUNT, struct stage_view, "stage", stage),
	FIELD(FIELD_TEXT, struct stage_view, "kind", kind),
	FIELD(FIELD_TEXT, struct stage_view, "step", step),
	FIELD(FIELD_TEXT, struct stage_view, "status", status),
	FIELD(FIELD_COUNT, struct stage_view, "total", total),
	FIELD(FIELD_COUNT, struct stage_view, "success", success),
	FIELD(FIELD_COUNT, struct stage_view, "failed", failed),
	FIELD(FIELD_COUNT, struct stage_view, "cancelled", cancelled),
	FIELD(FIELD_COUNT, struct stage_view, "pending", pending),
	FIELD(FIELD_TEXT, struct stage_view, "started_at", started_at),
	FIELD(FIELD_TEXT, struct stage_view, "completed_at", completed_at),
	{.type = FIELD_END},
};

const struct field batch_counts_fields[] = {
	FIELD(FIELD_COUNT, struct batch_counts, "total", total),
	FIELD(FIELD_COUNT, struct batch_counts, "pending_queue", pending_queue),
	FIELD(FIELD_COUNT, struct batch_counts, "queued", queued),
	FIELD(FIELD_COUNT, struct batch_counts, "done", done),
	{.type = FIELD_END},
};

/* Why one of the items that wait does, of the job $1. */
#define SQL_WAITING_ERROR                                                                          \
	"coalesce((SELECT error FROM weir.retries WHERE job_id = $1 AND error IS NOT NULL"         \
	"   ORDER BY error_class IN ('deferred', 'throttled'), due_at LIMIT 1),"                   \
	"  (SELECT error FROM weir.remote_batches WHERE job_id = $1 AND state <> 'done'"           \
	"   AND error IS NOT NULL ORDER BY id DESC LIMIT 1))"

static const char read_reason[] =
	"SELECT CASE WHEN status = 'paused' THEN pause_reason ELSE " SQL_WAITING_ERROR " END"
	" FROM weir.jobs WHERE job_id = $1";

/* clang-format off */
static const char read_job[] =
	"SELECT j.job_id, j.kind, j.status,"
	" coalesce(j.total_items, (SELECT sum(b.size) FROM weir.job_batches b"
	"  WHERE b.job_id = j.job_id AND b.stage = 1), 0)::int8 AS total_items,"
	" j.sealed_at IS NOT NULL AS sealed, j.completed_at IS NOT NULL AS ended,"
	" j.purged_at IS NOT NULL AS being_purged,"
	" " SQL_TIME("j.created_at") " AS created_at,"
	" " SQL_TIME("j.started_at") " AS started_at,"
	" " SQL_TIME("j.completed_at") " AS completed_at,"
	" " SQL_TIME("j.paused_at") " AS paused_at,"
	" extract(epoch FROM greatest(coalesce(j.completed_at, now()), j.started_at)"
	"  - j.started_at)::float8 AS duration,"
	" greatest(extract(epoch FROM now() - j.created_at), 0)::float8 AS age,"
	" coalesce(j.success_count, 0) AS success_count,"
	" coalesce(j.failure_count, 0) AS failure_count,"
	" coalesce(j.cancelled_count, 0) AS cancelled,"
	" j.max_attempts::int8 AS max_attempts, (j.backoff_ms / 1000.0)::float8 AS backoff,"
	" j.backoff_factor, (j.backoff_cap_ms / 1000.0)::float8 AS backoff_cap,"
	" j.max_concurrent::float8 AS max_concurrent, w.waiting AS retries_waiting,"
	" " SQL_TIME("w.next") " AS next_retry_at,"
	" greatest(extract(epoch FROM w.next - now()), 0)::float8 AS next_retry,"
	" j.pause_reason, j.tag, q.waiting AS remote_waiting,"
	" (SELECT count(*) FROM weir.remote_batches WHERE job_id = $1 AND state <> 'done')"
	"  AS remote_batches,"
	" CASE WHEN j.sealed_at IS NULL THEN greatest(extract(epoch FROM now() - coalesce("
	"  (SELECT b.created_at FROM weir.job_batches b WHERE b.job_id = j.job_id AND b.stage = 1"
	"    ORDER BY b.n DESC LIMIT 1), j.created_at)), 0)::float8 END AS idle,"
	" j.sealed_at IS NULL AND EXISTS (SELECT FROM pg_locks k WHERE k.locktype = 'advisory'"
	"  AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
	"  AND k.objsubid = 1 AND (k.classid::int8 << 32 | k.objid::int8)"
	"   = hashtextextended('weir.submit:' || j.job_id, 0)) AS submitting,"
	" " SQL_WAITING_ERROR " AS waiting_error"
	" FROM weir.jobs j CROSS JOIN (SELECT count(*) AS waiting,"
	"  min(due_at) FILTER (WHERE NOT weir.is_parked(due_at)) AS next"
	"  FROM weir.retries w LEFT JOIN weir.requests q USING (job_id, stage, ordinal)"
	"  WHERE w.job_id = $1 AND isfinite(due_at) AND q.job_id IS NULL) w"
	" CROSS JOIN (SELECT count(*) AS waiting FROM weir.requests WHERE job_id = $1) q"
	" WHERE j.job_id = $1";

/* Without counting: an open stage has none yet. */
static const char read_stages[] =
	"SELECT s.stage::int8 AS stage, s.kind, s.step,"
	" CASE WHEN s.completed_at IS NOT NULL THEN 'completed'"
	"  WHEN EXISTS (SELECT FROM weir.job_batches b WHERE b.job_id = $1 AND b.stage = s.stage)"
	"  THEN 'running' ELSE 'pending' END AS status,"
	" coalesce(CASE WHEN s.stage > 1 THEN s.total_items ELSE coalesce(j.total_items,"
	"  (SELECT sum(size) FROM weir.job_batches b WHERE b.job_id = $1 AND b.stage = 1))"
	"  END, 0)::int8 AS total,"
	" coalesce(s.success_count, 0) AS success, coalesce(s.failure_count, 0) AS failed,"
	" coalesce(s.cancelled_count, 0) AS cancelled,"
	" " SQL_TIME("coalesce(s.started_at, CASE s.stage WHEN 1 THEN j.started_at END)")
	"  AS started_at,"
	" " SQL_TIME("s.completed_at") " AS completed_at"
	" FROM weir.job_stages s JOIN weir.jobs j USING (job_id) WHERE s.job_id = $1"
	" ORDER BY s.stage";

static const char count_stages[] =
	"SELECT stage::int8, kind, step, status, total_items::int8 AS total,"
	" success_count AS success, failure_count AS failed, cancelled_count AS cancelled,"
	" " SQL_TIME("started_at") " AS started_at, " SQL_TIME("completed_at") " AS completed_at"
	" FROM weir.batch_stages WHERE job_id = $1 ORDER BY stage";
/* clang-format on */

static const char count_batches[] =
	"SELECT count(*) AS total,"
	" count(*) FILTER (WHERE status = 'pending_queue' AND NOT done) AS pending_queue,"
	" count(*) FILTER (WHERE status = 'queued' AND NOT done) AS queued,"
	" count(*) FILTER (WHERE done) AS done"
	" FROM (SELECT status, success + failed + cancelled >= size AS done"
	"  FROM weir.job_batches WHERE job_id = $1) b";

static const char count_classes[] =
	"SELECT coalesce(error_class, 'unknown') AS class, count(*) AS items FROM weir.results"
	" WHERE job_id = $1 AND status = 2 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $2";

/* The statistics of tables that fill this fast are often old: the planner then takes a job of a
 * million rows for an empty one, and joins by nested loops that would take hours. */
static const char join_by_scans[] = "SET enable_nestloop = off";

int viewer_open_ledger(struct call *call, struct ledger **out)
{
	struct ledger *l;
	if (command_ledger(call, &l) < 0)
		return -1;
	if (ledger_do(l, join_by_scans, NULL, NULL, call->error) < 0) {
		ledger_close(l);
		return -1;
	}
	*out = l;
	return 0;
}

int viewer_open(struct call *call, struct viewer *out)
{
	struct viewer v = {0};
	const char *url = call->settings->redis_url;
	if (url && progress_open(url, REDIS_MS, &v.progress, call->error) < 0)
		return -1;
	if (viewer_open_ledger(call, &v.ledger) < 0) {
		viewer_close(&v);
		return -1;
	}
	fleet_init(&v.fleet, call->settings, v.ledger);
	*out = v;
	return 0;
}

void viewer_close(struct viewer *v)
{
	ledger_close(v->ledger);
	progress_close(v->progress);
	fleet_release(&v->fleet);
	*v = (struct viewer){0};
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

int view_check_kept(struct ledger *l, const char *job_id, struct weir_error *err)
{
	PGresult *r = NULL;
	if (view_query(l, "SELECT FROM weir.jobs WHERE job_id = $1 AND purged_at IS NOT NULL",
		       job_id, &r, err) < 0)
		return -1;
	bool purged = PQntuples(r) > 0;
	PQclear(r);
	return purged ? weir_fail(err, "purged", "job %s is being purged", job_id) : 0;
}

int view_tag(struct ledger *l, const char *job_id, char tag[PROGRESS_JOB_MAX],
	     struct weir_error *err)
{
	PGresult *r = NULL;
	if (view_query(l, "SELECT tag FROM weir.jobs WHERE job_id = $1", job_id, &r, err) < 0)
		return -1;
	bool found = PQntuples(r) == 1;
	if (found)
		snprintf(tag, PROGRESS_JOB_MAX, "%s", PQgetvalue(r, 0, 0));
	PQclear(r);
	return found ? 0 : view_no_job(job_id, err);
}

/* ---- one job ---- */

static int read_row(struct ledger *l, const char *job_id, struct job_view *job,
		    struct weir_error *err)
{
	PGresult *r = NULL;
	if (view_query(l, read_job, job_id, &r, err) < 0)
		return -1;
	int found = PQntuples(r);
	if (found) {
		fields_read(job_view_fields, r, 0, job);
		snprintf(job->tag, sizeof job->tag, "%s", PQgetvalue(r, 0, PQfnumber(r, "tag")));
	}
	PQclear(r);
	return found;
}

static int read_rows(struct ledger *l, const char *sql, const char *job_id, struct job_view *job,
		     struct weir_error *err)
{
	PGresult *r = NULL;
	if (view_query(l, sql, job_id, &r, err) < 0)
		return -1;
	int n = PQntuples(r);
	struct stage_view *stages = calloc((size_t)n + 1, sizeof *stages);
	for (int i = 0; stages && i < n; i++)
		fields_read(stage_view_fields, r, i, &stages[i]);
	PQclear(r);
	if (!stages)
		return weir_fail_memory(err);
	free(job->stages);
	job->stages = stages;
	job->stage_count = n;
	return 0;
}

/* Takes what Redis counted, unless it does not know the stage or the ledger contradicts it. */
static bool take_live(const struct viewer *v, const struct job_view *job, struct stage_view *stage)
{
	struct progress_counts live = {0};
	struct weir_error ignored;
	bool known = false;
	if (strcmp(stage->status, "running") != 0)
		return true;
	if (!v->progress ||
	    progress_read(v->progress, job->tag, (uint32_t)stage->stage, &known, &live, &ignored) <
		    0 ||
	    !known || live.success + live.failed + live.cancelled > stage->total)
		return false;
	stage->success = live.success;
	stage->failed = live.failed;
	stage->cancelled = live.cancelled;
	return true;
}

static bool take_all_live(const struct viewer *v, struct job_view *job)
{
	for (int i = 0; i < job->stage_count; i++)
		if (!take_live(v, job, &job->stages[i]))
			return false;
	return true;
}

static int count(const struct viewer *v, struct job_view *job, struct weir_error *err)
{
	bool live = !job->ended && take_all_live(v, job);
	snprintf(job->source, sizeof job->source, live ? "redis" : "ledger");
	return job->ended || live ? 0 : read_rows(v->ledger, count_stages, job->job_id, job, err);
}

static void add_stages(struct job_view *job)
{
	for (int i = 0; i < job->stage_count; i++) {
		struct stage_view *s = &job->stages[i];
		s->pending = s->total - s->success - s->failed - s->cancelled;
		if (job->ended)
			continue;
		job->success = s->success; /* the last one's stays */
		job->failed += s->failed;
		job->cancelled += s->cancelled;
	}
}

/* The stages may have been read a moment later than the job. */
static void derive(struct job_view *job)
{
	if (job->stage_count > 0 && job->stages[0].total > job->total)
		job->total = job->stages[0].total;
	job->processed = job->success + job->failed + job->cancelled;
	job->pending = job->total - job->processed;
	job->rate = job->seconds > 0 ? (double)job->processed / job->seconds : NAN;
}

int view_job(const struct viewer *v, const char *job_id, struct job_view *out,
	     struct weir_error *err)
{
	struct job_view job = {0};
	int found = read_row(v->ledger, job_id, &job, err);
	if (found != 1)
		return found;
	if (read_rows(v->ledger, read_stages, job_id, &job, err) < 0 || count(v, &job, err) < 0) {
		job_view_release(&job);
		return -1;
	}
	add_stages(&job);
	derive(&job);
	*out = job;
	return 1;
}

void job_view_release(struct job_view *job)
{
	free(job->stages);
	job->stages = NULL;
	job->stage_count = 0;
}

struct stage_view *view_current(const struct job_view *job)
{
	int i = 0;
	while (i + 1 < job->stage_count && *job->stages[i].completed_at)
		i++;
	return job->stage_count > 0 ? &job->stages[i] : NULL;
}

void print_stage_name(const struct stage_view *stage, struct buffer *b)
{
	print_plain(b, print_text(stage->kind));
	buffer_add_text(b, *stage->step ? "." : "");
	print_plain(b, print_text(stage->step));
}

void print_stage(const struct stage_view *stage, double average, struct buffer *b)
{
	buffer_printf(b, "stage %-4" PRId64 " ", stage->stage);
	print_stage_name(stage, b);
	buffer_printf(b,
		      " %s, %" PRId64 ": %" PRId64 " success, %" PRId64 " failed, %" PRId64
		      " cancelled, %" PRId64 " pending",
		      stage->status, stage->total, stage->success, stage->failed, stage->cancelled,
		      stage->pending);
	if (!isnan(average)) {
		buffer_add_text(b, ", avg ");
		print_real(b, average * 1000, 3);
		buffer_add_text(b, " ms");
	}
}

void print_reason(const char *head, const char *reason, struct buffer *b)
{
	if (!*reason)
		return;
	buffer_add_text(b, head);
	print_plain(b, print_text(reason));
	buffer_add_char(b, '\n');
}

/* ---- what belongs to it ---- */

int view_fleet(struct viewer *v, struct job_view *job, struct weir_error *err)
{
	struct fleet_of_job of;
	if (job->ended || strcmp(job->status, "paused") == 0)
		return 0;
	v->fleet.ledger = v->ledger; /* it may be another one by now */
	if (fleet_of_job(&v->fleet, job->job_id, &of, err) < 0)
		return -1;
	job->relays = of.relays;
	job->consumers = of.consumers;
	memcpy(job->obstacle, of.obstacle, sizeof job->obstacle);
	return 0;
}

int view_reason(struct ledger *l, const char *job_id, char out[VIEW_REASON_ROOM],
		struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	PGresult *r = NULL;
	params_string(&p, job_id);
	int rc = ledger_query(l, read_reason, &p, true, &r, err);
	params_release(&p);
	if (rc < 0)
		return -1;
	struct weir_text why = PQntuples(r) ? ledger_text(r, 0, 0) : (struct weir_text){"", 0};
	snprintf(out, VIEW_REASON_ROOM, "%.*s", (int)why.size, why.data ? why.data : "");
	PQclear(r);
	return 0;
}

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
