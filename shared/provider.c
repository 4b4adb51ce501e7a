#include "weir/provider.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provider_kind.h"
#include "weir/hash.h"

enum {
	BATCH_TIMEOUT_MS = 60000, /* of a small request of a batch's life */
	STREAM_SILENCE_MS = 120000,
	LIST_PAGE = 100,
	INFO_MAX = 4 * 1024 * 1024, /* bytes of a batch, or of a page of them */
	TOKEN_BYTES = 3,	    /* English has 4 to 5 a token, JSON and other scripts fewer */
	TOKENS_AROUND = 16	    /* what stands around the texts */
};

static int check_remote(const struct model *m, struct weir_error *err)
{
	if (m->provider == PROVIDER_LOCAL)
		return weir_fail(err, "bad_value", "the model %s has no provider", m->name);
	return 0;
}

void reply_release(struct reply *r) { buffer_release(&r->text); }

int64_t provider_tokens(size_t bytes) { return (int64_t)(bytes / TOKEN_BYTES) + TOKENS_AROUND; }

/* ---- writing requests ---- */

/* The texts of a request stand one behind the other in one buffer, which moves while it grows: only
 * when all are in it, pointers are taken. */
struct writing {
	struct buffer *texts;
	size_t url, headers; /* where they begin */
	size_t count;	     /* headers */
};

static void end_text(struct buffer *b) { buffer_add_char(b, '\0'); }

static void begin_writing(struct writing *w, const struct model *m, const char *const *parts,
			  struct buffer *texts)
{
	*w = (struct writing){.texts = texts, .url = texts->size};
	provider_url(m, parts, texts);
	end_text(texts);
	w->headers = texts->size;
	w->count = provider_kind_of(m)->headers(m, texts);
}

static void write_header(struct writing *w, const char *name, const char *value)
{
	buffer_printf(w->texts, "%s: %s", name, value);
	end_text(w->texts);
	w->count++;
}

static int end_writing(const struct writing *w, struct http_request *out, struct weir_error *err)
{
	const char *at;

	if (buffer_failed(w->texts))
		return weir_fail_memory(err);
	out->url = w->texts->data + w->url;
	at = w->texts->data + w->headers;
	for (size_t i = 0; i < w->count && i < HTTP_HEADERS_MAX; i++) {
		out->headers[i] = at;
		at += strlen(at) + 1;
	}
	return 0;
}

/* ---- one call ---- */

int provider_body(const struct model *m, const struct prompt *p, struct buffer *out,
		  struct weir_error *err)
{
	if (check_remote(m, err) < 0)
		return -1;
	provider_kind_of(m)->body(m, p, out);
	return buffer_failed(out) ? weir_fail_memory(err) : 0;
}

int provider_call(const struct model *m, const char *id, struct buffer *texts,
		  struct http_request *out, struct weir_error *err)
{
	const char *const parts[] = {provider_kind_of(m)->calls, NULL};
	struct writing w;

	if (check_remote(m, err) < 0)
		return -1;
	*out = (struct http_request){.method = "POST",
				     .timeout_ms = m->timeout_ms,
				     .response_max = PROVIDER_RESPONSE_MAX};
	begin_writing(&w, m, parts, texts);
	write_header(&w, "Content-Type", "application/json");
	write_header(&w, "Idempotency-Key", id);
	return end_writing(&w, out, err);
}

/* ---- reading responses ---- */

/* The object of a 2xx response that tells of no error, or NULL with *out saying what became of the
 * request. */
static json_t *object_of(const struct model *m, const struct http_response *r, struct reply *out)
{
	json_t *root;
	const json_t *error;
	bool failed = r->status / 100 != 2;

	if (r->status == 0) {
		reply_of_failure(r, out);
		return NULL;
	}
	root = body_parse(r->body);
	error = error_in(root, failed);
	if (failed || error)
		reply_of_error(m, failed ? r->status : 0, error, r, out);
	else if (!json_is_object(root))
		reply_of_body(m, r, out);
	else
		return root;
	json_decref(root);
	return NULL;
}

/* What was lost of it could not be read, and would be a guess. */
static void expect_whole(const struct http_response *r, struct reply *out)
{
	if (out->kind != REPLY_ANSWER || !body_lost(buffer_view(&out->text)))
		return;
	buffer_release(&out->text);
	*out = (struct reply){.kind = REPLY_RETRY};
	weir_fail(&out->error, "bad_response",
		  "HTTP %d, and the answer has bytes that are no UTF-8, or half of a character",
		  r->status);
}

