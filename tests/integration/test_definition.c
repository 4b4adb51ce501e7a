/* What stands of a job before its items: policy, limit, stages, from options and job files. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

#define JOB_FILE LOGS "/job.json"
#define PIPE LOGS "/input.pipe"

/* Submits job->file with one more option, or two. */
static const struct outcome *submit(const struct job *job, const char *a, const char *b,
				    const char *c, const char *d)
{
	return run(NULL, "weir", "submit", job->kind, job->file, "--job", job->id, "--context",
		   "label=x", "--batch-size", "20", a, b, c, d, NULL);
}

static struct job *written(const char *id, int n)
{
	struct job *job = job_new(id, "sum", n);
	job->label = "x";
	job_write(job);
	return job;
}

static void expect_text(const char *seen, const char *wanted)
{
	EXPECT(strcmp(seen, wanted) == 0, "%s, not %s", seen, wanted);
}

static void expect_nothing(void)
{
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_stages"), 0);
}

static const char policy[] =
	"SELECT concat_ws(' ', max_attempts, backoff_ms, backoff_factor, backoff_cap_ms,"
	" coalesce(max_concurrent::text, '-'), config->>'mode') FROM weir.jobs";

static const char stages[] =
	"SELECT string_agg(concat_ws(' ', stage, kind, coalesce(step, '-'), context), '; '"
	" ORDER BY stage) FROM weir.job_stages";

/* ---- policy and limit ---- */

/* The world has some of its own, which are put aside (empty) and back again. */
static void set_presets(const char *backoff, const char *cap)
{
	setenv("WEIR_BACKOFF", backoff, 1);
	setenv("WEIR_BACKOFF_CAP", cap, 1);
}

static void policy_when_nothing_is_said(void)
{
	struct job *job = written("plain", 20);
	set_presets("", "");
	const struct outcome *o = submit(job, NULL, NULL, NULL, NULL);
	set_presets("20ms", "40ms");
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	expect_text(sql_text(policy), "3 1000 2 600000 - queue");
	expect_text(sql_text(stages), "1 sum - {\"label\":\"x\"}");
}

static void policy_from_options(void)
{
	struct job *job = written("policy", 20);
	const struct outcome *o =
		run(NULL, "weir", "submit", "sum", job->file, "--job", "policy", "--context",
		    "label=x", "--max-attempts", "7", "--backoff", "5s", "--backoff-factor", "1.5",
		    "--backoff-cap", "1m", "--max-concurrent", "12", NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	expect_text(sql_text(policy), "7 5000 1.5 60000 12 parallel");
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE due_at = 'infinity'"), 1);
}

static void modes(void)
{
	struct job *job = written("mode", 20);
	EXPECT_INT(submit(job, "--mode", "sequential", NULL, NULL)->status, 0);
	expect_text(sql_text(policy), "3 20 2 40 1 sequential");
}

static void contradictions(void)
{
	static const struct {
		const char *a, *b, *c, *d, *text;
	} tries[] = {
		{"--mode", "parallel", NULL, NULL, "--mode: parallel needs the maximum"},
		{"--mode", "queue", "--max-concurrent", "2", "queue has no limit"},
		{"--mode", "sequential", "--max-concurrent", "2", "sequential is one item"},
		{"--mode", "fast", NULL, NULL, "\"fast\" is not one of"},
		{"--backoff", "5s", "--backoff-cap", "4s", "is below the backoff"},
		{"--backoff-factor", "0.9", NULL, NULL, "--backoff-factor 0.9: a number from 1"},
		{"--max-attempts", "0", NULL, NULL, "from 1 to 1000"},
		{"--max-concurrent", "-1", NULL, NULL, "from 1 to"},
	};
	struct job *job = written("never", 5);
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
		const struct outcome *o =
			submit(job, tries[i].a, tries[i].b, tries[i].c, tries[i].d);
		EXPECT(o->status == 2, "%s %s: %d", tries[i].a, tries[i].b, o->status);
		EXPECT_PART(o->err, tries[i].text);
	}
	expect_nothing();
}

/* ---- stages ---- */

