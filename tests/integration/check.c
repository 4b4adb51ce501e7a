/* The checker: compares all that a finished job has left behind with what its items say it must be.
 * It computes everything itself, and asks each server in its own language. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define LISTED 5 /* wrong items that are named, of each sort */

static int count_good(const struct job *job)
{
	int good = 0;
	for (int i = 0; i < job->size; i++)
		good += job->items[i].failure == NULL;
	return good;
}

/* ---- the ledger ---- */

static void check_job(const struct job *job)
{
	int good = count_good(job), bad = job->size - good;
	char seen[256], wanted[256];
	PGresult *r = sql_rows("SELECT status, total_items, processed_items, success_count,"
			       " failure_count, cancelled_count, sealed_at IS NOT NULL"
			       " FROM batch_jobs WHERE job_id = '%s'",
			       job->id);
	if (EXPECT(PQntuples(r) == 1, "batch_jobs has %d rows of %s", PQntuples(r), job->id)) {
		snprintf(seen, sizeof seen, "%s %s %s %s %s %s %s", PQgetvalue(r, 0, 0),
			 PQgetvalue(r, 0, 1), PQgetvalue(r, 0, 2), PQgetvalue(r, 0, 3),
			 PQgetvalue(r, 0, 4), PQgetvalue(r, 0, 5), PQgetvalue(r, 0, 6));
		snprintf(wanted, sizeof wanted, "%s %d %d %d %d 0 t",
			 good == 0 && bad > 0 ? "failed" : "completed", job->size, job->size, good,
			 bad);
		EXPECT(strcmp(seen, wanted) == 0, "job %s: %s, not %s", job->id, seen, wanted);
	}
	PQclear(r);
}

static bool item_is(const struct job *job, int i, const PGresult *r)
{
	const struct item *it = &job->items[i];
	char batch[128];
	snprintf(batch, sizeof batch, "%s-s1-b%d", job->id, i / job->batch_size);
	return strcmp(PQgetvalue(r, i, 0), it->id) == 0 &&
	       strcmp(PQgetvalue(r, i, 1), it->failure ? "failed" : "success") == 0 &&
	       strcmp(PQgetvalue(r, i, 2), it->failure ? it->failure : "") == 0 &&
	       (it->attempts == 0 || atoi(PQgetvalue(r, i, 3)) == it->attempts) &&
	       strcmp(PQgetvalue(r, i, 4), batch) == 0 && PQgetvalue(r, i, 5)[0] == 't';
}

static void check_items(const struct job *job)
{
	int wrong = 0;
	PGresult *r = sql_rows("SELECT custom_id, status, error_class, attempts, batch_id,"
			       " finished_at IS NOT NULL, error FROM batch_items"
			       " WHERE job_id = '%s' ORDER BY ordinal",
			       job->id);
	EXPECT(PQntuples(r) == job->size, "batch_items has %d rows of %s, not %d", PQntuples(r),
	       job->id, job->size);
	for (int i = 0; i < job->size && i < PQntuples(r); i++) {
		const struct item *it = &job->items[i];
		if (item_is(job, i, r) || wrong++ >= LISTED)
			continue;
		EXPECT(false, "%s %s: %s %s \"%s\", %s attempts, batch %s; wanted: %s, %d attempts",
		       job->id, PQgetvalue(r, i, 0), PQgetvalue(r, i, 1), PQgetvalue(r, i, 2),
		       PQgetvalue(r, i, 6), PQgetvalue(r, i, 3), PQgetvalue(r, i, 4),
		       it->failure ? it->failure : "success", it->attempts);
	}
	EXPECT(wrong == 0, "%d of %d items of %s are wrong", wrong, job->size, job->id);
	PQclear(r);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = '%s'", job->id),
		   job->size);
	EXPECT_INT(sql("SELECT count(*) FROM weir.trials WHERE job_id = '%s'", job->id), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries WHERE job_id = '%s'", job->id), 0);
}