/* Nothing is there: the address is what has to be looked at. */
static void tell_address(const struct model *m, const struct http_response *r, struct reply *out)
{
	const char *const parts[] = {provider_kind_of(m)->calls, NULL};
	struct weir_error said = out->error;
	struct buffer url = BUFFER_INIT;
	struct weir_text to;

	provider_url(m, parts, &url);
	if (r->status / 100 == 3 && http_header(r, "location", &to) == 0 && buffer_text(&url))
		weir_fail(&out->error, said.code,
			  "%.200s: %.100s leads to %.*s, and calls are not led on: write that as "
			  "base_url",
			  said.text, url.data, to.size < 150 ? (int)to.size : 150, to.data);
	else if (strcmp(said.code, "not_found") == 0 && buffer_text(&url))
		weir_fail(&out->error, said.code, "%.300s (calls go to %s)", said.text, url.data);
	buffer_release(&url);
}

/* An object without an answer: what it says instead, or what it is. */
static void not_an_answer(const struct model *m, const json_t *root, const struct http_response *r,
			  struct reply *out)
{
	const char *other = body_of_other_api(root);
	struct told t;

	error_take(error_in(root, true), &t);
	if (other) {
		out->kind = REPLY_STOP;
		weir_fail(&out->error, "wrong_api", "what should be an answer is %s", other);
	} else if (*t.message || t.status > 0)
		reply_of_error(m, 0, root, r, out);
	else
		reply_of_body(m, r, out);
}

void provider_read(const struct model *m, const struct http_response *r, struct reply *out)
{
	json_t *root;

	*out = (struct reply){0};
	root = object_of(m, r, out);
	if (!root) {
		tell_address(m, r, out);
		return;
	}
	if (provider_kind_of(m)->answer(root, out) < 0)
		not_an_answer(m, root, r, out);
	else if (buffer_failed(&out->text))
		reply_set(out, REPLY_THROTTLED, "out_of_memory", "out of memory");
	expect_whole(r, out);
	json_decref(root);
}

/* ---- limits ---- */

static int64_t rate_value(const struct model *m, const struct http_response *r, const char *rate,
			  const char *what)
{
	const struct provider_kind *k = provider_kind_of(m);
	struct weir_text value;
	char name[64], digits[24];

	k->rate_header(rate, what, name);
	if (http_header(r, name, &value) < 0)
		return -1;
	if (strcmp(what, "reset") == 0)
		return wait_of(r, value, 1000);
	if (value.size == 0 || value.size >= sizeof(digits))
		return -1;
	snprintf(digits, sizeof(digits), "%.*s", (int)value.size, value.data);
	return digits[strspn(digits, "0123456789")] ? -1 : strtoll(digits, NULL, 10);
}

/* Gateways are known to send a remainder of -1 or 0 without there being a limit. */
void provider_read_limits(const struct model *m, const struct http_response *r,
			  struct provider_limits *out)
{
	const struct provider_kind *k = provider_kind_of(m);
	int64_t *const to[RATES] = {&out->requests, &out->input_tokens, &out->output_tokens};

	*out = (struct provider_limits){-1, -1, -1, 0};
	for (size_t i = 0; i < RATES; i++) {
		int64_t reset_ms;

		if (!k->rates[i] || rate_value(m, r, k->rates[i], "limit") <= 0)
			continue;
		*to[i] = rate_value(m, r, k->rates[i], "remaining");
		reset_ms = rate_value(m, r, k->rates[i], "reset");
		if (*to[i] == 0 && reset_ms > out->reset_ms)
			out->reset_ms = reset_ms;
	}
}

/* ---- remote batches: requests ---- */

struct provider_frame provider_frame(const struct model *m) { return provider_kind_of(m)->frame; }

int provider_batch_line(const struct model *m, struct weir_text custom_id, struct weir_text body,
			struct buffer *out, struct weir_error *err)
{
	if (check_remote(m, err) < 0)
		return -1;
	provider_kind_of(m)->line(m, custom_id, body, out);
	return buffer_failed(out) ? weir_fail_memory(err) : 0;
}

/* The intent is a uuid, and JSON in lines has no bare line break, so neither can hold the boundary.
 */
