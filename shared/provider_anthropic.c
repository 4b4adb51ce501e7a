/* Anthropic: Messages and Message Batches.
 * Sources: anthropic-sdk-python, src/anthropic/_client.py (headers, paths), types/message.py,
 * types/usage.py, types/stop_reason.py, types/messages/message_batch*.py. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "provider_kind.h"

static size_t headers(const struct model *m, struct buffer *out)
{
	static const char version[] = "anthropic-version: 2023-06-01";

	buffer_add(out, version, sizeof(version));
	if (!m->key)
		return 1;
	buffer_printf(out, "x-api-key: %s", m->key);
	buffer_add_char(out, '\0');
	return 2;
}

/* ---- calls ---- */

/* The system text stands beside the messages: there is no such role. */
static void body(const struct model *m, const struct prompt *p, struct buffer *out)
{
	buffer_add_text(out, "{\"model\":");
	buffer_add_json(out, (struct weir_text){m->model, strlen(m->model)});
	buffer_printf(out, ",\"max_tokens\":%" PRId64, limit_of(m, p));
	if (p->system.size > 0) {
		buffer_add_text(out, ",\"system\":");
		buffer_add_json(out, buffer_view(&p->system));
	}
	buffer_add_text(out, ",\"messages\":[");
	add_turns(out, p);
	buffer_add_char(out, ']');
	add_settings(out, m);
	buffer_add_char(out, '}');
}

/* Reasons to stop that leave an answer which is of no use. */
static const struct {
	const char *reason, *code, *text;
} stops[] = {
	{"max_tokens", "cut_answer", CUT_AT_LIMIT},
	{"model_context_window_exceeded", "cut_answer",
	 "the answer was cut where the model's context window ends"},
	{"pause_turn", "cut_answer", "the model paused before the answer was whole"},
};

static void read_stop(const char *reason, struct reply *out)
{
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		if (strcmp(stops[i].reason, reason) == 0)
			weir_fail(&out->error, stops[i].code, "%s", stops[i].text);
		out->at_limit |= strcmp(reason, "max_tokens") == 0;
	}
	if (is_refusal(reason))
		weir_fail(&out->error, "refused_answer",
			  "the model refuses to answer (stop_reason %.60s)", reason);
	else if (out->text.size == 0 && !*out->error.code)
		weir_fail(&out->error, "bad_answer", "The answer is empty (stop_reason %.60s).",
			  *reason ? reason : "not told");
}

static void read_calls(const json_t *content, struct reply *out)
{
	const json_t *block;
	size_t i, calls = 0;

	json_array_foreach(content, i, block)
	{
		const json_t *input = json_object_get(block, "input");

		if (strcmp(json_text_of(block, "type"), "tool_use") == 0 && json_is_object(input))
			add_called(&out->text, input, calls++);
	}
}

static int answer(const json_t *root, struct reply *out)
{
	const json_t *content = json_object_get(root, "content"), *block;
	size_t i;

	if (!json_is_array(content))
		return -1;
	json_array_foreach(content, i, block)
	{
		if (strcmp(json_text_of(block, "type"), "text") == 0)
			add_clean(&out->text, json_object_get(block, "text"));
	}
	read_calls(content, out);
	out->kind = REPLY_ANSWER;
	if (id_copy(out->id, json_text_of(root, "id")) < 0)
		*out->id = '\0';
	usage_of_messages(json_object_get(root, "usage"), out->text.size > 0, &out->usage);
	read_stop(json_text_of(root, "stop_reason"), out);
	return 0;
}

static void rate_header(const char *rate, const char *what, char out[64])
{
	snprintf(out, 64, "anthropic-ratelimit-%s-%s", rate, what);
}

/* ---- batches ---- */

static void line(const struct model *m, struct weir_text custom_id, struct weir_text call,
		 struct buffer *out)
{
	(void)m;
	buffer_add_text(out, "{\"custom_id\":");
	buffer_add_json(out, custom_id);
	buffer_add_text(out, ",\"params\":");
	buffer_add(out, call.data, call.size);
	buffer_add_char(out, '}');
}

/* Until a batch has ended, all counts but `processing` are 0; their sum is always that of all. */
static void read_counts(const json_t *counts, struct remote_info *out)
{
	static const char *const rest[] = {"succeeded", "errored", "canceled", "expired"};

	if (!json_is_object(counts))
		return;
	out->completed = json_count_of(counts, "succeeded");
	out->lines = 0;
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++)
		out->lines += json_count_of(counts, rest[i]);
	out->requests = json_count_of(counts, "processing") + out->lines;
	if (out->requests == 0) /* of a server that does not count */
		out->completed = out->lines = -1;
}

static int batch(const struct model *m, const json_t *root, struct remote_info *out)
{
	const char *const parts[] = {"/messages/batches/", out->id, "/results", NULL};
	const char *status = json_text_of(root, "processing_status");

	out->created_ms = stamp_ms(json_text_of(root, "created_at"));
	read_counts(json_object_get(root, "request_counts"), out);
	if (strcmp(status, "in_progress") == 0 || strcmp(status, "canceling") == 0)
		return 0;
	if (strcmp(status, "ended") != 0)
		return -1;
	out->state = REMOTE_ENDED;
	if (!json_is_string(json_object_get(root, "results_url")))
		return 0;
	return url_copy(m, parts, out->results_url);
}

static int result(const struct model *m, const json_t *root, enum line_kind *kind,
		  struct reply *out)
{
	const json_t *object = json_object_get(root, "result");
	const char *type = json_text_of(object, "type");

	*kind = LINE_REPLY;
	if (strcmp(type, "succeeded") == 0 && says_something(json_object_get(object, "error")))
		return answer_and_error(json_object_get(object, "error"), out);
	if (strcmp(type, "succeeded") == 0)
		return answer(json_object_get(object, "message"), out);
	if (strcmp(type, "canceled") == 0)
		*kind = LINE_CANCELED;
	else if (strcmp(type, "expired") == 0)
		*kind = LINE_EXPIRED;
	else if (strcmp(type, "errored") == 0)
		reply_of_error(m, 0, json_object_get(json_object_get(object, "error"), "error"),
			       NULL, out);
	else
		return -1;
	return 0;
}

const struct provider_kind provider_anthropic = {
	.calls = "/messages",
	.batches = "/messages/batches",
	.accept = "application/binary",
	.headers = headers,
	.body = body,
	.answer = answer,
	.rates = {"requests", "input-tokens", "output-tokens"},
	.rate_header = rate_header,
	.frame = {.before = "{\"requests\":[", .between = ",", .after = "]}"},
	.line = line,
	.after = "after_id",
	.batch = batch,
	.result = result,
};
