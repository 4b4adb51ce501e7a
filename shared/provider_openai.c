/* OpenAI's chat completions and batches, and all that is compatible with them.
 * Sources: openai-openapi, openapi.yaml (CreateChatCompletion*, Batch, Error); the guide to the
 * Batch API (lines of its files). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "provider_kind.h"

/* Azure takes its keys in a header of its own; what it takes as bearers are tokens of Entra.
 * Source: learn.microsoft.com, Azure OpenAI reference, Authentication. */
static bool is_azure(const struct model *m)
{
	static const char *const parts[] = {"/openai/deployments/", ".openai.azure.com",
					    ".services.ai.azure.com",
					    ".cognitiveservices.azure.com"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strstr(m->base_url, parts[i]))
			return true;
	}
	return false;
}

static size_t headers(const struct model *m, struct buffer *out)
{
	if (!m->key)
		return 0;
	buffer_printf(out, "%s%s", is_azure(m) ? "api-key: " : "Authorization: Bearer ", m->key);
	buffer_add_char(out, '\0');
	return 1;
}

/* ---- calls ---- */

/* OpenAI itself has renamed max_tokens, and its reasoning models refuse the old name; compatible
 * servers know the old one, and only some the new. Azure has both, by the version of its API. */
static const char *name_of_max_tokens(const struct model *m)
{
	static const char *const newer[] = {"//api.openai.com/", ".api.openai.com/",
					    ".azure.com/openai/v1"};
	bool is_newer = m->max_tokens_field == LIMIT_MAX_COMPLETION_TOKENS;

	for (size_t i = 0; m->max_tokens_field == LIMIT_BY_HOST && i < 3; i++)
		is_newer |= strstr(m->base_url, newer[i]) != NULL;
	return is_newer ? "max_completion_tokens" : "max_tokens";
}

static void add_format(const struct model *m, const struct prompt *p, struct buffer *out)
{
	if (m->response_format == FORMAT_JSON_OBJECT ||
	    (m->response_format == FORMAT_JSON_SCHEMA && !p->schema))
		buffer_add_text(out, ",\"response_format\":{\"type\":\"json_object\"}");
	else if (m->response_format == FORMAT_JSON_SCHEMA)
		buffer_printf(out,
			      ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
			      "{\"name\":\"%s\",\"strict\":%s,\"schema\":%s}}",
			      p->name, p->strict ? "true" : "false", p->schema);
	if (m->reasoning_effort)
		buffer_printf(out, ",\"reasoning_effort\":\"%s\"", m->reasoning_effort);
}

static void body(const struct model *m, const struct prompt *p, struct buffer *out)
{
	buffer_add_text(out, "{\"model\":");
	buffer_add_json(out, (struct weir_text){m->model, strlen(m->model)});
	buffer_printf(out, ",\"%s\":%" PRId64 ",\"messages\":[", name_of_max_tokens(m),
		      limit_of(m, p));
	if (p->system.size > 0) {
		add_turn(out, "system", buffer_view(&p->system));
		buffer_add_char(out, ',');
	}
	add_turns(out, p);
	buffer_add_char(out, ']');
	add_format(m, p, out);
	add_settings(out, m);
	buffer_add_char(out, '}');
}

/* ---- answers ---- */

/* A part is an object with a text, and its type; those of thoughts are not the answer's. A text may
 * stand there as it is. */
static void add_part(struct buffer *out, const json_t *part)
{
	static const char *const thoughts[] = {"thinking", "reasoning", "thought", "summary"};
	const char *type = json_text_of(part, "type");

	for (size_t i = 0; i < sizeof(thoughts) / sizeof(thoughts[0]); i++) {
		if (strncmp(type, thoughts[i], strlen(thoughts[i])) == 0)
			return;
	}
	add_clean(out, json_is_string(part) ? part : json_object_get(part, "text"));
}

/* A text; some compatible servers answer in parts, in one part, or with what the text would be. */
static void read_content(const json_t *content, struct reply *out)
{
	const json_t *part;
	size_t i;

	if (json_is_object(content) && !json_is_string(json_object_get(content, "text")))
		add_dump(&out->text, content);
	else if (json_is_object(content))
		add_part(&out->text, content);
	else
		add_clean(&out->text, content);
	json_array_foreach(content, i, part) add_part(&out->text, part);
}

