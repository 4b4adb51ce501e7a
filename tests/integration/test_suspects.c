/* What the broker answers by closing the channel, and what others refuse: that is nobody else's
 * trouble. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int times(const char *text, const char *part)
{
	int n = 0;
	for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
		n++;
	return n;
}

/* Whether the broker takes what goes to this queue of items. */
static void permit(const char *pattern)
{
	char erlang[256];
	snprintf(erlang, sizeof erlang,
		 "rabbit_auth_backend_internal:%s_topic_permissions(<<\"weir\">>, <<\"/\">>, %s%s%s"
		 "<<\"tests\">>).",
		 pattern ? "set" : "clear", pattern ? "<<\"weir.items\">>, <<\"" : "",
		 pattern ? pattern : "", pattern ? "\">>, <<\".*\">>, " : "");
	evaluate(erlang);
}

/* All items of a job are suspects that stand alone, and due. */
static void suspect(const struct job *job, const char *since)
{
	sql_text("UPDATE weir.job_batches SET status = 'queued', queued_at = now()"
		 " WHERE job_id = '%s'",
		 job->id);
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at, refused)"
		 " SELECT job_id, stage, ordinal, 0, now() - interval '%s', 3 FROM weir.items"
		 " WHERE job_id = '%s'",
		 since, job->id);
}

#define ENDED "SELECT completed_at IS NOT NULL FROM weir.jobs WHERE job_id = '%s'"
#define SOON_MS 15000 /* less than the patience that anybody has with a connection, or a lock */

/* Who may not publish with a routing key is told so with the channel: that is of one kind. Its
 * batches stay what they are, its relay says why, and others do not notice, suspects among them. */
static void a_kind_is_refused(void)
{
	struct job *refused = job_submit(job_new("refused", "slow", 60));
	struct job *doubtful = job_submit(job_new("doubtful", "slow", 10));
	struct job *beside = job_submit(job_new("beside", "sum", 60));
	struct job *known = job_submit(job_new("known", "sum", 10));
	suspect(doubtful, "2 minutes");
	suspect(known, "1 minute");
	permit("^sum$");
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", "slow", NULL);
	await(SOON_MS, ENDED, known->id);
	await(SOON_MS, ENDED, beside->id);
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.processes WHERE"
			   " waits_for LIKE 'kind slow: %%ACCESS_REFUSED%%'");
	EXPECT_PART(run(NULL, "weir", "status", "refused", NULL)->out, "ACCESS_REFUSED");
	struct job *later = job_submit(job_new("later", "sum", 60));
	await(SOON_MS, ENDED, later->id);
	EXPECT(!strstr(run(NULL, "weir", "status", "later", NULL)->out, "ACCESS_REFUSED"),
	       "it is another one's trouble");
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries WHERE job_id <> 'doubtful'"), 0);
	EXPECT_INT(sql("SELECT max(refused) FROM weir.retries"), 3);
	EXPECT_INT(times(log_of(relay), "kind_apart"), 1);
	permit(NULL);
	await_log(relay, "kind_back");
	await_ended(doubtful);
	await_ended(refused);
	stop_all();
	check_exact(beside);
	check_exact(known);
	check_exact(later);
	check_exact(doubtful);
	check_exact(refused);
}

/* A queue that takes and does not confirm: it has lost its majority, say, or its disk hangs. */
static void a_queue_does_not_confirm(void)
{
	static const char *const names[] = {"first", "second", "third"};
	struct job *waits = job_submit(job_new("waits", "slow", 60));
	struct job *beside = job_submit(job_new("beside", "sum", 60));
	evaluate("sys:suspend('%2F_weir.slow').");
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await(SOON_MS, ENDED, beside->id);
	for (int i = 0; i < 3; i++) {
		struct job *later = job_submit(job_new(names[i], "sum", 60));
		await(SOON_MS, ENDED, later->id);
	}
	EXPECT_PART(log_of(relay), "kind=slow code=unconfirmed");
	EXPECT(!strstr(log_of(relay), "suspects_put_off"), "%s", log_of(relay));
	EXPECT(!strstr(log_of(relay), "broker_lost"), "%s", log_of(relay));
	evaluate("sys:resume('%2F_weir.slow').");
	await_log(relay, "kind_back");
	start(NULL, "weir-consumer", "slow", NULL);
	await_ended(waits);
	stop_all();
	check_exact(beside);
	check_exact(waits);
}

