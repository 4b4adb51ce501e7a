/* Programs that are asked to stop while they are busy. */
#include <signal.h>
#include <stdio.h>

#include "world.h"

/* Stops and starts the consumer all the time; whatever it gives back is charged to nobody. */
static void consumer_under_load(void)
{
	struct job *job = job_new("stops", "sum", 300);
	job_delay(job, 3);
	for (int i = 0; i < job->size; i++)
		job->items[i].attempts = 1;
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	for (int i = 1; i <= 4; i++) {
		struct process *p = start(NULL, "weir-consumer", "sum", "--flush", "20", NULL);
		await_final(job, i * 50);
		stop(p);
	}
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

/* More time than the grace: what is open is given back, at no charge. */
static void consumer_with_open_items(void)
{
	struct job *job = job_new("open", "slow", 40);
	for (int i = 0; i < job->size; i++) {
		item_fails(&job->items[i], NULL, ",\"delay_ms\":%d", i % 2 ? 60000 : 10);
		job->items[i].attempts = 1;
	}
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	struct process *p = start(NULL, "weir-consumer", "slow", "--grace", "200ms", NULL);
	await_final(job, 20);
	stop(p);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), 20);
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries"), 0);
	queue_await_size("weir.slow", 20);
	job_hasten(job);
	start(NULL, "weir-consumer", "slow", NULL);
	finish(job);
}

/* An item that is on trial, and has come back. */
static void on_trial(const struct job *job)
{
	char queue[64];
	snprintf(queue, sizeof queue, "weir.%s", job->kind);
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job);
	stop(relay);
	struct process *p = start("working", "weir-consumer", job->kind, NULL);
	EXPECT_INT(await_exit(p, PATIENCE_MS), -SIGKILL);
	queue_await_size(queue, job->size);
	sql_text("INSERT INTO weir.trials (job_id, stage, ordinal, alone)"
		 " SELECT job_id, stage, ordinal, true FROM weir.items");
}

static int64_t begun(void) { return sql("SELECT sum(begun) FROM weir.trials"); }

/* The plugin is not in its code, but waits: neither that nor the stop counts against it. */
static void consumer_with_a_trial(void)
{
	struct job *job = job_new("trial", "slow", 1);
	job->items[0].attempts = 1;
	job_delay(job, 600000);
	on_trial(job_submit(job));
	struct process *p = start(NULL, "weir-consumer", "slow", "--grace", "200ms", NULL);
	await_log(p, "trial_started");
	await(PATIENCE_MS, "SELECT sum(begun) = 0 FROM weir.trials");
	stop(p);
	EXPECT_INT(begun(), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries"), 0);
	queue_await_size("weir.slow", 1);
	job_hasten(job);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "slow", NULL);
	finish(job);
}

/* The same when the time is over in the middle of a flush, which waits for the ledger. */
static void consumer_in_a_flush(void)
{
	struct job *job = job_submit(job_new("flush", "sum", 1));
	job->items[0].attempts = 1;
	on_trial(job);
	sql_text("BEGIN");
	sql_text("LOCK TABLE weir.results IN SHARE MODE");
	struct process *p = start(NULL, "weir-consumer", "sum", "--grace", "1s", NULL);
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"
			   " AND relation = 'weir.results'::regclass");
	EXPECT_INT(begun(), 0);
	stop(p);
	EXPECT_INT(begun(), 0);
	queue_await_size("weir.sum", 1);
	sql_text("ROLLBACK");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

static void consumer_twice(void)
{
	struct job *job = job_new("hurry", "slow", 20);
	job_delay(job, 60000);
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	calls_begin();
	struct process *p = start(NULL, "weir-consumer", "slow", "--grace", "10m", NULL);
	calls_rest();
	calls_await(20); /* what it has not taken yet it does not wait for */
	kill(p->pid, SIGTERM);
	pause_ms(100);
	EXPECT(is_alive(p), "it did not wait for what is open");
	stop(p); /* the second SIGTERM */
	queue_await_size("weir.slow", 20);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), 0);
}

static void relay_under_load(void)
{
	struct job *job = job_new("relays", "sum", 600);
	job_submit(job);
	start(NULL, "weir-consumer", "sum", NULL);
	for (int i = 1; i <= 3; i++) {
		struct process *p = start(NULL, "weir-relay", "--batches", "1", NULL);
		await_final(job, i * 40);
		stop(p);
	}
	start(NULL, "weir-relay", NULL);
	finish(job);
}

static void idle_ones(void)
{
	struct process *relay = start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "sum", "slow", NULL);
	struct job *job = job_submit(job_new("idle", "sum", 1));
	await_ended(job);
	stop(consumer);
	stop(relay);
	finish(job);
}

void add_stop_suite(void);

void add_stop_suite(void)
{
	CU_pSuite s = WORLD_SUITE("SIGTERM");
	CU_add_test(s, "a consumer under load, four times", consumer_under_load);
	CU_add_test(s, "a consumer with open items", consumer_with_open_items);
	CU_add_test(s, "a consumer with an item on trial", consumer_with_a_trial);
	CU_add_test(s, "a consumer in the middle of a flush", consumer_in_a_flush);
	CU_add_test(s, "a consumer, twice in a row", consumer_twice);
	CU_add_test(s, "a relay under load, three times", relay_under_load);
	CU_add_test(s, "idle ones", idle_ones);
}