/* Also the one call of the form before tools. */
static void read_calls(const json_t *message, struct reply *out)
{
	const json_t *calls = json_object_get(message, "tool_calls"), *call;
	const json_t *only = json_object_get(message, "function_call");
	size_t i;

	json_array_foreach(calls, i, call) add_called(
		&out->text, json_object_get(json_object_get(call, "function"), "arguments"), i);
	if (json_is_object(only))
		add_called(&out->text, json_object_get(only, "arguments"), json_array_size(calls));
}

/* Reasons to stop, in the words of all vendors; others leave a whole answer. Sources: openapi.yaml;
 * MacPaw/OpenAI#312 and firebase/genkit#6259, where they are collected. */
static const struct {
	const char *reason, *code, *text;
} stops[] = {
	{"length", "cut_answer", CUT_AT_LIMIT},
	{"max_tokens", "cut_answer", CUT_AT_LIMIT},
	{"max_output_tokens", "cut_answer", CUT_AT_LIMIT},
	{"model_length", "cut_answer", "the answer was cut where the model's context window ends"},
	{"model_context_window_exceeded", "cut_answer",
	 "the answer was cut where the model's context window ends"},
	{"insufficient_system_resource", "cut_answer", "the provider broke the answer off"},
	{"network_error", "cut_answer", "the provider broke the answer off"},
};

static bool is_stopped(const char *reason)
{
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		if (strcasecmp(stops[i].reason, reason) == 0)
			return true;
	}
	return is_refusal(reason);
}

/* A server may take all of an answer for thinking, which it is not if it is an object and nothing
 * else, and was not cut. */
static void read_reasoning(const json_t *choice, const json_t *message, struct reply *out)
{
	static const char *const names[] = {"reasoning_content", "reasoning"};

	if (is_stopped(json_text_of(choice, "finish_reason")))
		return;
	for (size_t i = 0; i < 2 && out->text.size == 0; i++) {
		const char *text = json_text_of(message, names[i]);
		size_t size = strlen(text);

		while (size > 0 && strchr(" \t\r\n", text[size - 1]))
			size--;
		if (text[strspn(text, " \t\r\n")] == '{' && text[size - 1] == '}')
			add_clean(&out->text, json_object_get(message, names[i]));
	}
}

/* Said in its own field, or in a part of the content. */
static const char *refusal_of(const json_t *message)
{
	const json_t *part;
	size_t i;

	json_array_foreach(json_object_get(message, "content"), i, part)
	{
		if (strcmp(json_text_of(part, "type"), "refusal") == 0)
			return *json_text_of(part, "refusal") ? json_text_of(part, "refusal")
							      : "it does not say why";
	}
	return json_text_of(message, "refusal");
}

static void read_reason(const char *reason, struct reply *out)
{
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		if (strcasecmp(stops[i].reason, reason) != 0)
			continue;
		weir_fail(&out->error, stops[i].code, "%s", stops[i].text);
		out->at_limit = strcmp(stops[i].text, CUT_AT_LIMIT) == 0;
		return;
	}
	if (is_refusal(reason))
		weir_fail(&out->error, "refused_answer",
			  "the provider's filter held the answer back (finish_reason %.60s)",
			  reason);
}

/* Gemini's OTHER is a filter of another kind, where nothing comes with it. */
static void read_end(const json_t *choice, const json_t *message, struct reply *out)
{
	const char *reason = json_text_of(choice, "finish_reason");
	const char *native = json_text_of(choice, "native_finish_reason"); /* OpenRouter */
	const char *refusal = refusal_of(message);

	if (*refusal) {
		weir_fail(&out->error, "refused_answer", "the model refuses to answer: %.300s",
			  refusal);
		return;
	}
	read_reason(reason, out);
	if (out->text.size > 0 || *out->error.code)
		return;
	if (is_refusal(native) || strcasecmp(reason, "other") == 0)
		weir_fail(&out->error, "refused_answer",
			  "the provider held the answer back (finish_reason %.60s)",
			  is_refusal(native) ? native : reason);
	else
		weir_fail(&out->error, "bad_answer", "The answer is empty (finish_reason %.60s).",
			  *reason ? reason : "not told");
}

