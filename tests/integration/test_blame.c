/* Workers that end: who is to blame, and that nobody else is. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../plugins/segfault.h"
#include "world.h"

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

static int times_logged(const struct process *p, const char *event)
{
	int n = 0;
	for (const char *at = log_of(p); (at = strstr(at, event)); at++)
		n++;
	return n;
}

/* How often a worker of this consumer has ended. */
static int ends_of(const struct process *p) { return times_logged(p, "worker_ended"); }

/* Until so many workers of it were ready. */
static void await_workers(const struct process *p, int wanted)
{
	int64_t until = now_ms() + PATIENCE_MS;
	while (times_logged(p, "consumer_ready") < wanted && now_ms() < until)
		pause_ms(STEP_MS);
	EXPECT_INT(times_logged(p, "consumer_ready"), wanted);
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

/* What is told of a crash may end its item, and the job, before the message is taken again: it is
 * gone when one behind it has been worked on. */
static void finish_told(const struct job *job)
{
	await_ended(job);
	finish(job_submit(job_new("behind", "segfault", 1)));
	check_exact(job);
}

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
	finish_told(job);
	check_exact(other);
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
	EXPECT_INT(ends_of(p), 6);
	finish_told(job);
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

/* Somebody holds the rows that tell of it: that item waits, and nobody else. */
static void held_by_others(void)
{
	struct job *job = job_new("held", "segfault", 40), *other = job_new("other", "sum", 20);
	item_fails(&job->items[17], "poison", ",\"crash\":%d", SEGV);
	start(NULL, "weir-relay", NULL);
	job_submit(job);
	await_queued(job);
	sql_text("INSERT INTO weir.trials (job_id, stage, ordinal) VALUES ('held', 1, 17)");
	sql_text("BEGIN");
	sql_text("SELECT FROM weir.trials FOR UPDATE");
	struct process *p = start(NULL, "weir-consumer", "segfault", "sum", "--flush", "10", NULL);
	await_log(p, "crash_not_told");
	await_ended(job_submit(other));
	await_final(job, 39);
	EXPECT_INT(ends_of(p), 1);
	sql_text("ROLLBACK");
	await_ended(job);
	EXPECT_INT(ends_of(p), 3);
	finish_told(job);
	check_exact(other);
	expect_charged(1);
}

/* The same of a store() of many: they leave their places to others. */
static void held_with_others(void)
{
	struct job *job = job_new("held", "segfault", 30),
		   *other = job_new("other", "segfault", 10);
	item_fails(&job->items[0], "poison", ",\"crash\":%d", IN_STORE);
	item_fails(&job->items[25], "poison", ",\"crash\":%d", IN_STORE);
	start(NULL, "weir-relay", NULL);
	job_submit(job);
	await_queued(job);
	sql_text("INSERT INTO weir.trials (job_id, stage, ordinal)"
		 " VALUES ('held', 1, 0), ('held', 1, 25)");
	sql_text("BEGIN");
	sql_text("SELECT FROM weir.trials FOR UPDATE");
	struct process *p =
		start(NULL, "weir-consumer", "segfault", "--flush", "10", "--prefetch", "10", NULL);
	await_workers(p, 3);
	job_submit(other);
	await_final(other, 10);
	sql_text("ROLLBACK");
	await_ended(other);
	finish_told(job);
	check_exact(other);
	expect_charged(2);
}

/* ---- want of memory ---- */

/* Sources: Linux, Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst. */
static const struct group_version {
	const char *parent, *limit;
} group_versions[] = {{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
		      {"/sys/fs/cgroup", "memory.max"}};

static char group[64]; /* that was made */

static bool write_to(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	bool written = f && fputs(text, f) >= 0;
	return f && fclose(f) == 0 && written;
}

static bool write_to_group(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", group, name);
	return access(path, F_OK) == 0 && write_to(path, text); /* the kernel makes the file */
}

/* With version 2 groups have what the one above gives them, and swap is no way out. */
static bool group_made_in(const struct group_version *v, const char *bytes)
{
	snprintf(group, sizeof group, "%s", v->parent);
	(void)write_to_group("cgroup.subtree_control", "+memory");
	snprintf(group, sizeof group, "%s/weir-tests", v->parent);
	if (mkdir(group, 0755) == 0 && write_to_group(v->limit, bytes)) {
		(void)write_to_group("memory.swap.max", "0");
		return true;
	}
	rmdir(group);
	return false;
}

/* A control group whose processes may have so much; false: none can be made here. */
static bool group_made(const char *bytes)
{
	for (size_t i = 0; i < sizeof group_versions / sizeof *group_versions; i++)
		if (group_made_in(&group_versions[i], bytes))
			return true;
	printf("    (left out: no control group for memory can be made here)\n");
	return false;
}

/* The kernel ends it for what it really is. */
static void by_the_kernel(void)
{
	char pid[32];
	struct job *job = job_new("eats", "segfault", 40);
	item_fails(&job->items[17], "poison", ",\"crash\":%d", EAT);
	if (!group_made("250M"))
		return;
	start(NULL, "weir-relay", NULL);
	struct process *p = start(NULL, "weir-consumer", "segfault", "--flush", "10", NULL);
	await_log(p, "consumer_ready");
	for (int i = 0; i < 2; i++) {
		snprintf(pid, sizeof pid, "%d", (int)(i == 0 ? worker_of(p) : p->pid));
		EXPECT(write_to_group("cgroup.procs", pid), "%s cannot be put there", pid);
	}
	await_ended(job_submit(job));
	EXPECT_INT(ends_of(p), 3);
	finish_told(job);
	EXPECT_INT(rmdir(group), 0);
	expect_charged(1);
	expect_reason(job, 17, "SIGKILL by the kernel, for want of memory, in process()");
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
static void all_by(int how)
{
	struct job *job = job_new("all", "segfault", 20);
	item_fails(&job->items[7], "poison", ",\"crash\":%d", how);
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

static void all_there_is(void) { all_by(KILL_ALL); }
static void all_by_a_timer(void) { all_by(IN_TIMER); }

/* What came of it waits for the ledger, and is in nobody's code. */
static void killed_before_it_is_stored(void)
{
	struct job *job = job_submit(job_new("waits", "sum", 1));
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	sql_text("INSERT INTO weir.trials (job_id, stage, ordinal, begun, alone)"
		 " VALUES ('waits', 1, 0, 10, true)");
	for (int i = 0; i < 4; i++) {
		struct process *p = start("processed", "weir-consumer", "sum", NULL);
		EXPECT_INT(await_exit(p, PATIENCE_MS), -SIGKILL);
		queue_await_size("weir.sum", 1);
	}
	EXPECT_INT(sql("SELECT begun FROM weir.trials"), 10);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
	expect_charged(0);
}

/* Workers and parents, at any moment, with the preset limit: as many as WEIR_KILLS says. */
static void killed_at_random(void)
{
	const char *wanted = getenv("WEIR_KILLS");
	int most = wanted ? atoi(wanted) : 40, workers[2] = {0, 0};
	struct job *job = job_new("random", "slow", 4000 + 50 * most);
	struct process *p[2] = {NULL, NULL};
	job_delay(job, 20);
	for (int i = job->size - 100; i < job->size; i++) /* however quick it is */
		item_fails(&job->items[i], NULL, ",\"hold\":1");
	items_hold();
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	srand(1);
	for (int kills = 0; kills < most; kills++) {
		int i = rand() % 2;
		if (!p[i]) {
			p[i] = start(NULL, "weir-consumer", "slow", "--flush", "20", "--prefetch",
				     "20", NULL);
			workers[i] = 0;
		}
		await_workers(p[i], ++workers[i]);
		pause_ms(rand() % 60);
		if (rand() % 2) {
			kill(worker_of(p[i]), SIGKILL);
			continue;
		}
		forget(p[i]);
		p[i] = NULL;
	}
	EXPECT_INT(sql("SELECT count(*) FROM weir.trials WHERE crashes > 0"), 0);
	items_let_go();
	start(NULL, "weir-consumer", "slow", NULL);
	finish(job);
	expect_charged(0);
}

/* ---- as the first process of a container ---- */

static int children_of(pid_t pid)
{
	char path[64];
	long child;
	int n = 0;
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *f = fopen(path, "r");
	while (f && fscanf(f, "%ld", &child) == 1)
		n++;
	if (f)
		fclose(f);
	return n;
}

static void await_children(pid_t pid, int wanted)
{
	int64_t until = now_ms() + PATIENCE_MS;
	while (children_of(pid) != wanted && now_ms() < until)
		pause_ms(STEP_MS);
	EXPECT_INT(children_of(pid), wanted);
}

/* It starts its worker anew, is the parent of those who have lost theirs, and ends when it is told
 * to. */
static void first_of_a_container(void)
{
	char pid[32];
	struct job *job = job_submit(job_new("first", "sum", 100));
	if (run(NULL, "/usr/bin/unshare", "-pf", "--mount-proc", "true", NULL)->status != 0) {
		printf("    (left out: no namespace of processes can be made here)\n");
		return;
	}
	start(NULL, "weir-relay", NULL);
	struct process *p = start(NULL, "/usr/bin/unshare", "-pf", "--mount-proc",
				  WEIR_BUILD_DIR "/bin/weir-consumer", "sum", NULL);
	await_log(p, "consumer_ready");
	EXPECT_PART(log_of(p), "pid=1 worker=2");
	pid_t first = worker_of(p);
	snprintf(pid, sizeof pid, "%d", (int)first);
	run(NULL, "/usr/bin/nsenter", "-t", pid, "-p", "--", "/bin/sh", "-c", "sleep 0.3 &", NULL);
	await_children(first, 2);
	await_children(first, 1);
	kill(worker_of(&(struct process){.pid = first}), SIGKILL);
	await_workers(p, 2);
	await_ended(job);
	EXPECT_INT(kill(first, SIGTERM), 0);
	EXPECT_INT(await_exit(p, PATIENCE_MS), 0);
	EXPECT_PART(log_of(p), "consumer_stopped");
	finish(job);
	expect_charged(0);
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
	CU_add_test(s, "and all there is, from a timer", all_by_a_timer);
	CU_add_test(s, "while somebody holds its rows", held_by_others);
	CU_add_test(s, "in a store of many, while somebody holds their rows", held_with_others);
	CU_add_test(s, "by its memory, as the kernel has it", by_the_kernel);
	s = WORLD_SUITE("ends that charge nobody");
	CU_add_test(s, "the worker is killed in an item's code", killed_workers);
	CU_add_test(s, "consumers are killed at the same item", killed_consumers);
	CU_add_test(s, "consumers are killed before it is stored", killed_before_it_is_stored);
	CU_add_test(s, "workers and consumers are killed at random", killed_at_random);
	CU_add_test(s, "the broker gives the messages up", given_up_by_the_broker);
	CU_add_test(s, "as the first process of a container", first_of_a_container);
}
