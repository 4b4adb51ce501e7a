/* Remote batches: from requests in the ledger to answers, whatever happens in between. The consumer
 * is not there: the requests are written by the tests, and a driver alone looks after them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asked.h"
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

/* unread: those of which nothing is known but that they may have been answered. */
static void expect_rows(const char *job, int n, int unread)
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

/* What was stored is what was answered to the item's own request. */
static void check_answer(const PGresult *answers, int at, const json_t *line)
{
	char wanted[64];
	snprintf(wanted, sizeof wanted, "answer %s",
		 json_string_value(json_object_get(line, "hash")));
	EXPECT(strcmp(PQgetvalue(answers, at, 1), wanted) == 0, "item %d has \"%s\", not \"%s\"",
	       at, PQgetvalue(answers, at, 1), wanted);
}

/* Each item's own request was asked; returns how many lines were billed. No custom_id of a job was
 * billed twice. */
static int64_t check_log(const char *job, int n)
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

/* All of a job answered, and as often as it was answered for nothing (or may have been) told so. */
static void check_answered(const char *job, int n, int unread)
{
	await_done(job);
	expect_rows(job, n, unread);
	EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches WHERE holder IS NOT NULL"
		       " AND state = 'done'"),
		   0);
	EXPECT_INT(fake_count("keys.other"), 0);
}

/* All of a job answered once, and paid for once. */
static void check_paid_once(const char *job, int n)
{
	check_answered(job, n, 0);
	EXPECT_INT(check_log(job, n), n);
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

/* One model of each vendor, whose remote batches are small. more: a line of options. */
static void write_models(const char *more)
{
	struct {
		const char *name, *vendor;
	} rows[] = {{models[0], "anthropic"}, {models[1], "openai"}};
	char text[2048];
	int n = 0;
	for (size_t i = 0; i < MODELS; i++)
		n += snprintf(text + n, sizeof text - (size_t)n,
			      "  %s:\n    provider: %s\n    base_url: $URL\n    key_env: FAKE_KEY\n"
			      "    input_price: 1\n    output_price: 5\n    mode: batch\n"
			      "    batch: {wait: 50ms, poll_least: 50ms, poll_most: 100ms,"
			      " adopt_wait: 1s%s%s}\n",
			      rows[i].name, rows[i].vendor, *more ? ", " : "", more);
	models_write(text);
}

static void expect_batches(const char *job, int64_t batches, int64_t most)
{
	EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches WHERE job_id = '%s'", job),
		   batches);
	EXPECT_INT(sql("SELECT max(size) FROM weir.remote_batches WHERE job_id = '%s'", job), most);
}

static void splits(void)
{
	static const struct {
		const char *limit;
		int64_t batches, most;
	} rows[] = {{"requests: 100", 6, 100}, {"tokens: 600", 20, 30}};
	BOTH for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
	{
		fake_clean();
		write_models(rows[i].limit);
		ask("split", MODEL, 590);
		struct process *p = drive(NULL);
		check_paid_once("split", 590);
		expect_batches("split", rows[i].batches, rows[i].most);
		stop(p);
	}
}

static void splits_by_bytes(void)
{
	BOTH
	{
		fake_clean();
		write_models("bytes: 100KB");
		ask("split", MODEL, 400);
		sql_text("UPDATE weir.requests SET body = replace(body, '\"max_tokens\"',"
			 " repeat(' ', 1000) || '\"max_tokens\"')");
		struct process *p = drive(NULL);
		check_paid_once("split", 400);
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches WHERE size NOT BETWEEN 60"
			       " AND 100"),
			   1); /* the last */
		stop(p);
	}
}

static void waits_for_more(void)
{
	write_models("wait: 1h, requests: 100");
	models_write("  claude-batch:\n    provider: anthropic\n    base_url: $URL\n"
		     "    key_env: FAKE_KEY\n    mode: batch\n"
		     "    input_price: 1\n    output_price: 5\n"
		     "    batch: {wait: 1h, requests: 100, poll_least: 50ms, poll_most: 100ms}\n");
	ask("full", "claude-batch", 100);
	ask("few", "claude-batch", 99);
	struct process *p = drive(NULL);
	await_done("full");
	EXPECT_INT(sql("SELECT count(*) FROM weir.requests WHERE job_id = 'few'"
		       " AND remote_batch IS NULL"),
		   99);
	sql_text("UPDATE weir.requests SET asked_at = now() - interval '2 h'");
	check_paid_once("few", 99);
	stop(p);
}

static void drivers_share(void)
{
	BOTH
	{
		struct process *p[3];
		fake_clean();
		write_models("requests: 40");
		ask("shared", MODEL, 1000);
		ask("shared2", MODEL, 300);
		for (size_t i = 0; i < 3; i++)
			p[i] = drive(NULL);
		check_paid_once("shared", 1000);
		check_paid_once("shared2", 300);
		expect_batches("shared", 25, 40);
		expect_batches("shared2", 8, 40);
		for (size_t i = 0; i < 3; i++)
			stop(p[i]);
	}
}

/* ---- lines ---- */

static void expect_answer(int item, const char *wanted)
{
	const char *seen = sql_text("SELECT concat_ws(' ', coalesce(error_class, 'good'), again)"
				    " FROM weir.answers WHERE ordinal = %d AND NOT spent",
				    item);
	EXPECT(strcmp(seen, wanted) == 0, "item %d: %s, not %s", item, seen, wanted);
}

