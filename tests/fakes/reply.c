/* Responses as the vendors write them, and what the script makes of them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake.h"

static const struct fault {
	int status;
	const char *anthropic, *openai, *code, *text;
} faults[] = {
	{400, "invalid_request_error", "invalid_request_error", NULL, "The request is not valid."},
	{401, "authentication_error", "invalid_request_error", "invalid_api_key",
	 "invalid x-api-key"},
	{402, "billing_error", "insufficient_quota", "insufficient_quota",
	 "Your credit balance is too low."},
	{403, "permission_error", "invalid_request_error", NULL,
	 "Your key has no permission for this."},
	{404, "not_found_error", "invalid_request_error", "not_found", "Not found."},
	{408, "timeout_error", "timeout", NULL, "Request timeout."},
	{409, "conflict_error", "invalid_request_error", NULL, "Conflict."},
	{413, "request_too_large", "invalid_request_error", NULL,
	 "Request exceeds the maximum size."},
	{429, "rate_limit_error", "requests", "rate_limit_exceeded",
	 "This request would exceed your rate limit."},
	{500, "api_error", "server_error", NULL, "Internal server error."},
	{502, "api_error", "server_error", NULL, "Bad gateway."},
	{503, "api_error", "server_error", NULL, "Service unavailable."},
	{504, "timeout_error", "server_error", NULL, "Gateway timeout."},
	{529, "overloaded_error", "server_error", "overloaded", "Overloaded"},
};

static const struct fault *find_fault(int status)
{
	size_t n = sizeof faults / sizeof *faults;
	for (size_t i = 0; i < n; i++)
		if (faults[i].status == status)
			return &faults[i];
	return status < 500 ? &faults[0] : &faults[9];
}

json_t *error_json(enum vendor vendor, int status, const char *text, json_t *more)
{
	char id[48];
	const struct fault *f = find_fault(status);
	json_t *error;
	text = text ? text : f->text;
	if (vendor == OPENAI) {
		error = json_pack("{s:s, s:s, s:n, s:s?}", "message", text, "type", f->openai,
				  "param", "code", f->code);
		json_object_update(error, more);
		return json_pack("{s:o}", "error", error);
	}
	fake_id(id, sizeof id, "req");
	error = json_pack("{s:s, s:s}", "type", f->anthropic, "message", text);
	json_object_update(error, more);
	return json_pack("{s:s, s:o, s:s}", "type", "error", "error", error, "request_id", id);
}

static int dump(const char *data, size_t size, void *to)
{
	buffer_add(to, data, size);
	return 0;
}

void buffer_add_dump(struct buffer *b, json_t *json)
{
	json_dump_callback(json, dump, b, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
}

static void set_body(struct reply *r, int status, json_t *json)
{
	r->status = status;
	buffer_reset(&r->body);
	buffer_add_dump(&r->body, json);
	json_decref(json);
}

static enum vendor vendor_of(const struct call *c)
{
	return c->route ? c->route->vendor : ANTHROPIC;
}

int reply_error(struct call *c, int status, const char *fmt, ...)
{
	char text[512];
	va_list args;
	va_start(args, fmt);
	if (fmt)
		vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	set_body(&c->reply, status, error_json(vendor_of(c), status, fmt ? text : NULL, NULL));
	c->reply.billed = false;
	return -1;
}

int reply_invalid(struct call *c, const char *text) { return reply_error(c, 400, "%s", text); }

void reply_json(struct call *c, json_t *json) { set_body(&c->reply, 200, json); }

void reply_header(struct reply *r, const char *name, const char *value)
{
	if (!r->headers)
		r->headers = json_object();
	json_object_set_new(r->headers, name, json_string(value));
}

static void add_headers(struct reply *r, json_t *headers)
{
	const char *name;
	json_t *value;
	char date[64];
	json_object_foreach(headers, name, value)
	{
		const char *text = json_string_value(value);
		if (text && strncmp(text, "@+", 2) == 0) {
			time_t at = time(NULL) + atoi(text + 2);
			struct tm tm;
			strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT",
				 gmtime_r(&at, &tm));
			text = date;
		}
		reply_header(r, name, text ? text : "");
	}
}

int64_t number_of(json_t *object, const char *name, int64_t otherwise)
{
	json_t *value = json_object_get(object, name);
	return json_is_integer(value) ? (int64_t)json_integer_value(value) : otherwise;
}

/* Objects go into each other, "$DELETE" takes away, and an array's elements go by number. */
void json_patch(json_t *target, json_t *patch)
{
	const char *name;
	json_t *value;
	json_object_foreach(patch, name, value)
	{
		bool list = json_is_array(target);
		size_t i = (size_t)strtoul(name, NULL, 10);
		json_t *old = list ? json_array_get(target, i) : json_object_get(target, name);
		const char *text = json_string_value(value);
		if (json_is_object(value) && (json_is_object(old) || json_is_array(old)))
			json_patch(old, value);
		else if (text && strcmp(text, "$DELETE") == 0)
			list ? json_array_remove(target, i) : json_object_del(target, name);
		else
			list ? json_array_set(target, i, value)
			     : json_object_set(target, name, value);
	}
}

