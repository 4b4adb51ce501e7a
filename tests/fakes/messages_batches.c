/* Anthropic: Message Batches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake.h"

#define REQUESTS_MAX 100000
#define BYTES_MAX (256u << 20)

static bool is_custom_id(const char *id)
{
	size_t n =
		id ? strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
		   : 0;
	return id && n >= 1 && n <= 64 && !id[n];
}

static int read_request(struct call *c, json_t *request, size_t i, json_t *seen)
{
	const char *id = json_string_value(json_object_get(request, "custom_id"));
	if (!is_custom_id(id))
		return reply_error(
			c, 400,
			id && strlen(id) > 64
				? "requests.%zu.custom_id: String should have at most 64 "
				  "characters"
				: "requests.%zu.custom_id: String should match pattern "
				  "'^[a-zA-Z0-9_-]{1,64}$'",
			i);
	if (json_object_get(seen, id))
		return reply_error(c, 400, "requests.%zu.custom_id: duplicate custom_id %s", i, id);
	if (json_object_size(request) != 2 || !json_object_get(request, "params"))
		return reply_error(c, 400, "requests.%zu: wants custom_id and params alone", i);
	json_object_set_new(seen, id, json_true());
	return 0;
}

int messages_batch_read(struct call *c)
{
	size_t i;
	json_t *request, *seen = json_object();
	int result = 0;
	c->lines = json_incref(json_object_get(c->json, "requests"));
	size_t n = json_array_size(c->lines);
	if (n == 0 || json_object_size(c->json) != 1)
		result =
			reply_error(c, 400, "requests: at least one is required, and nothing else");
	else if (n > REQUESTS_MAX || c->body.size > BYTES_MAX)
		result = reply_error(c, 413, NULL);
	json_array_foreach(c->lines, i, request)
	{
		if (result == 0)
			result = read_request(c, request, i, seen);
	}
	json_t *first = json_object_get(json_array_get(c->lines, 0), "params");
	c->asked.model = json_string_value(json_object_get(first, "model"));
	json_decref(seen);
	return result;
}

static json_t *stamp(int64_t seconds)
{
	char text[32];
	time_t at = (time_t)seconds;
	struct tm tm;
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &tm));
	return seconds ? json_string(text) : json_null();
}

/* All but `processing` is 0 until the batch has ended. */
static json_t *counts_of(const struct batch *b)
{
	size_t missing = b->ended ? batch_count(b, MISSING) : 0;
	json_int_t n[4] = {0};
	for (int i = SUCCEEDED; b->ended && i <= CANCELED; i++)
		n[i] = (json_int_t)batch_count(b, i);
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "processing",
			 b->ended ? (json_int_t)0 : (json_int_t)b->size, "succeeded",
			 n[SUCCEEDED] + (json_int_t)missing, "errored", n[ERRORED], "expired",
			 n[EXPIRED], "canceled", n[CANCELED]);
}

static json_t *object_of(const struct batch *b, const struct call *c)
{
	char url[512];
	const char *host = call_header(c, "host");
	snprintf(url, sizeof url, "http://%s%s/messages/batches/%s/results", host ? host : "",
		 c->prefix, b->id);
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:n, s:s?}", "id", b->id, "type",
			 "message_batch", "processing_status",
			 b->ended	? "ended"
			 : b->cancel_ms ? "canceling"
					: "in_progress",
			 "request_counts", counts_of(b), "created_at", stamp(b->created_s),
			 "expires_at", stamp(b->created_s + 86400), "ended_at", stamp(b->ended_s),
			 "cancel_initiated_at", stamp(b->cancel_s), "archived_at", "results_url",
			 b->ended ? url : NULL);
}

void messages_batch_create(struct call *c)
{
	size_t i;
	json_t *request;
	struct batch *b = batch_new(c, "msgbatch");
	json_array_foreach(c->lines, i, request)
	{
		const char *id = json_string_value(json_object_get(request, "custom_id"));
		if (batch_line(b, i, id, json_object_get(request, "params"), c) < 0) {
			batch_undo();
			return;
		}
	}
	snprintf(c->id, sizeof c->id, "%s", b->id);
	reply_json(c, object_of(b, c));
}

