#include "control.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tally.h"
#include "view.h"
#include "weir/clock.h"
#include "weir/log.h"

#define TRIES 6
#define REDIS_MS 2000
#define SAY_US 500000

#define AT(field) offsetof(struct control_config, field)

const struct weir_option control_options[] = {
	{.name = "all",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(all),
	 .preset = "0",
	 .help = "All jobs to which it can be done, instead of those that are named."},
	{.name = "kind",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(kind),
	 .unit = "KIND",
	 .help = "The same, but only those of this kind."},
	{.type = WEIR_OPTION_END},
};

/* ---- the ledger, patiently ---- */

/* 50 ms, doubled each time, and up to half as long again, so that two do not meet again. */
static void wait_a_little(int tried)
{
	int ms = 50 << tried;
	poll(NULL, 0, ms + (int)(clock_us() % (ms / 2 + 1)));
}

int control_query(struct ledger *l, const char *sql, const struct params *p, PGresult **out,
		  struct weir_error *err)
{
	for (int tried = 0;; tried++) {
		if (ledger_query(l, sql, p, true, out, err) == 0)
			return 0;
		if (tried + 1 == TRIES || !ledger_alive(l) || ledger_fault(l) != LEDGER_BUSY ||
		    command_stop)
			return -1;
		wait_a_little(tried);
	}
}

int control_number(struct ledger *l, const char *sql, const struct params *p, int64_t none,
		   int64_t *out, struct weir_error *err)
{
	PGresult *r = NULL;
	if (control_query(l, sql, p, &r, err) < 0)
		return -1;
	bool there = PQntuples(r) > 0 && !PQgetisnull(r, 0, 0);
	*out = there ? ledger_big(r, 0, 0) : none;
	PQclear(r);
	return 0;
}

bool ticker_due(struct ticker *t)
{
	int64_t now = clock_us();
	if (now < t->at_us)
		return false;
	t->at_us = now + SAY_US;
	return true;
}

/* ---- jobs ---- */

int control_call(struct ledger *l, const char *sql, const char *job_id, char status[16],
		 struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	PGresult *r = NULL;
	params_string(&p, job_id);
	int rc = control_query(l, sql, &p, &r, err);
	params_release(&p);
	if (rc < 0)
		return -1;
	struct weir_text text = ledger_text(r, 0, 0);
	bool there = text.data != NULL;
	snprintf(status, 16, "%.*s", (int)text.size, there ? text.data : "");
	PQclear(r);
	return there ? 0 : view_no_job(job_id, err);
}

int control_refuse(const struct job_row *job, const char *verb, struct weir_error *err)
{
	return weir_fail(err, "ended", "job %s is %s and cannot be %s any more", job->job_id,
			 job->status, verb);
}

static int act_on(struct controller *c, const struct control *control, const char *job_id,
		  struct weir_error *err)
{
	struct job_row job;
	int found = command_job(c->ledger, job_id, true, &job, err);
	if (found == 0)
		return view_no_job(job_id, err);
	return found < 0 ? -1 : control->act(c, &job, err);
}

static int act_on_each(struct controller *c, const struct control *control, char *const *ids,
		       int count, struct weir_error *err)
{
	struct weir_error why;
	int failed = 0;
	for (int i = 0; i < count; i++) {
		if (command_stop)
			return weir_fail(err, "interrupted", "interrupted");
		if (act_on(c, control, ids[i], &why) == 0)
			continue;
		if (count == 1 || !ledger_alive(c->ledger))
			return weir_fail(err, why.code, "%s", why.text);
		command_complain(&why); /* of one among several: at once */
		failed++;
	}
	if (failed > 0)
		return weir_fail(err, "not_all", "%d of %d jobs could not be %s", failed, count,
				 control->verb);
	return 0;
}

static const char open_jobs[] =
	"SELECT job_id FROM weir.jobs WHERE completed_at IS NULL AND status = ANY ($1::text[])"
	" AND ($2::text IS NULL OR kind = $2) ORDER BY created_at, job_id";

static int act_on_open(struct controller *c, const struct control *control, const char *kind,
		       struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	PGresult *r = NULL;
	params_string(&p, control->statuses);
	params_string(&p, kind);
	int rc = ledger_query(c->ledger, open_jobs, &p, true, &r, err);
	params_release(&p);
	if (rc < 0)
		return -1;
	int n = PQntuples(r);
	char **ids = calloc((size_t)n + 1, sizeof *ids);
	for (int i = 0; ids && i < n; i++)
		ids[i] = PQgetvalue(r, i, 0);
	if (n == 0)
		printf("no job is there to be %s\n", control->verb);
	rc = ids ? act_on_each(c, control, ids, n, err) : weir_fail_memory(err);
	free(ids);
	PQclear(r);
	return rc;
}

enum command_status control_jobs(struct call *call, const struct control *control)
{
	const struct control_config *config = call->config;
	struct controller c = {.settings = call->settings};
	bool by_filter = config->all || config->kind;
	if (by_filter == (call->argc > 0)) {
		weir_fail(call->error, "usage", "name the jobs, or give --all or --kind KIND");
		return COMMAND_USAGE;
	}
	if (command_ledger(call, &c.ledger) < 0)
		return COMMAND_FAILED;
	int rc = ledger_patience(c.ledger, LEDGER_LONG_MS, call->error);
	if (rc == 0)
		rc = by_filter ? act_on_open(&c, control, config->kind, call->error)
			       : act_on_each(&c, control, call->argv, call->argc, call->error);
	ledger_close(c.ledger);
	return rc < 0 ? COMMAND_FAILED : COMMAND_DONE;
}

/* ---- Redis ---- */

/* NULL: none is named. */
static struct progress *open_progress(const struct settings *settings)
{
	struct weir_error ignored;
	struct progress *p = NULL;
	if (!settings->redis_url || progress_open(settings->redis_url, REDIS_MS, &p, &ignored) < 0)
		return NULL;
	return p;
}

void control_drop_counts(const struct controller *c, const char *job_id, int64_t stages)
{
	struct weir_error ignored;
	char tag[PROGRESS_JOB_MAX];
	struct progress *p = open_progress(c->settings);
	bool there = p && view_tag(c->ledger, job_id, tag, &ignored) == 0;
	for (int64_t stage = 1; there && stage <= stages; stage++)
		there = progress_drop(p, tag, (uint32_t)stage, &ignored) == 0;
	progress_close(p);
}

void control_settle_counts(const struct controller *c, const char *job_id)
{
	struct weir_error ignored = {"", ""};
	struct reconciling how = {.ended = true};
	struct progress *p = open_progress(c->settings);
	if (p && tally_reconcile_job(c->ledger, p, job_id, &how, &ignored) < 0)
		log_event(LOG_DEBUG, "not_counted", "job=%s error=\"%s\"", job_id, ignored.text);
	progress_close(p);
}

int control_stages(struct ledger *l, const char *job_id, int64_t *out, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	params_string(&p, job_id);
	int rc =
		control_number(l, "SELECT max(stage)::int8 FROM weir.job_batches WHERE job_id = $1",
			       &p, 0, out, err);
	params_release(&p);
	return rc;
}
