/* What an operator does to jobs: every command in every state, again, at once, and broken off.
 * Items end here by weir.end_items(), as consumers end them, so that a test knows what is final. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

/* ---- states ---- */

#define TOTAL 60
#define GOOD 10 /* in the states that have begun */
#define BAD 5

static void end_range(const char *id, int first, int count, int status, const char *class)
{
	sql_text("SELECT weir.end_items('%s', 1, (SELECT array_agg(n) FROM generate_series(%d, %d)"
		 " n), %d, %s, 'of the test')",
		 id, first, first + count - 1, status, class ? class : "NULL");
}

static void begin(const char *id)
{
	sql_text("UPDATE weir.jobs SET status = 'running', started_at = now() WHERE job_id = '%s'",
		 id);
	sql_text("UPDATE weir.job_batches SET status = 'queued', queued_at = now()"
		 " WHERE job_id = '%s'",
		 id);
	end_range(id, 0, GOOD, 1, NULL);
	end_range(id, GOOD, BAD, 2, "'refused'");
}

static void make_pending(const char *id) { (void)id; }

static void make_paused(const char *id)
{
	begin(id);
	sql_text("SELECT weir.pause_job('%s')", id);
}

static void make_completed(const char *id)
{
	end_range(id, 0, TOTAL, 1, NULL);
	sql_text("SELECT weir.finish_stage('%s')", id);
}

static void make_failed(const char *id)
{
	end_range(id, 0, TOTAL, 2, "'refused'");
	sql_text("SELECT weir.finish_stage('%s')", id);
}

static void make_cancelled(const char *id)
{
	begin(id);
	sql_text("SELECT weir.cancel_job('%s'), weir.cancel_items('%s', 1000)", id, id);
	sql_text("SELECT weir.finish_stage('%s')", id);
}

static const struct state {
	const char *name;
	void (*make)(const char *id);
} states[] = {
	{"pending", make_pending},     {"running", begin},	{"paused", make_paused},
	{"completed", make_completed}, {"failed", make_failed}, {"cancelled", make_cancelled},
};

#define STATES (sizeof states / sizeof *states)

/* The ids of jobs are the names of their states. */
static void make_states(void)
{
	for (size_t i = 0; i < STATES; i++) {
		job_submit(job_new(states[i].name, "sum", TOTAL));
		states[i].make(states[i].name);
		EXPECT(strcmp(sql_text("SELECT status FROM weir.jobs WHERE job_id = '%s'",
				       states[i].name),
			      states[i].name) == 0,
		       "a job made %s is %s", states[i].name,
		       sql_text("SELECT status FROM weir.jobs WHERE job_id = '%s'",
				states[i].name));
	}
}

/* ---- in each state ---- */

struct expected {
	const char *job;
	int status;	   /* of the program */
	const char *state; /* of the job then */
	const char *part;  /* of what it prints, or complains */
	int again;	   /* the status when it is given once more */
};

static void expect_each(const char *command, const struct expected *rows, size_t n)
{
	make_states();
	for (size_t i = 0; i < n; i++) {
		const struct expected *e = &rows[i];
		const struct outcome *o = run(NULL, "weir", command, e->job, NULL);
		EXPECT(o->status == e->status, "%s %s: %d, not %d: %s", command, e->job, o->status,
		       e->status, o->err);
		EXPECT_PART(o->status == 0 ? o->out : o->err, e->part);
		expect_job_status(e->job, e->state);
		o = run(NULL, "weir", command, e->job, NULL);
		EXPECT(o->status == e->again, "%s %s again: %d, not %d: %s", command, e->job,
		       o->status, e->again, o->err);
		expect_job_status(e->job, e->state);
		expect_job_counted(e->job);
	}
}

#define EXPECT_EACH(command, rows) expect_each(command, rows, sizeof rows / sizeof *rows)

static void pause_in_each_state(void)
{
	static const struct expected rows[] = {
		{"nosuch", 1, "", "no job \"nosuch\"", 1},
		{"pending", 0, "paused", "60 of 60 items are left", 0},
		{"running", 0, "paused", "45 of 60 items are left", 0},
		{"paused", 0, "paused", "already", 0},
		{"completed", 1, "completed", "is completed", 1},
		{"failed", 1, "failed", "is failed", 1},
		{"cancelled", 1, "cancelled", "is cancelled", 1},
	};
	EXPECT_EACH("pause", rows);
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE job_id = 'pending'"
		       " AND NOT weir.is_parked(due_at)"),
		   0);
}

