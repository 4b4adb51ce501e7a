/* A broker that is there, but not as it should be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/broker.h"
#include "world.h"

/* A consumer whose queue is deleted must neither end nor look healthy for ever: it comes back when
 * the queue does. The messages are gone; the ledger has the rows. */
static void the_queue_is_deleted(void)
{
	struct job *job = job_submit(job_new("deleted", "sum", 60));
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job);
	stop(relay);
	struct process *consumer = start(NULL, "weir-consumer", "slow", NULL);
	await_log(consumer, "consumer_ready");
	queue_delete("weir.sum");
	queue_delete("weir.slow");
	await_log(consumer, "broker_lost");
	EXPECT_INT(queue_size("weir.sum"), -1);
	EXPECT_INT(run(NULL, "weir", "init", NULL)->status, 0);
	await_log(consumer, "broker_back");
	sql_text("UPDATE weir.job_batches SET status = 'pending_queue', due_at = now()");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

/* Nobody starts without its queue, and the error says what to do. */
static void there_is_no_queue(void)
{
	queue_delete("weir.sum");
	const struct outcome *o = run(NULL, "weir-consumer", "sum", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "weir init");
	EXPECT_INT(run(NULL, "weir", "init", NULL)->status, 0);
}

/* The broker acks what it could not route, after it has returned it: that is no success. The relay
 * then binds the queue again. */
static void the_binding_is_gone(void)
{
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_log(relay, "relay_ready");
	queue_unbind("sum");
	struct job *job = job_submit(job_new("unbound", "sum", 60));
	await_log(relay, "batches_refused");
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

/* Memory is short, or so the broker thinks. */
static void set_alarm(bool on)
{
	rabbitmqctl("set_vm_memory_high_watermark", on ? "0.000001" : "0.4");
}

/* It then reads from nobody who publishes. Acks must go on, and SIGTERM must not wait for it. */
static void an_alarm(void)
{
	struct job *before = job_submit(job_new("before", "sum", 60));
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(before);
	set_alarm(true);
	struct job *behind = job_submit(job_new("behind", "sum", 60));
	await_log(relay, "broker_blocked");
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	await_final(before, 60);
	stop(consumer);
	queue_await_size("weir.sum", 0);
	stop(relay);
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE status = 'pending_queue'"), 3);
	set_alarm(false);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(before);
	finish(behind);
	check_exact(before);
}

/* ---- connections of a consumer that is busy ---- */

/* It has no room for more and does not read, for longer than the broker waits for a sign of life:
 * that is two to three heartbeats. */
static void a_full_consumer_stays_connected(void)
{
	struct job *job = job_new("full", "slow", 30);
	for (int i = 0; i < 10; i++)
		item_fails(&job->items[i], NULL, ",\"delay_ms\":%d",
			   (3 * BROKER_HEARTBEAT_S + 5) * 1000);
	for (int i = 0; i < job->size; i++)
		job->items[i].attempts = 1;
	start(NULL, "weir-relay", NULL);
	await_queued(job_submit(job));
	struct process *consumer =
		start(NULL, "weir-consumer", "slow", "--flush", "10", "--prefetch", "10", NULL);
	queue_await_size("weir.slow", 20);
	await(3 * BROKER_HEARTBEAT_S * 1000 + PATIENCE_MS,
	      "SELECT count(*) >= 10 FROM weir.results");
	finish(job);
	EXPECT(strstr(log_of(consumer), "broker_lost") == NULL, "the connection was lost");
}

/* ---- what the broker has lost ---- */

/* Nothing of the job is left there, but for what a consumer has in hand. */
static void the_queue_is_purged(void)
{
	struct job *job = job_new("purged", "sum", 100);
	job_delay(job, 20);
	struct process *relay = start(NULL, "weir-relay", "--lost-after", "1s", NULL);
	await_queued(job_submit(job));
	start(NULL, "weir-consumer", "sum", "--flush", "10", "--prefetch", "10", NULL);
	await_final(job, 10);
	queue_purge("weir.sum");
	EXPECT(sql("SELECT count(*) FROM weir.results") < 100, "it was purged too late");
	await_log(relay, "job_revived");
	finish(job);
}

static void the_queue_is_deleted_with_its_messages(void)
{
	struct job *job = job_submit(job_new("emptied", "sum", 60));
	struct process *relay = start(NULL, "weir-relay", "--lost-after", "1s", NULL);
	await_queued(job);
	queue_delete("weir.sum");
	EXPECT_INT(run(NULL, "weir", "init", NULL)->status, 0);
	start(NULL, "weir-consumer", "sum", NULL);
	await_log(relay, "job_revived");
	finish(job);
}

/* Their rows say that a message is on its way. */
static void retries_are_purged(void)
{
	struct job *job = job_new("again", "sum", 40);
	for (int i = 0; i < 10; i++) {
		item_fails(&job->items[4 * i], NULL, ",\"fail\":\"retry_once\"");
		job->items[4 * i].attempts = 2;
	}
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job_submit(job));
	stop(relay);
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	await_final(job, 30);
	await(PATIENCE_MS, "SELECT count(*) = 10 FROM weir.retries");
	stop(consumer);
	relay = start(NULL, "weir-relay", "--lost-after", "1s", NULL);
	await(PATIENCE_MS, "SELECT count(*) = 10 FROM weir.retries WHERE due_at = 'infinity'");
	queue_purge("weir.sum");
	await_log(relay, "batches=0 retries=10");
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

void add_broker_suite(void);

void add_broker_suite(void)
{
	CU_pSuite s = WORLD_SUITE("a broker that is not as it should be");
	CU_add_test(s, "the queue is deleted", the_queue_is_deleted);
	CU_add_test(s, "there is no queue", there_is_no_queue);
	CU_add_test(s, "the binding is gone", the_binding_is_gone);
	CU_add_test(s, "an alarm stops publishers", an_alarm);
	if (getenv("WEIR_SLOW_TESTS"))
		CU_add_test(s, "a full consumer stays connected", a_full_consumer_stays_connected);
	CU_add_test(s, "the queue is purged in the middle", the_queue_is_purged);
	CU_add_test(s, "the queue is deleted with its messages",
		    the_queue_is_deleted_with_its_messages);
	CU_add_test(s, "the messages of retries are purged", retries_are_purged);
}
