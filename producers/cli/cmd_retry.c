#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control.h"
#include "view.h"

struct retry_config {
	char *error_class, *id;
	int64_t failed;
};

#define AT(field) offsetof(struct retry_config, field)

static const struct weir_option options[] = {
	{.name = "failed",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(failed),
	 .preset = "0",
	 .help = "All items that failed; so it is when nothing else is said."},
	{.name = "class",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(error_class),
	 .unit = "CLASS",
	 .help = "Those that failed with this error class (see weir status JOB)."},
	{.name = "id",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(id),
	 .unit = "CUSTOM_ID",
	 .help = "The one with this custom_id; if it waits for its next attempt, it need not wait "
		 "any longer."},
	{.type = WEIR_OPTION_END},
};

/* What weir.retry_items() returns for a job to which it cannot be done. */
enum { NO_JOB = -1, CANCELLED = -2, PURGED = -3 };

static int check_count(struct ledger *l, int64_t count, const char *job_id, struct weir_error *err)
{
	switch (count) {
	case NO_JOB:
		return view_no_job(job_id, err);
	case CANCELLED: /* before it was purged, maybe */
	case PURGED:
		if (view_check_kept(l, job_id, err) < 0)
			return -1;
		return weir_fail(err, "ended", "job %s is cancelled: that is for good", job_id);
	default:
		return 0;
	}
}

static int retry(struct ledger *l, const char *job_id, const struct retry_config *config,
		 int64_t *count, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	params_string(&p, job_id);
	params_string(&p, config->error_class);
	params_string(&p, config->id);
	int rc = control_number(l, "SELECT weir.retry_items($1, $2, $3)", &p, 0, count, err);
	params_release(&p);
	return rc < 0 ? -1 : check_count(l, *count, job_id, err);
}

/* None: is that because there is no such item? */
static int check_id(struct ledger *l, const char *job_id, const char *id, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	int64_t known;
	params_string(&p, job_id);
	params_string(&p, id);
	int rc = control_number(
		l, "SELECT count(*) FROM weir.items WHERE job_id = $1 AND custom_id = $2", &p, 0,
		&known, err);
	params_release(&p);
	if (rc == 0 && known == 0)
		return weir_fail(err, "unknown_item", "job %s has no item \"%.80s\"", job_id, id);
	return rc;
}

/* A job that had ended has counters of items that are not final any more. */
static int tell(const struct settings *settings, struct ledger *l, const char *job_id,
		int64_t count, struct weir_error *err)
{
	int64_t stages;
	struct job_row now;
	if (control_stages(l, job_id, &stages, err) < 0)
		return -1;
	control_drop_counts(&(struct controller){l, settings}, job_id, stages);
	if (command_job(l, job_id, false, &now, err) < 0)
		return -1;
	printf("%s: %" PRId64 " items are tried again; the job is %s\n", job_id, count, now.status);
	return 0;
}

static int retry_and_tell(struct call *call, struct ledger *l)
{
	const struct retry_config *config = call->config;
	const char *job_id = call->argv[0];
	int64_t count;
	if (retry(l, job_id, config, &count, call->error) < 0)
		return -1;
	if (count > 0)
		return tell(call->settings, l, job_id, count, call->error);
	if (config->id && check_id(l, job_id, config->id, call->error) < 0)
		return -1;
	printf("%s: 0 items are tried again: none %s\n", job_id,
	       config->id	     ? "of that name has failed or waits"
	       : config->error_class ? "has failed with that class"
				     : "has failed");
	return 0;
}

static enum command_status run(struct call *call)
{
	const struct retry_config *config = call->config;
	struct ledger *l;
	if ((config->failed != 0) + (config->error_class != NULL) + (config->id != NULL) > 1) {
		weir_fail(call->error, "usage", "give one of --failed, --class and --id");
		return COMMAND_USAGE;
	}
	if (command_ledger(call, &l) < 0)
		return COMMAND_FAILED;
	int rc = ledger_patience(l, LEDGER_LONG_MS, call->error);
	if (rc == 0)
		rc = retry_and_tell(call, l);
	ledger_close(l);
	return rc < 0 ? COMMAND_FAILED : COMMAND_DONE;
}

const struct command command_retry = {
	.name = "retry",
	.arguments = "JOB ",
	.summary = "gives failed items another round of attempts",
	.help = "The items are pending again, with all attempts that the job grants; how they\n"
		"failed before stays in the view batch_attempts. A job that had ended goes on, "
		"and\n"
		"ends once more. Successes are never touched.\n\n"
		"  weir retry first\n"
		"  weir retry first --class timeout\n"
		"  weir retry first --id news_id_42\n\n"
		"Exit status: 0 (also when there was nothing to retry), 1 there is no such job or\n"
		"item, or the job was cancelled.\n",
	.options = options,
	.no_environment = true,
	.config_size = sizeof(struct retry_config),
	.least = 1,
	.most = 1,
	.needs = NEED_PG,
	.run = run,
};