static void resume_in_each_state(void)
{
	static const struct expected rows[] = {
		{"nosuch", 1, "", "no job \"nosuch\"", 1},
		{"pending", 0, "pending", "is not paused", 0},
		{"running", 0, "running", "is not paused", 0},
		{"paused", 0, "running", "45 of 60 items are left", 0},
		{"completed", 1, "completed", "is completed", 1},
		{"failed", 1, "failed", "is failed", 1},
		{"cancelled", 1, "cancelled", "is cancelled", 1},
	};
	EXPECT_EACH("resume", rows);
	EXPECT_INT(sql("SELECT epoch - first_epoch FROM weir.jobs WHERE job_id = 'paused'"), 1);
	EXPECT_INT(sql("SELECT epoch - first_epoch FROM weir.jobs WHERE job_id = 'running'"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE job_id = 'paused'"
		       " AND status = 'pending_queue' AND due_at < now() + interval '1 day'"),
		   3);
}

static void cancel_in_each_state(void)
{
	static const struct expected rows[] = {
		{"nosuch", 1, "", "no job \"nosuch\"", 1},
		{"pending", 0, "cancelled", "0 success, 0 failed, 60 cancelled of 60", 0},
		{"running", 0, "cancelled", "10 success, 5 failed, 45 cancelled of 60", 0},
		{"paused", 0, "cancelled", "10 success, 5 failed, 45 cancelled of 60", 0},
		{"completed", 1, "completed", "is completed", 1},
		{"failed", 1, "failed", "is failed", 1},
		{"cancelled", 0, "cancelled", "before", 0},
	};
	EXPECT_EACH("cancel", rows);
	EXPECT_INT(redis_count("running", "success"), 10);
	EXPECT_INT(redis_count("running", "cancelled"), 45);
	EXPECT(redis_ttl("running") > 0, "the counts of a cancelled job do not expire");
	EXPECT_INT(sql("SELECT count(*) FROM weir.events WHERE type = 'job.cancelled'"
		       " AND job_id = 'running'"),
		   1);
}

static void retry_in_each_state(void)
{
	static const struct expected rows[] = {
		{"nosuch", 1, "", "no job \"nosuch\"", 1},
		{"pending", 0, "pending", "0 items are tried again", 0},
		{"running", 0, "running", "5 items are tried again", 0},
		{"paused", 0, "paused", "5 items are tried again", 0},
		{"completed", 0, "completed", "0 items are tried again", 0},
		{"failed", 0, "running", "60 items are tried again", 0},
		{"cancelled", 1, "cancelled", "is cancelled", 1},
	};
	EXPECT_EACH("retry", rows);
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries WHERE job_id = 'paused'"
		       " AND weir.is_parked(due_at)"),
		   5);
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries WHERE job_id = 'failed'"
		       " AND due_at <= now() AND attempts = 0"),
		   60);
	EXPECT_INT(sql("SELECT count(*) FROM batch_attempts WHERE job_id = 'failed'"
		       " AND error_class = 'refused'"),
		   60);
}

static void several_and_all(void)
{
	make_states();
	const struct outcome *o = run(NULL, "weir", "pause", "pending", "nosuch", "running", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "no job \"nosuch\"");
	EXPECT_PART(o->err, "1 of 3 jobs");
	expect_job_status("pending", "paused");
	expect_job_status("running", "paused");
	EXPECT_INT(run(NULL, "weir", "resume", "--kind", "nosuch", NULL)->status, 0);
	expect_job_status("pending", "paused");
	EXPECT_INT(run(NULL, "weir", "resume", "--kind", "sum", NULL)->status, 0);
	expect_job_status("pending", "pending");
	expect_job_status("paused", "running");
	program_env("WEIR_ALL", "1");
	EXPECT_INT(run(NULL, "weir", "cancel", NULL)->status, 2); /* only what it is told */
	EXPECT_INT(run(NULL, "weir", "dead", "purge", NULL)->status, 2);
	program_env("WEIR_ALL", NULL);
	expect_job_status("pending", "pending");
	o = run(NULL, "weir", "cancel", "--all", NULL);
	EXPECT_INT(o->status, 0);
	EXPECT(!strstr(o->err, "0 items are left"), "%s", o->err);
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE completed_at IS NULL"), 0);
	expect_job_status("completed", "completed");
	EXPECT_INT(run(NULL, "weir", "cancel", NULL)->status, 2);
	EXPECT_INT(run(NULL, "weir", "cancel", "--all", "pending", NULL)->status, 2);
}

