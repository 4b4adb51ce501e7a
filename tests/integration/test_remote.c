/* Remote batches: from requests in the ledger to answers, whatever happens in between. The consumer
 * is not there: the requests are written by the tests, and a driver alone looks after them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "world.h"

static const char *const models[] = {"claude-batch", "gpt-batch"};
#define MODELS (sizeof models / sizeof *models)
#define BOTH for (size_t v = 0; v < MODELS; v++)
#define MODEL models[v]

/* ---- jobs whose items wait for an answer ---- */

/* As a consumer leaves it: items that wait for long, and a request each. */
static void ask(const char *job, const char *model, int n)
{
	sql_text("INSERT INTO weir.jobs (job_id, kind, context, config, batch_size, status,"
		 " total_items, sealed_at, started_at)"
		 " VALUES ('%s', 'pass', '{}', '{}', 1000, 'running', %d, now(), now())",
		 job, n);
	sql_text("INSERT INTO weir.job_batches (job_id, stage, n, size, status)"
		 " SELECT '%s', 1, g, least(1000, %d - g * 1000), 'queued'"
		 " FROM generate_series(0, (%d - 1) / 1000) g",
		 job, n, n);
	sql_text("INSERT INTO weir.items (job_id, stage, ordinal, custom_id, payload)"
		 " SELECT '%s', 1, g, 'item_' || lpad(g::text, 5, '0'), '{}'"
		 " FROM generate_series(0, %d - 1) g",
		 job, n);
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " SELECT '%s', 1, g, 0, now() + weir.asked_for() FROM generate_series(0, %d - 1) g",
		 job, n);
	sql_text("INSERT INTO weir.requests (job_id, stage, ordinal, custom_id, attempt, ai_model,"
		 " model_key, body, tokens)"
		 " SELECT job_id, 1, ordinal, custom_id, 0, '%s', 'idea', json_build_object("
		 "  'model', '%s', 'max_tokens', 100, 'messages', json_build_array(json_build_object("
		 "   'role', 'user', 'content', job_id || '/' || custom_id || ' \303\244 \"x\"')))::text,"
		 "  20 FROM weir.items WHERE job_id = '%s'",
		 model, model, job);
}

static struct process *drive(const char *failpoint)
{
	return start(failpoint, "remote_driver", NULL);
}

static bool await_done(const char *job)
{
	return await(PATIENCE_MS,
		     "SELECT NOT EXISTS (SELECT FROM weir.requests WHERE job_id = '%s')"
		     " AND NOT EXISTS (SELECT FROM weir.remote_batches WHERE job_id = '%s'"
		     "  AND state <> 'done')",
		     job, job);
}

static void expect_good(const char *job, int n)
{
	EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE job_id = '%s'", job), n);
	EXPECT_INT(sql("SELECT count(DISTINCT ordinal) FROM weir.answers WHERE job_id = '%s'"
		       " AND error_class IS NULL AND answer LIKE 'answer %%'"
		       " AND remote_batch IS NOT NULL AND input_tokens > 0 AND output_tokens > 0"
		       " AND cost = input_tokens * 0.000001 + output_tokens * 0.000005",
		       job),
		   n);
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries WHERE job_id = '%s'"
		       " AND due_at <= now()",
		       job),
		   n);
}

/* wanted: "succeeded errored canceled expired missing" of all of the job's remote batches. */
static void expect_tally(const char *job, const char *wanted)
{
	const char *seen = sql_text("SELECT concat_ws(' ', sum(succeeded), sum(errored),"
				    " sum(canceled), sum(expired), sum(missing))"
				    " FROM batch_remote WHERE job_id = '%s'",
				    job);
	EXPECT(strcmp(seen, wanted) == 0, "%s has %s, not %s", job, seen, wanted);
}

static bool is_line(const json_t *line)
{
	const char *path = json_string_value(json_object_get(line, "path"));
	return path && strcmp(path, "line") == 0;
}

/* Each item's own request was asked; returns how many lines were billed. No custom_id of a job was
 * billed twice. */
static int64_t check_log(const char *job, int n)
{
	unsigned char *billed = calloc((size_t)n, 1);
	json_t *line, *log = fake_log();
	size_t i;
	int64_t all = 0;
	json_array_foreach(log, i, line)
	{
		char wanted[160];
		int at = -1;
		const char *id = json_string_value(json_object_get(line, "custom_id"));
		const char *user = json_string_value(json_object_get(line, "user"));
		if (!is_line(line) || !user || strncmp(user, job, strlen(job)) != 0)
			continue;
		snprintf(wanted, sizeof wanted, "%s/%s \303\244 \"x\"", job, id);
		EXPECT(strcmp(user, wanted) == 0, "%s was asked: %s", id, user);
		EXPECT(sscanf(id, "item_%d", &at) == 1 && at >= 0 && at < n, "a line of %s", id);
		if (!json_is_true(json_object_get(line, "billed")) || at < 0 || at >= n)
			continue;
		EXPECT(billed[at]++ == 0, "%s of %s was billed again", id, job);
		all++;
	}
	json_decref(log);
	free(billed);
	return all;
}

/* All of a job answered once, and paid for once. */
static void check_paid_once(const char *job, int n)
{
	await_done(job);
	expect_good(job, n);
	EXPECT_INT(check_log(job, n), n);
	EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches WHERE holder IS NOT NULL"
		       " AND state = 'done'"),
		   0);
}

/* ---- all goes well ---- */

static void answers_all(void)
{
	BOTH
	{
		fake_clean();
		ask("plain", MODEL, 1234);
		struct process *p = drive(NULL);
		check_paid_once("plain", 1234);
		expect_tally("plain", "1234 0 0 0 0");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 1);
		EXPECT_PART(log_of(p), "remote_batch_created");
		EXPECT_PART(log_of(p), "remote_batch_ended");
		stop(p);
	}
}

void add_remote_suite(void)
{
	CU_pSuite s = FAKE_SUITE("remote batches");
	CU_add_test(s, "all requests of a job are answered once, from one batch", answers_all);
}
