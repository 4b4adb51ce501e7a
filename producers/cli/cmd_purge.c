/* Deletes jobs that ended long ago: each row by row, in transactions of bounded size, and the row
 * of the job last, so that what was broken off is found again. From the first of these on the job
 * is marked, and nobody can bring it back. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control.h"
#include "view.h"
#include "weir/failpoint.h"

#define CHUNK 10000 /* rows of one transaction */
#define JOBS 100    /* of one look */

struct purge_config {
	int64_t older_than_ms, dry_run;
	char *job;
};

#define AT(field) offsetof(struct purge_config, field)

static const struct weir_option options[] = {
	{.name = "older-than",
	 .type = WEIR_OPTION_TIME,
	 .offset = AT(older_than_ms),
	 .preset = "0s",
	 .most = AGE_MAX_MS,
	 .help = "How long ago a job must have ended; must be given."},
	{.name = "job",
	 .type = WEIR_OPTION_TEXT,
	 .offset = AT(job),
	 .unit = "JOB",
	 .help = "This job alone."},
	{.name = "dry-run",
	 .type = WEIR_OPTION_FLAG,
	 .offset = AT(dry_run),
	 .preset = "0",
	 .help = "Only say which jobs would be deleted."},
	{.type = WEIR_OPTION_END},
};

/* Rows by where they stand, from position $2 on: the stage, and within it the number. What was
 * deleted before is not looked at again, nor is any of it sorted. */
#define DELETE_FROM(TABLE, NUMBER)                                                                 \
	"WITH gone AS (DELETE FROM weir." TABLE " WHERE ctid = ANY (ARRAY("                        \
	"  SELECT ctid FROM weir." TABLE " WHERE job_id = $1"                                      \
	"   AND (stage, " NUMBER ") >= (($2::int8 >> 32)::int2, ($2::int8 & 4294967295)::int4)"    \
	"   ORDER BY job_id, stage, " NUMBER " LIMIT $3))"                                         \
	"  RETURNING (stage::int8 << 32) | " NUMBER " AS place)"                                   \
	" SELECT count(*), coalesce(max(place), 0) FROM gone"

/* Results go first: what has no result cannot be taken for something that failed. Answers go behind
 * what they are written for, so that none is left behind that a job of the same name would find. */
static const char *const deletes[] = {
	DELETE_FROM("results", "ordinal"), DELETE_FROM("requests", "ordinal"),
	DELETE_FROM("retries", "ordinal"), DELETE_FROM("calls", "ordinal"),
	DELETE_FROM("trials", "ordinal"),  DELETE_FROM("attempts", "ordinal"),
	DELETE_FROM("items", "ordinal"),   DELETE_FROM("answers", "ordinal"),
	DELETE_FROM("job_batches", "n"),
};

/* A version before made the row before it had read a record: what it refused has left one. */
#define SQL_EMPTY                                                                                  \
	"sealed_at IS NULL AND NOT EXISTS"                                                         \
	" (SELECT FROM weir.job_batches b WHERE b.job_id = j.job_id)"
#define SQL_BEFORE "now() - $1::int8 * interval '1 ms'"

static const char purge_empty[] =
	"SELECT weir.purge_empty($1, now() - $2::int8 * interval '1 ms')::int4::int8";

/* clang-format off */
static const char ended_jobs[] =
	"SELECT job_id, status, coalesce(total_items, 0), "
	SQL_TIME("completed_at") ", " SQL_TIME("created_at") " FROM weir.jobs j"
	" WHERE (completed_at < " SQL_BEFORE " OR (completed_at IS NULL AND " SQL_EMPTY
	"  AND created_at < " SQL_BEFORE "))"
	" AND job_id > $2 AND ($3::text IS NULL OR job_id = $3) ORDER BY job_id LIMIT $4";
/* clang-format on */