/* The same of what is published apart as it may end a channel, and of two queues at once. */
static void suspects_are_not_confirmed(void)
{
	struct job *waits = job_submit(job_new("waits", "slow", 4));
	struct job *waits2 = job_submit(job_new("waits2", "never", 4));
	struct job *beside = job_submit(job_new("beside", "sum", 4));
	suspect(waits, "3 minutes");
	suspect(waits2, "2 minutes");
	suspect(beside, "1 minute");
	evaluate("sys:suspend('%2F_weir.slow'), sys:suspend('%2F_weir.never').");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await(SOON_MS, ENDED, beside->id);
	struct job *later = job_submit(job_new("later", "sum", 4));
	suspect(later, "1 minute");
	await(SOON_MS, ENDED, later->id);
	evaluate("sys:resume('%2F_weir.slow'), sys:resume('%2F_weir.never').");
	start(NULL, "weir-consumer", "slow", "never", NULL);
	await_ended(waits);
	await_ended(waits2);
	stop_all();
	check_exact(beside);
	check_exact(later);
	check_exact(waits);
	check_exact(waits2);
}

/* The broker closes the channel over each message with this in it. */
static void refuse_messages(const char *text)
{
	static const char forms[] =
		"F = fun(S) -> {ok, T, _} = erl_scan:string(S), {ok, X} = erl_parse:parse_form(T), "
		"X"
		" end, {ok, M, B} = compile:forms([F(\"-module(weir_refuser).\"),"
		" F(\"-behaviour(rabbit_channel_interceptor).\"),"
		" F(\"-export([description/0, init/1, intercept/3, applies_to/0]).\"),"
		" F(\"description() -> [].\"), F(\"init(_) -> undefined.\"),"
		" F(\"applies_to() -> ['basic.publish'].\"),"
		" F(\"intercept(P, C, _) when element(1, P) =/= 'basic.publish' -> {P, C};"
		" intercept(P, C, _) -> case binary:match(iolist_to_binary(lists:reverse("
		"element(6, C))), <<\\\"%s\\\">>) of nomatch -> {P, C}; _ ->"
		" rabbit_misc:protocol_error(precondition_failed, \\\"refused by a test\\\", []) "
		"end."
		"\")]), code:load_binary(M, \"weir_refuser\", B),"
		" rabbit_registry:register(channel_interceptor, <<\"weir_refuser\">>, M).";
	char erlang[1024];
	snprintf(erlang, sizeof erlang, forms, text);
	evaluate(erlang);
}

static void refuse_no_messages(void)
{
	evaluate("rabbit_registry:unregister(channel_interceptor, <<\"weir_refuser\">>).");
}

/* It is found, and nobody else waits for it, in its own job or in one of another kind. */
static void a_message_ends_the_channel(void)
{
	struct job *bad = job_new("bad", "sum", 200);
	snprintf(bad->items[130].more, sizeof bad->items[130].more, ",\"note\":\"POISON\"");
	bad->items[130].failure = "refused_by_broker";
	refuse_messages("POISON");
	job_submit(bad);
	struct job *beside = job_submit(job_new("beside", "slow", 60));
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", "slow", NULL);
	await(SOON_MS, ENDED, beside->id);
	await_final(bad, 199);
	EXPECT(sql("SELECT count(*) FROM weir.retries WHERE job_id = 'beside'") == 0,
	       "the innocent is a suspect");
	sql_text("UPDATE weir.retries SET refused = 4, due_at = now() WHERE due_at < 'infinity'");
	await_ended(bad);
	EXPECT_PART(log_of(relay), "message_refused");
	EXPECT(times(log_of(relay), "broker_lost") <= 1, "%s", log_of(relay));
	refuse_no_messages();
	stop_all();
	check_exact(beside);
	check_exact(bad);
}

