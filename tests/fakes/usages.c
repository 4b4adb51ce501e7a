/* How a response tells what it cost. */
#include <string.h>

#include "fake.h"

/* usage: NULL: there is none. truth: what a client should come to, for the log; NULL: it cannot
 * know. in is all of the input, what was cached of it included; out all of the output that is
 * billed, thoughts included. Words: IN = CACHED + FRESH = READ + WRITE + REST, WRITE = WRITE_SHORT
 * + WRITE_LONG, OUT the visible text, OUT_ALL = OUT + THOUGHT, TOTAL = IN + OUT, TOTAL_ALL. */
#define PLAIN "{'in': $IN, 'out': $OUT, 'cached': 0, 'written': 0, 'thought': 0}"
#define CACHED "{'in': $IN, 'out': $OUT, 'cached': $CACHED, 'written': 0, 'thought': 0}"
#define THOUGHT "{'in': $IN, 'out': $OUT_ALL, 'cached': 0, 'written': 0, 'thought': $THOUGHT}"
#define BOTH "{'in': $IN, 'out': $OUT_ALL, 'cached': $CACHED, 'written': 0, 'thought': $THOUGHT}"
#define WRITTEN "{'in': $IN, 'out': $OUT, 'cached': $READ, 'written': $WRITE, 'thought': 0}"

