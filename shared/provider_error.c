/* Where an error stands in a response, and what it says of itself. Shapes, with who writes them:
 *
 *     {"error": {"message", "type", "code", "status"}}   OpenAI, Anthropic, vLLM from 0.10, Gemini
 *     {"error": "text"}, [..], true or a number          Ollama, Hugging Face, LM Studio
 *     [{"error": {..}}]                                  Gemini
 *     {"errors": [{"code", "message"}]}                  Cloudflare
 *     {"detail": "text" or [{"msg"}] or {..}}            FastAPI
 *     {"object": "error", "message", "code"}             vLLM, Mistral
 *     {"choices": [{"error": {..}}]}                     OpenRouter
 *     {"base_resp": {"status_code", "status_msg"}}       MiniMax
 *     {"message"}, {"msg"}, {"__type"}, {"title"}        Mistral, Kong, AWS, RFC 9457, gateways
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provider_kind.h"

enum { DEPTH_MAX = 4 };

/* ---- what an error says ---- */

/* The first of the keys that holds a text which is not empty. */
static const char *first_text(const json_t *object, const char *const *keys)
{
	const char *text = "";

	for (; *keys && !*text; keys++)
		text = json_text_of(object, *keys);
	return text;
}

/* "429" and 429 alike; -1: no number that a code may be. */
static int64_t number_in(const json_t *value)
{
	const char *text = json_string_value(value);
	double number = json_number_value(value);

	if (json_is_number(value))
		return number >= 0 && number <= INT32_MAX ? (int64_t)number : -1;
	if (!text || !*text || strlen(text) > 6 || text[strspn(text, "0123456789")])
		return -1;
	return strtoll(text, NULL, 10);
}

static void take_number(const json_t *object, struct told *out)
{
	static const char *const keys[] = {"code",	"status",     "status_code", "statusCode",
					   "http_code", "error_code", NULL};

	for (size_t i = 0; keys[i]; i++) {
		int64_t n = number_in(json_object_get(object, keys[i]));

		if (n >= 400 && n <= 599 && out->status == 0)
			out->status = (int)n;
		if (n > 0 && !*out->number)
			snprintf(out->number, sizeof(out->number), "%" PRId64, n);
	}
}

/* OpenRouter's: errors of a provider behind it name that, and those of its moderation why. A key
 * for the provider that is the caller's own (is_byok) is no trouble of theirs.
 * openrouter.ai/docs/api-reference/errors; OpenRouterTeam/ai-sdk-provider#24. */
static void take_metadata(const json_t *metadata, struct told *out)
{
	out->flagged |= json_object_get(metadata, "flagged_input") ||
			json_array_size(json_object_get(metadata, "reasons")) > 0;
	out->upstream |= *json_text_of(metadata, "provider_name") &&
			 !json_is_true(json_object_get(metadata, "is_byok"));
}

static void take(const json_t *value, struct told *out, int depth);

/* Google's: cloud.google.com/apis/design/errors, RetryInfo, QuotaFailure, ErrorInfo. */
static void take_detail(const json_t *detail, struct told *out)
{
	const json_t *violations = json_object_get(detail, "violations");

	if (!*out->wait)
		out->wait = json_text_of(detail, "retryDelay");
	if (!*out->quota)
		out->quota = json_text_of(json_array_get(violations, 0), "quotaId");
	if (!*out->reason)
		out->reason = json_text_of(detail, "reason");
}

static void take_object(const json_t *object, struct told *out, int depth)
{
	static const char *const types[] = {"type", "__type", "error_type", "status", NULL};
	static const char *const codes[] = {"code", "error_code", NULL};
	static const char *const messages[] = {"message",	    "msg",    "status_msg",
					       "Message",	    "title",  "error_text",
					       "error_description", "reason", NULL};
	static const char *const inner[] = {"error", "message", "detail", "errors", NULL};
	const json_t *detail;
	size_t i;

	if (!*out->type)
		out->type = first_text(object, types);
	if (!*out->code)
		out->code = first_text(json_object_get(object, "details"), codes);
	if (!*out->code)
		out->code = first_text(object, codes);
	if (!*out->message)
		out->message = first_text(object, messages);
	take_number(object, out);
	take_metadata(json_object_get(object, "metadata"), out);
	json_array_foreach(json_object_get(object, "details"), i, detail) take_detail(detail, out);
	if (!*out->reason)
		out->reason = json_text_of(json_object_get(object, "innererror"), "code");
	for (i = 0; inner[i] && !*out->message; i++)
		take(json_object_get(object, inner[i]), out, depth + 1);
}

static void take(const json_t *value, struct told *out, int depth)
{
	if (depth > DEPTH_MAX)
		return;
	if (json_is_string(value) && !*out->message)
		out->message = json_string_value(value);
	else if (json_is_array(value))
		take(json_array_get(value, 0), out, depth + 1);
	else if (json_is_object(value))
		take_object(value, out, depth);
	else if (number_in(value) >= 400 && number_in(value) <= 599 && out->status == 0)
		out->status = (int)number_in(value);
}

void error_take(const json_t *error, struct told *out)
{
	*out = (struct told){
		.type = "", .code = "", .reason = "", .message = "", .wait = "", .quota = ""};
	take(error, out, 0);
	/* "error" as a type says no more than that there is one. */
	if (strcmp(out->type, "error") == 0)
		out->type = "";
	if (!*out->code)
		out->code = out->number;
}

/* ---- where it stands ---- */

/* null, false, 0, "", [] and {} are what is written where there is none. */
bool says_something(const json_t *value)
{
	if (json_is_string(value))
		return json_string_length(value) > 0;
	if (json_is_array(value))
		return json_array_size(value) > 0;
	if (json_is_object(value))
		return json_object_size(value) > 0;
	return json_is_true(value) || json_number_value(value) != 0;
}

static const json_t *named_error(const json_t *root)
{
	const json_t *choice = json_array_get(json_object_get(root, "choices"), 0);
	const json_t *base = json_object_get(root, "base_resp");

	if (json_is_array(root))
		return named_error(json_array_get(root, 0));
	if (json_is_true(json_object_get(root, "error")))
		return root;
	if (says_something(json_object_get(root, "error")))
		return json_object_get(root, "error");
	if (json_array_size(json_object_get(root, "errors")) > 0)
		return json_object_get(root, "errors");
	if (says_something(json_object_get(choice, "error")))
		return json_object_get(choice, "error");
	if (number_in(json_object_get(base, "status_code")) > 0)
		return base;
	if (strcmp(json_text_of(root, "object"), "error") == 0 ||
	    strcmp(json_text_of(root, "type"), "error") == 0 ||
	    json_is_false(json_object_get(root, "success")))
		return root;
	return NULL;
}

const json_t *error_in(const json_t *root, bool failed)
{
	const json_t *error = named_error(root);

	return error || !failed ? error : root;
}