/* What is tried apart where nothing is confirmed keeps nobody who is apart for another reason. */
static void a_doubtful_kind_waits_for_none(void)
{
	struct job *waits = job_submit(job_new("waits", "slow", 10));
	struct job *waits2 = job_submit(job_new("waits2", "never", 10));
	struct job *bad = job_new("bad", "sum", 60);
	snprintf(bad->items[30].more, sizeof bad->items[30].more, ",\"note\":\"POISON\"");
	bad->items[30].failure = "refused_by_broker";
	refuse_messages("POISON");
	evaluate("sys:suspend('%2F_weir.slow'), sys:suspend('%2F_weir.never').");
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_log(relay, "kind=slow code=unconfirmed");
	await_log(relay, "kind=never code=unconfirmed");
	job_submit(bad);
	await(SOON_MS, "SELECT count(*) >= 40 FROM weir.results WHERE job_id = 'bad'");
	await_final(bad, 59);
	sql_text("UPDATE weir.retries SET refused = 4, due_at = now() WHERE due_at < 'infinity'");
	evaluate("sys:resume('%2F_weir.slow'), sys:resume('%2F_weir.never').");
	await_ended(bad);
	refuse_no_messages();
	start(NULL, "weir-consumer", "slow", "never", NULL);
	await_ended(waits);
	await_ended(waits2);
	stop_all();
	check_exact(bad);
	check_exact(waits);
	check_exact(waits2);
}

/* What is published apart to find it has its place in the queue like all others: where nobody takes
 * anything, there is no more in it than there may be. */
static void a_doubtful_kind_is_full(void)
{
	struct job *bad = job_new("bad", "slow", 600);
	snprintf(bad->items[30].more, sizeof bad->items[30].more, ",\"note\":\"POISON\"");
	bad->items[30].failure = "refused_by_broker";
	refuse_messages("POISON");
	job_submit(bad);
	start(NULL, "weir-relay", "--queue-least", "60", "--queue-most", "60", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM weir.retries WHERE refused > 0");
	await_ended(job_submit(job_new("beside", "sum", 60)));
	EXPECT(queue_size("weir.slow") <= 100, "too many messages are in it");
	start(NULL, "weir-consumer", "slow", NULL);
	await_final(bad, 599);
	sql_text("UPDATE weir.retries SET refused = 4, due_at = now() WHERE due_at < 'infinity'");
	await_ended(bad);
	refuse_no_messages();
	stop_all();
	check_exact(bad);
}

/* Where each message of a kind does the same, none is to blame, and only a few batches are taken to
 * pieces to find that out. */
static void all_messages_end_the_channel(void)
{
	struct job *bad = job_new("bad", "sum", 200);
	for (int i = 0; i < bad->size; i++)
		snprintf(bad->items[i].more, sizeof bad->items[i].more, ",\"note\":\"POISON\"");
	refuse_messages("POISON");
	job_submit(bad);
	struct job *beside = job_submit(job_new("beside", "slow", 60));
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", "slow", NULL);
	await(SOON_MS, ENDED, beside->id);
	await_log(relay, "kind_apart");
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.processes WHERE"
			   " waits_for LIKE 'kind sum: %%INTERNAL_ERROR%%'");
	sql_text("UPDATE weir.retries SET refused = 5, due_at = now()");
	await(PATIENCE_MS, "SELECT max(refused) = 6 FROM weir.retries");
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'bad'"), 0);
	EXPECT(sql("SELECT count(*) FROM weir.retries") <= 60, "more than three batches");
	refuse_no_messages();
	sql_text("UPDATE weir.retries SET due_at = now() WHERE due_at < 'infinity'");
	await_log(relay, "kind_back");
	await_ended(bad);
	stop_all();
	check_exact(beside);
	check_exact(bad);
}

/* Copies that another queue has of what goes to an exchange. */
#define LISTENER "test.events"

static void listen_to(const char *exchange)
{
	EXPECT(queue_listens(LISTENER, exchange), "nobody listens to %s", exchange);
}

/* Another one's queue is full: the others get each event once, and again after pauses that grow;
 * items do not notice. */
