/* Documents, from files to what is known of them; and sentiment, where a model is asked. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lines.h"

#define DOCS LOGS "/documents"
#define SKIPPED LOGS "/documents.skipped"

static void document(const char *path, const char *text)
{
	char name[512];
	snprintf(name, sizeof name, DOCS "/%s", path);
	FILE *f = fopen(name, "w");
	if (!EXPECT(f != NULL, "cannot write %s", name))
		return;
	fputs(text, f);
	EXPECT(fclose(f) == 0, "%s was not written", name);
}

static void documents(void)
{
	EXPECT_INT(run(NULL, "/bin/rm", "-rf", DOCS, SKIPPED, NULL)->status, 0);
	mkdir(DOCS, 0777);
	mkdir(DOCS "/guide", 0777);
	document("README.md", "---\ntitle: Weirs\ntags: [water]\n---\n# A weir\n\nIt is low.\n");
	document("guide/a.md", "---\ncustom_id: first\ncontext:\n  model_key: content_compliance\n"
			       "  custom_instructions: |\n    required sections: Licence\n"
			       "    banned terms: dam\n---\n# A\n\nNo\ndam.\n\n### C\n");
	document("guide/b.markdown", "Nothing but text, and <http://a.b>.\n");
	document("notes.txt", "no document\n");
}

static const struct outcome *submit(const char *path, const char *model, const char *more,
				    const char *value)
{
	return run(NULL, "weir", "submit", "content", path, "--job", "docs", "--context",
		   "model_key=document_metadata", "--context", model, more, value, NULL);
}

static void work(const char *kind)
{
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", kind, NULL);
	await(PATIENCE_MS, "SELECT completed_at IS NOT NULL AND counted FROM weir.jobs");
}

static json_t *results(int status)
{
	const struct outcome *o = run(NULL, "weir", "results", "docs", NULL);
	EXPECT(o->status == status, "results: %d: %s", o->status, o->err);
	return lines_of_run();
}

/* ---- by itself ---- */

static void a_folder_of_documents(void)
{
	documents();
	const struct outcome *o = submit(DOCS, "ai_model=local", NULL, NULL);
	EXPECT(o->status == 0, "submit: %d: %s", o->status, o->err);
	EXPECT_PART(o->out, "3 items");
	work("content");
	json_t *lines = results(0);
	const json_t *line = line_of(lines, "README");
	EXPECT_VALUE(line, "status", "success");
	EXPECT_VALUE(line, "input.path", "README.md");
	EXPECT_VALUE(line, "input.front_matter", "{\"title\":\"Weirs\",\"tags\":[\"water\"]}");
	EXPECT_VALUE(line, "results.content.title", "Weirs");
	EXPECT_VALUE(line, "results.content.words", "5");
	EXPECT_VALUE(line, "results.content.headings",
		     "[{\"level\":1,\"text\":\"A weir\",\"line\":5}]");
	EXPECT_VALUE(line, "results.content.front_matter.tags", "[\"water\"]");
	EXPECT_VALUE(line, "usage",
		     "{\"calls\":0,\"input_tokens\":0,\"output_tokens\":0,"
		     "\"cost\":0,\"cached_input_tokens\":0,\"cache_write_tokens\":0,"
		     "\"cache_write_1h_tokens\":0,\"reasoning_tokens\":0,\"usage_unknown\":0,"
		     "\"cost_unknown\":0}");
	line = line_of(lines, "first");
	EXPECT_VALUE(line, "context.model_key", "content_compliance");
	EXPECT_VALUE(line, "context.ai_model", "local");
	EXPECT_VALUE(
		line, "results.content.faults",
		"[{\"rule\":\"banned_term\",\"line\":12,\"text\":\"banned term: dam\"},"
		"{\"rule\":\"heading_order\",\"line\":14,\"text\":\"level 3 after level 1: C\"},"
		"{\"rule\":\"required_section\",\"line\":null,"
		"\"text\":\"there is no section: Licence\"}]");
	EXPECT_VALUE(json_array_get(lines, 2), "results.content.links",
		     "[{\"url\":\"http://a.b\",\"text\":\"http://a.b\",\"line\":1}]");
	json_decref(lines);
	EXPECT_INT(sql("SELECT count(*) FROM batch_mapping WHERE table_name = 'file'"
		       " AND record_id IN ('README.md', 'guide/a.md', 'guide/b.markdown')"),
		   3);
	EXPECT_PART(submit(DOCS, "ai_model=local", NULL, NULL)->out, "were there already");
}