static const struct usage_form {
	const char *name, *usage, *truth, *source;
} forms[] = {
	{"openai", "{'prompt_tokens': $IN, 'completion_tokens': $OUT, 'total_tokens': $TOTAL}",
	 PLAIN, "openai.yaml CompletionUsage"},
	{"openai_full",
	 "{'prompt_tokens': $IN, 'completion_tokens': $OUT_ALL, 'total_tokens': $TOTAL_ALL, "
	 "'prompt_tokens_details': {'cached_tokens': $CACHED, 'audio_tokens': 0}, "
	 "'completion_tokens_details': {'reasoning_tokens': $THOUGHT, 'audio_tokens': 0, "
	 "'accepted_prediction_tokens': 0, 'rejected_prediction_tokens': 0}}",
	 BOTH, "openai.yaml CompletionUsage: both are within the sums"},
	{"openai_prediction",
	 "{'prompt_tokens': $IN, 'completion_tokens': $OUT_ALL, 'total_tokens': $TOTAL_ALL, "
	 "'completion_tokens_details': {'reasoning_tokens': 0, 'accepted_prediction_tokens': $OUT, "
	 "'rejected_prediction_tokens': $THOUGHT}}",
	 "{'in': $IN, 'out': $OUT_ALL, 'cached': 0, 'written': 0, 'thought': 0}",
	 "openai.yaml: rejected tokens count as completion tokens"},
	{"details_null",
	 "{'prompt_tokens': $IN, 'completion_tokens': $OUT, 'total_tokens': $TOTAL, "
	 "'prompt_tokens_details': null, 'completion_tokens_details': null}",
	 PLAIN, "vLLM; litellm#15376"},
	{"details_nulls",
	 "{'prompt_tokens': $IN, 'completion_tokens': $OUT, 'total_tokens': $TOTAL, "
	 "'prompt_tokens_details': {'cached_tokens': null, 'audio_tokens': null}}",
	 PLAIN, "litellm#15376"},
	{"openrouter",
	 "{'prompt_tokens': $IN, 'completion_tokens': $OUT_ALL, 'total_tokens': $TOTAL_ALL, "
	 "'cost': 0.00014, 'is_byok': false, 'prompt_tokens_details': {'cached_tokens': $CACHED, "
	 "'cache_write_tokens': 0}, 'cost_details': {'upstream_inference_cost': null}, "
	 "'completion_tokens_details': {'reasoning_tokens': $THOUGHT, 'image_tokens': 0}}",
	 BOTH, "OpenRouter usage accounting"},
	{"groq",
	 "{'queue_time': 0.018, 'prompt_tokens': $IN, 'prompt_time': 0.0007, 'completion_tokens': "
	 "$OUT, 'completion_time': 0.46, 'total_tokens': $TOTAL, 'total_time': 0.46}",
	 PLAIN, "Groq chat completions"},
	{"deepseek",
	 "{'prompt_tokens': $IN, 'completion_tokens': $OUT, 'total_tokens': $TOTAL, "
	 "'prompt_cache_hit_tokens': $CACHED, 'prompt_cache_miss_tokens': $FRESH}",
	 CACHED, "DeepSeek create-chat-completion; litellm#5017"},
	{"deepseek_both",
	 "{'prompt_tokens': $IN, 'completion_tokens': $OUT_ALL, 'total_tokens': $TOTAL_ALL, "
	 "'prompt_tokens_details': {'cached_tokens': $CACHED}, 'completion_tokens_details': "
	 "{'reasoning_tokens': $THOUGHT}, 'prompt_cache_hit_tokens': $CACHED, "
	 "'prompt_cache_miss_tokens': $FRESH}",
	 BOTH, "DeepSeek create-chat-completion"},
	{"moonshot",
	 "{'prompt_tokens': $IN, 'completion_tokens': $OUT, 'total_tokens': $TOTAL, "
	 "'cached_tokens': $CACHED}",
	 CACHED, "Moonshot: cached_tokens is not nested"},
	{"xai",
	 "{'prompt_tokens': $IN, 'completion_tokens': $OUT, 'total_tokens': $TOTAL_ALL, "
	 "'prompt_tokens_details': {'text_tokens': $IN, 'audio_tokens': 0, 'image_tokens': 0, "
	 "'cached_tokens': $CACHED}, 'completion_tokens_details': {'reasoning_tokens': $THOUGHT, "
	 "'audio_tokens': 0, 'accepted_prediction_tokens': 0, 'rejected_prediction_tokens': 0}, "
	 "'num_sources_used': 0, 'cost_in_usd_ticks': 232856000}",
	 BOTH, "vercel/ai#12425, sub2api#5771: total = prompt + completion + reasoning"},
	{"gemini", "{'prompt_tokens': $IN, 'completion_tokens': $OUT, 'total_tokens': $TOTAL_ALL}",
	 THOUGHT, "any-llm#1290: total_tokens alone tells of thoughts"},
	{"anthropic",
	 "{'input_tokens': $IN, 'output_tokens': $OUT, 'cache_creation_input_tokens': 0, "
	 "'cache_read_input_tokens': 0, 'service_tier': 'standard'}",
	 PLAIN, "anthropic-sdk-python types/usage.py"},
	{"anthropic_nulls",
	 "{'input_tokens': $IN, 'output_tokens': $OUT, 'cache_creation_input_tokens': null, "
	 "'cache_read_input_tokens': null, 'cache_creation': null, 'server_tool_use': null, "
	 "'service_tier': null}",
	 PLAIN, "anthropic-sdk-python types/usage.py: all may be null"},
	{"anthropic_cached",
	 "{'input_tokens': $REST, 'output_tokens': $OUT, 'cache_creation_input_tokens': $WRITE, "
	 "'cache_read_input_tokens': $READ, 'cache_creation': {'ephemeral_5m_input_tokens': "
	 "$WRITE_SHORT, 'ephemeral_1h_input_tokens': $WRITE_LONG}, 'server_tool_use': "
	 "{'web_search_requests': 0}, 'service_tier': 'standard', 'inference_geo': 'global'}",
	 WRITTEN,
	 "anthropic-sdk-python types/usage.py, cache_creation.py: input_tokens is the rest"},
	{"anthropic_unsplit",
	 "{'input_tokens': $REST, 'output_tokens': $OUT, 'cache_creation_input_tokens': $WRITE, "
	 "'cache_read_input_tokens': $READ, 'cache_creation': {'ephemeral_5m_input_tokens': 0, "
	 "'ephemeral_1h_input_tokens': 0}}",
	 WRITTEN, "anthropic-sdk-java#353: the parts are 0 and the sum is not"},
	{"anthropic_searched",
	 "{'input_tokens': $IN, 'output_tokens': $OUT, 'server_tool_use': {'web_search_requests': "
	 "2}, 'service_tier': 'priority'}",
	 PLAIN, "anthropic-sdk-python types/server_tool_usage.py: searches cost beside tokens"},
	{"null", "null", NULL, "autogen#6352"},
	{"missing", NULL, NULL, "autogen#6352"},
	{"empty", "{}", NULL, "litellm#1571"},
	{"nulls", "{'prompt_tokens': null, 'completion_tokens': null, 'total_tokens': null}", NULL,
	 "gateways"},
	{"zeros", "{'prompt_tokens': 0, 'completion_tokens': 0, 'total_tokens': 0}", NULL,
	 "gateways that do not count"},
	{"zeros_anthropic", "{'input_tokens': 0, 'output_tokens': 0}", NULL, "gateways"},
	{"text", "'$IN tokens'", NULL, "gateways"},
	{"list", "[$IN, $OUT]", NULL, "gateways"},
	{"number", "$TOTAL", NULL, "gateways"},
	{"strings",
	 "{'prompt_tokens': '$IN', 'completion_tokens': '$OUT', 'total_tokens': '$TOTAL'}", PLAIN,
	 "gateways"},
	{"floats",
	 "{'prompt_tokens': $IN.0, 'completion_tokens': $OUT.0, 'total_tokens': $TOTAL.0}", PLAIN,
	 "gateways written in Lua or JavaScript"},
	{"fractions",
	 "{'prompt_tokens': $IN.5, 'completion_tokens': $OUT.25, 'total_tokens': $TOTAL.75}", NULL,
	 "gateways that guess"},
	{"exponents", "{'prompt_tokens': $INe0, 'completion_tokens': $OUTe0}", PLAIN, "RFC 8259"},
	{"negative", "{'prompt_tokens': -1, 'completion_tokens': -1, 'total_tokens': -1}", NULL,
	 "gateways; vercel/ai#12425: text tokens -315"},
	{"booleans", "{'prompt_tokens': true, 'completion_tokens': false}", NULL, "gateways"},
	{"huge",
	 "{'prompt_tokens': 9223372036854775807, 'completion_tokens': 9223372036854775807, "
	 "'total_tokens': 9223372036854775807}",
	 NULL, "overflow"},
	{"huge_anthropic",
	 "{'input_tokens': 9223372036854775807, 'output_tokens': 9223372036854775807}", NULL,
	 "overflow"},
	{"large", "{'prompt_tokens': 4000000000, 'completion_tokens': 4000000000}", NULL,
	 "no 32 bits"},
	{"total_only", "{'total_tokens': $TOTAL}", NULL, "gateways"},
	{"prompt_only", "{'prompt_tokens': $IN, 'total_tokens': $IN}", NULL, "gateways"},
	{"total_wrong", "{'prompt_tokens': $IN, 'completion_tokens': $OUT, 'total_tokens': 1}",
	 NULL, "gateways"},
	{"cached_too_many",
	 "{'prompt_tokens': $IN, 'completion_tokens': $OUT, 'total_tokens': $TOTAL, "
	 "'prompt_tokens_details': {'cached_tokens': $TOTAL_ALL}}",
	 NULL, "gateways that leave what was cached out of prompt_tokens"},
	{"thought_too_many",
	 "{'prompt_tokens': $IN, 'completion_tokens': $OUT, 'total_tokens': $TOTAL, "
	 "'completion_tokens_details': {'reasoning_tokens': $THOUGHT}}",
	 NULL, "vercel/ai#12425, lobehub#8036"},
	{"input_output",
	 "{'input_tokens': $IN, 'output_tokens': $OUT, 'total_tokens': $TOTAL, "
	 "'input_tokens_details': {'cached_tokens': $CACHED}, 'output_tokens_details': "
	 "{'reasoning_tokens': 0}}",
	 CACHED, "openai.yaml ResponseUsage, from a chat completion"},
	{"both_names",
	 "{'prompt_tokens': $IN, 'completion_tokens': $OUT, 'total_tokens': $TOTAL, "
	 "'input_tokens': $IN, 'output_tokens': $OUT}",
	 PLAIN, "SiliconFlow, DashScope and gateways"},
	{"ollama", "{'prompt_eval_count': $IN, 'eval_count': $OUT}", PLAIN, "ollama docs/api.md"},
	{"cohere",
	 "{'billed_units': {'input_tokens': $IN, 'output_tokens': $OUT}, 'tokens': "
	 "{'input_tokens': $IN, 'output_tokens': $OUT}}",
	 PLAIN, "Cohere v2 chat"},
	{"gemini_native",
	 "{'promptTokenCount': $IN, 'candidatesTokenCount': $OUT, 'thoughtsTokenCount': $THOUGHT, "
	 "'totalTokenCount': $TOTAL_ALL}",
	 THOUGHT, "Helicone#5604"},
	{"bedrock", "{'inputTokens': $IN, 'outputTokens': $OUT, 'totalTokens': $TOTAL}", PLAIN,
	 "Bedrock Converse TokenUsage"},
};

