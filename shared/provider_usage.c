/* What providers say that they counted, brought into one form.
 *
 * Sources: anthropic-sdk-python, types/usage.py and cache_creation.py (input_tokens are those beside
 * the cache); openai-openapi, openapi.yaml, CompletionUsage (cached ones are of the prompt, reasoning
 * of the completion); api-docs.deepseek.com, Context Caching (prompt_cache_hit_tokens); docs.x.ai,
 * Reasoning (total_tokens = prompt + completion + reasoning); ai.google.dev, OpenAI compatibility
 * (thoughts are in total_tokens alone); openrouter.ai/docs, Usage Accounting, and docs.litellm.ai,
 * Prompt Caching (cache writes). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "provider_kind.h"

#define COUNT_MAX (INT32_MAX * 1e3)

/* One place where a count may stand: a key, in the object or in one within it. */
struct place {
	const char *within, *key; /* within NULL: in the object itself */
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

/* The first of the places, which {NULL, NULL} ends, that has one. True: it has, or a fault. */
static bool count(const json_t *usage, const struct place *places, int64_t *out, const char **fault)
{
	const json_t *value = NULL;
	double number;

	*out = 0;
	for (; places->key && !value; places++)
		value = find(usage, places);
	if (!value)
		return false;
	number = number_of(value);
	if (!(number >= 0 && number <= COUNT_MAX && floor(number) == number))
		*fault = "a count of the usage is no number of tokens";
	else
		*out = (int64_t)number;
	return true;
}

#define COUNT(usage, out, fault, ...)                                                              \
	count(usage, (const struct place[]){__VA_ARGS__, {NULL, NULL}}, out, fault)

static bool is_there(const json_t *usage, struct usage *out)
{
	*out = (struct usage){0};
	if (!json_is_object(usage))
		out->fault = "the response has no usage";
	return !out->fault;
}

/* Where nothing was read, nothing was counted. */
static void expect_input(struct usage *out)
{
	if (!out->fault && out->input == 0)
		out->fault = "the usage counts no input tokens";
}

void usage_of_messages(const json_t *usage, struct usage *out)
{
	const char **fault = &out->fault;
	int64_t written = 0, minutes = 0;
	bool told, input, output;

	if (!is_there(usage, out))
		return;
	input = COUNT(usage, &out->input, fault, {NULL, "input_tokens"});
	output = COUNT(usage, &out->output, fault, {NULL, "output_tokens"});
	if (!input || !output)
		*fault = "the usage lacks input_tokens or output_tokens";
	COUNT(usage, &out->cached, fault, {NULL, "cache_read_input_tokens"});
	COUNT(usage, &written, fault, {NULL, "cache_creation_input_tokens"});
	COUNT(usage, &out->written_1h, fault, {"cache_creation", "ephemeral_1h_input_tokens"});
	told = COUNT(usage, &minutes, fault, {"cache_creation", "ephemeral_5m_input_tokens"});
	COUNT(usage, &out->reasoning, fault, {"output_tokens_details", "thinking_tokens"},
	      {"output_tokens_details", "reasoning_tokens"});
	told &= minutes + out->written_1h > 0; /* both are known to be 0 where the sum is not */
	if (out->written_1h > written || (told && minutes + out->written_1h != written))
		*fault = "what was written to the cache is not the sum of its parts";
	else
		out->written = written - out->written_1h;
	if (out->reasoning > out->output)
		*fault = "the usage has more reasoning tokens than output_tokens";
	out->input += out->cached + written;
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

/* The names of other APIs, behind which some servers put this one: Ollama, Gemini, Bedrock, Cohere.
 */
void usage_of_completions(const json_t *usage, struct usage *out)
{
	const char **fault = &out->fault;
	int64_t total = 0;
	bool has_total, input, output;

	if (is_of_messages(usage)) {
		usage_of_messages(usage, out);
		return;
	}
	if (!is_there(usage, out))
		return;
	input = COUNT(usage, &out->input, fault, {NULL, "prompt_tokens"}, {NULL, "input_tokens"},
		      {NULL, "prompt_eval_count"}, {NULL, "promptTokenCount"},
		      {NULL, "inputTokens"}, {"billed_units", "input_tokens"});
	output = COUNT(usage, &out->output, fault, {NULL, "completion_tokens"},
		       {NULL, "output_tokens"}, {NULL, "eval_count"},
		       {NULL, "candidatesTokenCount"}, {NULL, "outputTokens"},
		       {"billed_units", "output_tokens"});
	if (!input || !output)
		*fault = "the usage lacks prompt_tokens or completion_tokens";
	COUNT(usage, &out->cached, fault, {"prompt_tokens_details", "cached_tokens"},
	      {"input_tokens_details", "cached_tokens"}, {NULL, "prompt_cache_hit_tokens"},
	      {NULL, "cached_tokens"}, {NULL, "cache_read_input_tokens"});
	COUNT(usage, &out->written, fault, {"prompt_tokens_details", "cache_write_tokens"},
	      {"prompt_tokens_details", "cache_creation_tokens"},
	      {NULL, "cache_creation_input_tokens"});
	COUNT(usage, &out->written_1h, fault, {"cache_creation", "ephemeral_1h_input_tokens"});
	COUNT(usage, &out->reasoning, fault, {"completion_tokens_details", "reasoning_tokens"},
	      {"output_tokens_details", "reasoning_tokens"}, {NULL, "reasoning_tokens"},
	      {NULL, "thoughtsTokenCount"});
	has_total = COUNT(usage, &total, fault, {NULL, "total_tokens"}, {NULL, "totalTokenCount"},
			  {NULL, "totalTokens"}) &&
		    total > 0;
	if (out->written_1h > out->written || out->cached + out->written > out->input)
		*fault = "the usage has more cached tokens than prompt_tokens";
	out->written -= *fault ? 0 : out->written_1h;
	if (!*fault)
		add_reasoning(out, has_total, total);
	expect_input(out);
}
