/* Whole bodies of successes that are not those of the vendor's specification. */
#include <string.h>

#include "fake.h"

#define CHAT(choice, rest)                                                                         \
	"{'id': 'chatcmpl-$ID', 'object': 'chat.completion', 'created': $NOW, 'model': "           \
	"'$$MODEL', 'choices': [" choice "], 'usage': {'prompt_tokens': $IN, "                     \
	"'completion_tokens': $OUT, 'total_tokens': $TOTAL}" rest "}"

#define CHOICE(text)                                                                               \
	"{'index': 0, 'message': {'role': 'assistant', 'content': '" text "'}, 'logprobs': "       \
	"null, 'finish_reason': 'stop'}"

#define CHUNK(rest)                                                                                \
	"data: {\"id\": \"chatcmpl-$ID\", \"object\": \"chat.completion.chunk\", \"created\": "    \
	"$NOW, "                                                                                   \
	"\"model\": \"$$MODEL\", " rest "}\n\n"

#define DELTA(text)                                                                                \
	CHUNK("\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"" text                      \
	      "\"}, \"finish_reason\": null}]")

#define STREAM                                                                                     \
	CHUNK("\"choices\": [{\"index\": 0, \"delta\": {\"role\": \"assistant\"}}]")               \
	DELTA("$$HEAD")                                                                            \
	DELTA("$$TAIL")                                                                            \
	CHUNK("\"choices\": [{\"index\": 0, \"delta\": {}, \"finish_reason\": \"stop\"}]")         \
	CHUNK("\"choices\": [], \"usage\": {\"prompt_tokens\": $IN, "                              \
	      "\"completion_tokens\": $OUT, "                                                      \
	      "\"total_tokens\": $TOTAL}")

#define EVENTS "text/event-stream; charset=utf-8"

#define EVENT(name, rest) "event: " name "\ndata: {\"type\": \"" name "\"" rest "}\n\n"

#define STREAM_ANTHROPIC                                                                           \
	EVENT("message_start",                                                                     \
	      ", \"message\": {\"id\": \"msg_$ID\", \"type\": \"message\", \"role\": "             \
	      "\"assistant\", \"model\": \"$$MODEL\", \"content\": [], \"stop_reason\": null, "    \
	      "\"usage\": {\"input_tokens\": $IN, \"output_tokens\": 1}}")                         \
	EVENT("content_block_start",                                                               \
	      ", \"index\": 0, \"content_block\": {\"type\": \"text\", \"text\": \"\"}")           \
	EVENT("ping", "")                                                                          \
	EVENT("content_block_delta",                                                               \
	      ", \"index\": 0, \"delta\": {\"type\": \"text_delta\", \"text\": \"$$ANSWER\"}")     \
	EVENT("content_block_stop", ", \"index\": 0")                                              \
	EVENT("message_delta", ", \"delta\": {\"stop_reason\": \"end_turn\"}, \"usage\": "         \
			       "{\"output_tokens\": $OUT}")                                        \
	EVENT("message_stop", "")