static void without_redis(void)
{
	make_states();
	server("down", "redis");
	EXPECT_INT(run(NULL, "weir", "cancel", "running", NULL)->status, 0);
	EXPECT_INT(run(NULL, "weir", "retry", "failed", NULL)->status, 0);
	server("up", "redis");
	expect_job_counts("running", "10 5 45 of 60");
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries WHERE job_id = 'failed'"), 60);
}

/* ---- retries ---- */

static void retry_by_class_and_id(void)
{
	job_submit(job_new("some", "sum", TOTAL));
	end_range("some", 0, 50, 1, NULL);
	end_range("some", 50, 6, 2, "'timeout'");
	end_range("some", 56, 4, 2, "'refused'");
	sql_text("INSERT INTO weir.trials (job_id, stage, ordinal, starts) VALUES ('some', 1, 51, "
		 "3)");
	sql_text("SELECT weir.finish_stage('some')");
	expect_job_counts("some", "50 10 0 of 60");
	const struct outcome *o = run(NULL, "weir", "retry", "some", "--class", "timeout", NULL);
	EXPECT_PART(o->out, "6 items are tried again");
	EXPECT_INT(sql("SELECT count(*) FROM weir.trials"), 0);
	expect_job_counts("some", "50 4 0 of 60");
	expect_job_counted("some");
	o = run(NULL, "weir", "retry", "some", "--id", "item_00057", NULL);
	EXPECT_PART(o->out, "1 items are tried again");
	o = run(NULL, "weir", "retry", "some", "--id", "item_00003", NULL);
	EXPECT_INT(o->status, 0);
	EXPECT_PART(o->out, "0 items are tried again");
	o = run(NULL, "weir", "retry", "some", "--id", "item_99999", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "no item");
	EXPECT_INT(run(NULL, "weir", "retry", "some", "--id", "a", "--failed", NULL)->status, 2);
	end_range("some", 0, TOTAL, 1, NULL);
	sql_text("SELECT weir.finish_stage('some')");
	expect_job_status("some", "completed");
	expect_job_counts("some", "57 3 0 of 60");
	expect_job_counted("some");
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_stages WHERE completed_at IS NULL"), 0);
}

/* It finishes the stage between the retry's reading and its writing, or the other way round. */
static void retry_while_the_job_ends(void)
{
	for (int i = 0; i < 6; i++) {
		char id[16];
		snprintf(id, sizeof id, "ending%d", i);
		job_submit(job_new(id, "sum", TOTAL));
		end_range(id, 0, 55, 1, NULL);
		end_range(id, 55, 5, 2, "'refused'");
		struct process *retry = start(NULL, "weir", "retry", id, NULL);
		while (is_alive(retry))
			sql_text("SELECT weir.finish_stage('%s')", id);
		EXPECT_INT(retry->status, 0);
		sql_text("SELECT weir.finish_stage('%s')", id);
		EXPECT_INT(sql("SELECT count(*) FROM weir.retries WHERE job_id = '%s'", id), 5);
		end_range(id, 0, TOTAL, 1, NULL);
		EXPECT(strcmp(sql_text("SELECT weir.finish_stage('%s')", id), "completed") == 0,
		       "%s does not end again", id);
		expect_job_counts(id, "60 0 0 of 60");
		expect_job_counted(id);
	}
}

