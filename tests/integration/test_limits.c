/* Limits for the whole fleet: how many items of a job are at work at one time, whoever works. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

/* Submits it with the option, which job_submit() has no other way to be told. */
static struct job *limited(const char *id, int n, int ms, const char *option, const char *value)
{
	struct job *job = job_new(id, "slow", n);
	job_delay(job, ms);
	setenv(option, value, 1);
	job_submit(job);
	unsetenv(option);
	return job;
}

static void start_consumers(int n)
{
	calls_begin();
	start(NULL, "weir-relay", NULL);
	for (int i = 0; i < n; i++)
		start(NULL, "weir-consumer", "slow", NULL);
	calls_rest();
}

static void expect_calls(const struct job *job, int least, int most)
{
	int items, n = calls_count(&items), peak = calls_peak();
	EXPECT(n == job->size && items == job->size, "%d calls for %d items", n, items);
	EXPECT(peak >= least && peak <= most, "%d items at work at one time, not %d to %d", peak,
	       least, most);
}

static void three_at_once(void)
{
	struct job *job = limited("three", 250, 20, "WEIR_MAX_CONCURRENT", "3");
	start_consumers(3);
	finish(job);
	expect_calls(job, 2, 3);
}

static void one_at_a_time(void)
{
	struct job *job = limited("single", 130, 10, "WEIR_MODE", "sequential");
	start_consumers(2);
	finish(job);
	expect_calls(job, 1, 1);
}

static void no_limit(void)
{
	struct job *job = limited("free", 130, 200, "WEIR_MODE", "queue");
	start_consumers(1);
	finish(job);
	expect_calls(job, 50, 130);
}

/* What was worked on, and cannot be committed yet, is at work still. */
static void until_it_is_committed(void)
{
	int items;
	struct job *job = limited("held", 60, 1, "WEIR_MAX_CONCURRENT", "3");
	start(NULL, "weir-relay", NULL);
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM weir.job_batches WHERE status = 'queued'");
	sql_text("BEGIN");
	sql_text("LOCK TABLE effects");
	calls_begin();
	struct process *consumer = start(NULL, "weir-consumer", "slow", NULL);
	calls_rest();
	calls_await(3);
	start(NULL, "weir-consumer", "slow", NULL);
	await_log(consumer, "stored_apart");
	int calls = calls_count(&items);
	EXPECT(calls <= 3, "%d calls of %d items were begun", calls, items);
	sql_text("ROLLBACK");
	sql_text("UPDATE weir.retries SET due_at = least(due_at, now())");
	finish(job);
}

/* Its share expires, and what it had at work is redelivered. */
static void a_dead_consumer_returns_its_share(void)
{
	struct job *job = limited("dead", 30, 100, "WEIR_MAX_CONCURRENT", "2");
	calls_begin();
	start(NULL, "weir-relay", NULL);
	struct process *first = start(NULL, "weir-consumer", "slow", NULL);
	calls_rest();
	await_final(job, 4);
	kill_hard(first);
	start(NULL, "weir-consumer", "slow", NULL);
	finish(job);
}

/* It gives its share back at once, so nobody has to wait for that. */
static void a_stopped_consumer_returns_its_share(void)
{
	struct job *job = limited("gone", 60, 50, "WEIR_MAX_CONCURRENT", "1");
	calls_begin();
	start(NULL, "weir-relay", NULL);
	struct process *first = start(NULL, "weir-consumer", "slow", NULL);
	await_final(job, 4);
	stop(first);
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE completed_at IS NULL"), 1);
	start(NULL, "weir-consumer", "slow", NULL);
	calls_rest();
	finish(job);
	EXPECT_INT(calls_peak(), 1);
}

/* The other one is published behind it, on the same queue. */
static void others_go_past_it(void)
{
	struct job *job = limited("narrow", 2000, 300, "WEIR_MAX_CONCURRENT", "1");
	struct job *other = job_new("wide", "slow", 300);
	start_consumers(2);
	await_final(job, 1);
	job_submit(other);
	await_ended(other);
	EXPECT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'narrow'") < 200,
	       "the limit was not kept");
	run(NULL, "weir", "cancel", "narrow", NULL);
	await_ended(job);
}

/* Nobody gets more before all that hold a share have said so again. */
static void redis_loses_the_shares(void)
{
	struct job *job = limited("wiped", 200, 200, "WEIR_MAX_CONCURRENT", "4");
	start_consumers(3);
	for (int done = 20; done <= 100; done += 40) {
		await_final(job, done);
		redis_do("FLUSHALL");
	}
	await_ended(job);
	expect_calls(job, 2, 4);
}

/* Who does not hear of Redis begins nothing once others are lent what it had. */
#define EVICTED "evicted_keys:"

/* What may expire is what a Redis that is full gives up first, where it is told so: the shares, and
 * not that there were some. */
static void redis_gives_up_the_shares(void)
{
	struct job *job = limited("evicted", 200, 200, "WEIR_MAX_CONCURRENT", "4");
	start_consumers(3);
	redis_do("CONFIG SET maxmemory-policy volatile-lru");
	for (int done = 20; done <= 100; done += 40) {
		await_final(job, done);
		int64_t before = redis_info("stats", EVICTED);
		redis_do("CONFIG SET maxmemory 1");
		redis_await_more("stats", EVICTED, before);
		redis_do("CONFIG SET maxmemory 0");
	}
	redis_do("CONFIG SET maxmemory-policy noeviction");
	await_ended(job);
	expect_calls(job, 2, 4);
}

