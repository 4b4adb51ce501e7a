/* What providers say that they counted, brought into one form.
 *
 * Sources: anthropic-sdk-python, types/usage.py and cache_creation.py (input_tokens are those
 * beside the cache); openai-openapi, openapi.yaml, CompletionUsage (cached ones are of the prompt,
 * reasoning of the completion); api-docs.deepseek.com, Context Caching (prompt_cache_hit_tokens);
 * docs.x.ai, Reasoning (total_tokens = prompt + completion + reasoning); ai.google.dev, OpenAI
 * compatibility, and API, UsageMetadata (thoughts are in the total alone; seen in vercel/ai#6738);
 * openrouter.ai/docs, Usage Accounting, docs.litellm.ai, Prompt Caching, and DashScope, Context
 * Cache (cache writes). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provider_kind.h"

#define COUNT_MAX (INT32_MAX * 1e3)
#define NO_SUM "the total_tokens of the usage are not the sum of its parts"
#define TOO_CACHED "the usage has more cached tokens than prompt_tokens"

enum { DEPTH_MAX = 4, PATH_ROOM = 192 };

/* What is counted, and where that may stand: a key, in the object or in one within it. MISSED:
 * what of the prompt was not in the cache. */
enum part {
	INPUT,
	OUTPUT,
	CACHED,
	WRITTEN,
	WRITTEN_1H,
	WRITTEN_5M,
	MISSED,
	REASONING,
	TOTAL,
	PARTS
};

#define PLACES 10 /* with one that is empty, behind the last */

struct place {
	const char *within,
		*key; /* within: names with a '.' between two; NULL: in the object itself */
};

static const struct place of_messages[PARTS][PLACES] = {
	[INPUT] = {{NULL, "input_tokens"}},
	[OUTPUT] = {{NULL, "output_tokens"}},
	[CACHED] = {{NULL, "cache_read_input_tokens"}},
	[WRITTEN] = {{NULL, "cache_creation_input_tokens"}},
	[WRITTEN_1H] = {{"cache_creation", "ephemeral_1h_input_tokens"},
			{NULL, "claude_cache_creation_1_h_tokens"}},
	[WRITTEN_5M] = {{"cache_creation", "ephemeral_5m_input_tokens"},
			{NULL, "claude_cache_creation_5_m_tokens"}},
	[REASONING] = {{"output_tokens_details", "thinking_tokens"},
		       {"output_tokens_details", "reasoning_tokens"}},
	[TOTAL] = {{NULL, "total_tokens"}}, /* of gateways */
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
		    {"prompt_token_details", "cached_tokens"},
		    {"input_tokens_details", "cached_tokens"},
		    {NULL, "prompt_cache_hit_tokens"},
		    {NULL, "cached_tokens"},
		    {NULL, "num_cached_tokens"},
		    {NULL, "cache_read_input_tokens"},
		    {NULL, "cacheReadInputTokens"},
		    {NULL, "cachedContentTokenCount"}},
	[WRITTEN] = {{"prompt_tokens_details", "cache_write_tokens"},
		     {"prompt_tokens_details", "cache_creation_tokens"},
		     {"prompt_tokens_details", "cache_creation_input_tokens"},
		     {"prompt_tokens_details", "cached_creation_tokens"},
		     {NULL, "cache_creation_input_tokens"},
		     {NULL, "cacheWriteInputTokens"}},
	[WRITTEN_1H] = {{"cache_creation", "ephemeral_1h_input_tokens"},
			{"prompt_tokens_details.cache_creation", "ephemeral_1h_input_tokens"},
			{"prompt_tokens_details.cache_creation_token_details",
			 "ephemeral_1h_input_tokens"},
			{NULL, "claude_cache_creation_1_h_tokens"}},
	[WRITTEN_5M] = {{"cache_creation", "ephemeral_5m_input_tokens"},
			{"prompt_tokens_details.cache_creation", "ephemeral_5m_input_tokens"},
			{"prompt_tokens_details.cache_creation_token_details",
			 "ephemeral_5m_input_tokens"},
			{NULL, "claude_cache_creation_5_m_tokens"}},
	[MISSED] = {{NULL, "prompt_cache_miss_tokens"}},
	[REASONING] = {{"completion_tokens_details", "reasoning_tokens"},
		       {"output_tokens_details", "reasoning_tokens"},
		       {NULL, "reasoning_tokens"},
		       {NULL, "thoughtsTokenCount"}},
	[TOTAL] = {{NULL, "total_tokens"}, {NULL, "totalTokenCount"}, {NULL, "totalTokens"}},
};

