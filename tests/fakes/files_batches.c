/* OpenAI: files, and batches of their lines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake.h"

#define REQUESTS_MAX 50000
#define BYTES_MAX (200u << 20)

/* ---- files ---- */

static struct file {
	char id[80], name[128];
	struct buffer data;
	int64_t from_ms; /* till then it is not found */
	bool results;
	struct file *next;
} * files;

static struct file *file_new(void)
{
	struct file *f = calloc(1, sizeof *f);
	if (!f)
		abort();
	fake_id(f->id, sizeof f->id, "file");
	f->id[4] = '-';
	f->next = files;
	return files = f;
}

static struct file *file_find(const char *id)
{
	struct file *f = files;
	while (f && strcmp(f->id, id) != 0)
		f = f->next;
	return f;
}

static void drop_newest(void)
{
	struct file *f = files;
	files = f->next;
	buffer_release(&f->data);
	free(f);
}

void files_reset(void)
{
	while (files)
		drop_newest();
}

struct upload {
	struct file *file;
	bool has_file;
	char purpose[32];
};

static enum MHD_Result take_part(void *owner, enum MHD_ValueKind kind, const char *key,
				 const char *filename, const char *type, const char *encoding,
				 const char *data, uint64_t at, size_t size)
{
	struct upload *u = owner;
	(void)kind, (void)type, (void)encoding;
	if (strcmp(key, "file") == 0) {
		u->has_file = true;
		buffer_add(&u->file->data, data, size);
		snprintf(u->file->name, sizeof u->file->name, "%s", filename ? filename : "");
	} else if (strcmp(key, "purpose") == 0 && at + size < sizeof u->purpose) {
		memcpy(u->purpose + at, data, size);
	}
	return MHD_YES;
}

static void read_upload(struct call *c, struct upload *u)
{
	struct MHD_PostProcessor *p = MHD_create_post_processor(c->connection, 65536, take_part, u);
	if (!p)
		return;
	MHD_post_process(p, c->body.data, c->body.size);
	MHD_destroy_post_processor(p);
}

void files_create(struct call *c)
{
	struct upload u = {.file = file_new()};
	read_upload(c, &u);
	if (!u.has_file || strcmp(u.purpose, "batch") != 0 || !*u.file->name) {
		reply_error(c, 400, "wants multipart/form-data with purpose=batch and a file");
		drop_newest();
		return;
	}
	if (u.file->data.size > BYTES_MAX) {
		reply_error(c, 413, NULL);
		drop_newest();
		return;
	}
	snprintf(c->id, sizeof c->id, "%s", u.file->id);
	reply_json(c, json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:s}", "id", u.file->id, "object",
				"file", "bytes", (json_int_t)u.file->data.size, "created_at",
				(json_int_t)time(NULL), "filename", u.file->name, "purpose",
				"batch", "status", "processed"));
}

void files_content(struct call *c)
{
	struct file *f = file_find(c->id);
	if (!f || c->began_ms < f->from_ms) {
		reply_error(c, 404, "No such File object: %s", c->id);
		return;
	}
	c->reply.status = 200;
	c->reply.type = "application/octet-stream";
	buffer_add(&c->reply.body, f->data.data, f->data.size);
	if (f->results)
		file_formed(&c->reply.body);
}

/* ---- creating a batch ---- */

static bool is_text(json_t *object, const char *name, const char *wanted)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text && strcmp(text, wanted) == 0;
}

/* Each line of the file as JSON; what is none becomes null. */
static json_t *lines_of(const struct file *f)
{
	json_t *lines = json_array();
	const char *at = f->data.data, *end = at + f->data.size;
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		stop = stop ? stop : end;
		json_t *line = stop > at ? json_loadb(at, (size_t)(stop - at), 0, NULL) : NULL;
		if (stop > at)
			json_array_append_new(lines, line ? line : json_null());
		at = stop + 1;
	}
	return lines;
}

static int check_metadata(struct call *c, json_t *metadata)
{
	const char *name;
	json_t *value;
	if (json_object_size(metadata) > 16)
		return reply_error(c, 400, "metadata: at most 16 pairs");
	json_object_foreach(metadata, name, value)
	{
		if (strlen(name) > 64 || !json_is_string(value) || json_string_length(value) > 512)
			return reply_error(c, 400, "metadata: %.64s is too long, or no text", name);
	}
	return 0;
}

int files_batch_read(struct call *c)
{
	const char *id = json_string_value(json_object_get(c->json, "input_file_id"));
	struct file *f = id ? file_find(id) : NULL;
	if (!f)
		return reply_error(c, 400, "input_file_id: no such file");
	if (!is_text(c->json, "endpoint", "/v1/chat/completions"))
		return reply_error(c, 400, "endpoint: not supported here");
	if (!is_text(c->json, "completion_window", "24h"))
		return reply_error(c, 400, "completion_window: must be 24h");
	if (check_metadata(c, json_object_get(c->json, "metadata")) < 0)
		return -1;
	c->lines = lines_of(f);
	json_t *body = json_object_get(json_array_get(c->lines, 0), "body");
	c->asked.model = json_string_value(json_object_get(body, "model"));
	return 0;
}

