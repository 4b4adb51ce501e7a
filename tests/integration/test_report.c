/* What report, status and watch say of jobs in every state, and of ledgers that do not add up. The
 * items of most of these jobs are ended in SQL, as consumers end them, so that every state can be
 * had. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/progress.h"
#include "world.h"

#define ITEMS 50
#define CSV LOGS "/items.csv"
#define JOB "told"

/* ---- jobs ---- */

/* Submitted, with a second stage; nothing of it is done. */
static void submit_two_stages(void)
{
	job_submit(job_new(JOB, "sum", ITEMS));
	sql_text("INSERT INTO weir.job_stages (job_id, stage, kind, step, context) VALUES"
		 " ('" JOB "', 2, 'sum', 'again',"
		 " '{\"ai_model\":\"large\",\"model_key\":\"k2\"}')");
	sql_text("UPDATE weir.job_stages SET context ="
		 " '{\"ai_model\":\"small\",\"model_key\":\"k1\"}' WHERE stage = 1");
	sql_text("UPDATE weir.items SET context = '{\"ai_model\":\"own\"}' WHERE ordinal < 10");
	sql_text("UPDATE weir.jobs SET status = 'running', started_at = now()");
}

/* Ends the items of a stage from `from` up to before `to`. status as in weir.results. */
static void work(int stage, int from, int to, int status)
{
	sql_text("SELECT weir.end_items('" JOB "', %d, (SELECT array_agg(ordinal) FROM weir.items"
		 " WHERE job_id = '" JOB "' AND stage = %d AND ordinal >= %d AND ordinal < %d),"
		 " %d, %s)",
		 stage, stage, from, to, status,
		 status == 2 ? "'timeout', 'no answer'" : "NULL, NULL");
	sql_text("UPDATE weir.results SET processing_ms = 1 + ordinal, attempts = status"
		 " WHERE processing_ms IS NULL");
}

static void expect_step(const char *wanted)
{
	const char *seen = sql_text("SELECT weir.finish_stage('" JOB "')");
	EXPECT(strcmp(seen, wanted) == 0, "finish_stage: \"%s\", not \"%s\"", seen, wanted);
}

/* 5 of 50 fail, and 45 go on. */
static void do_first_stage(void)
{
	work(1, 0, 5, 2);
	work(1, 5, ITEMS, 1);
	expect_step("advanced");
}

/* 5 of these 45 fail too. */
static void do_all(void)
{
	submit_two_stages();
	do_first_stage();
	work(2, 0, 5, 2);
	work(2, 5, 45, 1);
	expect_step("completed");
}

/* ---- reports ---- */

static json_t *parse(const struct outcome *o)
{
	json_error_t why;
	json_t *report = json_loads(o->out, 0, &why);
	EXPECT(report != NULL, "no JSON: line %d: %s", why.line, why.text);
	return report;
}

static json_t *report_of(int status)
{
	const struct outcome *o =
		run(NULL, "weir", "report", JOB, "--format", "json", "--items", NULL);
	EXPECT(o->status == status, "report: %d: %s", o->status, o->err);
	return parse(o);
}

static int64_t number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return json_is_integer(value) ? json_integer_value(value) : INT64_MIN;
}

static void expect_word(const json_t *object, const char *name, const char *wanted)
{
	const char *seen = json_string_value(json_object_get(object, name));
	EXPECT(seen && strcmp(seen, wanted) == 0, "%s: %s, not %s", name, seen ? seen : "(none)",
	       wanted);
}

static void expect_counts(const json_t *report, int total, int success, int failed, int cancelled)
{
	EXPECT_INT(number(report, "total_items"), total);
	EXPECT_INT(number(report, "success_count"), success);
	EXPECT_INT(number(report, "failure_count"), failed);
	EXPECT_INT(number(report, "cancelled"), cancelled);
	EXPECT_INT(number(report, "processed_items"), success + failed + cancelled);
	EXPECT_INT(number(report, "pending"), total - success - failed - cancelled);
	EXPECT(json_is_true(json_object_get(report, "consistent")), "it is not consistent");
}

static void expect_stage(const json_t *report, size_t i, const char *status, int total, int success,
			 int failed, int cancelled)
{
	const json_t *s = json_array_get(json_object_get(report, "by_stage"), i);
	expect_word(s, "kind", "sum");
	expect_word(s, "status", status);
	EXPECT_INT(number(s, "stage"), (int64_t)i + 1);
	EXPECT_INT(number(s, "total"), total);
	EXPECT_INT(number(s, "success"), success);
	EXPECT_INT(number(s, "failed"), failed);
	EXPECT_INT(number(s, "cancelled"), cancelled);
	EXPECT_INT(number(s, "pending"), total - success - failed - cancelled);
}

