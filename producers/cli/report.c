#include "report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report_invoices.h"

#define LISTED_MOST 1000 /* error classes, models, model_keys */

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
	SUMMARY(FIELD_COUNT, "cancelled", cancelled),
	SUMMARY(FIELD_COUNT, "pending", pending),
	SUMMARY(FIELD_REAL, "total_duration", duration),
	SUMMARY(FIELD_REAL, "avg_processing_time", average),
	SUMMARY(FIELD_REAL, "p50", p50),
	SUMMARY(FIELD_REAL, "p95", p95),
	SUMMARY(FIELD_REAL, "p99", p99),
	SUMMARY(FIELD_REAL, "throughput", throughput),
	SUMMARY(FIELD_TEXT, "created_at", created_at),
	SUMMARY(FIELD_TEXT, "started_at", started_at),
	SUMMARY(FIELD_TEXT, "completed_at", completed_at),
	SUMMARY(FIELD_FLAG, "sealed", sealed),
	SUMMARY(FIELD_FLAG, "ended", ended),
	SUMMARY(FIELD_FLAG, "consistent", consistent),
	SUMMARY(FIELD_TEXT, "redis", redis),
	SUMMARY(FIELD_TEXT, "pause_reason", pause_reason),
	{.type = FIELD_END},
};

#define USAGE(TYPE, NAME) FIELD(TYPE, struct report_usage, #NAME, NAME)

const struct field report_usage_fields[] = {
	USAGE(FIELD_COUNT, calls),
	USAGE(FIELD_COUNT, input_tokens),
	USAGE(FIELD_COUNT, output_tokens),
	USAGE(FIELD_EXACT, cost),
	USAGE(FIELD_COUNT, cached_input_tokens),
	USAGE(FIELD_COUNT, cache_write_tokens),
	USAGE(FIELD_COUNT, cache_write_1h_tokens),
	USAGE(FIELD_COUNT, reasoning_tokens),
	USAGE(FIELD_COUNT, usage_unknown),
	USAGE(FIELD_COUNT, cost_unknown),
	{.type = FIELD_END},
};

static const struct field told_fields[] = {
	SUMMARY(FIELD_COUNT, "told_success", told_success),
	SUMMARY(FIELD_COUNT, "told_failed", told_failed),
	SUMMARY(FIELD_COUNT, "told_cancelled", told_cancelled),
	{.type = FIELD_END},
};

#define STAGE(TYPE, NAME, FIELD_NAME) FIELD(TYPE, struct report_stage, NAME, FIELD_NAME)

const struct field report_stage_fields[] = {
	STAGE(FIELD_REAL, "avg_processing_time", average),
	{.type = FIELD_END},
};

static const struct field compared_fields[] = {
	STAGE(FIELD_COUNT, "results", results),
	STAGE(FIELD_COUNT, "batch_items", batch_items),
	STAGE(FIELD_COUNT, "items", items),
	STAGE(FIELD_COUNT, "batch_success", batch_success),
	STAGE(FIELD_COUNT, "batch_failed", batch_failed),
	STAGE(FIELD_COUNT, "batch_cancelled", batch_cancelled),
	STAGE(FIELD_COUNT, "told_success", told_success),
	STAGE(FIELD_COUNT, "told_failed", told_failed),
	STAGE(FIELD_COUNT, "told_cancelled", told_cancelled),
	STAGE(FIELD_COUNT, "wrong_batches", wrong_batches),
	STAGE(FIELD_COUNT, "wrong_batch", wrong_batch),
	STAGE(FIELD_FLAG, "ended", ended),
	{.type = FIELD_END},
};

#define MODEL(TYPE, NAME, FIELD_NAME) FIELD(TYPE, struct report_model, NAME, FIELD_NAME)

const struct field report_model_fields[] = {
	MODEL(FIELD_COUNT, "count", count),
	MODEL(FIELD_COUNT, "success", success),
	MODEL(FIELD_COUNT, "failed", failed),
	MODEL(FIELD_REAL, "avg_processing_time", average),
	{.type = FIELD_END},
};