static void two_stages(void)
{
	struct job *job = written("stages", 20);
	const struct outcome *o = submit(job, "--stage", "sum.first", "--stage", "slow");
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	expect_text(sql_text(stages), "1 sum first {\"label\":\"x\",\"step\":\"first\"}; "
				      "2 slow - {\"label\":\"x\"}");
	expect_text(sql_text("SELECT kind || context FROM weir.jobs"), "sum{\"label\":\"x\"}");
}

static void stages_that_cannot_be(void)
{
	static const struct {
		const char *first, *second, *text;
	} tries[] = {
		{"sum", "missing.step", "stage 2: there is no kind \"missing\""},
		{"missing", "sum", "the kind is sum, and the first stage is missing"},
		{"slow", "sum", "the kind is sum, and the first stage is slow"},
		{"sum", "sum", "stages 1 and 2 are both called sum"},
		{"sum.a", "slow.a", "stages 1 and 2 are both called a"},
		{"sum", "slow.", "\"slow.\" is no stage"},
	};
	struct job *job = written("never", 5);
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
		const struct outcome *o =
			submit(job, "--stage", tries[i].first, "--stage", tries[i].second);
		EXPECT(o->status == 2, "%s %s: %d", tries[i].first, tries[i].second, o->status);
		EXPECT_PART(o->err, tries[i].text);
	}
	EXPECT_PART(submit(job, "--stage", "sum", "--stage", "missing")->err,
		    "there are: ask, lines, never, pass, segfault, slow, sum, twice");
	expect_nothing();
}

static void an_item_with_another_step(void)
{
	struct job *job = job_new("step", "sum", 5);
	snprintf(job->items[3].more, sizeof job->items[3].more,
		 ",\"context\":{\"step\":\"other\"}");
	job_write(job);
	const struct outcome *o = submit(job, "--stage", "sum.first", NULL, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "line 4: the item's context must not change the step");
	EXPECT_PART(submit(job, "--context", "step=x", "--stage", "sum.first")->err,
		    "the context has a \"step\"");
}

/* Another stage's step, and a step where the stage has none, would be changes too. */
static void no_stage_has_another_step(void)
{
	static const char *const contexts[] = {"second", "other", "first"};
	for (size_t i = 0; i < 3; i++) {
		struct job *job = job_new("step", "sum", 5);
		snprintf(job->items[3].more, sizeof job->items[3].more,
			 ",\"context\":{\"step\":\"%s\"}", contexts[i]);
		job_write(job);
		const struct outcome *o = submit(job, "--stage", "sum", "--stage", "slow.second");
		EXPECT(o->status == 1, "%s: %d", contexts[i], o->status);
		EXPECT_PART(o->err, "line 4: the item's context must not change the step");
		EXPECT_INT(submit(job, "--stage", "sum.first", "--stage", "slow")->status, 1);
	}
	struct job *job = job_new("free", "sum", 5);
	snprintf(job->items[3].more, sizeof job->items[3].more, ",\"context\":{\"step\":\"own\"}");
	job_write(job);
	EXPECT_INT(submit(job, "--stage", "sum", "--stage", "slow")->status, 0);
}

