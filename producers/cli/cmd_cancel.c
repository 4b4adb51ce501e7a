#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "control.h"
#include "weir/clock.h"
#include "weir/failpoint.h"

#define BATCHES 50 /* of one transaction */
#define LOOK_MS 50 /* while somebody else ends the job */
#define END_US 30000000

static const char cancel_some[] = "SELECT weir.cancel_items($1, $2)";
static const char read_job[] = "SELECT coalesce(sum(size - success - failed - cancelled), 0)::int8"
			       " FROM weir.job_batches WHERE job_id = $1";

/* The relay does the same for a job whose cancelling was broken off. */
static int interrupted(const char *job_id, struct weir_error *err)
{
	return weir_fail(err, "interrupted",
			 "interrupted: %s is cancelled, and weir-relay ends what is left of it",
			 job_id);
}

static int cancel_items(struct controller *c, const char *job_id, struct weir_error *err)
{
	struct params p = PARAMS_INIT, one = PARAMS_INIT;
	struct ticker ticker = {0};
	int64_t batches = 1, left = 0;
	int rc = 0;
	params_string(&p, job_id);
	params_int(&p, BATCHES);
	params_string(&one, job_id);
	while (rc == 0 && batches > 0) {
		rc = command_stop ? interrupted(job_id, err)
				  : control_number(c->ledger, cancel_some, &p, 0, &batches, err);
		failpoint("items_cancelled");
		if (rc == 0 && batches > 0 && ticker_due(&ticker) &&
		    control_number(c->ledger, read_job, &one, 0, &left, err) == 0 && left > 0)
			fprintf(stderr, "%s: %" PRId64 " items are left to cancel\n", job_id, left);
	}
	params_release(&one);
	params_release(&p);
	return rc;
}

/* A stage that a relay is just finishing may still add items: these are cancelled too. */
static int end(struct controller *c, const char *job_id, struct job_row *now,
	       struct weir_error *err)
{
	int64_t until = clock_us() + END_US;
	struct params p = PARAMS_INIT;
	PGresult *r = NULL;
	int rc = 0;
	params_string(&p, job_id);
	while (rc == 0) {
		rc = cancel_items(c, job_id, err);
		if (rc == 0)
			rc = control_query(c->ledger, "SELECT weir.finish_stage($1)", &p, &r, err);
		if (rc < 0)
			break;
		bool moved = !PQgetisnull(r, 0, 0);
		PQclear(r);
		rc = command_job(c->ledger, job_id, true, now, err) < 0 ? -1 : 0;
		if (rc < 0 || now->ended)
			break;
		if (clock_us() > until)
			rc = weir_fail(err, "busy",
				       "%s is cancelled, but has not ended yet: "
				       "somebody else is at it (see weir status %s)",
				       job_id, job_id);
		else if (!moved)
			poll(NULL, 0, LOOK_MS);
	}
	params_release(&p);
	return rc;
}

static int act(struct controller *c, const struct job_row *job, struct weir_error *err)
{
	struct job_row now = *job;
	if (control_call(c->ledger, "SELECT weir.cancel_job($1)", job->job_id, now.status, err) < 0)
		return -1;
	if (strcmp(now.status, "cancelled") != 0)
		return control_refuse(&now, "cancelled", err);
	if (job->ended) {
		printf("%s was cancelled before\n", job->job_id);
		return 0;
	}
	failpoint("job_cancelled");
	if (end(c, job->job_id, &now, err) < 0)
		return -1;
	control_settle_counts(c, job->job_id);
	printf("%s is cancelled: %" PRId64 " success, %" PRId64 " failed, %" PRId64
	       " cancelled of %" PRId64 " items\n",
	       job->job_id, now.success, now.failed, now.cancelled, now.total);
	return 0;
}

static enum command_status run(struct call *call)
{
	static const struct control cancel = {"cancelled", "{pending,running,paused,cancelled}",
					      act};
	return control_jobs(call, &cancel);
}

const struct command command_cancel = {
	.name = "cancel",
	.arguments = "JOB... ",
	.summary = "ends jobs for good, with what they have reached",
	.help = "Items that are final stay as they are; all others are ended as cancelled. What\n"
		"consumers are working on may still come in as a success. There is no way back\n"
		"(`weir pause` has one). A command that is broken off may be given again, and\n"
		"weir-relay goes on with it, too.\n\n"
		"  weir cancel first\n"
		"  weir cancel --kind sentiment\n\n"
		"Exit status: 0 they are cancelled, 1 there is no such job, or it has ended\n"
		"otherwise.\n",
	.options = control_options,
	.no_environment = true,
	.config_size = sizeof(struct control_config),
	.most = JOBS_MOST,
	.needs = NEED_PG,
	.run = run,
};
