/* Remote batches: from requests in the ledger to answers, whatever happens in between. Their
 * results: test_remote_results.c. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote.h"

/* ---- all goes well ---- */

static void answers_all(void)
{
	BOTH
	{
		fake_clean();
		remote_ask("plain", MODEL, 1234);
		struct process *p = remote_drive(NULL);
		remote_check_paid_once("plain", 1234);
		remote_expect_tally("plain", "1234 0 0 0 0");
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
	} rows[] = {{remote_models[0], "anthropic"}, {remote_models[1], "openai"}};
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
		remote_ask("split", MODEL, 590);
		struct process *p = remote_drive(NULL);
		remote_check_paid_once("split", 590);
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
		remote_ask("split", MODEL, 400);
		sql_text("UPDATE weir.requests SET body = replace(body, '\"max_tokens\"',"
			 " repeat(' ', 1000) || '\"max_tokens\"')");
		struct process *p = remote_drive(NULL);
		remote_check_paid_once("split", 400);
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
	remote_ask("full", "claude-batch", 100);
	remote_ask("few", "claude-batch", 99);
	struct process *p = remote_drive(NULL);
	remote_await_done("full");
	EXPECT_INT(sql("SELECT count(*) FROM weir.requests WHERE job_id = 'few'"
		       " AND remote_batch IS NULL"),
		   99);
	sql_text("UPDATE weir.requests SET asked_at = now() - interval '2 h'");
	remote_check_paid_once("few", 99);
	stop(p);
}

static void drivers_share(void)
{
	BOTH
	{
		struct process *p[3];
		fake_clean();
		write_models("requests: 40");
		remote_ask("shared", MODEL, 1000);
		remote_ask("shared2", MODEL, 300);
		for (size_t i = 0; i < 3; i++)
			p[i] = remote_drive(NULL);
		remote_check_paid_once("shared", 1000);
		remote_check_paid_once("shared2", 300);
		expect_batches("shared", 25, 40);
		expect_batches("shared2", 8, 40);
		for (size_t i = 0; i < 3; i++)
			stop(p[i]);
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
			    remote_create_path[v]);
		remote_ask("lost", MODEL, 300);
		struct process *p = remote_drive(NULL);
		remote_check_paid_once("lost", 300);
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
			    remote_create_path[v]);
		remote_ask("alike", MODEL, 400);
		remote_ask("alike2", MODEL, 100);
		struct process *p = remote_drive(NULL), *q = remote_drive(NULL);
		remote_check_paid_once("alike", 400);
		remote_check_paid_once("alike2", 100);
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 10);
		stop(p);
		stop(q);
	}
}

/* Its creation got no answer, and the provider has no list in which to look for it. */
static void sends_again_without_a_list(void)
{
	static const int statuses[] = {404, 405, 501};
	BOTH for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'GET'}, 'do': "
			    "{'status': %d}},"
			    " {'match': {'path': '%s', 'method': 'POST', 'times': 1}, 'do': "
			    "{'status': 502}}]}",
			    remote_create_path[v], statuses[i], remote_create_path[v]);
		remote_ask("unlisted", MODEL, 5);
		struct process *p = remote_drive(NULL);
		remote_check_paid_once("unlisted", 5);
		remote_expect_text(sql_text("SELECT status FROM weir.jobs"), "running");
		stop(p);
	}
}

static void sends_again_what_never_was(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': '%s', 'method': 'POST', 'times': 1},"
			    " 'do': {'status': 502}}]}",
			    remote_create_path[v]);
		remote_ask("never", MODEL, 50);
		struct process *p = remote_drive(NULL);
		remote_check_paid_once("never", 50);
		EXPECT_PART(log_of(p), "remote_batch_sent_again");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 1);
		stop(p);
	}
}

static void uploads_again(void)
{
	fake_script("{'rules': [{'match': {'path': '/v1/files', 'times': 1},"
		    " 'do': {'accept_then_drop': true}}]}");
	remote_ask("file", "gpt-batch", 50);
	struct process *p = remote_drive(NULL);
	remote_check_paid_once("file", 50);
	EXPECT_INT(fake_answered("/v1/files", NULL, 200), 1);
	stop(p);
}