static void check_batches(const struct job *job)
{
	int count = (job->size + job->batch_size - 1) / job->batch_size;
	PGresult *r = sql_rows("SELECT batch_id, items, status FROM batches WHERE job_id = '%s'"
			       " ORDER BY n",
			       job->id);
	EXPECT(PQntuples(r) == count, "%s has %d batches, not %d", job->id, PQntuples(r), count);
	for (int i = 0; i < count && i < PQntuples(r); i++) {
		char name[128];
		int left = job->size - i * job->batch_size;
		int size = left < job->batch_size ? left : job->batch_size;
		snprintf(name, sizeof name, "%s-s1-b%d", job->id, i);
		EXPECT(strcmp(PQgetvalue(r, i, 0), name) == 0 &&
			       atoi(PQgetvalue(r, i, 1)) == size &&
			       strcmp(PQgetvalue(r, i, 2), "done") == 0,
		       "batch %d: %s with %s items is %s; wanted: %s with %d items, done", i,
		       PQgetvalue(r, i, 0), PQgetvalue(r, i, 1), PQgetvalue(r, i, 2), name, size);
	}
	PQclear(r);
}

/* ---- effects ---- */

static void check_sum(const struct job *job, const char *key, int64_t total, int64_t times)
{
	char seen[64], wanted[64];
	PGresult *r = sql_rows("SELECT total, times FROM effects WHERE key = '%s'", key);
	bool there = PQntuples(r) == 1;
	snprintf(seen, sizeof seen, "%s in %s", there ? PQgetvalue(r, 0, 0) : "0",
		 there ? PQgetvalue(r, 0, 1) : "0");
	snprintf(wanted, sizeof wanted, "%lld in %lld", (long long)total, (long long)times);
	EXPECT(strcmp(seen, wanted) == 0, "sum of %s of %s: %s items, not %s", key, job->id, seen,
	       wanted);
	PQclear(r);
}

static bool seen_before(const struct job *job, int i)
{
	for (int k = 0; k < i && k < 64; k++)
		if (strcmp(job->items[k].key, job->items[i].key) == 0)
			return true;
	return i >= 64; /* job_new() makes seven keys */
}

static void check_sums(const struct job *job)
{
	for (int i = 0; i < job->size; i++) {
		int64_t total = 0, times = 0;
		if (seen_before(job, i))
			continue;
		for (int k = 0; k < job->size; k++) {
			const struct item *it = &job->items[k];
			if (it->failure || strcmp(it->key, job->items[i].key) != 0)
				continue;
			total += it->amount;
			times++;
		}
		check_sum(job, job->items[i].key, total, times);
	}
	EXPECT_INT(
		sql("SELECT coalesce(sum(times), 0) FROM effects WHERE key LIKE '%s.%%'", job->id),
		count_good(job));
}

/* One row each, in the order of the items, which is that of their names. */
static void check_log(const struct job *job)
{
	int row = 0, wrong = 0;
	PGresult *r = sql_rows("SELECT custom_id, label, count(*) FROM effect_log"
			       " WHERE job_id = '%s' GROUP BY custom_id, label"
			       " ORDER BY custom_id COLLATE \"C\", label",
			       job->id);
	for (int i = 0; i < job->size; i++) {
		if (job->items[i].failure)
			continue;
		bool right = row < PQntuples(r) &&
			     strcmp(PQgetvalue(r, row, 0), job->items[i].id) == 0 &&
			     strcmp(PQgetvalue(r, row, 1), job->label) == 0 &&
			     strcmp(PQgetvalue(r, row, 2), "1") == 0;
		if (!right && wrong++ < LISTED)
			EXPECT(false, "effect of %s %s with %s: there is %s with %s, %s times",
			       job->id, job->items[i].id, job->label,
			       row < PQntuples(r) ? PQgetvalue(r, row, 0) : "nothing",
			       row < PQntuples(r) ? PQgetvalue(r, row, 1) : "",
			       row < PQntuples(r) ? PQgetvalue(r, row, 2) : "");
		row++;
	}
	EXPECT(row == PQntuples(r), "effect_log has %d different rows of %s, not %d", PQntuples(r),
	       job->id, row);
	PQclear(r);
	EXPECT_INT(sql("SELECT count(*) FROM effect_log WHERE job_id = '%s'", job->id),
		   count_good(job));
}

/* ---- Redis ---- */