/* type: NULL: JSON, and ' stands for ", ` for '. */
static const struct shape {
	const char *name, *body, *source, *type;
} shapes[] = {
	{"bare", "{'choices': [{'message': {'content': '$$ANSWER'}}]}", "gateways", NULL},
	{"finish_null",
	 CHAT("{'index': 0, 'message': {'role': 'assistant', 'content': '$$ANSWER'}, "
	      "'finish_reason': null}",
	      ""),
	 "openai-openapi#20", NULL},
	{"finish_missing",
	 CHAT("{'index': 0, 'message': {'role': 'assistant', 'content': '$$ANSWER'}}", ""),
	 "gateways", NULL},
	{"finish_upper",
	 CHAT("{'index': 0, 'message': {'role': 'assistant', 'content': '$$ANSWER'}, "
	      "'finish_reason': 'STOP'}",
	      ""),
	 "MacPaw/OpenAI#312: every provider has its words", NULL},
	{"finish_eos",
	 CHAT("{'index': 0, 'message': {'role': 'assistant', 'content': '$$ANSWER'}, "
	      "'finish_reason': 'eos'}",
	      ""),
	 "Together", NULL},
	{"finish_end_turn",
	 CHAT("{'index': 0, 'message': {'role': 'assistant', 'content': '$$ANSWER'}, "
	      "'finish_reason': 'end_turn'}",
	      ""),
	 "genkit#6259: xAI; ayai-gpt-nexus#2", NULL},
	{"finish_max_tokens",
	 CHAT("{'index': 0, 'message': {'role': 'assistant', 'content': '$$HEAD'}, "
	      "'finish_reason': 'MAX_TOKENS'}",
	      ""),
	 "MacPaw/OpenAI#312", NULL},
	{"finish_no_resource",
	 CHAT("{'index': 0, 'message': {'role': 'assistant', 'content': '$$HEAD'}, "
	      "'finish_reason': 'insufficient_system_resource'}",
	      ""),
	 "genkit#6259: DeepSeek broke it off", NULL},
	{"finish_network",
	 CHAT("{'index': 0, 'message': {'role': 'assistant', 'content': '$$HEAD'}, "
	      "'finish_reason': 'network_error'}",
	      ""),
	 "genkit#6259: z.AI broke it off", NULL},
	{"finish_sensitive",
	 CHAT("{'index': 0, 'message': {'role': 'assistant', 'content': ''}, 'finish_reason': "
	      "'sensitive'}",
	      ""),
	 "genkit#6259: z.AI filtered it", NULL},
	{"error_null", CHAT(CHOICE("$$ANSWER"), ", 'error': null"), "Responses API, gateways",
	 NULL},
	{"error_empty", CHAT(CHOICE("$$ANSWER"), ", 'error': ''"), "gateways", NULL},
	{"error_beside",
	 CHAT(CHOICE("$$ANSWER"), ", 'error': {'message': 'upstream', 'code': 502}"),
	 "genkit#6259: an error beside a choice that stopped cleanly", NULL},
	{"choice_usage",
	 "{'id': 'cmpl-$ID', 'object': 'chat.completion', 'model': '$$MODEL', 'choices': "
	 "[{'index': 0, 'message': {'role': 'assistant', 'content': '$$ANSWER'}, 'finish_reason': "
	 "'stop', 'usage': {'prompt_tokens': $IN, 'completion_tokens': $OUT, 'total_tokens': "
	 "$TOTAL}}]}",
	 "MetaGPT#1746: Moonshot", NULL},
	{"choices_two",
	 CHAT("{'index': 1, 'message': {'role': 'assistant', 'content': '$$DRAFT'}, "
	      "'finish_reason': 'stop'}, " CHOICE("$$ANSWER"),
	      ""),
	 "choices are told by index", NULL},
	{"delta",
	 CHAT("{'index': 0, 'delta': {'role': 'assistant', 'content': '$$ANSWER'}, "
	      "'finish_reason': 'stop'}",
	      ""),
	 "servers that stream alone", NULL},
	{"text",
	 "{'id': 'cmpl-$ID', 'object': 'text_completion', 'model': '$$MODEL', 'choices': "
	 "[{'index': 0, 'text': '$$ANSWER', 'logprobs': null, 'finish_reason': 'stop'}]}",
	 "completions, not chat completions", NULL},
	{"model_other", CHAT(CHOICE("$$ANSWER"), ", 'model': 'another-model'"), "routers", NULL},
	{"model_missing", "{'choices': [" CHOICE("$$ANSWER") "]}", "gateways", NULL},
	{"id_empty", CHAT(CHOICE("$$ANSWER"), ", 'id': ''"), "text-generation-inference#1782",
	 NULL},
	{"id_null", CHAT(CHOICE("$$ANSWER"), ", 'id': null"), "9router#2727", NULL},
	{"id_number", CHAT(CHOICE("$$ANSWER"), ", 'id': 17"), "lmdeploy#4707: a session's number",
	 NULL},
	{"usage_too_big",
	 CHAT(CHOICE("$$ANSWER"), ", 'usage': {'prompt_tokens': 99999999999999999999, "
				  "'completion_tokens': 1}"),
	 "beyond 64 bits; a duplicate key as well", NULL},
	{"fields_unknown",
	 CHAT(CHOICE("$$ANSWER"),
	      ", 'x_groq': {'id': 'req_1'}, 'service_tier': 'on_demand', 'prompt_filter_results': "
	      "[], 'citations': [], 'system_fingerprint': null, 'timings': {'predicted_ms': 1.5}"),
	 "Groq, Azure, Perplexity, llama.cpp", NULL},
	{"wrapped_data", "{'data': $RESPONSE}", "gateways", NULL},
	{"wrapped_code", "{'code': 0, 'msg': 'success', 'data': $RESPONSE}", "gateways", NULL},
	{"wrapped_result",
	 "{'result': {'response': '$$ANSWER'}, 'success': true, 'errors': [], 'messages': []}",
	 "Cloudflare Workers AI", NULL},
	{"wrapped_array", "[$RESPONSE]", "gateways", NULL},
	{"wrapped_text", "'$$RESPONSE'", "gateways that write JSON into JSON", NULL},
	{"twice", "$RESPONSE\n$RESPONSE", "gateways", NULL},
	{"rest_behind", "$RESPONSE\n\n: keep-alive\n", "gateways", NULL},
	{"ollama",
	 "{'model': '$$MODEL', 'created_at': '2025-11-01T00:00:00Z', 'message': {'role': "
	 "'assistant', 'content': '$$ANSWER'}, 'done_reason': 'stop', 'done': true, "
	 "'prompt_eval_count': $IN, 'eval_count': $OUT}",
	 "ollama docs/api.md /api/chat", NULL},
	{"responses",
	 "{'id': 'resp_$ID', 'object': 'response', 'status': 'completed', 'error': null, 'model': "
	 "'$$MODEL', 'output': [{'type': 'reasoning', 'summary': []}, {'type': 'message', 'role': "
	 "'assistant', 'content': [{'type': 'output_text', 'text': '$$ANSWER'}]}], 'usage': "
	 "{'input_tokens': $IN, 'output_tokens': $OUT, 'total_tokens': $TOTAL}}",
	 "openai.yaml Response", NULL},
	{"gemini",
	 "{'candidates': [{'content': {'parts': [{'text': '$$ANSWER'}], 'role': 'model'}, "
	 "'finishReason': 'STOP', 'index': 0}], 'usageMetadata': {'promptTokenCount': $IN, "
	 "'candidatesTokenCount': $OUT, 'totalTokenCount': $TOTAL}}",
	 "page-assist#406", NULL},
	{"cohere",
	 "{'id': '$ID', 'finish_reason': 'COMPLETE', 'message': {'role': 'assistant', 'content': "
	 "[{'type': 'text', 'text': '$$ANSWER'}]}, 'usage': {'tokens': {'input_tokens': $IN, "
	 "'output_tokens': $OUT}}}",
	 "Cohere v2 chat", NULL},
	{"anthropic",
	 "{'id': 'msg_$ID', 'type': 'message', 'role': 'assistant', 'model': '$$MODEL', 'content': "
	 "[{'type': 'text', 'text': '$$ANSWER'}], 'stop_reason': 'end_turn', 'stop_sequence': "
	 "null, 'usage': {'input_tokens': $IN, 'output_tokens': $OUT}}",
	 "the other vendor's, from a gateway of both", NULL},
	{"openai", CHAT(CHOICE("$$ANSWER"), ""), "the other vendor's, from a gateway of both",
	 NULL},

	/* ---- a stream that nobody asked for ---- */
	{"sse", STREAM "data: [DONE]\n\n", "unsloth#6570, mini-sglang#51", EVENTS},
	{"sse_as_json", STREAM "data: [DONE]\n\n", "AiNiee#920: it says it is JSON",
	 "application/json"},
	{"sse_comments",
	 ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n" STREAM "data: [DONE]\n\n",
	 "OpenRouter streaming: comments keep the connection", EVENTS},
	{"sse_undone", STREAM, "perplexity api-discussion#209: no [DONE]", EVENTS},
	{"sse_cut", DELTA("$$HEAD"), "a stream that breaks off", EVENTS},
	{"sse_whole", "data: $RESPONSE\n\ndata: [DONE]\n\n", "gateways", EVENTS},
	{"sse_anthropic", STREAM_ANTHROPIC, "docs.anthropic.com messages-streaming", EVENTS},
	{"ndjson",
	 "{\"model\": \"$$MODEL\", \"message\": {\"role\": \"assistant\", \"content\": "
	 "\"$$HEAD\"}, \"done\": false}\n{\"model\": \"$$MODEL\", \"message\": {\"role\": "
	 "\"assistant\", \"content\": \"$$TAIL\"}, \"done\": true, \"prompt_eval_count\": $IN, "
	 "\"eval_count\": $OUT}\n",
	 "ollama docs/api.md: it streams unless told not to", "application/x-ndjson"},
};

const struct form_list shape_forms = {"shape", shapes, sizeof shapes / sizeof *shapes,
				      sizeof *shapes, offsetof(struct shape, source)};

json_t *shape_json(json_t *rule, json_t *words)
{
	const struct shape *s = form_of(&shape_forms, rule);
	return s && !s->type ? filled_json(s->body, words) : NULL;
}

void shape_place(struct reply *r, json_t *rule, json_t *words)
{
	const struct shape *s = form_of(&shape_forms, rule);
	if (!s)
		return;
	buffer_reset(&r->body);
	r->type = s->type;
	json_t *json = shape_json(rule, words);
	if (json)
		buffer_add_dump(&r->body, json);
	else if (s->type)
		fill_text(&r->body, s->body, words);
	else
		fill_json(&r->body, s->body, words);
	json_decref(json);
}
