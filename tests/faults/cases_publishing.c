/* The way from the ledger to the broker: F1 to F13. */
#include <stdio.h>
#include <string.h>

#include "steps.h"

static void relay_killed(const char *place)
{
	struct job *job = job_new("relay", "sum", 300);
	job->batch_size = 100;
	job_submit(job);
	struct process *p = start(place, "weir-relay", NULL);
	int status = await_exit(p, PATIENCE_MS);
	EXPECT(status == -9, "%s: the relay ended with %d", place, status);
	start_relay();
	await_queued(job);
	int64_t copies = queue_size("weir.sum") - job->size;
	EXPECT(copies >= 0 && copies <= job->size, "%lld copies", (long long)copies);
	row_saw("%lld published twice", (long long)copies);
	start_consumer("sum");
	end_well(job);
}

static void f1(void) { relay_killed("claimed"); }
static void f2(void) { relay_killed("published:50"); }
static void f3(void) { relay_killed("confirmed"); }

/* Confirms are on their way for so long that some are certainly not there. */
static void f4(void)
{
	struct job *job = job_submit(job_new("reset", "sum", 300));
	proxy_delay(PROXY_AMQP, TO_CLIENT, 400);
	struct process *relay = start_relay();
	for (int64_t until = now_ms() + PATIENCE_MS;
	     queue_size("weir.sum") <= 0 && now_ms() < until;)
		pause_ms(STEP_MS);
	proxy_cut(PROXY_AMQP);
	await_log(relay, "broker_lost");
	proxy_clear(PROXY_AMQP);
	start_consumer("sum");
	end_well(job);
}

static void f5(void)
{
	struct process *relay = start_relay(), *consumer = start_consumer("sum");
	end_well(job_submit(job_new("before", "sum", 20)));
	relay = start_relay();
	consumer = start_consumer("sum");
	await_log(relay, "relay_ready");
	await_log(consumer, "consumer_ready");
	proxy_swallow(PROXY_AMQP, BOTH_WAYS);
	struct job *job = job_submit(job_new("hole", "sum", 60));
	await_log_for(relay, "broker_lost", HEARTBEATS_MS);
	await_log_for(consumer, "broker_lost", HEARTBEATS_MS);
	expect_rest(relay, 2000);
	proxy_clear(PROXY_AMQP);
	end_well(job);
}

static void f6(void)
{
	rabbit("set_policy full '^weir.sum$' "
	       "'{\"max-length\":30,\"overflow\":\"reject-publish\"}'");
	struct job *job = job_submit(job_new("full", "sum", 200));
	struct process *relay = start_relay();
	await_log(relay, "kind_apart");
	EXPECT(sql("SELECT count(*) FROM weir.job_batches WHERE status = 'pending_queue'") > 0,
	       "no batch is left to be published");
	expect_rest(relay, 2000);
	start_consumer("sum"); /* makes room */
	end_well(job);
	rabbit("clear_policy full");
}

/* Nobody makes room, but there is more of it. */
static void f6_lifted(void)
{
	rabbit("set_policy full '^weir.sum$' "
	       "'{\"max-length\":30,\"overflow\":\"reject-publish\"}'");
	struct job *job = job_submit(job_new("lifted", "sum", 200));
	struct process *relay = start_relay();
	await_log(relay, "kind_apart");
	rabbit("clear_policy full");
	await_queued(job);
	start_consumer("sum");
	end_well(job);
}

/* Counts the batches that the broker has refused, and that are to wait for that. */
static void count_refusals(void)
{
	sql_text("CREATE SEQUENCE refusals");
	sql_text("CREATE FUNCTION count_refusal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
		 " PERFORM nextval('refusals'); RETURN NULL; END $$;"
		 " CREATE TRIGGER count_refusal AFTER UPDATE ON weir.job_batches FOR EACH ROW"
		 " WHEN (NEW.status = 'pending_queue' AND NEW.due_at > OLD.due_at)"
		 " EXECUTE FUNCTION count_refusal()");
}

static int64_t refusals(void)
{
	return sql("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM refusals");
}

static void forget_refusals(void)
{
	sql_text("DROP TRIGGER count_refusal ON weir.job_batches; DROP FUNCTION count_refusal();"
		 " DROP SEQUENCE refusals");
}

/* Less than its consumers take in a moment: some is refused, and soon no more is published at once
 * than it takes. */
static void f6_bounded(void)
{
	rabbit("set_policy full '^weir.sum$' "
	       "'{\"max-length\":150,\"overflow\":\"reject-publish\"}'");
	count_refusals();
	struct job *job = job_submit(job_new("bounded", "sum", 8000));
	struct process *relay = start_relay();
	await_log(relay, "kind_apart");
	start_consumer("sum");
	see_done(job->id, 4000);
	int64_t early = refusals();
	see_them_end(job);
	int64_t late = refusals() - early;
	row_saw("%lld batches refused, then %lld", (long long)early, (long long)late);
	rabbit("clear_policy full");
	end_well(job);
	forget_refusals();
	EXPECT(late * 3 <= early, "it is refused again and again");
	EXPECT(times_logged(relay, "code=refused") <= 2, "it is told again and again");
}

/* Of the relay, nearly all, while it rests. In a transaction of our own, too. */
static int64_t commits_of(struct process *relay)
{
	static const char seen[] =
		"SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
	sql_text("SELECT pg_stat_clear_snapshot()");
	int64_t before = sql(seen);
	expect_rest(relay, 3000);
	sql_text("SELECT pg_stat_clear_snapshot()");
	return sql(seen) - before;
}

/* A batch that somebody else holds: the relay looks for it now and then, hardly more often than
 * for nothing. */