#define LINE(id, times, act)                                                                       \
	"{'match': {'path': 'line', 'custom_id': 'item_0000" id "'" times "}, 'do': {" act "}}"

static void takes_each_line(void)
{
	static const char script[] = "{'rules': [" LINE("1", ", 'times': 1", "'line': 'expired'") "," LINE("2", ", 'times': 1", "'line': 'canceled'") "," LINE(
		"3", ", 'times': 1",
		"'line': 'missing'") "," LINE("4", "",
					      "'line': 'errored', 'status': "
					      "400") "," LINE("5", ", 'times': 1",
							      "'line': "
							      "'errored', "
							      "'status': "
							      "500") "," LINE("6", "",
									      "'stop_reason'"
									      ": '%s'") "," LINE("7",
												 "",
												 "'"
												 "s"
												 "t"
												 "o"
												 "p"
												 "_"
												 "r"
												 "e"
												 "a"
												 "s"
												 "o"
												 "n"
												 "'"
												 ":"
												 " "
												 "'"
												 "%"
												 "s"
												 "'") "," LINE("8",
													       ", 'times': 1",
													       "'line': 'errored', 'status': 529") "]}";
	BOTH
	{
		fake_clean();
		fake_script(script, v ? "length" : "max_tokens", v ? "content_filter" : "refusal");
		ask("lines", MODEL, 10);
		struct process *p = drive(NULL);
		await_done("lines");
		for (int i = 0; i < 10; i++)
			expect_answer(i, i == 4	  ? "bad_request f"
					 : i == 6 ? "cut_answer t"
					 : i == 7 ? "refused_answer f"
						  : "good f");
		EXPECT_INT(check_log("lines", 10), 9);
		expect_tally("lines", v ? "9 3 0 1 2" : "9 3 1 1 1");
		/* What is missing may be waited for while others are asked again. */
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches") / 4, 0);
		EXPECT_INT(sql("SELECT count(*) FROM weir.retries WHERE due_at <= now()"), 10);
		stop(p);
	}
}

/* Of each batch the first half expires: the first two items three times. */
static void gives_up_after_tries(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'batch': {'expire_share': 0.5}}");
		ask("half", MODEL, 16);
		struct process *p = drive(NULL);
		await_done("half");
		expect_answer(0, "batch_expired t");
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE error_class IS NULL"), 14);
		EXPECT_INT(check_log("half", 16), 14);
		expect_tally("half", "14 0 0 14 0");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 3);
		stop(p);
	}
}

static const char *const results_path[] = {"/v1/messages/batches/{id}/results",
					   "/v1/files/{id}/content"};
static const char *const create_path[] = {"/v1/messages/batches", "/v1/batches"};
static const char *const batch_path[] = {"/v1/messages/batches/{id}", "/v1/batches/{id}"};

static void reads_cut_results_again(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'times': 2},"
			    " 'do': {'status': 200, 'cut_after_bytes': 300000}}]}",
			    results_path[v]);
		ask("cut", MODEL, 1500);
		struct process *p = drive(NULL);
		check_paid_once("cut", 1500);
		expect_tally("cut", "1500 0 0 0 0");
		stop(p);
	}
}

/* Of that which is there a little later nothing is asked again. */
static void waits_for_what_is_not_there_yet(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'GET', 'times': 2},"
			    " 'do': {'status': 404}},"
			    " {'match': {'path': '%s', 'times': 2}, 'do': {'status': 404}}]}",
			    batch_path[v], results_path[v]);
		ask("early", MODEL, 30);
		struct process *p = drive(NULL);
		check_paid_once("early", 30);
		expect_tally("early", "30 0 0 0 0");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 1);
		stop(p);
	}
}

/* It says that it has ended, and has no results for us so far. */
static void waits_for_late_results(void)
{
	fake_script(
		"{'rules': [{'match': {'path': '/v1/batches/{id}', 'method': 'GET', 'times': 3},"
		" 'do': {'status': 200, 'body': {'id': 'batch_1', 'object': 'batch', 'status':"
		" 'completed', 'request_counts': {'total': 30, 'completed': 30, 'failed': 0}}}}]}");
	ask("late", "gpt-batch", 30);
	struct process *p = drive(NULL);
	check_paid_once("late", 30);
	expect_tally("late", "30 0 0 0 0");
	stop(p);
}

static void sends_again_what_is_gone(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'batch': {'end_ms': 3600000}}");
		ask("gone", MODEL, 30);
		struct process *p = drive(NULL);
		await(PATIENCE_MS, "SELECT bool_and(state = 'running') FROM weir.remote_batches");
		fake_script("{'batch': {'end_ms': 100}}");
		sql_text("UPDATE weir.remote_batches SET remote_id = 'deleted_there'");
		check_answered("gone", 30, 30);
		EXPECT_INT(check_log("gone", 30), 30);
		expect_tally("gone", "30 0 0 0 30");
		stop(p);
	}
}

/* Lines that say nothing of an item, whatever they say: asked for in three remote batches in all,
 * each later than the one before. Of those that tell whose they are, nobody knows what they cost.
 */
