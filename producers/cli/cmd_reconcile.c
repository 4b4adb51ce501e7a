#include <stdio.h>
#include <string.h>

#include "control.h"
#include "tally.h"
#include "view.h"

#define REDIS_MS 5000

/* Those that are at work, those whose last count nobody has checked, and those whose counters may
 * not have expired yet. */
static const char all_jobs[] =
	"SELECT job_id, completed_at IS NOT NULL, NOT counted FROM weir.jobs"
	" WHERE $1::text IS NULL AND (completed_at IS NULL OR NOT counted"
	"  OR completed_at > now() - $2::int8 * interval '1 s')"
	" UNION ALL SELECT job_id, completed_at IS NOT NULL, true FROM weir.jobs WHERE job_id = $1"
	" ORDER BY 1";

static int list_jobs(struct ledger *l, const char *job_id, PGresult **out, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	params_string(&p, job_id);
	params_big(&p, TALLY_KEEP_S);
	int rc = ledger_query(l, all_jobs, &p, true, out, err);
	params_release(&p);
	if (rc == 0 && job_id && PQntuples(*out) == 0) {
		PQclear(*out);
		return view_no_job(job_id, err);
	}
	return rc;
}

/* The ledger's own counts of batches first. */
static int recount(struct ledger *l, const char *job_id, struct reconciling *how,
		   struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	int64_t wrong;
	params_string(&p, job_id);
	int rc = control_number(l, "SELECT weir.recount_batches($1)", &p, 0, &wrong, err);
	params_release(&p);
	if (rc == 0 && wrong > 0)
		how->seen = how->rebuilt = true;
	return rc;
}

static int reconcile(const struct viewer *v, const char *job_id, struct reconciling *how,
		     struct weir_error *err)
{
	if (recount(v->ledger, job_id, how, err) < 0 ||
	    tally_reconcile_job(v->ledger, v->progress, job_id, how, err) < 0)
		return -1;
	if (how->seen)
		printf("%-24s %s\n", job_id, how->rebuilt ? "rebuilt" : "equal");
	return 0;
}

static int reconcile_all(const struct viewer *v, const char *only, struct weir_error *err)
{
	PGresult *jobs = NULL;
	int rc = list_jobs(v->ledger, only, &jobs, err);
	if (rc < 0)
		return -1;
	if (PQntuples(jobs) == 0)
		printf("no job has counters to compare\n");
	for (int i = 0; i < PQntuples(jobs) && rc == 0; i++) {
		bool ended = ledger_bool(jobs, i, 1), wanted = ledger_bool(jobs, i, 2);
		struct reconciling how = {.ended = ended, .expired = ended && !wanted};
		rc = command_stop ? weir_fail(err, "interrupted", "interrupted")
				  : reconcile(v, PQgetvalue(jobs, i, 0), &how, err);
	}
	PQclear(jobs);
	return rc;
}

static enum command_status run(struct call *call)
{
	struct viewer v = {0};
	int rc = -1;
	if (progress_open(call->settings->redis_url, REDIS_MS, &v.progress, call->error) == 0 &&
	    command_ledger(call, &v.ledger) == 0)
		rc = reconcile_all(&v, call->argc ? call->argv[0] : NULL, call->error);
	viewer_close(&v);
	return rc < 0 ? COMMAND_FAILED : COMMAND_DONE;
}

const struct command command_reconcile = {
	.name = "reconcile",
	.arguments = "[JOB] ",
	.summary = "compares the counters in Redis with the ledger, and rebuilds what differs",
	.help = "The ledger is the truth, and Redis holds what can be counted again from it.\n"
		"The relay sees to that by itself; this command does it now: for JOB, or for\n"
		"every job that is at work, or has ended and was not checked yet, or has\n"
		"ended within the last seven days and still has counters. Every stage is\n"
		"compared, and the ledger's own counts by batch are counted anew where they\n"
		"are short. It prints a line for each job: equal, or rebuilt.\n\n"
		"A job at work may be called rebuilt because items ended between the two\n"
		"looks; that does no harm.\n\n"
		"  weir reconcile\n"
		"  weir reconcile first\n\n"
		"Exit status: 0 all are equal now, 1 Redis or the ledger is away, or there is\n"
		"no such job.\n",
	.most = 1,
	.needs = NEED_PG | NEED_REDIS,
	.run = run,
};
