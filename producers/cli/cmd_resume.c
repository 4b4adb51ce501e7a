#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control.h"

static int act(struct controller *c, const struct job_row *job, struct weir_error *err)
{
	struct job_row now = *job;
	int64_t left = job->total - job->success - job->failed - job->cancelled;
	if (control_call(c->ledger, "SELECT weir.resume_job($1)", job->job_id, now.status, err) < 0)
		return -1;
	if (strcmp(now.status, "pending") != 0 && strcmp(now.status, "running") != 0)
		return control_refuse(&now, "resumed", err);
	if (strcmp(job->status, "paused") != 0)
		printf("%s is not paused: it is %s\n", job->job_id, now.status);
	else
		printf("%s is %s again: %" PRId64 " of %" PRId64 " items are left\n", job->job_id,
		       now.status, left, job->total);
	return 0;
}

static enum command_status run(struct call *call)
{
	static const struct control resume = {"resumed", "{paused}", act};
	return control_jobs(call, &resume);
}

const struct command command_resume = {
	.name = "resume",
	.arguments = "JOB... ",
	.summary = "lets paused jobs go on",
	.help = "All that is not final becomes due; what consumers were still working on is not\n"
		"begun a second time. Items that were waiting for another attempt wait for what\n"
		"was left of their time. Resuming again changes nothing.\n\n"
		"  weir resume first\n"
		"  weir resume --all\n\n"
		"Exit status: 0 they are not paused any more, 1 there is no such job, or it has\n"
		"ended.\n",
	.options = control_options,
	.no_environment = true,
	.config_size = sizeof(struct control_config),
	.most = JOBS_MOST,
	.needs = NEED_PG,
	.run = run,
};
