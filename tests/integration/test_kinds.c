/* What a kind tells of itself is what its items are checked by, at submit and in the consumer. */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define REAL_PLUGINS WEIR_BUILD_DIR "/lib/weir"
#define ITEMS LOGS "/kinds.jsonl"
#define LOCAL                                                                                      \
	"--context", "model_key=sentiment", "--context", "ai_model=local", "--plugin-dir",         \
		REAL_PLUGINS, NULL

static void write_items(const char *lines)
{
	FILE *f = fopen(ITEMS, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(lines, f);
	fclose(f);
}

static const struct outcome *submit(const char *lines)
{
	write_items(lines);
	return run(NULL, "weir", "submit", "sentiment", ITEMS, "--job", "k", LOCAL);
}

/* ---- at submit ---- */

static void refused_at_submit(void)
{
	static const char *const rows[][2] = {
		{"\"body2\":\"x\"", "it has nothing that sentiment reads"},
		{"\"Title\":\"x\"", "there is: Title"},
		{"\"title\":5", "title is a number, and should be a text"},
		{"\"title\":\"x\",\"content\":[\"y\"]",
		 "content is an array, and should be a text"},
		{"\"title\":\"\\u2003\\u200b\"", "title (blank)"},
		{"\"title\":\"x\",\"table_name\":\"articles\",\"record_id\":\"1\"",
		 "table_name is \"articles\""},
		{"\"title\":\"x\",\"table_name\":\"news_articles\",\"record_id\":\"1e3\"",
		 "record_id is \"1e3\""},
	};
	char line[300];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(line, sizeof line,
			 "{\"custom_id\":\"a\",\"text\":\"x\"}\n{\"custom_id\":\"b\",%s}\n",
			 rows[i][0]);
		const struct outcome *o = submit(line);
		EXPECT(o->status == 1, "%s: %d", rows[i][0], o->status);
		EXPECT_PART(o->err, "line 2: ");
		EXPECT_PART(o->err, rows[i][1]);
	}
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), 0);
}

/* The kind of a later stage has its say when the job is submitted, too. */
static void refused_by_a_later_stage(void)
{
	write_items("{\"custom_id\":\"a\",\"text\":\"x\",\"table_name\":\"pages\","
		    "\"record_id\":\"1\"}\n");
	const struct outcome *o =
		run(NULL, "weir", "submit", "content", ITEMS, "--job", "k", "--stage", "content",
		    "--stage", "sentiment", "--context", "model_key=document_metadata", "--context",
		    "ai_model=local", "--plugin-dir", REAL_PLUGINS, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "stage 2: table_name is \"pages\"");
	write_items("{\"custom_id\":\"a\",\"text\":\"  \"}\n");
	o = run(NULL, "weir", "submit", "content", ITEMS, "--job", "k", "--stage", "content",
		"--stage", "sentiment", "--context", "model_key=document_metadata", "--context",
		"ai_model=local", "--plugin-dir", REAL_PLUGINS, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "stage 2: it has nothing that sentiment reads");
}

/* ---- at the consumer: what nobody has checked at submit ---- */

#define MANY 300

static struct job *queue_many(void)
{
	struct job *job = job_new("many", "sentiment", MANY);
	for (int i = 0; i < job->size; i++)
		item_fails(&job->items[i], "bad_mapping", ",\"title\":\"Profit rises\"");
	job->batch_size = 100;
	job_write(job);
	EXPECT_INT(run(NULL, "weir", "init", "--plugin-dir", REAL_PLUGINS, NULL)->status, 0);
	const struct outcome *o =
		run(NULL, "weir", "submit", "sentiment", job->file, "--job", job->id, LOCAL);
	EXPECT(o->status == 0, "%d: %s", o->status, o->err);
	return job;
}

static void change_tables(void)
{
	sql("WITH u AS (UPDATE weir.items SET table_name = 'articles', record_id = ordinal::text"
	    " RETURNING 1) SELECT count(*) FROM u");
}

static int lines_with(const char *log, const char *word)
{
	int n = 0;
	for (const char *at = log; (at = strstr(at, word)); at++)
		n++;
	return n;
}

