/* What stands in the way of one item, job or kind stands in the way of no other, and status tells.
 */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define STUCK 40

/* A trigger on what the plugin `sum` writes, for what item_00007 alone does. */
#define TRIGGER(timing, body)                                                                      \
	"CREATE FUNCTION in_the_way() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"                \
	" IF NEW.key = 'stuck.u7' THEN " body " END IF; RETURN NEW; END $$;"                       \
	" CREATE " timing " ON effects"                                                            \
	" FOR EACH ROW EXECUTE FUNCTION in_the_way()"
#define BEFORE "TRIGGER in_the_way BEFORE INSERT OR UPDATE"
#define DEFERRED                                                                                   \
	"CONSTRAINT TRIGGER in_the_way AFTER INSERT OR UPDATE ON effects"                          \
	" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION in_the_way(); --"

struct hold {
	const char *before; /* outside of the transaction that holds; NULL: nothing */
	const char *hold;   /* in it */
	const char *told;   /* by status */
	int stored;	    /* items of the job that are, all the same */
};

/* The first 20 items have keys of their own. */
static struct job *stuck_job(void)
{
	struct job *job = job_new("stuck", "sum", STUCK);
	for (int i = 0; i < 20; i++)
		snprintf(job->items[i].key, sizeof job->items[i].key, "stuck.u%d", i);
	return job_submit(job);
}

/* The job whose item_00007 is stuck. The others are ended while it is. */
static struct job *play(const struct hold *h, struct process **consumer)
{
	struct job *job = stuck_job();
	struct job *same = job_submit(job_new("same", "sum", 10));
	struct job *other = job_submit(job_new("other", "pass", 10));
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	if (h->before)
		sql_text("%s", h->before);
	sql_text("BEGIN");
	sql_text("%s", h->hold);
	*consumer = start(NULL, "weir-consumer", "sum", "pass", "--grace", "2s", NULL);
	await_ended(other);
	if (h->stored > 0)
		await_ended(same);
	await(PATIENCE_MS, "SELECT count(*) = %d FROM weir.results WHERE job_id = 'stuck'",
	      h->stored);
	await(PATIENCE_MS,
	      "SELECT count(*) = %d FROM weir.retries WHERE job_id = 'stuck'"
	      " AND error IS NOT NULL AND attempts = 0 AND due_at > now()",
	      STUCK - h->stored);
	EXPECT_PART(run(NULL, "weir", "status", "stuck", NULL)->out, h->told);
	return job;
}

static void tidy(void)
{
	sql_text("SET client_min_messages = warning");
	sql_text("DROP TRIGGER IF EXISTS in_the_way ON effects");
	sql_text("DROP FUNCTION IF EXISTS in_the_way()");
}

static void wait_for(const struct hold *h)
{
	struct process *consumer;
	struct job *job = play(h, &consumer);
	sql_text("ROLLBACK");
	await_log(consumer, "stored_apart");
	sql_text("UPDATE weir.retries SET due_at = least(due_at, now())");
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE attempts <> 1 OR status <> 1"), 0);
	tidy();
}

static void a_row(void)
{
	wait_for(&(struct hold){"INSERT INTO effects VALUES ('stuck.u7', 0, 0)",
				"UPDATE effects SET total = total WHERE key = 'stuck.u7'",
				"waits for a lock on effects", STUCK - 1});
}

static void many_rows(void)
{
	wait_for(&(struct hold){
		"INSERT INTO effects SELECT 'stuck.u' || n, 0, 0 FROM generate_series(0, 19) n",
		"UPDATE effects SET total = total", "waits for a lock on effects", STUCK - 20});
}

static void a_table(void)
{
	wait_for(&(struct hold){NULL, "LOCK TABLE effects", "waits for a lock on effects", 0});
}

static void an_advisory_lock(void)
{
	wait_for(&(struct hold){TRIGGER(BEFORE, "PERFORM pg_advisory_xact_lock(7);"),
				"SELECT pg_advisory_xact_lock(7)",
				"waits for a lock on effects (in function in_the_way", STUCK - 1});
}

static void a_lock_at_the_commit(void)
{
	wait_for(&(struct hold){TRIGGER(DEFERRED, "PERFORM pg_advisory_xact_lock(7);"),
				"SELECT pg_advisory_xact_lock(7)", "waits for a lock", STUCK - 1});
}

/* A batch of a job is of the ledger's own rows. */
static void a_row_of_the_ledger(void)
{
	wait_for(&(struct hold){NULL,
				"UPDATE weir.job_batches SET size = size WHERE job_id = 'stuck'",
				"waits for a lock on job_batches", 0});
}

