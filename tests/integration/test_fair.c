/* A small job beside a big one: it does not wait for that, whatever the big one waits for. Counts
 * tell it, not clocks: how far the big one is when the small one has ended. */
#include "asked.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIG 20000
#define BATCH 100

/* A job of BIG items of the kind, as `weir submit` would have made it. */
static void make_big(const char *kind)
{
	sql_text("INSERT INTO weir.jobs (job_id, kind, context, batch_size, total_items, sealed_at)"
		 " VALUES ('big', '%s', '{\"label\":\"big\"}', %d, %d, now())",
		 kind, BATCH, BIG);
	sql_text("INSERT INTO weir.items (job_id, stage, ordinal, custom_id, payload)"
		 " SELECT 'big', 1, g, 'b' || g, json_build_object('key', 'b' || g, 'amount', 1)"
		 " FROM generate_series(0, %d) g",
		 BIG - 1);
	sql_text("INSERT INTO weir.job_batches (job_id, stage, n, size)"
		 " SELECT 'big', 1, g, %d FROM generate_series(0, %d) g",
		 BATCH, BIG / BATCH - 1);
	sql_text("SELECT pg_notify('weir_due', '')");
}

static void await_begun(const char *job)
{
	await(PATIENCE_MS, "SELECT EXISTS (SELECT FROM weir.results WHERE job_id = '%s')", job);
}

/* Submits ten items, and expects the big job to have most of its own before it when they end. */
static void small_is_quick(const char *kind)
{
	struct job *small = job_submit(job_new("small", kind, 10));
	await_final(small, 10);
	int64_t done = sql("SELECT count(*) FROM weir.results WHERE job_id = 'big'");
	EXPECT(done < BIG / 2, "%lld of the big job's items came first", (long long)done);
}

static void of_the_same_kind(void)
{
	make_big("sum");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_begun("big");
	small_is_quick("sum");
}

static void two_relays(void)
{
	make_big("sum");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_begun("big");
	small_is_quick("sum");
}

/* Nobody works on the big one. */
static void of_another_kind(void)
{
	make_big("sum");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "slow", NULL);
	small_is_quick("slow");
	int64_t left = sql("SELECT count(*) FROM weir.job_batches"
			   " WHERE job_id = 'big' AND status = 'pending_queue'");
	EXPECT(left > BIG / BATCH / 2, "%lld batches were left", (long long)left);
}

/* What is due again comes in turns, too. */
static void behind_retries(void)
{
	make_big("sum");
	sql_text("UPDATE weir.job_batches SET status = 'queued', queued_at = now()");
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " SELECT job_id, stage, ordinal, 1, now() - interval '1 hour' FROM weir.items");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_begun("big");
	struct job *small = job_new("small", "sum", 10);
	for (int i = 0; i < 10; i++)
		item_fails(&small->items[i], NULL, ",\"fail\":\"retry_once\"");
	job_submit(small);
	await_final(small, 10);
	int64_t done = sql("SELECT count(*) FROM weir.results WHERE job_id = 'big'");
	EXPECT(done < BIG / 2, "%lld of the big job's items came first", (long long)done);
}

/* There is no more in the queue than may be, and so a pause leaves little there. */
static void a_pause_leaves_little(void)
{
	make_big("sum");
	start(NULL, "weir-relay", "--queue-most", "300", NULL);
	start(NULL, "weir-consumer", "sum", "--flush", "100", NULL);
	await_begun("big");
	EXPECT_INT(run(NULL, "weir", "pause", "big", NULL)->status, 0);
	int64_t size = queue_size("weir.sum");
	EXPECT(size <= 300 + BATCH, "%lld messages in the queue", (long long)size);
	EXPECT(sql("SELECT count(*) FROM weir.job_batches WHERE status = 'pending_queue'") >
		       BIG / BATCH / 2,
	       "it was published");
}

#define MANY 3000
#define LOOKS "cmdstat_hmget:calls=" /* one for each job that is looked at */

static void make_many(void)
{
	sql_text("INSERT INTO weir.jobs (job_id, kind, context, batch_size, total_items, sealed_at,"
		 "  status, started_at)"
		 " SELECT 'many-' || g, 'never', '{\"label\":\"many\"}', 1, 1, now(), 'running', "
		 "now()"
		 " FROM generate_series(1, %d) g",
		 MANY);
	sql_text("INSERT INTO weir.items (job_id, stage, ordinal, custom_id, payload)"
		 " SELECT job_id, 1, 0, 'one', '{}' FROM weir.jobs");
	sql_text("INSERT INTO weir.job_batches (job_id, stage, n, size, status, queued_at)"
		 " SELECT job_id, 1, 0, 1, 'queued', now() FROM weir.jobs");
}

