/* What stands in the way of one item, job or kind stands in the way of no other, and status tells.
 */
#include <signal.h>
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

/* As where the table is another server's, which is away. */
static void a_commit_that_cannot_be_now(void)
{
	wait_for(&(struct hold){TRIGGER(DEFERRED,
					"IF NOT pg_try_advisory_xact_lock(7) THEN RAISE EXCEPTION"
					" 'no server' USING ERRCODE = '08001'; END IF;"),
				"SELECT pg_advisory_xact_lock(7)",
				"it cannot be stored now: no server (SQLSTATE 08001)", STUCK - 1});
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

/* Whoever puts another table in the place of one needs nobody to resume anything. */
static void a_table_is_swapped(void)
{
	struct job *job = stuck_job();
	sql_text("ALTER TABLE effects RENAME TO effects_away");
	start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	await_log(consumer, "stored_apart");
	sql_text("ALTER TABLE effects_away RENAME TO effects");
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE attempts <> 1 OR status <> 1"), 0);
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

/* A trigger of the user's refuses a row in a class of its own: that is of the row. */
static void a_row_is_refused(void)
{
	struct job *job = stuck_job();
	sql_text("%s", TRIGGER(BEFORE, "RAISE EXCEPTION 'the books are closed' USING ERRCODE ="
				       " 'AC001';"));
	job->items[7].failure = "store";
	start_both();
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE error LIKE '%%books are closed%%'"),
		   1);
	tidy();
}

static struct job *long_job(const char *id)
{
	struct job *job = job_new(id, "sum", 100);
	for (int i = 0; i < job->size; i++)
		snprintf(job->items[i].key, sizeof job->items[i].key, "%s.u%d", id, i);
	return job_submit(job);
}

static int64_t tries_in_vain(void)
{
	return sql("SELECT last_value FROM tries") - sql("SELECT count(*) FROM tried");
}

/* Each item takes a while, and all of a flush together longer than it may: then so many are stored
 * at once as fit, and that is not found out again for each flush. */
static void all_of_them_are_slow(void)
{
	sql_text("CREATE SEQUENCE tries");
	sql_text("CREATE TABLE tried (n int)");
	sql_text("CREATE FUNCTION in_the_way() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
		 " PERFORM pg_sleep(0.06); RETURN NEW; END $$;"
		 " CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
		 " PERFORM nextval('tries'); INSERT INTO tried VALUES (1); RETURN NULL; END $$;"
		 " CREATE TRIGGER in_the_way BEFORE INSERT ON effects FOR EACH ROW"
		 " EXECUTE FUNCTION in_the_way();"
		 " CREATE TRIGGER count_it BEFORE INSERT ON effects FOR EACH STATEMENT"
		 " EXECUTE FUNCTION count_it()");
	struct job *first = long_job("first");
	start(NULL, "weir-relay", NULL);
	await_queued(first);
	start(NULL, "weir-consumer", "sum", "--linger", "500ms", NULL);
	await_ended(first);
	int64_t vain = tries_in_vain();
	EXPECT(vain > 0, "nothing was too slow: %lld statements",
	       (long long)sql("SELECT last_value FROM tries"));
	struct job *second = long_job("second");
	await_ended(second);
	EXPECT(tries_in_vain() <= vain + 1, "it was tried in vain again and again");
	stop_all();
	check_exact(first);
	check_exact(second);
	sql_text("DROP TRIGGER count_it ON effects");
	sql_text("DROP FUNCTION count_it()");
	sql_text("DROP TABLE tried");
	sql_text("DROP SEQUENCE tries");
	tidy();
}

/* A large job takes long to be paused: nobody waits for that, and it is paused in the end. The
 * trigger lasts until somebody lets it. */
static void it_takes_long_to_pause(void)
{
	struct job *job = stuck_job();
	sql_text("INSERT INTO effect_log (job_id) VALUES ('sleep')");
	sql_text("CREATE FUNCTION in_the_way() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
		 " WHILE EXISTS (SELECT FROM effect_log WHERE job_id = 'sleep') LOOP"
		 " PERFORM pg_sleep(0.05); END LOOP; RETURN NEW; END $$;"
		 " CREATE TRIGGER in_the_way BEFORE UPDATE ON weir.jobs FOR EACH ROW"
		 " WHEN (NEW.status = 'paused') EXECUTE FUNCTION in_the_way()");
	sql_text("ALTER TABLE effects RENAME COLUMN times TO times_away");
	start_both();
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM pg_stat_activity WHERE state = 'active'"
			   " AND query LIKE '%%weir.pause_job%%' AND pid <> pg_backend_pid()"
			   " AND query_start < now() - interval '3500 ms'");
	await_ended(job_submit(job_new("other", "pass", 10)));
	expect_job_status("stuck", "running");
	sql_text("DELETE FROM effect_log WHERE job_id = 'sleep'");
	paused("add the column", 0);
	sql_text("ALTER TABLE effects RENAME COLUMN times_away TO times");
	sql_text("DROP TRIGGER in_the_way ON weir.jobs");
	mended(job);
}