/* The first of several by its number; they need not come in that order. */
static const json_t *choice_of(const json_t *root)
{
	const json_t *choices = json_object_get(root, "choices"), *one;
	size_t i;

	json_array_foreach(choices, i, one)
	{
		const json_t *index = json_object_get(one, "index");

		if (json_is_integer(index) && json_integer_value(index) == 0)
			return one;
	}
	return json_array_get(choices, 0);
}

static int answer(const json_t *root, struct reply *out)
{
	const json_t *choice = choice_of(root);
	const json_t *message = json_object_get(choice, "message");
	const json_t *usage = json_object_get(root, "usage");

	if (!json_is_object(message)) /* of a server that streams to others */
		message = json_object_get(choice, "delta");
	if (!json_is_object(message))
		return -1;
	if (strcmp(json_text_of(choice, "finish_reason"), "error") == 0) { /* OpenRouter */
		reply_set(out, REPLY_RETRY, "provider_error",
			  "the provider ended the answer for an error that it does not name");
		return 0;
	}
	read_content(json_object_get(message, "content"), out);
	read_calls(message, out);
	read_reasoning(choice, message, out);
	out->kind = REPLY_ANSWER;
	if (id_copy(out->id, json_text_of(root, "id")) < 0)
		*out->id = '\0';
	usage_of_completions(usage ? usage : json_object_get(choice, "usage"),
			     json_text_of(root, "model"), out->text.size > 0, &out->usage);
	read_end(choice, message, out);
	return 0;
}

static void rate_header(const char *rate, const char *what, char out[64])
{
	snprintf(out, 64, "x-ratelimit-%s-%s", what, rate);
}

/* ---- batches ---- */

/* What a batch is of: "/v1/chat/completions", wherever the server has that; at vendors whose
 * version is another one, such as Zhipu's v4, theirs. Source: docs.bigmodel.cn, Batch API. */
static void add_endpoint(const struct model *m, struct buffer *out)
{
	const char *last = strrchr(m->base_url, '/'), *version = "/v1";

	if (last[1] == 'v' && last[2] && strspn(last + 2, "0123456789") == strlen(last + 2))
		version = last;
	buffer_printf(out, "\"%s/chat/completions\"", version);
}

static void line(const struct model *m, struct weir_text custom_id, struct weir_text call,
		 struct buffer *out)
{
	buffer_add_text(out, "{\"custom_id\":");
	buffer_add_json(out, custom_id);
	buffer_add_text(out, ",\"method\":\"POST\",\"url\":");
	add_endpoint(m, out);
	buffer_add_text(out, ",\"body\":");
	buffer_add(out, call.data, call.size);
	buffer_add_char(out, '}');
}

static void create(const struct model *m, const char *file_id, const char *intent,
		   struct buffer *out)
{
	buffer_add_text(out, "{\"input_file_id\":");
	buffer_add_json(out, (struct weir_text){file_id, strlen(file_id)});
	buffer_add_text(out, ",\"endpoint\":");
	add_endpoint(m, out);
	buffer_add_text(out, ",\"completion_window\":\"24h\",\"metadata\":{\"weir\":");
	buffer_add_json(out, (struct weir_text){intent, strlen(intent)});
	buffer_add_text(out, "}}");
}

static const struct {
	const char *status;
	enum remote_state state;
} states[] = {
	{"validating", REMOTE_RUNNING}, {"in_progress", REMOTE_RUNNING},
	{"finalizing", REMOTE_RUNNING}, {"cancelling", REMOTE_RUNNING},
	{"completed", REMOTE_ENDED},	{"expired", REMOTE_ENDED},
	{"cancelled", REMOTE_ENDED},	{"failed", REMOTE_FAILED},
};