static void expect_model(const json_t *report, const char *list, const char *member,
			 const char *name, int success, int failed)
{
	size_t i;
	json_t *model, *found = NULL;
	json_array_foreach(json_object_get(report, list), i, model)
	{
		const char *text = json_string_value(json_object_get(model, member));
		if (text && strcmp(text, name) == 0)
			found = model;
	}
	EXPECT(found != NULL, "%s has no %s", list, name);
	EXPECT_INT(number(found, "count"), success + failed);
	EXPECT_INT(number(found, "success"), success);
	EXPECT_INT(number(found, "failed"), failed);
	bool answered = strcmp(name, "large") == 0 || strcmp(name, "k2") == 0;
	EXPECT_INT(number(found, "calls"), answered ? 2 : 0);
	EXPECT_INT(number(found, "output_tokens"), answered ? 70 : 0);
}

/* An item of the second stage is answered twice; a third time there was nothing to pay for. */
static void answer(void)
{
	sql_text("INSERT INTO weir.answers (job_id, stage, ordinal, call_id, attempt, ai_model,"
		 " answer, error_class, input_tokens, output_tokens, cost) SELECT '" JOB "', 2, 20,"
		 " c, 0, 'large', t, e, i, o, p FROM (VALUES ('a', '', 'bad_answer', 100, 30,"
		 " 0.0000012), ('b', '{}', NULL, 200, 40, 0.1),"
		 " ('c', NULL, 'batch_expired', 0, 0, 0)) v(c, t, e, i, o, p)");
}

static void partial_and_final(void)
{
	submit_two_stages();
	json_t *r = report_of(0);
	expect_counts(r, ITEMS, 0, 0, 0);
	expect_stage(r, 0, "running", ITEMS, 0, 0, 0);
	expect_stage(r, 1, "pending", 0, 0, 0, 0);
	json_decref(r);
	do_first_stage();
	work(2, 0, 5, 2);
	work(2, 5, 20, 1);
	r = report_of(0);
	expect_counts(r, ITEMS, 15, 10, 0);
	expect_stage(r, 0, "completed", ITEMS, 45, 5, 0);
	expect_stage(r, 1, "running", 45, 15, 5, 0);
	json_decref(r);
	work(2, 20, 45, 1);
	expect_step("completed");
	r = report_of(0);
	expect_counts(r, ITEMS, 40, 10, 0);
	expect_stage(r, 1, "completed", 45, 40, 5, 0);
	EXPECT_INT(number(json_object_get(r, "attempts"), "1"), 85);
	EXPECT_INT(number(json_object_get(r, "attempts"), "2"), 10);
	json_decref(r);
}

/* Of stage 1: 50 times 1 to 50 ms; of stage 2: 45 times 1 to 45 ms. */
static void times_of_all_stages(void)
{
	do_all();
	json_t *r = report_of(0);
	static const struct {
		const char *name;
		double seconds;
	} wanted[] = {{"p50", 0.024},
		      {"p95", 0.046},
		      {"p99", 0.050},
		      {"avg_processing_time", (1275 + 1035) / 95.0 / 1000}};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		double seen = json_number_value(json_object_get(r, wanted[i].name));
		EXPECT(seen > wanted[i].seconds - 1e-6 && seen < wanted[i].seconds + 1e-6,
		       "%s: %f, not %f", wanted[i].name, seen, wanted[i].seconds);
	}
	json_decref(r);
}

/* Ten items have a model of their own; five of them failed in stage 1, and five in stage 2. */
static void models(void)
{
	do_all();
	answer();
	json_t *r = report_of(0);
	expect_model(r, "by_model", "ai_model", "own", 5, 10);
	expect_model(r, "by_model", "ai_model", "small", 40, 0);
	expect_model(r, "by_model", "ai_model", "large", 40, 0);
	expect_model(r, "by_model_key", "model_key", "k1", 45, 5);
	expect_model(r, "by_model_key", "model_key", "k2", 40, 5);
	EXPECT_INT((int64_t)json_array_size(json_object_get(r, "by_model")), 3);
	EXPECT_INT(number(r, "input_tokens"), 300);
	EXPECT(json_real_value(json_object_get(r, "cost")) == 0.1000012, "another cost");
	json_decref(r);
}

