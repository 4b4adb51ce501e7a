/* What a model says around the JSON that is wanted of it, and where in the response it says it. */
#include <string.h>

#include "fake.h"

/* text: the content, $ANSWER where the well-formed answer comes; NULL: that alone. odd: how the
 * JSON is written. openai, anthropic: the message, the content blocks; NULL: the usual ones with
 * the text. stop: OpenAI's word for why it stopped, which is translated for Anthropic. */
static const struct answer_form {
	const char *name, *text, *openai, *anthropic, *stop;
	const struct odd *odd;
	const char *source;
} forms[] = {
	/* ---- thoughts in the text ---- */
	{.name = "think",
	 .text = "<think>\nThe user wants one object. That is easy.\n</think>\n\n$ANSWER",
	 .source = "DeepSeek-R1, QwQ; vllm#13375"},
	{.name = "think_draft",
	 .text = "<think>\nFirst try: $DRAFT\nNo, that is not right.\n</think>\n\n$ANSWER",
	 .source = "DeepSeek-R1"},
	{.name = "think_draft_fenced",
	 .text = "<think>\n```json\n$DRAFT\n```\nHmm, better so.\n</think>\n```json\n$ANSWER\n```",
	 .source = "DeepSeek-R1"},
	{.name = "think_empty",
	 .text = "<think>\n\n</think>\n\n$ANSWER",
	 .source = "Qwen3 with enable_thinking=false"},
	{.name = "think_twice",
	 .text = "<think>One. $DRAFT</think>\n<think>Two.</think>\n$ANSWER",
	 .source = "Qwen3"},
	{.name = "think_unclosed",
	 .text = "<think>\nThe user wants one object. Perhaps $DRAFT would do, but",
	 .stop = "length",
	 .source = "any of these at the limit of tokens"},
	{.name = "think_unclosed_answer",
	 .text = "<think>\nThe user wants one object.\n\n$ANSWER",
	 .source = "DeepSeek-R1-Distill"},
	{.name = "think_close_only",
	 .text = "Okay, the user wants one object.\n</think>\n\n$ANSWER",
	 .source = "vllm#12999: the template's prompt ends with <think>"},
	{.name = "think_close_only_draft",
	 .text = "Okay, perhaps $DRAFT or so.\n</think>\n\n$ANSWER",
	 .source = "vllm#12999"},
	{.name = "thinking_tag",
	 .text = "<thinking>Perhaps $DRAFT.</thinking>\n$ANSWER",
	 .source = "Claude 3 with prompts of thoughts in tags"},
	{.name = "reasoning_tag",
	 .text = "<reasoning>Perhaps $DRAFT.</reasoning>\n$ANSWER",
	 .source = "models trained with GRPO recipes"},
	{.name = "thought_tag",
	 .text = "<thought>\nPerhaps $DRAFT.\n</thought>\n$ANSWER",
	 .source = "Gemini's OpenAI endpoint with include_thoughts"},
	{.name = "think_brackets",
	 .text = "[THINK]Perhaps $DRAFT.[/THINK]$ANSWER",
	 .source = "Magistral 2507 and later"},
	{.name = "think_kimi",
	 .text = "\u25c1think\u25b7Perhaps $DRAFT.\u25c1/think\u25b7$ANSWER",
	 .source = "Kimi-VL-Thinking"},
	{.name = "think_seed",
	 .text = "<seed:think>Perhaps $DRAFT.</seed:think>$ANSWER",
	 .source = "Seed-OSS"},

	/* ---- thoughts beside the text ---- */
	{.name = "reasoning_content",
	 .openai = "{'role': 'assistant', 'content': '$$ANSWER', 'reasoning_content': 'Perhaps "
		   "$$DRAFT.'}",
	 .anthropic = "[{'type': 'thinking', 'thinking': 'Perhaps $$DRAFT.', 'signature': 'c2ln'}, "
		      "{'type': 'text', 'text': '$$ANSWER'}]",
	 .source = "DeepSeek create-chat-completion; anthropic-sdk-python thinking_block.py"},
	{.name = "reasoning",
	 .openai = "{'role': 'assistant', 'content': '$$ANSWER', 'refusal': null, 'reasoning': "
		   "'Perhaps $$DRAFT.', 'reasoning_details': [{'type': 'reasoning.text', 'text': "
		   "'Perhaps $$DRAFT.', 'format': 'unknown', 'index': 0}]}",
	 .source = "OpenRouter, Groq, Ollama"},
	{.name = "reasoning_only",
	 .openai = "{'role': 'assistant', 'content': null, 'reasoning_content': '$$ANSWER'}",
	 .anthropic = "[{'type': 'thinking', 'thinking': '$$ANSWER', 'signature': 'c2ln'}]",
	 .source = "vllm-ascend#8042: content null, all in reasoning"},
	{.name = "reasoning_only_length",
	 .openai = "{'role': 'assistant', 'content': '', 'reasoning': 'Perhaps $$DRAFT or'}",
	 .anthropic = "[{'type': 'thinking', 'thinking': 'Perhaps $$DRAFT', 'signature': 'c2ln'}]",
	 .stop = "length",
	 .source = "gpt-5, Qwen3: all tokens went into thinking"},
	{.name = "thinking_redacted",
	 .openai = "{'role': 'assistant', 'content': '$$ANSWER', 'reasoning': null, "
		   "'reasoning_details': [{'type': 'reasoning.encrypted', 'data': 'UkVE'}]}",
	 .anthropic = "[{'type': 'redacted_thinking', 'data': 'UkVE'}, {'type': 'text', 'text': "
		      "'$$ANSWER'}]",
	 .source = "anthropic-sdk-python redacted_thinking_block.py"},

	/* ---- content in parts ---- */
	{.name = "content_parts",
	 .openai = "{'role': 'assistant', 'content': [{'type': 'text', 'text': '$$ANSWER'}]}",
	 .source = "spring-ai#5020"},
	{.name = "content_parts_split",
	 .openai = "{'role': 'assistant', 'content': [{'type': 'text', 'text': '$$HEAD'}, {'type': "
		   "'text', 'text': '$$TAIL'}]}",
	 .anthropic = "[{'type': 'text', 'text': '$$HEAD'}, {'type': 'text', 'text': '$$TAIL'}]",
	 .source = "vercel/ai#4821"},
	{.name = "content_parts_thinking",
	 .openai = "{'role': 'assistant', 'content': [{'type': 'thinking', 'thinking': [{'type': "
		   "'text', 'text': 'Perhaps $$DRAFT.'}]}, {'type': 'text', 'text': '$$ANSWER'}]}",
	 .anthropic = "[{'type': 'thinking', 'thinking': 'Perhaps $$DRAFT.', 'signature': ''}, "
		      "{'type': 'text', 'text': ''}, {'type': 'text', 'text': '$$ANSWER'}]",
	 .source = "Magistral: vercel/ai#8072, simonw/llm-mistral#39"},
	{.name = "content_parts_erratic",
	 .openai = "{'role': 'assistant', 'content': [{'type': 'text', 'text': '$$HEAD'}, {'type': "
		   "'thinking', 'thinking': []}, {'type': 'text', 'text': '$$TAIL'}]}",
	 .anthropic = "[{'type': 'text', 'text': '$$HEAD'}, {'type': 'thinking', 'thinking': '', "
		      "'signature': ''}, {'type': 'text', 'text': '$$TAIL'}]",
	 .source = "mistralai/client-python#252"},
	{.name = "content_parts_reasoning",
	 .openai = "{'role': 'assistant', 'content': [{'type': 'reasoning', 'text': 'Perhaps "
		   "$$DRAFT.'}, {'type': 'output_text', 'text': '$$ANSWER', 'annotations': []}]}",
	 .source = "gateways from the Responses API"},
	{.name = "content_object",
	 .openai = "{'role': 'assistant', 'content': {'type': 'text', 'text': '$$ANSWER'}}",
	 .source = "gateways"},
	{.name = "content_json",
	 .openai = "{'role': 'assistant', 'content': $ANSWER}",
	 .source = "gateways that parse what the model said"},
	{.name = "content_missing",
	 .openai = "{'role': 'assistant'}",
	 .anthropic = "[]",
	 .source = "promptfoo#3033"},
	{.name = "content_null",
	 .openai = "{'role': 'assistant', 'content': null}",
	 .anthropic = "[{'type': 'text', 'text': null}]",
	 .source = "openai.yaml: content is nullable"},
	{.name = "tool_calls",
	 .openai = "{'role': 'assistant', 'content': null, 'tool_calls': [{'id': 'call_1', 'type': "
		   "'function', 'function': {'name': 'answer', 'arguments': '$$ANSWER'}}]}",
	 .anthropic = "[{'type': 'tool_use', 'id': 'toolu_1', 'name': 'answer', 'input': $ANSWER}]",
	 .stop = "tool_calls",
	 .source = "openai.yaml; gateways that make response_format a tool"},
	{.name = "refusal",
	 .openai = "{'role': 'assistant', 'content': null, 'refusal': 'I cannot assist with "
		   "that.'}",
	 .anthropic = "[]",
	 .stop = "refusal",
	 .source = "openai.yaml refusal; anthropic-sdk-python stop_reason.py"},
	{.name = "refusal_text",
	 .text = "I'm sorry, but I can't assist with that request.",
	 .source = "any"},
	{.name = "filtered",
	 .openai = "{'role': 'assistant', 'content': '$$HEAD'}",
	 .stop = "content_filter",
	 .source = "openai.yaml finish_reason"},

	/* ---- sentences and fences ---- */
	{.name = "before", .text = "Here is the JSON you asked for:\n\n$ANSWER", .source = "any"},
	{.name = "behind",
	 .text = "$ANSWER\n\nLet me know if you need anything else!",
	 .source = "any"},
	{.name = "around",
	 .text = "Sure! The answer:\n$ANSWER\nI hope this helps.",
	 .source = "any"},
	{.name = "before_braces",
	 .text = "The fields {as in {the schema}} are:\n$ANSWER",
	 .source = "open-historia#354: a stray brace in the prose"},
	{.name = "behind_braces",
	 .text = "$ANSWER\nNote: values in {braces} are mine. :-}",
	 .source = "open-historia#354"},
	{.name = "label", .text = "Answer: $ANSWER", .source = "any"},
	{.name = "label_json",
	 .text = "json\n$ANSWER",
	 .source = "servers that strip fences, and leave the language"},
	{.name = "fence", .text = "```json\n$ANSWER\n```", .source = "any; groq g1#23"},
	{.name = "fence_bare", .text = "```\n$ANSWER\n```", .source = "any"},
	{.name = "fence_upper", .text = "```JSON\n$ANSWER\n```", .source = "any"},
	{.name = "fence_inline", .text = "```json $ANSWER ```", .source = "any"},
	{.name = "fence_indented", .text = "  ```json\n  $ANSWER\n  ```", .source = "any"},
	{.name = "fence_four", .text = "````json\n$ANSWER\n````", .source = "CommonMark 4.5"},
	{.name = "fence_tilde", .text = "~~~json\n$ANSWER\n~~~", .source = "CommonMark 4.5"},
	{.name = "fence_quotes", .text = "'''json\n$ANSWER\n'''", .source = "small models"},
	{.name = "fence_unclosed", .text = "```json\n$ANSWER", .source = "stop sequence ```"},
	{.name = "fence_end_only",
	 .text = "$ANSWER\n```",
	 .source = "an assistant prefill of ```json"},
	{.name = "fence_python",
	 .text = "```python\nanswer = $ANSWER\n```",
	 .source = "coding models"},
	{.name = "fence_around",
	 .text = "Here you are:\n\n```json\n$ANSWER\n```\n\nThe `label` is mine.",
	 .source = "any"},
	{.name = "fence_two",
	 .text = "First:\n```json\n$DRAFT\n```\nCorrected:\n```json\n$ANSWER\n```",
	 .source = "models that correct themselves"},
	{.name = "backticks", .text = "`$ANSWER`", .source = "small models"},
	{.name = "json_tag", .text = "<json>\n$ANSWER\n</json>", .source = "Claude with tags"},
	{.name = "answer_tag", .text = "<answer>$ANSWER</answer>", .source = "R1-Zero's template"},
	{.name = "boxed", .text = "\\boxed{$ANSWER}", .source = "models trained on mathematics"},

	/* ---- another thing around the object ---- */
	{.name = "array", .text = "[$ANSWER]", .source = "any"},
	{.name = "array_two", .text = "[$DRAFT, $ANSWER]", .source = "any"},
	{.name = "array_empty", .text = "[]", .source = "any"},
	{.name = "key_result", .text = "{\"result\": $ANSWER}", .source = "any"},
	{.name = "key_data", .text = "{\"data\": $ANSWER}", .source = "any"},
	{.name = "key_response", .text = "{\"response\": $ANSWER}", .source = "any"},
	{.name = "key_deep", .text = "{\"output\": {\"json\": $ANSWER}}", .source = "any"},
	{.name = "key_beside",
	 .text = "{\"status\": \"ok\", \"result\": $ANSWER}",
	 .source = "any"},
	{.name = "key_properties", .text = "{\"properties\": $ANSWER}", .source = "small models"},
	{.name = "key_arguments",
	 .text = "{\"name\": \"answer\", \"arguments\": $ANSWER}",
	 .source = "models trained on calls of functions"},
	{.name = "schema_echo", .text = "$SCHEMA", .source = "small models repeat the schema"},
	{.name = "schema_filled",
	 .text = "{\"type\": \"object\", \"properties\": $ANSWER, \"required\": []}",
	 .source = "small models"},
	{.name = "schema_before", .text = "$SCHEMA\n\n$ANSWER", .source = "small models"},
	{.name = "double_encoded", .text = "\"$$ANSWER\"", .source = "gateways and models"},
	{.name = "double_encoded_key", .text = "{\"result\": \"$$ANSWER\"}", .source = "models"},
	{.name = "escaped", .text = "$$ANSWER", .source = "models that saw escaped JSON"},

	/* ---- several ---- */
	{.name = "two_objects", .text = "$DRAFT\n$ANSWER", .source = "letta#269: double JSON"},
	{.name = "two_objects_same", .text = "$ANSWER\n$ANSWER", .source = "repetition"},
	{.name = "two_objects_joined", .text = "$DRAFT$ANSWER", .source = "repetition"},
	{.name = "corrected",
	 .text = "$DRAFT\n\nWait, that is wrong. The corrected answer:\n\n$ANSWER",
	 .source = "models that correct themselves"},
	{.name = "example_behind",
	 .text = "$ANSWER\n\nAnother text would give, for example:\n\n$DRAFT",
	 .source = "models that explain"},
	{.name = "repeated_chat",
	 .text = "$ANSWER\n\nUser: And the next one?\nAssistant: $DRAFT",
	 .source = "base models without a stop token"},

	/* ---- JSON that is none ---- */
	{.name = "trailing_commas",
	 .odd = &(struct odd){.trailing = true},
	 .source = "mem0#5623, SICTIC-AI#37"},
	{.name = "single_quotes", .odd = &(struct odd){.open = "'", .close = "'"}, .source = "any"},
	{.name = "python",
	 .odd = &(struct odd){.open = "'",
			      .close = "'",
			      .true_ = "True",
			      .false_ = "False",
			      .null_ = "None"},
	 .source = "models print a dict"},
	{.name = "python_words",
	 .odd = &(struct odd){.true_ = "True", .false_ = "False", .null_ = "None"},
	 .source = "models"},
	{.name = "bare_keys", .odd = &(struct odd){.bare_keys = true}, .source = "JavaScript"},
	{.name = "comments", .odd = &(struct odd){.comment = " // as asked"}, .source = "models"},
	{.name = "comments_block",
	 .odd = &(struct odd){.comment = " /* as asked */"},
	 .source = "models"},
	{.name = "comments_hash",
	 .odd = &(struct odd){.comment = " # as asked"},
	 .source = "models"},
	{.name = "missing_commas", .odd = &(struct odd){.comma = ""}, .source = "json_repair"},
	{.name = "smart_quotes",
	 .odd = &(struct odd){.open = "\u201c", .close = "\u201d"},
	 .source = "open-historia#354: curly quotes"},
	{.name = "guillemets",
	 .odd = &(struct odd){.open = "\u00ab", .close = "\u00bb"},
	 .source = "models"},
	{.name = "html_quotes",
	 .odd = &(struct odd){.open = "&quot;", .close = "&quot;"},
	 .source = "gateways"},
	{.name = "line_feed", .odd = &(struct odd){.amid = "\n"}, .source = "json_repair"},
	{.name = "bad_escape", .odd = &(struct odd){.amid = "\\'"}, .source = "SICTIC-AI#37"},
	{.name = "quote_inside",
	 .odd = &(struct odd){.amid = "\""},
	 .source = "vllm#6905, json_repair#59"},
	{.name = "surrogate",
	 .odd = &(struct odd){.amid = "\\ud83d"},
	 .source = "text cut in an emoji"},
	{.name = "nul",
	 .odd = &(struct odd){.amid = "\\u0000"},
	 .source = "models; jsonb refuses it"},
	{.name = "duplicate_keys", .odd = &(struct odd){.twice = true}, .source = "repetition"},
	{.name = "spaces",
	 .odd = &(struct odd){.gap = "\u00a0:\u00a0"},
	 .source = "no-break spaces"},

	/* ---- values of another type ---- */
	{.name = "numbers_as_text",
	 .odd = &(struct odd){.before = "\"", .after = "\""},
	 .source = "any"},
	{.name = "booleans_as_text",
	 .odd = &(struct odd){.true_ = "\"true\"", .false_ = "\"false\""},
	 .source = "any"},
	{.name = "booleans_as_words",
	 .odd = &(struct odd){.true_ = "\"yes\"", .false_ = "\"no\""},
	 .source = "any"},
	{.name = "booleans_as_numbers",
	 .odd = &(struct odd){.true_ = "1", .false_ = "0"},
	 .source = "any"},
	{.name = "nulls_as_text", .odd = &(struct odd){.null_ = "\"null\""}, .source = "any"},
	{.name = "nan", .odd = &(struct odd){.number = "NaN"}, .source = "Python's json.dumps"},
	{.name = "infinity",
	 .odd = &(struct odd){.number = "Infinity"},
	 .source = "Python's json.dumps"},
	{.name = "percent", .odd = &(struct odd){.before = "\"", .after = "%\""}, .source = "any"},
	{.name = "units",
	 .odd = &(struct odd){.before = "\"", .after = " points\""},
	 .source = "any"},
	{.name = "plus_sign", .odd = &(struct odd){.before = "+"}, .source = "models"},
	{.name = "leading_zeros", .odd = &(struct odd){.before = "0"}, .source = "models"},
	{.name = "decimal_comma",
	 .odd = &(struct odd){.point = ",", .before = "\"", .after = "\""},
	 .source = "German"},
	{.name = "exponent",
	 .odd = &(struct odd){.after = "e0"},
	 .source = "RFC 8259: the same value"},
	{.name = "number_huge",
	 .odd = &(struct odd){.before = "1", .after = "00000000000000000000"},
	 .source = "loops"},
	{.name = "number_real", .odd = &(struct odd){.after = ".0"}, .source = "integers as reals"},

	/* ---- special tokens and characters ---- */
	{.name = "im_end", .text = "$ANSWER<|im_end|>", .source = "ChatML; Qwen"},
	{.name = "im_start",
	 .text = "<|im_start|>assistant\n$ANSWER<|im_end|>",
	 .source = "ChatML"},
	{.name = "eot_id", .text = "$ANSWER<|eot_id|>", .source = "Llama 3"},
	{.name = "header_id", .text = "assistant\n\n$ANSWER", .source = "Llama 3"},
	{.name = "endoftext", .text = "$ANSWER<|endoftext|>", .source = "GPT-2, Qwen, Phi"},
	{.name = "eos", .text = " $ANSWER</s>", .source = "Llama 2, Mistral"},
	{.name = "bos", .text = "<s>$ANSWER", .source = "vllm#46224"},
	{.name = "end_of_turn", .text = "$ANSWER<end_of_turn>", .source = "Gemma"},
	{.name = "end_of_sentence",
	 .text = "$ANSWER<\uff5cend\u2581of\u2581sentence\uff5c>",
	 .source = "DeepSeek; vllm-ascend#9767"},
	{.name = "channel_final",
	 .text = "<|channel|>final<|message|>$ANSWER",
	 .source = "gpt-oss; vllm#32587"},
	{.name = "channel_analysis",
	 .text = "<|channel|>analysis<|message|>Perhaps $DRAFT.<|end|><|start|>assistant<|channel|>"
		 "final<|message|>$ANSWER<|return|>",
	 .source = "gpt-oss; mlx-lm#875"},
	{.name = "channel_leaked",
	 .text = "analysisPerhaps $DRAFT.assistantfinal$ANSWER",
	 .source = "gpt-oss, tokens stripped and the words left"},
	{.name = "byte_order_mark", .text = "\xef\xbb\xbf$ANSWER", .source = "gateways"},
	{.name = "zero_width", .text = "\u200b$ANSWER\u200b", .source = "models"},
	{.name = "no_break_space", .text = "\u00a0\n$ANSWER\u00a0", .source = "models"},
	{.name = "line_separator", .text = "\u2028$ANSWER\u2029", .source = "models"},
	{.name = "white_space", .text = "\n\n \t$ANSWER\n\n\n\n", .source = "vllm#4093"},

	/* ---- too little ---- */
	{.name = "truncated", .text = "$HEAD", .stop = "length", .source = "json_repair#59"},
	{.name = "truncated_silently", .text = "$HEAD", .source = "llama.cpp at its context's end"},
	{.name = "truncated_fence",
	 .text = "```json\n$HEAD",
	 .stop = "length",
	 .source = "any at the limit"},
	{.name = "whole_at_length",
	 .stop = "length",
	 .source = "the object closed, then white space up to the limit"},
	{.name = "empty", .text = "", .source = "DeepSeek's JSON mode; dify#13068"},
	{.name = "blank", .text = " \n\n", .source = "vllm#4093: white space without end"},
	{.name = "blank_at_length", .text = "\n\n\n", .stop = "length", .source = "vllm#4093"},
	{.name = "word_null", .text = "null", .source = "any"},
	{.name = "word_none", .text = "None", .source = "any"},
	{.name = "object_empty", .text = "{}", .source = "dotnet/extensions#5927"},
	{.name = "number_alone", .text = "42", .source = "any"},
	{.name = "text_alone", .text = "\"positive\"", .source = "any"},
	{.name = "prose", .text = "The text is quite positive, I would say.", .source = "any"},
};

