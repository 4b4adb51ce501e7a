/* Errors, as vendors, servers and what stands in between write them. */
#include <string.h>

#include "fake.h"

#define HTML "text/html"
#define TEXT "text/plain; charset=utf-8"
#define EVENTS "text/event-stream; charset=utf-8"

#define CHOICE(error)                                                                              \
	"{'id': 'gen-$ID', 'provider': 'Upstream', 'model': '$$MODEL', 'object': "                 \
	"'chat.completion', 'created': $NOW, 'choices': [{'error': " error                         \
	", 'logprobs': null, 'finish_reason': 'error', 'native_finish_reason': 'error', "          \
	"'index': 0, 'message': {'role': 'assistant', 'content': '$$HEAD', 'refusal': null}}], "   \
	"'usage': {'prompt_tokens': $IN, 'completion_tokens': 0, 'total_tokens': $IN}}"

#define NGINX(title)                                                                               \
	"<html>\r\n<head><title>" title "</title></head>\r\n<body>\r\n<center><h1>" title          \
	"</h1></center>\r\n<hr><center>nginx/1.24.0</center>\r\n</body>\r\n</html>\r\n"

#define ALB(title)                                                                                 \
	"<html>\r\n<head><title>" title "</title></head>\r\n<body>\r\n<center><h1>" title          \
	"</h1></center>\r\n</body>\r\n</html>\r\n"

#define CLOUDFLARE(title)                                                                          \
	"<!DOCTYPE html>\n<!--[if lt IE 7]> <html class=\"no-js ie6 oldie\" lang=\"en-US\"> "      \
	"<![endif]-->\n<html class=\"no-js\" lang=\"en-US\">\n<head>\n<title>api.example.com | "   \
	"$STATUS: " title "</title>\n</head>\n<body>\n<div id=\"cf-wrapper\"><h1>" title           \
	"</h1><span>Error code $STATUS</span></div>\n</body>\n</html>\n"

#define CF_HEADERS "server: cloudflare\ncf-ray: 9bcf137bef4f4292-VCP\n"

#define UNSUPPORTED(name, text)                                                                    \
	"{'error': {'message': '" text "', 'type': 'invalid_request_error', 'param': '" name       \
	"', 'code': 'unsupported_parameter'}}"

/* type: NULL: JSON, and ' stands for ", ` for '. headers: "name: value\n", again and again. */
enum { HUNG = -1, BROKEN = -2 }; /* no answer, ever; the connection ends without one */

