/* What consumers that are at work make of an operator's word. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

static void start_slow(int consumers, const char *prefetch)
{
	calls_begin();
	start(NULL, "weir-relay", NULL);
	for (int i = 0; i < consumers; i++)
		start(NULL, "weir-consumer", "slow", "--prefetch", prefetch, NULL);
	calls_rest();
}

static void expect_one_call_each(const struct job *job)
{
	int items, n = calls_count(&items);
	EXPECT(n == job->size && items == job->size, "%d calls for %d of %d items", n, items,
	       job->size);
}

static void command(const char *name, const struct job *job)
{
	const struct outcome *o = run(NULL, "weir", name, job->id, NULL);
	EXPECT(o->status == 0, "%s: %d: %s", name, o->status, o->err);
}

static struct job *slow_job(const char *id, int n, int ms)
{
	struct job *job = job_new(id, "slow", n);
	job_delay(job, ms);
	return job_submit(job);
}

static void pause_stops_work(void)
{
	int items;
	struct job *job = slow_job("stops", 2000, 200);
	start_slow(2, "60");
	await_final(job, 100);
	command("pause", job);
	queue_await_size("weir.slow", 0);
	/* All that was begun is final, and nobody holds anything. */
	await(PATIENCE_MS, "SELECT count(*) = (SELECT count(*) FROM weir.results)"
			   " FROM effect_log WHERE job_id = 'stops'");
	stop_all();
	int begun = calls_count(&items);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), begun);
	EXPECT(begun < job->size, "all %d items were worked on", begun);
	expect_job_status("stops", "paused");
	expect_job_counted("stops");
	start(NULL, "weir-relay", NULL);
	calls_go_on();
	start(NULL, "weir-consumer", "slow", NULL);
	calls_rest();
	command("resume", job);
	finish(job);
	expect_one_call_each(job);
	EXPECT_INT(sql("SELECT max(attempts) FROM weir.results"), 1);
}

/* Longer than the pause of a resume: they are not begun a second time. */
static void what_is_in_hand_is_not_begun_again(void)
{
	struct job *job = slow_job("hand", 40, 4000);
	start_slow(2, "0");
	calls_await(40);
	command("pause", job);
	command("resume", job);
	finish(job);
	expect_one_call_each(job);
}

static void pause_and_resume_all_the_time(void)
{
	struct job *job = slow_job("often", 3000, 200);
	start_slow(2, "60");
	await_final(job, 50);
	for (int i = 0; i < 4; i++) {
		command("pause", job);
		command("resume", job);
		await_final(job, (int)sql("SELECT count(*) + 50 FROM weir.results"));
	}
	EXPECT_INT(sql("SELECT epoch - first_epoch FROM weir.jobs"), 4);
	finish(job);
	expect_one_call_each(job);
	EXPECT_INT(sql("SELECT max(attempts) FROM weir.results"), 1);
}

/* What it had in hand is begun again, by another. */
static void a_consumer_dies_in_a_pause(void)
{
	struct job *job = slow_job("dies", 200, 2000);
	start_slow(0, "0");
	calls_go_on();
	struct process *consumer = start(NULL, "weir-consumer", "slow", NULL);
	calls_await(64);
	command("pause", job);
	pause_ms(100); /* long enough to write down what it holds, or not */
	kill_hard(consumer);
	start(NULL, "weir-consumer", "slow", NULL);
	calls_rest();
	command("resume", job);
	finish(job);
}

/* Sooner than its work would have to be over. */
static void a_consumer_stops_in_a_pause(void)
{
	struct job *job = slow_job("leaves", 40, 60000);
	start_slow(0, "0");
	calls_go_on();
	struct process *consumer = start(NULL, "weir-consumer", "slow", "--grace", "100ms", NULL);
	calls_rest();
	calls_await(40);
	command("pause", job);
	await(PATIENCE_MS, "SELECT count(*) = 40 FROM weir.retries");
	stop(consumer);
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries WHERE due_at <= now()"), 40);
	sql_text("UPDATE weir.items SET payload = replace(payload::text, '60000', '1')::json");
	start(NULL, "weir-consumer", "slow", NULL);
	command("resume", job);
	finish(job);
	EXPECT_INT(sql("SELECT max(attempts) FROM weir.results"), 1);
}

/* Nobody should do that. */
static void a_job_whose_row_is_deleted(void)
{
	slow_job("gone", 40, 1000);
	start_slow(1, "0");
	calls_await(40);
	await(PATIENCE_MS, "SELECT status = 'running' FROM weir.jobs WHERE job_id = 'gone'");
	sql_text("DELETE FROM weir.jobs WHERE job_id = 'gone'");
	queue_await_size("weir.slow", 0);
	finish(slow_job("after", 20, 1));
}

static void cancel_with_consumers_at_work(void)
{
	struct job *job = slow_job("ends", 2000, 200);
	start_slow(2, "60");
	await_final(job, 100);
	command("cancel", job);
	await_ended(job);
	queue_await_size("weir.slow", 0);
	stop_all();
	expect_job_status("ends", "cancelled");
	expect_job_counted("ends");
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), 2000);
	int64_t good = sql("SELECT success_count FROM weir.jobs");
	EXPECT(good >= 100 && good < 2000, "%lld successes", (long long)good);
	EXPECT_INT(sql("SELECT count(*) FROM effect_log"), good);
	EXPECT_INT(sql("SELECT sum(times) FROM effects"), good);
	EXPECT_INT(redis_count("ends", "success"), good);
	EXPECT_INT(redis_count("ends", "cancelled"), 2000 - good);
}

/* Somebody mends the items and has them tried again; the job ends once more. */
static void retry_with_consumers_at_work(void)
{
	struct job *job = job_new("again", "sum", 300);
	for (int i = 100; i < 140; i++)
		item_fails(&job->items[i], "rejected", ",\"fail\":\"reject\"");
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(job);
	EXPECT_INT(sql("SELECT failure_count FROM weir.jobs"), 40);
	EXPECT_PART(run(NULL, "weir", "retry", "again", "--id", "item_00139", NULL)->out,
		    "1 items");
	await_ended(job);
	EXPECT_INT(sql("SELECT failure_count FROM weir.jobs"), 40);
	sql_text("UPDATE weir.items SET payload = json_build_object('key', payload->>'key',"
		 " 'amount', (payload->>'amount')::int)");
	char class[80];
	snprintf(class, sizeof class, "%s", sql_text("SELECT min(error_class) FROM weir.results"));
	EXPECT_PART(run(NULL, "weir", "retry", "again", "--class", class, NULL)->out, "40 items");
	for (int i = 100; i < 140; i++)
		job->items[i].failure = NULL;
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.attempts"), 41);
}

void add_pause_suite(void);

void add_pause_suite(void)
{
	CU_pSuite s = WORLD_SUITE("pauses");
	CU_add_test(s, "a job whose row is deleted", a_job_whose_row_is_deleted);
	CU_add_test(s, "a consumer stops in a pause", a_consumer_stops_in_a_pause);
	CU_add_test(s, "pause stops work, resume goes on", pause_stops_work);
	CU_add_test(s, "what is in hand is not begun again", what_is_in_hand_is_not_begun_again);
	CU_add_test(s, "pause and resume all the time", pause_and_resume_all_the_time);
	CU_add_test(s, "a consumer dies in a pause", a_consumer_dies_in_a_pause);
	CU_add_test(s, "cancel with consumers at work", cancel_with_consumers_at_work);
	CU_add_test(s, "retry with consumers at work", retry_with_consumers_at_work);
}