static void rewrite(const struct job *job, int deep, int large)
{
	FILE *f = fopen(job->file, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fprintf(f, "{\"custom_id\":\"a\",\"key\":\"k\",\"amount\":1,\"more\":");
	for (int i = 0; i < deep; i++)
		fputc('[', f);
	fprintf(f, "\"%0*d\"", large, 0);
	for (int i = 0; i < deep; i++)
		fputc(']', f);
	fputs("}\n", f);
	EXPECT(fclose(f) == 0, "%s was not written", job->file);
}

/* How large it may be, as the refusal of something larger tells. */
static int largest(const struct job *job)
{
	int large = 1024 * 1024 - 100, size = 0, most = 0;
	rewrite(job, 1, large);
	const struct outcome *o = submit(job, NULL, NULL, NULL, NULL);
	const char *told = strstr(o->err, "the item is ");
	EXPECT(told && sscanf(told, "the item is %d bytes as a message, at most %d", &size,
			      &most) == 2,
	       "%s", o->err);
	return large - (size - most);
}

/* What one stage takes may be too much for the next, which gets it within another payload. */
static void items_for_one_stage_alone(void)
{
	struct job *job = written("wrapped", 1);
	const struct {
		int deep, large;
		const char *text;
	} tries[] = {{6, 1, "line 1: too deep for a second stage"},
		     {1, largest(job), "line 1: too large for a second stage"}};
	for (size_t i = 0; i < 2; i++) {
		rewrite(job, tries[i].deep, tries[i].large);
		const struct outcome *o = submit(job, "--stage", "sum", "--stage", "slow");
		EXPECT_INT(o->status, 1);
		EXPECT_PART(o->err, tries[i].text);
		o = submit(job, "--job", i ? "large_x" : "deep_xx", NULL, NULL);
		EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	}
	rewrite(job, 5, 1);
	EXPECT_INT(submit(job, "--stage", "sum", "--stage", "slow")->status, 0);
}

/* ---- job files ---- */

static void write_job_file(const char *text)
{
	FILE *f = fopen(JOB_FILE, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	EXPECT(fclose(f) == 0, "%s was not written", JOB_FILE);
}

static const char whole_file[] =
	"{\"job\": \"filed\", \"stages\": [\"sum.first\", {\"kind\": \"slow\", \"step\": "
	"\"second\","
	" \"context\": {\"label\": \"y\", \"deep\": [1, {\"a\": null}]}}],\n"
	" \"context\": {\"label\": \"x\", \"level\": 2.5}, \"batch_size\": 5, \"max_attempts\": "
	"4,\n"
	" \"backoff\": \"2s\", \"backoff_factor\": 3, \"backoff_cap\": \"1h\", \"mode\": "
	"\"parallel\","
	" \"max_concurrent\": 6, \"input\": \"rows\", \"format\": \"jsonl\"}";

static void write_whole_file(void)
{
	struct job *job = written("rows", 20);
	EXPECT(rename(job->file, LOGS "/rows") == 0, "%s was not renamed", job->file);
	write_job_file(whole_file);
	set_presets("", "");
}

static void a_job_file_alone(void)
{
	write_whole_file();
	const struct outcome *o = run(NULL, "weir", "submit", "--job-file", JOB_FILE, NULL);
	set_presets("20ms", "40ms");
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	expect_text(sql_text(policy), "4 2000 3 3600000 6 parallel");
	expect_text(sql_text("SELECT job_id || ' ' || batch_size FROM weir.jobs"), "filed 5");
	expect_text(sql_text(stages),
		    "1 sum first {\"label\":\"x\",\"level\":2.5,\"step\":\"first\"}; "
		    "2 slow second {\"label\":\"y\",\"level\":2.5,\"deep\":[1,{\"a\":null}],"
		    "\"step\":\"second\"}");
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), 20);
}

static void options_win_over_the_file(void)
{
	write_whole_file();
	const struct outcome *o =
		run(NULL, "weir", "submit", "--job-file", JOB_FILE, "--job", "named",
		    "--max-attempts", "9", "--backoff-factor", "1.25", "--mode", "queue",
		    "--context", "label=z", "--stage", "sum", "--batch-size", "10", NULL);
	set_presets("20ms", "40ms");
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	expect_text(sql_text(policy), "9 2000 1.25 3600000 - queue");
	expect_text(sql_text("SELECT job_id || ' ' || batch_size FROM weir.jobs"), "named 10");
	expect_text(sql_text(stages), "1 sum - {\"label\":\"z\",\"level\":2.5}");
}

static void a_faulty_job_file(void)
{
	static const char *const tries[][2] = {
		{"{\"kind\": \"sum\",\n\"jobb\": \"x\"}",
		 "job.json: \"jobb\": there is no such key"},
		{"{\"kind\": \"sum\",\n\"job\": \"x\",}", "job.json: line 2: "},
		{"{\"kind\": \"sum\", \"mode\": \"parallel\"}",
		 "job.json: \"mode\": parallel needs"},
		{"{\"job\": \"x\"}", "which kind?"},
		{"{\"kind\": \"missing\"}", "there is no kind \"missing\""},
		{"{\"stages\": [\"sum\", \"missing.a\"]}", "stage 2: there is no kind"},
	};
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
		write_job_file(tries[i][0]);
		const struct outcome *o = run(NULL, "weir", "submit", "--job-file", JOB_FILE, NULL);
		EXPECT(o->status == 2, "%s: %d", tries[i][0], o->status);
		EXPECT_PART(o->err, tries[i][1]);
	}
	expect_nothing();
}

