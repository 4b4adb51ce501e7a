#include "definition.h"

#include <stdlib.h>
#include <string.h>

#include "weir/failpoint.h"

/* One row: it was made, or taken over. */
static const char make_job[] =
	"INSERT INTO weir.jobs AS j (job_id, kind, context, batch_size, config, " POLICY_COLUMNS ")"
	" VALUES ($1, $2, $3::text::json, $4, json_build_object('mode', $5::text),"
	"  $6, $7, $8, $9, nullif($10::int4, 0))"
	" ON CONFLICT (job_id) DO UPDATE SET (kind, context, batch_size, config, " POLICY_COLUMNS
	")"
	"  = ROW (excluded.kind, excluded.context, excluded.batch_size, excluded.config,"
	"   excluded.max_attempts, excluded.backoff_ms, excluded.backoff_factor,"
	"   excluded.backoff_cap_ms, excluded.max_concurrent)"
	" WHERE j.sealed_at IS NULL AND NOT EXISTS"
	"  (SELECT FROM weir.job_batches b WHERE b.job_id = j.job_id)";

static const char drop_stages[] = "DELETE FROM weir.job_stages WHERE job_id = $1";

static const char make_stages[] = "INSERT INTO weir.job_stages (job_id, stage, kind, step, context)"
				  " SELECT $1, pos, kind, step, context::json"
				  " FROM unnest($2::text[], $3::text[], $4::text[])"
				  "  WITH ORDINALITY AS u(kind, step, context, pos)";

static const char read_job[] =
	"SELECT status, sealed_at IS NOT NULL,"
	" (SELECT count(*) FROM weir.job_batches b WHERE b.job_id = j.job_id AND b.stage = 1),"
	" batch_size, " POLICY_COLUMNS " FROM weir.jobs j WHERE job_id = $1";

static const char read_stages[] = "SELECT kind, step, context::text FROM weir.job_stages"
				  " WHERE job_id = $1 ORDER BY stage";

enum { COL_STATUS, COL_SEALED, COL_BATCHES, COL_BATCH_SIZE, COL_POLICY };

/* ---- making ---- */

static int insert_job(const struct definition *d, struct ledger *l, struct params *p, int64_t *rows,
		      struct weir_error *err)
{
	params_reset(p);
	params_string(p, d->job_id);
	params_string(p, d->stages->list[0].kind);
	params_string(p, d->context);
	params_int(p, d->batch_size);
	params_string(p, d->policy.mode);
	policy_params(&d->policy, p);
	return ledger_do(l, make_job, p, rows, err);
}

static int insert_stages(const struct definition *d, struct ledger *l, struct params *p,
			 struct weir_error *err)
{
	params_reset(p);
	params_string(p, d->job_id);
	if (ledger_do(l, drop_stages, p, NULL, err) < 0)
		return -1;
	stages_params(d->stages, p);
	return ledger_do(l, make_stages, p, NULL, err);
}

int definition_make(const struct definition *d, struct ledger *l, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	int64_t rows = 0;
	int rc = insert_job(d, l, &p, &rows, err);
	failpoint("job_made");
	if (rc == 0 && rows == 0)
		rc = weir_fail(err, "conflict", "the job %s was made by somebody else meanwhile",
			       d->job_id);
	if (rc == 0)
		rc = insert_stages(d, l, &p, err);
	failpoint("stages_made");
	params_release(&p);
	return rc;
}

/* ---- comparing ---- */

static int query(struct ledger *l, const char *sql, struct params *p, const char *job_id,
		 PGresult **out, struct weir_error *err)
{
	params_reset(p);
	params_string(p, job_id);
	return ledger_query(l, sql, p, true, out, err);
}

static int fail_different(const struct definition *d, struct buffer *what, struct weir_error *err)
{
	const char *text = buffer_text(what);
	if (!text)
		return weir_fail_memory(err);
	return weir_fail(err, "conflict",
			 "the job %s exists with %.330s: submit it like that, or use another --job",
			 d->job_id, text + 2);
}

static int compare(const struct definition *d, const PGresult *job, const PGresult *stages,
		   struct weir_error *err)
{
	struct buffer what = BUFFER_INIT;
	int rc = 0;
	stages_differences(d->stages, stages, &what);
	if (ledger_int(job, 0, COL_BATCH_SIZE) != d->batch_size)
		buffer_printf(&what, ", --batch-size %d", ledger_int(job, 0, COL_BATCH_SIZE));
	policy_differences(&d->policy, job, COL_POLICY, &what);
	if (what.size > 0 || buffer_failed(&what))
		rc = fail_different(d, &what, err);
	buffer_release(&what);
	return rc;
}

static int find(const struct definition *d, struct ledger *l, struct params *p,
		struct definition_found *found, struct weir_error *err)
{
	PGresult *job = NULL, *stages = NULL;
	int rc = -1;
	if (query(l, read_job, p, d->job_id, &job, err) < 0 ||
	    query(l, read_stages, p, d->job_id, &stages, err) < 0)
		goto out;
	found->is_new = PQntuples(job) == 0 ||
			(!ledger_bool(job, 0, COL_SEALED) && ledger_big(job, 0, COL_BATCHES) == 0);
	if (found->is_new)
		rc = 0;
	else if (strcmp(PQgetvalue(job, 0, COL_STATUS), "cancelled") == 0)
		weir_fail(err, "cancelled", "the job %s was cancelled: use another --job",
			  d->job_id);
	else
		rc = compare(d, job, stages, err);
	if (rc == 0 && !found->is_new)
		*found = (struct definition_found){.sealed = ledger_bool(job, 0, COL_SEALED),
						   .batches = ledger_big(job, 0, COL_BATCHES)};
out:
	PQclear(job);
	PQclear(stages);
	return rc;
}

int definition_find(const struct definition *d, struct ledger *l, struct definition_found *found,
		    struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	*found = (struct definition_found){0};
	int rc = find(d, l, &p, found, err);
	params_release(&p);
	return rc;
}
