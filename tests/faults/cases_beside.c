/* Ten items beside the trouble that other items make: B1 to B12, and B26. The seconds that they
 * take, from the end of their submit on, are told in the row; whether they end is what is checked.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../integration/fake.h"
#include "steps.h"
#include "trouble.h"

/* ---- a message ---- */

#define LARGE_BYTES 70000

/* One item in the middle of 300 is too large for the broker. */
static void submit_large(void)
{
	FILE *f = fopen(LOGS "/large.jsonl", "w");
	if (!EXPECT(f != NULL, "cannot write %s", LOGS "/large.jsonl"))
		return;
	for (int i = 0; i < 300; i++)
		fprintf(f,
			"{\"custom_id\":\"item_%d\",\"key\":\"large\",\"amount\":1,\"padding\":\"%"
			"0*d\"}\n",
			i, i == 150 ? LARGE_BYTES : 1, 0);
	EXPECT(fclose(f) == 0, "%s was not written", LOGS "/large.jsonl");
	const struct outcome *o = run(NULL, "weir", "submit", "sum", LOGS "/large.jsonl", "--job",
				      "large", "--context", "label=large", NULL);
	EXPECT(o->status == 0, "submit of large: %d: %s", o->status, o->err);
}

static void b1(void)
{
	broker_limit(LARGE_BYTES - 5000);
	start_both("sum", "pass");
	submit_large();
	ten_of("same", "sum");
	ten_of("other", "pass");
	await(PATIENCE_MS, "SELECT completed_at IS NOT NULL FROM weir.jobs WHERE job_id = 'large'");
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'large' AND status = 1"),
		   299);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'large' AND ordinal = 150"
		       " AND error_class = 'oversized'"),
		   1);
	broker_limit(128 * 1024 * 1024);
}

/* ---- rows ---- */

static void add_articles(int first, int last)
{
	sql_text("INSERT INTO news_articles (id, title) SELECT n, 'x' FROM generate_series(%d, %d) "
		 "n",
		 first, last);
}

static void write_news(int first, int last)
{
	FILE *f = fopen(LOGS "/news.jsonl", "w");
	if (!EXPECT(f != NULL, "cannot write %s", LOGS "/news.jsonl"))
		return;
	for (int i = first; i <= last; i++)
		fprintf(f,
			"{\"custom_id\":\"news_id_%d\",\"table_name\":\"news_articles\","
			"\"record_id\":%d,\"title\":\"Profit rises\"}\n",
			i, i);
	EXPECT(fclose(f) == 0, "%s was not written", LOGS "/news.jsonl");
}

static void submit_news(const char *job, int first, int last)
{
	write_news(first, last);
	const struct outcome *o =
		run(NULL, "weir", "submit", "sentiment", LOGS "/news.jsonl", "--job", job,
		    "--context", "model_key=sentiment", "--context", "ai_model=local", NULL);
	EXPECT(o->status == 0, "submit of %s: %d: %s", job, o->status, o->err);
}

/* Of 200 rows somebody keeps every third. */
static void b2(void)
{
	start_both("sum", "sentiment");
	add_articles(1, 200);
	EXPECT(rows_lock(0), "the rows were not locked");
	submit_news("locked", 1, 200);
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM weir.retries WHERE job_id = 'locked'");
	ten_of("other", "sum");
	add_articles(201, 210);
	submit_news("same", 201, 210);
	see_done("same", 10);
	see_done("locked", 134);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'locked'"), 134);
	rows_unlock();
	hasten_retries();
	see_done("locked", 200);
}

static void expect_paused(const char *job)
{
	await(PATIENCE_MS, "SELECT status = 'paused' FROM weir.jobs WHERE job_id = '%s'", job);
	EXPECT_PART(run(NULL, "weir", "status", job, NULL)->out, "cannot store");
}

static void resume(const char *job)
{
	EXPECT_INT(run(NULL, "weir", "resume", job, NULL)->status, 0);
}