/* ---- what stands in the way of that ---- */

static void let_in(bool everybody)
{
	sql_text("DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I CONNECTION LIMIT %d',"
		 " current_database()); END $$",
		 everybody ? -1 : 0);
}

/* What waits for a connection to be stored with is put off as well, and says so. */
static void no_connection_for_it(void)
{
	struct job *job = stuck_job();
	sql_text("INSERT INTO effects VALUES ('stuck.u7', 0, 0)");
	sql_text("UPDATE weir.job_batches SET due_at = now() + interval '1 hour'");
	start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	await_ended(job_submit(job_new("before", "sum", 10)));
	let_in(false);
	sql_text("UPDATE weir.job_batches SET due_at = now() + interval '300 ms'");
	sql_text("BEGIN");
	sql_text("UPDATE effects SET total = total WHERE key = 'stuck.u7'");
	await_log(consumer, "stored_apart");
	stop(consumer);
	EXPECT(sql("SELECT count(*) FROM weir.retries WHERE error_class = 'store_away'"
		   " AND error LIKE 'it waits for a connection to store it with: %%'") > 0,
	       "nothing was put off");
	EXPECT_INT(sql("SELECT (SELECT count(*) FROM weir.results WHERE job_id = 'stuck')"
		       " + (SELECT count(*) FROM weir.retries)"),
		   STUCK);
	sql_text("ROLLBACK");
	let_in(true);
	sql_text("UPDATE weir.retries SET due_at = least(due_at, now())");
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

static int times(const char *text, const char *part)
{
	int n = 0;
	for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
		n++;
	return n;
}

/* Its worker was ended by somebody, and the next one cannot begin: it has nothing in hand. */
static void no_connection_to_begin(void)
{
	struct process *p = start(NULL, "weir-consumer", "pass", NULL);
	await_log(p, "consumer_ready");
	let_in(false);
	kill(worker_of(p), SIGKILL);
	await_log(p, "consumer_failed");
	stop(p);
	let_in(true);
}

/* A relay that has its first connection to the ledger, and gets no other to publish with. */
static void no_connection_to_publish(void)
{
	static const char heard[] = "SELECT count(*) = 1 FROM weir.processes"
				    " WHERE role = 'relay' AND waits_for LIKE '%%connections%%'"
				    " AND seen_at > now() - interval '500 ms'";
	struct job *job = job_submit(job_new("late", "pass", 20));
	sql_text("UPDATE weir.job_batches SET due_at = now() + interval '1 hour'");
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "pass", NULL);
	await_ended(job_submit(job_new("before", "pass", 10)));
	let_in(false);
	sql_text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <>"
		 " (SELECT pid FROM pg_stat_activity WHERE application_name = 'weir-relay'"
		 "  ORDER BY backend_start LIMIT 1) AND application_name = 'weir-relay'");
	sql_text("UPDATE weir.job_batches SET due_at = now() WHERE status = 'pending_queue'");
	await_log(relay, "publish_failed");
	await(PATIENCE_MS, heard);
	await(PATIENCE_MS, "SELECT now() > seen_at + interval '2 seconds' FROM weir.processes"
			   " WHERE role = 'relay'");
	await(PATIENCE_MS, heard);
	EXPECT_INT(times(log_of(relay), "publish_failed"), 1);
	let_in(true);
	await_ended(job);
	await_log(relay, "published_again");
	EXPECT(!strstr(log_of(relay), "ledger_lost"), "%s", log_of(relay));
}

/* An item of which not even that it failed can be written down. */
static void it_cannot_even_be_put_off(void)
{
	struct job *job = job_new("kept", "sum", STUCK), *other = job_new("other", "sum", 300);
	item_fails(&job->items[7], NULL, ",\"fail\":\"retry_once\"");
	job_submit(job);
	sql_text("CREATE FUNCTION in_the_way() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
		 " RAISE EXCEPTION 'no such row is wanted'; END $$;"
		 " CREATE TRIGGER in_the_way BEFORE INSERT ON weir.retries FOR EACH ROW"
		 " EXECUTE FUNCTION in_the_way()");
	start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "sum", NULL);
	await_final(job, STUCK - 1);
	await_log(consumer, "items_kept");
	await_ended(job_submit(other));
	EXPECT(strstr(log_of(consumer), "flush_put_back") == NULL, "the others waited for it");
	sql_text("DROP TRIGGER in_the_way ON weir.retries");
	await_ended(job);
	stop_all();
	check_exact(other);
	tidy();
}

/* ---- what cannot be written at all ---- */

#define HAND 24 /* of x's messages come more than there are places */

/* Half of them have done their work, the other half are to be tried again: each has a row already,
 * and its message has come. */
