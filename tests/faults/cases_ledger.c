/* PostgreSQL: F35 to F44. */
#include <stdio.h>
#include <string.h>

#include "steps.h"

#define ALTER "DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I %s', current_database()); END $$"

/* A flush that waits for this lock is in the middle of its transaction. */
static void hold_flushes(void)
{
	sql_text("BEGIN");
	sql_text("LOCK TABLE effects IN SHARE MODE");
}

static void await_held(void)
{
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"
			   " AND relation = 'effects'::regclass");
}

static void f35(void)
{
	struct job *job = job_new("restart", "sum", 100);
	publish_all(job);
	hold_flushes();
	start_consumer("sum");
	await_held();
	server("down", "postgresql"); /* the lock goes with it */
	server("up", "postgresql");
	start_relay();
	end_well(job);
}

static void f36(void)
{
	struct job *job = job_new("answer", "sum", 100);
	publish_all(job);
	proxy_cut_answer(PROXY_PG, "COMMIT");
	struct process *p = start_consumer("sum");
	await_log(p, "ledger_lost");
	EXPECT(proxy_has_cut_answer(PROXY_PG), "no answer was cut");
	start_relay();
	end_well(job);
}

static void f37(void)
{
	int64_t before = sql("SELECT deadlocks FROM pg_stat_database"
			     " WHERE datname = current_database()");
	struct job *job = job_new("reversed", "slow", 400);
	for (int i = 0; i < job->size; i++)
		item_fails(&job->items[i], NULL, ",\"delay_ms\":%d", (i * 7919) % 50);
	publish_all(job);
	EXPECT_INT(republish("weir.slow", "slow", 3), 400);
	for (int i = 0; i < 3; i++)
		start(NULL, "weir-consumer", "slow", "--flush", "100", NULL);
	start_relay();
	end_well(job);
	EXPECT_INT(sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"),
		   before);
}

static void f38(void)
{
	struct job *job = job_new("cancelled", "sum", 100);
	publish_all(job);
	hold_flushes();
	start_consumer("sum");
	for (int i = 0; i < 3; i++) {
		await_held();
		sql_text("SELECT count(pg_cancel_backend(pid)) FROM pg_locks WHERE NOT granted"
			 " AND relation = 'effects'::regclass");
		pause_ms(200);
	}
	sql_text("ROLLBACK");
	start_relay();
	end_well(job);
}

/* Statements of the superuser, whom the stack knows. */
static void as_superuser(const char *statements)
{
	char command[600];
	snprintf(command, sizeof command,
		 "cd \"$WEIR_STACK_DIR/state\" && PGPASSWORD=$(cat pg_super_password) psql -Xq"
		 " -h 127.0.0.1 -p \"$(cat pg_port)\" -U postgres -d postgres %s",
		 statements);
	const struct outcome *o = run(NULL, "/bin/sh", "-c", command, NULL);
	EXPECT(o->status == 0, "psql %s: %d: %s", statements, o->status, o->err);
}

/* Commits are answered long before they are on disk; then the server is killed. */
static void f39(void)
{
	as_superuser("-c \"ALTER SYSTEM SET wal_writer_delay = '10s'\""
		     " -c \"ALTER SYSTEM SET wal_writer_flush_after = '1GB'\""
		     " -c 'SELECT pg_reload_conf()'");
	struct job *job = job_new("lost", "sum", 300);
	job_delay(job, 4);
	job_submit(job);
	sql_text(ALTER, "SET synchronous_commit = off");
	struct process *relay = start_suspicious_relay();
	struct process *consumer = start_consumer("sum");
	await_final(job, 150);
	kill_hard(relay); /* nobody writes meanwhile */
	kill_hard(consumer);
	int64_t seen = sql("SELECT count(*) FROM weir.results");
	server("kill", "postgresql");
	server("up", "postgresql");
	as_superuser("-c 'ALTER SYSTEM RESET ALL' -c 'SELECT pg_reload_conf()'");
	sql_text(ALTER, "RESET synchronous_commit");
	int64_t left = sql("SELECT count(*) FROM weir.results");
	EXPECT(left < seen, "the kill has lost nothing: %lld final items before, %lld after",
	       (long long)seen, (long long)left);
	row_saw("%lld items were final no more", (long long)(seen - left));
	start_suspicious_relay();
	start_consumer("sum");
	end_well(job);
}

