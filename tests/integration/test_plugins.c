/* Plugins that are bad on purpose. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lines.h"

#define UNLOADABLE WEIR_BUILD_DIR "/tests/plugins/unloadable"

/* Neither a consumer nor a submit may start with it, and both say why. */
static void refused(const char *dir, const char *kind, const char *why)
{
	const struct outcome *o = run(NULL, "weir-consumer", kind, "--plugin-dir", dir, NULL);
	EXPECT(o->status == 2, "the consumer ended with %d", o->status);
	EXPECT_PART(o->err, why);
	o = run(NULL, "weir", "submit", kind, "/dev/null", "--job", "refused", "--plugin-dir", dir,
		NULL);
	EXPECT(o->status == 2, "submit ended with %d", o->status);
	EXPECT_PART(o->err, why);
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs"), 0);
}

static void wrong_version(void)
{
	refused(UNLOADABLE, "wrong_abi", "version 999 of the plugin interface");
}

static void no_entry(void) { refused(UNLOADABLE, "no_entry", "exports no weir_plugin()"); }

static void unknown_kind(void)
{
	refused(WEIR_BUILD_DIR "/tests/plugins", "nosuch", "there is no kind \"nosuch\"");
	refused(WEIR_BUILD_DIR "/tests/plugins", "nosuch", "segfault, slow, sum, twice");
	refused(WEIR_BUILD_DIR "/tests/plugins", "../sum", "\"../sum\"");
}

/* A copy of the plugin `sum` under another name. */
static void copy_sum(const char *path, mode_t mode)
{
	const struct outcome *o =
		run(NULL, "/bin/cp", "-f", WEIR_BUILD_DIR "/tests/plugins/sum.so", path, NULL);
	EXPECT(o->status == 0 && chmod(path, mode) == 0, "no copy: %s", o->err);
}

static void wrong_name(void)
{
	copy_sum(UNLOADABLE "/other.so", 0644);
	refused(UNLOADABLE, "other", "says that its kind is \"sum\"");
	unlink(UNLOADABLE "/other.so");
}

static void writable_by_others(void)
{
	copy_sum(UNLOADABLE "/sum.so", 0666);
	refused(UNLOADABLE, "sum", "others may write to it");
	unlink(UNLOADABLE "/sum.so");
}

static void never_ends_an_item(void)
{
	struct job *job = job_new("never", "never", 40);
	for (int i = 0; i < job->size; i += 13) {
		item_fails(&job->items[i], "timeout", ",\"never\":1");
		job->items[i].attempts = 2;
	}
	start(NULL, "weir-relay", NULL);
	job_submit(job);
	sql("WITH j AS (UPDATE weir.jobs SET max_attempts = 2 RETURNING 1) SELECT count(*) FROM j");
	start(NULL, "weir-consumer", "never", "--work-timeout", "300ms", NULL);
	finish(job);
}

static void ends_items_twice(void)
{
	struct job *job = job_new("twice", "twice", 120);
	start(NULL, "weir-relay", NULL);
	struct process *consumer = start(NULL, "weir-consumer", "twice", NULL);
	finish(job_submit(job));
	EXPECT_PART(log_of(consumer), "complete_ignored");
}

/* ---- what plugins store ---- */

#define LARGEST_KB 1024 /* of a result */

static void too_large_a_result(void)
{
	struct job *job = job_new("large", "sum", 40);
	for (int i = 0; i < 3; i++)
		item_fails(&job->items[i], NULL, ",\"result_kb\":%d", LARGEST_KB);
	item_fails(&job->items[20], "bad_verdict", ",\"result_kb\":%d", LARGEST_KB + 1);
	job->items[20].attempts = 1;
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job_submit(job));
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE length(result::text) = %d",
		       LARGEST_KB * 1024),
		   3);
}

/* A statement must answer for each item. As many answers as items are not enough. */
static void left_out_by_a_statement(void)
{
	struct job *job = job_new("account", "slow", 40);
	for (int i = 0; i < job->size; i++)
		item_fails(&job->items[i], NULL, ",\"delay_ms\":100,\"account\":\"once\"");
	for (int i = 4; i < job->size; i += 12) {
		item_fails(&job->items[i], "left_out",
			   ",\"delay_ms\":100,\"account\":\"left_out\"");
		item_fails(&job->items[i + 3], NULL, ",\"delay_ms\":100,\"account\":\"twice\"");
	}
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "slow", "--linger", "10s", NULL);
	finish(job_submit(job));
	EXPECT_INT(sql("SELECT max(attempts) FROM weir.results"), 1);
}

