/* A broker that is there, but not as it should be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* The broker acks what it could not route, after it has returned it: that is no success. */
static void the_binding_is_gone(void)
{
	struct job *job = job_submit(job_new("unbound", "sum", 60));
	queue_unbind("sum");
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_log(relay, "batches_refused");
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE status = 'pending_queue'"), 3);
	EXPECT_INT(run(NULL, "weir", "init", NULL)->status, 0);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

/* Memory is short, or so the broker thinks. */
static void set_alarm(bool on)
{
	char path[512];
	const char *stack = getenv("WEIR_STACK_DIR");
	snprintf(path, sizeof path, "%s/bin/rabbitmqctl", stack ? stack : "");
	const struct outcome *o =
		run(NULL, path, "set_vm_memory_high_watermark", on ? "0.000001" : "0.4", NULL);
	EXPECT(o->status == 0, "rabbitmqctl: %d: %s", o->status, o->err);
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

void add_broker_suite(void);

void add_broker_suite(void)
{
	CU_pSuite s = WORLD_SUITE("a broker that is not as it should be");
	CU_add_test(s, "the queue is deleted", the_queue_is_deleted);
	CU_add_test(s, "there is no queue", there_is_no_queue);
	CU_add_test(s, "the binding is gone", the_binding_is_gone);
	CU_add_test(s, "an alarm stops publishers", an_alarm);
}