static void a_faulty_document(void)
{
	documents();
	document("guide/aa.md", "---\ntitle: ok\ntags: [a\n---\nx\n");
	const struct outcome *o = submit(DOCS, "ai_model=local", NULL, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "guide/aa.md:");
	document("c.md", "---\ncustom_id: first\n---\n");
	o = submit(DOCS, "ai_model=local", "--skip-bad", DOCS "/skipped.md");
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "that is the input");
	o = submit(DOCS, "ai_model=local", "--skip-bad", SKIPPED);
	EXPECT(o->status == 0, "submit: %d: %s", o->status, o->err);
	EXPECT_PART(o->out, "2 bad records");
	o = run(NULL, "/bin/cat", SKIPPED, NULL);
	EXPECT_PART(o->out, DOCS "/guide/a.md\n" DOCS "/guide/aa.md\n");
	work("content");
	json_t *lines = results(0);
	EXPECT_INT((int64_t)json_array_size(lines), 3);
	EXPECT_VALUE(line_of(lines, "first"), "input.path", "c.md");
	json_decref(lines);
}

static void one_id_for_two(void)
{
	documents();
	document("c.md", "---\ncustom_id: first\n---\n");
	const struct outcome *o = submit(DOCS, "ai_model=local", NULL, NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "guide/a.md: file c.md has the custom_id first already");
	o = submit(DOCS, "ai_model=local", "--batch-size", "1");
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "guide/a.md: file c.md has the custom_id first already");
}

static void several_paths(void)
{
	documents();
	const struct outcome *o =
		run(NULL, "weir", "submit", "content", DOCS "/guide", DOCS "/README.md", "--job",
		    "docs", "--context", "model_key=document_metadata", "--context",
		    "ai_model=local", NULL);
	EXPECT(o->status == 0, "submit: %d: %s", o->status, o->err);
	EXPECT_INT(
		sql("SELECT count(*) FROM weir.items WHERE record_id LIKE '%%/documents/%%.m%%'"),
		3);
	o = run(NULL, "weir", "submit", "content", DOCS "/README.md", DOCS "/none.md", NULL);
	EXPECT_PART(o->err, "none.md: No such file");
	o = run(NULL, "weir", "submit", "content", "a.jsonl", "b.jsonl", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "a.jsonl: No such file");
	o = run(NULL, "weir", "submit", "content", DOCS, DOCS "/notes.txt", "--job", "more",
		"--context", "model_key=document_metadata", "--context", "ai_model=local", NULL);
	EXPECT_INT(o->status, 2);
	EXPECT_PART(o->err, "notes.txt: by its name that is no Markdown");
	o = run(NULL, "weir", "submit", "content", DOCS, DOCS "/notes.txt", "--job", "more",
		"--context", "model_key=document_metadata", "--context", "ai_model=local",
		"--format", "markdown", NULL);
	EXPECT_PART(o->out, "4 items");
}

/* The sample is a line of JSON; its lines count from where it says. */
static void lines_of_json(void)
{
	documents();
	const struct outcome *o = run(NULL, "weir", "submit", "content", "--sample", NULL);
	document("one.jsonl", o->out);
	EXPECT_INT(submit(DOCS "/one.jsonl", "ai_model=local", NULL, NULL)->status, 0);
	work("content");
	json_t *lines = results(0);
	EXPECT_VALUE(line_of(lines, "guide"), "results.content.headings",
		     "[{\"level\":1,\"text\":\"A guide\",\"line\":4}]");
	json_decref(lines);
}

static void expect_refused(const char *line, const char *key, const char *model, const char *part)
{
	document("bad.jsonl", line);
	const struct outcome *o = run(NULL, "weir", "submit", "content", DOCS "/bad.jsonl",
				      "--context", key, "--context", model, NULL);
	EXPECT(o->status != 0, "%s was taken", line);
	EXPECT_PART(o->err, part);
}