/* Of two stages: all but one item of the first have gone on, and those are done. */
static void make_two_stages(const char *id)
{
	job_submit(job_new(id, "sum", TOTAL));
	sql_text("INSERT INTO weir.job_stages (job_id, stage, kind, step, context)"
		 " VALUES ('%s', 2, 'sum', 'more', '{}')",
		 id);
	end_range(id, 0, TOTAL - 1, 1, NULL);
	end_range(id, TOTAL - 1, 1, 2, "'refused'");
	sql_text("SELECT weir.finish_stage('%s')", id);
	sql_text("SELECT weir.end_items('%s', 2, (SELECT array_agg(n) FROM generate_series(0, %d)"
		 " n), 1, NULL, NULL)",
		 id, TOTAL - 2);
}

static void expect_reopened(const char *id)
{
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries WHERE job_id = '%s'", id), 1);
	EXPECT(strcmp(sql_text("SELECT coalesce(weir.finish_stage('%s'), 'nothing')", id),
		      "nothing") == 0,
	       "%s ended without the item", id);
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE job_id = '%s'"
		       " AND completed_at IS NULL",
		       id),
		   1);
}

/* A retry of the first stage, and the end of the last, in both orders. */
static void retry_while_a_later_stage_ends(void)
{
	PGconn *other = PQconnectdb(getenv("WEIR_PG_URL"));
	make_two_stages("first");
	PQclear(PQexec(other, "BEGIN; SELECT weir.retry_items('first', NULL, NULL)"));
	EXPECT(strcmp(sql_text("SELECT coalesce(weir.finish_stage('first'), 'nothing')"),
		      "nothing") == 0,
	       "the stage ended though it is held");
	PQclear(PQexec(other, "COMMIT"));
	expect_reopened("first");

	make_two_stages("then");
	PQclear(PQexec(other, "BEGIN; SELECT weir.finish_stage('then')"));
	struct process *retry = start(NULL, "weir", "retry", "then", NULL);
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM pg_stat_activity"
			   " WHERE wait_event_type = 'Lock' AND application_name = 'weir'");
	PQclear(PQexec(other, "COMMIT"));
	EXPECT_INT(await_exit(retry, PATIENCE_MS), 0);
	expect_reopened("then");
	PQfinish(other);
}

/* ---- two operators at once ---- */

static void same_command_at_once(void)
{
	static const char *const commands[] = {"pause", "resume", "retry", "cancel"};
	struct process *p[4];
	job_submit(job_new("both", "sum", TOTAL));
	begin("both");
	for (size_t c = 0; c < 4; c++) {
		for (int i = 0; i < 4; i++)
			p[i] = start(NULL, "weir", commands[c], "both", NULL);
		for (int i = 0; i < 4; i++)
			EXPECT(await_exit(p[i], PATIENCE_MS) == 0, "%s: %d: %s", commands[c],
			       p[i]->status, log_of(p[i]));
		expect_job_counted("both");
	}
	EXPECT_INT(sql("SELECT epoch - first_epoch FROM weir.jobs"), 2);
	EXPECT_INT(sql("SELECT count(*) FROM weir.attempts"), 5);
	expect_job_status("both", "cancelled");
	expect_job_counts("both", "10 0 50 of 60");
}

/* Items go on ending meanwhile. */
static void a_storm_of_commands(void)
{
	static const char *const commands[] = {"pause", "resume", "retry", "pause", "resume"};
	struct process *p[20];
	job_submit(job_new("storm", "sum", 1000));
	begin("storm");
	for (int i = 0; i < 20; i++)
		p[i] = start(NULL, "weir", i == 17 ? "cancel" : commands[i % 5], "storm", NULL);
	for (int at = GOOD + BAD; at < 900 && is_alive(p[17]); at += 3) {
		end_range("storm", at, 2, 1, NULL);
		end_range("storm", at + 2, 1, 2, "'refused'");
	}
	for (int i = 0; i < 20; i++) {
		int status = await_exit(p[i], PATIENCE_MS);
		EXPECT(i == 17 ? status == 0 : status == 0 || status == 1, "%d: %s", status,
		       log_of(p[i]));
		if (status == 1)
			EXPECT_PART(log_of(p[i]), "cancelled");
	}
	expect_job_status("storm", "cancelled");
	expect_job_counted("storm");
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), 1000);
	EXPECT_INT(sql("SELECT success_count + failure_count + cancelled_count FROM weir.jobs"),
		   1000);
}