static void a_subscriber_is_full(void)
{
	struct job *job = job_submit(job_new("told", "sum", 60));
	listen_to("weir.events");
	EXPECT(queue_refuses("test.full", "weir.events"), "no full queue");
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	/* What was refused once waits from then on, however slow all this is. */
	await(PATIENCE_MS, "WITH u AS (UPDATE weir.events SET due_at = now() + interval '1 day'"
			   " WHERE refused_since IS NOT NULL"
			   "  AND due_at BETWEEN now() AND now() + interval '1 hour' RETURNING 1)"
			   "SELECT (SELECT count(*) FROM u) + count(*) = 4 FROM weir.events"
			   " WHERE due_at > now() + interval '1 hour'");
	await_ended(job);
	queue_await_size(LISTENER, 4);
	sql_text("UPDATE weir.events SET due_at = now(),"
		 " refused_since = refused_since - interval '1 minute'");
	await(PATIENCE_MS, "SELECT count(*) = 4 FROM weir.events WHERE due_at BETWEEN"
			   " now() + interval '50 seconds' AND now() + interval '1 hour'");
	EXPECT_INT(sql("SELECT max(refused) FROM weir.events"), 0); /* nobody's fault */
	queue_await_size(LISTENER, 8);
	EXPECT(!strstr(log_of(relay), "broker_lost"), "%s", log_of(relay));
	EXPECT_PART(log_of(relay), "x-overflow=reject-publish");
	queue_delete("test.full");
	sql_text("UPDATE weir.events SET due_at = now()");
	await(PATIENCE_MS, "SELECT count(*) = 0 FROM weir.events");
	queue_await_size(LISTENER, 12);
	queue_delete(LISTENER);
	finish(job);
}

/* What this queue does: suspend, resume. */
static void silence(const char *how, const char *queue)
{
	char erlang[256];
	snprintf(erlang, sizeof erlang,
		 "{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"/\">>, queue, <<\"%s\">>)),"
		 " sys:%s(amqqueue:get_pid(Q)).",
		 queue, how);
	evaluate(erlang);
}

static void await_heard(int64_t count)
{
	int64_t until = now_ms() + SOON_MS;
	while (queue_size(LISTENER) < count && now_ms() < until)
		pause_ms(STEP_MS);
	EXPECT(queue_size(LISTENER) >= count, "the later events have not come");
}

/* The same of one that takes events and does not confirm: others get what comes later. */
static void a_subscriber_does_not_confirm(void)
{
	listen_to("weir.events");
	EXPECT(queue_listens("test.silent", "weir.events"), "no silent queue");
	silence("suspend", "test.silent");
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(job_submit(job_new("first", "sum", 10)));
	await_heard(2);
	struct job *later = job_submit(job_new("later", "sum", 10));
	await_ended(later);
	await_heard(4);
	await_log(relay, "batches_refused");
	EXPECT_INT(sql("SELECT max(refused) FROM weir.events"), 0); /* nobody's fault */
	silence("resume", "test.silent");
	sql_text("UPDATE weir.events SET due_at = now()");
	await(PATIENCE_MS, "SELECT count(*) = 0 FROM weir.events");
	queue_delete("test.silent");
	queue_delete(LISTENER);
	finish(later);
}

/* Another one's queue takes no items: the kind's own one has them all the same, and nobody waits.
 * What is final is not published again for it. */
static void a_queue_of_others_is_full(void)
{
	struct job *many = job_submit(job_new("many", "sum", 600));
	EXPECT(queue_refuses("test.full", "weir.items"), "no full queue");
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await(SOON_MS, ENDED, many->id);
	await(SOON_MS, ENDED, job_submit(job_new("few", "sum", 10))->id);
	EXPECT_PART(log_of(relay), "another queue that is bound to weir.items is full");
	EXPECT_INT(times(log_of(relay), "kind_apart"), 1);
	const struct outcome *o = run(NULL, "weir", "doctor", NULL);
	EXPECT_PART(o->out, "another queue that is bound to weir.items is full");
	listen_to("weir.items");
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE status = 'pending_queue'"
		       " AND due_at > now() + interval '50 seconds'"),
		   0);
	sql_text("UPDATE weir.job_batches SET due_at = now() WHERE status = 'pending_queue'");
	await(PATIENCE_MS, "SELECT count(*) = 0 FROM weir.job_batches"
			   " WHERE status = 'pending_queue'");
	EXPECT_INT(queue_size(LISTENER), 0);
	EXPECT_INT(times(log_of(relay), "kind_apart"), 1);
	queue_delete("test.full");
	await(SOON_MS, ENDED, job_submit(job_new("last", "sum", 10))->id);
	await_log(relay, "kind_back");
	queue_delete(LISTENER);
	finish(many);
}