static const struct error_form {
	const char *name;
	int status;
	const char *type, *headers, *body, *source;
} forms[] = {
	/* ---- OpenAI ---- */
	{"openai_429", 429, NULL, "retry-after: 1\nx-ratelimit-remaining-requests: 0\n",
	 "{'error': {'message': 'Rate limit reached for $$MODEL in organization org-1 on requests "
	 "per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 1s.', 'type': "
	 "'requests', 'param': null, 'code': 'rate_limit_exceeded'}}",
	 "OpenAI error codes guide"},
	{"openai_429_tokens", 429, NULL, NULL,
	 "{'error': {'message': 'Request too large for $$MODEL in organization org-1 on tokens per "
	 "min (TPM): Limit 10000, Requested 20000.', 'type': 'tokens', 'param': null, 'code': "
	 "'rate_limit_exceeded'}}",
	 "OpenAI error codes guide: waiting does not help"},
	{"openai_quota", 429, NULL, NULL,
	 "{'error': {'message': 'You exceeded your current quota, please check your plan and "
	 "billing details.', 'type': 'insufficient_quota', 'param': null, 'code': "
	 "'insufficient_quota'}}",
	 "OpenAI error codes guide"},
	{"openai_401", 401, NULL, NULL,
	 "{'error': {'message': 'Incorrect API key provided: sk-abc***xyz.', 'type': "
	 "'invalid_request_error', 'param': null, 'code': 'invalid_api_key'}}",
	 "OpenAI error codes guide"},
	{"openai_500", 500, NULL, NULL,
	 "{'error': {'message': 'The server had an error while processing your request. Sorry "
	 "about that!', 'type': 'server_error', 'param': null, 'code': null}}",
	 "OpenAI error codes guide"},
	{"openai_503", 503, NULL, NULL,
	 "{'error': {'message': 'That model is currently overloaded with other requests.', 'type': "
	 "'server_error', 'param': null, 'code': null}}",
	 "OpenAI error codes guide"},
	{"openai_context", 400, NULL, NULL,
	 "{'error': {'message': 'This model`s maximum context length is 8192 tokens. However, your "
	 "messages resulted in 9000 tokens.', 'type': 'invalid_request_error', 'param': "
	 "'messages', 'code': 'context_length_exceeded'}}",
	 "OpenAI error codes guide"},
	{"openai_model", 404, NULL, NULL,
	 "{'error': {'message': 'The model `$$MODEL` does not exist or you do not have access to "
	 "it.', 'type': 'invalid_request_error', 'param': null, 'code': 'model_not_found'}}",
	 "OpenAI error codes guide"},

	/* ---- what is not supported ---- */
	{"unsupported_max_tokens", 400, NULL, NULL,
	 UNSUPPORTED("max_tokens", "Unsupported parameter: `max_tokens` is not supported with this "
				   "model. Use `max_completion_tokens` instead."),
	 "YPrompt#26, ComfyUI-Griptape#312"},
	{"unsupported_max_completion_tokens", 400, NULL, NULL,
	 UNSUPPORTED("max_completion_tokens",
		     "Unsupported parameter: `max_completion_tokens` is not supported with this "
		     "model. Use `max_tokens` instead."),
	 "the reverse, from older deployments"},
	{"unsupported_max_tokens_bare", 400, NULL, NULL,
	 "{'error': {'message': 'Unsupported parameter: `max_tokens` is not supported with this "
	 "model. Use `max_completion_tokens` instead.', 'code': 'invalid_request_body'}}",
	 "copilot-api#164"},
	{"unsupported_temperature", 400, NULL, NULL,
	 UNSUPPORTED("temperature", "Unsupported parameter: `temperature` is not supported with "
				    "this model."),
	 "pal-mcp-server#78"},
	{"unsupported_temperature_value", 400, NULL, NULL,
	 "{'error': {'message': 'Unsupported value: `temperature` does not support 0 with this "
	 "model. Only the default (1) value is supported.', 'type': 'invalid_request_error', "
	 "'param': 'temperature', 'code': 'unsupported_value'}}",
	 "Cursor-Azure-GPT-5#33, llmcomp#69"},
	{"unsupported_response_format", 400, NULL, NULL,
	 "{'error': {'message': 'Invalid parameter: `response_format` of type `json_schema` is not "
	 "supported with this model.', 'type': 'invalid_request_error', 'param': "
	 "'response_format', 'code': null}}",
	 "OpenAI, older models"},
	{"unsupported_response_format_deepseek", 400, NULL, NULL,
	 "{'error': {'message': 'This response_format type is unavailable now', 'type': "
	 "'invalid_request_error', 'param': null, 'code': 'invalid_request_error'}}",
	 "DeepSeek: json_object alone is there"},
	{"json_word_missing", 400, NULL, NULL,
	 "{'error': {'message': '`messages` must contain the word `json` in some form, to use "
	 "`response_format` of type `json_object`.', 'type': 'invalid_request_error', 'param': "
	 "'messages', 'code': null}}",
	 "OpenAI JSON mode"},
	{"unsupported_system", 400, NULL, NULL,
	 "{'error': {'message': 'Unsupported value: `messages[0].role` does not support `system` "
	 "with this model.', 'type': 'invalid_request_error', 'param': 'messages[0].role', 'code': "
	 "'unsupported_value'}}",
	 "OpenAI o1-mini"},
	{"unknown_field", 400, NULL, NULL,
	 "{'error': {'message': 'Unrecognized request argument supplied: $$FIELD', 'type': "
	 "'invalid_request_error', 'param': null, 'code': null}}",
	 "OpenAI"},
	{"unknown_field_groq", 400, NULL, NULL,
	 "{'error': {'message': 'property `$$FIELD` is unsupported', 'type': "
	 "'invalid_request_error'}}",
	 "Groq"},
	{"unknown_field_mistral", 422, NULL, NULL,
	 "{'object': 'error', 'message': {'detail': [{'type': 'extra_forbidden', 'loc': ['body', "
	 "'$$FIELD'], 'msg': 'Extra inputs are not permitted', 'input': 32000}]}, 'type': "
	 "'invalid_request_error', 'param': null, 'code': null}",
	 "eca#231, eca#315"},
	{"unknown_field_anthropic", 400, NULL, NULL,
	 "{'type': 'error', 'error': {'type': 'invalid_request_error', 'message': '$$FIELD: Extra "
	 "inputs are not permitted'}, 'request_id': 'req_$ID'}",
	 "Anthropic"},

	/* ---- an error in a 200 ---- */
	{"openrouter_200", 200, NULL, NULL,
	 "{'error': {'message': 'Provider returned error', 'code': 429, 'metadata': {'raw': "
	 "'$$MODEL is temporarily rate-limited upstream.', 'provider_name': 'Upstream'}}, "
	 "'user_id': 'user_1'}",
	 "aider#3550: KeyError choices, a 200 with an error"},
	{"openrouter_200_502", 200, NULL, NULL,
	 "{'error': {'message': 'Internal Server Error', 'code': 502}}", "aider#3550"},
	{"openrouter_200_400", 200, NULL, NULL,
	 "{'error': {'message': 'This endpoint`s maximum context length is 4096 tokens.', 'code': "
	 "400}}",
	 "aider#3550"},
	{"openrouter_blank_200", 200, NULL, NULL,
	 "\n         \n\n         \n{'error': {'message': 'Provider returned error', 'code': 502}}",
	 "OpenRouter sends white space while it waits"},
	{"openrouter_choice", 200, NULL, NULL,
	 CHOICE("{'message': 'Upstream error from Upstream: overloaded', 'code': 502}"),
	 "OpenRouter error handling; genkit#6259: the error rides on the choice"},
	{"openrouter_choice_429", 200, NULL, NULL,
	 CHOICE("{'message': 'Rate limit exceeded', 'code': 429, 'metadata': {'error_type': "
		"'rate_limit_exceeded'}}"),
	 "pando#8"},
	{"finish_reason_error", 200, NULL, NULL,
	 "{'id': 'gen-$ID', 'object': 'chat.completion', 'created': $NOW, 'model': '$$MODEL', "
	 "'choices': [{'index': 0, 'message': {'role': 'assistant', 'content': ''}, "
	 "'finish_reason': 'error'}]}",
	 "houston#1211: a finish_reason of error, and no error"},
	{"choices_null", 200, NULL, NULL, "{'id': null, 'choices': null}", "9router#2727"},
	{"choices_empty", 200, NULL, NULL,
	 "{'id': 'chatcmpl-$ID', 'object': 'chat.completion', 'choices': [], 'usage': null}",
	 "gateways"},
	{"lmstudio_200", 200, NULL, "x-powered-by: Express\n",
	 "{'error': 'Unexpected endpoint or method. ($METHOD $$URL)'}",
	 "lmstudio-bug-tracker#618: 200 for what is not there"},
	{"error_string_200", 200, NULL, NULL, "{'error': 'The model has crashed.'}", "LM Studio"},
	{"anthropic_200", 200, NULL, NULL,
	 "{'type': 'error', 'error': {'type': 'overloaded_error', 'message': 'Overloaded'}}",
	 "gateways"},
	{"anthropic_event_200", 200, EVENTS, NULL,
	 "event: error\ndata: {\"type\": \"error\", \"error\": {\"type\": \"overloaded_error\", "
	 "\"message\": \"Overloaded\"}}\n\n",
	 "docs.anthropic.com messages-streaming; claude-engineer#161"},
	{"openai_event_200", 200, EVENTS, NULL,
	 "data: {\"error\": {\"message\": \"The server had an error\", \"type\": "
	 "\"server_error\", \"code\": null}}\n\ndata: [DONE]\n\n",
	 "goai#110"},
	{"minimax_200", 200, NULL, NULL,
	 "{'id': '$ID', 'choices': null, 'created': $NOW, 'model': '$$MODEL', 'usage': "
	 "{'total_tokens': 0}, 'base_resp': {'status_code': 1002, 'status_msg': 'rate limit'}}",
	 "MiniMax: base_resp.status_code tells"},
	{"code_200", 200, NULL, NULL, "{'code': 500, 'msg': '404 NOT_FOUND', 'success': false}",
	 "Zhipu and gateways"},
	{"success_false_200", 200, NULL, NULL,
	 "{'success': false, 'message': 'Upstream request failed', 'data': null}", "gateways"},
	{"object_empty_200", 200, NULL, NULL, "{}", "gateways"},
	{"null_200", 200, NULL, NULL, "null", "gateways"},
	{"list_empty_200", 200, NULL, NULL, "[]", "gateways"},
	{"empty_200", 200, NULL, NULL, "", "curator#463, DeepSeek-R1#314: 200 and no body"},
	{"blank_200", 200, NULL, NULL, "\n\n\n\n", "DeepSeek-R1#91: empty lines, then the end"},
	{"text_200", 200, TEXT, NULL, "upstream request timeout", "gateways"},
	{"html_200", 200, HTML, NULL,
	 "<!doctype html>\n<html lang=\"en\"><head><title>Open WebUI</title></head><body><div "
	 "id=\"app\"></div></body></html>\n",
	 "a page for every path: the base URL is that of the web pages"},

	/* ---- code, error and message in other places ---- */
	{"code_number", 429, NULL, NULL,
	 "{'error': {'message': 'Rate limit exceeded', 'type': 'rate_limit', 'code': 429}}",
	 "OpenRouter, vLLM, Gemini: the code is a number"},
	{"code_number_500", 500, NULL, NULL,
	 "{'error': {'message': 'Internal error', 'code': 500}}", "OpenRouter"},
	{"code_text", 429, NULL, NULL,
	 "{'error': {'message': 'litellm.RateLimitError: 429', 'type': null, 'param': null, "
	 "'code': '429'}}",
	 "litellm#16231: the status as a text"},
	{"code_word", 429, NULL, NULL, "{'error': {'message': 'Slow down', 'code': 'rate_limit'}}",
	 "gateways"},
	{"error_string", 500, NULL, NULL, "{'error': 'llama runner process has terminated'}",
	 "ollama docs/api.md: the error is a text"},
	{"error_string_404", 404, NULL, NULL, "{'error': 'model `$$MODEL` not found'}",
	 "Automated-AI-Web-Researcher#42"},
	{"error_number", 500, NULL, NULL, "{'error': 500}", "gateways"},
	{"error_true", 500, NULL, NULL, "{'error': true, 'message': 'Out of memory'}", "gateways"},
	{"error_list", 500, NULL, NULL, "{'error': ['Input validation error', 'Out of memory']}",
	 "Hugging Face"},
	{"errors_list", 429, NULL, NULL,
	 "{'success': false, 'errors': [{'code': 3040, 'message': 'AiError: Capacity temporarily "
	 "exceeded, please try again.'}], 'messages': [], 'result': null}",
	 "Cloudflare Workers AI errors; claude-code-router#1630"},
	{"errors_list_400", 400, NULL, NULL,
	 "{'success': false, 'errors': [{'code': 7003, 'message': 'Could not route to /accounts'}, "
	 "{'code': 7000, 'message': 'No route for that URI'}], 'messages': [], 'result': null}",
	 "claude-code-router#1630"},
	{"detail_string", 500, NULL, NULL, "{'detail': 'Internal Server Error'}", "FastAPI"},
	{"detail_404", 404, NULL, NULL, "{'detail': 'Not Found'}", "FastAPI"},
	{"detail_405", 405, NULL, "allow: GET\n", "{'detail': 'Method Not Allowed'}", "FastAPI"},
	{"detail_401", 401, NULL, NULL, "{'detail': 'Unauthorized'}", "FastAPI"},
	{"detail_list", 422, NULL, NULL,
	 "{'detail': [{'type': 'missing', 'loc': ['body', 'messages'], 'msg': 'Field required', "
	 "'input': {}}]}",
	 "FastAPI RequestValidationError"},
	{"detail_extra", 422, NULL, NULL,
	 "{'detail': [{'type': 'extra_forbidden', 'loc': ['body', 'store'], 'msg': 'Extra inputs "
	 "are not permitted', 'input': false}]}",
	 "openclaude#739"},
	{"detail_object", 500, NULL, NULL,
	 "{'detail': {'error': {'message': 'CUDA out of memory', 'code': 500}}}", "FastAPI"},
	{"message_top", 429, NULL, NULL, "{'message': 'Requests rate limit exceeded'}",
	 "Mistral, Kong"},
	{"message_401", 401, NULL, NULL, "{'message': 'Unauthorized', 'request_id': '$ID'}",
	 "Mistral"},
	{"message_throttled", 429, NULL, "x-amzn-errortype: ThrottlingException\n",
	 "{'message': 'Too many tokens, please wait before trying again.'}", "Bedrock"},
	{"type_throttled", 400, NULL, NULL,
	 "{'__type': 'ThrottlingException', 'message': 'Rate exceeded'}", "AWS JSON 1.1"},
	{"problem", 503, "application/problem+json", NULL,
	 "{\"type\": \"about:blank\", \"title\": \"Service Unavailable\", \"status\": 503, "
	 "\"detail\": \"No worker is free\"}",
	 "RFC 9457; NVIDIA NIM"},
	{"gemini_array", 429, "application/json; charset=UTF-8", NULL,
	 "[{\n  \"error\": {\n    \"code\": 429,\n    \"message\": \"Resource has been exhausted "
	 "(e.g. check quota).\",\n    \"status\": \"RESOURCE_EXHAUSTED\"\n  }\n}\n]",
	 "page-assist#406"},
	{"gemini_array_503", 503, NULL, NULL,
	 "[{'error': {'code': 503, 'message': 'The model is overloaded. Please try again later.', "
	 "'status': 'UNAVAILABLE'}}]",
	 "Gemini's OpenAI endpoint"},
	{"gemini_array_400", 400, NULL, NULL,
	 "[{'error': {'code': 400, 'message': 'API key not valid. Please pass a valid API key.', "
	 "'status': 'INVALID_ARGUMENT', 'details': [{'@type': "
	 "'type.googleapis.com/google.rpc.ErrorInfo', 'reason': 'API_KEY_INVALID'}]}}]",
	 "Gemini's OpenAI endpoint: a bad key is a 400"},
	{"gemini_retry", 429, NULL, NULL,
	 "[{'error': {'code': 429, 'message': 'You exceeded your current quota.', 'status': "
	 "'RESOURCE_EXHAUSTED', 'details': [{'@type': "
	 "'type.googleapis.com/google.rpc.RetryInfo', 'retryDelay': '2s'}]}}]",
	 "Gemini: the wait is in the body"},
	{"vllm_400", 400, NULL, NULL,
	 "{'object': 'error', 'message': 'This model`s maximum context length is 2048 tokens. "
	 "However, you requested 2723 tokens.', 'type': 'BadRequestError', 'param': null, 'code': "
	 "400}",
	 "vllm#12886"},
	{"vllm_400_nested", 400, NULL, NULL,
	 "{'error': {'message': 'This model`s maximum context length is 32768 tokens.', 'type': "
	 "'BadRequestError', 'param': null, 'code': 400}}",
	 "fms-guardrails-orchestrator#511: vLLM from 0.10.1"},
	{"vllm_404", 404, NULL, NULL,
	 "{'object': 'error', 'message': 'The model `$$MODEL` does not exist.', 'type': "
	 "'NotFoundError', 'param': null, 'code': 404}",
	 "vLLM"},
	{"vllm_500", 500, NULL, NULL,
	 "{'object': 'error', 'message': 'EngineCore encountered an issue.', 'type': "
	 "'InternalServerError', 'param': null, 'code': 500}",
	 "vLLM"},
	{"llamacpp_503", 503, NULL, NULL,
	 "{'error': {'code': 503, 'message': 'Loading model', 'type': 'unavailable_error'}}",
	 "llama-swap#146"},
	{"llamacpp_500", 500, NULL, NULL,
	 "{'error': {'code': 500, 'message': 'Failed to parse input', 'type': 'server_error'}}",
	 "llama.cpp server"},
	{"ollama_404", 404, NULL, NULL,
	 "{'error': {'message': 'model \\'$$MODEL\\' not found, try pulling it first', 'type': "
	 "'api_error', 'param': null, 'code': null}}",
	 "QAnything#555"},
	{"tgi_429", 429, NULL, NULL, "{'error': 'Model is overloaded', 'error_type': 'overloaded'}",
	 "text-generation-inference"},
	{"hf_503", 503, NULL, NULL,
	 "{'error': 'Model $$MODEL is currently loading', 'estimated_time': 20.0}",
	 "Hugging Face Inference"},
	{"groq_json", 400, NULL, NULL,
	 "{'error': {'message': 'Failed to generate JSON. Please adjust your prompt. See "
	 "`failed_generation` for more details.', 'type': 'invalid_request_error', 'code': "
	 "'json_validate_failed', 'failed_generation': '$$HEAD'}}",
	 "amurex-backend#38, g1#23: a 400 that another try mends"},
	{"groq_413", 413, NULL, NULL,
	 "{'error': {'message': 'Request too large for model `$$MODEL` on tokens per minute "
	 "(TPM): Limit 6000, Requested 9000', 'type': 'tokens', 'code': 'rate_limit_exceeded'}}",
	 "Groq"},
	{"groq_498", 498, NULL, NULL,
	 "{'error': {'message': 'Flex tier capacity exceeded', 'type': 'invalid_request_error', "
	 "'code': 'capacity_exceeded'}}",
	 "Groq API errors"},
	{"dashscope_400", 400, NULL, NULL,
	 "{'error': {'code': 'invalid_parameter_error', 'param': null, 'message': "
	 "'parameter.enable_thinking must be set to false for non-streaming calls', 'type': "
	 "'invalid_request_error'}, 'id': 'chatcmpl-$ID', 'request_id': '$ID'}",
	 "ragflow#8972: an error with the id of an answer"},
	{"dashscope_429", 429, NULL, NULL,
	 "{'error': {'message': 'Requests rate limit exceeded, please try again later.', 'type': "
	 "'limit_requests', 'param': null, 'code': 'limit_requests'}, 'request_id': '$ID'}",
	 "DashScope error codes"},
	{"dashscope_native", 400, NULL, NULL,
	 "{'statusCode': 400, 'message': 'Input data may contain inappropriate content.', 'code': "
	 "'DataInspectionFailed', 'request_id': '$ID'}",
	 "langchain4j#3974"},
	{"dashscope_arrears", 400, NULL, NULL,
	 "{'error': {'message': 'Access denied, please make sure your account is in good "
	 "standing.', 'type': 'Arrearage', 'param': null, 'code': 'Arrearage'}}",
	 "DashScope error codes: no money is a 400"},
	{"deepseek_402", 402, NULL, NULL,
	 "{'error': {'message': 'Insufficient Balance', 'type': 'unknown_error', 'param': null, "
	 "'code': 'invalid_request_error'}}",
	 "DeepSeek error codes"},
	{"openrouter_402", 402, NULL, NULL,
	 "{'error': {'message': 'This request requires more credits, or fewer max_tokens.', "
	 "'code': 402}}",
	 "OpenRouter errors"},
	{"gateway_load", 429, NULL, NULL,
	 "{'error': {'message': '\u5f53\u524d\u5206\u7ec4\u4e0a\u6e38\u8d1f\u8f7d\u5df2\u9971\u548c"
	 " (request id: $ID)', 'type': 'one_api_error', 'param': '', 'code': null}}",
	 "one-api"},
	{"litellm_500", 500, NULL, NULL,
	 "{'error': {'message': 'litellm.InternalServerError: upstream', 'type': null, 'param': "
	 "null, 'code': '500', 'provider_specific_fields': null}}",
	 "litellm#16231"},
	{"error_nested_text", 429, NULL, NULL,
	 "{'error': {'message': '{\\n  \\'error\\': {\\n    \\'code\\': 429,\\n    \\'message\\': "
	 "\\'Resource has been exhausted\\'\\n  }\\n}\\n', 'code': 429, 'status': 'Too Many "
	 "Requests'}}",
	 "continue#10560: JSON in the message"},
	{"azure_filter", 400, NULL, NULL,
	 "{'error': {'message': 'The response was filtered due to the prompt triggering Azure "
	 "OpenAI`s content management policy.', 'type': null, 'param': 'prompt', 'code': "
	 "'content_filter', 'status': 400, 'innererror': {'code': 'ResponsibleAIPolicyViolation', "
	 "'content_filter_result': {'hate': {'filtered': false, 'severity': 'safe'}, 'violence': "
	 "{'filtered': true, 'severity': 'medium'}}}}}",
	 "compl-ai#20"},
	{"azure_filter_200", 200, NULL, NULL,
	 "{'id': 'chatcmpl-$ID', 'object': 'chat.completion', 'created': $NOW, 'model': "
	 "'$$MODEL', 'choices': [{'index': 0, 'finish_reason': 'content_filter', 'message': "
	 "{'role': 'assistant'}, 'content_filter_results': {'violence': {'filtered': true, "
	 "'severity': 'medium'}}}], 'usage': {'prompt_tokens': $IN, 'completion_tokens': 0, "
	 "'total_tokens': $IN}}",
	 "Azure OpenAI content filtering: the message has no content"},
	{"azure_404", 404, NULL, NULL,
	 "{'error': {'code': '404', 'message': 'Resource not found'}}",
	 "ragas#478, azure-openai-proxy#52: the code is a text of digits"},
	{"azure_deployment", 404, NULL, NULL,
	 "{'error': {'code': 'DeploymentNotFound', 'message': 'The API deployment for this "
	 "resource does not exist.'}}",
	 "gpt-researcher#980"},
	{"azure_401", 401, NULL, NULL,
	 "{'statusCode': 401, 'message': 'Unauthorized. Access token is missing, invalid or "
	 "expired.'}",
	 "Azure API Management"},
	{"azure_429", 429, NULL, "retry-after: 1\nretry-after-ms: 500\n",
	 "{'error': {'code': '429', 'message': 'Requests to the ChatCompletions_Create Operation "
	 "have exceeded call rate limit. Please retry after 1 second.'}}",
	 "Azure OpenAI"},
	{"anthropic_529", 529, NULL, "x-should-retry: true\n",
	 "{'type': 'error', 'error': {'type': 'overloaded_error', 'message': 'Overloaded'}, "
	 "'request_id': 'req_$ID'}",
	 "claude-code#35792, anthropic-sdk-typescript#616"},
	{"anthropic_500", 500, NULL, NULL,
	 "{'type': 'error', 'error': {'type': 'api_error', 'message': 'Internal server error'}}",
	 "Anthropic errors"},
	{"anthropic_spend", 429, NULL, NULL,
	 "{'type': 'error', 'error': {'type': 'rate_limit_error', 'message': 'You have reached "
	 "your spend limit.', 'details': {'error_code': 'enforced_spend_limit_reached'}}}",
	 "learn.microsoft.com dev-proxy: no retry-after, and waiting does not help"},
	{"anthropic_credit", 400, NULL, NULL,
	 "{'type': 'error', 'error': {'type': 'invalid_request_error', 'message': 'Your credit "
	 "balance is too low to access the Anthropic API.'}}",
	 "curator#296: no money is a 400"},
	{"idempotency", 400, NULL, NULL,
	 "{'error': {'type': 'idempotency_error', 'message': 'Keys for idempotent requests can "
	 "only be used with the same parameters they were first used with. Try using a key other "
	 "than `$$KEY` if you meant to execute a different request.', 'param': null, 'code': "
	 "'idempotency_error'}}",
	 "Stripe, Idempotent requests"},

	/* ---- paths that are not there ---- */
	{"openai_404", 404, NULL, NULL,
	 "{'error': {'message': 'Invalid URL ($METHOD $$URL)', 'type': 'invalid_request_error', "
	 "'param': null, 'code': null}}",
	 "OpenAI"},
	{"anthropic_404", 404, NULL, NULL,
	 "{'type': 'error', 'error': {'type': 'not_found_error', 'message': 'Not found'}}",
	 "Anthropic"},
	{"groq_404", 404, NULL, NULL,
	 "{'error': {'message': 'Unknown request URL: $METHOD $$URL. Please check the URL for "
	 "typos', 'type': 'invalid_request_error', 'code': 'unknown_url'}}",
	 "Groq"},
	{"gemini_404", 404, HTML "; charset=UTF-8", NULL,
	 "<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n<p><b>404.</b> "
	 "<ins>That's an error.</ins>\n<p>The requested URL <code>$URL</code> was not found on "
	 "this server.\n",
	 "generativelanguage.googleapis.com"},
	{"plain_404", 404, TEXT, NULL, "404 page not found\n", "Go's net/http, Ollama"},
	{"llamacpp_404", 404, NULL, NULL,
	 "{'error': {'code': 404, 'message': 'File Not Found', 'type': 'not_found_error'}}",
	 "llama.cpp server"},
	{"express_404", 404, HTML "; charset=utf-8", NULL,
	 "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<title>Error</title>\n</head>\n<body>\n<pre>"
	 "Cannot $METHOD $URL</pre>\n</body>\n</html>\n",
	 "Express"},
	{"nginx_404", 404, HTML, NULL, NGINX("404 Not Found"), "nginx"},
	{"nginx_405", 405, HTML, NULL, NGINX("405 Not Allowed"), "nginx"},
	{"empty_404", 404, NULL, NULL, "", "Fireworks and gateways"},

	/* ---- what stands in between ---- */
	{"nginx_413", 413, HTML, NULL, NGINX("413 Request Entity Too Large"), "nginx"},
	{"nginx_500", 500, HTML, NULL, NGINX("500 Internal Server Error"), "nginx"},
	{"nginx_502", 502, HTML, NULL, NGINX("502 Bad Gateway"), "nginx"},
	{"nginx_503", 503, HTML, NULL, NGINX("503 Service Temporarily Unavailable"), "nginx"},
	{"nginx_504", 504, HTML, NULL, NGINX("504 Gateway Time-out"), "nginx"},
	{"alb_502", 502, HTML, "server: awselb/2.0\n", ALB("502 Bad Gateway"), "AWS ALB"},
	{"alb_503", 503, HTML, "server: awselb/2.0\n", ALB("503 Service Temporarily Unavailable"),
	 "AWS ALB"},
	{"alb_504", 504, HTML, "server: awselb/2.0\n", ALB("504 Gateway Time-out"), "AWS ALB"},
	{"haproxy_503", 503, HTML, NULL,
	 "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this "
	 "request.\n</body></html>\n",
	 "HAProxy"},
	{"haproxy_504", 504, HTML, NULL,
	 "<html><body><h1>504 Gateway Time-out</h1>\nThe server didn't respond in time.\n"
	 "</body></html>\n",
	 "anything-llm#1722"},
	{"envoy_503", 503, TEXT, "server: envoy\n",
	 "upstream connect error or disconnect/reset before headers. reset reason: connection "
	 "failure",
	 "Envoy"},
	{"envoy_504", 504, TEXT, "server: envoy\n", "upstream request timeout", "Envoy"},
	{"traefik_502", 502, TEXT, NULL, "Bad Gateway", "Traefik"},
	{"google_502", 502, HTML "; charset=UTF-8", NULL,
	 "<html><head><title>502 Server Error</title></head><body><h1>Error: Server Error</h1><h2>"
	 "The server encountered a temporary error and could not complete your request.<p>Please "
	 "try again in 30 seconds.</h2></body></html>",
	 "Google load balancer"},
	{"cloudflare_403", 403, HTML "; charset=UTF-8", CF_HEADERS "cf-mitigated: challenge\n",
	 "<!DOCTYPE html><html lang=\"en-US\"><head><title>Just a moment...</title></head><body>"
	 "Enable JavaScript and cookies to continue</body></html>",
	 "Cloudflare challenge: it is not the key"},
	{"cloudflare_429", 429, TEXT, CF_HEADERS, "error code: 1015", "Cloudflare rate limiting"},
	{"cloudflare_502", 502, HTML "; charset=UTF-8", CF_HEADERS, CLOUDFLARE("Bad gateway"),
	 "nanobot#536"},
	{"cloudflare_520", 520, HTML "; charset=UTF-8", CF_HEADERS,
	 CLOUDFLARE("Web server is returning an unknown error"), "claude-code#3197"},
	{"cloudflare_521", 521, HTML "; charset=UTF-8", CF_HEADERS,
	 CLOUDFLARE("Web server is down"), "Cloudflare 5xx errors"},
	{"cloudflare_522", 522, HTML "; charset=UTF-8", CF_HEADERS,
	 CLOUDFLARE("Connection timed out"), "Helicone#798"},
	{"cloudflare_523", 523, HTML "; charset=UTF-8", CF_HEADERS,
	 CLOUDFLARE("Origin is unreachable"), "Cloudflare 5xx errors"},
	{"cloudflare_524", 524, HTML "; charset=UTF-8", CF_HEADERS,
	 CLOUDFLARE("A timeout occurred"), "claude-code#16737"},
	{"cloudflare_525", 525, HTML "; charset=UTF-8", CF_HEADERS,
	 CLOUDFLARE("SSL handshake failed"), "Cloudflare 5xx errors"},
	{"cloudflare_530", 530, TEXT, CF_HEADERS, "error code: 1033", "Cloudflare tunnel errors"},
	{"cloudflare_524_json", 524, NULL, CF_HEADERS,
	 "{'error': {'code': 524, 'message': 'Gateway timeout.', 'param': null, 'type': "
	 "'cf_gateway_timeout'}}",
	 "llm-graph-builder#561"},
	{"plain_429", 429, TEXT, NULL, "Too Many Requests", "Caddy, Express"},
	{"plain_500", 500, TEXT, NULL, "Internal Server Error", "Starlette"},
	{"plain_503", 503, TEXT, NULL, "no available server\n", "Traefik"},
	{"text_as_json", 500, NULL, NULL, "Internal Server Error", "a text that says it is JSON"},
	{"empty_429", 429, NULL, NULL, "", "void#426: no body"},
	{"empty_500", 500, NULL, NULL, "", "gateways"},
	{"empty_502", 502, NULL, NULL, "", "Caddy"},
	{"empty_503", 503, NULL, "retry-after: 1\n", "", "gateways"},
	{"json_500", 500, NULL, NULL, "{'status': 'error', 'reason': 'worker lost'}", "gateways"},
	{"json_cut", 500, NULL, NULL, "{'error': {'message': 'Internal ser", "gateways"},
	{"answer_500", 500, NULL, NULL, "$RESPONSE", "a good answer with the status of a fault"},
	{"retry_far", 503, NULL, "retry-after: 86400\n", "{'error': {'message': 'Maintenance'}}",
	 "a wait of a day"},
	{"retry_odd", 429, NULL, "retry-after: soon\n", "{'error': {'message': 'Later'}}",
	 "a wait that is no time"},
	{"retry_negative", 429, NULL, "retry-after: -5\n", "{'error': {'message': 'Later'}}",
	 "a wait that is over"},

	/* ---- other statuses ---- */
	{"created_201", 201, NULL, NULL, "$RESPONSE", "gateways"},
	{"accepted_202", 202, NULL, "nvcf-reqid: 1\nnvcf-status: pending-evaluation\n", "",
	 "NVIDIA NVCF: the answer has to be fetched"},
	{"accepted_202_json", 202, NULL, NULL, "{'id': '$ID', 'status': 'queued'}", "gateways"},
	{"no_content_204", 204, NULL, NULL, "", "gateways"},
	{"partial_206", 206, NULL, NULL, "$HEAD", "caches"},
	{"redirect_301", 301, HTML, "location: /redirected$URL\n", NGINX("301 Moved Permanently"),
	 "http to https, a name that moved: a POST becomes a GET"},
	{"redirect_302", 302, HTML, "location: /login?next=$URL\n", NGINX("302 Found"),
	 "a page to log in"},
	{"redirect_303", 303, HTML, "location: /redirected$URL\n", "", "gateways"},
	{"redirect_307", 307, NULL, "location: /redirected$URL\n", "",
	 "FastAPI's redirect_slashes: the same method again"},
	{"redirect_308", 308, HTML, "location: /redirected$URL\n", NGINX("308 Permanent Redirect"),
	 "ingress-nginx"},
	{"redirect_host", 307, NULL, "location: http://127.0.0.1:9$URL\n", "",
	 "to another host, where the key does not belong"},
	{"redirect_loop", 307, NULL, "location: $URL\n", "", "gateways"},
	{"redirect_nowhere", 301, NULL, NULL, "", "no location"},

	/* ---- no answer ---- */
	{"hang", HUNG, NULL, NULL, "", "no answer, ever"},
	{"reset", BROKEN, NULL, NULL, "", "the connection ends"},
};