static void expect_usage(const json_t *of, int calls, int input_tokens, double cost)
{
	EXPECT_INT(number(of, "calls"), calls);
	EXPECT_INT(number(of, "input_tokens"), input_tokens);
	double seen = json_number_value(json_object_get(of, "cost"));
	EXPECT(seen > cost - 1e-9 && seen < cost + 1e-9, "cost %f, not %f", seen, cost);
}

static void usage_of_stages_and_items(void)
{
	size_t i;
	json_t *item, *r;
	do_all();
	answer();
	r = report_of(0);
	expect_usage(json_array_get(json_object_get(r, "by_stage"), 0), 0, 0, 0);
	expect_usage(json_array_get(json_object_get(r, "by_stage"), 1), 2, 300, 0.1000012);
	json_array_foreach(json_object_get(r, "items"), i, item)
	{
		bool answered = i == ITEMS + 20;
		expect_usage(item, answered ? 2 : 0, answered ? 300 : 0, answered ? 0.1000012 : 0);
	}
	EXPECT_INT((int64_t)i, ITEMS + 45);
	json_decref(r);
	const struct outcome *o = run(NULL, "weir", "report", JOB, NULL);
	EXPECT_PART(o->out, "models     2 answers, 300 tokens in, 70 out, cost 0.1000012\n");
	EXPECT_PART(o->out, "avg 23 ms, 2 answers, 300 tokens in, 70 out, cost 0.1000012\n");
	o = run(NULL, "weir", "report", JOB, "--format", "csv", NULL);
	EXPECT_PART(o->out, ",calls,input_tokens,output_tokens,cost,");
	EXPECT_PART(o->out, ",2,300,70,0.1000012,");
}

static void expect_history(const json_t *item)
{
	static const char *const classes[] = {"throttled", "bad_answer", "timeout"};
	const json_t *history = json_object_get(item, "history");
	EXPECT_INT((int64_t)json_array_size(history), 3);
	for (size_t i = 0; i < 3; i++) {
		const json_t *attempt = json_array_get(history, i);
		EXPECT_INT(number(attempt, "attempt"), (int64_t)i + 1);
		expect_word(attempt, "class", classes[i]);
	}
	expect_word(json_array_get(history, 1), "error", "second");
}

static void history_of_attempts(void)
{
	submit_two_stages();
	sql_text("INSERT INTO weir.attempts (job_id, stage, ordinal, attempt, error_class, error)"
		 " VALUES ('" JOB "', 1, 3, 1, 'throttled', 'first')");
	sql_text("INSERT INTO weir.attempts (job_id, stage, ordinal, attempt, error_class, error)"
		 " VALUES ('" JOB "', 1, 3, 2, 'bad_answer', 'second')");
	work(1, 3, 4, 2);
	sql_text("UPDATE weir.results SET attempts = 3, finished_at = clock_timestamp()");
	work(1, 0, 3, 1);
	json_t *r = report_of(0);
	const json_t *failures = json_object_get(r, "failures");
	const json_t *items = json_object_get(r, "items");
	EXPECT_INT((int64_t)json_array_size(failures), 1);
	expect_word(json_array_get(failures, 0), "id", "item_00003");
	expect_word(json_array_get(failures, 0), "class", "timeout");
	expect_history(json_array_get(failures, 0));
	expect_history(json_array_get(items, 3));
	EXPECT_INT((int64_t)json_array_size(json_object_get(json_array_get(items, 2), "history")),
		   0);
	json_decref(r);
}

static void row_for_item_and_stage(void)
{
	int seen[3] = {0};
	size_t i;
	json_t *item, *r;
	do_all();
	r = report_of(0);
	json_array_foreach(json_object_get(r, "items"), i, item)
	{
		int64_t stage = number(item, "stage");
		seen[stage == 1 || stage == 2 ? stage : 0]++;
	}
	EXPECT_INT(seen[0], 0);
	EXPECT_INT(seen[1], ITEMS);
	EXPECT_INT(seen[2], 45);
	json_decref(r);
}

/* ---- CSV as a spreadsheet reads it ---- */