static void gives_up_what_never_reads(void)
{
	static const char *const forms[] = {"broken",	 "text",   "wrong_id",	    "missing_id",
					    "number_id", "joined", "response_null", "type_unknown"};
	BOTH
	{
		fake_clean();
		fake_script(
			"{'rules': [" LINE("0", "", "'line_form': '%s'") "," LINE("1", "", "'line_form': '%s'") "," LINE("2", "", "'line_form': '%s'") "," LINE(
				"3", "",
				"'line_form': '%s'") "," LINE("4", "",
							      "'line_form': '%s'") "," LINE("5", "",
											    "'line_"
											    "form':"
											    " '%s'") "," LINE("6",
													      "",
													      "'line_form': '%s'") "," LINE("7",
																	    "",
																	    "'line': 'missing'") "]}",
			forms[0], forms[1], forms[2], forms[3], forms[4], forms[5], forms[6]);
		ask("odd", MODEL, 10);
		struct process *p = drive(NULL);
		await_done("odd");
		for (int i = 0; i < 8; i++)
			expect_answer(i, "lost f");
		expect_answer(8, "good f");
		expect_answer(9, "good f");
		expect_tally("odd", "2 0 0 0 24");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 3);
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE error LIKE '3 remote "
			       "batches came back without its answer: %%'"),
			   8);
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE ordinal < 8"
			       " AND cost IS NULL AND answer IS NOT NULL"),
			   24);
		EXPECT_INT(sql("SELECT count(*) FROM (SELECT created_at - lag(done_at) OVER (ORDER"
			       " BY id) AS apart, row_number() OVER (ORDER BY id) AS n"
			       " FROM weir.remote_batches) b WHERE n > 1"
			       " AND apart >= interval '0.9 s' * power(4, n - 2)"),
			   2);
		EXPECT_PART(log_of(p), "bad_result_line");
		stop(p);
	}
}

static void expect_lost(const char *job, int n, const char *why)
{
	await_done(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE job_id = '%s' AND NOT spent"
		       " AND error_class = 'lost' AND NOT again AND error LIKE '%%%s%%'"
		       " AND error NOT LIKE '%%duplicate key%%'",
		       job, why),
		   n);
	EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE job_id = '%s' AND cost IS NULL"
		       " AND NOT usage_known AND answer = ''",
		       job),
		   3 * n);
	EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE job_id = '%s'", job), 3 * n);
}

/* Whatever stands there in place of results, or of half of them, they are asked for again. */
static void reads_results_until_whole(void)
{
	static const char *const acts[] = {
		"'status': 200, 'body': '<html><title>502 Bad Gateway</title></html>'",
		"'status': 200, 'body': {'error': {'code': 500}}",
		"'status': 200, 'body': {'error': {'type': 'rate_limit_error'}}",
		"'status': 200, 'body': ''", "'wire': 'half'"};
	BOTH for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'times': 3}, 'do': {%s}}]}",
			    results_path[v], acts[i]);
		ask("again", MODEL, 30);
		struct process *p = drive(NULL);
		check_paid_once("again", 30);
		expect_tally("again", "30 0 0 0 0");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 1);
		stop(p);
	}
}

/* Never there: what was paid for is not known, and said to be so. */
static void tells_what_was_not_read(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s'}, 'do': {'status': 200, 'body':"
			    " '<html><title>502 Bad Gateway</title></html>'}}]}",
			    results_path[v]);
		ask("page", MODEL, 3);
		struct process *p = drive(NULL);
		expect_lost("page", 3,
			    "says that it completed 3: instead of results there is%"
			    "an HTML page: 502 Bad Gateway");
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'GET'},"
			    " 'do': {'patch': {'%s': null}}}]}",
			    batch_path[v], v ? "output_file_id" : "results_url");
		ask("null", MODEL, 3);
		stop(p);
		p = drive(NULL);
		expect_lost("null", 3, "says that it completed 3 of it");
		stop(p);
	}
}

static void reads_odd_lines(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [" LINE("0", "", "'line_form': 'error_both'") "," LINE("1", "", "'line_form': 'status_text'") "," LINE(
			"2", "",
			"'line_form': 'status_missing'") "," LINE("3", "",
								  "'line_form': "
								  "'half_character'") "," LINE("4",
											       "",
											       "'li"
											       "ne_"
											       "for"
											       "m':"
											       " '"
											       "sta"
											       "tus"
											       "_wo"
											       "rd"
											       "'") "]}");
		ask("odd", MODEL, 6);
		struct process *p = drive(NULL);
		await_done("odd");
		expect_answer(0, "lost f");
		for (int i = 1; i < 6; i++)
			expect_answer(i, i == 4 ? "provider_error t" : "good f");
		EXPECT_INT(
			sql("SELECT count(*) FROM weir.answers WHERE ordinal = 0 AND cost IS NULL"
			    " AND error LIKE '%%an answer, and an error as well: %%Internal "
			    "error'"),
			3);
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE ordinal = 4"
			       " AND error LIKE '%%Bad%%Gateway%%'"),
			   1);
		stop(p);
	}
}

