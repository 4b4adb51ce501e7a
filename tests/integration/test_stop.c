/* Programs that are asked to stop while they are busy. */
#include <signal.h>

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
	EXPECT_INT(republish("weir.slow", "slow", 0), 20);
	sql_text("UPDATE weir.items SET payload = json_build_object('key', payload->>'key',"
		 " 'amount', (payload->>'amount')::int)");
	sql_text("UPDATE weir.job_batches SET status = 'pending_queue', due_at = now()");
	start(NULL, "weir-consumer", "slow", NULL);
	finish(job);
}

static void consumer_twice(void)
{
	struct job *job = job_new("hurry", "slow", 20);
	job_delay(job, 60000);
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	struct process *p = start(NULL, "weir-consumer", "slow", NULL);
	queue_await_size("weir.slow", 0);
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
	CU_add_test(s, "a consumer, twice in a row", consumer_twice);
	CU_add_test(s, "a relay under load, three times", relay_under_load);
	CU_add_test(s, "idle ones", idle_ones);
}