/* clang-format off */
static const char read_job[] =
	"SELECT j.job_id AS batch_id, j.job_id, j.kind, j.status,"
	" coalesce(j.total_items, (SELECT sum(size) FROM weir.job_batches"
	"  WHERE job_id = $1 AND stage = 1), 0)::int8 AS total_items,"
	" " SQL_TIME("j.created_at") " AS created_at,"
	" " SQL_TIME("j.started_at") " AS started_at,"
	" " SQL_TIME("j.completed_at") " AS completed_at,"
	" extract(epoch FROM greatest(coalesce(j.completed_at, now()), j.started_at)"
	"  - j.started_at)::float8 AS total_duration,"
	" j.sealed_at IS NOT NULL AS sealed, j.completed_at IS NOT NULL AS ended,"
	" j.success_count AS told_success, j.failure_count AS told_failed,"
	" j.cancelled_count AS told_cancelled, j.pause_reason"
	" FROM weir.jobs j WHERE j.job_id = $1";
/* clang-format on */

/* Batch by batch, so that two errors that cancel out in the sum are found as well. A stage that
 * only rows speak of is listed too, without a kind. */
/* clang-format off */
static const char read_stages[] =
	"WITH j AS (SELECT * FROM weir.jobs WHERE job_id = $1),"
	" r AS (SELECT stage, ordinal / (SELECT batch_size FROM j) AS n, count(*) AS results,"
	"   count(*) FILTER (WHERE status = 1) AS success,"
	"   count(*) FILTER (WHERE status = 2) AS failed,"
	"   count(*) FILTER (WHERE status = 3) AS cancelled,"
	"   sum(processing_ms::float8) FILTER (WHERE status IN (1, 2)) AS ms,"
	"   count(processing_ms) FILTER (WHERE status IN (1, 2)) AS timed"
	"  FROM weir.results WHERE job_id = $1 GROUP BY 1, 2),"
	" i AS (SELECT stage, ordinal / (SELECT batch_size FROM j) AS n, count(*) AS items"
	"  FROM weir.items WHERE job_id = $1 GROUP BY 1, 2),"
	" b AS (SELECT stage, n, size, success AS bs, failed AS bf, cancelled AS bc"
	"  FROM weir.job_batches WHERE job_id = $1),"
	" x AS (SELECT *, (coalesce(size, 0), coalesce(bs, 0), coalesce(bf, 0), coalesce(bc, 0))"
	"    <> (coalesce(items, 0), coalesce(success, 0), coalesce(failed, 0),"
	"     coalesce(cancelled, 0)) OR coalesce(results, 0) > coalesce(items, 0) AS wrong"
	"  FROM b FULL JOIN i USING (stage, n) FULL JOIN r USING (stage, n)),"
	" m AS (SELECT stage, sum(results)::int8 AS results, sum(success)::int8 AS success,"
	"   sum(failed)::int8 AS failed, sum(cancelled)::int8 AS cancelled,"
	"   sum(ms) / nullif(sum(timed), 0)::float8 / 1000 AS average,"
	"   sum(items)::int8 AS items, sum(size)::int8 AS batch_items, sum(bs)::int8 AS bs,"
	"   sum(bf)::int8 AS bf, sum(bc)::int8 AS bc, count(*) FILTER (WHERE wrong) AS wrongs,"
	"   min(n) FILTER (WHERE wrong)::int8 AS first_wrong"
	"  FROM x GROUP BY stage),"
	" u AS (SELECT stage, " SQL_USAGE_SUMS("") " FROM " SQL_USAGE_OF_ITEMS " GROUP BY stage)"
	" SELECT coalesce(s.stage, m.stage)::int8 AS stage, s.kind, s.step,"
	" CASE WHEN s.completed_at IS NOT NULL THEN 'completed'"
	"  WHEN m.batch_items IS NULL THEN 'pending' ELSE 'running' END AS status,"
	" CASE WHEN s.stage = 1 THEN coalesce(j.total_items, m.batch_items, 0)"
	"  ELSE coalesce(s.total_items, 0) END AS total,"
	" m.success, m.failed, m.cancelled, m.average AS avg_processing_time, m.results,"
	" m.batch_items, m.items, m.bs AS batch_success, m.bf AS batch_failed,"
	" m.bc AS batch_cancelled, m.wrongs AS wrong_batches, m.first_wrong AS wrong_batch,"
	" " SQL_TIME("coalesce(s.started_at, CASE s.stage WHEN 1 THEN j.started_at END)")
	"  AS started_at,"
	" " SQL_TIME("s.completed_at") " AS completed_at,"
	" s.completed_at IS NOT NULL AS ended, s.success_count AS told_success,"
	" s.failure_count AS told_failed, s.cancelled_count AS told_cancelled, " SQL_USAGE("")
	" FROM (SELECT * FROM weir.job_stages WHERE job_id = $1) s FULL JOIN m USING (stage)"
	" LEFT JOIN u USING (stage) CROSS JOIN j ORDER BY 1";
