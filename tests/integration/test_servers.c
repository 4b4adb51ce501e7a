/* Servers are wiped, stopped and killed in the middle of a job. */
#include <string.h>

#include "world.h"

#define ITEMS 300
#define SOME 60

/* A job that takes a second or two, seen in its middle. */
static struct job *in_the_middle(void)
{
	struct job *job = job_new("middle", "sum", ITEMS);
	job_delay(job, 5);
	item_fails(&job->items[5], "asked_to_fail", ",\"fail\":\"reject\"");
	item_fails(&job->items[ITEMS - 9], NULL, ",\"fail\":\"retry_once\"");
	start(NULL, "weir-relay", "--batches", "2", NULL);
	start(NULL, "weir-consumer", "sum", "--flush", "20", NULL);
	job_submit(job);
	await_final(job, SOME);
	return job;
}

static void expect_unfinished(void)
{
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE completed_at IS NULL"), 1);
}

static void redis_is_wiped(void)
{
	struct job *job = in_the_middle();
	redis_flush();
	expect_unfinished();
	finish(job);
}

static void redis_is_wiped_after_the_end(void)
{
	struct job *job = job_new("wiped", "sum", 50);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(job_submit(job));
	stop_all();
	redis_flush();
	const struct outcome *o = run(NULL, "weir", "reconcile", job->id, NULL);
	EXPECT(o->status == 0, "reconcile: %d: %s", o->status, o->err);
	check_exact(job);
}

/* Work goes on without Redis; only the counting waits. */
static void redis_is_away(void)
{
	struct job *job = in_the_middle();
	server("down", "redis");
	expect_unfinished();
	await(PATIENCE_MS, "SELECT bool_and(completed_at IS NOT NULL) FROM weir.jobs");
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE counted"), 0);
	server("up", "redis");
	finish(job);
}

static void redis_comes_back_in_between(void)
{
	struct job *job = in_the_middle();
	server("down", "redis");
	await_final(job, SOME + 60);
	server("up", "redis");
	finish(job);
}

static void broker_restarts(void)
{
	struct job *job = in_the_middle();
	server("down", "rabbitmq");
	expect_unfinished();
	server("up", "rabbitmq");
	finish(job);
}

static void broker_is_killed(void)
{
	struct job *job = in_the_middle();
	server("kill", "rabbitmq");
	expect_unfinished();
	server("up", "rabbitmq");
	finish(job);
}

static void ledger_restarts(void)
{
	struct job *job = in_the_middle();
	server("down", "postgresql");
	server("up", "postgresql");
	expect_unfinished();
	finish(job);
}

static void ledger_is_killed(void)
{
	struct job *job = in_the_middle();
	server("kill", "postgresql");
	server("up", "postgresql");
	expect_unfinished();
	finish(job);
}

static void ledger_is_away_for_a_while(void)
{
	struct job *job = in_the_middle();
	server("down", "postgresql");
	pause_ms(1500);
	server("up", "postgresql");
	finish(job);
}

static void sessions_are_ended(void)
{
	struct job *job = in_the_middle();
	for (int i = 0; i < 5; i++) {
		sql_text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
			 " WHERE datname = current_database() AND pid <> pg_backend_pid()");
		pause_ms(50);
	}
	finish(job);
}

/* ---- what is no server's fault ---- */

/* No item is to blame, so the job waits for somebody who makes it, and goes on then. */
static void a_plugins_table_is_away(void)
{
	struct job *job = job_new("table", "sum", 60);
	for (int i = 0; i < job->size; i++)
		job->items[i].attempts = 1;
	sql_text("ALTER TABLE effects RENAME TO effects_away");
	start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	job_submit(job);
	await_log(consumer, "job_paused");
	EXPECT_PART(run(NULL, "weir", "status", "table", NULL)->out, "make the table (weir init");
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), 0);
	sql_text("ALTER TABLE effects_away RENAME TO effects");
	EXPECT_INT(run(NULL, "weir", "resume", "table", NULL)->status, 0);
	finish(job);
}

/* What it cannot do without its ledger must not keep it busy: a dead letter, rows that are due. */
static void a_relay_without_its_ledger_rests(void)
{
	struct job *job = job_submit(job_new("rest", "sum", 40));
	publish("sum", NULL, "x", 1);
	queue_await_size("weir.sum", 1);
	struct process *relay = start(NULL, "weir-relay", "--batches", "1", NULL);
	await_queued(job);
	sql_text("INSERT INTO weir.events (type, job_id, body) VALUES ('test', 'rest', '{}')");
	await(PATIENCE_MS, "SELECT count(*) = 0 FROM weir.events");
	server("down", "postgresql");
	await_log(relay, "ledger_lost");
	rabbitmqctl("close_all_connections", "for a test"); /* also that of events */
	EXPECT_INT(bury("weir.sum", "rejected"), 41);
	int64_t used = cpu_ms(relay);
	pause_ms(2000);
	used = cpu_ms(relay) - used;
	EXPECT(used < 200, "it used %lld ms of CPU time in 2 s", (long long)used);
	server("up", "postgresql");
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.dead_letters");
	await_log(relay, "item_given_back");
	EXPECT_PART(log_of(relay), "ledger_back");
	sql_text("UPDATE weir.job_batches SET status = 'pending_queue', due_at = now()");
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

static void all_of_them_restart(void)
{
	static const char *const servers[] = {"rabbitmq", "redis", "postgresql"};
	struct job *job = in_the_middle();
	for (int i = 0; i < 3; i++)
		server("down", servers[i]);
	for (int i = 0; i < 3; i++)
		server("up", servers[i]);
	finish(job);
}

void add_servers_suite(void);

void add_servers_suite(void)
{
	CU_pSuite s = WORLD_SUITE("servers fail in the middle of a job");
	CU_add_test(s, "Redis is wiped", redis_is_wiped);
	CU_add_test(s, "Redis is wiped after the end: reconcile", redis_is_wiped_after_the_end);
	CU_add_test(s, "Redis is away until the end", redis_is_away);
	CU_add_test(s, "Redis is away for a while", redis_comes_back_in_between);
	CU_add_test(s, "RabbitMQ restarts", broker_restarts);
	CU_add_test(s, "RabbitMQ is killed", broker_is_killed);
	CU_add_test(s, "PostgreSQL restarts", ledger_restarts);
	CU_add_test(s, "PostgreSQL is killed", ledger_is_killed);
	CU_add_test(s, "PostgreSQL is away for a while", ledger_is_away_for_a_while);
	CU_add_test(s, "PostgreSQL ends all sessions, five times", sessions_are_ended);
	CU_add_test(s, "all three restart", all_of_them_restart);
	CU_add_test(s, "a relay without its ledger rests", a_relay_without_its_ledger_rests);
	CU_add_test(s, "a plugin's table is away for a while", a_plugins_table_is_away);
}