/* Somebody else's, of the same size and time. */
static void lets_others_go(void)
{
	remote_ask("theirs", "claude-batch", 20);
	sql_text("UPDATE weir.items SET custom_id = 'x_' || custom_id");
	sql_text("UPDATE weir.requests SET custom_id = 'x_' || custom_id");
	struct process *p = remote_drive(NULL);
	remote_await_done("theirs");
	sql_text("DELETE FROM weir.items");
	sql_text("DELETE FROM weir.jobs");
	fake_script("{'rules': [{'match': {'path': '/v1/messages/batches', 'method': 'POST',"
		    " 'times': 1}, 'do': {'status': 502}}]}");
	remote_ask("ours", "claude-batch", 20);
	remote_check_answered("ours", 20, 20);
	EXPECT_INT(remote_check_log("ours", 20), 20);
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
		remote_ask("killed", MODEL, 1200);
		struct process *p = remote_drive(points[i]);
		EXPECT(await_exit(p, PATIENCE_MS) == -9, "%s: not killed at %s", MODEL, points[i]);
		/* As if the time of the lease were over. */
		sql_text("UPDATE weir.remote_batches SET held_until = now()");
		p = remote_drive(NULL);
		remote_check_paid_once("killed", 1200);
		remote_expect_tally("killed", "1200 0 0 0 0");
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 1);
		stop(p);
	}
}

/* The lease is all that another waits for. */
static void takes_over_in_time(void)
{
	remote_ask("late", "claude-batch", 10);
	struct process *p = remote_drive("remote_created");
	EXPECT_INT(await_exit(p, PATIENCE_MS), -9);
	EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches WHERE held_until"
		       " BETWEEN now() AND now() + interval '30 s'"),
		   1);
	p = remote_drive(NULL);
	remote_check_paid_once("late", 10);
	stop(p);
}

static void gives_back(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'batch': {'end_ms': 3600000}}");
		remote_ask("long", MODEL, 30);
		struct process *p = remote_drive(NULL);
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
	remote_ask("mode", "claude-batch", 10);
	struct process *p = remote_drive(NULL);
	await(PATIENCE_MS, "SELECT bool_and(state = 'running') FROM weir.remote_batches");
	kill_hard(p);
	models_write(
		"  claude-batch:\n    provider: anthropic\n    base_url: $URL\n"
		"    key_env: FAKE_KEY\n    mode: call\n    input_price: 1\n    output_price: 5\n");
	sql_text("UPDATE weir.remote_batches SET held_until = now()");
	fake_await("billed", 10);
	p = remote_drive(NULL);
	remote_check_paid_once("mode", 10);
	stop(p);
}