/* clang-format on */

static const char read_times[] =
	"SELECT avg_ms / 1000 AS avg_processing_time, p[1] / 1000 AS p50, p[2] / 1000 AS p95,"
	" p[3] / 1000 AS p99"
	" FROM (SELECT avg(processing_ms::float8) AS avg_ms, percentile_disc("
	"   ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY processing_ms::float8) AS p"
	"  FROM weir.results WHERE job_id = $1 AND status IN (1, 2)) r";

static const char count_attempts[] =
	"SELECT attempts::int8, count(*) FROM weir.results"
	" WHERE job_id = $1 AND status IN (1, 2) GROUP BY 1 ORDER BY 1";

static const char read_usage[] = "SELECT " SQL_USAGE("sum") " FROM " SQL_USAGE_OF_ITEMS;

/* Few items have a context of their own; all others are counted by stage first. */
/* clang-format off */
static const char count_models[] =
	"WITH c AS (SELECT r.stage, i.model, i.key, r.status, count(*) AS n,"
	"   sum(r.processing_ms::float8) AS ms, count(r.processing_ms) AS timed,"
	"   " SQL_USAGE_SUMS("a.")
	"  FROM weir.results r LEFT JOIN (SELECT stage, ordinal, context ->> 'ai_model' AS model,"
	"    context ->> 'model_key' AS key FROM weir.items"
	"    WHERE job_id = $1 AND context IS NOT NULL) i USING (stage, ordinal)"
	"  LEFT JOIN " SQL_USAGE_OF_ITEMS " USING (stage, ordinal)"
	"  WHERE r.job_id = $1 AND r.status IN (1, 2) GROUP BY 1, 2, 3, 4),"
	" e AS (SELECT coalesce(c.model, s.context ->> 'ai_model') AS model,"
	"   coalesce(c.key, s.context ->> 'model_key') AS key, c.status, c.n, c.ms, c.timed,"
	"   " SQL_USAGE_NAMES("c.")
	"  FROM c LEFT JOIN (SELECT * FROM weir.job_stages WHERE job_id = $1) s USING (stage)),"
	" g AS (SELECT grouping(model) = 1 AS by_key,"
	"   CASE grouping(model) WHEN 1 THEN key ELSE model END AS name, sum(n)::int8 AS count,"
	"   coalesce(sum(n) FILTER (WHERE status = 1), 0)::int8 AS success,"
	"   coalesce(sum(n) FILTER (WHERE status = 2), 0)::int8 AS failed,"
	"   sum(ms) / nullif(sum(timed), 0)::float8 / 1000 AS avg_processing_time, " SQL_USAGE("sum") ","
	"   row_number() OVER (PARTITION BY grouping(model) ORDER BY sum(n) DESC) AS place"
	"  FROM e GROUP BY GROUPING SETS (model, key))"
	" SELECT by_key, name, count, success, failed, avg_processing_time, " SQL_USAGE_NAMES("")
	" FROM g"
	" WHERE place <= $2 ORDER BY count DESC, name";
/* clang-format on */

