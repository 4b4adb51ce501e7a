#include "remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const remote_models[MODELS] = {"claude-batch", "gpt-batch"};
const char *const remote_results_path[MODELS] = {"/v1/messages/batches/{id}/results",
						 "/v1/files/{id}/content"};
const char *const remote_create_path[MODELS] = {"/v1/messages/batches", "/v1/batches"};
const char *const remote_batch_path[MODELS] = {"/v1/messages/batches/{id}", "/v1/batches/{id}"};

void remote_ask(const char *job, const char *model, int n)
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
	sql_text(
		"INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		" SELECT '%s', 1, g, 0, now() + weir.asked_for() FROM generate_series(0, %d - 1) g",
		job, n);
	sql_text("INSERT INTO weir.requests (job_id, stage, ordinal, custom_id, attempt, ai_model,"
		 " model_key, body, tokens)"
		 " SELECT job_id, 1, ordinal, custom_id, 0, '%s', 'idea', json_build_object("
		 "  'model', '%s', 'max_tokens', 100, 'messages', "
		 "json_build_array(json_build_object("
		 "   'role', 'user', 'content', job_id || '/' || custom_id || ' \303\244 "
		 "\"x\"')))::text,"
		 "  20 FROM weir.items WHERE job_id = '%s'",
		 model, model, job);
}

struct process *remote_drive(const char *failpoint)
{
	return start(failpoint, "remote_driver", NULL);
}

bool remote_await_done(const char *job)
{
	return await(PATIENCE_MS,
		     "SELECT NOT EXISTS (SELECT FROM weir.requests WHERE job_id = '%s')"
		     " AND NOT EXISTS (SELECT FROM weir.remote_batches WHERE job_id = '%s'"
		     "  AND state <> 'done')",
		     job, job);
}

void remote_expect_rows(const char *job, int n, int unread)
{
	EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE job_id = '%s'", job), n + unread);
	EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE job_id = '%s' AND cost IS NULL"
		       " AND NOT usage_known AND answer = '' AND error > ''",
		       job),
		   unread);
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

void remote_expect_tally(const char *job, const char *wanted)
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

/* What was stored is what was answered to the item's own request. */
static void check_answer(const PGresult *answers, int at, const json_t *line)
{
	char wanted[64];
	snprintf(wanted, sizeof wanted, "answer %s",
		 json_string_value(json_object_get(line, "hash")));
	EXPECT(strcmp(PQgetvalue(answers, at, 1), wanted) == 0, "item %d has \"%s\", not \"%s\"",
	       at, PQgetvalue(answers, at, 1), wanted);
}

int64_t remote_check_log(const char *job, int n)
{
	unsigned char *billed = calloc((size_t)n, 1);
	json_t *line, *log = fake_log();
	PGresult *answers = sql_rows("SELECT g, a.answer FROM generate_series(0, %d) g LEFT JOIN"
				     " weir.answers a ON a.job_id = '%s' AND a.ordinal = g"
				     " AND a.answer IS DISTINCT FROM ''"
				     " ORDER BY g",
				     n - 1, job);
	size_t i;
	int64_t all = 0;
	json_array_foreach(log, i, line)
	{
		char wanted[160];
		int at = -1;
		const char *id = json_string_value(json_object_get(line, "custom_id"));
		const char *user = json_string_value(json_object_get(line, "user"));
		if (!is_line(line) || !user || strncmp(user, job, strlen(job)) != 0 ||
		    user[strlen(job)] != '/')
			continue;
		snprintf(wanted, sizeof wanted, "%s/%s \303\244 \"x\"", job, id);
		EXPECT(strcmp(user, wanted) == 0, "%s was asked: %s", id, user);
		EXPECT(sscanf(id, "item_%d", &at) == 1 && at >= 0 && at < n, "a line of %s", id);
		if (!json_is_true(json_object_get(line, "billed")) || at < 0 || at >= n)
			continue;
		EXPECT(billed[at]++ == 0, "%s of %s was billed again", id, job);
		check_answer(answers, at, line);
		all++;
	}
	PQclear(answers);
	json_decref(log);
	free(billed);
	return all;
}

void remote_check_answered(const char *job, int n, int unread)
{
	remote_await_done(job);
	remote_expect_rows(job, n, unread);
	EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches WHERE holder IS NOT NULL"
		       " AND state = 'done'"),
		   0);
	EXPECT_INT(fake_count("keys.other"), 0);
}

void remote_check_paid_once(const char *job, int n)
{
	remote_check_answered(job, n, 0);
	EXPECT_INT(remote_check_log(job, n), n);
}

void remote_expect_text(const char *seen, const char *wanted)
{
	EXPECT(strcmp(seen, wanted) == 0, "\"%s\", not \"%s\"", seen, wanted);
}

void remote_expect_answer(int item, const char *wanted)
{
	const char *seen = sql_text("SELECT concat_ws(' ', coalesce(error_class, 'good'), again)"
				    " FROM weir.answers WHERE ordinal = %d AND NOT spent",
				    item);
	EXPECT(strcmp(seen, wanted) == 0, "item %d: %s, not %s", item, seen, wanted);
}