/* ---- a submit that is under way ---- */

static struct job *half_submitted(void)
{
	struct job *job = job_new("half", "sum", TOTAL);
	job_write(job);
	struct process *submit =
		start("batch_written:2", "weir", "submit", "sum", job->file, "--job", "half",
		      "--context", "label=half", "--batch-size", "20", NULL);
	EXPECT_INT(await_exit(submit, PATIENCE_MS), -9);
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE sealed_at IS NULL"), 1);
	return job;
}

static const struct outcome *submit_on(const struct job *job)
{
	return run(NULL, "weir", "submit", "sum", job->file, "--job", "half", "--context",
		   "label=half", "--batch-size", "20", NULL);
}

static void pause_while_submitting(void)
{
	struct job *job = half_submitted();
	EXPECT_INT(run(NULL, "weir", "pause", "half", NULL)->status, 0);
	const struct outcome *o = submit_on(job);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	expect_job_status("half", "paused");
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE NOT weir.is_parked(due_at)"),
		   0);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	EXPECT_INT(run(NULL, "weir", "resume", "half", NULL)->status, 0);
	finish(job);
}

static void cancel_while_submitting(void)
{
	struct job *job = half_submitted();
	int64_t there = sql("SELECT count(*) FROM weir.items");
	EXPECT_INT(run(NULL, "weir", "cancel", "half", NULL)->status, 0);
	expect_job_status("half", "cancelled");
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE status = 3"), there);
	sql_text("DO $$ BEGIN PERFORM weir.add_batch('half', 9, 20); RAISE 'it was taken';"
		 " EXCEPTION WHEN SQLSTATE 'WE002' THEN NULL; END $$");
	const struct outcome *o = submit_on(job);
	EXPECT(o->status == 1, "%d: %s", o->status, o->out);
	EXPECT_PART(o->err, "cancelled");
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), there);
	expect_job_counted("half");
}

/* ---- cancel, broken off ---- */

static void cancel_broken_off(const char *failpoint)
{
	struct job *job = job_new("broken", "sum", 2500);
	job_submit(job);
	begin("broken");
	struct process *cancel = start(failpoint, "weir", "cancel", "broken", NULL);
	EXPECT_INT(await_exit(cancel, PATIENCE_MS), -9);
	expect_job_status("broken", "cancelled");
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE completed_at IS NOT NULL"), 0);
	expect_job_counted("broken");
	const struct outcome *o = run(NULL, "weir", "cancel", "broken", NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	expect_job_counts("broken", "10 5 2485 of 2500");
	expect_job_counted("broken");
	EXPECT_INT(sql("SELECT count(*) FROM weir.events WHERE type = 'job.cancelled'"), 1);
}

static void cancel_killed_at_once(void) { cancel_broken_off("job_cancelled"); }

static void cancel_killed_half_way(void) { cancel_broken_off("items_cancelled:2"); }

/* How often an item was tried is not forgotten with it. */
static void cancel_keeps_attempts(void)
{
	job_submit(job_new("tried", "sum", TOTAL));
	begin("tried");
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " VALUES ('tried', 1, 40, 2, now())");
	EXPECT_INT(run(NULL, "weir", "cancel", "tried", NULL)->status, 0);
	EXPECT_INT(sql("SELECT attempts FROM weir.results WHERE ordinal = 40 AND status = 3"), 2);
}

/* ---- purge ---- */