/* Both were paid for; the first one counts. */
static void keeps_both_of_two(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [" LINE(
			"0", "",
			"'line_form': 'twice_other', 'answer': 'A', "
			"'draft': 'B'") "," LINE("1", "",
						 "'line_form': "
						 "'twice_other_first', "
						 "'answer': 'A', 'draft': "
						 "'B'") "," LINE("2", "",
								 "'line_"
								 "form': "
								 "'twice'") "]}");
		ask("two", MODEL, 4);
		struct process *p = drive(NULL);
		await_done("two");
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers"), 6);
		for (int i = 0; i < 2; i++)
			EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE ordinal = %d"
				       " AND cost > 0 AND answer = CASE"
				       " WHEN error_class IS NULL THEN '%s'"
				       " WHEN error_class = 'extra_answer' AND spent THEN '%s' END",
				       i, i ? "B" : "A", i ? "A" : "B"),
				   2);
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE error_class IS NULL"), 4);
		EXPECT_PART(log_of(p), "two_result_lines");
		stop(p);
	}
}

/* ---- ids that are given again ---- */

/* While another one has it, it is not to be told whose results are whose. Nothing else waits. */
static void refuses_an_id_that_is_used(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'batch': {'end_ms': 3600000}}");
		ask("first", MODEL, 4);
		struct process *p = drive(NULL);
		await(PATIENCE_MS, "SELECT bool_and(state = 'running') FROM weir.remote_batches");
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'POST'},"
			    " 'do': {'patch': {'id': '%s'}}}]}",
			    create_path[v], sql_text("SELECT remote_id FROM weir.remote_batches"));
		ask("second", MODEL, 4);
		ask("cancelled", MODEL, 4);
		sql_text("SELECT weir.cancel_job('cancelled')");
		expect_lost("second", 4,
			    "the provider calls it %, as it does remote batch %"
			    "which has not ended");
		await_done("cancelled");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches WHERE job_id = 'second'"),
			   3);
		EXPECT(fake_answered(create_path[v], NULL, 200) <= 1 + 3 + 3, "sent on and on");
		EXPECT_PART(log_of(p), "remote_batch_refused");
		fake_script("{'batch': {'end_ms': 100}}");
		ask("other", models[!v], 4);
		check_paid_once("other", 4);
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE job_id = 'first'"
			       " AND error_class IS NULL"),
			   0);
		stop(p);
	}
}

/* The server counts from 1 again; or it gives what was the answer to another. */
static void takes_an_id_again_if_it_is_new(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'batch': {'id': 'batch_1'}}");
		ask("old", MODEL, 4);
		struct process *p = drive(NULL);
		check_paid_once("old", 4);
		sql_text("UPDATE weir.remote_batches SET sent_at = sent_at - interval '1 hour'");
		ask("new", MODEL, 4);
		check_paid_once("new", 4);
		sql_text("UPDATE weir.remote_batches SET sent_at = sent_at - interval '1 hour'");
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'POST'},"
			    " 'do': {'patch': %s}}]}",
			    create_path[v],
			    v ? "{'metadata': {'weir': 'another'}}"
			      : "{'created_at': '2020-01-01T00:00:00Z'}");
		ask("stale", MODEL, 4);
		expect_lost("stale", 4,
			    v ? "what the provider has as batch_1 is another batch"
			      : "the provider calls it batch_1, as it does remote batch %"
				"which it may be");
		stop(p);
	}
}

/* One whose creation never gets an answer holds up none of another provider's. */
static void lets_others_pass(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'POST'},"
			    " 'do': {'status': 502}}]}",
			    create_path[v]);
		ask("stuck", MODEL, 4);
		struct process *p = drive(NULL);
		await(PATIENCE_MS, "SELECT bool_and(sent_at IS NOT NULL) FROM weir.remote_batches");
		ask("free", models[!v], 4);
		check_paid_once("free", 4);
		EXPECT_INT(sql("SELECT count(*) FROM weir.requests WHERE job_id = 'stuck'"), 4);
		stop(p);
	}
}

/* Not one of the lines is of the batch: it is ours all the same, for we have made it. */
static void gives_up_what_is_of_others(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': 'line'}, 'do': {'line_form':"
			    " 'wrong_id'}}]}");
		ask("other", MODEL, 3);
		struct process *p = drive(NULL);
		await_done("other");
		for (int i = 0; i < 3; i++)
			expect_answer(i, "lost f");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 3);
		stop(p);
	}
}

/* One id for all answers, and a line that comes twice: none hides another. */
static void tells_alike_apart(void)
{
	BOTH
	{
		fake_clean();
		fake_script(
			"{'rules': [" LINE(
				"1", ", 'times': 1",
				"'id': 'chatcmpl-1', "
				"'stop_reason': '%s'") "," LINE("2", "",
								"'line_form': 'twice_other', 'id': "
								"'chatcmpl-1'") ","
										"{'match': "
										"{'path': 'line'}, "
										"'do': {'id': "
										"'chatcmpl-1'}}]}",
			v ? "length" : "max_tokens");
		ask("alike", MODEL, 10);
		struct process *p = drive(NULL);
		await_done("alike");
		expect_answer(1, "cut_answer t");
		sql_text(
			"INSERT INTO weir.requests (job_id, stage, ordinal, custom_id, attempt,"
			" ai_model, model_key, body, tokens) SELECT job_id, 1, ordinal, custom_id, "
			"0,"
			" '%s', 'idea', json_build_object('model', '%s', 'max_tokens', 100,"
			" 'messages', json_build_array(json_build_object('role', 'user', 'content',"
			" 'once more')))::text, 20 FROM weir.items WHERE ordinal = 1",
			MODEL, MODEL);
		await_done("alike");
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE error_class IS NULL"), 10);
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers"), 12);
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers WHERE ordinal = 2 AND"
			       " error_class = 'extra_answer'"),
			   1);
		stop(p);
	}
}