static void refused(void)
{
	const char *good = "{\"custom_id\":\"a\",\"text\":\"x\"}";
	documents();
	expect_refused("{\"custom_id\":\"a\"}", "model_key=document_metadata", "ai_model=local",
		       "lacks text");
	expect_refused("{\"custom_id\":\"a\",\"text\":1}", "model_key=document_metadata",
		       "ai_model=claude", "text is a number, and should be a text");
	expect_refused("{\"custom_id\":\"a\",\"text\":\"x\",\"line\":0}",
		       "model_key=document_metadata", "ai_model=local", "line must be");
	expect_refused("{\"custom_id\":\"a\",\"text\":\"x\",\"front_matter\":[]}",
		       "model_key=document_metadata", "ai_model=local",
		       "front_matter is an array, and should be an object");
	expect_refused(good, "model_key=sentiment", "ai_model=local", "\"content_compliance\"");
	expect_refused(good, "model_key=document_metadata", "ai_model=none", "claude");
	expect_refused(good, "other=1", "ai_model=local", "model_key");
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), 0);
}

/* The document itself is what the second stage works on. */
static void both_in_a_row(void)
{
	documents();
	document("job.json",
		 "{\"job\":\"docs\",\"input\":\".\",\"context\":{\"ai_model\":\"local\","
		 "\"model_key\":\"document_metadata\"},\"stages\":[\"content.meta\","
		 "{\"kind\":\"content\",\"step\":\"rules\","
		 "\"context\":{\"model_key\":\"content_compliance\"}}]}");
	const struct outcome *o = run(NULL, "weir", "submit", "--job-file", DOCS "/job.json", NULL);
	EXPECT(o->status == 0, "submit: %d: %s", o->status, o->err);
	work("content");
	json_t *lines = results(0);
	const json_t *line = line_of(lines, "README");
	EXPECT_VALUE(line, "results.meta.title", "Weirs");
	EXPECT_VALUE(line, "results.rules.compliant", "true");
	EXPECT_VALUE(line, "attempts", "2");
	EXPECT_VALUE(line, "input.path", "README.md");
	json_decref(lines);
}

/* ---- asking a model ---- */

/* In whatever order the calls were made. */
static bool was_asked(const char *part)
{
	size_t i;
	bool found = false;
	json_t *line, *log = fake_log();
	json_array_foreach(log, i, line) { found = found || strstr(value_of(line, "user"), part); }
	json_decref(log);
	return found;
}

static void documents_for_a_model(void)
{
	documents();
	EXPECT_INT(submit(DOCS, "ai_model=claude", NULL, NULL)->status, 0);
	work("content");
	json_t *lines = results(0);
	const json_t *line = line_of(lines, "README");
	EXPECT(*value_of(line, "results.content.summary") != '\0', "there is no summary");
	EXPECT_VALUE(line, "results.content.usage.ai_model", "claude");
	EXPECT_VALUE(line, "usage.calls", "1");
	EXPECT(strtod(value_of(line, "usage.cost"), NULL) > 0, "it cost nothing");
	json_decref(lines);
	EXPECT_INT(fake_count("billed"), 3);
	EXPECT(was_asked("Path: README.md"), "README.md was not asked about");
}

/* A line of JSON with the text alone; in the second stage it is the input. */
static void two_stages_by_a_model(void)
{
	documents();
	document("one.jsonl", "{\"custom_id\":\"one\",\"text\":\"# Low\"}\n");
	const struct outcome *o =
		run(NULL, "weir", "submit", "content", DOCS "/one.jsonl", "--job", "docs",
		    "--stage", "content.meta", "--stage", "content.rules", "--context",
		    "model_key=document_metadata", "--context", "ai_model=claude", NULL);
	EXPECT(o->status == 0, "submit: %d: %s", o->status, o->err);
	work("content");
	json_t *lines = results(0);
	const json_t *line = line_of(lines, "one");
	EXPECT_VALUE(line, "usage.calls", "2");
	EXPECT(*value_of(line, "results.rules.summary") != '\0', "there is no second summary");
	json_decref(lines);
	lines = fake_log();
	EXPECT_PART(value_of(json_array_get(lines, 1), "user"), "# Low");
	json_decref(lines);
}

