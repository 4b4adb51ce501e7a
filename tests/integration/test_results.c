/* What `weir results` prints: each item once, when its way has ended. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lines.h"

#define TWO_STAGES "--stage", "sum.first", "--stage", "slow.second"

static struct job *two_stages(const char *id, int n) { return job_of_stages(id, n, 2); }

static void submit(struct job *job)
{
	job_write(job);
	const struct outcome *o =
		run(NULL, "weir", "submit", "sum", job->file, "--job", job->id, "--batch-size",
		    "20", "--context", "label=r", "--backoff", "20ms", TWO_STAGES, NULL);
	EXPECT(o->status == 0, "submit: %d: %s", o->status, o->err);
}

static void start_workers(void)
{
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", "slow", NULL);
}

static void expect_line(const json_t *line, const struct item *item, int i)
{
	bool ends_first = i % 10 == 0, fails = i % 10 < 2;
	EXPECT_VALUE(line, "custom_id", item->id);
	EXPECT_VALUE(line, "status", fails ? "failed" : "success");
	EXPECT_VALUE(line, "input.key", item->key);
	EXPECT_VALUE(line, "context.label", "r");
	EXPECT_VALUE(line, "results",
		     ends_first ? "{}"
		     : fails	? "{\"first\":{\"added\":true}}"
				: "{\"first\":{\"added\":true},"
				  "\"second\":{\"added\":true}}");
	EXPECT_VALUE(line, "error_class", fails ? "asked_to_fail" : "null");
	EXPECT_VALUE(line, "attempts", ends_first ? "1" : i % 10 == 2 ? "3" : "2");
	EXPECT(strlen(value_of(line, "finished_at")) == 24, "finished_at: %s",
	       value_of(line, "finished_at"));
}

static void in_the_order_of_the_input(void)
{
	struct job *job = two_stages("order", 250);
	submit(job);
	start_workers();
	await_ended(job);
	EXPECT_INT(run(NULL, "weir", "results", "order", NULL)->status, 3);
	json_t *lines = lines_of_run();
	EXPECT_INT((int64_t)json_array_size(lines), 250);
	for (int i = 0; i < 250; i++)
		expect_line(json_array_get(lines, (size_t)i), &job->items[i], i);
	json_decref(lines);
	EXPECT_INT(run(NULL, "weir", "results", "order", "--failed", NULL)->status, 3);
	lines = lines_of_run();
	EXPECT_INT((int64_t)json_array_size(lines), 50);
	for (int i = 0; i < 50; i++)
		expect_line(json_array_get(lines, (size_t)i), &job->items[i / 2 * 10 + i % 2],
			    i % 2);
	json_decref(lines);
}

static void expect_all_once(struct process *p, const struct job *job)
{
	json_t *lines = lines_of(p);
	EXPECT_INT((int64_t)json_array_size(lines), job->size);
	for (int i = 0; i < job->size; i++)
		expect_line(line_of(lines, job->items[i].id), &job->items[i], i);
	json_decref(lines);
}

static void await_lines(const struct process *p, size_t least)
{
	for (int64_t end = now_ms() + PATIENCE_MS; now_ms() < end; pause_ms(STEP_MS)) {
		json_t *lines = lines_of(p);
		size_t n = json_array_size(lines);
		json_decref(lines);
		if (n >= least)
			return;
	}
	EXPECT(false, "there are no %zu lines", least);
}

/* From before the first item has ended; what ends in the first stage comes before the second has
 * begun. */
static void followed(void)
{
	struct job *job = two_stages("follow", 250);
	submit(job);
	struct process *p = start(NULL, "weir", "results", "follow", "--follow", NULL);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_lines(p, 25);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE stage = 2"), 0);
	start(NULL, "weir-consumer", "slow", NULL);
	EXPECT_INT(await_exit(p, PATIENCE_MS), 3);
	expect_all_once(p, job);
}

static void followed_while_the_ledger_is_away(void)
{
	struct job *job = two_stages("away", 250);
	submit(job);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	struct process *p = start(NULL, "weir", "results", "away", "--follow", NULL);
	await_lines(p, 25);
	server("down", "postgresql");
	server("up", "postgresql");
	start(NULL, "weir-consumer", "slow", NULL);
	EXPECT_INT(await_exit(p, PATIENCE_MS), 3);
	expect_all_once(p, job);
}

