/* Workers that end: who is to blame, and that nobody else is. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

/* As in tests/plugins/segfault.c. */
enum { SEGV = 1, ABORT, OVERFLOW, EXIT, EXIT_AT_ONCE, LOOP, KILL, KILL_ALL, IN_STORE };

static const char *reason_of(const struct job *job, int item)
{
	return sql_text("SELECT error FROM weir.results WHERE job_id = '%s' AND ordinal = %d",
			job->id, item);
}

static void expect_reason(const struct job *job, int item, const char *part)
{
	const char *reason = reason_of(job, item);
	EXPECT(strstr(reason, part) != NULL, "the reason of item %d lacks \"%s\": %s", item, part,
	       reason);
	EXPECT(strstr(reason, "segfault 1.0") != NULL && strstr(reason, " MB") != NULL,
	       "the reason of item %d: %s", item, reason);
}

static void expect_charged(int items)
{
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE error_class = 'poison'"), items);
}

/* ---- evidence ---- */

/* How often a worker of this consumer has ended. */
static int ends_of(const struct process *p)
{
	int n = 0;
	for (const char *at = log_of(p); (at = strstr(at, "worker_ended")); at++)
		n++;
	return n;
}

static const struct {
	int how;
	const char *part;
} ways[] = {
	{SEGV, "SIGSEGV in process()"},
	{ABORT, "SIGABRT in process()"},
	{OVERFLOW, "SIGSEGV in process()"},
	{EXIT, "exit status "},
	{EXIT_AT_ONCE, "exit status 7 in process()"},
	{LOOP, "was ended, for longer than --work-timeout in process()"},
	{IN_STORE, "SIGSEGV in store()"},
};

#define ALONE_AT_ONCE 6 /* of these; then it takes one end more to know which of many it was */

/* One consumer, which nobody starts again: three workers end, and all the others are stored, those
 * of another job, too. */
static void one_way(int way)
{
	char name[32];
	snprintf(name, sizeof name, "way-%d", ways[way].how);
	struct job *job = job_new(name, "segfault", 40), *other = job_new("other", "sum", 20);
	item_fails(&job->items[17], "poison", ",\"crash\":%d", ways[way].how);
	start(NULL, "weir-relay", NULL);
	job_submit(job);
	struct process *p = start(NULL, "weir-consumer", "segfault", "sum", "--work-timeout",
				  "300ms", "--flush", "10", NULL);
	await_ended(job);
	await_ended(job_submit(other));
	EXPECT(is_alive(p), "the consumer ended with %d", p->status);
	EXPECT_INT(ends_of(p), way < ALONE_AT_ONCE ? 3 : 4);
	finish(other);
	check_exact(job);
	expect_charged(1);
	expect_reason(job, 17, ways[way].part);
	expect_reason(job, 17, "3 workers");
}

static void by_segv(void) { one_way(0); }
static void by_abort(void) { one_way(1); }
static void by_overflow(void) { one_way(2); }
static void by_exit(void) { one_way(3); }
static void by_exit_at_once(void) { one_way(4); }
static void by_a_loop(void) { one_way(5); }
static void in_store(void) { one_way(6); }

static void two_of_them(void)
{
	struct job *job = job_new("two", "segfault", 60);
	item_fails(&job->items[0], "poison", ",\"crash\":%d", SEGV);
	item_fails(&job->items[59], "poison", ",\"crash\":%d", SEGV);
	start(NULL, "weir-relay", NULL);
	struct process *p = start(NULL, "weir-consumer", "segfault", NULL);
	await_ended(job_submit(job));
	queue_await_size("weir.segfault", 0);
	EXPECT_INT(ends_of(p), 6);
	finish(job);
	expect_charged(2);
}

/* What happened is seen before the item is given up. */
static void told_while_it_waits(void)
{
	struct job *job = job_new("told", "segfault", 10);
	item_fails(&job->items[3], "poison", ",\"crash\":%d", SEGV);
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "segfault", "--poison-limit", "15", NULL);
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.retries WHERE error_class = 'crashed'"
			   " AND error LIKE 'SIGSEGV in process() of plugin segfault%%'");
	await(PATIENCE_MS, "SELECT count(*) = 9 FROM weir.results");
}

/* ---- no evidence ---- */

/* Somebody else ends the worker, again and again, while it is in an item's code. */
static void killed_workers(void)
{
	struct job *job = job_submit(job_new("kills", "sum", 250));
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	struct process *p = start("working:30:worker", "weir-consumer", "sum", "--flush", "5",
				  "--prefetch", "10", NULL);
	await_ended(job);
	EXPECT(is_alive(p), "the consumer ended with %d", p->status);
	EXPECT(ends_of(p) > 3, "%d workers were killed", ends_of(p));
	finish(job);
	expect_charged(0);
}

/* The whole consumer: more often than the limit, and always at the same item. */
static void killed_consumers(void)
{
	struct job *job = job_submit(job_new("storm", "sum", 30));
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	for (int i = 0; i < 10; i++) {
		struct process *p = start("working", "weir-consumer", "sum", NULL);
		EXPECT_INT(await_exit(p, PATIENCE_MS), -SIGKILL);
		queue_await_size("weir.sum", 30);
	}
	EXPECT_INT(sql("SELECT count(*) FROM weir.trials WHERE crashes > 0"), 0);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
	expect_charged(0);
}

/* Each time all there is ends with it: of that nothing is left but that its trial was begun. */
static void all_there_is(void)
{
	struct job *job = job_new("all", "segfault", 20);
	item_fails(&job->items[7], "poison", ",\"crash\":%d", KILL_ALL);
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	sql_text("INSERT INTO weir.trials (job_id, stage, ordinal, begun, alone)"
		 " VALUES ('all', 1, 7, 10, true)");
	for (int i = 0; i < 3; i++) {
		struct process *p = start(NULL, "weir-consumer", "segfault", NULL);
		EXPECT_INT(await_exit(p, PATIENCE_MS), -SIGKILL);
	}
	start(NULL, "weir-consumer", "segfault", NULL);
	finish(job);
}

/* The broker gives messages up after so many deliveries: that is no evidence either. */
static void given_up_by_the_broker(void)
{
	struct job *job = job_submit(job_new("given-up", "sum", 20));
	for (int i = 0; i < 4; i++) {
		struct process *relay = start(NULL, "weir-relay", NULL);
		queue_await_size("weir.sum", 20);
		stop(relay);
		EXPECT_INT(bury("weir.sum", "delivery_limit"), 20);
	}
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
	expect_charged(0);
}

void add_blame_suite(void);

void add_blame_suite(void)
{
	CU_pSuite s = WORLD_SUITE("an item ends its worker");
	CU_add_test(s, "by SIGSEGV", by_segv);
	CU_add_test(s, "by abort()", by_abort);
	CU_add_test(s, "by its stack", by_overflow);
	CU_add_test(s, "by exit()", by_exit);
	CU_add_test(s, "by _exit()", by_exit_at_once);
	CU_add_test(s, "by a loop without end", by_a_loop);
	CU_add_test(s, "when it is stored with others", in_store);
	CU_add_test(s, "and so does another one", two_of_them);
	CU_add_test(s, "and that is seen", told_while_it_waits);
	CU_add_test(s, "and all there is with it", all_there_is);
	s = WORLD_SUITE("ends that charge nobody");
	CU_add_test(s, "the worker is killed in an item's code", killed_workers);
	CU_add_test(s, "consumers are killed at the same item", killed_consumers);
	CU_add_test(s, "the broker gives the messages up", given_up_by_the_broker);
}