/* A faulty line fails the batch, later. */
static json_t *fault(const char *code, const char *text, size_t line)
{
	return json_pack("{s:s, s:s, s:n, s:I}", "code", code, "message", text, "param", "line",
			 (json_int_t)line + 1);
}

static json_t *check_line(json_t *line, size_t i, const char *model, json_t *seen)
{
	const char *id = json_string_value(json_object_get(line, "custom_id"));
	json_t *body = json_object_get(line, "body");
	if (!json_is_object(line))
		return fault("invalid_json_line", "This line is not parseable as valid JSON.", i);
	if (!id || !*id || strlen(id) > 64)
		return fault("missing_required_parameter", "custom_id", i);
	if (json_object_get(seen, id))
		return fault("duplicate_custom_id",
			     "The custom_id for this request is a duplicate.", i);
	if (!is_text(line, "method", "POST") || !is_text(line, "url", "/v1/chat/completions"))
		return fault("invalid_url", "method or url is not the batch's", i);
	if (!model || !is_text(body, "model", model))
		return fault("mismatched_model", "All requests must be of one model.", i);
	json_object_set_new(seen, id, json_true());
	return NULL;
}

static json_t *check_lines(struct call *c)
{
	size_t i, n = json_array_size(c->lines);
	json_t *line, *seen = json_object(), *failure = NULL;
	if (n == 0)
		failure = fault("empty_file", "The input file is empty.", 0);
	if (n > REQUESTS_MAX)
		failure = fault("too_many_requests", "The input file has too many lines.", n);
	json_array_foreach(c->lines, i, line)
	{
		if (!failure)
			failure = check_line(line, i, c->asked.model, seen);
	}
	json_decref(seen);
	return failure;
}

static const char *status_of(const struct batch *b)
{
	int64_t now = fake_now_ms();
	if (b->failure)
		return b->ended ? "failed" : "validating";
	if (b->ended)
		return b->cancel_ms		     ? "cancelled"
		       : batch_count(b, EXPIRED) > 0 ? "expired"
						     : "completed";
	if (batch_finalizing(b) && !b->cancel_ms)
		return "finalizing";
	return b->cancel_ms						? "cancelling"
	       : now - b->created_ms < (b->end_ms - b->created_ms) / 10 ? "validating"
									: "in_progress";
}

/* These are live. */
static json_t *counts_of(const struct batch *b)
{
	int64_t all = b->end_ms - b->created_ms, gone = fake_now_ms() - b->created_ms;
	size_t done = all > 0 ? (size_t)((double)b->size * (double)gone / (double)all) : b->size;
	size_t failed = b->ended ? batch_count(b, ERRORED) : 0;
	done = b->ended ? batch_count(b, SUCCEEDED) + batch_count(b, MISSING) : done;
	if (b->failure)
		return json_pack("{s:i, s:i, s:i}", "total", 0, "completed", 0, "failed", 0);
	return json_pack("{s:I, s:I, s:I}", "total", (json_int_t)b->size, "completed",
			 (json_int_t)(done < b->size ? done : b->size), "failed",
			 (json_int_t)failed);
}

static void set_time(json_t *object, const char *name, bool holds, int64_t seconds)
{
	json_object_set_new(object, name, holds ? json_integer(seconds) : json_null());
}

static json_t *object_of(const struct batch *b)
{
	const char *status = status_of(b);
	json_t *errors = b->failure
				 ? json_pack("{s:s, s:[O]}", "object", "list", "data", b->failure)
				 : json_null();
	json_t *o = json_pack(
		"{s:s, s:s, s:O, s:o, s:O, s:O, s:s, s:s?, s:s?, s:I, s:I, s:o, s:O?}", "id", b->id,
		"object", "batch", "endpoint", json_object_get(b->request, "endpoint"), "errors",
		b->failure && !b->ended ? (json_decref(errors), json_null()) : errors,
		"input_file_id", json_object_get(b->request, "input_file_id"), "completion_window",
		json_object_get(b->request, "completion_window"), "status", status,
		"output_file_id", *b->output ? b->output : NULL, "error_file_id",
		*b->errors ? b->errors : NULL, "created_at", (json_int_t)b->created_s, "expires_at",
		(json_int_t)b->created_s + 86400, "request_counts", counts_of(b), "metadata",
		json_object_get(b->request, "metadata"));
	set_time(o, "in_progress_at", strcmp(status, "validating") != 0 && !b->failure,
		 b->created_s);
	set_time(o, "finalizing_at", (b->ended && !b->failure) || batch_finalizing(b),
		 b->ended ? b->ended_s : time(NULL));
	set_time(o, "completed_at", strcmp(status, "completed") == 0, b->ended_s);
	set_time(o, "failed_at", strcmp(status, "failed") == 0, b->ended_s);
	set_time(o, "expired_at", strcmp(status, "expired") == 0, b->ended_s);
	set_time(o, "cancelling_at", b->cancel_ms != 0, b->cancel_s);
	set_time(o, "cancelled_at", strcmp(status, "cancelled") == 0, b->ended_s);
	return o;
}

