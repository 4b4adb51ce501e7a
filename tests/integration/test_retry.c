/* Attempts: what is charged, what is not, and what is kept of each. */
#include <stdlib.h>
#include <string.h>

#include "world.h"

static void expect_text(const char *seen, const char *wanted)
{
	EXPECT(strcmp(seen, wanted) == 0, "%s, not %s", seen, wanted);
}

static void start_workers(void)
{
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
}

static void submit_with(struct job *job, const char *option, const char *value)
{
	setenv(option, value, 1);
	job_submit(job);
	unsetenv(option);
}

/* Those that failed before the last are in weir.attempts, the last in the result. */
static void every_attempt_is_kept(void)
{
	struct job *job = job_new("kept", "sum", 40);
	item_fails(&job->items[3], "asked_to_fail", ",\"fail\":\"retry\"");
	job->items[3].attempts = 5;
	item_fails(&job->items[4], NULL, ",\"fail\":\"retry_once\"");
	job->items[4].attempts = 2;
	item_fails(&job->items[5], "asked_to_fail", ",\"fail\":\"reject\"");
	job->items[5].attempts = 1;
	submit_with(job, "WEIR_MAX_ATTEMPTS", "5");
	start_workers();
	finish(job);
	expect_text(sql_text("SELECT string_agg(custom_id || ' ' || attempt || ' ' || error_class,"
			     "  ', ' ORDER BY custom_id, attempt) FROM batch_attempts"),
		    "item_00003 1 asked_to_fail, item_00003 2 asked_to_fail, "
		    "item_00003 3 asked_to_fail, item_00003 4 asked_to_fail, "
		    "item_00003 5 asked_to_fail, item_00004 1 asked_to_fail, "
		    "item_00005 1 asked_to_fail");
	EXPECT_INT(sql("SELECT count(*) FROM batch_attempts"
		       " WHERE error <> 'the payload asks for it'"),
		   0);
}

/* A copy of a message of an attempt that has been charged. */
static void an_attempt_is_charged_once(void)
{
	struct job *job = job_new("copies", "sum", 30);
	for (int i = 0; i < job->size; i++) {
		item_fails(&job->items[i], NULL, ",\"fail\":\"retry_once\"");
		job->items[i].attempts = 2;
	}
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	republish("weir.sum", "sum", 3);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.attempts"), 30);
}

static void what_is_put_off_is_not_charged(void)
{
	struct job *job = job_new("put_off", "sum", 60);
	for (int i = 0; i < job->size; i += 5) {
		item_fails(&job->items[i], NULL, ",\"defer\":4,\"retry_after_ms\":30");
		job->items[i].attempts = 1;
	}
	submit_with(job, "WEIR_MAX_ATTEMPTS", "2");
	start_workers();
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.attempts"), 0);
}

/* The relay keeps the time that the plugin asked for, and not the job's backoff. */
static void a_pause_that_was_asked_for(void)
{
	struct job *job = job_new("asked", "sum", 20);
	for (int i = 0; i < job->size; i++)
		item_fails(&job->items[i], NULL,
			   ",\"fail\":\"retry_once\",\"retry_after_ms\":86400000");
	job_submit(job);
	start_workers();
	await(PATIENCE_MS, "SELECT count(*) = 20 FROM weir.attempts");
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries w JOIN weir.attempts a"
		       "  USING (job_id, stage, ordinal)"
		       " WHERE w.due_at = a.ended_at + interval '1 day'"),
		   20);
	EXPECT_INT(run(NULL, "weir", "retry", "asked", "--id", "item_00007", NULL)->status, 0);
	await_final(job, 1);
	expect_text(sql_text("SELECT string_agg(custom_id, ',') FROM batch_items"
			     " WHERE status = 'success'"),
		    "item_00007");
	sql_text("UPDATE weir.retries SET due_at = now() WHERE due_at < 'infinity'");
	stop_all();
	start_workers();
	finish(job);
}

/* Due between a minute from now and an hour, whatever the first in the queue waits for. */
static void mixed_pauses_do_not_block_each_other(void)
{
	struct job *job = job_new("mixed", "sum", 40);
	for (int i = 0; i < job->size; i++)
		item_fails(&job->items[i], NULL, ",\"fail\":\"retry_once\",\"retry_after_ms\":%d",
			   i % 2 ? 200 : 3600000);
	job_submit(job);
	start_workers();
	await_final(job, 20);
	EXPECT_INT(sql("SELECT count(*) FROM batch_items WHERE status = 'success'"
		       " AND ordinal %% 2 = 0"),
		   0);
}

void add_retry_suite(void);

void add_retry_suite(void)
{
	CU_pSuite s = WORLD_SUITE("retries");
	CU_add_test(s, "every attempt is kept", every_attempt_is_kept);
	CU_add_test(s, "an attempt is charged once", an_attempt_is_charged_once);
	CU_add_test(s, "what is put off is not charged", what_is_put_off_is_not_charged);
	CU_add_test(s, "a pause that was asked for", a_pause_that_was_asked_for);
	CU_add_test(s, "mixed pauses do not block each other",
		    mixed_pauses_do_not_block_each_other);
}
