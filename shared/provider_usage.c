/* What providers say that they counted, brought into one form.
 *
 * Sources: anthropic-sdk-python, types/usage.py and cache_creation.py (input_tokens are those
 * beside the cache); openai-openapi, openapi.yaml, CompletionUsage (cached ones are of the prompt,
 * reasoning of the completion); api-docs.deepseek.com, Context Caching (prompt_cache_hit_tokens);
 * docs.x.ai, Reasoning (total_tokens = prompt + completion + reasoning); ai.google.dev, OpenAI
 * compatibility (thoughts are in total_tokens alone); openrouter.ai/docs, Usage Accounting, and
 * docs.litellm.ai, Prompt Caching (cache writes). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "provider_kind.h"

#define COUNT_MAX (INT32_MAX * 1e3)

/* What is counted, and where that may stand: a key, in the object or in one within it. */
enum part { INPUT, OUTPUT, CACHED, WRITTEN, WRITTEN_1H, WRITTEN_5M, REASONING, TOTAL, PARTS };

#define PLACES 7 /* with one that is empty, behind the last */

struct place {
	const char *within, *key; /* within NULL: in the object itself */
};

static const struct place of_messages[PARTS][PLACES] = {
	[INPUT] = {{NULL, "input_tokens"}},
	[OUTPUT] = {{NULL, "output_tokens"}},
	[CACHED] = {{NULL, "cache_read_input_tokens"}},
	[WRITTEN] = {{NULL, "cache_creation_input_tokens"}},
	[WRITTEN_1H] = {{"cache_creation", "ephemeral_1h_input_tokens"}},
	[WRITTEN_5M] = {{"cache_creation", "ephemeral_5m_input_tokens"}},
	[REASONING] = {{"output_tokens_details", "thinking_tokens"},
		       {"output_tokens_details", "reasoning_tokens"}},
};

/* Behind OpenAI's names those of other APIs, behind which some servers put this one: Ollama,
 * Gemini, Bedrock, Cohere. */
static const struct place of_completions[PARTS][PLACES] = {
	[INPUT] = {{NULL, "prompt_tokens"},
		   {NULL, "input_tokens"},
		   {NULL, "prompt_eval_count"},
		   {NULL, "promptTokenCount"},
		   {NULL, "inputTokens"},
		   {"billed_units", "input_tokens"}},
	[OUTPUT] = {{NULL, "completion_tokens"},
		    {NULL, "output_tokens"},
		    {NULL, "eval_count"},
		    {NULL, "candidatesTokenCount"},
		    {NULL, "outputTokens"},
		    {"billed_units", "output_tokens"}},
	[CACHED] = {{"prompt_tokens_details", "cached_tokens"},
		    {"input_tokens_details", "cached_tokens"},
		    {NULL, "prompt_cache_hit_tokens"},
		    {NULL, "cached_tokens"},
		    {NULL, "cache_read_input_tokens"}},
	[WRITTEN] = {{"prompt_tokens_details", "cache_write_tokens"},
		     {"prompt_tokens_details", "cache_creation_tokens"},
		     {NULL, "cache_creation_input_tokens"}},
	[WRITTEN_1H] = {{"cache_creation", "ephemeral_1h_input_tokens"}},
	[REASONING] = {{"completion_tokens_details", "reasoning_tokens"},
		       {"output_tokens_details", "reasoning_tokens"},
		       {NULL, "reasoning_tokens"},
		       {NULL, "thoughtsTokenCount"}},
	[TOTAL] = {{NULL, "total_tokens"}, {NULL, "totalTokenCount"}, {NULL, "totalTokens"}},
};

static const json_t *find(const json_t *usage, const struct place *p)
{
	const json_t *object = p->within ? json_object_get(usage, p->within) : usage;
	const json_t *value = json_object_get(object, p->key);

	return json_is_null(value) ? NULL : value;
}

/* Some write 12.0, or "12". Not a number: NaN. */
static double number_of(const json_t *value)
{
	const char *text = json_string_value(value);

	if (json_is_number(value))
		return json_number_value(value);
	if (!text || !*text || strlen(text) > 15 || text[strspn(text, "0123456789")])
		return NAN;
	return strtod(text, NULL);
}

struct counts {
	int64_t n[PARTS];
	bool told[PARTS]; /* or faulty */
};