/* A batch that its provider does not end, long after the time in which it would. */
static void gives_up_what_never_ends(void)
{
	fake_script("{'batch': {'end_ms': 100, 'finalizing_ms': 3600000, 'cancel_ms': 3600000}}");
	ask("endless", "gpt-batch", 3);
	struct process *p = drive(NULL);
	for (int round = 1; round <= 3; round++) {
		await(PATIENCE_MS,
		      "SELECT count(*) = %d AND bool_or(state = 'running')"
		      " FROM weir.remote_batches",
		      round);
		sql_text("UPDATE weir.remote_batches SET sent_at = sent_at - interval '27 hours'"
			 " WHERE state = 'running'");
		await(PATIENCE_MS,
		      "SELECT bool_and(state = 'done') FROM weir.remote_batches"
		      " WHERE id <= (SELECT min(id) + %d FROM weir.remote_batches)",
		      round - 1);
	}
	await_done("endless");
	for (int i = 0; i < 3; i++)
		expect_answer(i, "lost f");
	EXPECT_PART(log_of(p), "remote_batch_cancelled");
	stop(p);
}

static void reads_files_of_others(void)
{
	static const char *const forms[] = {
		"byte_order_mark", "crlf",	  "cr",	  "mark_and_crlf",
		"blank_lines",	   "no_last_end", "array"};
	BOTH for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
	{
		fake_clean();
		fake_script("{'batch': {'file_form': '%s'}}", forms[i]);
		ask("file", MODEL, 30);
		struct process *p = drive(NULL);
		check_paid_once("file", 30);
		stop(p);
	}
}

/* ---- answers of the provider that are lost ---- */

static void adopts(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'POST', 'times': 1},"
			    " 'do': {'accept_then_drop': true}}]}",
			    create_path[v]);
		ask("lost", MODEL, 300);
		struct process *p = drive(NULL);
		check_paid_once("lost", 300);
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 1);
		EXPECT_PART(log_of(p), "remote_batch_adopted");
		stop(p);
	}
}

/* They cannot be told from each other but by their results. */
static void adopts_many_alike(void)
{
	BOTH
	{
		fake_clean();
		write_models("requests: 50");
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'POST', 'times': 6},"
			    " 'do': {'accept_then_drop': true}}]}",
			    create_path[v]);
		ask("alike", MODEL, 400);
		ask("alike2", MODEL, 100);
		struct process *p = drive(NULL), *q = drive(NULL);
		check_paid_once("alike", 400);
		check_paid_once("alike2", 100);
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 10);
		stop(p);
		stop(q);
	}
}

static void sends_again_what_never_was(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'POST', 'times': 1},"
			    " 'do': {'status': 502}}]}",
			    create_path[v]);
		ask("never", MODEL, 50);
		struct process *p = drive(NULL);
		check_paid_once("never", 50);
		EXPECT_PART(log_of(p), "remote_batch_sent_again");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 1);
		stop(p);
	}
}

static void uploads_again(void)
{
	fake_script("{'rules': [{'match': {'path': '/v1/files', 'times': 1},"
		    " 'do': {'accept_then_drop': true}}]}");
	ask("file", "gpt-batch", 50);
	struct process *p = drive(NULL);
	check_paid_once("file", 50);
	EXPECT_INT(fake_answered("/v1/files", NULL, 200), 1);
	stop(p);
}

/* Somebody else's, of the same size and time. */
static void lets_others_go(void)
{
	ask("theirs", "claude-batch", 20);
	sql_text("UPDATE weir.items SET custom_id = 'x_' || custom_id");
	sql_text("UPDATE weir.requests SET custom_id = 'x_' || custom_id");
	struct process *p = drive(NULL);
	await_done("theirs");
	sql_text("DELETE FROM weir.items");
	sql_text("DELETE FROM weir.jobs");
	fake_script("{'rules': [{'match': {'path': '/v1/messages/batches', 'method': 'POST',"
		    " 'times': 1}, 'do': {'status': 502}}]}");
	ask("ours", "claude-batch", 20);
	check_answered("ours", 20, 20);
	EXPECT_INT(check_log("ours", 20), 20);
	EXPECT_PART(log_of(p), "remote_batch_adopted");
	EXPECT_INT(
		sql("SELECT count(*) FROM weir.remote_batches WHERE error LIKE '%%other requests'"),
		1);
	stop(p);
}

/* ---- processes that die, or are stopped ---- */