const struct form_list answer_forms = {"answer_form", forms, sizeof forms / sizeof *forms,
				       sizeof *forms, offsetof(struct answer_form, source)};

/* What is no JSON stays as it is. */
static void write_oddly(struct buffer *out, const char *answer, const struct odd *odd)
{
	json_t *json = json_loads(answer, JSON_DECODE_ANY, NULL);
	if (json)
		odd_write(out, json, odd);
	else
		buffer_add_text(out, answer);
	json_decref(json);
}

void answer_said(json_t *rule, json_t *words, const char *answer, struct buffer *out)
{
	const struct answer_form *f = form_of(&answer_forms, rule);
	if (f && f->odd)
		write_oddly(out, answer, f->odd);
	else if (f && f->text)
		fill_text(out, f->text, words);
	else
		buffer_add_text(out, answer);
}

const char *answer_stop(json_t *rule)
{
	const struct answer_form *f = form_of(&answer_forms, rule);
	return f ? f->stop : NULL;
}

/* Whether the form has the text elsewhere than in its usual place. */
void answer_place(enum vendor vendor, json_t *rule, json_t *words, json_t *response)
{
	const struct answer_form *f = form_of(&answer_forms, rule);
	const char *pattern = !f ? NULL : vendor == OPENAI ? f->openai : f->anthropic;
	json_t *placed = pattern ? filled_json(pattern, words) : NULL;
	if (!placed)
		return;
	if (vendor == OPENAI)
		json_object_set_new(json_array_get(json_object_get(response, "choices"), 0),
				    "message", placed);
	else
		json_object_set_new(response, "content", placed);
}
