/* A job that has the name of one that was purged: nothing of the first comes to the second. */
#include <string.h>

#include "asked.h"

/* Ended long enough ago, and gone. */
static void cancel_and_purge(const char *id)
{
	const struct outcome *o = run(NULL, "weir", "cancel", id, NULL);
	EXPECT(o->status == 0, "weir cancel: %d: %s", o->status, o->err);
	EXPECT(await(PATIENCE_MS,
		     "SELECT completed_at IS NOT NULL AND counted FROM weir.jobs WHERE job_id = "
		     "'%s'",
		     id),
	       "%s does not end", id);
	sql_text("UPDATE weir.jobs SET created_at = created_at - interval '1 hour',"
		 " completed_at = completed_at - interval '1 hour'");
	o = run(NULL, "weir", "purge", "--older-than", "1m", "--job", id, NULL);
	EXPECT(o->status == 0, "weir purge: %d: %s", o->status, o->err);
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs"), 0);
}

static struct job *with_other_amounts(struct job *job)
{
	for (int i = 0; i < job->size; i++)
		job->items[i].amount += 7000000;
	return job;
}

static void messages(void)
{
	job_submit(job_new("again", "sum", 20));
	start(NULL, "weir-relay", NULL);
	queue_await_size("weir.sum", 20);
	cancel_and_purge("again");
	struct job *job = job_submit(with_other_amounts(job_new("again", "sum", 20)));
	queue_await_size("weir.sum", 40);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
	queue_await_size("weir.sum", 0);
	queue_await_size("weir.dead", 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.dead_letters"), 0);
}

/* And the third of its name is not the second. */
static void messages_of_two(void)
{
	int64_t before = sql("SELECT epoch FROM weir.purged");
	start(NULL, "weir-relay", NULL);
	for (int i = 0; i < 2; i++) {
		job_submit(job_new("again", "sum", 20));
		queue_await_size("weir.sum", 20 * (i + 1));
		cancel_and_purge("again");
	}
	struct job *job = job_submit(with_other_amounts(job_new("again", "sum", 20)));
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
	EXPECT_INT(sql("SELECT first_epoch FROM weir.jobs"), before + 4);
}

#define TITLED(text) "{\\'title\\': \\'" text "\\', \\'score\\': 0.5}"

/* It is billed, and answers nobody any more. */
static void a_call(void)
{
	/* clang-format off */
	fake_script("{'rules': [{'match': {'contains': 'amount 1'},"
		    " 'do': {'latency_ms': 4000, 'answer': '" TITLED("old") "'}},"
		    " {'match': {'contains': 'amount 7'},"
		    " 'do': {'answer': '" TITLED("new") "'}}]}");
	/* clang-format on */
	job_submit(asked_job("again", "ai_model=claude", 8));
	asked_begin();
	await(PATIENCE_MS, "SELECT count(*) = 8 FROM weir.calls");
	cancel_and_purge("again");
	struct job *job = job_submit(with_other_amounts(asked_job("again", "ai_model=claude", 8)));
	finish(job);
	EXPECT_INT(sql("SELECT count(*) FROM batch_items WHERE result->>'title' = 'new'"), 8);
	EXPECT_INT(sql("SELECT count(*) FROM weir.answers"), 8);
}

void add_purge_suite(void);

void add_purge_suite(void)
{
	CU_pSuite s = FAKE_SUITE("a name of a purged job");
	CU_add_test(s, "messages of the first are still queued", messages);
	CU_add_test(s, "messages of two before are", messages_of_two);
	CU_add_test(s, "a call of the first is on its way", a_call);
}