/* Newest first. after_id: those that are older; before_id: those that are newer. */
static struct batch *first_of_page(const struct call *c, size_t limit)
{
	const char *after = call_query(c, "after_id"), *before = call_query(c, "before_id");
	size_t at = 0, upto = 0;
	for (struct batch *b = batch_newest(); b && after; b = b->next)
		if (strcmp(b->id, after) == 0)
			return b->next;
	for (struct batch *b = batch_newest(); b && before && strcmp(b->id, before) != 0;
	     b = b->next)
		upto += b->vendor == ANTHROPIC;
	struct batch *b = batch_newest();
	for (; b && before && at + limit < upto; b = b->next)
		at += b->vendor == ANTHROPIC;
	return b;
}

void messages_batch_list(struct call *c)
{
	const char *given = call_query(c, "limit"), *before = call_query(c, "before_id");
	size_t limit = given ? (size_t)strtoul(given, NULL, 10) : 20;
	bool more = false;
	json_t *data = json_array();
	batches_turn(c->began_ms);
	if (limit < 1 || limit > 1000) {
		json_decref(data);
		reply_error(c, 400, "limit: must be between 1 and 1000");
		return;
	}
	for (struct batch *b = first_of_page(c, limit); b && !more; b = b->next) {
		if (before && strcmp(b->id, before) == 0)
			break;
		if (b->vendor != ANTHROPIC)
			continue;
		more = json_array_size(data) == limit;
		if (!more)
			json_array_append_new(data, object_of(b, c));
	}
	size_t n = json_array_size(data);
	json_t *first = json_object_get(json_array_get(data, 0), "id");
	json_t *last = n ? json_object_get(json_array_get(data, n - 1), "id") : NULL;
	reply_json(c, json_pack("{s:o, s:b, s:O?, s:O?}", "data", data, "has_more", more,
				"first_id", first, "last_id", last));
}

void messages_batch_get(struct call *c)
{
	struct batch *b = batch_find(c);
	if (b)
		reply_json(c, object_of(b, c));
}

void messages_batch_cancel(struct call *c)
{
	struct batch *b = batch_find(c);
	if (!b)
		return;
	batch_cancel(b);
	reply_json(c, object_of(b, c));
}

/* ---- results ---- */

char *messages_batch_line(const struct batch_line *l, const struct asked *a, json_t *rule)
{
	json_t *status = json_object_get(rule, "status"), *result;
	int code = status ? (int)json_integer_value(status) : 400;
	if (l->outcome == ERRORED)
		result = json_pack(
			"{s:s, s:o}", "type", "errored", "error",
			error_json(ANTHROPIC, code, NULL, json_object_get(rule, "error")));
	else {
		json_t *message = asked_response(a, rule);
		json_object_set_new(json_object_get(message, "usage"), "service_tier",
				    json_string("batch"));
		result = json_pack("{s:s, s:o}", "type", "succeeded", "message", message);
	}
	json_t *line = json_pack("{s:s, s:o}", "custom_id", l->custom_id, "result", result);
	char *out = json_dumps(line, JSON_COMPACT);
	json_decref(line);
	return out;
}

/* From the last to the first: another order than asked. */
void messages_batch_results(struct call *c)
{
	struct batch *b = batch_find(c);
	if (!b)
		return;
	if (!b->ended || c->began_ms < b->results_ms) {
		reply_error(c, 404, "The batch %s has no results yet", b->id);
		return;
	}
	c->reply.status = 200;
	c->reply.type = "application/x-jsonl";
	for (size_t i = b->size; i-- > 0;) {
		const struct batch_line *l = &b->lines[i];
		if (l->outcome == EXPIRED || l->outcome == CANCELED)
			buffer_printf(&c->reply.body,
				      "{\"custom_id\":\"%s\",\"result\":{\"type\":\"%s\"}}\n",
				      l->custom_id, l->outcome == EXPIRED ? "expired" : "canceled");
		else if (l->outcome != MISSING)
			buffer_printf(&c->reply.body, "%s\n", l->result);
	}
	file_formed(&c->reply.body);
}
