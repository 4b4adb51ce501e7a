/* What submit refuses, skips and reads. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

#define EMPTY LOGS "/empty"
#define SKIPPED LOGS "/skipped.jsonl"

static const struct outcome *submit(const struct job *job, const char *option, const char *value)
{
	char label[128];
	snprintf(label, sizeof label, "label=%s", job->label);
	return run(NULL, "weir", "submit", job->kind, job->file, "--job", job->id, "--context",
		   label, "--batch-size", "20", option, value, NULL);
}

/* Writes a line over line `line` (from 1) of the job's file. */
static void spoil(struct job *job, int line, const char *text)
{
	char command[1400];
	snprintf(command, sizeof command, "%ds|.*|%s|", line, text);
	const struct outcome *o = run(NULL, "/bin/sed", "-i", command, job->file, NULL);
	EXPECT(o->status == 0, "sed: %s", o->err);
}

static void expect_refused(struct job *job, const char *first, const char *second)
{
	const struct outcome *o = submit(job, NULL, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, first);
	EXPECT_PART(o->err, second);
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE sealed_at IS NOT NULL"), 0);
}

static void duplicate_in_a_batch(void)
{
	struct job *job = job_new("double", "sum", 50);
	snprintf(job->items[17].id, sizeof job->items[17].id, "item_00002");
	job_write(job);
	expect_refused(job, "line 18: custom_id item_00002", "line 3");
}

static void duplicate_in_another_batch(void)
{
	struct job *job = job_new("double", "sum", 50);
	snprintf(job->items[44].id, sizeof job->items[44].id, "item_00002");
	job_write(job);
	expect_refused(job, "line 45: custom_id item_00002", "line 3");
}

static void a_bad_line(void)
{
	struct job *job = job_new("badline", "sum", 50);
	job_write(job);
	spoil(job, 31, "{\"custom_id\":\"x\",\"key\":");
	expect_refused(job, "line 31", "");
}

static void a_payload_that_the_plugin_refuses(void)
{
	struct job *job = job_new("badload", "sum", 50);
	job_write(job);
	spoil(job, 31, "{\"custom_id\":\"x\",\"key\":\"k\"}");
	expect_refused(job, "line 31", "lacks amount");
}

static void a_custom_id_that_does_not_fit(void)
{
	struct job *job = job_new("badname", "sum", 50);
	job_write(job);
	spoil(job, 31, "{\"custom_id\":\"a b\",\"key\":\"k\",\"amount\":1}");
	expect_refused(job, "line 31", "custom_id \"a b\"");
}

static void no_context(void)
{
	struct job *job = job_new("nocontext", "sum", 5);
	job_write(job);
	const struct outcome *o =
		run(NULL, "weir", "submit", "sum", job->file, "--job", "nocontext", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "label");
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), 0);
}

static void no_file(void)
{
	const struct outcome *o = run(NULL, "weir", "submit", "sum", "/nonexistent.jsonl", "--job",
				      "nofile", "--context", "label=x", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "/nonexistent.jsonl");
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs"), 0);
}

static void a_folder(void)
{
	mkdir(EMPTY, 0777);
	const struct outcome *o =
		run(NULL, "weir", "submit", "sum", EMPTY, "--context", "label=x", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "no items in " EMPTY ": there is no file in it whose name");
	o = run(NULL, "weir", "submit", "sum", EMPTY, "--format", "csv", "--context", "label=x",
		NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "no items in " EMPTY);
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE sealed_at IS NOT NULL"), 0);
}

/* ---- files ---- */

#define INPUT LOGS "/input"