int provider_upload(const struct model *m, const char *intent, struct buffer *texts,
		    struct buffer *head, struct buffer *tail, struct http_request *out,
		    struct weir_error *err)
{
	static const char *const parts[] = {"/files", NULL};
	char type[192];
	struct writing w;

	if (check_remote(m, err) < 0)
		return -1;
	*out = (struct http_request){
		.method = "POST", .timeout_ms = STREAM_SILENCE_MS, .response_max = INFO_MAX};
	buffer_printf(
		head,
		"--weir-%s\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
		"--weir-%s\r\nContent-Disposition: form-data; name=\"file\"; "
		"filename=\"%s.jsonl\"\r\nContent-Type: application/jsonl\r\n\r\n",
		intent, intent, intent);
	buffer_printf(tail, "\r\n--weir-%s--\r\n", intent);
	if (buffer_failed(head) || buffer_failed(tail))
		return weir_fail_memory(err);
	snprintf(type, sizeof(type), "multipart/form-data; boundary=weir-%.100s", intent);
	begin_writing(&w, m, parts, texts);
	write_header(&w, "Content-Type", type);
	return end_writing(&w, out, err);
}

int provider_create(const struct model *m, const char *what, const char *intent,
		    struct buffer *texts, struct http_request *out, struct weir_error *err)
{
	const struct provider_kind *k = provider_kind_of(m);
	const char *const parts[] = {k->batches, NULL};
	char hash[HASH_SIZE], key[128];
	struct writing w;
	size_t body;

	if (check_remote(m, err) < 0)
		return -1;
	*out = (struct http_request){.method = "POST",
				     .timeout_ms = k->create ? BATCH_TIMEOUT_MS : STREAM_SILENCE_MS,
				     .response_max = INFO_MAX};
	begin_writing(&w, m, parts, texts);
	write_header(&w, "Content-Type", "application/json");
	hash_texts((struct weir_text){m->model, strlen(m->model)},
		   (struct weir_text){what, strlen(what)}, hash);
	snprintf(key, sizeof(key), "%.80s/%s", intent, hash);
	write_header(&w, "Idempotency-Key", key);
	body = texts->size;
	if (k->create)
		k->create(m, what, intent, texts);
	if (end_writing(&w, out, err) < 0)
		return -1;
	if (k->create)
		out->body = (struct weir_text){texts->data + body, texts->size - body};
	return 0;
}

static int small_request(const struct model *m, const char *method, const char *const *parts,
			 struct buffer *texts, struct http_request *out, struct weir_error *err)
{
	struct writing w;

	if (check_remote(m, err) < 0)
		return -1;
	*out = (struct http_request){
		.method = method, .timeout_ms = BATCH_TIMEOUT_MS, .response_max = INFO_MAX};
	begin_writing(&w, m, parts, texts);
	return end_writing(&w, out, err);
}

int provider_get(const struct model *m, const char *const *parts, struct buffer *texts,
		 struct http_request *out, struct weir_error *err)
{
	return small_request(m, "GET", parts, texts, out, err);
}

/* An id becomes a part of an address. */
static int check_id(const char *id, struct weir_error *err)
{
	char copy[PROVIDER_ID_MAX + 1];

	if (id_copy(copy, id) == 0)
		return 0;
	return weir_fail(err, "bad_value", "\"%.100s\" is no id of a provider's", id);
}

int provider_poll(const struct model *m, const char *remote_id, struct buffer *texts,
		  struct http_request *out, struct weir_error *err)
{
	const char *const parts[] = {provider_kind_of(m)->batches, "/", remote_id, NULL};

	if (check_id(remote_id, err) < 0)
		return -1;
	return small_request(m, "GET", parts, texts, out, err);
}

int provider_cancel(const struct model *m, const char *remote_id, struct buffer *texts,
		    struct http_request *out, struct weir_error *err)
{
	const char *const parts[] = {provider_kind_of(m)->batches, "/", remote_id, "/cancel", NULL};

	if (check_id(remote_id, err) < 0)
		return -1;
	return small_request(m, "POST", parts, texts, out, err);
}

int provider_list(const struct model *m, const char *after, struct buffer *texts,
		  struct http_request *out, struct weir_error *err)
{
	const struct provider_kind *k = provider_kind_of(m);
	bool first = !after || !*after;
	char limit[32];
	const char *const parts[] = {
		k->batches, limit, first ? NULL : "&", k->after, first ? NULL : "=", after, NULL};

