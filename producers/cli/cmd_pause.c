#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control.h"

/* A job whose end another operator has just begun is as good as ended. */
static int act(struct controller *c, const struct job_row *job, struct weir_error *err)
{
	struct job_row now = *job;
	int64_t left = job->total - job->success - job->failed - job->cancelled;
	if (control_call(c->ledger, "SELECT weir.pause_job($1)", job->job_id, now.status, err) < 0)
		return -1;
	if (strcmp(now.status, "paused") != 0)
		return control_refuse(&now, "paused", err);
	if (strcmp(job->status, "paused") == 0)
		printf("%s is paused already; `weir resume %s` lets it go on\n", job->job_id,
		       job->job_id);
	else
		printf("%s is paused: %" PRId64 " of %" PRId64
		       " items are left. What consumers are "
		       "working on, they finish; nothing more begins until `weir resume %s`\n",
		       job->job_id, left, job->total, job->job_id);
	return 0;
}

static enum command_status run(struct call *call)
{
	static const struct control pause = {"paused", "{pending,running}", act};
	return control_jobs(call, &pause);
}

const struct command command_pause = {
	.name = "pause",
	.arguments = "JOB... ",
	.summary = "stops jobs until they are resumed",
	.help = "Nothing more of the jobs is published or begun. Consumers finish what they are\n"
		"working on, and give the rest back; no attempt is charged for it. A submit that\n"
		"is under way goes on, and what it adds waits too. Pausing again changes "
		"nothing.\n\n"
		"  weir pause first\n"
		"  weir pause --kind sentiment\n\n"
		"Exit status: 0 they are paused, 1 there is no such job, or it has ended.\n",
	.options = control_options,
	.no_environment = true,
	.config_size = sizeof(struct control_config),
	.most = JOBS_MOST,
	.needs = NEED_PG,
	.run = run,
};