/* Open jobs of which nothing moves, since nobody works on their kind: whoever looks after them all
 * lets the one that does move have its turn in between. */
static void behind_many_jobs(void)
{
	make_many();
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	redis_do("CONFIG RESETSTAT");
	redis_await_more("commandstats", LOOKS, MANY / 10);
	int64_t before = redis_info("commandstats", LOOKS);
	await_final(job_submit(job_new("small", "sum", 10)), 10);
	int64_t looks = redis_info("commandstats", LOOKS) - before;
	EXPECT(looks < MANY / 2, "%lld of %d jobs were looked at before", (long long)looks, MANY);
}

/* ---- slow plugins ---- */

#define HAND 150 /* of a kind, with the preset of the tests */

static void cancel(const char *job)
{
	EXPECT_INT(run(NULL, "weir", "cancel", job, NULL)->status, 0);
}

/* Items that wait for their timers, without a model. */
static void behind_timers(void)
{
	struct job *big = job_new("big", "slow", 1000);
	job_delay(big, 600000);
	job_submit(big);
	calls_begin();
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "slow", NULL);
	calls_rest();
	calls_await(HAND);
	for (int i = 0; i < 3; i++) {
		char name[16];
		snprintf(name, sizeof name, "small-%d", i);
		await_final(job_submit(job_new(name, "slow", 10)), 10);
	}
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'big'"), 0);
	cancel("big");
}

/* A plugin that does not come back for long from the beginning of each item. */
static void behind_slow_beginnings(void)
{
	struct job *big = job_new("big", "sum", 1000);
	job_delay(big, 300);
	job_submit(big);
	start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "sum", "slow", NULL);
	await_begun("big");
	struct job *other = job_submit(job_new("other", "slow", 10));
	struct job *small = job_submit(job_new("small", "sum", 10));
	await_final(other, 10);
	await_final(small, 10);
	int64_t done = sql("SELECT count(*) FROM weir.results WHERE job_id = 'big'");
	EXPECT(done < 80, "%lld of the big job's items came first", (long long)done);
	EXPECT(!strstr(log_of(consumer), "broker_lost"), "the broker was lost");
	cancel("big");
}

/* Nobody else is there: it is not made to wait for what was put off. */
static void slow_beginnings_alone(void)
{
	struct job *job = job_new("alone", "sum", 30);
	job_delay(job, 200);
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await(PATIENCE_MS, "SELECT count(*) >= 10 FROM weir.results");
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries"), 0);
	cancel("alone");
}

/* Jobs that may begin nothing more, and have more items on their way than the hand has places. */
static void behind_limits(void)
{
	char name[16];
	setenv("WEIR_MAX_CONCURRENT", "1", 1);
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof name, "narrow-%d", i);
		struct job *job = job_new(name, "slow", 300);
		job_delay(job, 600000);
		job_submit(job);
	}
	unsetenv("WEIR_MAX_CONCURRENT");
	calls_begin();
	start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "slow", NULL);
	calls_rest();
	calls_await(6);
	await_final(job_submit(job_new("small", "slow", 10)), 10);
	int64_t done = sql("SELECT count(*) FROM weir.results");
	EXPECT_INT(done, 10);
	EXPECT(is_alive(consumer), "the consumer has ended");
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof name, "narrow-%d", i);
		cancel(name);
	}
}

/* ---- what came back ---- */

/* Ends a consumer that has items in hand: all of those come back. */
static void end_consumer(const char *failpoint, const char *kind, const char *prefetch)
{
	struct process *p = start(failpoint, "weir-consumer", kind, "--prefetch", prefetch,
				  "--flush", "20", NULL);
	EXPECT_INT(await_exit(p, PATIENCE_MS), -SIGKILL);
}

/* It takes its turn like all else. */
static void behind_what_came_back(void)
{
	struct job *big = job_new("big", "sum", 500);
	job_delay(big, 50);
	job_submit(big);
	start(NULL, "weir-relay", NULL);
	await_queued(big);
	end_consumer("working", "sum", "1000");
	queue_await_size("weir.sum", 500);
	struct process *consumer =
		start(NULL, "weir-consumer", "sum", "slow", "--prefetch", "1000", NULL);
	await_final(big, 20);
	struct job *other = job_submit(job_new("other", "slow", 10));
	struct job *small = job_submit(job_new("small", "sum", 10));
	await_final(other, 10);
	await_final(small, 10);
	int64_t done = sql("SELECT count(*) FROM weir.results WHERE job_id = 'big'");
	EXPECT(done < 250, "%lld of the big job's items came first", (long long)done);
	EXPECT(!strstr(log_of(consumer), "broker_lost"), "the broker was lost");
	cancel("big");
}