static struct job *tried_job(const char *id)
{
	struct job *job = job_new(id, "sum", HAND);
	for (int i = 0; i < HAND; i += 2)
		item_fails(&job->items[i], NULL, ",\"fail\":\"retry_once\"");
	job_submit(job);
	await_queued(job);
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at, queued_at)"
		 " SELECT job_id, stage, ordinal, 0, 'infinity', now() FROM weir.items"
		 " WHERE job_id = '%s'",
		 id);
	return job;
}

/* Their verdicts stay unwritten while somebody has their rows, and no other job of the kind, nor
 * another kind, waits for that, also when the same messages have come a second time. Letters of
 * which the same is true go to the relay. */
static void rows_of_its_retries(void)
{
	struct process *relay = start(NULL, "weir-relay", "--lost-after", "2s", NULL);
	struct job *job = tried_job("stuck");
	sql_text("BEGIN");
	sql_text("SELECT FROM weir.retries WHERE job_id = 'stuck' FOR UPDATE");
	sql_text("LOCK TABLE weir.dead_letters");
	struct process *consumer = start(NULL, "weir-consumer", "sum", "pass", "--prefetch", "8",
					 "--flush", "4", NULL);
	await_log(consumer, "stored_apart");
	await_ended(job_submit(job_new("same", "sum", 10)));
	for (int i = 0; i < 9; i++)
		publish("sum", "application/json", "{", 1);
	await_ended(job_submit(job_new("behind", "sum", 10)));
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM weir.processes WHERE waits_for LIKE"
			   " 'job stuck: waits for a lock on retries%%'");
	EXPECT_PART(run(NULL, "weir", "status", "stuck", NULL)->out, "waits for a lock on retries");
	rabbitmqctl("close_all_connections", "test");
	await_log(consumer, "broker_back");
	await_ended(job_submit(job_new("again", "sum", 10)));
	await_ended(job_submit(job_new("other", "pass", 10)));
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'stuck'"), 0);
	sql_text("ROLLBACK");
	stop(relay); /* it may have letters, and look at them again later */
	start(NULL, "weir-relay", "--lost-after", "2s", NULL);
	await_ended(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'stuck'"
		       " AND attempts <> 1 + (ordinal %% 2 = 0)::int"),
		   0);
	await(PATIENCE_MS, "SELECT count(*) >= 9 FROM weir.dead_letters");
	stop_all();
	check_exact(job);
}

/* What its plugin had said before it gave up may last as long as any statement: nobody else waits
 * for that. */
static void given_up_while_it_lasts(void)
{
	struct job *job = job_new("gives-up", "segfault", 1);
	item_fails(&job->items[0], NULL, ",\"fail_store\":3"); /* alone, and with much time */
	sql_text("INSERT INTO effect_log (job_id) VALUES ('sleep')");
	sql_text("CREATE FUNCTION in_the_way() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
		 " WHILE EXISTS (SELECT FROM effect_log WHERE job_id = 'sleep') LOOP"
		 " PERFORM pg_sleep(0.05); END LOOP; RETURN NEW; END $$;"
		 " CREATE TRIGGER in_the_way BEFORE INSERT ON effects FOR EACH ROW"
		 " WHEN (NEW.key LIKE 'gives-up%%') EXECUTE FUNCTION in_the_way()");
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "pass", "segfault", NULL);
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM pg_stat_activity WHERE state = 'active'"
			   " AND application_name LIKE 'weir-consumer%%'"
			   " AND query_start < now() - interval '3500 ms'");
	await_ended(job_submit(job_new("other", "pass", 10)));
	sql_text("DELETE FROM effect_log WHERE job_id = 'sleep'");
	await_ended(job);
	stop_all();
	tidy();
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
	CU_add_test(s, "a commit that cannot be now", a_commit_that_cannot_be_now);
	CU_add_test(s, "a row of the ledger that is locked", a_row_of_the_ledger);
	CU_add_test(s, "a trigger that is slow", a_slow_trigger);
	CU_add_test(s, "a kind that is slow", all_of_them_are_slow);
	CU_add_test(s, "a row that a trigger refuses", a_row_is_refused);
	CU_add_test(s, "a table that is swapped", a_table_is_swapped);
	CU_add_test(s, "a right that is missing", a_right_is_missing);
	CU_add_test(s, "a column that is missing", a_column_is_missing);
	CU_add_test(s, "submit --wait ends with it", submit_waits);
	CU_add_test(s, "a job that takes long to pause", it_takes_long_to_pause);
	CU_add_test(s, "no connection to store it with", no_connection_for_it);
	CU_add_test(s, "no connection to begin with", no_connection_to_begin);
	CU_add_test(s, "no connection to publish with", no_connection_to_publish);
	CU_add_test(s, "it cannot even be put off", it_cannot_even_be_put_off);
	CU_add_test(s, "its plugin has given up meanwhile", given_up_while_it_lasts);
	CU_add_test(s, "rows of its retries that are locked", rows_of_its_retries);
}