static char *input_file(const char *name, const char *text)
{
	static char path[512];
	snprintf(path, sizeof path, INPUT "/%s", name);
	mkdir(INPUT, 0777);
	FILE *f = fopen(path, "w");
	CU_ASSERT_FATAL(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
	return path;
}

static const struct outcome *submit_file(const char *file, const char *job, const char *option,
					 const char *value)
{
	return run(NULL, "weir", "submit", "sum", file, "--job", job, "--context", "label=x",
		   option, value, NULL);
}

/* One rule, whatever the format; and the mended input goes under the same name. */
static void no_items(void)
{
	static const char *const files[][2] = {
		{"a.csv", ""},	       {"b.csv", "custom_id,key,amount\n"},
		{"c.csv", "\r\r,,\n"}, {"d.jsonl", ""},
		{"e.jsonl", " \n\n"},  {"f.json", "[]"},
		{"g.json", "[ ]\n"},   {"h.tsv", "custom_id\tkey\n\t\n"},
	};
	char wanted[600];
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		const char *file = input_file(files[i][0], files[i][1]);
		const struct outcome *o = submit_file(file, "nothing", NULL, NULL);
		EXPECT_INT(o->status, 1);
		snprintf(wanted, sizeof wanted, "no items in %s", file);
		EXPECT_PART(o->err, wanted);
	}
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE sealed_at IS NOT NULL"), 0);
	const struct outcome *o = submit_file("/dev/null", "nothing", "--wait", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "no items in /dev/null");
	const char *one = "{\"custom_id\":\"a\",\"key\":\"k\",\"amount\":1}";
	o = submit_file(input_file("m.jsonl", one), "nothing", NULL, NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_INT(sql("SELECT total_items FROM weir.jobs"), 1);
}

static void no_items_are_allowed(void)
{
	const struct outcome *o = submit_file("/dev/null", "nothing", "--allow-empty", NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE total_items = 0"), 1);
	o = submit_file("/dev/null", "nothing", "--allow-empty", NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
}

static void all_items_are_skipped(void)
{
	const char *bad = "x\n{\n";
	const struct outcome *o =
		submit_file(input_file("b.jsonl", bad), "nothing", "--skip-bad", SKIPPED);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "all of its 2 records were skipped");
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE sealed_at IS NOT NULL"), 0);
}

/* ---- what is refused leaves nothing ---- */

#define GOOD_LINE "{\"custom_id\":\"a\",\"key\":\"k\",\"amount\":1}\n"

/* Behind a good line. */
static void refusals_leave_no_job(void)
{
	static const char *const bad[] = {
		"{\"custom_id\":\"b\",\"key\":\"k\"", /* a pipe that broke off */
		"{\"custom_id\":\"b\",\"key\":\"\xff\xfe\",\"amount\":1}\n",
		"{\"custom_id\":\"b\",\"key\":\"\xed\xa0\x80\",\"amount\":1}\n",
		"{\"custom_id\":\"a\",\"key\":\"k\",\"amount\":2}\n",
		"{\"custom_id\":\"b b\",\"key\":\"k\",\"amount\":2}\n",
		"{\"key\":\"k\",\"amount\":2}\n",
		"{\"custom_id\":\"b\",\"amount\":2}\n",
		"{\"custom_id\":\"b\",\"key\":\"k\",\"amount\":\"much\"}\n",
		"[1]\n",
	};
	char text[300];
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, GOOD_LINE "%s", bad[i]);
		char *file = input_file("refused.jsonl", text);
		const struct outcome *o = submit_file(file, "refused", NULL, NULL);
		EXPECT(o->status == 1, "%s: %d: %s", bad[i], o->status, o->err);
		o = run(file, "weir", "submit", "sum", "-", "--job", "piped", "--context",
			"label=x", NULL);
		EXPECT(o->status == 1, "%s from a pipe: %d: %s", bad[i], o->status, o->err);
		EXPECT_INT(sql("SELECT count(*) FROM weir.jobs"), 0);
	}
}