/* What somebody has locked, or another relay waits with, is the first that is due of its kind of
 * rows, and of a group of its own: the others do not wait for it. */
static void a_row_is_locked(void)
{
	struct job *locked = job_submit(job_new("locked", "slow", 10));
	struct job *beside = job_submit(job_new("beside", "sum", 10));
	suspect(locked, "2 minutes");
	suspect(beside, "1 minute");
	sql_text("UPDATE weir.retries SET refused = 2, due_at = now() - interval '3 minutes'"
		 " WHERE job_id = 'locked' AND ordinal = 0");
	sql_text("INSERT INTO weir.events (job_id, type, body, refused, due_at)"
		 " SELECT 'locked', 'test', '{}', n, now() - n * interval '1 minute'"
		 " FROM generate_series(0, 1) n");
	sql_text("INSERT INTO weir.dead_letters (queue, reason_code, reason, body, refused, due_at)"
		 " SELECT 'weir.sum', 'test', 'test', 'x', n, now() - n * interval '1 minute'"
		 " FROM generate_series(0, 1) n");
	sql_text("BEGIN");
	sql_text("SELECT FROM weir.retries WHERE job_id = 'locked' AND ordinal = 0 FOR UPDATE");
	sql_text("SELECT FROM weir.events WHERE refused = 1 FOR UPDATE");
	sql_text("SELECT FROM weir.dead_letters WHERE refused = 1 FOR UPDATE");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", "slow", NULL);
	await(PATIENCE_MS, ENDED, beside->id);
	await_final(locked, 9);
	await(PATIENCE_MS, "SELECT count(*) = 0 FROM weir.events WHERE type = 'test'"
			   " AND refused = 0");
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.dead_letters WHERE due_at IS NOT NULL");
	EXPECT_INT(sql("SELECT count(*) FROM weir.events WHERE refused = 1"), 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries WHERE refused = 2"), 1);
	sql_text("COMMIT");
	await(PATIENCE_MS, "SELECT count(*) = 0 FROM weir.events");
	await(PATIENCE_MS, "SELECT count(*) = 2 FROM weir.dead_letters WHERE due_at IS NULL");
	sql_text("DELETE FROM weir.dead_letters");
	await_ended(locked);
	stop_all();
	check_exact(beside);
	check_exact(locked);
}

void add_suspects_suite(void);

void add_suspects_suite(void)
{
	CU_pSuite s = WORLD_SUITE("what is refused stands apart");
	CU_add_test(s, "an item is too large for the broker", an_item_is_too_large);
	CU_add_test(s, "a kind is refused", a_kind_is_refused);
	CU_add_test(s, "a queue does not confirm", a_queue_does_not_confirm);
	CU_add_test(s, "suspects are not confirmed", suspects_are_not_confirmed);
	CU_add_test(s, "a message ends the channel", a_message_ends_the_channel);
	CU_add_test(s, "a kind in doubt waits for none", a_doubtful_kind_waits_for_none);
	CU_add_test(s, "a kind in doubt is full", a_doubtful_kind_is_full);
	CU_add_test(s, "all messages of a kind end the channel", all_messages_end_the_channel);
	CU_add_test(s, "a subscriber is full", a_subscriber_is_full);
	CU_add_test(s, "a subscriber does not confirm", a_subscriber_does_not_confirm);
	CU_add_test(s, "a queue of others is full", a_queue_of_others_is_full);
	CU_add_test(s, "a row is locked", a_row_is_locked);
}
