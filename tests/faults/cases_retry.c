/* Retries are rows with a due time, and no queues: F29 to F34 speak of those rows. */
#include <stdio.h>

#include "steps.h"

static struct job *all_retry(const char *id, int n)
{
	struct job *job = job_new(id, "sum", n);
	for (int i = 0; i < n; i++) {
		item_fails(&job->items[i], NULL, ",\"fail\":\"retry_once\"");
		job->items[i].attempts = 2;
	}
	return job;
}

static void f29(void)
{
	struct job *job = all_retry("transient", 60);
	start_relay();
	start_consumer("sum");
	end_well(job_submit(job));
}

static void f30(void)
{
	struct job *job = job_new("permanent", "sum", 60);
	for (int i = 0; i < job->size; i += 2) {
		item_fails(&job->items[i], "asked_to_fail", ",\"fail\":\"retry\"");
		job->items[i].attempts = 3;
	}
	start_relay();
	start_consumer("sum");
	end_well(job_submit(job));
}

/* The row is committed, and the message not acked: it is delivered again as the first attempt. */
static void f31(void)
{
	struct job *job = all_retry("between", 40);
	publish_all(job);
	struct process *p = start("committed", "weir-consumer", "sum", NULL);
	EXPECT_INT(await_exit(p, PATIENCE_MS), -9);
	EXPECT(sql("SELECT count(*) FROM weir.retries") > 0, "no retry was written");
	start_relay();
	start(NULL, "weir-consumer", "sum", NULL);
	end_well(job);
}

/* Rows wait while nobody is there to publish them, and everybody else dies. */
static void f32(void)
{
	struct job *job = all_retry("survivors", 40);
	publish_all(job);
	struct process *p = start_consumer("sum");
	await(PATIENCE_MS, "SELECT count(*) = 40 FROM weir.retries");
	kill_hard(p);
	server("kill", "rabbitmq");
	server("kill", "redis");
	server("kill", "postgresql");
	server("up", "postgresql");
	server("up", "redis");
	server("up", "rabbitmq");
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries"), 40);
	p = start("published:20", "weir-relay", NULL);
	EXPECT_INT(await_exit(p, PATIENCE_MS), -9);
	start_relay();
	start_consumer("sum");
	end_well(job);
}

static void f33(void)
{
	struct job *job = all_retry("deleted", 40);
	publish_all(job);
	struct process *p = start_consumer("sum");
	await(PATIENCE_MS, "SELECT count(*) = 40 FROM weir.retries");
	stop(p);
	struct process *relay = start(NULL, "weir-relay", NULL);
	queue_await_size("weir.sum", 40);
	stop(relay);
	queue_delete("weir.sum");
	EXPECT_INT(run(NULL, "weir", "init", NULL)->status, 0);
	relay = start_suspicious_relay();
	start_consumer("sum");
	await_log(relay, "job_revived");
	end_well(job);
}

/* One that is due in an hour, among others that are due one after the other. */
static void f34(void)
{
	struct job *job = all_retry("mixed", 41);
	publish_all(job);
	struct process *p = start_consumer("sum");
	await(PATIENCE_MS, "SELECT count(*) = 41 FROM weir.retries");
	stop(p);
	sql_text("UPDATE weir.retries SET due_at = now() + CASE WHEN ordinal = 0"
		 " THEN interval '1 hour' ELSE interval '3 s' - ordinal * interval '50 ms' END");
	sql_text("CREATE TABLE planned AS SELECT ordinal, due_at FROM weir.retries");
	start(NULL, "weir-relay", NULL);
	start_consumer("sum");
	await_final(job, 40);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE ordinal = 0"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results r JOIN planned p USING (ordinal)"
		       " WHERE r.finished_at < p.due_at"),
		   0);
	row_saw("latest %s ms after it was due",
		sql_text("SELECT max(extract(epoch FROM r.finished_at - p.due_at) * 1000)::int"
			 " FROM weir.results r JOIN planned p USING (ordinal)"));
	sql_text("DROP TABLE planned");
	sql_text("UPDATE weir.retries SET due_at = now() WHERE ordinal = 0");
	end_well(job);
}

const struct fault_case retry_cases[] = {
	{"F29", "transient errors", "due again, two attempts, done", f29, NULL},
	{"F30", "permanent errors", "failed once, after three attempts", f30, NULL},
	{"F31", "killed between retry row and ack", "no attempt lost or charged twice", f31, NULL},
	{"F32", "all die while retries wait", "the rows survive, all are published", f32, NULL},
	{"F33", "queue deleted with retries in it", "the relay publishes them again", f33, NULL},
	{"F34", "retries with mixed delays", "none early, none blocks another", f34, NULL},
	{0},
};
