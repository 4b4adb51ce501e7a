#include <stdio.h>
#include <string.h>

#include "control.h"
#include "tally.h"
#include "view.h"

#define REDIS_MS 5000
#define KEEP_S (7 * 24 * 3600) /* as long as the relay keeps the counters of a job that ended */

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
	params_big(&p, KEEP_S);
	int rc = ledger_query(l, all_jobs, &p, true, out, err);
	params_release(&p);
	if (rc == 0 && job_id && PQntuples(*out) == 0) {
		PQclear(*out);
		return view_no_job(job_id, err);
	}
	return rc;
}

/* What happened to a job's counters. */
struct finding {
	bool ended, wanted; /* wanted: even when they have expired */
	bool seen, rebuilt;
};

static int reconcile_stage(const struct viewer *v, const char *job_id, const struct tally *t,
			   struct finding *f, struct weir_error *err)
{
	struct progress_counts told;
	bool known = false, same = false;
	uint32_t stage = (uint32_t)t->stage;
	if (progress_read(v->progress, job_id, stage, &known, &told, err) < 0)
		return -1;
	if (!t->begun || (f->ended && !known && !f->wanted))
		return 0; /* not yet there, or expired, as it should */
	if (tally_reconcile(v->ledger, v->progress, job_id, t, &same, err) < 0)
		return -1;
	f->seen = true;
	f->rebuilt |= !same;
	return f->ended ? progress_expire(v->progress, job_id, stage, KEEP_S, err) : 0;
}

/* The ledger's own counts of batches first. */
static int recount(struct ledger *l, const char *job_id, struct finding *f, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	int64_t wrong;
	params_string(&p, job_id);
	int rc = control_number(l, "SELECT weir.recount_batches($1)", &p, 0, &wrong, err);
	params_release(&p);
	if (rc == 0 && wrong > 0)
		f->seen = f->rebuilt = true;
	return rc;
}

static int reconcile(const struct viewer *v, const char *job_id, struct finding *f,
		     struct weir_error *err)
{
	PGresult *r = NULL;
	if (recount(v->ledger, job_id, f, err) < 0 || tally_stages(v->ledger, job_id, &r, err) < 0)
		return -1;
	int rc = 0;
	for (int i = 0; i < PQntuples(r) && rc == 0; i++) {
		struct tally t;
		tally_read(r, i, &t);
		rc = reconcile_stage(v, job_id, &t, f, err);
	}
	PQclear(r);
	if (rc == 0 && f->seen)
		printf("%-24s %s\n", job_id, f->rebuilt ? "rebuilt" : "equal");
	return rc;
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
		struct finding f = {.ended = ledger_bool(jobs, i, 1),
				    .wanted = ledger_bool(jobs, i, 2)};
		rc = command_stop ? weir_fail(err, "interrupted", "interrupted")
				  : reconcile(v, PQgetvalue(jobs, i, 0), &f, err);
	}
	PQclear(jobs);
	return rc;
}

static enum command_status run(struct call *call)
{
	struct viewer v = {NULL, NULL};
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
