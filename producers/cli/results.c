#include "results.h"

#include <stdio.h>
#include <string.h>

#include "report.h"
#include "weir/message.h"

enum { SUCCESS = 1, FAILED, CANCELLED }; /* weir.results.status */

static const char read_job[] =
	"SELECT j.status, j.completed_at IS NOT NULL, coalesce(j.failure_count, 0),"
	" (SELECT max(stage)::int4 FROM weir.job_stages s WHERE s.job_id = j.job_id),"
	" j.batch_size, coalesce((SELECT b.n * j.batch_size + b.size FROM weir.job_batches b"
	"  WHERE b.job_id = j.job_id AND b.stage = 1 ORDER BY b.n DESC LIMIT 1), 0),"
	" j.context::text FROM weir.jobs j WHERE j.job_id = $1";

/* The stage in which an item's way has ended; in a job that has ended, it has. */
static const char ended_in_range[] =
	"SELECT i.ordinal FROM weir.items i"
	" LEFT JOIN LATERAL (SELECT r.status FROM weir.items k"
	"  JOIN weir.results r USING (job_id, stage, ordinal)"
	"  WHERE k.custom_id = i.custom_id AND k.job_id = $1 AND (r.status <> 1 OR k.stage = $4)"
	"  LIMIT 1) e ON true"
	" WHERE i.job_id = $1 AND i.stage = 1 AND i.ordinal >= $2 AND i.ordinal < $3"
	" AND (e.status IS NOT NULL OR $5) AND (e.status = 2 OR NOT $6)"
	" ORDER BY i.ordinal";

/* Each of the three is looked up by its key, in this order: OFFSET 0 keeps the planner from
 * another, which it would take for as good. */
static const char ended_in_batch[] =
	"SELECT f.ordinal FROM (SELECT ordinal FROM weir.results WHERE job_id = $1 AND stage = $2"
	"  AND ordinal >= $3 AND ordinal < $4 AND (status <> 1 OR stage = $5)"
	"  AND (status = 2 OR NOT $6) OFFSET 0) r"
	" CROSS JOIN LATERAL (SELECT custom_id FROM weir.items"
	"  WHERE job_id = $1 AND stage = $2 AND ordinal = r.ordinal OFFSET 0) k"
	" CROSS JOIN LATERAL (SELECT ordinal FROM weir.items"
	"  WHERE custom_id = k.custom_id AND job_id = $1 AND stage = 1 OFFSET 0) f";

/* Columns of the next statement. */
enum {
	COL_ORDINAL,
	COL_ID,
	COL_STATUS,
	COL_STAGE,
	COL_INPUT,
	COL_CONTEXT,
	COL_RESULTS,
	COL_CLASS,
	COL_ERROR,
	COL_ATTEMPTS,
	COL_FINISHED,
	COL_NATURAL
};

/* Of an item's stages up to now: what each made of it, how the last one ended, what all cost. */
/* clang-format off */
static const char read_items[] =
	"SELECT i.ordinal, i.custom_id, w.status, w.stage, i.payload::text, i.context::text,"
	" w.results, w.error_class, w.error, w.attempts, " SQL_TIME("w.finished_at") ","
	" i.natural_id, " SQL_USAGE("")
	" FROM unnest($2::int4[]) AS o(ordinal)"
	" CROSS JOIN LATERAL (SELECT * FROM weir.items"
	"  WHERE job_id = $1 AND stage = 1 AND ordinal = o.ordinal OFFSET 0) i"
	" CROSS JOIN LATERAL (SELECT"
	"  (array_agg(r.status ORDER BY s.stage DESC))[1]::int4 AS status,"
	"  max(s.stage)::int4 AS stage,"
	"  string_agg(to_json(coalesce(s.step, s.kind))::text || ':' ||"
	"   coalesce(r.result::text, 'null'), ',' ORDER BY s.stage)"
	"   FILTER (WHERE r.status = 1 OR r.result IS NOT NULL) AS results,"
	"  " SQL_USAGE_SUMS("a.") ","
	"  (array_agg(r.error_class ORDER BY s.stage DESC))[1] AS error_class,"
	"  (array_agg(r.error ORDER BY s.stage DESC))[1] AS error,"
	"  sum(r.attempts)::int8 AS attempts, max(r.finished_at) AS finished_at"
	"  FROM weir.job_stages s"
	"  JOIN weir.items k ON k.custom_id = i.custom_id AND k.job_id = $1 AND k.stage = s.stage"
	"  JOIN weir.results r ON r.job_id = $1 AND r.stage = k.stage AND r.ordinal = k.ordinal"
	"  CROSS JOIN LATERAL (SELECT " SQL_USAGE_FIRST " FROM weir.answers"
	"   WHERE job_id = $1 AND stage = k.stage AND ordinal = k.ordinal) a"
	"  WHERE s.job_id = $1) w";