static const char begin_purge[] =
	"SELECT weir.begin_purge($1, now() - $2::int8 * interval '1 ms')::int4::int8";

/* Its stages go with it. */
static const char delete_job[] =
	"DELETE FROM weir.jobs WHERE job_id = $1 AND purged_at IS NOT NULL";

struct purge {
	const struct call *call;
	const struct purge_config *config;
	struct ledger *ledger;
	struct ticker ticker;
	int64_t jobs, rows;
	char last[65]; /* the job that was looked at last */
};

static int interrupted(struct weir_error *err)
{
	return weir_fail(err, "interrupted", "interrupted: the same command goes on with it");
}

static int delete_chunk(struct purge *p, const char *sql, const char *job_id, int64_t *place,
			int64_t *rows, struct weir_error *err)
{
	struct params params = PARAMS_INIT;
	PGresult *r = NULL;
	params_string(&params, job_id);
	params_big(&params, *place);
	params_big(&params, CHUNK);
	int rc = control_query(p->ledger, sql, &params, &r, err);
	params_release(&params);
	if (rc < 0)
		return -1;
	*rows = ledger_big(r, 0, 0);
	*place = ledger_big(r, 0, 1);
	PQclear(r);
	failpoint("chunk_purged");
	return 0;
}

static int delete_rows(struct purge *p, const char *sql, const char *job_id, struct weir_error *err)
{
	int64_t rows, place = 0;
	do {
		if (command_stop)
			return interrupted(err);
		if (delete_chunk(p, sql, job_id, &place, &rows, err) < 0)
			return -1;
		p->rows += rows;
		if (rows > 0 && ticker_due(&p->ticker))
			fprintf(stderr, "%s: %" PRId64 " rows are deleted\n", job_id, p->rows);
	} while (rows == CHUNK);
	return 0;
}

static int delete_parts(struct purge *p, const char *job_id, struct weir_error *err)
{
	for (size_t i = 0; i < sizeof deletes / sizeof *deletes; i++)
		if (delete_rows(p, deletes[i], job_id, err) < 0)
			return -1;
	struct params params = PARAMS_INIT;
	params_string(&params, job_id);
	int rc = ledger_do(p->ledger, delete_job, &params, NULL, err);
	params_release(&params);
	return rc;
}

/* One that somebody has set going again meanwhile is left alone. */
static int purge_job(struct purge *p, const char *job_id, struct weir_error *err)
{
	struct params params = PARAMS_INIT;
	int64_t mine, stages;
	params_string(&params, job_id);
	params_big(&params, p->config->older_than_ms);
	int rc = control_number(p->ledger, begin_purge, &params, 0, &mine, err);
	params_release(&params);
	if (rc < 0 || !mine)
		return rc;
	p->rows = 0;
	if (control_stages(p->ledger, job_id, &stages, err) < 0)
		return -1;
	control_drop_counts(&(struct controller){p->ledger, p->call->settings}, job_id, stages);
	if (delete_parts(p, job_id, err) < 0)
		return -1;
	p->jobs++;
	printf("%-24s deleted, %" PRId64 " rows\n", job_id, p->rows);
	fflush(stdout);
	return 0;
}

/* One that has nothing, unless somebody is submitting it. */
static int purge_nothing(struct purge *p, const char *job_id, const char *made_at,
			 struct weir_error *err)
{
	struct params params = PARAMS_INIT;
	int64_t gone = 1;
	params_string(&params, job_id);
	params_big(&params, p->config->older_than_ms);
	int rc = p->config->dry_run
			 ? 0
			 : control_number(p->ledger, purge_empty, &params, 0, &gone, err);
	params_release(&params);
	if (rc < 0 || gone == 0)
		return rc;
	p->jobs++;
	printf("%-24s %s: it had no items, and its submit was refused or broken off, %s\n", job_id,
	       p->config->dry_run ? "would be deleted" : "deleted", made_at);
	return 0;
}