/* Killed, or without its ledger, before the first batch is committed. */
static void broken_off_leaves_no_job(void)
{
	static const char *const places[] = {"job_made", "stages_made", "stages_made:1:stop"};
	char *file = input_file("broken.jsonl", GOOD_LINE);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct process *p = start(places[i], "weir", "submit", "sum", file, "--job",
					  "broken", "--context", "label=x", NULL);
		if (strstr(places[i], "stop")) {
			await_stopped(p);
			await(PATIENCE_MS, "SELECT count(pg_terminate_backend(pid)) > 0 FROM"
					   " pg_stat_activity WHERE application_name LIKE 'weir%%'"
					   " AND state = 'idle in transaction'"
					   " AND datname = current_database()");
			thaw(p);
			EXPECT_INT(await_exit(p, PATIENCE_MS), 1);
		} else {
			EXPECT_INT(await_exit(p, PATIENCE_MS), -SIGKILL);
		}
		await(PATIENCE_MS, "SELECT count(*) = 0 FROM weir.jobs");
	}
	EXPECT_INT(submit_file(file, "broken", NULL, NULL)->status, 0);
}

/* A version before has left the row of a submit that it refused. */
static void rows_without_items(void)
{
	sql_text("INSERT INTO weir.jobs (job_id, kind, context, batch_size, created_at)"
		 " SELECT name, 'sum', '{}', 20, now() - interval '2 hours'"
		 "  FROM unnest('{phantom,busy}'::text[]) AS u(name)");
	const struct outcome *o = run(NULL, "weir", "status", "phantom", NULL);
	EXPECT_PART(o->out, "nothing has come for 2:00 h");
	EXPECT_PART(o->out, "nobody is at it");
	sql_text("SELECT pg_advisory_lock(hashtextextended('weir.submit:busy', 0))");
	o = run(NULL, "weir", "status", "busy", NULL);
	EXPECT_PART(o->out, "nothing has come for 2:00 h");
	EXPECT(!strstr(o->out, "nobody is at it"), "%s", o->out);
	o = run(NULL, "weir", "purge", "--older-than", "3h", NULL);
	EXPECT_PART(o->out, "no job ended that long ago");
	o = run(NULL, "weir", "purge", "--older-than", "1h", NULL);
	EXPECT_PART(o->out, "1 jobs are deleted");
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE job_id = 'busy'"), 1);
	sql_text("SELECT pg_advisory_unlock(hashtextextended('weir.submit:busy', 0))");
	EXPECT_PART(run(NULL, "weir", "purge", "--older-than", "1h", "--job", "busy", NULL)->out,
		    "1 jobs are deleted");
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs"), 0);
}

/* ---- names that do not fit ---- */

static void expect_text(const char *seen, const char *wanted)
{
	EXPECT(strcmp(seen, wanted) == 0, "%s, not %s", seen, wanted);
}

#define KEYED(KEY) "{\"custom_id\":\"" KEY "\",\"key\":\"k\",\"amount\":1}\n"
#define URL "https://example.com/a?b=c d"
/* printf %s URL | openssl dgst -sha256 -binary | basenc --base64url | tr -d = */
#define HASHED "sha256-DW_y-gEaPJLNGDmH2le6HwTUVjLr5S5zNvaI6s-ty2Q"