static int read_state(const char *status, enum remote_state *out)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(states[i].status, status) == 0) {
			*out = states[i].state;
			return 0;
		}
	}
	return -1;
}

/* The faults of a batch that failed are a list; the first one says enough. */
static void read_failure(const struct model *m, const json_t *root, struct remote_info *out)
{
	const json_t *errors = json_object_get(json_object_get(root, "errors"), "data");
	struct reply why = {0};

	reply_of_error(m, 0, json_array_get(errors, 0), NULL, &why);
	out->error = why.error;
}

static int results_at(const struct model *m, const json_t *root, const char *key,
		      char out[PROVIDER_URL_MAX])
{
	char id[PROVIDER_ID_MAX + 1];
	const char *const parts[] = {"/files/", id, "/content", NULL};

	if (!*json_text_of(root, key))
		return 0;
	if (id_copy(id, json_text_of(root, key)) < 0)
		return -1;
	return url_copy(m, parts, out);
}

static int batch(const struct model *m, const json_t *root, struct remote_info *out)
{
	const json_t *counts = json_object_get(root, "request_counts");
	const json_t *metadata = json_object_get(root, "metadata");

	if (read_state(json_text_of(root, "status"), &out->state) < 0)
		return -1;
	out->created_ms = json_count_of(root, "created_at") * 1000;
	snprintf(out->intent, sizeof(out->intent), "%s", json_text_of(metadata, "weir"));
	if (json_count_of(counts, "total") > 0) { /* 0 until the file has been checked */
		out->requests = json_count_of(counts, "total");
		out->completed = json_count_of(counts, "completed");
		out->done = out->completed + json_count_of(counts, "failed");
		out->lines = out->done < out->requests ? out->done : out->requests;
	}
	if (out->state == REMOTE_FAILED)
		read_failure(m, root, out);
	if (out->state != REMOTE_ENDED)
		return 0;
	return results_at(m, root, "output_file_id", out->results_url) < 0
		       ? -1
		       : results_at(m, root, "error_file_id", out->errors_url);
}

static int read_error(const struct model *m, const json_t *error, enum line_kind *kind,
		      struct reply *out)
{
	const char *code = json_text_of(error, "code");

	if (!json_is_object(error))
		return -1;
	if (strcmp(code, "batch_expired") == 0)
		*kind = LINE_EXPIRED;
	else if (strcmp(code, "batch_cancelled") == 0 || strcmp(code, "batch_canceled") == 0)
		*kind = LINE_CANCELED;
	else
		reply_of_error(m, 0, error, NULL, out);
	return 0;
}

/* 200, "200" or "200 OK"; 0: it tells none. */
static int64_t status_in(const json_t *response)
{
	const char *text = json_text_of(response, "status_code");

	if (*text)
		return strspn(text, "0123456789") == 3 ? strtoll(text, NULL, 10) : 0;
	return json_count_of(response, "status_code");
}

/* An answer is one, also where gateways leave out its status. */
static int result(const struct model *m, const json_t *root, enum line_kind *kind,
		  struct reply *out)
{
	const json_t *response = json_object_get(root, "response");
	const json_t *content = json_object_get(response, "body");
	const json_t *error = json_object_get(root, "error");
	int64_t status = status_in(response);

	*kind = LINE_REPLY;
	if (!json_is_object(response))
		return read_error(m, error, kind, out);
	if ((status / 100 == 2 || (status == 0 && json_object_get(content, "choices"))) &&
	    !error_in(content, false))
		return says_something(error) ? answer_and_error(error, out) : answer(content, out);
	reply_of_error(m, status >= 300 && status < 1000 ? (int)status : 0, error_in(content, true),
		       NULL, out);
	return 0;
}

const struct provider_kind provider_openai = {
	.calls = "/chat/completions",
	.batches = "/batches",
	.headers = headers,
	.body = body,
	.answer = answer,
	.rates = {"requests", "tokens", NULL},
	.rate_header = rate_header,
	.frame = {.before = "", .between = "\n", .after = "\n", .file = true},
	.line = line,
	.create = create,
	.after = "after",
	.batch = batch,
	.result = result,
};