/* A failed item that is tried again has had its line; those that come are printed once. */
static void tried_again(void)
{
	struct job *job = two_stages("again", 100);
	submit(job);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	struct process *p = start(NULL, "weir", "results", "again", "--follow", NULL);
	await_lines(p, 10);
	sql_text("UPDATE weir.items SET payload = replace(payload::text,"
		 " 'reject\",\"fail_stage\":1', 'nothing\",\"fail_stage\":1')::json");
	EXPECT_INT(run(NULL, "weir", "retry", "again", NULL)->status, 0);
	start(NULL, "weir-consumer", "slow", NULL);
	await_exit(p, PATIENCE_MS);
	expect_all_once(p, job);
}

/* What had succeeded in the first stage, and is not taken to the second, was cancelled. */
static void cancelled(void)
{
	struct job *job = two_stages("cancel", 100);
	submit(job);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	struct process *p = start(NULL, "weir", "results", "cancel", "--follow", NULL);
	await_lines(p, 10);
	EXPECT_INT(run(NULL, "weir", "cancel", "cancel", NULL)->status, 0);
	EXPECT_INT(await_exit(p, PATIENCE_MS), 1);
	json_t *lines = lines_of(p);
	EXPECT_INT((int64_t)json_array_size(lines), 100);
	for (int i = 0; i < job->size; i++)
		EXPECT_VALUE(line_of(lines, job->items[i].id), "status",
			     i % 10 == 0 ? "failed" : "cancelled");
	json_decref(lines);
}

static void not_ended(void)
{
	struct job *job = two_stages("open", 40);
	submit(job);
	EXPECT_INT(run(NULL, "weir", "results", "open", NULL)->status, 0);
	json_t *lines = lines_of_run();
	EXPECT_INT((int64_t)json_array_size(lines), 0);
	json_decref(lines);
	struct process *p = start(NULL, "weir", "results", "open", "--follow", NULL);
	await(PATIENCE_MS, "SELECT count(*) > 0 FROM pg_stat_activity"
			   " WHERE application_name = 'weir results'");
	kill(p->pid, SIGTERM);
	EXPECT_INT(await_exit(p, PATIENCE_MS), 130);
	const struct outcome *o = run(NULL, "weir", "results", "nothing", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "nothing");
}

/* Nobody reads on, while lines come, and while none does. */
static void a_broken_pipe(void)
{
	struct job *job = two_stages("pipe", 250);
	submit(job);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	const struct outcome *o = run(
		NULL, "/bin/bash", "-c",
		WEIR_BUILD_DIR "/bin/weir results pipe --follow | head -n 1; exit ${PIPESTATUS[0]}",
		NULL);
	EXPECT(o->status == 0 && !*o->err, "%d: %s", o->status, o->err);
	json_t *lines = lines_of_run();
	EXPECT_INT((int64_t)json_array_size(lines), 1);
	json_decref(lines);
	start(NULL, "weir-consumer", "slow", NULL);
	await_ended(job);
	o = run(NULL, "/bin/bash", "-c",
		WEIR_BUILD_DIR "/bin/weir results pipe | head -c 1; exit ${PIPESTATUS[0]}", NULL);
	EXPECT(o->status == 0 || o->status == 3, "%d", o->status); /* all may have fitted */
	EXPECT(!*o->err, "%s", o->err);
}

/* JSON of others may have ends of lines in it, and results are far larger than a buffer. */
static void odd_and_large(void)
{
	struct job *job = job_new("large", "sum", 70);
	for (int i = 0; i < job->size; i++)
		item_fails(&job->items[i], NULL, ",\"result_kb\":200,\"odd\":\"\\u0000\\n\"");
	job_submit(job);
	sql_text("UPDATE weir.items SET payload = replace(payload::text, ',', E',\\n')::json,"
		 " context = E'{\"a\":\\r\\n1}'");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	await_ended(job);
	EXPECT_INT(run(NULL, "weir", "results", "large", NULL)->status, 0);
	json_t *lines = lines_of_run();
	EXPECT_INT((int64_t)json_array_size(lines), 70);
	EXPECT_VALUE(line_of(lines, "item_00042"), "context", "{\"label\":\"large\",\"a\":1}");
	json_decref(lines);
}

void add_results_suite(void);

void add_results_suite(void)
{
	CU_pSuite s = WORLD_SUITE("results");
	CU_add_test(s, "in the order of the input", in_the_order_of_the_input);
	CU_add_test(s, "followed", followed);
	CU_add_test(s, "followed while the ledger is away", followed_while_the_ledger_is_away);
	CU_add_test(s, "items that are tried again", tried_again);
	CU_add_test(s, "a cancelled job", cancelled);
	CU_add_test(s, "a job that has not ended", not_ended);
	CU_add_test(s, "a broken pipe", a_broken_pipe);
	CU_add_test(s, "odd and large", odd_and_large);
}
