/* What submit and doctor say of models and templates. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define MODELS LOGS "/models.yaml"
#define ITEMS LOGS "/models.jsonl"

#define GOOD                                                                                       \
	"models:\n  far: {provider: openai, base_url: 'http://127.0.0.1:9', key_env: "             \
	"WEIR_TEST_KEY}\n"
#define ITEM                                                                                       \
	"{\"custom_id\":\"a\",\"key\":\"x\",\"amount\":1,\"title\":\"t\",\"context\":{\"label\":"  \
	"\"l\"}}\n"
#define KNOWN "there are: far, local"
#define TEMPLATES "there are: content_compliance, document_metadata, idea_script, idea_title, "

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	CU_ASSERT_FATAL(f != NULL);
	fputs(text, f);
	fclose(f);
}

static void prepare(const char *models, const char *items)
{
	write_file(MODELS, models);
	write_file(ITEMS, items);
	program_env("WEIR_MODELS", MODELS);
	program_env("WEIR_TEST_KEY", "sk-secret");
}

static void leave(void)
{
	program_env("WEIR_MODELS", NULL);
	program_env("WEIR_TEST_KEY", NULL);
}

static void expect_refused(const struct outcome *o, int status, const char *first,
			   const char *second)
{
	EXPECT_INT(o->status, status);
	EXPECT_PART(o->err, first);
	EXPECT_PART(o->err, second);
	EXPECT(!strstr(o->err, "sk-secret"), "a key is shown: %s", o->err);
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), 0);
}

static const struct outcome *submit(const char *first, const char *second)
{
	return run(NULL, "weir", "submit", "ask", ITEMS, "--job", "m", "--context", first,
		   "--context", second, NULL);
}

static void names_that_there_are_not(void)
{
	prepare(GOOD, ITEM);
	expect_refused(submit("ai_model=near", "model_key=sentiment"), 1,
		       "line 1: ai_model \"near\" is not known", KNOWN);
	expect_refused(submit("ai_model=far", "model_key=nosuch"), 1, "model_key \"nosuch\"",
		       TEMPLATES);
	expect_refused(submit("x=y", "model_key=sentiment"), 1, "ai_model \"\"", KNOWN);
	EXPECT_INT(submit("ai_model=local", "model_key=nosuch")->status, 0);
	leave();
}

static void names_that_there_are(void)
{
	prepare(GOOD, ITEM);
	const struct outcome *o = submit("ai_model=far", "model_key=sentiment");
	EXPECT(o->status == 0, "%s", o->err);
	EXPECT_INT(sql("SELECT count(*) FROM weir.items"), 1);
	leave();
}

static void an_item_of_its_own(void)
{
	prepare(GOOD,
		ITEM "{\"custom_id\":\"b\",\"title\":\"t\",\"context\":{\"ai_model\":\"near\"}}\n");
	const struct outcome *o = submit("ai_model=far", "model_key=sentiment");
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, "line 2: ai_model \"near\"");
	leave();
}

static const struct outcome *submit_stages(const char *second, const char *model, const char *key)
{
	return run(NULL, "weir", "submit", "pass", ITEMS, "--job", "m", "--stage", "pass",
		   "--stage", second, "--context", model, "--context", key, NULL);
}

/* Whose items nobody can check yet. */
static void in_a_later_stage(void)
{
	prepare(GOOD, ITEM);
	expect_refused(submit_stages("ask.title", "ai_model=near", "model_key=idea"), 2,
		       "stage 2: ai_model \"near\"", KNOWN);
	expect_refused(submit_stages("ask.x", "ai_model=far", "model_key=idea"), 2,
		       "stage 2: model_key \"idea\" with the step \"x\"", TEMPLATES);
	write_file(ITEMS, "{\"custom_id\":\"b\",\"context\":{\"model_key\":\"nosuch\"}}\n");
	expect_refused(submit_stages("ask.title", "ai_model=far", "model_key=idea"), 1,
		       "line 1: stage 2: model_key \"nosuch\"", TEMPLATES);
	write_file(ITEMS, ITEM);
	expect_refused(submit_stages("ask.script", "ai_model=far", "model_key=idea"), 1,
		       "line 1: stage 2: the template idea_script needs input.idea", "");
	write_file(ITEMS, "{\"custom_id\":\"a\",\"idea\":\"x\"}\n");
	EXPECT_INT(submit_stages("ask.script", "ai_model=far", "model_key=idea")->status, 0);
	leave();
}

/* Of a kind that asks no model, the same names mean something else. */
static void for_those_who_do_not_ask(void)
{
	prepare(GOOD, ITEM);
	EXPECT_INT(submit_stages("pass.b", "ai_model=near", "model_key=nosuch")->status, 0);
	leave();
}

static void a_file_with_faults(void)
{
	prepare("models:\n  far: {provider: openai, key_env: WEIR_TEST_UNSET}\n  x: {}\n", ITEM);
	const struct outcome *o = submit("ai_model=far", "model_key=sentiment");
	expect_refused(o, 2, MODELS ":3: provider is missing", "");
	EXPECT(!strstr(o->err, "WEIR_TEST_UNSET"), "a key is wanted only to name a model: %s",
	       o->err);
	EXPECT_PART(o->err, "bad_settings");
	o = run(NULL, "weir", "doctor", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->out, "fail  models      " MODELS ":2: key_env");
	EXPECT_PART(o->out, "fail  models      " MODELS ":3: provider is missing");
	leave();
}

static void the_doctor_tells(void)
{
	prepare(GOOD, ITEM);
	const struct outcome *o = run(NULL, "weir", "doctor", NULL);
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->out, "fail  models      far: far at http://127.0.0.1:9/v1: not reachable: ");
	EXPECT_PART(o->out, "ok    models      local: by the plugins themselves");
	EXPECT_PART(o->out, "ok    templates   sentiment: ");
	EXPECT(!strstr(o->out, "sk-secret"), "a key is shown");
	leave();
}

void add_models_suite(void);

void add_models_suite(void)
{
	CU_pSuite s = WORLD_SUITE("models");
	CU_add_test(s, "names that there are not", names_that_there_are_not);
	CU_add_test(s, "names that there are", names_that_there_are);
	CU_add_test(s, "an item of its own", an_item_of_its_own);
	CU_add_test(s, "in a later stage", in_a_later_stage);
	CU_add_test(s, "for those who do not ask", for_those_who_do_not_ask);
	CU_add_test(s, "a file with faults", a_file_with_faults);
	CU_add_test(s, "the doctor tells", the_doctor_tells);
}