static void outlives_the_ledger(void)
{
	fake_script("{'batch': {'end_ms': 2000}}");
	remote_ask("away", "gpt-batch", 600);
	struct process *p = remote_drive(NULL);
	await_log(p, "remote_batch_created");
	server("kill", "postgresql");
	server("up", "postgresql");
	sql_close();
	EXPECT_INT(sql_open(getenv("WEIR_PG_URL")), 0);
	sql_text("UPDATE weir.remote_batches SET held_until = now()");
	remote_check_paid_once("away", 600);
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

/* The same, and they are just being written: it has asked before, does not know that it was told
 * so, and asks again while the requests go. Every other has no answer, and will have none. */
static void asks_no_more_while_answered(void)
{
	job_submit(asked_job("same", "ai_model=claude-batch", 20));
	start(NULL, "weir-relay", NULL);
	struct process *p =
		start("processed:1:stop", "weir-consumer", "ask", "--flush", "20", NULL);
	await_stopped(p);
	sql_text("INSERT INTO weir.requests (job_id, stage, ordinal, custom_id, attempt, ai_model,"
		 " model_key, body, tokens) SELECT job_id, stage, ordinal, custom_id, 0,"
		 " 'claude-batch', 'idea', '{}', 1 FROM weir.items");
	sql_text("BEGIN");
	sql_text("INSERT INTO weir.answers (job_id, stage, ordinal, call_id, attempt, ai_model,"
		 " answer, error_class, error) SELECT job_id, stage, ordinal, 'c' || ordinal, 0,"
		 " 'claude-batch', '{\"title\": \"known\", \"score\": 0}',"
		 " CASE ordinal %% 2 WHEN 1 THEN 'lost' END, 'no answer' FROM weir.items");
	sql_text("DELETE FROM weir.requests");
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " SELECT job_id, stage, ordinal, 0, now() FROM weir.items");
	thaw(p);
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted");
	sql_text("COMMIT");
	await(PATIENCE_MS, "SELECT success_count = 10 AND failure_count = 10 FROM batch_jobs");
	EXPECT_INT(fake_count("billed"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 0);
}

/* ---- operators ---- */

static void pauses(void)
{
	BOTH
	{
		fake_clean();
		remote_ask("paused", MODEL, 20);
		remote_ask("other", MODEL, 20);
		sql_text("SELECT weir.pause_job('paused')");
		struct process *p = remote_drive(NULL);
		remote_check_paid_once("other", 20);
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches WHERE job_id = 'paused'"),
			   0);
		sql_text("SELECT weir.resume_job('paused')");
		remote_await_done("paused");
		EXPECT_INT(remote_check_log("paused", 20), 20);
		stop(p);
	}
}

static void cancels(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'batch': {'end_ms': 3600000}}");
		remote_ask("ended", MODEL, 20);
		struct process *p = remote_drive(NULL);
		await(PATIENCE_MS, "SELECT bool_and(state = 'running') FROM weir.remote_batches");
		sql_text("SELECT weir.cancel_job('ended')");
		remote_ask("ended2", MODEL, 20);
		sql_text("SELECT weir.cancel_job('ended2')");
		remote_await_done("ended");
		remote_await_done("ended2");
		remote_expect_tally("ended", "0 0 20 0 0");
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
			    remote_create_path[v]);
		remote_ask("broke", MODEL, 20);
		struct process *p = remote_drive(NULL);
		expect_paused("broke", "credit balance is too low");
		fake_script("{'rules': []}");
		sql_text("SELECT weir.resume_job('broke')");
		remote_await_done("broke");
		EXPECT_INT(remote_check_log("broke", 20), 20);
		stop(p);
	}
}

/* Somebody who dies while requests are freed: what was uploaded holds those that are in another
 * batch by then. */
static void is_killed_as_it_stops(void)
{
	fake_script("{'rules': [{'match': {'path': '%s', 'method': 'POST', 'times': 1},"
		    " 'do': {'status': 401}}]}",
		    remote_create_path[1]);
	remote_ask("halfway", "gpt-batch", 1200);
	struct process *p = remote_drive("remote_answers_stored");
	EXPECT_INT(await_exit(p, PATIENCE_MS), -SIGKILL);
	EXPECT_INT(sql("SELECT count(*) FROM weir.requests WHERE remote_batch IS NULL"), 500);
	sql_text("SELECT weir.resume_job('halfway')");
	sql_text("UPDATE weir.remote_batches SET held_until = now()");
	p = remote_drive(NULL);
	remote_check_paid_once("halfway", 1200);
	stop(p);
}

