/* The kind `idea`: a title for an idea (step title), then a script (step script), which has the
 * idea and its title. A language model writes them; the templates are those of the item's
 * model_key, one for each step. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"

#define IDEA_MAX (16 * 1024) /* bytes */

struct state {
	const struct weir_host *host;
};

static int open_plugin(const struct weir_host *host, const void *config, void **out,
		       struct weir_error *err)
{
	(void)config;
	struct state *s = malloc(sizeof *s);
	if (!s)
		return plugin_fail_memory(err);
	s->host = host;
	*out = s;
	return 0;
}

static int check_idea(const struct state *s, const struct weir_map *input, struct weir_error *err)
{
	struct weir_text idea;
	if (s->host->map_text(input, "idea", &idea) < 0 || idea.size > IDEA_MAX)
		return plugin_fail(err, "bad_payload", "idea must be a text of 1 byte to 16 KiB");
	return 0;
}

static int check_title(const struct state *s, const struct weir_item *item, struct weir_error *err)
{
	return check_idea(s, item->payload, err);
}

static int check_script(const struct state *s, const struct weir_item *item, struct weir_error *err)
{
	const struct weir_map *input, *results, *title;
	if (s->host->map_map(item->payload, "input", &input) < 0 ||
	    s->host->map_map(item->payload, "results", &results) < 0 ||
	    s->host->map_map(results, "title", &title) < 0)
		return plugin_fail(
			err, "bad_payload",
			"the step script works on what the step title has made: submit with "
			"--stage idea.title --stage idea.script");
	return check_idea(s, input, err);
}

static const struct step {
	const char *name;
	int (*check)(const struct state *s, const struct weir_item *item, struct weir_error *err);
} steps[] = {{"title", check_title}, {"script", check_script}};

static const struct step *find_step(const struct state *s, const struct weir_item *item)
{
	struct weir_text name;
	if (s->host->map_text(item->context, "step", &name) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (text_is(name, steps[i].name))
			return &steps[i];
	return NULL;
}

static int check(void *state, const struct weir_item *item, struct weir_error *err)
{
	const struct state *s = state;
	const struct step *step = find_step(s, item);
	if (!step)
		return plugin_fail(err, "bad_context",
				   "the step must be \"title\" or \"script\": submit with --stage "
				   "idea.title --stage idea.script");
	if (step->check(s, item, err) < 0)
		return -1;
	switch (s->host->find_model(s->host, item, err)) {
	case WEIR_MODEL_REMOTE:
		return 0;
	case WEIR_MODEL_LOCAL:
		return plugin_fail(
			err, "bad_context",
			"titles and scripts are written by a language model: ai_model must be "
			"one of the models file that is not local");
	default:
		return -1;
	}
}

static void process(void *state, struct weir_work work, const struct weir_item *item)
{
	const struct state *s = state;
	(void)item;
	s->host->ask(s->host, work);
}

static void answer(void *state, struct weir_work work, const struct weir_item *item,
		   const struct weir_answer *a)
{
	const struct state *s = state;
	(void)item;
	s->host->complete(s->host, work,
			  &(struct weir_verdict){.outcome = WEIR_DONE, .result = a->json});
}

static void close_plugin(void *state) { free(state); }

static const struct weir_field payload[] = {
	{"idea", WEIR_IS_TEXT, WEIR_REQUIRED, "the idea, at most 16 KiB"},
	{"*", 0, WEIR_OPTIONAL, "whatever else is known of it"},
	{0},
};

static const struct weir_field context[] = {
	{"model_key", WEIR_IS_TEXT, WEIR_REQUIRED,
	 "idea, or another one with the templates KEY_title and KEY_script"},
	{"ai_model", WEIR_IS_TEXT, WEIR_REQUIRED, "one of the models file, not local"},
	{"step", WEIR_IS_TEXT, WEIR_OPTIONAL,
	 "title, then script: given as --stage idea.title --stage idea.script"},
	{"custom_instructions", WEIR_IS_TEXT, WEIR_OPTIONAL, "what the model is told besides"},
	{0},
};

static const struct weir_field results[] = {
	{"title", WEIR_IS_TEXT, WEIR_OPTIONAL, "of the step title, with angle"},
	{"script", WEIR_IS_TEXT, WEIR_OPTIONAL, "of the step script, with key_points"},
	{"usage", WEIR_IS_MAP, WEIR_REQUIRED, "calls, tokens, cost"},
	{0},
};

static const struct weir_about about = {.payload = payload, .context = context, .results = results};

const struct weir_plugin *weir_plugin(void);

const struct weir_plugin *weir_plugin(void)
{
	static const struct weir_plugin plugin = {
		.abi_major = WEIR_ABI_MAJOR,
		.abi_minor = WEIR_ABI_MINOR,
		.struct_size = sizeof plugin,
		.kind = "idea",
		.version = "1.0",
		.summary = "titles and scripts for ideas, by a language model",
		.open = open_plugin,
		.check = check,
		.process = process,
		.answer = answer,
		.close = close_plugin,
		.sample = "{\"custom_id\":\"idea_1\",\"idea\":\"A short film about the first "
			  "lighthouse keeper on the moon\",\"author\":\"K.\"}",
		.about = &about,
	};
	return &plugin;
}