enum {
	ID,
	STAGE,
	KIND,
	STEP,
	STATUS,
	CLASS,
	ERROR,
	TRIES,
	TIME,
	FINISHED,
	CALLS,
	INPUT_TOKENS,
	OUTPUT_TOKENS,
	COST,
	CACHED,
	WRITTEN,
	WRITTEN_1H,
	REASONING,
	USAGE_UNKNOWN,
	COST_UNKNOWN,
	RESULT,
	HISTORY,
	NATURAL,
	CELLS
};

struct sheet {
	char text[65536]; /* of the cells, each with its NUL */
	const char *cells[200][CELLS];
	int rows;
	bool sound; /* nothing but RFC 4180, with all rows equally long */
};

/* One cell; returns what follows it. */
static const char *read_cell(struct sheet *s, const char *at, char **to)
{
	bool quoted = *at == '"';
	for (at += quoted; *at; *(*to)++ = *at++) {
		if (quoted && at[0] == '"' && at[1] == '"')
			at++;
		else if (quoted && *at == '"')
			break;
		else if (!quoted && (*at == ',' || *at == '\r'))
			break;
		else if (!quoted && (*at == '"' || *at == '\n'))
			s->sound = false;
	}
	*(*to)++ = '\0';
	return at + (quoted && *at == '"');
}

static const char *read_row(struct sheet *s, const char *at, char **to)
{
	for (int i = 0; i < CELLS; i++) {
		s->cells[s->rows][i] = *to;
		at = read_cell(s, at, to);
		s->sound &= i + 1 < CELLS ? *at == ',' : at[0] == '\r' && at[1] == '\n';
		if (!s->sound)
			return "";
		at += i + 1 < CELLS ? 1 : 2;
	}
	s->rows++;
	return at;
}

static void read_sheet(struct sheet *s)
{
	static char text[65536];
	FILE *f = fopen(CSV, "r");
	size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
	if (f)
		fclose(f);
	text[n] = '\0';
	*s = (struct sheet){.sound = true};
	char *to = s->text;
	EXPECT(n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0,
	       "the file does not say that it is UTF-8");
	for (const char *at = text + 3; n > 3 && *at && s->rows < 200;)
		at = read_row(s, at, &to);
	EXPECT(s->sound, "row %d of the CSV is none", s->rows + 1);
}

static bool is_formula(const char *cell)
{
	char *end;
	strtod(cell, &end);
	return *cell && strchr("=+-@\t\r\n", *cell) && *end;
}