static void b3(void)
{
	sql_text("REVOKE UPDATE ON news_articles FROM CURRENT_USER");
	start_both("sum", "sentiment");
	add_articles(1, 200);
	submit_news("refused", 1, 200);
	ten_of("other", "sum");
	expect_paused("refused");
	write_news(1, 10);
	const struct outcome *o = run(NULL, "weir", "submit", "sentiment", LOGS "/news.jsonl",
				      "--job", "waits", "--context", "model_key=sentiment",
				      "--context", "ai_model=local", "--wait", NULL);
	EXPECT(o->status == 4, "submit --wait: %d: %s", o->status, o->err);
	ten_of("later", "sum");
	sql_text("GRANT UPDATE ON news_articles TO CURRENT_USER");
	resume("refused");
	resume("waits");
	see_done("refused", 200);
	see_done("waits", 10);
}

static void b4(void)
{
	sql_text("ALTER TABLE effect_log RENAME COLUMN bad TO away");
	start_both("sum", "sentiment");
	job_submit(job_new("broken", "sum", 200));
	add_articles(1, 10);
	submit_news("other", 1, 10);
	see_done("other", 10);
	expect_paused("broken");
	sql_text("ALTER TABLE effect_log RENAME COLUMN away TO bad");
	ten_of("same", "sum");
	resume("broken");
	see_done("broken", 200);
}

/* Of the ledger: the job's own. */
static void b12(void)
{
	struct job *job = job_new("held", "sum", 300);
	job_submit(job);
	sql_text("BEGIN");
	sql_text("SELECT FROM weir.jobs WHERE job_id = 'held' FOR UPDATE");
	start_both("sum", "pass");
	ten_of("same", "sum");
	ten_of("other", "pass");
	sql_text("ROLLBACK");
	see_done("held", 300);
	await_ended(job);
}

/* Of the ledger: the rows of items that are tried again, more than a consumer has in hand. What it
 * cannot write it does not keep. */
static void b26(void)
{
	struct job *job = job_new("held", "sum", 300);
	for (int i = 0; i < job->size; i++)
		item_fails(&job->items[i], NULL, ",\"fail\":\"retry_once\"");
	struct process *relay =
		start(NULL, "weir-relay", "--queue-least", "400", "--queue-most", "400", NULL);
	await_queued(job_submit(job));
	stop(relay);
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at, queued_at)"
		 " SELECT job_id, stage, ordinal, 0, 'infinity', now() FROM weir.items"
		 " WHERE job_id = 'held'");
	sql_text("BEGIN");
	sql_text("SELECT FROM weir.retries WHERE job_id = 'held' FOR UPDATE");
	start_suspicious_relay();
	start(NULL, "weir-consumer", "sum", NULL);
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.processes WHERE waits_for LIKE"
			   " 'job held: waits for a lock on retries%%'");
	ten_of("same", "sum");
	rabbit("close_all_connections 'a test'");
	ten_of("again", "sum");
	sql_text("ROLLBACK");
	see_done("held", 300);
	await_ended(job);
	stop_all();
	check_exact(job);
}

/* ---- who is before them ---- */

static void b5(void)
{
	start_both("sum", "pass");
	struct job *job = job_new("large", "sum", 20000);
	job->batch_size = 100;
	job_delay(job, 1);
	job_submit(job);
	await_final(job, 100);
	ten_of("same", "sum");
	ten_of("other", "pass");
	EXPECT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'large'") < 20000,
	       "nothing was before them");
}

static void b6(void)
{
	start_both("sum", "slow");
	struct job *job = job_new("large", "slow", 3000);
	job_delay(job, 2000);
	job_submit(job);
	await_final(job, 1);
	ten_of("other", "sum");
	ten_of("same", "slow");
}

/* One item at a time in the whole fleet, half an hour of them. */
static void b7(void)
{
	start_both("sum", "slow");
	struct job *job = job_new("limited", "slow", 3000);
	job_delay(job, 600);
	setenv("WEIR_MAX_CONCURRENT", "1", 1);
	job_submit(job);
	unsetenv("WEIR_MAX_CONCURRENT");
	await_final(job, 1);
	ten_of("same", "slow");
	ten_of("other", "sum");
}

