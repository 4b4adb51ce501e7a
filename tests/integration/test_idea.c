/* Ideas: a title each, then a script. */
#include <stdio.h>
#include <string.h>

#include "lines.h"

#define IDEAS LOGS "/ideas.jsonl"

/* Each with an author, and every tenth with a context of its own. */
static void write_ideas(int n)
{
	FILE *f = fopen(IDEAS, "w");
	if (!EXPECT(f != NULL, "cannot write " IDEAS))
		return;
	for (int i = 0; i < n; i++)
		fprintf(f,
			"{\"custom_id\":\"idea_%d\",\"idea\":\"Thing %d\",\"author\":\"A%d\"%s}\n",
			i, i, i,
			i % 10 == 0 ? ",\"context\":{\"custom_instructions\":\"In rhyme.\","
				      "\"mood\":7}"
				    : "");
	EXPECT(fclose(f) == 0, IDEAS " was not written");
}

static const struct outcome *submit(const char *model, const char *first, const char *second)
{
	return run(NULL, "weir", "submit", "idea", IDEAS, "--job", "ideas", "--context",
		   "model_key=idea", "--context", model, "--stage", first,
		   second ? "--stage" : NULL, second, NULL);
}

static void work(void)
{
	start(NULL, "weir-relay", NULL);
	start(NULL, "weir-consumer", "idea", NULL);
	await(PATIENCE_MS, "SELECT completed_at IS NOT NULL AND counted FROM weir.jobs");
}

static void expect_idea(const json_t *lines, int i)
{
	char id[32], idea[32], author[32];
	snprintf(id, sizeof id, "idea_%d", i);
	snprintf(idea, sizeof idea, "Thing %d", i);
	snprintf(author, sizeof author, "A%d", i);
	const json_t *line = line_of(lines, id);
	EXPECT_VALUE(line, "status", "success");
	EXPECT_VALUE(line, "input.idea", idea);
	EXPECT_VALUE(line, "input.author", author);
	EXPECT_VALUE(line, "context.mood", i % 10 == 0 ? "7" : "");
	EXPECT_VALUE(line, "context.model_key", "idea");
	EXPECT_VALUE(line, "usage.calls", "2");
	EXPECT_VALUE(line, "attempts", "2");
	EXPECT(*value_of(line, "results.title.title") != '\0', "%s has no title", id);
	EXPECT(*value_of(line, "results.script.script") != '\0', "%s has no script", id);
}

/* The script was asked for with the title that had been made, and both in the item's own way. */
static void expect_asked(const json_t *lines, int i)
{
	char id[32], title[256], idea[64];
	size_t k;
	int scripts = 0, rhymes = 0;
	json_t *asked, *log = fake_log();
	snprintf(id, sizeof id, "idea_%d", i);
	snprintf(idea, sizeof idea, "The idea: Thing %d\n", i);
	snprintf(title, sizeof title, "Title: %s",
		 value_of(line_of(lines, id), "results.title.title"));
	json_array_foreach(log, k, asked)
	{
		const char *user = json_string_value(json_object_get(asked, "user"));
		const char *system = json_string_value(json_object_get(asked, "system"));
		if (!user || !strstr(user, idea))
			continue;
		scripts += strstr(user, title) != NULL;
		rhymes += system && strstr(system, "In rhyme.") != NULL;
	}
	json_decref(log);
	EXPECT_INT(scripts, 1);
	EXPECT_INT(rhymes, i % 10 == 0 ? 2 : 0);
}

static void titles_and_scripts(const char *model, int n)
{
	write_ideas(n);
	const struct outcome *o = submit(model, "idea.title", "idea.script");
	EXPECT(o->status == 0, "submit: %d: %s", o->status, o->err);
	work();
	o = run(NULL, "weir", "results", "ideas", NULL);
	EXPECT(o->status == 0, "results: %d: %s", o->status, o->err);
	json_t *lines = lines_of_run();
	EXPECT_INT((int64_t)json_array_size(lines), n);
	for (int i = 0; i < n; i++)
		expect_idea(lines, i);
	expect_asked(lines, 0);
	expect_asked(lines, n - 1);
	json_decref(lines);
	EXPECT_INT(fake_count("billed"), 2 * n);
}

static void by_calls(void) { titles_and_scripts("ai_model=claude", 105); }

static void by_remote_batches(void) { titles_and_scripts("ai_model=gpt-batch", 35); }

static void expect_refused(const char *model, const char *first, const char *second,
			   const char *part)
{
	const struct outcome *o = submit(model, first, second);
	EXPECT(o->status != 0, "%s with %s was taken", first, model);
	EXPECT_PART(o->err, part);
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), 0);
}

static void refused(void)
{
	write_ideas(1);
	expect_refused("ai_model=local", "idea.title", "idea.script",
		       "written by a language model");
	expect_refused("ai_model=clod", "idea.title", "idea.script", "claude");
	expect_refused("ai_model=claude", "idea", NULL, "is not there, or blank");
	expect_refused("ai_model=claude", "idea.poem", NULL, "is not there, or blank");
	expect_refused("ai_model=claude", "idea.script", NULL, "is not there, or blank");
	FILE *f = fopen(IDEAS, "w");
	if (!EXPECT(f != NULL, "cannot write " IDEAS))
		return;
	fprintf(f, "{\"custom_id\":\"a\",\"idea\":\"\"}\n");
	fclose(f);
	expect_refused("ai_model=claude", "idea.title", NULL, "lacks idea, a text");
}

void add_idea_suite(void);

void add_idea_suite(void)
{
	CU_pSuite s = REAL_SUITE("idea");
	CU_add_test(s, "titles and scripts by calls", by_calls);
	CU_add_test(s, "titles and scripts by remote batches", by_remote_batches);
	CU_add_test(s, "what is refused", refused);
}