static void spreadsheet(void)
{
	static struct sheet s;
	submit_two_stages();
	work(1, 0, 3, 2);
	work(1, 3, 5, 1);
	sql_text("UPDATE weir.results SET error = '=cmd|''/c calc''!A1, \"x\"' WHERE ordinal = 0");
	sql_text("UPDATE weir.results SET error = E'+1\\n\\u20ac;\\u00fc' WHERE ordinal = 1");
	sql_text("UPDATE weir.results SET error = '-5', processing_ms = -1.5 WHERE ordinal = 2");
	sql_text("UPDATE weir.results SET result = '{\"a\":\"b, \\\"c\\\"\",\"n\":-1}'"
		 " WHERE ordinal = 3");
	sql_text("UPDATE weir.results SET result = '-0.25' WHERE ordinal = 4");
	const struct outcome *o =
		run(NULL, "weir", "report", JOB, "--format", "csv", "--items", "--out", CSV, NULL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	read_sheet(&s);
	if (!EXPECT(s.rows == 1 + ITEMS, "%d rows", s.rows))
		return;
	for (int row = 0; row < s.rows; row++)
		for (int i = 0; i < CELLS; i++)
			EXPECT(!is_formula(s.cells[row][i]), "row %d: %s", row, s.cells[row][i]);
	static const struct {
		int row, column;
		const char *text;
	} wanted[] = {{0, ID, "custom_id"},
		      {0, COST, "cost"},
		      {0, HISTORY, "history"},
		      {1, COST, "0"},
		      {1, ID, "item_00000"},
		      {1, STAGE, "1"},
		      {1, STATUS, "failed"},
		      {1, ERROR, "'=cmd|'/c calc'!A1, \"x\""},
		      {2, ERROR, "'+1\n\xE2\x82\xAC;\xC3\xBC"},
		      {3, ERROR, "-5"},
		      {3, TIME, "-0.0015"},
		      {4, RESULT, "{\"a\":\"b, \\\"c\\\"\",\"n\":-1}"},
		      {5, RESULT, "-0.25"},
		      {6, STATUS, "pending"},
		      {6, TIME, ""}};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		EXPECT(strcmp(s.cells[wanted[i].row][wanted[i].column], wanted[i].text) == 0,
		       "row %d, column %d: %s, not %s", wanted[i].row, wanted[i].column,
		       s.cells[wanted[i].row][wanted[i].column], wanted[i].text);
}

/* ---- ledgers that do not add up ---- */

/* The report names what is wrong, in what it prints as well as in its error. */
static void expect_found(const char *first, const char *second)
{
	json_t *r = report_of(1);
	const char *text = json_string_value(json_object_get(r, "differences"));
	EXPECT(json_is_false(json_object_get(r, "consistent")), "it is said to be consistent");
	EXPECT_PART(text ? text : "", first);
	EXPECT_PART(text ? text : "", second);
	json_decref(r);
	const struct outcome *o = run(NULL, "weir", "report", JOB, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, first);
	EXPECT_PART(o->out, "does not add up");
}

static void a_result_is_missing(void)
{
	do_all();
	sql_text("DELETE FROM weir.results WHERE stage = 1 AND ordinal = 33");
	expect_found("told-s1-b1", "no result of item_00033");
}

static void an_item_is_missing(void)
{
	do_all();
	sql_text("DELETE FROM weir.items WHERE stage = 2 AND ordinal = 44");
	expect_found("told-s2-b2", "no item has ordinal 44");
}

static void an_item_is_missing_before_its_result(void)
{
	submit_two_stages();
	sql_text("DELETE FROM weir.items WHERE stage = 1 AND ordinal = 7");
	expect_found("told-s1-b0", "total_items is 50, but the number of item rows is 49");
}

static void a_counter_was_changed(void)
{
	do_all();
	sql_text("UPDATE weir.job_batches SET failed = failed - 1 WHERE stage = 1 AND n = 0");
	expect_found("told-s1-b0",
		     "stage 1: the batches' failed is 4, but that of the results is 5");
}

/* The sum is right. */
static void two_counters_were_changed(void)
{
	do_all();
	sql_text("UPDATE weir.job_batches SET success = success + 1 - 2 * n"
		 " WHERE stage = 2 AND n < 2");
	expect_found("told-s2-b0", "2 batches");
}

static void a_result_of_a_wrong_state(void)
{
	do_all();
	sql_text("UPDATE weir.results SET status = 3 WHERE stage = 2 AND ordinal = 25");
	expect_found("told-s2-b1", "stage 2: the batches' cancelled is 0");
}

static void the_job_tells_otherwise(void)
{
	do_all();
	sql_text("UPDATE weir.jobs SET success_count = 41");
	expect_found("the job's success_count is 41, but that of its results is 40", "");
}

/* ---- states ---- */

static void no_items(void)
{
	sql_text("INSERT INTO weir.jobs (job_id, kind, context, batch_size, total_items, sealed_at)"
		 " VALUES ('" JOB "', 'sum', '{}', 20, 0, now())");
	json_t *r = report_of(0);
	expect_counts(r, 0, 0, 0, 0);
	EXPECT(json_is_null(json_object_get(r, "p50")), "p50 of nothing");
	json_decref(r);
	expect_step("completed");
	r = report_of(0);
	expect_counts(r, 0, 0, 0, 0);
	expect_word(r, "status", "completed");
	json_decref(r);
	EXPECT_INT(run(NULL, "weir", "report", JOB, "--format", "csv", "--items", NULL)->status, 0);
	EXPECT_INT(run(NULL, "weir", "watch", JOB, NULL)->status, 0);
}

static void being_submitted(void)
{
	submit_two_stages();
	sql_text("UPDATE weir.jobs SET sealed_at = NULL, total_items = NULL");
	work(1, 0, 20, 1);
	json_t *r = report_of(0);
	expect_counts(r, ITEMS, 0, 0, 0);
	expect_stage(r, 0, "running", ITEMS, 20, 0, 0);
	EXPECT(json_is_false(json_object_get(r, "sealed")), "it is sealed");
	json_decref(r);
	const struct outcome *o = run(NULL, "weir", "status", JOB, NULL);
	EXPECT_PART(o->out, "still being submitted");
}

static json_t *status_of(void)
{
	const struct outcome *o = run(NULL, "weir", "status", JOB, "--json", NULL);
	EXPECT(o->status == 0, "status: %d: %s", o->status, o->err);
	return parse(o);
}

static void paused(void)
{
	submit_two_stages();
	work(1, 0, 20, 1);
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " VALUES ('" JOB "', 1, 30, 1, now() + interval '1 hour')");
	sql_text("UPDATE weir.jobs SET max_concurrent = 7");
	const struct outcome *o = run(NULL, "weir", "status", JOB, NULL);
	EXPECT_PART(o->out, "retries    1 waiting, the next is due in ");
	EXPECT_PART(o->out, "7 items at a time");
	EXPECT_PART(o->out, "stage 2    sum.again pending");
	sql_text("SELECT weir.pause_job('" JOB "')");
	sql_text("UPDATE weir.jobs SET pause_reason = 'no money'");
	sql_text("INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		 " VALUES ('" JOB "', 1, 31, 1, now())"); /* by who was at work on it meanwhile */
	o = run(NULL, "weir", "report", JOB, NULL);
	EXPECT_PART(o->out, "status     paused\nreason     no money\n");
	o = run(NULL, "weir", "status", JOB, NULL);
	EXPECT_PART(o->out, "status     paused");
	EXPECT_PART(o->out, "reason     no money\n");
	EXPECT_PART(o->out, "retries    2 waiting, for the job to be resumed");
	sql_text("DELETE FROM weir.retries WHERE ordinal = 31");
	json_t *s = status_of(), *r = report_of(0);
	expect_word(s, "status", "paused");
	EXPECT(json_is_string(json_object_get(s, "paused_at")), "no paused_at");
	EXPECT(json_is_null(json_object_get(s, "next_retry_at")), "next_retry_at");
	EXPECT_INT(number(s, "retries_waiting"), 1);
	EXPECT_INT(number(s, "max_concurrent"), 7);
	expect_counts(r, ITEMS, 0, 0, 0);
	expect_word(r, "status", "paused");
	expect_word(r, "pause_reason", "no money");
	json_decref(r);
	json_decref(s);
}

static void cancel(void)
{
	sql_text("SELECT weir.cancel_job('" JOB "')");
	for (int i = 0; i < 10 && sql("SELECT weir.cancel_items('" JOB "', 100)") > 0; i++)
		;
}

static void expect_cancelled(int success, int failed, int cancelled)
{
	json_t *r = report_of(0), *s = status_of();
	expect_counts(r, ITEMS, success, failed, cancelled);
	expect_word(r, "status", "cancelled");
	EXPECT_INT(number(s, "cancelled"), cancelled);
	EXPECT_INT(number(s, "pending"), 0);
	json_decref(r);
	json_decref(s);
	const struct outcome *o = run(NULL, "weir", "watch", JOB, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "was cancelled");
	EXPECT_PART(o->out, "told cancelled: ");
}

/* What had succeeded in the first stage is a success of no job. */
static void cancelled_in_the_first_stage(void)
{
	submit_two_stages();
	work(1, 0, 5, 2);
	work(1, 5, 25, 1);
	cancel();
	expect_step("advanced");
	expect_step("cancelled");
	expect_cancelled(0, 5, 45);
}

static void cancelled_in_the_last_stage(void)
{
	submit_two_stages();
	do_first_stage();
	work(2, 0, 30, 1);
	cancel();
	expect_step("cancelled");
	expect_cancelled(30, 5, 15);
}

/* Every state that status shows adds up, whoever counts. */
static void status_of_stages(void)
{
	submit_two_stages();
	do_first_stage();
	work(2, 0, 5, 2);
	work(2, 5, 20, 1);
	json_t *s = status_of();
	EXPECT_INT(number(s, "total_items"), ITEMS);
	EXPECT_INT(number(s, "success_count"), 15);
	EXPECT_INT(number(s, "failure_count"), 10);
	EXPECT_INT(number(s, "pending"), 25);
	expect_stage(s, 0, "completed", ITEMS, 45, 5, 0);
	expect_stage(s, 1, "running", 45, 15, 5, 0);
	json_decref(s);
}

/* The second stage gets its late items in a batch behind the others, and is not full before it. */
static void failed_items_tried_again(void)
{
	do_all();
	EXPECT_INT(sql("SELECT weir.retry_items('" JOB "', 'timeout', NULL)"), 10);
	json_t *r = report_of(0);
	expect_counts(r, ITEMS, 40, 0, 0);
	expect_stage(r, 0, "running", ITEMS, 45, 0, 0);
	expect_stage(r, 1, "running", 45, 40, 0, 0);
	json_decref(r);
	work(1, 0, 5, 1);
	expect_step("advanced");
	r = report_of(0);
	expect_counts(r, ITEMS, 40, 0, 0);
	expect_stage(r, 1, "running", ITEMS, 40, 0, 0);
	json_decref(r);
	work(2, 0, 5, 2);
	work(2, 5, 1000, 1);
	expect_step("completed");
	r = report_of(0);
	expect_counts(r, ITEMS, 45, 5, 0);
	expect_stage(r, 0, "completed", ITEMS, 50, 0, 0);
	const json_t *failed = json_array_get(json_object_get(r, "failures"), 0);
	EXPECT_INT((int64_t)json_array_size(json_object_get(failed, "history")), 2);
	json_decref(r);
}

/* ---- jobs that are worked for ---- */

/* A report is of one moment, so it adds up in every one. */
static void while_at_work(void)
{
	int reports = 0;
	struct job *job = job_new(JOB, "sum", 1500);
	job_delay(job, 2);
	for (int i = 0; i < job->size; i += 50)
		item_fails(&job->items[i], "asked_to_fail", ",\"fail\":\"reject\"");
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", "--flush", "5", NULL);
	start(NULL, "weir-consumer", "sum", "--flush", "5", NULL);
	await_final(job, 10);
	do {
		const struct outcome *o =
			run(NULL, "weir", "report", JOB, "--format", "json", NULL);
		EXPECT(o->status == 0, "report %d: %d: %s", reports, o->status, o->err);
		reports++;
	} while (sql("SELECT count(*) FROM weir.jobs WHERE completed_at IS NULL") > 0 &&
		 reports < 2000);
	finish(job);
}

/* The consumer writes down each attempt that another follows. */
static void attempts_of_consumers(void)
{
	struct job *job = job_new(JOB, "sum", 3);
	item_fails(&job->items[0], "asked_to_fail", ",\"fail\":\"retry\"");
	item_fails(&job->items[1], NULL, ",\"fail\":\"retry_once\"");
	job_submit(job);
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "sum", NULL);
	finish(job);
	json_t *r = report_of(0);
	const json_t *items = json_object_get(r, "items");
	for (size_t i = 0; i < 3; i++) {
		const json_t *item = json_array_get(items, i);
		size_t attempts = (size_t)number(item, "attempts");
		const json_t *history = json_object_get(item, "history");
		EXPECT_INT((int64_t)json_array_size(history), (int64_t)attempts - (i > 0));
		for (size_t k = 0; k < json_array_size(history); k++)
			expect_word(json_array_get(history, k), "class", "asked_to_fail");
	}
	EXPECT_INT(number(json_array_get(items, 1), "attempts"), 2);
	json_decref(r);
}