static void a_share_expires(void)
{
	char url[512];
	int items;
	const char *own = getenv("WEIR_REDIS_URL"), *host = strrchr(own, '@');
	struct job *job = limited("expires", 2000, 100, "WEIR_MAX_CONCURRENT", "2");
	redis_do("ACL SETUSER hers on >secret ~* &* +@all");
	snprintf(url, sizeof url, "redis://hers:secret%s", host);
	calls_begin();
	start(NULL, "weir-relay", NULL);
	program_env("WEIR_REDIS_URL", url);
	struct process *first =
		start(NULL, "weir-consumer", "slow", "--prefetch", "10", "--flush", "10", NULL);
	program_env("WEIR_REDIS_URL", NULL);
	calls_await(4);
	start(NULL, "weir-consumer", "slow", "--prefetch", "10", "--flush", "10", NULL);
	calls_rest();
	redis_do("ACL SETUSER hers off");
	redis_do("CLIENT KILL USER hers");
	await_log(first, "no_share");
	calls_await(calls_count(&items) + 180);
	EXPECT(calls_peak() <= 2, "%d items at work at one time", calls_peak());
	redis_do("ACL DELUSER hers");
	run(NULL, "weir", "cancel", "expires", NULL);
	await_ended(job);
}

static void items_that_are_tried_again(void)
{
	struct job *job = job_new("again", "slow", 60);
	job_delay(job, 10);
	for (int i = 0; i < job->size; i += 7)
		item_fails(&job->items[i], NULL, ",\"fail\":\"retry_once\",\"delay_ms\":10");
	setenv("WEIR_MAX_CONCURRENT", "2", 1);
	job_submit(job);
	unsetenv("WEIR_MAX_CONCURRENT");
	start_consumers(2);
	finish(job);
	EXPECT(calls_peak() <= 2, "%d items at work at one time", calls_peak());
}

/* All of its items have failed, and are let go on. */
static struct job *failed_and_retried(void)
{
	struct job *job = limited("narrow", 2000, 300, "WEIR_MAX_CONCURRENT", "2");
	sql_text("SELECT weir.end_items('narrow', 1, array_agg(ordinal), 2, 'bad', 'it was asked "
		 "to')"
		 " FROM weir.items");
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_ended(job);
	stop(relay);
	EXPECT_INT(run(NULL, "weir", "retry", "narrow", NULL)->status, 0);
	return job;
}

/* The other one is published behind the first ones of them. */
static void others_go_past_its_retries(void)
{
	struct job *job = failed_and_retried(), *other = job_new("wide", "slow", 300);
	EXPECT_PART(run(NULL, "weir", "doctor", NULL)->out,
		    "no jobs with work that waits for a resume");
	struct process *relay = start(NULL, "weir-relay", NULL);
	queue_await_size("weir.slow", 40);
	stop(relay);
	EXPECT_INT(sql("SELECT count(*) FROM weir.retries WHERE weir.is_parked(due_at)"), 1960);
	start_consumers(2);
	await_final(job, 1);
	job_submit(other);
	await_ended(other);
	EXPECT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'narrow'") < 200,
	       "the limit was not kept");
	EXPECT(sql("SELECT count(*) FROM weir.retries WHERE weir.is_parked(due_at)") > 1500,
	       "all were released");
	run(NULL, "weir", "cancel", "narrow", NULL);
	await_ended(job);
}

/* What waits for its next attempt keeps nobody busy, and still not all of the job is published. */
static void waiting_items_leave_room(void)
{
	struct job *job = job_new("stuck", "slow", 400);
	for (int i = 0; i < job->size; i++)
		item_fails(&job->items[i], NULL, ",\"fail\":\"retry\",\"retry_after_ms\":600000");
	setenv("WEIR_MAX_CONCURRENT", "2", 1);
	job_submit(job);
	unsetenv("WEIR_MAX_CONCURRENT");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "slow", NULL);
	await(PATIENCE_MS, "SELECT count(*) = 80 FROM weir.retries"
			   " WHERE due_at > now() AND due_at < 'infinity'");
	struct job *other = job_submit(job_new("wide", "slow", 300));
	await_ended(other);
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE job_id = 'stuck'"
		       " AND (status = 'queued' OR due_at < 'infinity')"),
		   4);
	run(NULL, "weir", "cancel", "stuck", NULL);
	await_ended(job);
}

void add_limits_suite(void);

void add_limits_suite(void)
{
	CU_pSuite s = WORLD_SUITE("limits");
	CU_add_test(s, "at work until it is committed", until_it_is_committed);
	CU_add_test(s, "three at once, three consumers", three_at_once);
	CU_add_test(s, "one at a time, two consumers", one_at_a_time);
	CU_add_test(s, "no limit", no_limit);
	CU_add_test(s, "a dead consumer returns its share", a_dead_consumer_returns_its_share);
	CU_add_test(s, "a stopped consumer returns its share",
		    a_stopped_consumer_returns_its_share);
	CU_add_test(s, "others go past a narrow job", others_go_past_it);
	CU_add_test(s, "Redis loses the shares", redis_loses_the_shares);
	CU_add_test(s, "Redis gives up the shares", redis_gives_up_the_shares);
	CU_add_test(s, "Redis does not answer one of two", a_share_expires);
	CU_add_test(s, "items that are tried again", items_that_are_tried_again);
	CU_add_test(s, "others go past a narrow job's retries", others_go_past_its_retries);
	CU_add_test(s, "items that wait leave room", waiting_items_leave_room);
}