/* And leaves the hand to others while its job may begin nothing more. */
static void behind_what_came_back_at_its_limit(void)
{
	struct job *narrow = job_new("narrow", "slow", 100);
	job_delay(narrow, 600000);
	setenv("WEIR_MAX_CONCURRENT", "1", 1);
	job_submit(narrow);
	unsetenv("WEIR_MAX_CONCURRENT");
	start(NULL, "weir-relay", NULL);
	await(PATIENCE_MS, "SELECT count(*) > 1 FROM weir.job_batches WHERE status = 'queued'");
	end_consumer("working", "slow", "20");
	calls_begin();
	start(NULL, "weir-consumer", "slow", "--prefetch", "20", "--flush", "20", NULL);
	calls_rest();
	calls_await(1);
	await_final(job_submit(job_new("small", "slow", 10)), 10);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), 10);
	cancel("narrow");
}

/* ---- models ---- */

/* Two calls at a time, a second each. */
static void slow_model(void)
{
	models_write("  claude: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY,"
		     " max_in_flight: 2}\n"
		     "  gpt: {provider: openai, base_url: $URL, key_env: FAKE_KEY}\n");
	fake_script("{'latency_ms': 1000}");
	job_submit(asked_job("big", "ai_model=claude", 2000));
	asked_begin();
	await_begun("big");
}

/* The big one's rest does not fill the hand of its consumer, nor the queue. */
static void behind_a_slow_model(const char *model, int n)
{
	slow_model();
	struct job *small = job_submit(asked_job("small", model, n));
	await_final(small, n);
	int64_t done = sql("SELECT count(*) FROM weir.results WHERE job_id = 'big'");
	EXPECT(done < 200, "%lld of the big job's items came first", (long long)done);
}

/* Every second item is of a quick model. */
static void two_models_in_one_job(void)
{
	models_write("  claude: {provider: anthropic, base_url: $URL, key_env: FAKE_KEY,"
		     " max_in_flight: 2}\n"
		     "  gpt: {provider: openai, base_url: $URL, key_env: FAKE_KEY}\n");
	fake_script("{'rules': [{'match': {'model': 'claude'}, 'do': {'latency_ms': 1000}}]}");
	struct job *job = asked_job("mixed", "ai_model=claude", 2000);
	for (int i = 1; i < job->size; i += 2)
		item_fails(&job->items[i], NULL, ",\"context\":{\"ai_model\":\"gpt\"}");
	job_submit(job);
	asked_begin();
	await(PATIENCE_MS, "SELECT count(*) = 1000 FROM weir.results WHERE ordinal %% 2 = 1");
	int64_t done = sql("SELECT count(*) FROM weir.results WHERE ordinal %% 2 = 0");
	EXPECT(done < 300, "%lld of the slow model's items came first", (long long)done);
	cancel("mixed");
}

static void no_model(void) { behind_a_slow_model("ai_model=local", 10); }
static void another_model(void) { behind_a_slow_model("ai_model=gpt", 10); }
static void the_same_model(void) { behind_a_slow_model("ai_model=claude", 4); }

void add_fair_suite(void);

void add_fair_suite(void)
{
	CU_pSuite suite = WORLD_SUITE("turns");
	CU_add_test(suite, "beside a job of the same kind", of_the_same_kind);
	CU_add_test(suite, "beside a job of another kind", of_another_kind);
	CU_add_test(suite, "two relays", two_relays);
	CU_add_test(suite, "behind another job's retries", behind_retries);
	CU_add_test(suite, "behind many jobs", behind_many_jobs);
	CU_add_test(suite, "a pause leaves little", a_pause_leaves_little);
	CU_add_test(suite, "behind timers", behind_timers);
	CU_add_test(suite, "behind slow beginnings", behind_slow_beginnings);
	CU_add_test(suite, "slow beginnings of a job alone", slow_beginnings_alone);
	CU_add_test(suite, "behind jobs at their limits", behind_limits);
	CU_add_test(suite, "behind what came back", behind_what_came_back);
	CU_add_test(suite, "behind what came back at its limit",
		    behind_what_came_back_at_its_limit);
	suite = FAKE_SUITE("turns of models");
	CU_add_test(suite, "no model, behind a slow one", no_model);
	CU_add_test(suite, "another model, behind a slow one", another_model);
	CU_add_test(suite, "the same slow model", the_same_model);
	CU_add_test(suite, "two models in one job", two_models_in_one_job);
}