/* ---- watch ---- */

static void a_paused_job_is_waited_for(void)
{
	submit_two_stages();
	sql_text("SELECT weir.pause_job('" JOB "')");
	sql_text("UPDATE weir.jobs SET pause_reason = 'no money'");
	struct process *watch = start(NULL, "weir", "watch", JOB, NULL);
	await_log(watch, "paused  (no money; `weir resume` goes on)");
	await_log(watch, "stage 1/2 sum");
	sql_text("SELECT weir.resume_job('" JOB "')");
	do_first_stage();
	await_log(watch, "stage 2/2 sum.again");
	work(2, 0, 5, 2);
	work(2, 5, 45, 1);
	EXPECT(is_alive(watch), "it ended before the job");
	expect_step("completed");
	EXPECT_INT(await_exit(watch, PATIENCE_MS), 3);
	await_log(watch, "told completed: 40 success, 10 failed, 0 cancelled of 50 items");
}

static void a_cancelled_job_ends_the_watch(void)
{
	submit_two_stages();
	struct process *watch = start(NULL, "weir", "watch", JOB, NULL);
	await_log(watch, "stage 1/2 sum");
	cancel();
	expect_step("advanced");
	expect_step("cancelled");
	EXPECT_INT(await_exit(watch, PATIENCE_MS), 1);
	await_log(watch, "job told was cancelled");
}