static int look_at(struct purge *p, const PGresult *r, int row, struct weir_error *err)
{
	snprintf(p->last, sizeof p->last, "%s", PQgetvalue(r, row, 0));
	if (PQgetisnull(r, row, 3))
		return purge_nothing(p, p->last, PQgetvalue(r, row, 4), err);
	if (!p->config->dry_run)
		return purge_job(p, p->last, err);
	p->jobs++;
	printf("%-24s %-9s %10" PRId64 " items, ended %s\n", p->last, PQgetvalue(r, row, 1),
	       ledger_big(r, row, 2), PQgetvalue(r, row, 3));
	return 0;
}

/* Some of the jobs; *count: how many there were. */
static int purge_some(struct purge *p, int *count, struct weir_error *err)
{
	struct params params = PARAMS_INIT;
	PGresult *r = NULL;
	params_big(&params, p->config->older_than_ms);
	params_string(&params, p->last);
	params_string(&params, p->config->job);
	params_big(&params, JOBS);
	int rc = ledger_query(p->ledger, ended_jobs, &params, true, &r, err);
	params_release(&params);
	if (rc < 0)
		return -1;
	*count = PQntuples(r);
	for (int i = 0; i < *count && rc == 0; i++)
		rc = command_stop ? interrupted(err) : look_at(p, r, i, err);
	PQclear(r);
	return rc;
}

/* A job that is named and not deleted deserves a reason. */
static int explain(struct purge *p, struct weir_error *err)
{
	struct job_row job;
	int found = command_job(p->ledger, p->config->job, false, &job, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return view_no_job(p->config->job, err);
	if (!job.ended)
		return weir_fail(err, "not_ended",
				 "job %s is %s: only what has ended is deleted, or has no items",
				 job.job_id, job.status);
	return weir_fail(err, "too_young", "job %s has not ended as long ago as that", job.job_id);
}

static int purge(struct purge *p, struct weir_error *err)
{
	int count = JOBS;
	while (count == JOBS)
		if (purge_some(p, &count, err) < 0)
			return -1;
	if (p->jobs == 0 && p->config->job)
		return explain(p, err);
	if (p->jobs == 0)
		printf("no job ended that long ago\n");
	else
		printf("%" PRId64 " jobs %s\n", p->jobs,
		       p->config->dry_run ? "would be deleted" : "are deleted");
	return 0;
}

static enum command_status run(struct call *call)
{
	struct purge p = {.call = call, .config = call->config};
	if (p.config->older_than_ms == 0) {
		weir_fail(call->error, "usage",
			  "say how long ago a job must have ended: "
			  "--older-than 30d");
		return COMMAND_USAGE;
	}
	if (command_ledger(call, &p.ledger) < 0)
		return COMMAND_FAILED;
	int rc = purge(&p, call->error);
	ledger_close(p.ledger);
	return rc < 0 ? COMMAND_FAILED : COMMAND_DONE;
}

const struct command command_purge = {
	.name = "purge",
	.arguments = "",
	.summary = "deletes jobs that ended long ago, with all that belongs to them",
	.help = "Deletes the jobs' items, results, attempts and counters, at most 10,000 rows in "
		"a\n"
		"transaction, so that nobody waits. Effects that plugins have written stay, and "
		"so\n"
		"do events that are not published yet. A job that has not ended is never touched,\n"
		"but for one without a single item whose submit was refused or broken off.\n"
		"When it is broken off, the same command goes on.\n\n"
		"  weir purge --older-than 30d --dry-run\n"
		"  weir purge --older-than 30d\n"
		"  weir purge --older-than 1s --job first\n\n"
		"Exit status: 0 done, also when there was nothing to delete; 1 the job that was\n"
		"named is not there, has not ended, or not long enough ago.\n",
	.options = options,
	.no_environment = true,
	.config_size = sizeof(struct purge_config),
	.needs = NEED_PG,
	.run = run,
};