/* It ends when somebody lets it, and is stored then, however long that took. */
static void a_slow_trigger(void)
{
	struct process *consumer;
	const struct hold h = {
		TRIGGER(BEFORE, "WHILE EXISTS (SELECT FROM effect_log WHERE job_id = 'sleep') LOOP"
				" PERFORM pg_sleep(0.05); END LOOP;"),
		"SELECT 1", "storing it takes too long, at effects (in function in_the_way",
		STUCK - 1};
	sql_text("INSERT INTO effect_log (job_id) VALUES ('sleep')");
	struct job *job = stuck_job();
	struct job *same = job_submit(job_new("same", "sum", 10));
	sql_text("%s", h.before);
	start(NULL, "weir-relay", NULL);
	consumer = start(NULL, "weir-consumer", "sum", NULL);
	await_ended(same);
	await_final(job, h.stored);
	await_log(consumer, h.told);
	sql_text("DELETE FROM effect_log WHERE job_id = 'sleep'");
	finish(job);
	tidy();
}

/* ---- what a person has to mend ---- */

static void paused(const char *why, int stored)
{
	await(PATIENCE_MS, "SELECT status = 'paused' FROM weir.jobs WHERE job_id = 'stuck'");
	await(PATIENCE_MS, "SELECT count(*) = %d FROM weir.results WHERE job_id = 'stuck'", stored);
	const struct outcome *o = run(NULL, "weir", "status", "stuck", NULL);
	EXPECT_PART(o->out, why);
	EXPECT_PART(o->out, "then weir resume stuck");
}

static void mended(const struct job *job)
{
	EXPECT_INT(run(NULL, "weir", "resume", "stuck", NULL)->status, 0);
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE attempts <> 1 OR status <> 1"), 0);
	tidy();
}

static void start_both(void)
{
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", "pass", NULL);
}

/* One item of the job meets with it; the others do not. */
static void a_right_is_missing(void)
{
	struct job *job = stuck_job();
	struct job *same = job_submit(job_new("same", "sum", 10));
	sql_text("%s", TRIGGER(BEFORE, "RAISE insufficient_privilege"
				       " USING MESSAGE = 'permission denied for table audits';"));
	start_both();
	await_ended(same);
	paused("cannot store: permission denied for table audits (SQLSTATE 42501, in function "
	       "in_the_way()",
	       STUCK - 1);
	EXPECT_PART(run(NULL, "weir", "status", "stuck", NULL)->out,
		    "GRANT SELECT, INSERT, UPDATE ON audits TO");
	sql_text("DROP TRIGGER in_the_way ON effects");
	mended(job);
}

/* Whoever waits for it is told, and need not wait for ever. */
static void submit_waits(void)
{
	struct job *job = job_new("stuck", "sum", 5);
	job_write(job);
	sql_text("ALTER TABLE effects RENAME TO effects_away");
	start(NULL, "weir-consumer", "sum", NULL);
	const struct outcome *o = run(NULL, "weir", "submit", "sum", job->file, "--job", "stuck",
				      "--context", "label=stuck", "--wait", NULL);
	EXPECT_INT(o->status, 4);
	EXPECT_PART(o->err, "the job stuck is paused: sum cannot store");
	o = run(NULL, "weir", "submit", "pass", job->file, "--job", "late", "--context",
		"label=stuck", "--wait", "--timeout", "1ms", NULL);
	EXPECT_INT(o->status, 4);
	EXPECT_PART(o->err, "has not ended within --timeout");
	sql_text("ALTER TABLE effects_away RENAME TO effects");
}

static void a_column_is_missing(void)
{
	struct job *job = stuck_job();
	struct job *other = job_submit(job_new("other", "pass", 10));
	sql_text("ALTER TABLE effects RENAME COLUMN times TO times_away");
	start_both();
	await_ended(other);
	paused("add the column", 0);
	sql_text("ALTER TABLE effects RENAME COLUMN times_away TO times");
	mended(job);
}

void add_waiting_suite(void);

void add_waiting_suite(void)
{
	CU_pSuite s = WORLD_SUITE("somebody stands in the way");
	CU_add_test(s, "a row that is locked", a_row);
	CU_add_test(s, "many rows that are locked", many_rows);
	CU_add_test(s, "a table that is locked", a_table);
	CU_add_test(s, "a trigger that waits for a lock", an_advisory_lock);
	CU_add_test(s, "a commit that waits for a lock", a_lock_at_the_commit);
	CU_add_test(s, "a row of the ledger that is locked", a_row_of_the_ledger);
	CU_add_test(s, "a trigger that is slow", a_slow_trigger);
	CU_add_test(s, "a right that is missing", a_right_is_missing);
	CU_add_test(s, "a column that is missing", a_column_is_missing);
	CU_add_test(s, "submit --wait ends with it", submit_waits);
}