/* What a batch that does not add up lacks: its numbers, and the items that are only half there. */
static const char tell_batch[] =
	"WITH b AS (SELECT coalesce(k.size, 0) AS size, coalesce(k.success, 0) AS success,"
	"   coalesce(k.failed, 0) AS failed, coalesce(k.cancelled, 0) AS cancelled,"
	"   $3 * j.batch_size AS low, ($3 + 1) * j.batch_size AS high"
	"  FROM weir.jobs j LEFT JOIN weir.job_batches k ON k.job_id = j.job_id"
	"   AND k.stage = $2 AND k.n = $3 WHERE j.job_id = $1),"
	" i AS (SELECT ordinal, custom_id FROM weir.items, b"
	"  WHERE job_id = $1 AND stage = $2 AND ordinal >= low AND ordinal < high),"
	" r AS (SELECT ordinal, status FROM weir.results, b"
	"  WHERE job_id = $1 AND stage = $2 AND ordinal >= low AND ordinal < high),"
	" c AS (SELECT count(*) FILTER (WHERE status = 1) AS success,"
	"   count(*) FILTER (WHERE status = 2) AS failed,"
	"   count(*) FILTER (WHERE status = 3) AS cancelled FROM r),"
	" no_item AS (SELECT ordinal::text AS name FROM r"
	"  WHERE ordinal NOT IN (SELECT ordinal FROM i) ORDER BY ordinal LIMIT 3),"
	" no_result AS (SELECT custom_id AS name FROM i, b"
	"  WHERE b.success + b.failed + b.cancelled >= b.size"
	"   AND ordinal NOT IN (SELECT ordinal FROM r) ORDER BY ordinal LIMIT 3)"
	" SELECT format('batch %s has %s items, and %s rows of items; it counts %s/%s/%s"
	" (success/failed/cancelled), and its results are %s/%s/%s',"
	"   weir.batch_id($1, $2, $3), b.size, (SELECT count(*) FROM i), b.success,"
	"   b.failed, b.cancelled, c.success, c.failed, c.cancelled)"
	"  || coalesce('; no result of ' ||"
	"   (SELECT string_agg(name, ', ') FROM no_result), '')"
	"  || coalesce('; no item has ordinal ' ||"
	"   (SELECT string_agg(name, ', ') FROM no_item), '')"
	" FROM b, c";

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
		fields_read(told_fields, rows, 0, s);
		fields_read(report_usage_fields, rows, 0, &s->usage);
	}
	PQclear(rows);
	return found;
}

static int read_all_stages(struct ledger *l, const char *job_id, struct report *r,
			   struct weir_error *err)
{
	PGresult *rows = NULL;
	if (view_query(l, read_stages, job_id, &rows, err) < 0)
		return -1;
	int n = PQntuples(rows);
	r->stages = calloc((size_t)n + 1, sizeof *r->stages);
	for (int i = 0; r->stages && i < n; i++) {
		struct report_stage *s = &r->stages[r->stage_count++];
		fields_read(stage_view_fields, rows, i, &s->view);
		fields_read(report_stage_fields, rows, i, s);
		fields_read(report_usage_fields, rows, i, &s->usage);
		fields_read(compared_fields, rows, i, s);
	}
	PQclear(rows);
	return r->stages ? 0 : weir_fail_memory(err);
}

/* Which batches of the stage, and what is missing in the first. */
static int tell_stage(struct ledger *l, const char *job_id, const struct report_stage *s,
		      struct buffer *out, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	PGresult *rows = NULL;
	params_string(&p, job_id);
	params_int(&p, (int32_t)s->view.stage);
	params_int(&p, (int32_t)s->wrong_batch);
	int rc = ledger_query(l, tell_batch, &p, true, &rows, err);
	params_release(&p);
	if (rc < 0)
		return -1;
	struct weir_text text = ledger_text(rows, 0, 0);
	buffer_add_text(out, out->size ? "; " : "");
	if (s->wrong_batches > 1)
		buffer_printf(out, "%" PRId64 " batches, the first: ", s->wrong_batches);
	buffer_add(out, text.data, text.size);
	PQclear(rows);
	return 0;
}

