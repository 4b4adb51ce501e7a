/* What the broker answers by closing the channel, and what others refuse: that is nobody else's
 * trouble. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/broker.h"
#include "world.h"

static void evaluate(const char *erlang) { rabbitmqctl("eval", erlang); }

/* The broker's own bound tells which item it is. */
static void an_item_is_too_large(void)
{
	struct job *big = job_submit(job_new("big", "sum", 60));
	struct job *beside = job_submit(job_new("beside", "sum", 10));
	sql_text("UPDATE weir.items SET payload ="
		 " (payload::jsonb || jsonb_build_object('pad', repeat('x', 30000)))::json"
		 " WHERE job_id = 'big' AND ordinal = 25");
	big->items[25].failure = "oversized";
	evaluate("application:set_env(rabbit, max_message_size, 20000).");
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(beside);
	await_ended(big);
	evaluate("application:set_env(rabbit, max_message_size, 134217728).");
	EXPECT_PART(log_of(relay), "messages_bounded");
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE error LIKE '%%takes 20000%%'"), 1);
	stop_all();
	check_exact(beside);
	check_exact(big);
}

/* Who may not publish with a routing key is told so with the channel: that is of one kind, whose
 * items wait with the reason, and fail for nothing. */
static void a_kind_is_refused(void)
{
	struct job *refused = job_submit(job_new("refused", "slow", 30));
	struct job *beside = job_submit(job_new("beside", "sum", 60));
	evaluate("rabbit_auth_backend_internal:set_topic_permissions("
		 "<<\"weir\">>, <<\"/\">>, <<\"weir.items\">>, <<\"^sum$\">>, <<\".*\">>,"
		 " <<\"tests\">>).");
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", "slow", NULL);
	await_ended(beside);
	await(PATIENCE_MS, "SELECT count(*) = 30 FROM weir.retries WHERE job_id = 'refused'"
			   " AND refused > 0 AND error LIKE '%%ACCESS_REFUSED%%'");
	await(PATIENCE_MS, "SELECT max(refused) > 1 FROM weir.retries");
	EXPECT_PART(log_of(relay), "suspects_put_off");
	evaluate("rabbit_auth_backend_internal:clear_topic_permissions("
		 "<<\"weir\">>, <<\"/\">>, <<\"tests\">>).");
	sql_text("UPDATE weir.retries SET due_at = now() WHERE due_at < 'infinity'");
	await_ended(refused);
	stop_all();
	check_exact(beside);
	check_exact(refused);
}

/* Copies that a queue at weir.events has. */
static const struct broker_queue listener = {.name = "test.events"};

static void listen_to_events(void)
{
	struct weir_error err = {"", ""};
	struct broker *b = NULL;
	if (broker_open(getenv("WEIR_AMQP_URL"), "tests", 1 << 20, &b, &err) < 0 ||
	    broker_declare_queue(b, &listener, false, NULL, &err) < 0 ||
	    broker_bind(b, listener.name, "weir.events", "#", &err) < 0)
		EXPECT(false, "%s", err.text);
	broker_close(b);
}

/* Another one's queue is full: the others get each event once, and again after pauses that grow;
 * items do not notice. */
static void a_subscriber_is_full(void)
{
	struct job *job = job_submit(job_new("told", "sum", 60));
	listen_to_events();
	EXPECT(queue_refuses("test.full", "weir.events"), "no full queue");
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(job);
	await(PATIENCE_MS, "SELECT count(*) = 4 FROM weir.events WHERE"
			   " refused_since IS NOT NULL AND due_at > now()");
	queue_await_size(listener.name, 4);
	sql_text("UPDATE weir.events SET due_at = now(),"
		 " refused_since = refused_since - interval '1 minute'");
	await(PATIENCE_MS, "SELECT count(*) = 4 FROM weir.events WHERE"
			   " due_at > now() + interval '50 seconds'");
	EXPECT_INT(sql("SELECT max(refused) FROM weir.events"), 0); /* nobody's fault */
	queue_await_size(listener.name, 8);
	EXPECT(!strstr(log_of(relay), "broker_lost"), "%s", log_of(relay));
	EXPECT_PART(log_of(relay), "x-overflow=reject-publish");
	queue_delete("test.full");
	sql_text("UPDATE weir.events SET due_at = now()");
	await(PATIENCE_MS, "SELECT count(*) = 0 FROM weir.events");
	queue_await_size(listener.name, 12);
	queue_delete(listener.name);
	finish(job);
}

void add_suspects_suite(void);

void add_suspects_suite(void)
{
	CU_pSuite s = WORLD_SUITE("what is refused stands apart");
	CU_add_test(s, "an item is too large for the broker", an_item_is_too_large);
	CU_add_test(s, "a kind is refused", a_kind_is_refused);
	CU_add_test(s, "a subscriber is full", a_subscriber_is_full);
}