/* One line for all of them, or a few if they took more than a second. */
static void expect_few_lines(struct process *consumer)
{
	stop_all();
	const char *log = log_of(consumer);
	EXPECT_PART(log, "items_failed");
	EXPECT_PART(log, "code=bad_mapping");
	int n = lines_with(log, "bad_mapping");
	EXPECT(n <= 10, "%d lines", n);
	EXPECT_INT(lines_with(log, "flush_divided"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM batch_items WHERE status = 'failed'"
		       " AND error_class = 'bad_mapping' AND error LIKE '%%\"articles\"%%'"),
		   MANY);
}

static void unknown_tables(void)
{
	struct job *job = queue_many();
	change_tables();
	start(NULL, "weir-relay", NULL);
	struct process *consumer =
		start(NULL, "weir-consumer", "sentiment", "--plugin-dir", REAL_PLUGINS, NULL);
	await_ended(job);
	expect_few_lines(consumer);
}

/* The messages of an old relay do not say where their items came from. */
static void unknown_tables_in_the_ledger_alone(void)
{
	struct job *job = queue_many();
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job);
	stop(relay);
	change_tables();
	struct process *consumer =
		start(NULL, "weir-consumer", "sentiment", "--plugin-dir", REAL_PLUGINS, NULL);
	start(NULL, "weir-relay", NULL);
	await_ended(job);
	expect_few_lines(consumer);
	EXPECT_INT(sql("SELECT max(attempts) FROM weir.results"), 1);
}

/* Their scores go to their rows; the row is found, whoever says first which it is. */
static void known_tables_in_the_ledger_alone(void)
{
	struct job *job = queue_many();
	struct process *relay = start(NULL, "weir-relay", NULL);
	await_queued(job);
	stop(relay);
	sql("WITH u AS (UPDATE weir.items SET table_name = 'news_articles',"
	    " record_id = (ordinal + 1)::text RETURNING 1) SELECT count(*) FROM u");
	sql_text("INSERT INTO news_articles (id, title) SELECT n, 'x' FROM generate_series(1, 300) "
		 "n");
	start(NULL, "weir-consumer", "sentiment", "--plugin-dir", REAL_PLUGINS, NULL);
	start(NULL, "weir-relay", NULL);
	await_ended(job);
	stop_all();
	EXPECT_INT(sql("SELECT count(*) FROM news_articles WHERE sentiment_score > 0"), MANY);
}

/* ---- telling ---- */

static void telling(void)
{
	const struct outcome *o = run(NULL, "weir", "kinds", "--plugin-dir", REAL_PLUGINS, NULL);
	EXPECT_INT(o->status, 0);
	EXPECT_PART(o->out, "sentiment    scores the sentiment");
	o = run(NULL, "weir", "kinds", "invoice", "--plugin-dir", REAL_PLUGINS, NULL);
	EXPECT_INT(o->status, 0);
	EXPECT_PART(o->out, "line_items[].unit_price");
	o = run(NULL, "weir", "kinds", "sum", NULL); /* one that tells nothing */
	EXPECT_INT(o->status, 0);
	EXPECT_PART(o->out, "does not tell what it reads");
	EXPECT_INT(run(NULL, "weir", "kinds", "nosuch", NULL)->status, 1);
	EXPECT_INT(run(NULL, "weir", "kinds", "sum", "--format", "xml", NULL)->status, 2);
	o = run(NULL, "weir", "submit", "sentiment", "--sample", "--plugin-dir", REAL_PLUGINS,
		NULL);
	EXPECT_INT(o->status, 0);
	EXPECT(o->out[0] == '{' && strchr(o->out, '\n') == o->out + strlen(o->out) - 1,
	       "the sample is no line of JSON: %s", o->out);
	EXPECT_PART(o->err, "one of these");
}

void add_kinds_suite(void);

void add_kinds_suite(void)
{
	CU_pSuite s = WORLD_SUITE("kinds");
	CU_add_test(s, "what is refused at submit", refused_at_submit);
	CU_add_test(s, "what a later stage refuses", refused_by_a_later_stage);
	CU_add_test(s, "tables that are not written to: one line", unknown_tables);
	CU_add_test(s, "such that only the ledger knows", unknown_tables_in_the_ledger_alone);
	CU_add_test(s, "good ones that only the ledger knows", known_tables_in_the_ledger_alone);
	CU_add_test(s, "what is told", telling);
}