/* clang-format on */

/* ---- the job ---- */

int results_job_read(struct ledger *l, const char *job_id, struct results_job *job,
		     struct weir_error *err)
{
	PGresult *r = NULL;
	if (view_check_kept(l, job_id, err) < 0 || view_query(l, read_job, job_id, &r, err) < 0)
		return -1;
	if (PQntuples(r) == 0) {
		PQclear(r);
		return view_no_job(job_id, err);
	}
	struct weir_text context = ledger_text(r, 0, 6);
	if (job_id != job->job_id)
		snprintf(job->job_id, sizeof job->job_id, "%s", job_id);
	snprintf(job->status, sizeof job->status, "%s", PQgetvalue(r, 0, 0));
	job->ended = ledger_bool(r, 0, 1);
	job->failed = ledger_big(r, 0, 2);
	job->stages = ledger_int(r, 0, 3);
	job->batch_size = ledger_int(r, 0, 4);
	job->ordinals = ledger_int(r, 0, 5);
	buffer_reset(&job->context);
	buffer_add(&job->context, context.data, context.size);
	PQclear(r);
	return buffer_failed(&job->context) ? weir_fail_memory(err) : 0;
}

void results_job_release(struct results_job *job) { buffer_release(&job->context); }

/* ---- which have ended ---- */

static int tell(const PGresult *r, const struct results_filter *filter, struct weir_error *err)
{
	for (int i = 0; i < PQntuples(r); i++)
		if (filter->found(filter->ctx, ledger_int(r, i, 0), err) < 0)
			return -1;
	return 0;
}

static int ask(struct ledger *l, const char *sql, const struct params *p,
	       const struct results_filter *filter, struct weir_error *err)
{
	PGresult *r = NULL;
	if (ledger_query(l, sql, p, true, &r, err) < 0)
		return -1;
	int rc = tell(r, filter, err);
	PQclear(r);
	return rc;
}

int results_in_range(struct ledger *l, const struct results_job *job, int32_t from,
		     const struct results_filter *filter, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	params_string(&p, job->job_id);
	params_int(&p, from);
	params_int(&p, from + RESULTS_RANGE);
	params_int(&p, job->stages);
	params_bool(&p, job->ended);
	params_bool(&p, filter->failed);
	int rc = ask(l, ended_in_range, &p, filter, err);
	params_release(&p);
	return rc;
}

int results_in_batch(struct ledger *l, const struct results_job *job, int32_t stage, int32_t n,
		     const struct results_filter *filter, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	params_string(&p, job->job_id);
	params_int(&p, stage);
	params_int(&p, n * job->batch_size);
	params_int(&p, (n + 1) * job->batch_size);
	params_int(&p, job->stages);
	params_bool(&p, filter->failed);
	int rc = ask(l, ended_in_batch, &p, filter, err);
	params_release(&p);
	return rc;
}

/* ---- a line ---- */

/* What the item's way has ended with; NULL: it has not. What succeeded in a stage of a cancelled
 * job and was not taken to the next one was cancelled. */
static const char *status_of(const struct results_job *job, const PGresult *r, int row)
{
	int32_t status = ledger_int(r, row, COL_STATUS);
	if (status == FAILED)
		return "failed";
	if (status == SUCCESS && ledger_int(r, row, COL_STAGE) == job->stages)
		return "success";
	return status == CANCELLED || job->ended ? "cancelled" : NULL;
}