static void patch_body(struct reply *r, json_t *patch)
{
	json_t *json =
		patch ? json_loadb(r->body.data ? r->body.data : "", r->body.size, 0, NULL) : NULL;
	if (!json)
		return;
	json_patch(json, patch);
	buffer_reset(&r->body);
	buffer_add_dump(&r->body, json);
	json_decref(json);
}

static void set_word(json_t *words, const char *name, const char *value)
{
	word_set(words, name, value, value ? strlen(value) : 0);
}

json_t *call_words(struct call *c, json_t *rule)
{
	json_t *words = c->asked.turns ? asked_words(&c->asked, rule) : json_object();
	json_t *message = json_object_get(json_object_get(rule, "error"), "message");
	const char *field = json_string_value(json_object_get(rule, "field"));
	const char *missing = json_string_value(json_object_get(rule, "has"));
	json_t *response = c->asked.turns ? asked_formed(&c->asked, rule, words) : NULL;
	json_decref(response);
	if (!c->asked.turns) {
		set_word(words, "MODEL", c->asked.model);
		set_word(words, "ID", "none");
		word_set_number(words, "NOW", time(NULL));
	}
	set_word(words, "METHOD", c->method);
	set_word(words, "URL", c->url);
	set_word(words, "KEY", call_header(c, "idempotency-key"));
	set_word(words, "HOST", call_header(c, "host"));
	set_word(words, "FIELD", field ? field : missing);
	set_word(words, "MESSAGE", json_string_value(message));
	return words;
}

static void set_body_text(struct call *c, json_t *body, json_t *words)
{
	struct buffer text = BUFFER_INIT;
	buffer_reset(&c->reply.body);
	if (json_is_string(body))
		buffer_add(&text, json_string_value(body), json_string_length(body));
	else
		buffer_add_dump(&text, body);
	fill_text(&c->reply.body, text.data ? buffer_text(&text) : "", words);
	buffer_release(&text);
}

static void set_scripted_body(struct call *c)
{
	const char *form = json_string_value(json_object_get(c->rule, "error_form"));
	json_t *body = json_object_get(c->rule, "body"), *error = json_object_get(c->rule, "error");
	json_t *words =
		form || body || json_object_get(c->rule, "shape") ? call_words(c, c->rule) : NULL;
	int status = (int)number_of(c->rule, "status", c->reply.status);
	if (form && error_place(&c->reply, form, words))
		status = (int)number_of(c->rule, "status", c->reply.status);
	else if (status >= 400 && !body)
		set_body(&c->reply, status, error_json(vendor_of(c), status, NULL, error));
	else if (words && !body && c->asked.turns && c->reply.status == 200)
		shape_place(&c->reply, c->rule, words);
	c->reply.status = status;
	if (body)
		set_body_text(c, body, words);
	json_decref(words);
}

void reply_scripted(struct call *c)
{
	struct reply *r = &c->reply;
	if (c->asked.turns)
		r->latency_ms = r->first_byte_ms = script_latency();
	if (!c->rule)
		return;
	set_scripted_body(c);
	patch_body(r, json_object_get(c->rule, "patch"));
	add_headers(r, json_object_get(c->rule, "headers"));
	wire_place(r, c->rule);
	r->latency_ms = number_of(c->rule, "latency_ms", r->latency_ms);
	r->first_byte_ms = number_of(c->rule, "first_byte_ms", r->latency_ms);
	r->cut_after = number_of(c->rule, "cut_after_bytes", -1);
	r->drop = r->drop || json_is_true(json_object_get(c->rule, "drop"));
	r->lost = r->lost || json_is_true(json_object_get(c->rule, "accept_then_drop"));
}
