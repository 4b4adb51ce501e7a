/* A broker that is there, but not as it should be. */
#include <signal.h>
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
	await_log(relay, "kind_apart");
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

/* An operator's broker may want a sign of life each second. */
static void a_short_heartbeat(void)
{
	struct job *job = job_new("beats", "slow", 20);
	for (int i = 0; i < 10; i++)
		item_fails(&job->items[i], NULL, ",\"delay_ms\":5000");
	rabbitmqctl("eval", "application:set_env(rabbit, heartbeat, 1).");
	struct process *relay = start(NULL, "weir-relay", NULL);
	struct process *consumer =
		start(NULL, "weir-consumer", "slow", "--flush", "10", "--prefetch", "10", NULL);
	await_ended(job_submit(job));
	EXPECT(strstr(log_of(consumer), "broker_lost") == NULL, "the consumer lost it");
	EXPECT(strstr(log_of(relay), "broker_lost") == NULL, "the relay lost it");
	rabbitmqctl("eval", "application:set_env(rabbit, heartbeat, 60).");
	finish(job);
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

/* ---- and messages that are gone while others are there ---- */

/* More than can be done in the time of a test, so that the queue is never empty. */
static struct job *stream(void)
{
	struct job *job = job_new("stream", "slow", 2000);
	job_delay(job, 300);
	return job_submit(job);
}

/* What is left of it in the queue is for its consumers, who may be stopped now. */
static void end_stream(struct job *job)
{
	const struct outcome *o = run(NULL, "weir", "cancel", job->id, NULL);
	EXPECT(o->status == 0, "cancel: %d: %s", o->status, o->err);
	await_ended(job);
	queue_await_size("weir.slow", 0);
}

/* Batches, and retries, that were published and purged. */
static void messages_are_gone_among_others(void)
{
	struct job *tried = job_new("tried", "slow", 20), *gone = job_new("gone", "slow", 40);
	for (int i = 0; i < 10; i++) {
		item_fails(&tried->items[i], NULL, ",\"fail\":\"retry_once\"");
		tried->items[i].attempts = 2;
	}
	struct process *relay = start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "slow", NULL);
	job_submit(tried);
	await(PATIENCE_MS, "SELECT count(*) = 10 FROM weir.retries");
	stop(consumer);
	await_queued(job_submit(gone));
	await(PATIENCE_MS, "SELECT count(*) = 10 FROM weir.retries WHERE due_at = 'infinity'");
	stop(relay);
	queue_purge("weir.slow");
	struct job *others = stream();
	relay = start(NULL, "weir-relay", "--lost-after", "1s", "--queue-least", "20",
		      "--queue-most", "20", NULL);
	start(NULL, "weir-consumer", "slow", "--flush", "10", "--prefetch", "10", NULL);
	await_log(relay, "job=tried batches=0 retries=10 text=\"what was published long after");
	await_log(relay, "job=gone batches=2 retries=0 text=\"what was published long after");
	await_ended(tried);
	await_ended(gone);
	end_stream(others);
	stop_all();
	check_exact(tried);
	check_exact(gone);
}

/* What a consumer has in hand for long is not lost, whatever is done beside it. */
static void what_is_in_hand_is_not_lost(void)
{
	struct job *held = job_new("held", "slow", 1);
	item_fails(&held->items[0], NULL, ",\"hold\":1");
	items_hold();
	struct process *relay = start(NULL, "weir-relay", "--lost-after", "200ms", NULL);
	start(NULL, "weir-consumer", "slow", "--flush", "1", "--prefetch", "1", NULL);
	await_queued(job_submit(held));
	queue_await_size("weir.slow", 0);
	struct job *others = stream();
	start(NULL, "weir-consumer", "slow", "--flush", "10", "--prefetch", "10", NULL);
	await_final(others, 50);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'held'"), 0);
	items_let_go();
	await_ended(held);
	EXPECT(!strstr(log_of(relay), "job=held batches"), "%s", log_of(relay));
	end_stream(others);
}

/* ---- queues that are made, and who made them has gone ---- */