/* ---- Redis ---- */

static struct progress *redis;

/* States of the items from `from` up to before `to`, counted once. */
static void tell_redis(uint32_t stage, uint32_t from, uint32_t to, uint8_t state)
{
	struct weir_error err;
	bool known;
	for (uint32_t i = from; i < to; i++)
		EXPECT_INT(progress_count(redis, tag_of(JOB), stage, &i, &state, 1, &known, NULL, &err), 0);
}

static void expect_redis(const char *wanted)
{
	json_t *r = report_of(0);
	expect_word(r, "redis", wanted);
	json_decref(r);
}

static void redis_is_compared_by_stage(void)
{
	struct weir_error err;
	do_all();
	redis_flush();
	expect_redis("expired");
	EXPECT_INT(progress_open(getenv("WEIR_REDIS_URL"), 5000, &redis, &err), 0);
	EXPECT_INT(progress_set_total(redis, tag_of(JOB), 1, ITEMS, &err), 0);
	tell_redis(1, 0, 5, ITEM_FAILED);
	tell_redis(1, 5, ITEMS, ITEM_SUCCESS);
	expect_redis("expired"); /* of the second stage */
	EXPECT_INT(progress_set_total(redis, tag_of(JOB), 2, 45, &err), 0);
	tell_redis(2, 0, 5, ITEM_FAILED);
	expect_redis("different");
	tell_redis(2, 5, 45, ITEM_SUCCESS);
	expect_redis("equal");
	tell_redis(1, 7, 8, ITEM_FAILED);
	expect_redis("different");
	progress_close(redis);
}