/* A flush has room for 64 statements, the host's own among them. With so many items whose plugin
 * uses one for each, that room is used up, more than used up, or up to the host's last. */
static void statements_are_used_up(void)
{
	static const char *const names[] = {"used_56", "used_57", "used_58", "used_59",
					    "used_60", "used_61", "used_62"};
	struct job *jobs[sizeof names / sizeof *names];
	size_t count = sizeof names / sizeof *names;
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "slow", "--flush", "500", "--linger", "10s", NULL);
	for (size_t i = 0; i < count; i++) {
		jobs[i] = job_new(names[i], "slow", 57 + (int)i); /* one is tried twice */
		for (int k = 0; k < jobs[i]->size; k++)
			item_fails(&jobs[i]->items[k], NULL,
				   ",\"delay_ms\":100,\"account\":\"apart\"");
		item_fails(&jobs[i]->items[3], NULL, ",\"fail\":\"retry_once\"");
		jobs[i]->batch_size = 100;
		await_final(job_submit(jobs[i]), jobs[i]->size);
	}
	for (size_t i = 0; i < count; i++)
		await_ended(jobs[i]);
	stop_all();
	for (size_t i = 0; i < count; i++)
		check_exact(jobs[i]);
}

/* ---- results that the database makes ---- */

/* That the item's one storing has made. */
#define MADE_ONCE                                                                                  \
	"SELECT count(*) FROM weir.items i JOIN weir.results r USING (job_id, stage, ordinal)"     \
	" JOIN effect_log l USING (job_id, custom_id)"                                             \
	" WHERE r.status = 1 AND r.result ->> 'made' = i.payload ->> 'key'"                        \
	" AND r.result ->> 'tx' = l.tx::text"

static void results_are_made(void)
{
	struct job *job = job_new("made", "slow", 120);
	for (int i = 0; i < job->size; i++)
		item_fails(&job->items[i], NULL, ",\"delay_ms\":50,\"made\":\"once\"");
	item_fails(&job->items[30], "not_made", ",\"delay_ms\":50,\"made\":\"left_out\"");
	item_fails(&job->items[31], NULL, ",\"delay_ms\":50,\"made\":\"twice\"");
	item_fails(&job->items[32], NULL, ",\"delay_ms\":50");
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job_submit(job));
	stop(relay);
	EXPECT_INT(republish("weir.slow", "slow", 3), job->size);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "slow", "--linger", "10s", NULL);
	finish(job);
	EXPECT_INT(sql(MADE_ONCE), job->size - 2);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE result::text = '{\"added\":true}'"),
		   1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.results WHERE result IS NULL"), 1);
	EXPECT_INT(sql("SELECT max(attempts) FROM weir.results"), 1);
}

static void no_result_is_made(void)
{
	struct job *job = job_new("none", "sum", 3);
	for (int i = 0; i < job->size; i++)
		item_fails(&job->items[i], "not_made", ",\"made\":\"left_out\"");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job_submit(job));
}

/* Killed between the commit and the ack: what comes again finds its result. */
static void made_results_outlive_a_crash(void)
{
	struct job *job = job_new("made", "sum", 40);
	for (int i = 0; i < job->size; i++)
		item_fails(&job->items[i], NULL, ",\"made\":\"once\"");
	start(NULL, "weir-relay", NULL);
	struct process *first = start("committed", "weir-consumer", "sum", NULL);
	job_submit(job);
	await_exit(first, PATIENCE_MS);
	EXPECT(sql(MADE_ONCE) > 0, "nothing was stored before the crash");
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
	EXPECT_INT(sql(MADE_ONCE), job->size);
}

/* Maps within an array are read at submit and again by the consumer. */
static void items_of_parts(void)
{
	struct job *job = job_new("parts", "sum", 40);
	for (int i = 0; i < job->size; i++)
		item_fails(&job->items[i], NULL, ",\"parts\":[{\"amount\":%lld},{\"amount\":-1}]",
			   (long long)job->items[i].amount + 1);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job_submit(job));
	item_fails(&job->items[7], NULL, ",\"parts\":[7]");
	job_write(job);
	const struct outcome *o = run(NULL, "weir", "submit", "sum", job->file, "--job", "refused",
				      "--context", "label=l", NULL);
	EXPECT(o->status != 0, "a part that is no map was accepted");
	EXPECT_PART(o->err, "the parts are not what makes up the amount");
}