	snprintf(limit, sizeof(limit), "?limit=%d", LIST_PAGE);
	if (!first && check_id(after, err) < 0)
		return -1;
	return small_request(m, "GET", parts, texts, out, err);
}

/* url is one of a remote_info, which we made ourselves. */
int provider_fetch(const struct model *m, const char *url, struct buffer *texts,
		   struct http_request *out, struct weir_error *err)
{
	const struct provider_kind *k = provider_kind_of(m);
	struct writing w = {.texts = texts, .url = texts->size};

	if (check_remote(m, err) < 0)
		return -1;
	if (strncmp(url, m->base_url, strlen(m->base_url)) != 0 || url[strlen(m->base_url)] != '/')
		return weir_fail(err, "bad_value", "the results are not where %s is", m->name);
	*out = (struct http_request){
		.method = "GET", .timeout_ms = STREAM_SILENCE_MS, .response_max = INFO_MAX};
	buffer_add(texts, url, strlen(url) + 1);
	w.headers = texts->size;
	w.count = k->headers(m, texts);
	if (k->accept)
		write_header(&w, "Accept", k->accept);
	return end_writing(&w, out, err);
}

/* ---- remote batches: responses ---- */

/* Files have no model; their errors have a form that both share. */
int provider_read_file(const struct http_response *r, char id[PROVIDER_ID_MAX + 1],
		       struct reply *why)
{
	static const struct model none = {.provider = PROVIDER_OPENAI};
	json_t *root;
	int rc;

	*why = (struct reply){0};
	root = object_of(&none, r, why);
	if (!root)
		return -1;
	rc = id_copy(id, json_text_of(root, "id"));
	if (rc < 0)
		reply_set(why, REPLY_RETRY, "bad_response", "the provider gave its file no id");
	json_decref(root);
	return rc;
}

static int read_info(const struct model *m, const json_t *root, struct remote_info *out)
{
	*out = (struct remote_info){.requests = -1, .done = -1, .completed = -1, .lines = -1};
	if (id_copy(out->id, json_text_of(root, "id")) < 0)
		return -1;
	return provider_kind_of(m)->batch(m, root, out);
}

/* That one batch is not there says nothing of others. */
static int refuse_absent(const struct http_response *r, struct reply *why)
{
	if (r->status == 404 && why->kind == REPLY_STOP && strcmp(why->error.code, "no_model") != 0)
		why->kind = REPLY_REFUSED;
	return -1;
}

int provider_read_batch(const struct model *m, const struct http_response *r,
			struct remote_info *out, struct reply *why)
{
	json_t *root;
	int rc;

	*why = (struct reply){0};
	root = object_of(m, r, why);
	if (!root)
		return refuse_absent(r, why);
	rc = read_info(m, root, out);
	if (rc < 0)
		reply_set(why, REPLY_RETRY, "bad_response",
			  "the provider's batch is not what it should be");
	json_decref(root);
	return rc;
}

int provider_read_list(const struct model *m, const struct http_response *r,
		       void (*each)(void *owner, const struct remote_info *info), void *owner,
		       char next[PROVIDER_ID_MAX + 1], struct reply *why)
{
	json_t *root, *entry;
	char last[PROVIDER_ID_MAX + 1] = "";
	size_t i;

	*why = (struct reply){0};
	root = object_of(m, r, why);
	if (!root && (r->status == 405 || r->status == 501))
		why->kind = REPLY_REFUSED;
	if (!root)
		return refuse_absent(r, why);
	json_array_foreach(json_object_get(root, "data"), i, entry)
	{
		struct remote_info info;

		if (read_info(m, entry, &info) == 0)
			each(owner, &info);
		if (id_copy(last, json_text_of(entry, "id")) < 0)
			*last = '\0';
	}
	if (!json_is_true(json_object_get(root, "has_more")))
		*last = '\0';
	memcpy(next, last, sizeof(last));
	json_decref(root);
	return 0;
}

void provider_read_page(const struct model *m, const struct http_response *r, struct weir_text body,
			struct reply *out)
{
	struct http_response page = *r;
	struct weir_error said;
	json_t *root;

	page.body = body;
	*out = (struct reply){0};
	root = object_of(m, &page, out);
	if (root)
		reply_of_body(m, &page, out);
	json_decref(root);
	said = out->error;
	weir_fail(&out->error, said.code, "instead of results there is: %.400s", said.text);
}