static const json_t *object_at(const json_t *usage, const char *path)
{
	while (path && *path) {
		size_t size = strcspn(path, ".");
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)size, path);
		usage = json_object_get(usage, name);
		path += size + (path[size] == '.');
	}
	return usage;
}

static const json_t *find(const json_t *usage, const struct place *p)
{
	const json_t *value = json_object_get(object_at(usage, p->within), p->key);

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
	const char *fault;
};

/* Whether a second place may hold another number. Gateways repeat what they read from others, and
 * leave the names that they did not fill at 0 (new-api, dto.Usage: input_tokens beside
 * prompt_tokens); what was cached or thought is not told twice for nothing. */
static bool agree(enum part part, int64_t first, int64_t second)
{
	bool of_all = part == INPUT || part == OUTPUT || part == TOTAL;

	return first == second || (of_all && (first == 0 || second == 0));
}

static void count_one(struct counts *c, enum part part, const json_t *value)
{
	double number = number_of(value);
	bool told = c->told[part];

	c->told[part] = true;
	if (!(number >= 0 && number <= COUNT_MAX && floor(number) == number))
		c->fault = "a count of the usage is no number of tokens";
	else if (told && !agree(part, c->n[part], (int64_t)number))
		c->fault = "the usage tells two different numbers for the same tokens";
	else if (c->n[part] == 0)
		c->n[part] = (int64_t)number;
}

static bool is_place(const struct place parts[PARTS][PLACES], const char *path)
{
	for (size_t i = 0; i < PARTS; i++) {
		for (const struct place *p = parts[i]; p->key; p++) {
			size_t within = p->within ? strlen(p->within) + 1 : 0;

			if ((!within || (strncmp(path, p->within, within - 1) == 0 &&
					 path[within - 1] == '.')) &&
			    strcmp(path + within, p->key) == 0)
				return true;
		}
	}
	return false;
}

/* A number of tokens of a cache under a name that is not known may have a price of its own. What
 * says once more what kind the cached ones were of has none. */
static bool has_unknown(const json_t *value, const struct place parts[PARTS][PLACES],
			const char *path, int depth)
{
	const char *key;
	json_t *inner;
	size_t i;
	bool found = false;

	if (strcasestr(path, "cached_tokens_details") || strcasestr(path, "cacheTokensDetails"))
		return false;
	if (number_of(value) > 0)
		return strcasestr(path, "cach") && strcasestr(path, "token") &&
		       !is_place(parts, path);
	json_object_foreach((json_t *)(uintptr_t)value, key, inner)
	{
		char name[PATH_ROOM];

		snprintf(name, sizeof(name), "%s%s%s", path, *path ? "." : "", key);
		found |= depth < DEPTH_MAX && has_unknown(inner, parts, name, depth + 1);
	}
	json_array_foreach(value, i, inner) found |=
		depth < DEPTH_MAX && has_unknown(inner, parts, path, depth + 1);
	return found;
}

/* All of the places of a part have to tell the same. */
static void count(const json_t *usage, const struct place parts[PARTS][PLACES], struct counts *c)
{
	*c = (struct counts){.fault = NULL};
	for (enum part part = 0; part < PARTS; part++) {
		for (const struct place *p = parts[part]; p->key; p++) {
			const json_t *value = find(usage, p);

			if (value)
				count_one(c, part, value);
		}
	}
	if (!c->fault && has_unknown(usage, parts, "", 0))
		c->fault = "the usage counts tokens of a cache under a name that is not known";
}

/* What was written is the sum of what was written for five minutes and for an hour. Where that is
 * told by parts, 0 of each is what stands there unfilled. */
static void sum_written(struct counts *c)
{
	int64_t parts = c->n[WRITTEN_5M] + c->n[WRITTEN_1H];

	if (!c->told[WRITTEN] && parts > 0)
		c->n[WRITTEN] = parts;
	if (c->n[WRITTEN_1H] > c->n[WRITTEN] ||
	    (c->told[WRITTEN_5M] && parts > 0 && parts != c->n[WRITTEN]))
		c->fault = "what was written to the cache is not the sum of its parts";
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
	out->written = c->n[WRITTEN] - c->n[WRITTEN_1H];
	if (out->written < 0)
		out->written = 0;
	out->written_1h = c->n[WRITTEN_1H];
	out->reasoning = c->n[REASONING];
	out->fault = c->fault;
}

static void set_fault(struct usage *u, const char *fault)
{
	if (!u->fault)
		u->fault = fault;
}