/* A line has one end: JSON that somebody else has written may have others, between its values. */
static void join_lines(struct buffer *out, size_t at)
{
	for (; at < out->size; at++)
		if (out->data[at] == '\n' || out->data[at] == '\r')
			out->data[at] = ' ';
}

static void add_document(struct buffer *out, const char *name, struct weir_text json)
{
	size_t at = out->size;
	json_raw(out, name, json);
	join_lines(out, at);
}

static int add_context(struct buffer *out, const struct results_job *job, struct weir_text own,
		       struct weir_error *err)
{
	struct buffer merged = BUFFER_INIT;
	struct weir_text context = {job->context.data, job->context.size};
	int rc = own.data ? message_overlay(&merged, context, own, err) : 0;
	if (rc == 0)
		add_document(out, "context",
			     own.data ? (struct weir_text){merged.data, merged.size} : context);
	buffer_release(&merged);
	return rc;
}

static void add_results(struct buffer *out, struct weir_text results)
{
	size_t at = out->size;
	json_key(out, "results");
	buffer_add_char(out, '{');
	buffer_add(out, results.data, results.size);
	buffer_add_text(out, "},");
	join_lines(out, at);
}

static void add_usage(struct buffer *out, const PGresult *r, int row)
{
	struct report_usage usage;
	fields_read(report_usage_fields, r, row, &usage);
	json_key(out, "usage");
	buffer_add_char(out, '{');
	fields_json(report_usage_fields, &usage, out);
	json_close(out, '}');
}

static int add_line(struct buffer *out, const struct results_job *job, const PGresult *r, int row,
		    const char *status, struct weir_error *err)
{
	bool failed = strcmp(status, "success") != 0;
	buffer_add_char(out, '{');
	json_text(out, "custom_id", ledger_text(r, row, COL_ID));
	if (ledger_text(r, row, COL_NATURAL).data)
		json_text(out, "natural_id", ledger_text(r, row, COL_NATURAL));
	json_text(out, "status", print_text(status));
	add_document(out, "input", ledger_text(r, row, COL_INPUT));
	if (add_context(out, job, ledger_text(r, row, COL_CONTEXT), err) < 0)
		return -1;
	add_results(out, ledger_text(r, row, COL_RESULTS));
	add_usage(out, r, row);
	json_text(out, "error_class", failed ? ledger_text(r, row, COL_CLASS) : print_text(""));
	json_text(out, "error", failed ? ledger_text(r, row, COL_ERROR) : print_text(""));
	json_count(out, "attempts", ledger_big(r, row, COL_ATTEMPTS));
	json_text(out, "finished_at", ledger_text(r, row, COL_FINISHED));
	json_end(out, '}');
	return 0;
}

/* -1: it is not there any more. */
static int row_of(const PGresult *r, int32_t ordinal)
{
	int row = PQntuples(r) - 1;
	while (row >= 0 && ledger_int(r, row, COL_ORDINAL) != ordinal)
		row--;
	return row;
}

static int add_lines(struct buffer *out, const struct results_job *job, const PGresult *r,
		     const int32_t *ordinals, size_t count, bool *shown, struct weir_error *err)
{
	for (size_t i = 0; i < count; i++) {
		int row = row_of(r, ordinals[i]);
		const char *status = row < 0 ? NULL : status_of(job, r, row);
		if (status && add_line(out, job, r, row, status, err) < 0)
			return -1;
		shown[i] = status != NULL;
	}
	return buffer_failed(out) ? weir_fail_memory(err) : 0;
}

int results_lines(struct ledger *l, const struct results_job *job, const int32_t *ordinals,
		  size_t count, struct buffer *out, bool shown[RESULTS_LINES],
		  struct weir_error *err)
{
	PGresult *r = NULL;
	struct params p = PARAMS_INIT;
	params_string(&p, job->job_id);
	params_array(&p, TYPE_INT4, count);
	for (size_t i = 0; i < count; i++)
		params_add_int(&p, ordinals[i]);
	params_array_end(&p);
	int rc = ledger_query(l, read_items, &p, true, &r, err);
	params_release(&p);
	if (rc == 0)
		rc = add_lines(out, job, r, ordinals, count, shown, err);
	PQclear(r);
	return rc;
}
