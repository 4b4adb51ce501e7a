/* Processes are killed at the places between which something must hold, and others finish. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

/* Twice: at the first passing, and at the second, when something has been done already. */
static void kill_consumers(const char *place)
{
	char again[40];
	snprintf(again, sizeof again, "%s:2", place);
	struct process *p = start(place, "weir-consumer", "sum", NULL);
	int status = await_exit(p, PATIENCE_MS);
	EXPECT(status == -SIGKILL, "%s: the consumer ended with %d", place, status);
	p = start(again, "weir-consumer", "sum", NULL);
	status = await_exit(p, PATIENCE_MS);
	EXPECT(status == -SIGKILL, "%s: the consumer ended with %d", again, status);
}

static void consumer_killed(const char *place)
{
	struct job *job = job_new("crash", "sum", 130);
	item_fails(&job->items[3], "asked_to_fail", ",\"fail\":\"reject\"");
	item_fails(&job->items[4], NULL, ",\"fail\":\"retry_once\"");
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	kill_consumers(place);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

static void when_delivered(void) { consumer_killed("delivered"); }
static void when_working(void) { consumer_killed("working"); }
static void when_processed(void) { consumer_killed("processed"); }
static void when_claimed(void) { consumer_killed("claimed"); }
static void when_committing(void) { consumer_killed("committing"); }
static void when_committed(void) { consumer_killed("committed"); }
static void when_counted(void) { consumer_killed("counted"); }
static void when_acked(void) { consumer_killed("acked"); }

/* There are trials only after a crash: of one item, whose worker died in its code. */
static void when_a_trial_began(void)
{
	struct job *job = job_new("trial", "segfault", 60);
	item_fails(&job->items[20], "poison", ",\"crash\":1");
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	for (int i = 0; i < 2; i++) {
		struct process *p = start("trial_begun", "weir-consumer", "segfault", NULL);
		EXPECT_INT(await_exit(p, PATIENCE_MS), -SIGKILL);
	}
	start(NULL, "weir-consumer", "segfault", NULL);
	await_ended(job);
	/* The last worker tells of the crash, which ends the job, before it takes the message: that
	 * is gone when one behind it has been worked on. */
	finish(job_submit(job_new("behind", "segfault", 1)));
	check_exact(job);
}

/* One of two that share the work; the other takes over. */
static void one_of_two(void)
{
	struct job *job = job_new("share", "sum", 200);
	job_delay(job, 2);
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	struct process *p = start(NULL, "weir-consumer", "sum", "--flush", "20", NULL);
	start(NULL, "weir-consumer", "sum", "--flush", "20", NULL);
	await_final(job, 50);
	kill_hard(p);
	finish(job);
}

/* ---- the relay ---- */

static void relay_killed(const char *place)
{
	struct job *job = job_new("relay", "sum", 130);
	item_fails(&job->items[8], NULL, ",\"fail\":\"retry_once\"");
	job_submit(job);
	start(NULL, "weir-consumer", "sum", NULL);
	struct process *p = start(place, "weir-relay", "--batches", "2", NULL);
	int status = await_exit(p, PATIENCE_MS);
	EXPECT(status == -SIGKILL, "%s: the relay ended with %d", place, status);
	start(NULL, "weir-relay", NULL);
	finish(job);
}

static void relay_when_claimed(void) { relay_killed("claimed:2"); }
static void relay_when_published(void) { relay_killed("published:70"); }
static void relay_when_confirmed(void) { relay_killed("confirmed"); }
static void relay_when_marked(void) { relay_killed("marked:2"); }

/* In the run for retries: each item fails once. */
static void relay_when_retries_were_published(void)
{
	struct job *job = job_new("retries", "sum", 40);
	for (int i = 0; i < job->size; i++) {
		item_fails(&job->items[i], NULL, ",\"fail\":\"retry_once\"");
		job->items[i].attempts = 2;
	}
	job_submit(job);
	start(NULL, "weir-consumer", "sum", NULL);
	struct process *p = start("published:60", "weir-relay", NULL);
	EXPECT_INT(await_exit(p, PATIENCE_MS), -SIGKILL);
	start(NULL, "weir-relay", NULL);
	finish(job);
}

static void two_relays(void)
{
	struct job *job = job_submit(job_new("both", "sum", 400));
	start(NULL, "weir-relay", "--batches", "1", NULL);
	start(NULL, "weir-relay", "--batches", "1", NULL);
	await_queued(job);
	queue_await_size("weir.sum", 400); /* nobody published what the other one had */
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

/* ---- submit ---- */

static struct process *start_submit(const char *failpoint, const struct job *job)
{
	return start(failpoint, "weir", "submit", job->kind, job->file, "--job", job->id,
		     "--context", "label=broken", "--batch-size", "20", NULL);
}

static const struct outcome *submit_again(const struct job *job)
{
	return run(NULL, "weir", "submit", job->kind, job->file, "--job", job->id, "--context",
		   "label=broken", "--batch-size", "20", NULL);
}

/* The job that a submit leaves which is killed after its second batch. */
static struct job *break_off(const char *place)
{
	struct job *job = job_new("broken", "sum", 110);
	job_write(job);
	EXPECT_INT(await_exit(start_submit(place, job), PATIENCE_MS), -SIGKILL);
	return job;
}

static void submit_continues(void)
{
	struct job *job = break_off("batch_written:2");
	int64_t there = sql("SELECT count(*) FROM weir.items");
	EXPECT(there >= 40 && there < 110, "%lld items are there", (long long)there);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_final(job, (int)there);
	pause_ms(300); /* long enough for a relay to mistake it for complete */
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE completed_at IS NULL"), 1);
	const struct outcome *o = submit_again(job);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_PART(o->out, "continued");
	finish(job);
}

static void submit_killed_when_sealed(void)
{
	struct job *job = break_off("sealed");
	const struct outcome *o = submit_again(job);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_PART(o->out, "there already");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

static void changed_content_is_a_conflict(void)
{
	struct job *job = break_off("batch_written:2");
	job->items[25].amount++;
	job_write(job);
	const struct outcome *o = submit_again(job);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "line 26");
	EXPECT_PART(o->err, "other content");
	job->items[25].amount--;
	job_write(job);
	EXPECT_INT(submit_again(job)->status, 0);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

static void a_finished_job_again(void)
{
	struct job *job = job_new("broken", "sum", 50);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job_submit(job));
	const struct outcome *o = submit_again(job);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_PART(o->out, "there already");
	job->size = 40; /* fewer, and then more than it has */
	job_write(job);
	EXPECT_INT(submit_again(job)->status, 1);
	job->size = 50;
	check_exact(job);
}

static void another_context_is_a_conflict(void)
{
	struct job *job = job_submit(job_new("context", "sum", 50));
	const struct outcome *o = run(NULL, "weir", "submit", "sum", job->file, "--job", "context",
				      "--context", "label=other", "--batch-size", "20", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "exists with the context");
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), 50);
}