static void takes_over(void)
{
	static const char *const points[] = {
		"remote_chosen",	   "remote_uploaded", "remote_sent",
		"remote_created",	   "remote_polled",   "remote_answers_stored",
		"remote_answers_stored:2", "remote_read"};
	BOTH for (size_t i = 0; i < sizeof points / sizeof *points; i++)
	{
		if (v == 0 && strcmp(points[i], "remote_uploaded") == 0)
			continue;
		fake_clean();
		ask("killed", MODEL, 1200);
		struct process *p = drive(points[i]);
		EXPECT(await_exit(p, PATIENCE_MS) == -9, "%s: not killed at %s", MODEL, points[i]);
		/* As if the time of the lease were over. */
		sql_text("UPDATE weir.remote_batches SET held_until = now()");
		p = drive(NULL);
		check_paid_once("killed", 1200);
		expect_tally("killed", "1200 0 0 0 0");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 1);
		stop(p);
	}
}

/* The lease is all that another waits for. */
static void takes_over_in_time(void)
{
	ask("late", "claude-batch", 10);
	struct process *p = drive("remote_created");
	EXPECT_INT(await_exit(p, PATIENCE_MS), -9);
	EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches WHERE held_until"
		       " BETWEEN now() AND now() + interval '30 s'"),
		   1);
	p = drive(NULL);
	check_paid_once("late", 10);
	stop(p);
}

static void gives_back(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'batch': {'end_ms': 3600000}}");
		ask("long", MODEL, 30);
		struct process *p = drive(NULL);
		await(PATIENCE_MS, "SELECT bool_and(state = 'running' AND polls > 2)"
				   " FROM weir.remote_batches");
		/* Between two polls it is nobody's. */
		await(PATIENCE_MS, "SELECT bool_and(holder IS NULL AND next_at > now())"
				   " FROM weir.remote_batches");
		stop(p);
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches WHERE holder IS NULL"
			       " AND held_until IS NULL AND state = 'running'"),
			   1);
	}
}

/* What was sent before is still looked after. */
static void outlives_its_mode(void)
{
	fake_script("{'batch': {'end_ms': 500}}");
	ask("mode", "claude-batch", 10);
	struct process *p = drive(NULL);
	await(PATIENCE_MS, "SELECT bool_and(state = 'running') FROM weir.remote_batches");
	kill_hard(p);
	models_write(
		"  claude-batch:\n    provider: anthropic\n    base_url: $URL\n"
		"    key_env: FAKE_KEY\n    mode: call\n    input_price: 1\n    output_price: 5\n");
	sql_text("UPDATE weir.remote_batches SET held_until = now()");
	fake_await("billed", 10);
	p = drive(NULL);
	check_paid_once("mode", 10);
	stop(p);
}

static void outlives_the_ledger(void)
{
	fake_script("{'batch': {'end_ms': 2000}}");
	ask("away", "gpt-batch", 600);
	struct process *p = drive(NULL);
	await_log(p, "remote_batch_created");
	server("kill", "postgresql");
	server("up", "postgresql");
	sql_close();
	EXPECT_INT(sql_open(getenv("WEIR_PG_URL")), 0);
	sql_text("UPDATE weir.remote_batches SET held_until = now()");
	check_paid_once("away", 600);
	stop(p);
}

/* A consumer that comes to itself late: somebody else has asked, and has the answers. */
static void asks_no_more_when_answered(void)
{
	job_submit(asked_job("late", "ai_model=claude-batch", 20));
	sql_text("BEGIN");
	sql_text("LOCK TABLE weir.requests IN SHARE MODE");
	asked_begin();
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM pg_locks"
			   " WHERE NOT granted AND relation = 'weir.requests'::regclass");
	sql_text("INSERT INTO weir.answers (job_id, stage, ordinal, call_id, attempt, ai_model,"
		 " answer) SELECT 'late', 1, g, 'c' || g, 0, 'claude-batch',"
		 " '{\"title\": \"known\", \"score\": 0}' FROM generate_series(0, 19) g");
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " SELECT 'late', 1, g, 0, now() FROM generate_series(0, 19) g");
	sql_text("COMMIT");
	await(PATIENCE_MS, "SELECT success_count = 20 FROM batch_jobs WHERE job_id = 'late'");
	EXPECT_INT(fake_count("billed"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 0);
}

static bool is_stopped(const struct process *p)
{
	char path[32], state = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)p->pid);
	FILE *f = fopen(path, "r");
	bool read = f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1;
	if (f)
		fclose(f);
	return read && state == 'T';
}

/* The same, and they are just being written: it has asked before, does not know that it was told
 * so, and asks again while the requests go. */
static void asks_no_more_while_answered(void)
{
	job_submit(asked_job("same", "ai_model=claude-batch", 20));
	start(NULL, "weir-relay", NULL);
	struct process *p =
		start("processed:1:stop", "weir-consumer", "ask", "--flush", "20", NULL);
	for (int64_t until = now_ms() + PATIENCE_MS; !is_stopped(p) && now_ms() < until;)
		pause_ms(STEP_MS);
	sql_text("INSERT INTO weir.requests (job_id, stage, ordinal, custom_id, attempt, ai_model,"
		 " model_key, body, tokens) SELECT job_id, stage, ordinal, custom_id, 0,"
		 " 'claude-batch', 'idea', '{}', 1 FROM weir.items");
	sql_text("BEGIN");
	sql_text("INSERT INTO weir.answers (job_id, stage, ordinal, call_id, attempt, ai_model,"
		 " answer) SELECT job_id, stage, ordinal, 'c' || ordinal, 0, 'claude-batch',"
		 " '{\"title\": \"known\", \"score\": 0}' FROM weir.items");
	sql_text("DELETE FROM weir.requests");
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " SELECT job_id, stage, ordinal, 0, now() FROM weir.items");
	kill(p->pid, SIGCONT);
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted");
	sql_text("COMMIT");
	await(PATIENCE_MS, "SELECT success_count = 20 FROM batch_jobs WHERE job_id = 'same'");
	EXPECT_INT(fake_count("billed"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 0);
}