const struct form_list usage_forms = {"usage_form", forms, sizeof forms / sizeof *forms,
				      sizeof *forms, offsetof(struct usage_form, source)};

void usage_words(json_t *words, int64_t in, int64_t out)
{
	const int64_t cached = in / 2, thought = 3 * out + 7, read = in / 4;
	const int64_t brief = in / 8, lasting = in / 16, rest = in - read - brief - lasting;
	const struct {
		const char *name;
		int64_t value;
	} all[] = {{"IN", in},
		   {"OUT", out},
		   {"CACHED", cached},
		   {"FRESH", in - cached},
		   {"THOUGHT", thought},
		   {"OUT_ALL", out + thought},
		   {"TOTAL", in + out},
		   {"TOTAL_ALL", in + out + thought},
		   {"READ", read},
		   {"WRITE", brief + lasting},
		   {"WRITE_SHORT", brief},
		   {"WRITE_LONG", lasting},
		   {"REST", rest}};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		word_set_number(words, all[i].name, all[i].value);
}

void usage_place(json_t *rule, json_t *words, json_t *response)
{
	const struct usage_form *f = form_of(&usage_forms, rule);
	if (f && !f->usage)
		json_object_del(response, "usage");
	else if (f)
		json_object_set_new(response, "usage", filled_json(f->usage, words));
}

json_t *usage_truth(json_t *rule, json_t *words)
{
	const struct usage_form *f = form_of(&usage_forms, rule);
	return !f ? NULL : f->truth ? filled_json(f->truth, words) : json_null();
}