/* ---- the same job again ---- */

static void another_definition_is_a_conflict(void)
{
	static const char *const tries[][3] = {
		{"--max-attempts", "4", "exists with --max-attempts 3:"},
		{"--backoff", "21ms", "exists with --backoff 20ms:"},
		{"--backoff-cap", "41ms", "exists with --backoff-cap 40ms:"},
		{"--backoff-factor", "2.5", "exists with --backoff-factor 2:"},
		{"--max-concurrent", "3", "exists with no --max-concurrent:"},
		{"--stage", "sum.a", "exists with sum as stage 1:"},
		{"--context", "extra=1", "exists with the context {\"label\":\"x\"}:"},
		{"--batch-size", "30", "exists with --batch-size 20:"},
	};
	struct job *job = written("again", 50);
	EXPECT_INT(submit(job, NULL, NULL, NULL, NULL)->status, 0);
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
		const struct outcome *o = submit(job, tries[i][0], tries[i][1], NULL, NULL);
		EXPECT(o->status == 1, "%s: %d", tries[i][0], o->status);
		EXPECT_PART(o->err, tries[i][2]);
	}
	const struct outcome *o = submit(job, "--stage", "sum", "--stage", "slow");
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "exists with 1 stage:");
	EXPECT_PART(submit(job, NULL, NULL, NULL, NULL)->out, "there already");
	expect_text(sql_text(stages), "1 sum - {\"label\":\"x\"}");
}

/* The first try has not come to a batch, since its first line is bad: there is no job yet. */
static void an_empty_try_leaves_nothing(void)
{
	struct job *job = job_new("empty", "sum", 20);
	snprintf(job->items[0].id, sizeof job->items[0].id, "not a name");
	job_write(job);
	const struct outcome *o = run(NULL, "weir", "submit", "slow", job->file, "--job", "empty",
				      "--context", "label=x", "--max-attempts", "9", "--stage",
				      "slow.a", "--stage", "sum.b", "--stage", "never", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_stages"), 0);
	job = written("empty", 20);
	o = submit(job, "--stage", "sum.c", "--stage", "slow");
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	expect_text(sql_text(policy), "3 20 2 40 - queue");
	expect_text(sql_text(stages), "1 sum c {\"label\":\"x\",\"step\":\"c\"}; "
				      "2 slow - {\"label\":\"x\"}");
}

static void killed_before(const char *place)
{
	struct job *job = written("killed", 20);
	struct process *p =
		start(place, "weir", "submit", "sum", job->file, "--job", "killed", "--context",
		      "label=x", "--batch-size", "20", "--stage", "sum.a", "--stage", "slow", NULL);
	EXPECT_INT(await_exit(p, PATIENCE_MS), -SIGKILL);
	await(PATIENCE_MS, "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname ="
			   " current_database() AND application_name = 'weir'");
	expect_nothing();
	EXPECT_INT(submit(job, "--stage", "sum.a", "--stage", "slow")->status, 0);
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_stages"), 2);
}

static void killed_between_job_and_stages(void) { killed_before("job_made"); }
static void killed_before_the_commit(void) { killed_before("stages_made"); }

/* ---- meanwhile ---- */

/* A submit that reads what we write, when we write it. The pipe is open for reading here too, so
 * that opening it does not wait. */
static int open_pipe(void)
{
	unlink(PIPE);
	EXPECT(mkfifo(PIPE, 0600) == 0, "no pipe %s", PIPE);
	return open(PIPE, O_RDWR | O_CLOEXEC);
}

static struct process *start_reading(const char *job)
{
	return start(NULL, "weir", "submit", "sum", PIPE, "--job", job, "--context", "label=x",
		     "--batch-size", "20", NULL);
}

static void write_lines(int fd, int from, int to, int size)
{
	for (int i = from; i < to; i++)
		dprintf(fd, "{\"custom_id\":\"item_%05d\",\"key\":\"k\",\"amount\":%-*d}\n", i,
			size - 47, i);
}

/* A file is read 128 KB at a time: these are as many lines as fill that five times, and four
 * batches. What is written afterwards is short, and so never waits for a reader. */
static struct process *with_four_batches(int *fd)
{
	*fd = open_pipe();
	struct process *p = start_reading("piped");
	write_lines(*fd, 0, 80, 8192);
	await(PATIENCE_MS, "SELECT count(*) = 4 FROM weir.job_batches");
	return p;
}

static void cancelled_meanwhile(void)
{
	int fd;
	struct process *p = with_four_batches(&fd);
	expect_text(sql_text("SELECT weir.cancel_job('piped')"), "cancelled");
	write_lines(fd, 80, 130, 64);
	close(fd);
	EXPECT_INT(await_exit(p, PATIENCE_MS), 1);
	EXPECT_PART(log_of(p), "was cancelled meanwhile");
	EXPECT_PART(log_of(p), "weir status piped");
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), 80);
}