/* ---- models ---- */

static struct job *asking(const char *id, const char *model, int n)
{
	struct job *job = job_new(id, "ask", n);
	job->context[0] = "model_key=idea";
	job->context[1] = model;
	return job;
}

static void b8(void)
{
	fake_restart(NULL);
	models_write(
		"  slow: {provider: openai, base_url: $URL, key_env: FAKE_KEY, max_in_flight: 4}\n"
		"  fast: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY}\n");
	fake_script("{'rules': [{'match': {'model': 'slow'}, 'do': {'first_byte_ms': 3000}}]}");
	start_both("ask", "pass");
	job_submit(asking("slow", "ai_model=slow", 1000));
	fake_await("in_flight", 1);
	see_them_end(job_submit(asking("fast", "ai_model=fast", 10)));
	see_them_end(job_submit(asking("local", "ai_model=local", 10)));
	ten_of("other", "pass");
}

/* A consumer that was started before there was the model, and no other at first. */
static void b9(void)
{
	fake_restart(NULL);
	models_write("  claude: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY}\n");
	start_relay();
	struct process *older = start(NULL, "weir-consumer", "ask", "pass", NULL);
	await_log(older, "consumer_ready");
	fake_models();
	job_submit(asking("new", "ai_model=gpt", 200));
	see_them_end(job_submit(asking("old", "ai_model=claude", 10)));
	see_them_end(job_submit(asking("local", "ai_model=local", 10)));
	ten_of("other", "pass");
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'new'"), 0);
	start(NULL, "weir-consumer", "ask", NULL);
	await(PATIENCE_MS, "SELECT count(*) > 50 FROM weir.results WHERE job_id = 'new'");
	kill_hard(older);
	hasten_retries();
	see_done("new", 200);
}

/* ---- items that end the process ---- */

/* As in tests/plugins/segfault.c. */
enum { SEGV = 1, EAT = 10 };

static void beside_a_crash(int how)
{
	struct job *job = job_new("crash", "segfault", 300);
	item_fails(&job->items[117], "poison", ",\"crash\":%d", how);
	job_submit(job);
	ten_of("other", "sum");
	ten_of("same", "segfault");
	await_ended(job);
	expect_job_counts("crash", "299 1 0 of 300");
	row_saw("%s", sql_text("SELECT left(error, 30) FROM weir.results WHERE job_id = 'crash'"
			       " AND error_class = 'poison'"));
}

static void b10(void)
{
	start_both("sum", "segfault");
	beside_a_crash(SEGV);
}

static void b11(void)
{
	start_both("sum", "segfault");
	beside_a_crash(EAT);
}

const struct fault_case beside_cases[] = {
	{"B1", "an item too large for the broker", "it fails, ten others in 5 s", b1, NULL},
	{"B2", "locked rows", "their items wait, ten others in 5 s", b2, NULL},
	{"B3", "a right is missing", "its job is paused, ten others in 5 s", b3, NULL},
	{"B4", "a column is missing", "its job is paused, ten others in 5 s", b4, NULL},
	{"B5", "20,000 items before them", "ten items in 5 s", b5, NULL},
	{"B6", "3,000 slow items before them", "ten items in 5 s", b6, NULL},
	{"B7", "a job with a limit before them", "ten items in 5 s", b7, NULL},
	{"B8", "1,000 items of a slow model", "ten of another in 5 s", b8, NULL},
	{"B9", "a model that a consumer does not know", "it waits, ten others in 5 s", b9, NULL},
	{"B10", "an item that crashes", "it is poison, ten others in 5 s", b10, NULL},
	{"B11", "an item that takes all memory", "it is poison, ten others in 5 s", b11, NULL},
	{"B12", "a locked row of the ledger", "its job waits, ten others in 5 s", b12, NULL},
	{"B26", "locked rows of 300 retries", "their job waits, ten others in 5 s", b26, NULL},
	{0},
};