/* Where nothing was read, nothing was counted; nor where something was said of no tokens. */
static void expect_both(const struct counts *c, bool text, struct usage *out)
{
	if (out->input == 0)
		set_fault(out, "the usage counts no input tokens");
	if (text && c->n[OUTPUT] == 0)
		set_fault(out, "the usage counts no output tokens of an answer that is not empty");
}

void usage_of_messages(const json_t *usage, bool text, struct usage *out)
{
	struct counts c;

	if (!is_there(usage, out))
		return;
	count(usage, of_messages, &c);
	sum_written(&c);
	take(&c, out);
	if (!c.told[INPUT] || !c.told[OUTPUT])
		set_fault(out, "the usage lacks input_tokens or output_tokens");
	if (out->reasoning > out->output)
		set_fault(out, "the usage has more reasoning tokens than output_tokens");
	out->input += c.n[CACHED] + c.n[WRITTEN];
	if (c.n[TOTAL] > 0 && c.n[TOTAL] != out->input + out->output)
		set_fault(out, NO_SUM);
	expect_both(&c, text, out);
}

/* Without a total: cached tokens are of the prompt and reasoning is of the completion, as OpenAI
 * has it. Reasoning that is more than the completion stands beside it. */
static void without_total(const json_t *usage, int64_t cache, struct usage *u)
{
	bool other = json_object_get(usage, "cache_read_input_tokens") ||
		     json_object_get(usage, "cache_creation_input_tokens") ||
		     json_object_get(usage, "cacheReadInputTokens");

	if (cache > u->input)
		set_fault(u, TOO_CACHED);
	if (cache > 0 && other && !json_object_get(usage, "prompt_tokens_details"))
		set_fault(u, "the usage does not tell whether cached tokens are of the prompt");
	if (u->reasoning > u->output)
		u->output += u->reasoning;
}

/* What the total has beyond prompt and completion stands beside them, and has to be something that
 * is told: what was read from and written to the cache (Portkey for Bedrock,
 * Portkey-AI/gateway#1210), reasoning (xAI), or both. Where reasoning is not told at all, it is
 * that for Gemini, and for nobody else that is known. */
static void with_total(int64_t beyond, int64_t cache, bool gemini, struct usage *u)
{
	int64_t thought = u->reasoning;
	bool both = beyond > 0 && cache > 0 && thought > 0 && beyond == cache + thought;
	bool cached = beyond > 0 && beyond == cache;
	bool reasoned = beyond > 0 && (gemini || beyond == thought);

	if (beyond < 0 || (beyond > 0 && !both && !cached && !reasoned))
		set_fault(u, NO_SUM);
	if (cached && reasoned)
		set_fault(u, "the total_tokens of the usage can be understood in two ways");
	if (u->fault)
		return;
	if (reasoned)
		u->reasoning = thought = beyond;
	u->input += both || cached ? cache : 0;
	u->output += both || reasoned ? thought : 0;
	if (cache > u->input)
		set_fault(u, TOO_CACHED);
	if (u->reasoning > u->output)
		set_fault(u, "the usage has more reasoning tokens than completion_tokens");
}

/* Anthropic's usage, as some gateways pass it through: by its names. */
static bool is_of_messages(const json_t *usage)
{
	return !json_object_get(usage, "prompt_tokens") && json_object_get(usage, "input_tokens") &&
	       (json_object_get(usage, "cache_read_input_tokens") ||
		json_object_get(usage, "cache_creation_input_tokens"));
}

/* DeepSeek's: what was in the cache and what was not are all of the prompt. */
static bool is_parted(const struct counts *c)
{
	int64_t sum = c->n[CACHED] + c->n[MISSED];

	return !c->told[MISSED] || sum == 0 || sum == c->n[INPUT];
}

void usage_of_completions(const json_t *usage, const char *model, bool text, struct usage *out)
{
	struct counts c;
	bool gemini;

	if (is_of_messages(usage)) {
		usage_of_messages(usage, text, out);
		return;
	}
	if (!is_there(usage, out))
		return;
	count(usage, of_completions, &c);
	sum_written(&c);
	take(&c, out);
	if (!c.told[INPUT] || !c.told[OUTPUT])
		set_fault(out, "the usage lacks prompt_tokens or completion_tokens");
	if (!is_parted(&c))
		set_fault(out, "what was in the cache and what was not are not the prompt_tokens");
	gemini = !c.told[REASONING] && strcasestr(model, "gemini");
	if (!out->fault && c.n[TOTAL] == 0)
		without_total(usage, c.n[CACHED] + c.n[WRITTEN], out);
	else if (!out->fault)
		with_total(c.n[TOTAL] - out->input - out->output, c.n[CACHED] + c.n[WRITTEN],
			   gemini, out);
	expect_both(&c, text, out);
}
