/* Servers are wiped, stopped and killed in the middle of a job. */
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
}