static void more_than_it_has_is_a_conflict(void)
{
	struct job *job = job_new("more", "sum", 50);
	job->size = 45;
	job_submit(job);
	job->size = 50;
	job_write(job);
	const struct outcome *o = run(NULL, "weir", "submit", "sum", job->file, "--job", "more",
				      "--context", "label=more", "--batch-size", "20", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "another --job");
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), 45);
}

void add_crash_suite(void);

void add_crash_suite(void)
{
	CU_pSuite s = WORLD_SUITE("a consumer is killed");
	CU_add_test(s, "when a message was delivered", when_delivered);
	CU_add_test(s, "when a plugin works on it", when_working);
	CU_add_test(s, "when items are processed", when_processed);
	CU_add_test(s, "when items are claimed", when_claimed);
	CU_add_test(s, "when the commit is on its way", when_committing);
	CU_add_test(s, "when it has committed, but not counted", when_committed);
	CU_add_test(s, "when it has counted, but not acked", when_counted);
	CU_add_test(s, "when it has acked", when_acked);
	CU_add_test(s, "when a trial has begun", when_a_trial_began);
	CU_add_test(s, "one of two", one_of_two);
	s = WORLD_SUITE("a relay is killed");
	CU_add_test(s, "when batches are claimed", relay_when_claimed);
	CU_add_test(s, "when some messages are published", relay_when_published);
	CU_add_test(s, "when messages are confirmed, but not marked", relay_when_confirmed);
	CU_add_test(s, "when batches are marked", relay_when_marked);
	CU_add_test(s, "when retries are published", relay_when_retries_were_published);
	CU_add_test(s, "two relays publish nothing twice", two_relays);
	s = WORLD_SUITE("a submit is killed");
	CU_add_test(s, "between batches, and the same submit continues", submit_continues);
	CU_add_test(s, "when the job is sealed", submit_killed_when_sealed);
	CU_add_test(s, "changed content is a conflict", changed_content_is_a_conflict);
	CU_add_test(s, "another context is a conflict", another_context_is_a_conflict);
	CU_add_test(s, "more items than the job has are a conflict",
		    more_than_it_has_is_a_conflict);
	CU_add_test(s, "a finished job says that it is", a_finished_job_again);
}
