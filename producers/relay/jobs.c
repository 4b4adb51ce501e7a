/* Jobs: ends those whose items are all final, and sees to it that their progress counters are there
 * and right. Consumers say when a job seems done; without a word from them (Redis may be away) each
 * job is looked at now and then, the less often the longer that takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay.h"
#include "weir/clock.h"
#include "weir/log.h"
#include "weir/topology.h"

#define LOOK_US 1000000
#define SLOW_US 60000000
#define SHARE 20 /* counting a job takes at most one part in so many of the time */
#define KEEP_S (7 * 24 * 3600)
#define CHUNK 5000

struct watched_job {
	char job_id[65];
	int64_t count_at_us; /* when to count its results again */
	int64_t done;	     /* items that were final when we last looked */
	int64_t moved_us;    /* when that was last something else */
	bool seen;
};

static const char open_jobs[] =
	"SELECT job_id, sealed_at IS NOT NULL, completed_at IS NOT NULL, coalesce(total_items, 0),"
	"  kind"
	" FROM weir.jobs WHERE (status IN ('pending', 'running') OR NOT counted)"
	" AND ($1::text IS NULL OR job_id = $1) ORDER BY created_at";

/* A job of which no item succeeded has failed, unless it had none. */
static const char end_job[] =
	"WITH c AS (SELECT count(*) FILTER (WHERE status = 1) AS good,"
	"  count(*) FILTER (WHERE status = 2) AS bad, count(*) FILTER (WHERE status = 3) AS off,"
	"  count(*) AS done FROM weir.results WHERE job_id = $1)"
	"UPDATE weir.jobs j SET completed_at = now(),"
	"  started_at = coalesce(started_at, now()),"
	"  status = CASE WHEN c.good = 0 AND c.bad > 0 THEN 'failed' ELSE 'completed' END,"
	"  success_count = c.good, failure_count = c.bad, cancelled_count = c.off"
	" FROM c WHERE j.job_id = $1 AND j.status IN ('pending', 'running')"
	"  AND j.sealed_at IS NOT NULL AND c.done = j.total_items"
	" RETURNING j.status, success_count, failure_count";

static const char count_job[] =
	"SELECT count(*) FILTER (WHERE r.status = 1), count(*) FILTER (WHERE r.status = 2),"
	"  count(*) FILTER (WHERE r.status = 3),"
	"  coalesce((SELECT total_items FROM weir.jobs WHERE job_id = $1), 0)"
	" FROM weir.results r WHERE r.job_id = $1 AND r.stage = $2";

static const char read_results[] =
	"SELECT ordinal, status::int4 FROM weir.results"
	" WHERE job_id = $1 AND stage = $2 AND ordinal > $3 ORDER BY ordinal LIMIT $4";

/* What the broker has lost: batches that are queued and miss final items which do not wait for
 * another try, and tries whose message went missing. */
static const char revive_batches[] =
	"UPDATE weir.job_batches b SET status = 'pending_queue', due_at = now()"
	" FROM weir.jobs j WHERE j.job_id = b.job_id AND b.job_id = $1 AND b.status = 'queued'"
	"  AND (SELECT count(*) FROM weir.results r WHERE r.job_id = b.job_id AND r.stage = b.stage"
	"   AND r.ordinal >= b.n * j.batch_size AND r.ordinal < b.n * j.batch_size + b.size)"
	"  + (SELECT count(*) FROM weir.retries w WHERE w.job_id = b.job_id AND w.stage = b.stage"
	"   AND w.ordinal >= b.n * j.batch_size AND w.ordinal < b.n * j.batch_size + b.size"
	"   AND NOT EXISTS (SELECT FROM weir.results r WHERE r.job_id = w.job_id"
	"    AND r.stage = w.stage AND r.ordinal = w.ordinal)) < b.size";