/* A large job that ended in the year 2000, written as it would lie there. */
static void make_old(const char *id, int items)
{
	sql_text("INSERT INTO weir.jobs (job_id, kind, context, batch_size, status, total_items,"
		 " success_count, failure_count, cancelled_count, counted, sealed_at, started_at,"
		 " completed_at) VALUES ('%s', 'sum', '{}', 100, 'completed', %d, %d, 0, 0, true,"
		 " '2000-01-01', '2000-01-01', '2000-01-02')",
		 id, items, items);
	sql_text("INSERT INTO weir.items (job_id, stage, ordinal, custom_id, payload)"
		 " SELECT '%s', 1, n, 'i' || n, '{}' FROM generate_series(0, %d) n",
		 id, items - 1);
	sql_text("INSERT INTO weir.results (job_id, stage, ordinal, status, attempts)"
		 " SELECT '%s', 1, n, 1, 1 FROM generate_series(0, %d) n",
		 id, items - 1);
	sql_text("INSERT INTO weir.attempts (job_id, stage, ordinal, attempt)"
		 " SELECT '%s', 1, n / 3, 1 FROM generate_series(0, %d) n",
		 id, items - 1);
	sql_text("INSERT INTO weir.job_batches (job_id, stage, n, size, success, status)"
		 " SELECT '%s', 1, n, 100, 100, 'queued' FROM generate_series(0, %d) n",
		 id, items / 100 - 1);
}

static int64_t rows_of(const char *id)
{
	return sql("SELECT (SELECT count(*) FROM weir.jobs WHERE job_id = '%s')"
		   " + (SELECT count(*) FROM weir.job_stages WHERE job_id = '%s')"
		   " + (SELECT count(*) FROM weir.job_batches WHERE job_id = '%s')"
		   " + (SELECT count(*) FROM weir.items WHERE job_id = '%s')"
		   " + (SELECT count(*) FROM weir.attempts WHERE job_id = '%s')"
		   " + (SELECT count(*) FROM weir.results WHERE job_id = '%s')",
		   id, id, id, id, id, id);
}

static const struct outcome *purge(const char *option)
{
	return run(NULL, "weir", "purge", "--older-than", "30d", option, NULL);
}

/* Half of it is gone, and that is no fault of the ledger. */
static void expect_being_purged(const char *id)
{
	const struct outcome *o = run(NULL, "weir", "report", id, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "is being purged");
	EXPECT_PART(run(NULL, "weir", "status", id, NULL)->out, "being purged");
	EXPECT_PART(run(NULL, "weir", "status", id, "--json", NULL)->out, "\"being_purged\":true");
	EXPECT_PART(run(NULL, "weir", "status", NULL)->out, "purging");
	sql_text("UPDATE weir.jobs SET status = 'cancelled' WHERE job_id = '%s'", id);
	o = run(NULL, "weir", "retry", id, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "is being purged");
}

static void purge_killed_half_way(void)
{
	make_old("old", 30000);
	sql_text("UPDATE weir.results SET status = 2 WHERE ordinal = 29999");
	struct job *other = job_new("other", "sum", 600);
	other->batch_size = 100;
	job_submit(other);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	int64_t before = rows_of("old");
	EXPECT_PART(purge("--dry-run")->out, "30000 items");
	EXPECT_INT(rows_of("old"), before);
	struct process *killed =
		start("chunk_purged:2", "weir", "purge", "--older-than", "30d", NULL);
	EXPECT_INT(await_exit(killed, PATIENCE_MS), -9);
	EXPECT_INT(rows_of("old"), before - 20000);
	const struct outcome *o = run(NULL, "weir", "retry", "old", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "is being purged");
	expect_being_purged("old");
	o = purge(NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_PART(o->out, "1 jobs are deleted");
	EXPECT_INT(rows_of("old"), 0);
	EXPECT_PART(purge(NULL)->out, "no job ended that long ago");
	finish(other);
}

static void purge_leaves_what_it_should(void)
{
	make_states();
	EXPECT_PART(purge(NULL)->out, "no job ended that long ago");
	sql_text("UPDATE weir.jobs SET created_at = '2000-01-01', completed_at = '2000-01-02'"
		 " WHERE completed_at IS NOT NULL");
	sql_text("UPDATE weir.jobs SET created_at = '2000-01-01'");
	EXPECT_INT(run(NULL, "weir", "purge", NULL)->status, 2);
	const struct outcome *never = run(NULL, "weir", "purge", "--older-than", "99999999d", NULL);
	EXPECT_INT(never->status, 2);
	EXPECT_PART(never->err, "is not a time from 0ms to 36500d");
	static const char *const refused[][2] = {{"nosuch", "no job"}, {"running", "is running"}};
	for (size_t i = 0; i < 2; i++) {
		const struct outcome *o = run(NULL, "weir", "purge", "--older-than", "30d", "--job",
					      refused[i][0], NULL);
		EXPECT_INT(o->status, 1);
		EXPECT_PART(o->err, refused[i][1]);
	}
	int64_t events = sql("SELECT count(*) FROM weir.events");
	EXPECT_INT(
		run(NULL, "weir", "purge", "--older-than", "30d", "--job", "failed", NULL)->status,
		0);
	EXPECT_INT(rows_of("failed"), 0);
	EXPECT_INT(redis_count("failed", "total"), INT64_MIN);
	EXPECT_PART(purge(NULL)->out, "2 jobs are deleted");
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs"), 3);
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), 3 * TOTAL);
	EXPECT_INT(sql("SELECT count(*) FROM weir.events"), events);
	expect_job_counts("running", "10 5 0 of 60");
	expect_job_counted("running");
}