const struct form_list error_forms = {"error_form", forms, sizeof forms / sizeof *forms,
				      sizeof *forms, offsetof(struct error_form, source)};

/* Whether there is an answer in it, which was made then. */
bool error_is_done(const char *name)
{
	const struct error_form *f = form_named(&error_forms, name);
	return f && strstr(f->body, "$RESPONSE");
}

static void add_header_lines(struct reply *r, const char *lines, json_t *words)
{
	struct buffer all = BUFFER_INIT;
	fill_text(&all, lines, words);
	buffer_add_char(&all, '\0');
	char *rest = all.data;
	for (char *line; rest && (line = strsep(&rest, "\n")) != NULL;) {
		char *value = strstr(line, ": ");
		if (!value)
			continue;
		*value = '\0';
		reply_header(r, line, value + 2);
	}
	buffer_release(&all);
}

bool error_place(struct reply *r, const char *name, json_t *words)
{
	const struct error_form *f = form_named(&error_forms, name);
	if (!f)
		return false;
	r->status = f->status > 0 ? f->status : 0;
	r->type = f->type;
	r->drop = f->status == HUNG;
	r->lost = f->status == BROKEN;
	word_set_number(words, "STATUS", f->status);
	buffer_reset(&r->body);
	if (f->headers)
		add_header_lines(r, f->headers, words);
	if (f->type)
		fill_text(&r->body, f->body, words);
	else
		fill_json(&r->body, f->body, words);
	return true;
}