/* It would be found out item by item, when it is their turn. */
static void a_template_of_what_is_not_there(void)
{
	documents();
	template_write("authors", "description: d\nuser: |\n  {{front_matter.author}}\nfields:\n"
				  "  name: {type: text}\n");
	const struct outcome *o =
		run(NULL, "weir", "submit", "content", DOCS, "--job", "docs", "--context",
		    "model_key=authors", "--context", "ai_model=claude", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(
		o->err,
		"README.md: the template authors needs front_matter.author, and it is not there");
}

#define SCORES                                                                                     \
	"SELECT count(*) FROM news_articles n JOIN batch_items i ON i.custom_id = 'n_' || n.id"    \
	" WHERE n.sentiment_score = (i.result->>'sentiment_score')::float8"                        \
	" AND i.result->'usage'->>'ai_model' = '%s'"

/* Answers are written to the rows; items that came from no row are done as well. */
static void sentiment_by(const char *model)
{
	char context[64];
	struct job *job = job_new("docs", "sentiment", 40);
	for (int i = 0; i < job->size; i++) {
		struct item *it = &job->items[i];
		snprintf(it->id, sizeof it->id, "n_%d", i + 1);
		if (i >= 30)
			snprintf(it->more, sizeof it->more, ",\"title\":\"t%d\"", i);
		else
			snprintf(it->more, sizeof it->more,
				 ",\"table_name\":\"news_articles\",\"record_id\":%d,"
				 "\"title\":\"t%d\"",
				 i + 1, i);
	}
	job_write(job);
	sql_text("INSERT INTO news_articles (id, title) SELECT n, 't' FROM generate_series(1, 30) "
		 "n");
	snprintf(context, sizeof context, "ai_model=%s", model);
	const struct outcome *o =
		run(NULL, "weir", "submit", "sentiment", job->file, "--job", job->id, "--context",
		    "model_key=sentiment", "--context", context, NULL);
	EXPECT(o->status == 0, "submit: %d: %s", o->status, o->err);
	work("sentiment");
	EXPECT_INT(sql("SELECT count(*) FROM batch_items WHERE status = 'success'"), 40);
	EXPECT_INT(sql(SCORES, model), 30);
	EXPECT_INT(fake_count("billed"), 40);
}

static void sentiment_by_a_model(void) { sentiment_by("gpt"); }

static void sentiment_by_remote_batches(void)
{
	sentiment_by("claude-batch");
	EXPECT_INT(sql("SELECT count(*) FROM batch_mapping m JOIN batch_remote b"
		       " USING (remote_batch_id) WHERE b.job_id = 'docs'"
		       " AND 'n_' || m.record_id = m.custom_id"),
		   30);
}

/* A template of somebody's own, without a score: nothing is written, and it is said why. */
static void a_template_without_a_score(void)
{
	struct job *job = job_new("docs", "sentiment", 3);
	job_write(job);
	template_write("mood", "description: d\nsystem: s\nuser: |\n  {{payload}}\nfields:\n"
			       "  mood: {type: text}\n");
	const struct outcome *o =
		run(NULL, "weir", "submit", "sentiment", job->file, "--job", job->id, "--context",
		    "model_key=mood", "--context", "ai_model=gpt", NULL);
	EXPECT(o->status == 0, "submit: %d: %s", o->status, o->err);
	work("sentiment");
	EXPECT_INT(sql("SELECT count(*) FROM batch_items WHERE error_class = 'bad_template'"), 3);
}

void add_content_suite(void);

void add_content_suite(void)
{
	CU_pSuite s = REAL_SUITE("content");
	CU_add_test(s, "a folder of documents", a_folder_of_documents);
	CU_add_test(s, "a faulty document", a_faulty_document);
	CU_add_test(s, "one custom_id for two documents", one_id_for_two);
	CU_add_test(s, "several paths", several_paths);
	CU_add_test(s, "a line of JSON", lines_of_json);
	CU_add_test(s, "what is refused", refused);
	CU_add_test(s, "metadata, then compliance", both_in_a_row);
	CU_add_test(s, "documents for a model", documents_for_a_model);
	CU_add_test(s, "two stages by a model", two_stages_by_a_model);
	CU_add_test(s, "a template of what is not there", a_template_of_what_is_not_there);
	CU_add_test(s, "sentiment by a model", sentiment_by_a_model);
	CU_add_test(s, "sentiment by a model, in remote batches", sentiment_by_remote_batches);
	CU_add_test(s, "a template without a score", a_template_without_a_score);
}