/* ---- what the doctor finds ---- */

static void the_doctor_tells(void)
{
	static const char *const found[] = {
		"1 paused jobs, such as of paused",
		"1 jobs with work that waits for a resume, though they are not paused",
		"1 cancelled jobs that have not ended yet, such as of pending",
		"1 jobs whose counts by batch differ from their results, such as of running",
		"1 jobs that are only deleted in part, such as of failed",
		"events not published for over a minute",
		"1 dead letters due again for over a minute",
	};
	make_states();
	sql_text("UPDATE weir.job_batches SET success = success - 1"
		 " WHERE job_id = 'running' AND n = 0");
	sql_text("UPDATE weir.job_batches SET status = 'pending_queue', due_at = now()"
		 " + weir.parked() WHERE job_id = 'running' AND n = 2");
	sql_text("SELECT weir.cancel_job('pending')");
	sql_text("UPDATE weir.jobs SET purged_at = '2000-01-01' WHERE job_id = 'failed'");
	sql_text("UPDATE weir.events SET created_at = '2000-01-01'");
	sql_text("INSERT INTO weir.dead_letters (queue, reason_code, reason, body, due_at)"
		 " VALUES ('weir.sum', 'x', 'x', 'x', '2000-01-01')");
	const struct outcome *o = run(NULL, "weir", "doctor", NULL);
	for (size_t i = 0; i < sizeof found / sizeof *found; i++)
		EXPECT_PART(o->out, found[i]);
	EXPECT_PART(run(NULL, "weir", "reconcile", "running", NULL)->out, "rebuilt");
	expect_job_counted("running");
	EXPECT_INT(redis_count("running", "success"), GOOD);
	EXPECT_PART(run(NULL, "weir", "reconcile", "running", NULL)->out, "equal");
}

void add_control_suite(void);

void add_control_suite(void)
{
	CU_pSuite s = WORLD_SUITE("control");
	CU_add_test(s, "pause in each state", pause_in_each_state);
	CU_add_test(s, "retry while a later stage ends", retry_while_a_later_stage_ends);
	CU_add_test(s, "resume in each state", resume_in_each_state);
	CU_add_test(s, "cancel in each state", cancel_in_each_state);
	CU_add_test(s, "retry in each state", retry_in_each_state);
	CU_add_test(s, "several jobs, a kind, all", several_and_all);
	CU_add_test(s, "without Redis", without_redis);
	CU_add_test(s, "retry by class and by id", retry_by_class_and_id);
	CU_add_test(s, "retry while the job ends", retry_while_the_job_ends);
	CU_add_test(s, "the same command four times at once", same_command_at_once);
	CU_add_test(s, "a storm of commands", a_storm_of_commands);
	CU_add_test(s, "pause while a submit is under way", pause_while_submitting);
	CU_add_test(s, "cancel while a submit is under way", cancel_while_submitting);
	CU_add_test(s, "a cancel is killed at once", cancel_killed_at_once);
	CU_add_test(s, "a cancel is killed half way", cancel_killed_half_way);
	CU_add_test(s, "a cancelled item keeps its attempts", cancel_keeps_attempts);
	CU_add_test(s, "what the doctor finds", the_doctor_tells);
	CU_add_test(s, "a purge is killed half way", purge_killed_half_way);
	CU_add_test(s, "purge leaves what it should", purge_leaves_what_it_should);
}