/* Nothing comes behind: it is the seal that finds out. */
static void cancelled_before_the_end(void)
{
	int fd;
	struct process *p = with_four_batches(&fd);
	expect_text(sql_text("SELECT weir.cancel_job('piped')"), "cancelled");
	close(fd);
	EXPECT_INT(await_exit(p, PATIENCE_MS), 1);
	EXPECT_PART(log_of(p), "was cancelled meanwhile");
	const struct outcome *o = run(NULL, "weir", "submit", "sum", "/dev/null", "--job", "piped",
				      "--context", "label=x", "--batch-size", "20", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "the job piped was cancelled: use another --job");
}

static void paused_meanwhile(void)
{
	int fd;
	struct process *p = with_four_batches(&fd);
	expect_text(sql_text("SELECT weir.pause_job('piped')"), "paused");
	write_lines(fd, 80, 130, 64);
	close(fd);
	EXPECT_INT(await_exit(p, PATIENCE_MS), 0);
	EXPECT_INT(sql("SELECT total_items FROM weir.jobs WHERE status = 'paused'"), 130);
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_batches WHERE weir.is_parked(due_at)"), 7);
}

static void the_same_job_twice_at_once(void)
{
	int fd;
	struct process *p = with_four_batches(&fd);
	const struct outcome *o = run(NULL, "weir", "submit", "sum", "/dev/null", "--job", "piped",
				      "--context", "label=x", "--batch-size", "20", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "somebody else is just submitting");
	write_lines(fd, 80, 85, 64);
	close(fd);
	EXPECT_INT(await_exit(p, PATIENCE_MS), 0);
	EXPECT_INT(sql("SELECT total_items FROM weir.jobs"), 85);
}

#define RACERS 6

/* Each succeeds, or says who does. */
static void a_race_for_one_job(void)
{
	struct process *p[RACERS];
	int good = 0;
	struct job *job = written("race", 100);
	for (int i = 0; i < RACERS; i++)
		p[i] = start(NULL, "weir", "submit", "sum", job->file, "--job", "race", "--context",
			     "label=x", "--stage", "sum.a", "--stage", "slow", NULL);
	for (int i = 0; i < RACERS; i++) {
		int status = await_exit(p[i], PATIENCE_MS);
		good += status == 0;
		if (status != 0)
			EXPECT_PART(log_of(p[i]), "somebody else is just submitting");
	}
	EXPECT(good > 0, "none of %d has submitted it", RACERS);
	EXPECT_INT(sql("SELECT total_items FROM weir.jobs"), 100);
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), 100);
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_stages"), 2);
}

