/* A broker that is there, but not as it should be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/broker.h"
#include "world.h"

/* A queue that is deleted is made again by whoever needs it, with a job or without, and the other
 * kinds of a consumer do not notice. What was in it is published again. */
static void the_queue_is_deleted(void)
{
	struct job *job = job_submit(job_new("deleted", "sum", 60));
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	struct process *consumer = start(NULL, "weir-consumer", "slow", "pass", NULL);
	await_log(consumer, "consumer_ready");
	queue_delete("weir.sum");
	queue_delete("weir.slow");
	await_log(consumer, "queue_back");
	EXPECT_INT(queue_size("weir.slow"), 0);
	queue_await_size("weir.sum", 60);
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(job);
	EXPECT(!strstr(log_of(consumer), "broker_lost"), "%s", log_of(consumer));
	finish(job);
}

/* A consumer makes its queue, and the ledger remembers that, for a relay that comes later. */
static void there_is_no_queue(void)
{
	struct job *job = job_submit(job_new("none", "sum", 60));
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job);
	stop(relay);
	queue_delete("weir.sum");
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	await_log(consumer, "made=\"queue weir.sum\"");
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.queues_made WHERE kind = 'sum'");
	relay = start(NULL, "weir-relay", NULL);
	await_log(relay, "job_revived");
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.queues_made"), 0);
}

/* One that cannot be used is told of, and the others go on. */
static void a_queue_that_is_another(void)
{
	struct weir_error err = {"", ""};
	struct broker *b = NULL;
	static const struct broker_queue other = {.name = "weir.slow", .delivery_limit = 7};
	struct job *job = job_submit(job_new("beside", "sum", 60));
	queue_delete("weir.slow");
	if (broker_open(getenv("WEIR_AMQP_URL"), "tests", 1 << 20, &b, &err) < 0 ||
	    broker_declare_queue(b, &other, false, NULL, &err) < 0)
		EXPECT(false, "%s", err.text);
	broker_close(b);
	start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "slow", "sum", NULL);
	await_log(consumer, "queue_unusable");
	await_ended(job);
	EXPECT_PART(log_of(consumer), "x-d"); /* the argument that differs */
	queue_delete("weir.slow");
	await_log(consumer, "queue_back");
	finish(job);
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
	CU_add_test(s, "a queue that is another", a_queue_that_is_another);
	CU_add_test(s, "the binding is gone", the_binding_is_gone);
	CU_add_test(s, "an alarm stops publishers", an_alarm);
	if (getenv("WEIR_SLOW_TESTS"))
		CU_add_test(s, "a full consumer stays connected", a_full_consumer_stays_connected);
	CU_add_test(s, "the queue is purged in the middle", the_queue_is_purged);
	CU_add_test(s, "the queue is deleted with its messages",
		    the_queue_is_deleted_with_its_messages);
	CU_add_test(s, "the messages of retries are purged", retries_are_purged);
}