static int tell_stages(struct ledger *l, struct report *r, struct weir_error *err)
{
	int rc = 0;
	for (int i = 0; i < r->stage_count && rc == 0; i++)
		if (r->stages[i].wrong_batches > 0)
			rc = tell_stage(l, r->summary.job_id, &r->stages[i], &r->differences, err);
	return rc;
}

static int read_models(struct ledger *l, const char *job_id, PGresult **out, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	params_string(&p, job_id);
	params_big(&p, LISTED_MOST);
	int rc = ledger_query(l, count_models, &p, true, out, err);
	params_release(&p);
	return rc;
}

void report_read_model(const struct report *r, int row, struct report_model *out)
{
	*out = (struct report_model){.average = NAN};
	fields_read(report_model_fields, r->models, row, out);
	fields_read(report_usage_fields, r->models, row, &out->usage);
}

static int read_all(struct ledger *l, const char *job_id, struct report *r, struct weir_error *err)
{
	struct report_summary *s = &r->summary;
	int found = read_summary(l, read_job, job_id, s, err);
	if (found == 0)
		return view_no_job(job_id, err);
	if (found < 0 || view_check_kept(l, job_id, err) < 0 ||
	    read_summary(l, read_times, job_id, s, err) < 0 ||
	    read_summary(l, read_usage, job_id, s, err) < 0 ||
	    read_all_stages(l, job_id, r, err) < 0 ||
	    view_batches(l, job_id, &r->batches, err) < 0 ||
	    view_query(l, count_attempts, job_id, &r->attempts, err) < 0 ||
	    read_models(l, job_id, &r->models, err) < 0 ||
	    view_classes(l, job_id, LISTED_MOST, &r->classes, err) < 0 ||
	    report_invoices_read(l, r, &r->invoices, err) < 0 || tell_stages(l, r, err) < 0)
		return -1;
	snprintf(s->redis, sizeof s->redis, "away");
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
	PQclear(r->models);
	PQclear(r->invoices);
	free(r->stages);
	buffer_release(&r->differences);
}

/* ---- checking ---- */

/* Two numbers that must be the same. */
/* left NULL ends a list of them. */
struct equation {
	bool applies;
	const char *left, *right;
	int64_t a, b;
};

/* of: "" or "stage 2: " */
static void check(const struct equation *e, const char *of, struct buffer *differences)
{
	for (; e->left; e++)
		if (e->applies && e->a != e->b)
			buffer_printf(differences, "%s%s%s is %" PRId64 ", but %s is %" PRId64,
				      differences->size > 0 ? "; " : "", of, e->left, e->a,
				      e->right, e->b);
}

static void check_stage(const struct report_stage *s, const char *of, struct buffer *differences)
{
	const struct stage_view *v = &s->view;
	int64_t final = v->success + v->failed + v->cancelled;
	const struct equation equations[] = {
		{true, "total_items", "the sum of the batches", v->total, s->batch_items},
		{true, "total_items", "the number of item rows", v->total, s->items},
		{true, "success + failed + cancelled", "the number of result rows", final,
		 s->results},
		{true, "the batches' success", "that of the results", s->batch_success, v->success},
		{true, "the batches' failed", "that of the results", s->batch_failed, v->failed},
		{true, "the batches' cancelled", "that of the results", s->batch_cancelled,
		 v->cancelled},
		{v->pending < 0 || s->ended, "total_items", "success + failed + cancelled",
		 v->total, final},
		{s->ended, "the stage's success_count", "that of its results", s->told_success,
		 v->success},
		{s->ended, "the stage's failure_count", "that of its results", s->told_failed,
		 v->failed},
		{s->ended, "the stage's cancelled_count", "that of its results", s->told_cancelled,
		 v->cancelled},
		{.left = NULL},
	};
	check(equations, of, differences);
	if (!*v->kind)
		buffer_printf(differences, "%sstage %" PRId64 " has rows, but is none of the job's",
			      differences->size > 0 ? "; " : "", v->stage);
}