/* ---- operators ---- */

static void pauses(void)
{
	BOTH
	{
		fake_clean();
		ask("paused", MODEL, 20);
		ask("other", MODEL, 20);
		sql_text("SELECT weir.pause_job('paused')");
		struct process *p = drive(NULL);
		check_paid_once("other", 20);
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches WHERE job_id = 'paused'"),
			   0);
		sql_text("SELECT weir.resume_job('paused')");
		await_done("paused");
		EXPECT_INT(check_log("paused", 20), 20);
		stop(p);
	}
}

static void cancels(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'batch': {'end_ms': 3600000}}");
		ask("ended", MODEL, 20);
		struct process *p = drive(NULL);
		await(PATIENCE_MS, "SELECT bool_and(state = 'running') FROM weir.remote_batches");
		sql_text("SELECT weir.cancel_job('ended')");
		ask("ended2", MODEL, 20);
		sql_text("SELECT weir.cancel_job('ended2')");
		await_done("ended");
		await_done("ended2");
		expect_tally("ended", "0 0 20 0 0");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches WHERE job_id = 'ended2'"
			       " AND sent_at IS NOT NULL AND cancel_at IS NULL"),
			   0);
		EXPECT_INT(fake_count("billed"), 0);
		stop(p);
	}
}

/* ---- what the provider says of all of it ---- */

static void expect_paused(const char *job, const char *reason)
{
	await(PATIENCE_MS, "SELECT status = 'paused' FROM weir.jobs WHERE job_id = '%s'", job);
	EXPECT_PART(sql_text("SELECT pause_reason FROM weir.jobs WHERE job_id = '%s'", job),
		    reason);
	EXPECT_INT(sql("SELECT starts_with(pause_reason, 'ai_model ')::int FROM weir.jobs"
		       " WHERE job_id = '%s'",
		       job),
		   1);
	await(PATIENCE_MS,
	      "SELECT count(*) = 20 FROM weir.requests WHERE job_id = '%s'"
	      " AND remote_batch IS NULL AND tries = 0",
	      job);
}

#define BROKE                                                                                      \
	"'error': {'type': 'invalid_request_error', 'code': 'insufficient_quota',"                 \
	" 'message': 'Your credit balance is too low to access the API'}"

static void stops_for_bills(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'POST'},"
			    " 'do': {'status': 400, " BROKE "}}]}",
			    create_path[v]);
		ask("broke", MODEL, 20);
		struct process *p = drive(NULL);
		expect_paused("broke", "credit balance is too low");
		fake_script("{'rules': []}");
		sql_text("SELECT weir.resume_job('broke')");
		await_done("broke");
		EXPECT_INT(check_log("broke", 20), 20);
		stop(p);
	}
}

static void stops_for_bills_of_lines(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': 'line'},"
			    " 'do': {'line': 'errored', 'status': 400, " BROKE "}}]}");
		ask("broke", MODEL, 20);
		struct process *p = drive(NULL);
		expect_paused("broke", "credit balance is too low");
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers"), 0);
		fake_script("{'rules': []}");
		sql_text("SELECT weir.resume_job('broke')");
		await_done("broke");
		EXPECT_INT(check_log("broke", 20), 20);
		stop(p);
	}
}

static void waits_when_told(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'POST', 'times': 2},"
			    " 'do': {'status': 429, 'headers': {'retry-after-ms': '300'}}},"
			    " {'match': {'path': '%s', 'times': 2}, 'do': {'status': 503}}]}",
			    create_path[v], batch_path[v]);
		ask("told", MODEL, 20);
		struct process *p = drive(NULL);
		check_paid_once("told", 20);
		EXPECT_INT(fake_answered(create_path[v], NULL, 429), 2);
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 1);
		stop(p);
	}
}

static void makes_a_limited_batch_again(void)
{
	fake_script(
		"{'rules': [{'match': {'path': '/v1/batches', 'method': 'POST', 'times': 1},"
		" 'do': {'fail_batch': {'code': 'token_limit_exceeded', 'message': 'full'}}}]}");
	ask("full", "gpt-batch", 20);
	struct process *p = drive(NULL);
	check_paid_once("full", 20);
	expect_tally("full", "20 0 0 0 0");
	EXPECT_INT(fake_answered("/v1/files", NULL, 200), 1);
	EXPECT_PART(log_of(p), "remote_batch_failed");
	stop(p);
}

/* One request that the provider does not take stands alone in the end. */
static void divides(const char *model, const char *script, const char *wanted)
{
	fake_clean();
	fake_script("%s", script);
	ask("faulty", model, 40);
	struct process *p = drive(NULL);
	await_done("faulty");
	for (int i = 0; i < 40; i++)
		expect_answer(i, i == 7 ? wanted : "good f");
	EXPECT_INT(check_log("faulty", 40), 39);
	expect_tally("faulty", "39 1 0 0 0");
	stop(p);
}