static const char revive_retries[] =
	"UPDATE weir.retries w SET due_at = now() WHERE w.job_id = $1 AND w.due_at = 'infinity'"
	" AND NOT EXISTS (SELECT FROM weir.results r WHERE r.job_id = w.job_id"
	"  AND r.stage = w.stage AND r.ordinal = w.ordinal)";

/* Nothing asks for these once the job has ended. */
static const char clean_retries[] = "DELETE FROM weir.retries WHERE job_id = $1";
static const char clean_trials[] = "DELETE FROM weir.trials WHERE job_id = $1";
static const char job_counted[] = "UPDATE weir.jobs SET counted = true WHERE job_id = $1";

/* ---- progress from the ledger ---- */

static void key_params(struct params *p, const char *job_id, uint32_t stage)
{
	params_reset(p);
	params_string(p, job_id);
	params_int(p, (int32_t)stage);
}

static int read_counts(struct ledger *l, const char *job_id, uint32_t stage,
		       struct progress_counts *out, struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	PGresult *rows = NULL;
	key_params(&p, job_id, stage);
	int rc = ledger_query(l, count_job, &p, true, &rows, err);
	params_release(&p);
	if (rc < 0)
		return -1;
	*out = (struct progress_counts){.success = ledger_big(rows, 0, 0),
					.failed = ledger_big(rows, 0, 1),
					.cancelled = ledger_big(rows, 0, 2),
					.total = ledger_big(rows, 0, 3)};
	PQclear(rows);
	return 0;
}

static int count_rows(struct progress *p, const char *job_id, uint32_t stage, const PGresult *rows,
		      struct weir_error *err)
{
	uint32_t ordinals[CHUNK];
	uint8_t states[CHUNK];
	bool known;
	int n = PQntuples(rows);
	for (int i = 0; i < n; i++) {
		ordinals[i] = (uint32_t)ledger_int(rows, i, 0);
		states[i] = (uint8_t)ledger_int(rows, i, 1);
	}
	if (progress_count(p, job_id, stage, ordinals, states, (size_t)n, &known, NULL, err) < 0)
		return -1;
	return known ? 0 : weir_fail(err, "redis_lost", "the keys were lost again meanwhile");
}

/* The keys are made first and filled afterwards: whatever is committed from now on counts itself,
 * and what was committed before is read here. Counting twice changes nothing. */
int jobs_rebuild(struct ledger *l, struct progress *p, const char *job_id, uint32_t stage,
		 struct weir_error *err)
{
	struct params params = PARAMS_INIT;
	struct progress_counts counts;
	int rc = -1, last = -1, n = 0;
	if (read_counts(l, job_id, stage, &counts, err) < 0 ||
	    progress_drop(p, job_id, stage, err) < 0 ||
	    progress_set_total(p, job_id, stage, counts.total, err) < 0)
		return -1;
	do {
		PGresult *rows = NULL;
		key_params(&params, job_id, stage);
		params_int(&params, last);
		params_big(&params, CHUNK);
		if (ledger_query(l, read_results, &params, true, &rows, err) < 0)
			goto out;
		n = PQntuples(rows);
		if (n > 0)
			last = ledger_int(rows, n - 1, 0);
		int counted = n > 0 ? count_rows(p, job_id, stage, rows, err) : 0;
		PQclear(rows);
		if (counted < 0)
			goto out;
	} while (n == CHUNK);
	rc = 0;
out:
	params_release(&params);
	return rc;
}

int jobs_reconcile(struct ledger *l, struct progress *p, const char *job_id, bool *same,
		   struct weir_error *err)
{
	struct progress_counts told, real;
	bool known;
	if (progress_read(p, job_id, 1, &known, &told, err) < 0 ||
	    read_counts(l, job_id, 1, &real, err) < 0)
		return -1;
	bool equal = known && told.total == real.total && told.success == real.success &&
		     told.failed == real.failed && told.cancelled == real.cancelled;
	if (same)
		*same = equal;
	return equal ? 0 : jobs_rebuild(l, p, job_id, 1, err);
}

