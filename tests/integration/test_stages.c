/* Stages from end to end: what succeeds goes on, what fails does not, each once. */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define STAGES "--stage", "sum.first", "--stage", "slow.second", "--stage", "sum.third"

static void expect_text(const char *seen, const char *wanted)
{
	EXPECT(strcmp(seen, wanted) == 0, "%s, not %s", seen, wanted);
}

static struct job *three_stages(const char *id, int n) { return job_of_stages(id, n, 3); }

static void submit(struct job *job)
{
	job_write(job);
	const struct outcome *o =
		run(NULL, "weir", "submit", "sum", job->file, "--job", job->id, "--batch-size",
		    "20", "--context", "label=staged", "--backoff", "20ms", STAGES, NULL);
	EXPECT(o->status == 0, "submit: %d: %s", o->status, o->err);
}

static void start_workers(void)
{
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", "slow", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
}

/* "stage kind.step status: success/failed of total", each. */
static const char *stages_of(const struct job *job)
{
	return sql_text("SELECT string_agg(stage || ' ' || kind || '.' || step || ' ' || status"
			"  || ': ' || success_count || '/' || failure_count || ' of '"
			"  || total_items, ', ' ORDER BY stage) FROM batch_stages"
			" WHERE job_id = '%s'",
			job->id);
}

static void expect_report(const struct job *job)
{
	const struct outcome *o = run(NULL, "weir", "report", job->id, "--format", "json", NULL);
	EXPECT(o->status == 0, "report: %d: %s", o->status, o->err);
	EXPECT_PART(o->out, "\"consistent\":true");
	EXPECT_PART(o->out, "\"redis\":\"equal\"");
}

static void three_in_a_row(void)
{
	struct job *job = three_stages("row", 250);
	submit(job);
	start_workers();
	await_ended(job);
	expect_text(stages_of(job), "1 sum.first completed: 225/25 of 250, "
				    "2 slow.second completed: 200/25 of 225, "
				    "3 sum.third completed: 200/0 of 200");
	expect_text(sql_text("SELECT status || ' ' || total_items || ' ' || success_count || ' '"
			     " || failure_count FROM batch_jobs"),
		    "completed 250 200 50");
	/* An effect for each stage that an item got through. */
	expect_text(sql_text("SELECT string_agg(times || ': ' || n, ', ' ORDER BY times) FROM"
			     " (SELECT times, count(*) AS n FROM (SELECT count(*) AS times"
			     "   FROM effect_log GROUP BY custom_id) a GROUP BY 1) b"),
		    "1: 25, 3: 200");
	EXPECT_INT(sql("SELECT count(*) FROM batch_items t JOIN batch_items o USING (custom_id)"
		       " WHERE t.stage = 3 AND o.stage = 1 AND t.payload::jsonb ="
		       "  jsonb_build_object('input', o.payload, 'results', '{\"first\":"
		       "   {\"added\":true},\"second\":{\"added\":true}}'::jsonb)"),
		   200);
	queue_await_size("weir.sum", 0);
	queue_await_size("weir.slow", 0);
	expect_report(job);
}

/* The keys of each stage are there when its first item is counted: under their own names, and no
 * others. */
static void counted_from_its_beginning(void)
{
	struct job *job = three_stages("keys", 40);
	struct process *relay = start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", "slow", NULL);
	submit(job);
	await_ended(job);
	EXPECT_INT(redis_stage_count("keys", 3, "total"), 32);
	EXPECT(!strstr(log_of(relay), "progress_rebuilt"), "%s", log_of(relay));
	redis_do("EVAL return(#redis.call('KEYS','weir:{keys}:*')==0)and(1)or"
		 "(redis.error_reply('keys_of_no_tag')) 0");
}

/* The ones that had failed catch up, in batches behind the others, and the job ends once more. */
static void what_failed_catches_up(void)
{
	struct job *job = three_stages("catch", 100);
	submit(job);
	start_workers();
	await_ended(job);
	sql_text("UPDATE weir.items SET payload = replace(payload::text, 'reject', 'nothing')::json"
		 " WHERE job_id = 'catch'");
	const struct outcome *o = run(NULL, "weir", "retry", "catch", NULL);
	EXPECT_PART(o->out, "20 items");
	await(PATIENCE_MS, "SELECT completed_at IS NOT NULL AND counted AND success_count = 100"
			   " FROM weir.jobs");
	expect_text(stages_of(job), "1 sum.first completed: 100/0 of 100, "
				    "2 slow.second completed: 100/0 of 100, "
				    "3 sum.third completed: 100/0 of 100");
	EXPECT_INT(sql("SELECT count(*) FROM effect_log"), 300);
	EXPECT_INT(sql("SELECT count(*) FROM (SELECT FROM effect_log GROUP BY custom_id"
		       " HAVING count(*) = 3) a"),
		   100);
	expect_report(job);
}

/* Nobody works on the second before it is cancelled. */
static void cancelled_in_the_second(void)
{
	struct job *job = job_new("half", "sum", 100);
	submit(job);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await(PATIENCE_MS,
	      "SELECT count(*) = 5 FROM batches WHERE stage = 2 AND status = 'queued'");
	EXPECT_INT(run(NULL, "weir", "cancel", "half", NULL)->status, 0);
	await_ended(job);
	expect_text(sql_text("SELECT status || ' ' || total_items || ' ' || success_count || ' '"
			     " || failure_count || ' ' || cancelled_count FROM batch_jobs"),
		    "cancelled 100 0 0 100");
	expect_report(job);
	start(NULL, "weir-consumer", "slow", NULL);
	queue_await_size("weir.slow", 0);
	EXPECT_INT(sql("SELECT count(*) FROM effect_log"), 100);
}

/* JSON allows U+0000 in a text, and PostgreSQL's functions for JSON do not. */
static void a_nul_in_a_text(void)
{
	struct job *job = job_new("nul", "sum", 30);
	item_fails(&job->items[7], NULL, ",\"odd\":\"a\\u0000b } } \"");
	submit(job);
	start_workers();
	await_ended(job);
	expect_text(sql_text("SELECT status || ' ' || success_count FROM batch_jobs"),
		    "completed 30");
	expect_text(
		sql_text("SELECT payload::text LIKE '{\"input\" : {%%odd\":\"a\\\\u0000b } } \"%%'"
			 " FROM batch_items WHERE stage = 3 AND custom_id = 'item_00007'"),
		"t");
	expect_report(job);
}

static void nothing_goes_on(void)
{
	struct job *job = job_new("none", "sum", 40);
	for (int i = 0; i < job->size; i++)
		item_fails(&job->items[i], "asked_to_fail", ",\"fail\":\"reject\"");
	submit(job);
	start_workers();
	await_ended(job);
	expect_text(sql_text("SELECT status FROM batch_jobs"), "failed");
	expect_text(stages_of(job), "1 sum.first completed: 0/40 of 40, "
				    "2 slow.second completed: 0/0 of 0, "
				    "3 sum.third completed: 0/0 of 0");
	expect_report(job);
}

void add_stages_suite(void);

void add_stages_suite(void)
{
	CU_pSuite s = WORLD_SUITE("stages");
	CU_add_test(s, "three in a row, two relays", three_in_a_row);
	CU_add_test(s, "counted from its beginning", counted_from_its_beginning);
	CU_add_test(s, "what failed catches up", what_failed_catches_up);
	CU_add_test(s, "cancelled in the second", cancelled_in_the_second);
	CU_add_test(s, "nothing goes on", nothing_goes_on);
	CU_add_test(s, "a NUL in a text", a_nul_in_a_text);
}