static void finds_the_faulty_one(void)
{
	char script[512];
	BOTH
	{
		snprintf(script, sizeof script,
			 "{'rules': [{'match': {'path': '%s', 'method': 'POST',"
			 " 'custom_id': 'item_00007'}, 'do': {'status': 400}}]}",
			 create_path[v]);
		divides(MODEL, script, "batch_refused f");
	}
	divides("gpt-batch",
		"{'rules': [{'match': {'path': '/v1/batches', 'method': 'POST', 'custom_id':"
		" 'item_00007'}, 'do': {'fail_batch': {'code': 'invalid_json_line',"
		" 'message': 'no'}}}]}",
		"batch_failed f");
}

/* It comes to itself when somebody else has the lease, and has even ended the batch. */
static void yields_what_it_has_lost(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'POST', 'times': 1},"
			    " 'do': {'status': 200, 'first_byte_ms': 2000}}]}",
			    create_path[v]);
		ask("stalled", MODEL, 30);
		struct process *p = drive(NULL);
		await(PATIENCE_MS, "SELECT bool_and(sent_at IS NOT NULL) FROM weir.remote_batches");
		fake_await("requests", (int64_t)v + 1); /* with the file's */
		kill(p->pid, SIGSTOP);
		sql_text("UPDATE weir.remote_batches SET held_until = now()");
		struct process *q = drive(NULL);
		await_log(q, "remote_batch_adopted");
		kill(p->pid, SIGCONT);
		check_paid_once("stalled", 30);
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 1);
		stop(p);
		stop(q);
	}
}

void add_remote_suite(void)
{
	CU_pSuite s = FAKE_SUITE("remote batches");
	CU_add_test(s, "all requests of a job are answered once, from one batch", answers_all);
	CU_add_test(s, "a batch holds no more requests or tokens than the model takes", splits);
	CU_add_test(s, "a batch holds no more bytes than the model takes", splits_by_bytes);
	CU_add_test(s, "requests wait for more, or until a batch is full", waits_for_more);
	CU_add_test(s, "drivers at once choose each request once", drivers_share);
	CU_add_test(s, "each line has its own consequence", takes_each_line);
	CU_add_test(s, "what expires is asked again, three times in all", gives_up_after_tries);
	CU_add_test(s, "results that were cut are read again", reads_cut_results_again);
	CU_add_test(s, "what is not there yet is waited for", waits_for_what_is_not_there_yet);
	CU_add_test(s, "results that come late are waited for", waits_for_late_results);
	CU_add_test(s, "results are read until they are whole", reads_results_until_whole);
	CU_add_test(s, "what could not be read is told, its cost unknown", tells_what_was_not_read);
	CU_add_test(s, "odd lines are read, or told", reads_odd_lines);
	CU_add_test(s, "of two lines that differ both are kept", keeps_both_of_two);
	CU_add_test(s, "an id that is another's is refused", refuses_an_id_that_is_used);
	CU_add_test(s, "an id comes again, and is new or not", takes_an_id_again_if_it_is_new);
	CU_add_test(s, "one batch holds up none of others", lets_others_pass);
	CU_add_test(s, "what the provider has lost is sent again", sends_again_what_is_gone);
	CU_add_test(s, "what never reads is lost, after three batches", gives_up_what_never_reads);
	CU_add_test(s, "a batch of others' lines is lost too", gives_up_what_is_of_others);
	CU_add_test(s, "a batch that never ends is cancelled, and lost", gives_up_what_never_ends);
	CU_add_test(s, "answers of one id are told apart", tells_alike_apart);
	CU_add_test(s, "marks, line ends and empty lines are read over", reads_files_of_others);
	CU_add_test(s, "a batch whose creation got no answer is found", adopts);
	CU_add_test(s, "many of one size that got no answer are told apart", adopts_many_alike);
	CU_add_test(s, "what was never created is sent again", sends_again_what_never_was);
	CU_add_test(s, "an upload that got no answer is made again", uploads_again);
	CU_add_test(s, "somebody else's batch is let go", lets_others_go);
	CU_add_test(s, "killed at any step, another goes on", takes_over);
	CU_add_test(s, "a dead driver is outlived by its lease", takes_over_in_time);
	CU_add_test(s, "a driver that stops gives its leases back", gives_back);
	CU_add_test(s, "a model is no longer in batches", outlives_its_mode);
	CU_add_test(s, "the ledger is away for a while", outlives_the_ledger);
	CU_add_test(s, "what was answered meanwhile is not asked", asks_no_more_when_answered);
	CU_add_test(s, "nor what is being answered meanwhile", asks_no_more_while_answered);
	CU_add_test(s, "a paused job begins no batch", pauses);
	CU_add_test(s, "a cancelled job's batch is cancelled, its requests are gone", cancels);
	CU_add_test(s, "a bill pauses the job", stops_for_bills);
	CU_add_test(s, "a bill that lines tell of pauses the job", stops_for_bills_of_lines);
	CU_add_test(s, "limits are waited for", waits_when_told);
	CU_add_test(s, "a batch too many is made again", makes_a_limited_batch_again);
	CU_add_test(s, "a request that is not taken is found among the others",
		    finds_the_faulty_one);
	CU_add_test(s, "a driver that stalled yields what it has lost", yields_what_it_has_lost);
}