/* Redis counts what the ledger's batches are not asked for. */
static void status_from_redis(void)
{
	struct weir_error err;
	submit_two_stages();
	do_first_stage();
	redis_flush();
	json_t *s = status_of();
	expect_word(s, "source", "ledger");
	json_decref(s);
	EXPECT_INT(progress_open(getenv("WEIR_REDIS_URL"), 5000, &redis, &err), 0);
	EXPECT_INT(progress_set_total(redis, tag_of(JOB), 2, 45, &err), 0);
	tell_redis(2, 0, 9, ITEM_SUCCESS);
	s = status_of();
	expect_word(s, "source", "redis");
	EXPECT_INT(number(s, "success_count"), 9);
	EXPECT_INT(number(s, "failure_count"), 5);
	expect_stage(s, 0, "completed", ITEMS, 45, 5, 0);
	expect_stage(s, 1, "running", 45, 9, 0, 0);
	json_decref(s);
	progress_close(redis);
}

void add_report_suite(void);

void add_report_suite(void)
{
	CU_pSuite s = WORLD_SUITE("report");
	CU_add_test(s, "two stages, while at work and at the end", partial_and_final);
	CU_add_test(s, "times are of all stages", times_of_all_stages);
	CU_add_test(s, "models by the context that counts", models);
	CU_add_test(s, "every attempt of an item", history_of_attempts);
	CU_add_test(s, "a row for each item and stage", row_for_item_and_stage);
	CU_add_test(s, "a spreadsheet reads the CSV", spreadsheet);
	CU_add_test(s, "damaged: a result is missing", a_result_is_missing);
	CU_add_test(s, "damaged: an item is missing", an_item_is_missing);
	CU_add_test(s, "damaged: an item is missing before its result",
		    an_item_is_missing_before_its_result);
	CU_add_test(s, "damaged: a counter was changed", a_counter_was_changed);
	CU_add_test(s, "damaged: two counters, the sum is right", two_counters_were_changed);
	CU_add_test(s, "damaged: a result of a wrong state", a_result_of_a_wrong_state);
	CU_add_test(s, "damaged: the job tells otherwise", the_job_tells_otherwise);
	CU_add_test(s, "usage of stages and items", usage_of_stages_and_items);
	CU_add_test(s, "a job without items", no_items);
	CU_add_test(s, "a job that is being submitted", being_submitted);
	CU_add_test(s, "a paused job", paused);
	CU_add_test(s, "a job cancelled in its first stage", cancelled_in_the_first_stage);
	CU_add_test(s, "a job cancelled in its last stage", cancelled_in_the_last_stage);
	CU_add_test(s, "status of stages", status_of_stages);
	CU_add_test(s, "status from Redis", status_from_redis);
	CU_add_test(s, "failed items tried again", failed_items_tried_again);
	CU_add_test(s, "a job at work adds up at every moment", while_at_work);
	CU_add_test(s, "attempts as consumers write them", attempts_of_consumers);
	CU_add_test(s, "watch waits for a paused job", a_paused_job_is_waited_for);
	CU_add_test(s, "watch ends with a cancelled job", a_cancelled_job_ends_the_watch);
	CU_add_test(s, "Redis is compared stage by stage", redis_is_compared_by_stage);
}