/* Of each part, the first of its places that has a number. */
static void count(const json_t *usage, const struct place parts[PARTS][PLACES], struct counts *out,
		  const char **fault)
{
	*out = (struct counts){.n = {0}};
	for (size_t i = 0; i < PARTS; i++) {
		const json_t *value = NULL;
		double number;

		for (const struct place *p = parts[i]; p->key && !value; p++)
			value = find(usage, p);
		out->told[i] = value != NULL;
		number = value ? number_of(value) : 0;
		if (number >= 0 && number <= COUNT_MAX && floor(number) == number)
			out->n[i] = (int64_t)number;
		else
			*fault = "a count of the usage is no number of tokens";
	}
}

static bool is_there(const json_t *usage, struct usage *out)
{
	*out = (struct usage){0};
	if (!json_is_object(usage))
		out->fault = "the response has no usage";
	return !out->fault;
}

static void take(const struct counts *c, struct usage *out)
{
	out->input = c->n[INPUT];
	out->output = c->n[OUTPUT];
	out->cached = c->n[CACHED];
	out->written = c->n[WRITTEN];
	out->written_1h = c->n[WRITTEN_1H];
	out->reasoning = c->n[REASONING];
}

/* Where nothing was read, nothing was counted. */
static void expect_input(struct usage *out)
{
	if (!out->fault && out->input == 0)
		out->fault = "the usage counts no input tokens";
}

void usage_of_messages(const json_t *usage, struct usage *out)
{
	struct counts c;
	int64_t parts;
	bool told;

	if (!is_there(usage, out))
		return;
	count(usage, of_messages, &c, &out->fault);
	take(&c, out);
	if (!c.told[INPUT] || !c.told[OUTPUT])
		out->fault = "the usage lacks input_tokens or output_tokens";
	parts = c.n[WRITTEN_5M] + c.n[WRITTEN_1H];
	told = c.told[WRITTEN_5M] && parts > 0; /* both are known to be 0 where the sum is not */
	out->written -= out->written_1h;
	if (out->written < 0 || (told && parts != c.n[WRITTEN])) {
		out->fault = "what was written to the cache is not the sum of its parts";
		out->written = 0;
	}
	if (out->reasoning > out->output)
		out->fault = "the usage has more reasoning tokens than output_tokens";
	out->input += c.n[CACHED] + c.n[WRITTEN];
	expect_input(out);
}

/* Whether reasoning is within the completion, or stands beside it, the total tells. */
static void add_reasoning(struct usage *u, bool has_total, int64_t total)
{
	int64_t sum = u->input + u->output, beside = has_total ? total - sum : 0;

	if (!has_total && u->reasoning > u->output)
		beside = u->reasoning;
	if (beside > 0 && u->reasoning == 0)
		u->reasoning = beside;
	if (beside < 0 || (beside > 0 && beside != u->reasoning))
		u->fault = "the total_tokens of the usage are not the sum of its parts";
	else
		u->output += beside;
	if (u->reasoning > u->output)
		u->fault = "the usage has more reasoning tokens than completion_tokens";
}

/* Anthropic's usage, as some gateways pass it through: by its names. */
static bool is_of_messages(const json_t *usage)
{
	return !json_object_get(usage, "prompt_tokens") && json_object_get(usage, "input_tokens") &&
	       (json_object_get(usage, "cache_read_input_tokens") ||
		json_object_get(usage, "cache_creation_input_tokens"));
}

void usage_of_completions(const json_t *usage, struct usage *out)
{
	struct counts c;

	if (is_of_messages(usage)) {
		usage_of_messages(usage, out);
		return;
	}
	if (!is_there(usage, out))
		return;
	count(usage, of_completions, &c, &out->fault);
	take(&c, out);
	if (!c.told[INPUT] || !c.told[OUTPUT])
		out->fault = "the usage lacks prompt_tokens or completion_tokens";
	if (out->written_1h > out->written || out->cached + out->written > out->input)
		out->fault = "the usage has more cached tokens than prompt_tokens";
	out->written -= out->fault ? 0 : out->written_1h;
	if (!out->fault)
		add_reasoning(out, c.n[TOTAL] > 0, c.n[TOTAL]);
	expect_input(out);
}