static struct job *queued_and_deleted(void)
{
	struct job *job = job_submit(job_new("missed", "sum", 60));
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job);
	stop(relay);
	queue_delete("weir.sum");
	return job;
}

static void made_by_a_relay_that_is_killed(void)
{
	struct job *job = queued_and_deleted();
	struct process *victim = start("queue_made", "weir-relay", NULL);
	EXPECT_INT(await_exit(victim, PATIENCE_MS), -SIGKILL);
	EXPECT_INT(queue_size("weir.sum"), 0);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.queues_made"), 0);
}

static void missed_by_a_consumer_that_is_killed(void)
{
	struct job *job = queued_and_deleted();
	struct process *victim = start("queue_missed", "weir-consumer", "sum", NULL);
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.queues_made");
	kill_hard(victim);
	EXPECT_INT(queue_size("weir.sum"), -1);
	EXPECT_INT(run(NULL, "weir", "init", NULL)->status, 0);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.queues_made"), 0);
}

/* Only what is locked waits, and is not forgotten. */
static void a_locked_row_of_what_was_lost(void)
{
	struct job *job = queued_and_deleted(), *other;
	sql_text(
		"BEGIN; SELECT FROM weir.job_batches WHERE job_id = 'missed' AND n = 1 FOR UPDATE");
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", "slow", NULL);
	await_log(relay, "somebody has locked rows of it");
	other = job_submit(job_new("beside", "slow", 20));
	await_ended(other);
	await_final(job, 40);
	sql_text("COMMIT");
	await_log(relay, "topology_right");
	finish(job);
	EXPECT(!strstr(log_of(relay), "broker_lost"), "%s", log_of(relay));
	EXPECT_INT(sql("SELECT count(*) FROM weir.queues_made"), 0);
}

/* While that row waits, what is in the new queue does not come a second time. */
static void what_is_in_the_new_queue(void)
{
	struct job *job = queued_and_deleted(), *other;
	sql_text(
		"BEGIN; SELECT FROM weir.job_batches WHERE job_id = 'missed' AND n = 1 FOR UPDATE");
	struct process *relay = start(NULL, "weir-relay", NULL);
	queue_await_size("weir.sum", 40);
	await_log(relay, "somebody has locked rows of it");
	queue_delete("weir.slow"); /* so that there is one look more */
	other = job_submit(job_new("beside", "slow", 20));
	await_log(relay, "made=\"queue weir.slow\"");
	queue_await_size("weir.slow", 20);
	EXPECT_INT(queue_size("weir.sum"), 40);
	const char *told = strstr(log_of(relay), "job=missed");
	EXPECT(told && !strstr(told + 1, "job=missed"), "%s", log_of(relay));
	sql_text("COMMIT");
	await_log(relay, "topology_right");
	queue_await_size("weir.sum", 60);
	start(NULL, "weir-consumer", "sum", "slow", NULL);
	await_ended(other);
	finish(job);
}

/* What came back and is final is acked, every other one by itself, while the broker goes. */
static void lost_while_acking(void)
{
	struct job *job = job_new("acks", "sum", 20);
	for (int i = 0; i < job->size; i += 2)
		job->items[i].failure = "ended";
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	struct process *consumer = start("working", "weir-consumer", "sum", NULL);
	EXPECT_INT(await_exit(consumer, PATIENCE_MS), -SIGKILL);
	queue_await_size("weir.sum", 20);
	sql_text("SELECT weir.end_items('acks', 1, ARRAY(SELECT generate_series(0, 18, 2)), 2,"
		 " 'ended', 'by a test')");
	consumer = start("counted:1:stop", "weir-consumer", "sum", NULL);
	await_stopped(consumer);
	server("kill", "rabbitmq");
	server("up", "rabbitmq");
	thaw(consumer);
	await_ended(job);
	EXPECT_PART(log_of(consumer), "broker_lost");
	EXPECT(!strstr(log_of(consumer), "worker_ended"), "%s", log_of(consumer));
	finish(job);
}

/* As one out of file descriptors, or behind a firewall's new rule: who is in stays, and who knocks
 * hears nothing. */