static void f40(void)
{
	struct job *job = in_the_middle();
	sql_text(ALTER, "SET default_transaction_read_only = on");
	end_sessions();
	pause_ms(1500);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE error_class = 'store'"), 0);
	sql_text(ALTER, "RESET default_transaction_read_only");
	end_well(job);
}

static void f41(void)
{
	struct job *job = in_the_middle();
	sql_text(ALTER, "CONNECTION LIMIT 1");
	end_sessions();
	struct process *p = start_consumer("sum");
	EXPECT_INT(await_exit(p, PATIENCE_MS), 1); /* none starts without the ledger */
	int64_t seen = sql("SELECT count(*) FROM weir.results");
	pause_ms(1500);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), seen);
	sql_text(ALTER, "CONNECTION LIMIT -1");
	end_well(job);
}

static void f42(void)
{
	struct job *job = job_new("bisect", "sum", 100);
	job->batch_size = 100;
	item_fails(&job->items[61], "store", ",\"fail\":\"bad_row\"");
	publish_all(job);
	struct process *p = start(NULL, "weir-consumer", "sum", "--flush", "100", NULL);
	start_relay();
	end_well(job);
	EXPECT_PART(log_of(p), "flush_divided");
}

static void f43(void)
{
	static const char *const programs[] = {"weir-relay", "weir-consumer"};
	sql_text("CREATE TABLE versions AS SELECT * FROM weir.migrations");
	sql_text("DELETE FROM weir.migrations WHERE version > 1");
	for (int i = 0; i < 2; i++) {
		const struct outcome *o = run(NULL, programs[i], i ? "sum" : NULL, NULL);
		EXPECT(o->status == 1, "%s ended with %d", programs[i], o->status);
		EXPECT_PART(o->err, "weir init");
	}
	sql_text("TRUNCATE weir.migrations");
	sql_text("INSERT INTO weir.migrations SELECT * FROM versions");
	sql_text("DROP TABLE versions");
	start_relay();
	start_consumer("sum");
	end_well(job_submit(job_new("right", "sum", 20)));
}

static void f44(void)
{
	struct job *job = job_new("copies", "sum", 50);
	publish_all(job);
	EXPECT_INT(republish("weir.sum", "sum", 2), 50);
	struct process *p = start(NULL, "weir-consumer", "sum", "--flush", "100", NULL);
	start_relay();
	end_well(job);
	EXPECT(!strstr(log_of(p), "flush_divided"), "the flush failed, see %s", p->log);
}

const struct fault_case ledger_cases[] = {
	{"F35", "restart in a transaction", "the whole flush again", f35, NULL},
	{"F36", "the answer to COMMIT is cut off", "done again, changes nothing", f36, NULL},
	{"F37", "the same items in other orders", "no deadlock", f37, NULL},
	{"F38", "statements cancelled in a flush", "tried again, charged to nobody", f38, NULL},
	{"F39", "the last commits are lost", "published again, Redis corrected", f39, NULL},
	{"F40", "the ledger is read-only", "nobody blamed, goes on when it is not", f40, NULL},
	{"F41", "too many connections", "work waits, nothing is lost", f41, NULL},
	{"F42", "one bad row in 100", "99 done, one failed", f42, NULL},
	{"F43", "another version of the schema", "refuses to start, and says why", f43, NULL},
	{"F44", "each message twice in a flush", "stored once, no error", f44, NULL},
	{0},
};