static void check_progress(const struct job *job)
{
	int good = count_good(job), wrong = 0;
	unsigned char *states = calloc((size_t)job->size + 1, 1);
	EXPECT_INT(redis_count(job->id, "total"), job->size);
	EXPECT_INT(redis_count(job->id, "success"), good);
	EXPECT_INT(redis_count(job->id, "failed"), job->size - good);
	EXPECT_INT(redis_count(job->id, "cancelled"), 0);
	EXPECT(states && redis_states(job->id, states, job->size), "Redis has no states of %s",
	       job->id);
	for (int i = 0; states && i < job->size; i++) {
		int wanted = job->items[i].failure ? 2 : 1;
		if (states[i] != wanted && wrong++ < LISTED)
			EXPECT(false, "Redis: item %d of %s has state %d, not %d", i, job->id,
			       states[i], wanted);
	}
	free(states);
}

/* ---- the report ---- */

static int64_t member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return json_is_integer(value) ? json_integer_value(value) : INT64_MIN;
}

static bool is_text(const json_t *object, const char *name, const char *wanted)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text && strcmp(text, wanted) == 0;
}

static void check_report(const struct job *job)
{
	json_error_t why;
	int good = count_good(job);
	const struct outcome *o = run(NULL, "weir", "report", job->id, "--format", "json", NULL);
	EXPECT(o->status == 0, "report of %s: %d: %s", job->id, o->status, o->err);
	json_t *report = json_loads(o->out, 0, &why);
	EXPECT(report != NULL, "the report of %s is not JSON: line %d: %s", job->id, why.line,
	       why.text);
	EXPECT_INT(member(report, "total_items"), job->size);
	EXPECT_INT(member(report, "processed_items"), job->size);
	EXPECT_INT(member(report, "success_count"), good);
	EXPECT_INT(member(report, "failure_count"), job->size - good);
	EXPECT_INT(member(report, "cancelled"), 0);
	EXPECT_INT(member(report, "pending"), 0);
	EXPECT_INT((int64_t)json_array_size(json_object_get(report, "failures")),
		   job->size - good < 100 ? job->size - good : 100);
	EXPECT(json_is_true(json_object_get(report, "consistent")), "the report of %s: %.1500s",
	       job->id, o->out);
	EXPECT(is_text(report, "redis", "equal"), "the report of %s: %.1500s", job->id, o->out);
	json_decref(report);
}

/* ---- what must hold of any job ---- */

void expect_job_counted(const char *id)
{
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches b JOIN weir.jobs j USING (job_id)"
		       " CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE status = 1) AS good,"
		       "  count(*) FILTER (WHERE status = 2) AS bad,"
		       "  count(*) FILTER (WHERE status = 3) AS off FROM weir.results r"
		       "  WHERE r.job_id = b.job_id AND r.stage = b.stage"
		       "  AND r.ordinal / j.batch_size = b.n) r WHERE b.job_id = '%s'"
		       " AND (b.success, b.failed, b.cancelled) <> (r.good, r.bad, r.off)",
		       id),
		   0);
	EXPECT_INT(
		sql("SELECT count(*) FROM batch_jobs b JOIN weir.jobs j USING (job_id)"
		    " WHERE job_id = '%s' AND j.completed_at IS NOT NULL"
		    " AND (b.success_count + b.failure_count + b.cancelled_count"
		    "  <> b.total_items OR b.status NOT IN ('completed', 'failed', 'cancelled'))",
		    id),
		0);
	EXPECT_INT(sql("SELECT count(*) FROM (SELECT FROM weir.results WHERE job_id = '%s'"
		       " GROUP BY stage, ordinal HAVING count(*) > 1) r",
		       id),
		   0);
}

void expect_job_counts(const char *id, const char *wanted)
{
	const char *seen = sql_text("SELECT concat_ws(' ', success_count, failure_count,"
				    " cancelled_count, 'of', total_items) FROM batch_jobs"
				    " WHERE job_id = '%s'",
				    id);
	EXPECT(strcmp(seen, wanted) == 0, "%s has %s, not %s", id, seen, wanted);
}

void expect_job_status(const char *id, const char *wanted)
{
	const char *seen = sql_text("SELECT status FROM weir.jobs WHERE job_id = '%s'", id);
	EXPECT(strcmp(seen, wanted) == 0, "%s is %s, not %s", id, seen, wanted);
}

/* ---- all ---- */

void check_exact(const struct job *job)
{
	char queue[64];
	snprintf(queue, sizeof queue, "weir.%s", job->kind);
	queue_await_size(queue, 0);
	queue_await_size("weir.dead", 0);
	check_job(job);
	check_items(job);
	check_batches(job);
	check_sums(job);
	check_log(job);
	check_progress(job);
	check_report(job);
}
