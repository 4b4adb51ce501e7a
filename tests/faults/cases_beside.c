/* Ten items beside the trouble of others: B1 to B10. The seconds that they take, from the end of
 * their submit on, are told in the row; whether they end is what is checked. */
#include <stdio.h>
#include <string.h>

#include "../integration/fake.h"
#include "addresses.h"
#include "second.h"
#include "steps.h"
#include "trouble.h"

#define LARGE_BYTES 70000

/* ---- what stands beside ---- */

static void see_them_end(const struct job *job)
{
	int64_t began = now_ms();
	await_final(job, job->size);
	row_saw("%d items of %s in %.1f s", job->size, job->kind,
		(double)(now_ms() - began) / 1000);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = '%s' AND status = 1",
		       job->id),
		   job->size);
}

static void ten_of(const char *kind)
{
	struct job *job = job_new("beside", kind, 10);
	see_them_end(job_submit(job));
}

static void start_both(const char *kind, const char *other)
{
	struct process *relay = start_relay();
	struct process *consumer = start(NULL, "weir-consumer", kind, other, NULL);
	await_log(relay, "relay_ready");
	await_log(consumer, "consumer_ready");
}

/* ---- a message ---- */

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
	ten_of("sum");
	await(PATIENCE_MS, "SELECT completed_at IS NOT NULL FROM weir.jobs WHERE job_id = 'large'");
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'large' AND status = 1"),
		   299);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'large' AND ordinal = 150"
		       " AND error_class = 'oversized'"),
		   1);
	broker_limit(128 * 1024 * 1024);
}

/* ---- rows ---- */

static void write_news(const char *path, int first, int n)
{
	FILE *f = fopen(path, "w");
	if (!EXPECT(f != NULL, "cannot write %s", path))
		return;
	for (int i = first; i < first + n; i++)
		fprintf(f,
			"{\"custom_id\":\"news_id_%d\",\"table_name\":\"news_articles\",\"record_"
			"id\":%d,"
			"\"title\":\"Profit rises\"}\n",
			i, i);
	EXPECT(fclose(f) == 0, "%s was not written", path);
}

static void submit_news(const char *job, int first, int n)
{
	write_news(LOGS "/news.jsonl", first, n);
	const struct outcome *o =
		run(NULL, "weir", "submit", "sentiment", LOGS "/news.jsonl", "--job", job,
		    "--context", "model_key=sentiment", "--context", "ai_model=local", NULL);
	EXPECT(o->status == 0, "submit of %s: %d: %s", job, o->status, o->err);
}

/* Of 200 rows somebody keeps every third. */
static void b2(void)
{
	sql_text("INSERT INTO news_articles (id, title) SELECT n, 'x' FROM generate_series(1, 220) "
		 "n");
	start_both("sum", "sentiment");
	EXPECT(rows_lock(0), "the rows were not locked");
	submit_news("locked", 1, 200);
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM weir.results WHERE job_id = 'locked'");
	ten_of("sum");
	sql_text("UPDATE news_articles SET id = id + 1000 WHERE id > 210");
	submit_news("others", 1211, 10);
	int64_t began = now_ms();
	await(PATIENCE_MS, "SELECT count(*) = 10 FROM weir.results WHERE job_id = 'others'");
	row_saw("10 of its own kind in %.1f s", (double)(now_ms() - began) / 1000);
	EXPECT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'locked'") < 200,
	       "locked rows were written");
	rows_unlock();
	await(PATIENCE_MS, "SELECT count(*) = 200 FROM weir.results WHERE job_id = 'locked'"
			   " AND status = 1");
}

/* ---- subscribers, queues ---- */

static void b3(void)
{
	start_both("sum", "pass");
	EXPECT(subscriber_come(), "there is no subscriber");
	job_submit(job_new("told", "sum", 200));
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM weir.events");
	ten_of("sum");
	EXPECT(subscriber_leave(), "the subscriber is still there");
	await(PATIENCE_MS, "SELECT count(*) = 0 FROM weir.events");
}

static void b4(void)
{
	start_both("sum", "never");
	queue_delete("weir.never");
	ten_of("sum");
	for (int64_t until = now_ms() + PATIENCE_MS;
	     queue_size("weir.never") < 0 && now_ms() < until;)
		pause_ms(STEP_MS);
	EXPECT_INT(queue_size("weir.never"), 0);
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
	ten_of("sum");
}

static void b6(void)
{
	start_both("sum", "slow");
	struct job *job = job_new("large", "slow", 3000);
	job_delay(job, 2000);
	job_submit(job);
	await_final(job, 1);
	ten_of("sum");
	ten_of("slow");
}

static void b7(void)
{
	fake_restart(NULL);
	models_write(
		"  slow: {provider: openai, base_url: $URL, key_env: FAKE_KEY, max_in_flight: 4}\n"
		"  fast: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY}\n");
	fake_script("{'rules': [{'match': {'model': 'slow'}, 'do': {'first_byte_ms': 3000}}]}");
	start_both("ask", "pass");
	struct job *slow = job_new("slow", "ask", 1000), *fast = job_new("beside", "ask", 10);
	slow->context[0] = "model_key=idea", slow->context[1] = "ai_model=slow";
	fast->context[0] = "model_key=idea", fast->context[1] = "ai_model=fast";
	job_submit(slow);
	fake_await("in_flight", 1);
	see_them_end(job_submit(fast));
	struct job *local = job_new("local", "ask", 10);
	local->context[0] = "model_key=idea", local->context[1] = "ai_model=local";
	see_them_end(job_submit(local));
}

/* ---- ends of processes, other ledgers ---- */

static void b8(void)
{
	struct job *job = job_new("crash", "segfault", 300);
	item_fails(&job->items[117], "poison", ",\"crash\":1");
	start_both("sum", "segfault");
	job_submit(job);
	ten_of("sum");
	ten_of("segfault");
	await_ended(job);
	expect_job_counts("crash", "299 1 0 of 300");
}

static void b9(void)
{
	static const char *const programs[] = {"weir-relay", "weir-consumer", "weir"};
	start_both("sum", "pass");
	addresses_open();
	second_open(1);
	for (int i = 0; i < 3; i++) {
		struct process *p = second_start(programs[i], false);
		int status = await_exit(p, PATIENCE_MS);
		EXPECT(status == 1, "%s of another ledger ended with %d, see %s", p->name, status,
		       p->log);
	}
	ten_of("sum");
	second_close();
	addresses_close();
}

const struct fault_case beside_cases[] = {
	{"B1", "an item too large for the broker", "it fails, ten others in 5 s", b1, NULL},
	{"B2", "locked rows", "their items wait, ten others in 5 s", b2, NULL},
	{"B3", "a subscriber that takes nothing", "ten items in 5 s", b3, NULL},
	{"B4", "a queue without a job is deleted", "made again, ten items in 5 s", b4, NULL},
	{"B5", "20,000 items of the same kind", "ten items in 5 s", b5, NULL},
	{"B6", "3,000 slow items", "ten of another kind in 5 s", b6, NULL},
	{"B7", "1,000 items of a slow model", "ten of another in 5 s", b7, NULL},
	{"B8", "an item that crashes", "it is poison, ten others in 5 s", b8, NULL},
	{"B9", "another ledger by mistake", "it is refused, ten items in 5 s", b9, NULL},
	{0},
};