static void different_jobs_at_once(void)
{
	struct process *p[RACERS];
	struct job *job = written("many", 100);
	for (int i = 0; i < RACERS; i++) {
		char id[16];
		snprintf(id, sizeof id, "many%d", i);
		p[i] = start(NULL, "weir", "submit", "sum", job->file, "--job", id, "--context",
			     "label=x", "--stage", "sum.a", "--stage", "slow", NULL);
	}
	for (int i = 0; i < RACERS; i++)
		EXPECT(await_exit(p[i], PATIENCE_MS) == 0, "%s", log_of(p[i]));
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE total_items = 100"), RACERS);
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), RACERS * 100);
	EXPECT_INT(sql("SELECT count(*) FROM weir.job_stages"), RACERS * 2);
}

/* ---- waiting ---- */

static struct process *start_waiting(void)
{
	struct job *job = written("waited", 20);
	struct process *p = start(NULL, "weir", "submit", "sum", job->file, "--job", "waited",
				  "--context", "label=x", "--batch-size", "20", "--wait", NULL);
	await(PATIENCE_MS, "SELECT count(*) = 1 FROM weir.job_batches WHERE status = 'queued'");
	return p;
}

static void cancel_whole(void)
{
	sql_text("SELECT weir.cancel_job('waited')");
	sql_text("SELECT weir.cancel_items('waited', 10)");
	sql_text("SELECT weir.finish_stage('waited')");
}

static void a_cancelled_job_ends_the_wait(void)
{
	struct process *p = start_waiting();
	cancel_whole();
	EXPECT_INT(await_exit(p, PATIENCE_MS), 1);
	EXPECT_PART(log_of(p), "the job waited was cancelled");
	EXPECT_PART(log_of(p), "cancelled   0 succeeded, 0 failed, 20 cancelled");
}

static void a_paused_job_says_so(void)
{
	struct process *p = start_waiting();
	sql_text("SELECT weir.pause_job('waited')");
	await_log(p, "waited: paused; it goes on with weir resume waited");
	sql_text("SELECT weir.resume_job('waited')");
	await_log(p, "again");
	EXPECT(is_alive(p), "the wait is over: %d", p->status);
	cancel_whole();
	EXPECT_INT(await_exit(p, PATIENCE_MS), 1);
}

void add_definition_suite(void);

void add_definition_suite(void)
{
	CU_pSuite s = WORLD_SUITE("a job's definition");
	CU_add_test(s, "policy when nothing is said", policy_when_nothing_is_said);
	CU_add_test(s, "policy from options", policy_from_options);
	CU_add_test(s, "sequential is a limit of one", modes);
	CU_add_test(s, "contradictions are refused", contradictions);
	CU_add_test(s, "two stages, and their contexts", two_stages);
	CU_add_test(s, "stages that cannot be", stages_that_cannot_be);
	CU_add_test(s, "an item's context does not change the step", an_item_with_another_step);
	CU_add_test(s, "no stage has another step", no_stage_has_another_step);
	CU_add_test(s, "items for one stage alone", items_for_one_stage_alone);
	CU_add_test(s, "a job file alone", a_job_file_alone);
	CU_add_test(s, "options win over the job file", options_win_over_the_file);
	CU_add_test(s, "a faulty job file", a_faulty_job_file);
	CU_add_test(s, "another definition is a conflict", another_definition_is_a_conflict);
	CU_add_test(s, "an empty try leaves nothing", an_empty_try_leaves_nothing);
	CU_add_test(s, "killed between job and stages", killed_between_job_and_stages);
	CU_add_test(s, "killed before the commit", killed_before_the_commit);
	s = WORLD_SUITE("meanwhile");
	CU_add_test(s, "cancelled between batches", cancelled_meanwhile);
	CU_add_test(s, "cancelled before the end", cancelled_before_the_end);
	CU_add_test(s, "paused between batches", paused_meanwhile);
	CU_add_test(s, "the same job twice at once", the_same_job_twice_at_once);
	CU_add_test(s, "a race for one job", a_race_for_one_job);
	CU_add_test(s, "different jobs at once", different_jobs_at_once);
	CU_add_test(s, "a cancelled job ends the wait", a_cancelled_job_ends_the_wait);
	CU_add_test(s, "a paused job says so", a_paused_job_says_so);
}