/* Whoever reads the lines again does not pause the job again. */
static void is_resumed_as_it_stops(void)
{
	BOTH
	{
		fake_clean();
		fake_script("{'rules': [{'match': {'path': 'line', 'times': 600},"
			    " 'do': {'line': 'errored', 'status': 400, " BROKE "}}]}");
		remote_ask("broke", MODEL, 600);
		struct process *p = remote_drive("remote_answers_stored:2");
		EXPECT_INT(await_exit(p, PATIENCE_MS), -SIGKILL);
		remote_expect_text(sql_text("SELECT status FROM weir.jobs"), "paused");
		sql_text("SELECT weir.resume_job('broke')");
		sql_text("UPDATE weir.remote_batches SET held_until = now()");
		p = remote_drive(NULL);
		remote_await_done("broke");
		remote_expect_text(sql_text("SELECT status FROM weir.jobs"), "running");
		EXPECT_INT(remote_check_log("broke", 600), 600);
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
		remote_ask("broke", MODEL, 20);
		struct process *p = remote_drive(NULL);
		expect_paused("broke", "credit balance is too low");
		EXPECT_INT(sql("SELECT count(*) FROM weir.answers"), 0);
		fake_script("{'rules': []}");
		sql_text("SELECT weir.resume_job('broke')");
		remote_await_done("broke");
		EXPECT_INT(remote_check_log("broke", 20), 20);
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
			    remote_create_path[v], remote_batch_path[v]);
		remote_ask("told", MODEL, 20);
		struct process *p = remote_drive(NULL);
		remote_check_paid_once("told", 20);
		EXPECT_INT(fake_answered(remote_create_path[v], NULL, 429), 2);
		EXPECT_INT(sql("SELECT count(*) FROM weir.remote_batches"), 1);
		stop(p);
	}
}

static void makes_a_limited_batch_again(void)
{
	fake_script(
		"{'rules': [{'match': {'path': '/v1/batches', 'method': 'POST', 'times': 1},"
		" 'do': {'fail_batch': {'code': 'token_limit_exceeded', 'message': 'full'}}}]}");
	remote_ask("full", "gpt-batch", 20);
	struct process *p = remote_drive(NULL);
	remote_check_paid_once("full", 20);
	remote_expect_tally("full", "20 0 0 0 0");
	EXPECT_INT(fake_answered("/v1/files", NULL, 200), 1);
	EXPECT_PART(log_of(p), "remote_batch_failed");
	stop(p);
}

/* One request that the provider does not take stands alone in the end. */
static void divides(const char *model, const char *script, const char *wanted)
{
	fake_clean();
	fake_script("%s", script);
	remote_ask("faulty", model, 40);
	struct process *p = remote_drive(NULL);
	remote_await_done("faulty");
	for (int i = 0; i < 40; i++)
		remote_expect_answer(i, i == 7 ? wanted : "good f");
	EXPECT_INT(remote_check_log("faulty", 40), 39);
	remote_expect_tally("faulty", "39 1 0 0 0");
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
			 remote_create_path[v]);
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
			    remote_create_path[v]);
		remote_ask("stalled", MODEL, 30);
		struct process *p = remote_drive(NULL);
		await(PATIENCE_MS, "SELECT bool_and(sent_at IS NOT NULL) FROM weir.remote_batches");
		fake_await("requests", (int64_t)v + 1); /* with the file's */
		freeze(p);
		sql_text("UPDATE weir.remote_batches SET held_until = now()");
		struct process *q = remote_drive(NULL);
		await_log(q, "remote_batch_adopted");
		thaw(p);
		remote_check_paid_once("stalled", 30);
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
	CU_add_test(s, "a batch whose creation got no answer is found", adopts);
	CU_add_test(s, "many of one size that got no answer are told apart", adopts_many_alike);
	CU_add_test(s, "what was never created is sent again", sends_again_what_never_was);
	CU_add_test(s, "also where there is no list to look in", sends_again_without_a_list);
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
	CU_add_test(s, "a bill, and who frees the requests dies", is_killed_as_it_stops);
	CU_add_test(s, "a bill, and the job is resumed as lines are read", is_resumed_as_it_stops);
	CU_add_test(s, "limits are waited for", waits_when_told);
	CU_add_test(s, "a batch too many is made again", makes_a_limited_batch_again);
	CU_add_test(s, "a request that is not taken is found among the others",
		    finds_the_faulty_one);
	CU_add_test(s, "a driver that stalled yields what it has lost", yields_what_it_has_lost);
}