static void rejected_with_a_result(void)
{
	struct job *job = job_new("kept", "sum", 40);
	item_fails(&job->items[3], "asked_to_fail", ",\"fail\":\"reject_kept\"");
	item_fails(&job->items[4], "asked_to_fail", ",\"fail\":\"reject\"");
	item_fails(&job->items[5], "store", ",\"fail\":\"reject_garbled\"");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job_submit(job));
	EXPECT_INT(run(NULL, "weir", "results", "kept", "--failed", NULL)->status, 3);
	json_t *lines = lines_of_run();
	EXPECT_INT((int64_t)json_array_size(lines), 3);
	EXPECT_VALUE(line_of(lines, job->items[3].id), "results.sum.added", "true");
	EXPECT_VALUE(line_of(lines, job->items[3].id), "error_class", "asked_to_fail");
	EXPECT_VALUE(line_of(lines, job->items[4].id), "results", "{}");
	EXPECT_VALUE(line_of(lines, job->items[5].id), "results", "{}");
	json_decref(lines);
	EXPECT_INT(sql("SELECT count(*) FROM batch_items WHERE status = 'failed'"
		       " AND result ->> 'added' = 'true'"),
		   1);
	const struct outcome *o =
		run(NULL, "weir", "report", "kept", "--format", "json", "--items", NULL);
	json_t *report = json_loads(o->out, 0, NULL);
	EXPECT_INT(o->status, 0);
	EXPECT_VALUE(line_of(json_object_get(report, "items"), job->items[3].id), "result.added",
		     "true");
	json_decref(report);
}

/* ---- two kinds in one flush ---- */

/* Their jobs interleave in the order of keys. The items of `slow` keep the others waiting, so that
 * all are stored together. */
static void one_call_for_each_kind(void)
{
	static const char *const kinds[] = {"sum", "slow", "sum", "slow"};
	static const char *const names[] = {"a", "b", "c", "d"};
	struct job *jobs[4];
	struct process *relay = start(NULL, "weir-relay", NULL);
	for (int i = 0; i < 4; i++) {
		jobs[i] = job_new(names[i], kinds[i], 30);
		if (i % 2 == 1)
			job_delay(jobs[i], 500);
		await_queued(job_submit(jobs[i]));
	}
	stop(relay);
	start(NULL, "weir-consumer", "sum", "slow", "--flush", "500", "--linger", "10s", NULL);
	start(NULL, "weir-relay", NULL);
	for (int i = 0; i < 4; i++)
		await_ended(jobs[i]);
	stop_all();
	for (int i = 0; i < 4; i++)
		check_exact(jobs[i]);
	EXPECT(sql("SELECT max(jobs) FROM (SELECT count(DISTINCT job_id) AS jobs FROM effect_log"
		   " GROUP BY tx) t") == 4,
	       "no flush had all jobs in it");
	EXPECT_INT(sql("SELECT max(calls) FROM (SELECT count(DISTINCT call) AS calls"
		       " FROM effect_log JOIN weir.jobs USING (job_id) GROUP BY tx, kind) t"),
		   1);
	EXPECT_INT(sql("SELECT count(*) FROM effect_log x JOIN effect_log y USING (tx)"
		       " WHERE x.job_id IN ('a', 'c') AND y.job_id IN ('b', 'd')"
		       " AND x.seen_at < y.seen_at"),
		   0);
}

void add_plugins_suite(void);

void add_plugins_suite(void)
{
	CU_pSuite s = WORLD_SUITE("bad plugins");
	CU_add_test(s, "another version of the interface", wrong_version);
	CU_add_test(s, "a library that is no plugin", no_entry);
	CU_add_test(s, "a kind that there is not", unknown_kind);
	CU_add_test(s, "a file with another kind's name", wrong_name);
	CU_add_test(s, "a file that others may write", writable_by_others);
	CU_add_test(s, "some items are never ended", never_ends_an_item);
	CU_add_test(s, "all items are ended too often", ends_items_twice);
	CU_add_test(s, "a result that is too large", too_large_a_result);
	CU_add_test(s, "a statement leaves items out", left_out_by_a_statement);
	CU_add_test(s, "all statements of a flush are used up", statements_are_used_up);
	CU_add_test(s, "results that the database makes", results_are_made);
	CU_add_test(s, "none of them is made", no_result_is_made);
	CU_add_test(s, "such results outlive a crash", made_results_outlive_a_crash);
	CU_add_test(s, "items of parts", items_of_parts);
	CU_add_test(s, "rejected with a result", rejected_with_a_result);
	CU_add_test(s, "two kinds in one flush", one_call_for_each_kind);
}