static void let_nobody_in(bool nobody)
{
	char erlang[256];
	snprintf(erlang, sizeof erlang,
		 "[sys:%s(P) || [P] <- ets:match(ranch_server, {{conns_sup, '_', '_'}, '$1'})].",
		 nobody ? "suspend" : "resume");
	rabbitmqctl("eval", erlang);
}

static void end_connection(const char *name)
{
	char erlang[512];
	snprintf(erlang, sizeof erlang,
		 "[rabbit_networking:close_connection(P, \"test\") || [{pid, P},"
		 " {client_properties, C}] <- rabbit_networking:connection_info_all("
		 "[pid, client_properties]),"
		 " lists:member({<<\"connection_name\">>, longstr, <<\"%s\">>}, C)].",
		 name);
	rabbitmqctl("eval", erlang);
}

/* A relay that would open another connection for something goes on with those that it has. */
static void it_lets_nobody_in(void)
{
	struct job *job = job_submit(job_new("before", "sum", 20)), *later;
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(job);
	let_nobody_in(true);
	end_connection("weir-relay survey");
	sql_text("INSERT INTO weir.dead_letters (queue, reason_code, reason, body, due_at)"
		 " VALUES ('weir.sum', 'test', 'test', 'x', now())");
	await_log(relay, "of=dead_letters");
	await_log(relay, "topology_wrong");
	later = job_submit(job_new("later", "sum", 60));
	await(PATIENCE_MS, "SELECT completed_at IS NOT NULL FROM weir.jobs WHERE job_id = 'later'");
	EXPECT(!strstr(log_of(relay), "broker_lost"), "%s", log_of(relay));
	let_nobody_in(false);
	await_log(relay, "topology_right");
	await(PATIENCE_MS, "SELECT due_at IS NULL FROM weir.dead_letters");
	sql_text("DELETE FROM weir.dead_letters");
	stop_all();
	check_exact(job);
	check_exact(later);
}

/* Nor does it wait for an answer how much there is in the queues, however much is to be published.
 */
static void it_lets_nobody_ask(void)
{
	struct job *job = job_submit(job_new("before", "sum", 20)), *later;
	struct process *relay = start(NULL, "weir-relay", "--queue-least", "20", "--queue-most",
				      "20", "--queue-time", "200ms", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(job);
	let_nobody_in(true);
	end_connection("weir-relay queues");
	later = job_submit(job_new("later", "sum", 200));
	await(PATIENCE_MS, "SELECT completed_at IS NOT NULL FROM weir.jobs WHERE job_id = 'later'");
	EXPECT_PART(log_of(relay), "queue_not_asked");
	EXPECT(!strstr(log_of(relay), "queue_asked_again"), "somebody was let in");
	let_nobody_in(false);
	stop_all();
	check_exact(job);
	check_exact(later);
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
	CU_add_test(s, "it wants a sign of life each second", a_short_heartbeat);
	CU_add_test(s, "the queue is purged in the middle", the_queue_is_purged);
	CU_add_test(s, "the queue is deleted with its messages",
		    the_queue_is_deleted_with_its_messages);
	CU_add_test(s, "the messages of retries are purged", retries_are_purged);
	CU_add_test(s, "messages are gone among others", messages_are_gone_among_others);
	CU_add_test(s, "what is in hand is not lost", what_is_in_hand_is_not_lost);
	CU_add_test(s, "a queue is made by a relay that is killed", made_by_a_relay_that_is_killed);
	CU_add_test(s, "a queue is missed by a consumer that is killed",
		    missed_by_a_consumer_that_is_killed);
	CU_add_test(s, "a locked row of what was lost", a_locked_row_of_what_was_lost);
	CU_add_test(s, "what is in the new queue", what_is_in_the_new_queue);
	CU_add_test(s, "it is lost while what is final is acked", lost_while_acking);
	CU_add_test(s, "it lets nobody in", it_lets_nobody_in);
	CU_add_test(s, "it lets nobody ask", it_lets_nobody_ask);
}