static void names_are_hashed(void)
{
	static const char lines[] = KEYED("n_1") KEYED(URL) KEYED("Caf\xC3\xA9 4/5");
	const char *file = input_file("named.jsonl", lines);
	EXPECT_PART(submit_file(file, "named", NULL, NULL)->err, "line 2: custom_id \"" URL "\"");
	EXPECT_PART(submit_file(file, "named", NULL, NULL)->err, "--id-hash");
	const struct outcome *o = submit_file(file, "named", "--id-hash", NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	expect_text(sql_text("SELECT string_agg(coalesce(natural_id, '-'), '|' ORDER BY ordinal)"
			     " FROM batch_items WHERE job_id = 'named'"),
		    "-|" URL "|Caf\xC3\xA9 4/5");
	expect_text(sql_text("SELECT custom_id FROM batch_mapping WHERE natural_id = '" URL "'"),
		    HASHED);
	o = submit_file(file, "named", "--id-hash", NULL);
	EXPECT_PART(o->out, "there already");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	o = run(NULL, "weir", "watch", "named", NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	o = run(NULL, "weir", "results", "named", NULL);
	EXPECT_PART(o->out, "\"custom_id\":\"" HASHED "\",\"natural_id\":\"" URL "\"");
	EXPECT_PART(o->out, "{\"custom_id\":\"n_1\",\"status\"");
	o = run(NULL, "weir", "report", "named", "--format", "json", "--items", NULL);
	EXPECT_PART(o->out, "\"natural_id\":\"" URL "\"");
	o = run(NULL, "weir", "report", "named", "--format", "csv", "--items", NULL);
	EXPECT_PART(o->out, "history,natural_id\r\n");
	EXPECT_PART(o->out, URL "\r\n");
}

/* Two keys that are one, or that look like what is made of another. */
static void hashed_names_that_meet(void)
{
	static const char twice[] = KEYED(URL) KEYED("x") KEYED(URL);
	static const char looks[] = KEYED(URL) KEYED(HASHED);
	static const char blanks[] = KEYED(" n_1");
	const struct outcome *o =
		submit_file(input_file("t.jsonl", twice), "twice", "--id-hash", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "line 3: custom_id " URL " stands on line 1 already");
	o = submit_file(input_file("l.jsonl", looks), "looks", "--id-hash", NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_INT(sql("SELECT count(DISTINCT custom_id) FROM weir.items WHERE job_id = 'looks'"
		       " AND natural_id IS NOT NULL"),
		   2);
	o = submit_file(input_file("s.jsonl", blanks), "blanks", "--id-hash", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "line 1: custom_id \" n_1\": there is a blank");
}

/* A later stage's items are called as the first one's. */
static void hashed_names_in_stages(void)
{
	static const char line[] = KEYED("a b");
	const char *file = input_file("st.jsonl", line);
	start(NULL, "weir-consumer", "pass", NULL);
	const struct outcome *o =
		run(NULL, "weir", "submit", "pass", file, "--job", "stages", "--stage", "pass.a",
		    "--stage", "pass.b", "--id-hash", "--wait", NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_INT(sql("SELECT count(*) FROM batch_items WHERE natural_id = 'a b'"), 2);
}

/* ---- several files, and packed ones ---- */

#define ROWS_A "custom_id,key,amount\na1,k,1\na2,k,2\n"
#define ROWS_B "amount;custom_id;key\r3;b1;k\r4;b2;k\r"

static void fill_folder(void)
{
	EXPECT_INT(run(NULL, "/bin/rm", "-rf", INPUT, NULL)->status, 0);
	input_file("a.csv", ROWS_A);
	input_file("b.csv", ROWS_B);
	input_file("c.tsv", "custom_id\tkey\tamount\nc1\tk\t5\n");
	input_file("notes.txt", "x");
}

/* Of a kind that takes anything. */
static const struct outcome *submit_any(const char *file, const char *job, const char *option,
					const char *value)
{
	return run(NULL, "weir", "submit", "pass", file, "--job", job, option, value, NULL);
}

static void a_folder_of_csv(void)
{
	fill_folder();
	const struct outcome *o = submit_any(INPUT, "folder", NULL, NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	expect_text(sql_text("SELECT string_agg(custom_id || line || (payload->>'amount'), ' '"
			     " ORDER BY ordinal) FROM batch_items"),
		    "a121 a232 b123 b234 c125");
	EXPECT_PART(submit_any(INPUT, "folder", NULL, NULL)->out, "there already");
}

static void faults_in_a_folder(void)
{
	fill_folder();
	input_file("d.csv", "custom_id,key,amount\nd1,k,1\na2,k,1\n");
	const struct outcome *o = submit_any(INPUT, "dup", NULL, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err,
		    "d.csv: line 3: custom_id a2 stands on line 3 of " INPUT "/a.csv already");
	o = run(NULL, "weir", "submit", "pass", INPUT, "--job", "dup2", "--context", "label=x",
		"--batch-size", "2", NULL);
	EXPECT_PART(o->err,
		    "d.csv: line 3: custom_id a2 stands on line 3 of " INPUT "/a.csv already");
	input_file("d.csv", "custom_id,key,amount\nd1,k,1\nd2,k\n");
	o = submit_any(INPUT, "fields", NULL, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, INPUT "/d.csv: line 3: 2 fields, where the header has 3 columns");
	input_file("d.csv", "id,key,amount\nd1,k,1\n");
	EXPECT_PART(submit_any(INPUT, "header", NULL, NULL)->err,
		    INPUT "/d.csv: the header line: there is no column custom_id");
	input_file("d.csv", "custom_id,key,amount\n");
	o = submit_any(INPUT, "empty", NULL, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "no items in " INPUT "/d.csv");
	EXPECT_INT(submit_any(INPUT, "empty", "--allow-empty", NULL)->status, 0);
	input_file("e.jsonl", "{}");
	o = submit_any(INPUT, "mixed", NULL, NULL);
	EXPECT_INT(o->status, 2);
	EXPECT_PART(o->err, "files of several formats are in it (1 JSON Lines, 4 CSV)");
	o = submit_any(INPUT, "csv", "--format", "csv");
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err,
		    "items are its CSV files; left out of it: 1 JSON Lines, 1 of other names");
}

static void several_files(void)
{
	fill_folder();
	const struct outcome *o = run(NULL, "weir", "submit", "pass", INPUT "/a.csv",
				      INPUT "/c.tsv", "--job", "two", "--context", "label=x", NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_INT(sql("SELECT total_items FROM weir.jobs"), 3);
	o = run(NULL, "weir", "submit", "pass", INPUT "/a.csv", INPUT "/notes.txt", "--context",
		"label=x", NULL);
	EXPECT_INT(o->status, 2);
	EXPECT_PART(o->err, "notes.txt: by its name that is no CSV");
	o = run(NULL, "weir", "submit", "pass", INPUT "/notes.txt", "--separator", ";", "--context",
		"label=x", NULL);
	EXPECT_INT(o->status, 2);
	EXPECT_PART(o->err, "--separator is of CSV");
}

static void packed_files(void)
{
	fill_folder();
	const struct outcome *o = run(NULL, "/bin/gzip", "-r", INPUT, NULL);
	EXPECT(o->status == 0, "gzip: %s", o->err);
	o = submit_any(INPUT, "packed", NULL, NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_INT(sql("SELECT total_items FROM weir.jobs"), 5);
	o = run(INPUT "/a.csv.gz", "weir", "submit", "pass", "-", "--format", "csv", "--job",
		"stdin", "--context", "label=x", NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_INT(truncate(INPUT "/a.csv.gz", 30), 0);
	o = submit_any(INPUT "/a.csv.gz", "cut", NULL, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "the gzip data is cut off");
	EXPECT_INT(sql("SELECT count(*) FROM weir.jobs WHERE job_id = 'cut' AND sealed_at IS NOT "
		       "NULL"),
		   0);
}

static void a_file_where_the_kind_should_be(void)
{
	const struct outcome *o = run(NULL, "weir", "submit", "x.jsonl", "--stage", "sum.a", NULL);
	EXPECT_INT(o->status, 2);
	EXPECT_PART(o->err, "KIND comes first: weir submit sum x.jsonl");
}

/* Nobody would know that it waits for lines to be typed. */
static void a_terminal(void)
{
	if (access("/dev/pts/ptmx", F_OK) < 0) {
		printf("(this machine has no terminals) ");
		return;
	}
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	CU_ASSERT_FATAL(fd >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0);
	const struct outcome *o =
		run(ptsname(fd), "weir", "submit", "sum", "--context", "label=x", NULL);
	EXPECT_INT(o->status, 2);
	EXPECT_PART(o->err, "where are the items?");
	close(fd);
}

static void help_in_every_form(void)
{
	static const char *const forms[][2] = {
		{"help", "purge"}, {"--help", "purge"}, {"-h", "purge"}, {"purge", "-h"}};
	for (size_t i = 0; i < 4; i++) {
		const struct outcome *o = run(NULL, "weir", forms[i][0], forms[i][1], NULL);
		EXPECT(o->status == 0, "%s: %d", forms[i][0], o->status);
		EXPECT_PART(o->out, "Usage: weir purge");
		EXPECT(!strstr(o->out, "WEIR_OLDER_THAN"), "it names a variable that is not read");
	}
	EXPECT_PART(run(NULL, "weir", "-h", NULL)->out, "Usage: weir COMMAND");
	EXPECT_INT(run(NULL, "weir", "help", "nosuch", NULL)->status, 2);
}

/* A job of 50 lines, three of which are bad, and what is left of it. */
static struct job *with_bad_lines(void)
{
	struct job *job = job_new("skip", "sum", 50);
	snprintf(job->items[44].id, sizeof job->items[44].id, "item_00002");
	job_write(job);
	spoil(job, 11, "no json");
	spoil(job, 31, "{\"custom_id\":\"x\",\"key\":\"k\"}");
	static const int bad[] = {44, 30, 10};
	for (int i = 0; i < 3; i++) {
		job->size--;
		memmove(&job->items[bad[i]], &job->items[bad[i] + 1],
			(size_t)(job->size - bad[i]) * sizeof *job->items);
	}
	return job;
}

static void expect_skipped(const char *part)
{
	char text[1024] = "";
	FILE *f = fopen(SKIPPED, "r");
	if (f) {
		text[fread(text, 1, sizeof text - 1, f)] = '\0';
		fclose(f);
	}
	EXPECT_PART(text, part);
}

#define BAD_LINES "no json\n{\"custom_id\":\"x\",\"key\":\"k\"}\n{\"custom_id\":\"item_00002\""

static void bad_lines_are_skipped(void)
{
	struct job *job = with_bad_lines();
	const struct outcome *o = submit(job, "--skip-bad", SKIPPED);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_PART(o->out, "skipped     3 bad records");
	EXPECT_PART(o->err, "skipped: line 11: not valid JSON");
	EXPECT_PART(o->err, "custom_id item_00002 stands on line");
	expect_skipped(BAD_LINES);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

/* The same lines are skipped again, and everything else is there already. */
static void skipping_again_changes_nothing(void)
{
	struct job *job = with_bad_lines();
	EXPECT_INT(submit(job, "--skip-bad", SKIPPED)->status, 0);
	const struct outcome *o = submit(job, "--skip-bad", SKIPPED);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_PART(o->out, "there already");
	expect_skipped(BAD_LINES);
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), 47);
}

static void from_standard_input(void)
{
	struct job *job = job_new("stdin", "sum", 30);
	job_write(job);
	const struct outcome *o =
		run(job->file, "weir", "submit", "sum", "-", "--job", "stdin", "--context",
		    "label=stdin", "--batch-size", "20", "--json", NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_PART(o->out, "\"total_items\": 30");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
}

/* ---- rows of the database ---- */

#define REAL_PLUGINS WEIR_BUILD_DIR "/lib/weir"

static void a_row_that_is_gone(void)
{
	sql_text("INSERT INTO news_articles (id, title) SELECT n, 'Profit rises, item ' || n"
		 " FROM generate_series(1, 40) n");
	sql_text("INSERT INTO reddit_posts (id, title) SELECT n, 'Shares fall, item ' || n"
		 " FROM generate_series(1, 10) n");
	EXPECT_INT(run(NULL, "weir", "init", "--plugin-dir", REAL_PLUGINS, NULL)->status, 0);
	const struct outcome *o =
		run(NULL, "weir", "submit", "sentiment", "--from", "db", "--job", "rows",
		    "--context", "model_key=sentiment", "--context", "ai_model=local",
		    "--batch-size", "20", "--plugin-dir", REAL_PLUGINS, NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	sql_text("DELETE FROM news_articles WHERE id = 23");
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sentiment", "--plugin-dir", REAL_PLUGINS, NULL);
	await(PATIENCE_MS, "SELECT completed_at IS NOT NULL AND counted FROM weir.jobs");
	stop_all();
	EXPECT(strcmp(sql_text("SELECT string_agg(custom_id || ' ' || error_class, ',')"
			       " FROM batch_items WHERE status <> 'success'"),
		      "news_id_23 record_missing") == 0,
	       "failed: %s",
	       sql_text("SELECT string_agg(custom_id || ' ' || error_class, ',')"
			" FROM batch_items WHERE status <> 'success'"));
	EXPECT_INT(sql("SELECT count(*) FROM batch_items WHERE status = 'success'"), 49);
	EXPECT_INT(sql("SELECT count(*) FROM news_articles WHERE sentiment_score > 0"), 39);
	EXPECT_INT(sql("SELECT count(*) FROM reddit_posts WHERE sentiment_score < 0"), 10);
	EXPECT_INT(sql("SELECT count(*) FROM batch_mapping"), 50);
	EXPECT_INT(redis_count("rows", "success"), 49);
	EXPECT_INT(redis_count("rows", "failed"), 1);
	queue_await_size("weir.sentiment", 0);
}

static const struct outcome *submit_rows(const char *job, const char *option, const char *value)
{
	return run(NULL, "weir", "submit", "sentiment", "--from", "db", "--job", job, "--context",
		   "model_key=sentiment", "--context", "ai_model=local", "--plugin-dir",
		   REAL_PLUGINS, option, value, NULL);
}

/* A row of the database has no line: its table and id name it. What is written out is submitted
 * like any other JSON Lines, once it is mended. */
static void rows_without_text(void)
{
	sql_text("INSERT INTO news_articles (id, title, summary) VALUES (1, 'Profit rises', ''),"
		 " (2, E' \\n', NULL), (3, 'Shares fall', NULL)");
	sql_text("INSERT INTO reddit_posts (id) VALUES (4)");
	EXPECT_INT(run(NULL, "weir", "init", "--plugin-dir", REAL_PLUGINS, NULL)->status, 0);
	const struct outcome *o = submit_rows("blank", NULL, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "weir: news_articles 2: it has nothing that sentiment reads");
	o = submit_rows("blank", "--skip-bad", SKIPPED);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_PART(o->err, "weir: skipped: reddit_posts 4: it has nothing");
	EXPECT_PART(o->out, "skipped     2 bad records");
	expect_skipped("{\"custom_id\":\"news_id_2\",\"table_name\":\"news_articles\","
		       "\"record_id\":\"2\",\"text_type\" : \"news\"");
	EXPECT(strcmp(sql_text("SELECT string_agg(custom_id, ',' ORDER BY ordinal) FROM "
			       "batch_items"),
		      "news_id_1,news_id_3") == 0,
	       "items: %s", sql_text("SELECT string_agg(custom_id, ',') FROM batch_items"));
	run(NULL, "/bin/sed", "-i", "s/\"title\" : [^,]*/\"title\": \"Profit rises\"/", SKIPPED,
	    NULL);
	o = run(NULL, "weir", "submit", "sentiment", SKIPPED, "--job", "mended", "--context",
		"model_key=sentiment", "--context", "ai_model=local", "--plugin-dir", REAL_PLUGINS,
		NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	EXPECT_INT(sql("SELECT count(*) FROM batch_mapping WHERE table_name || record_id IN"
		       " ('news_articles2', 'reddit_posts4')"),
		   2);
}

/* A statement writes a row once, so this takes more of them than a flush has. */
static void one_row_for_many_items(void)
{
	struct job *job = job_new("same", "sentiment", 300);
	for (int i = 0; i < job->size; i++)
		item_fails(&job->items[i], NULL,
			   ",\"table_name\":\"news_articles\",\"record_id\":7,"
			   "\"title\":\"Profit rises\"");
	job_write(job);
	sql_text("INSERT INTO news_articles (id, title) VALUES (7, 'Profit rises')");
	EXPECT_INT(run(NULL, "weir", "init", "--plugin-dir", REAL_PLUGINS, NULL)->status, 0);
	const struct outcome *o = run(NULL, "weir", "submit", "sentiment", job->file, "--job",
				      job->id, "--context", "model_key=sentiment", "--context",
				      "ai_model=local", "--plugin-dir", REAL_PLUGINS, NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	start(NULL, "weir-relay", NULL);
	await_queued(job);
	start(NULL, "weir-consumer", "sentiment", "--flush", "500", "--plugin-dir", REAL_PLUGINS,
	      NULL);
	await_ended(job);
	EXPECT_INT(sql("SELECT count(*) FROM batch_items WHERE status = 'success'"), 300);
	EXPECT_INT(sql("SELECT max(attempts) FROM weir.results"), 1);
	EXPECT_INT(sql("SELECT count(*) FROM news_articles WHERE sentiment_score > 0"), 1);
}

/* What Redis shows of a job that has ended goes after some days, and nobody makes it stay. */
static void a_job_that_has_ended(void)
{
	struct job *job = job_new("ended", "sum", 50);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job_submit(job));
	int64_t left = redis_ttl(job->id);
	EXPECT(left > 0, "the counts expire in %lld s", (long long)left);
	EXPECT_INT(submit(job, NULL, NULL)->status, 0);
	int64_t now = redis_ttl(job->id);
	EXPECT(now > 0 && now <= left, "the counts expire in %lld s, before in %lld s",
	       (long long)now, (long long)left);
	check_exact(job);
	redis_flush(); /* gone, as after those days */
	EXPECT_INT(submit(job, NULL, NULL)->status, 0);
	EXPECT_INT(redis_ttl(job->id), -2);
}

void add_submit_suite(void);

void add_submit_suite(void)
{
	CU_pSuite s = WORLD_SUITE("submit");
	CU_add_test(s, "a custom_id twice in one batch names both lines", duplicate_in_a_batch);
	CU_add_test(s, "a custom_id in two batches names both lines", duplicate_in_another_batch);
	CU_add_test(s, "a bad line is named", a_bad_line);
	CU_add_test(s, "a payload that the plugin refuses", a_payload_that_the_plugin_refuses);
	CU_add_test(s, "a custom_id that does not fit", a_custom_id_that_does_not_fit);
	CU_add_test(s, "a context that lacks a parameter", no_context);
	CU_add_test(s, "a file that is not there", no_file);
	CU_add_test(s, "a folder", a_folder);
	CU_add_test(s, "no items", no_items);
	CU_add_test(s, "no items are allowed", no_items_are_allowed);
	CU_add_test(s, "all items are skipped", all_items_are_skipped);
	CU_add_test(s, "names are hashed", names_are_hashed);
	CU_add_test(s, "hashed names that meet", hashed_names_that_meet);
	CU_add_test(s, "hashed names in stages", hashed_names_in_stages);
	CU_add_test(s, "a folder of CSV", a_folder_of_csv);
	CU_add_test(s, "faults in a folder", faults_in_a_folder);
	CU_add_test(s, "several files", several_files);
	CU_add_test(s, "packed files", packed_files);
	CU_add_test(s, "a file where the kind should be", a_file_where_the_kind_should_be);
	CU_add_test(s, "a terminal", a_terminal);
	CU_add_test(s, "help in every form", help_in_every_form);
	CU_add_test(s, "bad lines are skipped", bad_lines_are_skipped);
	CU_add_test(s, "skipping again changes nothing", skipping_again_changes_nothing);
	CU_add_test(s, "from standard input", from_standard_input);
	CU_add_test(s, "a row that is gone fails its item alone", a_row_that_is_gone);
	CU_add_test(s, "rows without text are named and left out", rows_without_text);
	CU_add_test(s, "300 items that name one row", one_row_for_many_items);
	CU_add_test(s, "what is refused leaves no job", refusals_leave_no_job);
	CU_add_test(s, "what is broken off leaves no job", broken_off_leaves_no_job);
	CU_add_test(s, "rows without items", rows_without_items);
	CU_add_test(s, "a job that has ended, again: Redis stays as it is", a_job_that_has_ended);
}