static void f6_held(void)
{
	struct process *relay = start_relay();
	await_log(relay, "relay_ready");
	int64_t idle = commits_of(relay);
	freeze(relay);
	struct job *job = job_submit(job_new("held", "sum", 60));
	sql_text("BEGIN");
	sql_text("SELECT FROM weir.job_batches WHERE job_id = 'held' AND n = 1 FOR UPDATE");
	thaw(relay);
	await(PATIENCE_MS,
	      "SELECT count(*) = 1 FROM weir.job_batches WHERE status = 'pending_queue'");
	int64_t held = commits_of(relay);
	row_saw("%lld transactions in the time of %lld", (long long)held, (long long)idle);
	EXPECT(held < 4 * idle, "it looks for what is held all the time");
	sql_text("ROLLBACK");
	start_consumer("sum");
	end_well(job);
}

static void f7(void)
{
	struct process *relay = start_relay(); /* it binds what is not bound as it starts */
	await_log(relay, "relay_ready");
	queue_unbind("sum");
	struct job *job = job_submit(job_new("unbound", "sum", 60));
	await_log(relay, "kind_apart");
	EXPECT(sql("SELECT count(*) FROM weir.job_batches WHERE status = 'pending_queue'") > 0,
	       "what was returned counts as published");
	start_consumer("sum");
	end_well(job);
}

static void f8(void)
{
	struct process *relay = start_relay();
	await_log(relay, "relay_ready");
	exchange_delete("weir.items");
	struct job *job = job_submit(job_new("nowhere", "sum", 60));
	await_log(relay, "broker_lost");
	expect_rest(relay, 3000);
	row_saw("%d lines in its log", times_logged(relay, "\n"));
	start_consumer("sum");
	end_well(job);
}

/* The relay that is blocked goes on afterwards; another one is told to leave meanwhile. */
static void alarm_between(const char *on, const char *off)
{
	struct job *before = job_submit(job_new("before", "sum", 60));
	struct process *relay = start_relay(), *other = start_relay();
	await_queued(before);
	rabbit(on);
	struct job *behind = job_submit(job_new("behind", "sum", 60));
	await_log(relay, "broker_blocked");
	start_consumer("sum");
	await_final(before, 60);
	end_within_grace(other, 0);
	EXPECT(is_alive(relay), "the relay ended with %d", relay->status);
	rabbit(off);
	await_ended(before);
	end_well(behind);
	check_exact(before);
}

static void f9(void)
{
	alarm_between("set_vm_memory_high_watermark 0.000001", "set_vm_memory_high_watermark 0.4");
}

static void f10(void) { alarm_between("set_disk_free_limit 100000GB", "set_disk_free_limit 50MB"); }

static void f11(void)
{
	rabbit("set_policy full '^weir.sum$' "
	       "'{\"max-length\":15,\"overflow\":\"reject-publish\"}'");
	struct job *job = job_new("both", "sum", 200);
	job_delay(job, 2);
	struct process *relay = start_relay();
	start_consumer("sum");
	job_submit(job);
	await_log(relay, "kind_apart");
	end_well(job);
	rabbit("clear_policy full");
}

static void f12(void)
{
	for (int i = 0; i < PROXIES; i++)
		proxy_slow((enum proxied)i, BOTH_WAYS, 0, 1);
	struct job *job = job_new("bytes", "sum", 40);
	struct process *relay = start_relay(), *consumer = start_consumer("sum");
	await_ended(job_submit(job));
	for (int i = 0; i < PROXIES; i++)
		proxy_clear((enum proxied)i);
	proxy_slow(PROXY_AMQP, BOTH_WAYS, 2000, 0);
	struct job *few = job_submit(job_new("trickle", "sum", 20));
	await_ended(few);
	EXPECT(!strstr(log_of(relay), "broker_lost") && !strstr(log_of(consumer), "broker_lost"),
	       "a connection was lost");
	proxy_clear(PROXY_AMQP);
	end_well(few);
	check_exact(job);
}

static void f13(void)
{
	struct process *relay = start_relay(), *consumer = start_consumer("sum");
	await_log(relay, "relay_ready");
	await_log(consumer, "consumer_ready");
	pause_ms(35000); /* two heartbeats, and some */
	end_well(job_submit(job_new("idle", "sum", 60)));
	EXPECT(!strstr(log_of(relay), "broker_lost"), "the connection was lost");
}

const struct fault_case publishing_cases[] = {
	{"F1", "relay killed before it publishes", "another one publishes", f1, NULL},
	{"F2", "relay killed after 50 messages", "the batch again, effects once", f2, NULL},
	{"F3", "relay killed after the confirms", "the batch again, effects once", f3, NULL},
	{"F4", "reset with confirms outstanding", "published again, effects once", f4, NULL},
	{"F5", "black hole before the broker", "noticed by heartbeat, no spin, goes on", f5, NULL},
	{"F6", "queue full, the broker nacks", "rows stay pending, no spin, goes on", f6, NULL},
	{"F6", "queue full, then its limit is lifted", "goes on", f6_lifted, NULL},
	{"F6", "queue bounded below what is in it", "less is published at once", f6_bounded, NULL},
	{"F6", "a batch that somebody holds", "no spin, goes on", f6_held, NULL},
	{"F7", "binding removed", "returned is not published; the relay binds it", f7, NULL},
	{"F8", "exchange removed", "channel closed, it is made again, goes on", f8, NULL},
	{"F9", "memory alarm", "consumers ack, SIGTERM works, relay resumes", f9, NULL},
	{"F10", "disk alarm", "as F9", f10, NULL},
	{"F11", "acks and nacks mixed", "each batch as its own confirms say", f11, NULL},
	{"F12", "1-byte writes, 2 kB/s", "no connection lost, all exact", f12, NULL},
	{"F13", "publishing after two idle heartbeats", "no hang", f13, NULL},
	{0},
};