/* Every success goes on, unless the job was cancelled before. How many did not. */
static int64_t check_passage(const struct report *r, int i, struct buffer *differences)
{
	const struct report_stage *from = &r->stages[i], *to = from + 1;
	bool cancelled = strcmp(r->summary.status, "cancelled") == 0;
	int64_t left = from->view.success - to->view.total;
	if (left < 0 || (left > 0 && from->ended && !cancelled))
		buffer_printf(differences,
			      "%sstage %" PRId64 " has %" PRId64 " successes, but stage %" PRId64
			      " has %" PRId64 " items",
			      differences->size > 0 ? "; " : "", from->view.stage,
			      from->view.success, to->view.stage, to->view.total);
	return left;
}

static void check_stages(struct report *r)
{
	struct report_summary *s = &r->summary;
	s->success = s->failed = s->cancelled = 0;
	for (int i = 0; i < r->stage_count; i++) {
		struct stage_view *v = &r->stages[i].view;
		char of[32] = "";
		v->pending = v->total - v->success - v->failed - v->cancelled;
		if (r->stage_count > 1)
			snprintf(of, sizeof of, "stage %" PRId64 ": ", v->stage);
		check_stage(&r->stages[i], of, &r->differences);
		s->success = v->success; /* the last one's stays */
		s->failed += v->failed;
		s->cancelled += v->cancelled;
		if (i + 1 < r->stage_count) {
			int64_t left = check_passage(r, i, &r->differences);
			s->cancelled += s->ended && left > 0 ? left : 0;
		}
	}
}

void report_check(struct report *r)
{
	struct report_summary *s = &r->summary;
	check_stages(r);
	s->processed = s->success + s->failed + s->cancelled;
	s->pending = s->total - s->processed;
	s->throughput = s->duration > 0 ? (double)s->processed / s->duration : NAN;
	const struct equation equations[] = {
		{s->ended && r->stage_count > 1, "total_items", "success + failed + cancelled",
		 s->total, s->processed},
		{s->ended, "the job's success_count", "that of its results", s->told_success,
		 s->success},
		{s->ended, "the job's failure_count", "that of its results", s->told_failed,
		 s->failed},
		{s->ended, "the job's cancelled_count", "that of its results", s->told_cancelled,
		 s->cancelled},
		{.left = NULL},
	};
	check(equations, "", &r->differences);
	s->consistent = r->differences.size == 0;
}

/* ---- Redis ---- */

static bool same(const struct progress_counts *told, const struct report_stage *s, bool sealed)
{
	return told->total == (sealed ? s->view.total : 0) && told->success == s->view.success &&
	       told->failed == s->view.failed && told->cancelled == s->view.cancelled;
}

/* A word that stands further behind is said of the job, whatever its other stages are. */
enum likeness { EQUAL, EXPIRED, DIFFERENT, AWAY };

static enum likeness compare(struct progress *p, const char *tag, const struct report_stage *s,
			     bool sealed)
{
	struct progress_counts told;
	struct weir_error ignored;
	bool known;
	if (!p || progress_read(p, tag, (uint32_t)s->view.stage, &known, &told, &ignored) < 0)
		return AWAY;
	if (!known)
		return s->view.stage > 1 && s->view.total == 0 ? EQUAL : EXPIRED;
	return same(&told, s, sealed || s->view.stage > 1) ? EQUAL : DIFFERENT;
}

void report_compare(const struct viewer *v, struct report *r)
{
	static const char *const words[] = {"equal", "expired", "different", "away"};
	enum likeness worst = r->stage_count > 0 ? EQUAL : EXPIRED;
	struct weir_error ignored;
	char tag[PROGRESS_JOB_MAX];
	bool named = view_tag(v->ledger, r->summary.job_id, tag, &ignored) == 0;
	for (int i = 0; i < r->stage_count; i++) {
		enum likeness found =
			compare(named ? v->progress : NULL, tag, &r->stages[i], r->summary.sealed);
		worst = found > worst ? found : worst;
	}
	snprintf(r->summary.redis, sizeof r->summary.redis, "%s", words[worst]);
}
