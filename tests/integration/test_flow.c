/* Jobs from submit to report, with nothing failing but items. */
#include <string.h>

#include "world.h"

static void start_workers(const char *kind)
{
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", kind, NULL);
}

static void last_batch_is_partial(void)
{
	struct job *job = job_new("partial", "sum", 2050);
	job->batch_size = 100;
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", "--flush", "500", NULL);
	finish(job_submit(job));
	EXPECT_INT(sql("SELECT items FROM batches WHERE batch_id = 'partial-s1-b20'"), 50);
	EXPECT_INT(sql("SELECT max(attempts) FROM weir.results"), 1);
}

/* The relay publishes everything again, as after a crash before the mark. */
static void batches_published_twice(void)
{
	struct job *job = job_submit(job_new("again", "sum", 150));
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	sql_text("UPDATE weir.job_batches SET status = 'pending_queue', due_at = now()");
	await_queued(job);
	stop_all();
	queue_await_size("weir.sum", 300);
	start_workers("sum");
	finish(job);
}

static void messages_in_three_copies(void)
{
	struct job *job = job_submit(job_new("copies", "sum", 150));
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	EXPECT_INT(republish("weir.sum", "sum", 3), 150);
	start(NULL, "weir-consumer", "sum", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

static void copies_after_the_end(void)
{
	struct job *job = job_submit(job_new("late", "sum", 60));
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	stop_all();
	EXPECT_INT(republish("weir.sum", "sum", 2), 60);
	/* One copy of each is kept back until the job has ended. */
	struct process *first = start(NULL, "weir-consumer", "sum", "--flush", "5", NULL);
	await_final(job, 60);
	stop(first);
	start_workers("sum");
	await_ended(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results"), 60);
	queue_await_size("weir.sum", 0);
	finish(job);
}

/* Each consumer holds one message at a time, so that both work on the same item. */
static void one_item_for_two_consumers(void)
{
	struct job *job = job_new("one", "sum", 1);
	job_delay(job, 50);
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	EXPECT_INT(republish("weir.sum", "sum", 8), 1);
	start(NULL, "weir-consumer", "sum", "--flush", "1", "--prefetch", "1", NULL);
	start(NULL, "weir-consumer", "sum", "--flush", "1", "--prefetch", "1", NULL);
	await_final(job, 1);
	queue_await_size("weir.sum", 0);
	finish(job);
}

static void contexts_never_mix(void)
{
	struct job *red = job_new("red", "sum", 160), *blue = job_new("blue", "sum", 160);
	job_submit(red);
	job_submit(blue);
	start_workers("sum");
	await_ended(red);
	finish(blue);
	check_exact(red);
}

static void an_items_own_context(void)
{
	struct job *job = job_new("own", "sum", 30);
	for (int i = 0; i < job->size; i++)
		snprintf(job->items[i].more, sizeof job->items[i].more,
			 ",\"context\":{\"label\":\"laid over\"}");
	start_workers("sum");
	job_submit(job);
	job->label = "laid over";
	finish(job);
}

/* Nothing is done without the parameters that a plugin asks for. */
static void no_context_no_work(void)
{
	struct job *job = job_submit(job_new("bare", "sum", 30));
	sql_text("UPDATE weir.jobs SET context = '{}'");
	for (int i = 0; i < job->size; i++)
		job->items[i].failure = "bad_context";
	start_workers("sum");
	finish(job);
	EXPECT_PART(sql_text("SELECT error FROM weir.results LIMIT 1"), "label");
}

static void failures_of_every_sort(void)
{
	struct job *job = job_new("mixed", "sum", 120);
	for (int i = 0; i < job->size; i += 10) {
		job->items[i].attempts = 3;
		item_fails(&job->items[i], "asked_to_fail", ",\"fail\":\"retry\"");
		job->items[i + 1].attempts = 1;
		item_fails(&job->items[i + 1], "asked_to_fail", ",\"fail\":\"reject\"");
		job->items[i + 2].attempts = 2;
		item_fails(&job->items[i + 2], NULL, ",\"fail\":\"retry_once\"");
		job->items[i + 3].attempts = 1;
	}
	start_workers("sum");
	finish(job_submit(job));
}

/* Rows that only matter while a job runs are gone with it, whoever left them. */
static void nothing_is_left_of_tries(void)
{
	struct job *job = job_new("tidy", "sum", 40);
	for (int i = 0; i < 10; i++)
		item_fails(&job->items[i], NULL, ",\"fail\":\"retry_once\"");
	job_submit(job);
	sql_text("INSERT INTO weir.trials (job_id, stage, ordinal, starts)"
		 " SELECT 'tidy', 1, n, 1 FROM generate_series(5, 30) n");
	start_workers("sum");
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE attempts = 2"), 10);
	EXPECT_INT(sql("SELECT count(*) FROM weir.trials") +
			   sql("SELECT count(*) FROM weir.retries"),
		   0);
}

static void a_job_in_which_all_fails(void)
{
	struct job *job = job_new("lost", "sum", 30);
	for (int i = 0; i < job->size; i++)
		item_fails(&job->items[i], "asked_to_fail", ",\"fail\":\"reject\"");
	start_workers("sum");
	finish(job_submit(job));
}

static void one_bad_row_in_a_hundred(void)
{
	struct job *job = job_new("bisect", "sum", 100);
	job->batch_size = 100;
	item_fails(&job->items[61], "store", ",\"fail\":\"bad_row\"");
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	struct process *consumer = start(NULL, "weir-consumer", "sum", "--flush", "100", NULL);
	finish(job);
	EXPECT_PART(log_of(consumer), "flush_divided");
	EXPECT_PART(sql_text("SELECT error FROM weir.results WHERE status = 2"), "check");
}

static void several_bad_rows(void)
{
	static const int bad[] = {0, 1, 2, 50, 97, 99};
	struct job *job = job_new("bisects", "sum", 100);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		item_fails(&job->items[bad[i]], "store", ",\"fail\":\"bad_row\"");
	start_workers("sum");
	finish(job_submit(job));
}

static void an_empty_job_ends(void)
{
	start_workers("sum");
	finish(job_submit(job_new("empty", "sum", 0)));
}

static void submit_that_waits_needs_no_relay(void)
{
	struct job *job = job_new("waits", "sum", 60);
	item_fails(&job->items[7], "asked_to_fail", ",\"fail\":\"retry\"");
	job_write(job);
	start(NULL, "weir-consumer", "sum", NULL);
	const struct outcome *o =
		run(NULL, "weir", "submit", "sum", job->file, "--job", job->id, "--context",
		    "label=waits", "--batch-size", "20", "--wait", NULL);
	EXPECT(o->status == 3, "submit --wait: %d: %s", o->status, o->err);
	EXPECT_PART(o->out, "59 succeeded, 1 failed");
	finish(job);
}

/* What others have told, and what they give another chance, is not for it to publish. */
static void submit_that_waits_does_its_own(void)
{
	struct job *job = job_new("own", "sum", 20);
	job_write(job);
	sql_text("INSERT INTO weir.events (type, job_id, body)"
		 " VALUES ('test', 'another', '{\"of\":\"another\"}')");
	sql_text("INSERT INTO weir.dead_letters (queue, reason_code, reason, body, due_at)"
		 " VALUES ('weir.sum', 'truncated', 'x', '\\x81', now())");
	start(NULL, "weir-consumer", "sum", NULL);
	const struct outcome *o =
		run(NULL, "weir", "submit", "sum", job->file, "--job", job->id, "--context",
		    "label=own", "--batch-size", "20", "--wait", NULL);
	EXPECT(o->status == 0, "submit --wait: %d: %s", o->status, o->err);
	EXPECT_INT(sql("SELECT count(*) FROM weir.events WHERE job_id = 'another'"), 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.dead_letters WHERE due_at IS NOT NULL"), 1);
	sql_text("DELETE FROM weir.events");
	sql_text("DELETE FROM weir.dead_letters");
	start(NULL, "weir-relay", NULL); /* which counts what has ended */
	finish(job);
}

/* What a queue that is gone had of others waits for a relay, which revives it. */
static void submit_that_waits_revives_its_own(void)
{
	struct job *own = job_submit(job_new("own", "sum", 20));
	struct job *other = job_submit(job_new("other", "sum", 20));
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(own);
	await_queued(other);
	stop(relay);
	queue_delete("weir.sum");
	start(NULL, "weir-consumer", "sum", NULL);
	const struct outcome *o =
		run(NULL, "weir", "submit", "sum", own->file, "--job", own->id, "--context",
		    "label=own", "--batch-size", "20", "--wait", NULL);
	EXPECT(o->status == 0, "submit --wait: %d: %s", o->status, o->err);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE job_id = 'other'"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.queues_made"), 1);
	start(NULL, "weir-relay", NULL);
	await_ended(other);
	await(PATIENCE_MS, "SELECT count(*) = 0 FROM weir.queues_made");
	finish(own);
	check_exact(other);
}

static void slow_items_are_open_together(void)
{
	struct job *job = job_new("slow", "slow", 100);
	job_delay(job, 300);
	start_workers("slow");
	finish(job_submit(job));
	/* One after the other they would take 30 s. */
	EXPECT_INT(sql("SELECT (completed_at - started_at < interval '15 s')::int FROM weir.jobs"),
		   1);
}

void add_flow_suite(void);

void add_flow_suite(void)
{
	CU_pSuite s = WORLD_SUITE("flow");
	CU_add_test(s, "2,050 items, the last batch is partial", last_batch_is_partial);
	CU_add_test(s, "every batch is published twice", batches_published_twice);
	CU_add_test(s, "every message in three copies, two consumers", messages_in_three_copies);
	CU_add_test(s, "copies of messages after their items are final", copies_after_the_end);
	CU_add_test(s, "one item in eight copies for two consumers", one_item_for_two_consumers);
	CU_add_test(s, "contexts of two jobs never mix", contexts_never_mix);
	CU_add_test(s, "an item's own context", an_items_own_context);
	CU_add_test(s, "no context, no work", no_context_no_work);
	CU_add_test(s, "items that fail, for good, always, or once", failures_of_every_sort);
	CU_add_test(s, "nothing is left of tries", nothing_is_left_of_tries);
	CU_add_test(s, "a job in which all items fail", a_job_in_which_all_fails);
	CU_add_test(s, "one bad row in a hundred", one_bad_row_in_a_hundred);
	CU_add_test(s, "several bad rows in one flush", several_bad_rows);
	CU_add_test(s, "an empty job ends", an_empty_job_ends);
	CU_add_test(s, "submit --wait needs no relay", submit_that_waits_needs_no_relay);
	CU_add_test(s, "submit --wait does its own work alone", submit_that_waits_does_its_own);
	CU_add_test(s, "submit --wait revives its own job alone",
		    submit_that_waits_revives_its_own);
	CU_add_test(s, "slow items are open together", slow_items_are_open_together);
}