/* ---- the list of open jobs ---- */

static struct watched_job *watch(struct relay *r, const char *job_id)
{
	for (size_t i = 0; i < r->job_count; i++)
		if (strcmp(r->jobs[i].job_id, job_id) == 0)
			return &r->jobs[i];
	if (r->job_count == r->job_room) {
		size_t room = r->job_room ? 2 * r->job_room : 16;
		struct watched_job *more = realloc(r->jobs, room * sizeof *more);
		if (!more)
			return NULL;
		r->jobs = more;
		r->job_room = room;
	}
	struct watched_job *job = &r->jobs[r->job_count++];
	memset(job, 0, sizeof *job);
	job->moved_us = clock_us();
	snprintf(job->job_id, sizeof job->job_id, "%s", job_id);
	return job;
}

static void forget_unseen(struct relay *r)
{
	size_t kept = 0;
	for (size_t i = 0; i < r->job_count; i++)
		if (r->jobs[i].seen)
			r->jobs[kept++] = r->jobs[i];
	r->job_count = kept;
}

void jobs_release(struct relay *r)
{
	free(r->jobs);
	r->jobs = NULL;
	r->job_count = r->job_room = 0;
}

/* ---- one job ---- */

static int end_if_done(struct relay *r, struct watched_job *job, bool *ended,
		       struct weir_error *err)
{
	PGresult *rows = NULL;
	int64_t began = clock_us();
	job->count_at_us = began + SLOW_US; /* should it fail */
	params_reset(&r->params);
	params_string(&r->params, job->job_id);
	if (ledger_query(r->ledger, end_job, &r->params, true, &rows, err) < 0)
		return -1;
	*ended = PQntuples(rows) == 1;
	if (*ended)
		log_event(LOG_INFO, "job_ended", "job=%s status=%s success=%lld failed=%lld",
			  job->job_id, PQgetvalue(rows, 0, 0), (long long)ledger_big(rows, 0, 1),
			  (long long)ledger_big(rows, 0, 2));
	PQclear(rows);
	int64_t took = clock_us() - began;
	job->count_at_us = clock_us() + (took * SHARE > LOOK_US ? took * SHARE : LOOK_US);
	return 0;
}

static int tell_ledger(struct relay *r, const char *sql, const char *job_id, int64_t *rows,
		       struct weir_error *err)
{
	params_reset(&r->params);
	params_string(&r->params, job_id);
	return ledger_do(r->ledger, sql, &r->params, rows, err);
}

/* The last word on a job's progress. */
static int check_ended(struct relay *r, const char *job_id, struct weir_error *err)
{
	if (jobs_reconcile(r->ledger, r->progress, job_id, NULL, err) < 0 ||
	    progress_expire(r->progress, job_id, 1, KEEP_S, err) < 0 ||
	    tell_ledger(r, clean_retries, job_id, NULL, err) < 0 ||
	    tell_ledger(r, clean_trials, job_id, NULL, err) < 0)
		return -1;
	return tell_ledger(r, job_counted, job_id, NULL, err);
}

/* Nothing of the job has ended for long: when nothing of it waits in the queue either, the broker
 * has lost it. Should consumers be at work on it all the same, the second message finds the item
 * final, or is one too many: that costs time and changes nothing. */
static int revive(struct relay *r, struct watched_job *job, const char *kind,
		  struct weir_error *err)
{
	struct weir_error why;
	uint32_t waiting = 0;
	int64_t batches = 0, retries = 0;
	job->moved_us = clock_us();
	if (!r->broker || r->blocked)
		return 0;
	if (topology_check_kind(r->broker, kind, &waiting, &why) < 0) {
		relay_lose_broker(r, &why);
		return weir_fail(err, why.code, "%s", why.text);
	}
	if (waiting > 0)
		return 0;
	if (tell_ledger(r, revive_batches, job->job_id, &batches, err) < 0 ||
	    tell_ledger(r, revive_retries, job->job_id, &retries, err) < 0)
		return -1;
	if (batches + retries == 0)
		return 0;
	r->due = true;
	log_event(LOG_WARN, "job_revived",
		  "job=%s batches=%lld retries=%lld text=\"no item of it has "
		  "ended for long and its queue is empty: what was queued is published again\"",
		  job->job_id, (long long)batches, (long long)retries);
	return 0;
}