void files_batch_create(struct call *c)
{
	size_t i;
	json_t *line, *wanted = json_object_get(c->rule, "fail_batch");
	struct batch *b = batch_new(c, "batch");
	b->request = json_incref(c->json);
	b->failure = wanted ? json_incref(wanted) : check_lines(c);
	json_array_foreach(c->lines, i, line)
	{
		const char *id = json_string_value(json_object_get(line, "custom_id"));
		if (!b->failure && batch_line(b, i, id, json_object_get(line, "body"), c) < 0)
			b->failure =
				fault("invalid_request", "The body of this line is not valid.", i);
	}
	snprintf(c->id, sizeof c->id, "%s", b->id);
	reply_json(c, object_of(b));
}

void files_batch_get(struct call *c)
{
	struct batch *b = batch_find(c);
	if (b)
		reply_json(c, object_of(b));
}

void files_batch_cancel(struct call *c)
{
	struct batch *b = batch_find(c);
	if (!b)
		return;
	if (b->ended) {
		reply_error(c, 409, "Cannot cancel a batch with status '%s'.", status_of(b));
		return;
	}
	batch_cancel(b);
	reply_json(c, object_of(b));
}

void files_batch_list(struct call *c)
{
	const char *given = call_query(c, "limit"), *after = call_query(c, "after");
	size_t limit = given ? (size_t)strtoul(given, NULL, 10) : 20;
	bool more = false, begun = !after;
	json_t *data = json_array();
	batches_turn(c->began_ms);
	limit = limit < 1 ? 1 : limit > 100 ? 100 : limit;
	for (struct batch *b = batch_newest(); b && !more; b = b->next) {
		if (b->vendor == OPENAI && begun) {
			more = json_array_size(data) == limit;
			if (!more)
				json_array_append_new(data, object_of(b));
		}
		begun = begun || strcmp(b->id, after) == 0;
	}
	size_t n = json_array_size(data);
	json_t *first = json_object_get(json_array_get(data, 0), "id");
	json_t *last = n ? json_object_get(json_array_get(data, n - 1), "id") : NULL;
	reply_json(c, json_pack("{s:s, s:o, s:b, s:O?, s:O?}", "object", "list", "data", data,
				"has_more", more, "first_id", first, "last_id", last));
}

/* ---- results ---- */

char *files_batch_line(const struct batch_line *l, const struct asked *a, json_t *rule)
{
	char id[64], request[64];
	json_t *status = json_object_get(rule, "status"), *body;
	int code = status ? (int)json_integer_value(status) : l->outcome == ERRORED ? 400 : 200;
	const char *given = json_string_value(json_object_get(rule, "line_id"));
	fake_id(id, sizeof id, "batch_req");
	fake_id(request, sizeof request, "req");
	if (l->outcome == ERRORED)
		body = error_json(OPENAI, code, NULL, json_object_get(rule, "error"));
	else
		body = asked_response(a, rule);
	json_t *line = json_pack("{s:s, s:s, s:{s:i, s:s, s:o}, s:n}", "id", given ? given : id,
				 "custom_id", l->custom_id, "response", "status_code", code,
				 "request_id", request, "body", body, "error");
	char *out = json_dumps(line, JSON_COMPACT);
	json_decref(line);
	return out;
}

static void add_expired(struct buffer *out, const struct batch_line *l)
{
	char id[64];
	fake_id(id, sizeof id, "batch_req");
	buffer_printf(
		out,
		"{\"id\":\"%s\",\"custom_id\":\"%s\",\"response\":null,\"error\":"
		"{\"code\":\"batch_expired\",\"message\":\"This request could not be executed "
		"before the completion window expired.\"}}\n",
		id, l->custom_id);
}

/* From the last to the first. What was cancelled is in no file. */
void files_batch_ended(struct batch *b)
{
	struct buffer good = BUFFER_INIT, bad = BUFFER_INIT;
	for (size_t i = b->size; i-- > 0;) {
		const struct batch_line *l = &b->lines[i];
		if (l->outcome == EXPIRED)
			add_expired(&bad, l);
		else if (l->outcome == SUCCEEDED || l->outcome == ERRORED)
			buffer_printf(l->outcome == ERRORED ? &bad : &good, "%s\n", l->result);
	}
	struct buffer *all[] = {&good, &bad};
	char *ids[] = {b->output, b->errors};
	for (int i = 0; i < 2; i++)
		if (all[i]->size) {
			struct file *f = file_new();
			f->data = *all[i];
			f->results = true;
			f->from_ms = b->results_ms;
			snprintf(ids[i], sizeof b->output, "%s", f->id);
		}
}