/* Redis may have lost its keys, or not yet know how many items there are. */
static int check_running(struct relay *r, struct watched_job *job, const char *kind, bool sealed,
			 int64_t total, struct weir_error *err)
{
	struct progress_counts counts;
	bool known;
	if (progress_read(r->progress, job->job_id, 1, &known, &counts, err) < 0)
		return -1;
	if (!known) {
		log_event(LOG_INFO, "progress_rebuilt", "job=%s", job->job_id);
		return jobs_rebuild(r->ledger, r->progress, job->job_id, 1, err);
	}
	int64_t done = counts.success + counts.failed + counts.cancelled;
	if (done != job->done) {
		job->done = done;
		job->moved_us = clock_us();
	}
	if (sealed && counts.total != total)
		return progress_set_total(r->progress, job->job_id, 1, total, err);
	if (clock_us() - job->moved_us > r->options.lost_after_ms * 1000)
		return revive(r, job, kind, err);
	return 0;
}

static bool of_redis(const struct weir_error *why) { return strncmp(why->code, "redis", 5) == 0; }

/* One line when Redis goes, and one when it is back. */
static void note_redis(struct relay *r, bool away, const struct weir_error *why)
{
	if (away == r->redis_away)
		return;
	r->redis_away = away;
	if (away)
		log_event(LOG_WARN, "redis_away",
			  "error=\"%s\" text=\"work goes on, progress is "
			  "rebuilt when it is back\"",
			  why->text);
	else
		log_event(LOG_INFO, "redis_back", "connection=%s", "new");
}

static void look_after(struct relay *r, const PGresult *rows, int row)
{
	struct weir_error why = {"", ""};
	const char *job_id = PQgetvalue(rows, row, 0), *kind = PQgetvalue(rows, row, 4);
	bool sealed = ledger_bool(rows, row, 1), ended = ledger_bool(rows, row, 2);
	struct watched_job *job = watch(r, job_id);
	int rc = 0;
	if (!job)
		return;
	job->seen = true;
	bool told = r->told_done && strcmp(r->told_done, job_id) == 0;
	if (sealed && !ended && (told || clock_us() >= job->count_at_us))
		rc = end_if_done(r, job, &ended, &why);
	if (rc == 0)
		rc = ended ? check_ended(r, job_id, &why)
			   : check_running(r, job, kind, sealed, ledger_big(rows, row, 3), &why);
	note_redis(r, rc < 0 && of_redis(&why), &why);
	if (rc < 0 && !of_redis(&why))
		log_event(LOG_WARN, "job_not_checked", "job=%s error=\"%s\"", job_id, why.text);
}

void jobs_turn(struct relay *r)
{
	struct weir_error why;
	PGresult *rows = NULL;
	r->jobs_at_us = clock_us() + LOOK_US;
	params_reset(&r->params);
	params_string(&r->params, r->only_job);
	if (ledger_query(r->ledger, open_jobs, &r->params, true, &rows, &why) < 0) {
		relay_lose_ledger(r, &why);
		return;
	}
	for (size_t i = 0; i < r->job_count; i++)
		r->jobs[i].seen = false;
	for (int i = 0; i < PQntuples(rows) && ledger_alive(r->ledger); i++)
		look_after(r, rows, i);
	PQclear(rows);
	forget_unseen(r);
	free(r->told_done);
	r->told_done = NULL;
}
