/* What is asked for where, and the order in which a request is decided. */
#include <stdio.h>
#include <string.h>

#include "fake.h"

static void stop_act(struct call *c)
{
	c->stop = true;
	reply_json(c, json_object());
}

static const struct route routes[] = {
	{"POST", "/v1/messages", ANTHROPIC, calls_read, calls_act},
	{"POST", "/v1/messages/batches", ANTHROPIC, messages_batch_read, messages_batch_create},
	{"GET", "/v1/messages/batches", ANTHROPIC, NULL, messages_batch_list},
	{"GET", "/v1/messages/batches/{id}", ANTHROPIC, NULL, messages_batch_get},
	{"POST", "/v1/messages/batches/{id}/cancel", ANTHROPIC, NULL, messages_batch_cancel},
	{"GET", "/v1/messages/batches/{id}/results", ANTHROPIC, NULL, messages_batch_results},
	{"POST", "/v1/chat/completions", OPENAI, calls_read, calls_act},
	{"POST", "/v1/files", OPENAI, NULL, files_create},
	{"GET", "/v1/files/{id}/content", OPENAI, NULL, files_content},
	{"POST", "/v1/batches", OPENAI, files_batch_read, files_batch_create},
	{"GET", "/v1/batches", OPENAI, NULL, files_batch_list},
	{"GET", "/v1/batches/{id}", OPENAI, NULL, files_batch_get},
	{"POST", "/v1/batches/{id}/cancel", OPENAI, NULL, files_batch_cancel},
	{"GET", "/v1/models", ANTHROPIC, NULL, models_list},
	{"GET", "/v1/models", OPENAI, NULL, models_list},
	{"GET", "/v1/models/{id}", ANTHROPIC, NULL, models_get},
	{"GET", "/v1/models/{id}", OPENAI, NULL, models_get},
	{"POST", "/_script", NO_VENDOR, NULL, script_set},
	{"POST", "/_reset", NO_VENDOR, NULL, script_reset},
	{"GET", "/_log", NO_VENDOR, NULL, log_get},
	{"GET", "/_counts", NO_VENDOR, NULL, log_counts},
	{"GET", "/_forms", NO_VENDOR, NULL, forms_get},
	{"POST", "/_outage", NO_VENDOR, NULL, outage_set},
	{"POST", "/_stop", NO_VENDOR, NULL, stop_act},
};

static bool is_path(const char *pattern, const char *path, char *id, size_t room)
{
	const char *hole = strstr(pattern, "{id}");
	if (!hole)
		return strcmp(pattern, path) == 0;
	size_t before = (size_t)(hole - pattern);
	if (strncmp(pattern, path, before) != 0)
		return false;
	size_t n = strcspn(path + before, "/");
	if (n == 0 || n >= room || strcmp(path + before + n, hole + 4) != 0)
		return false;
	memcpy(id, path + before, n);
	id[n] = '\0';
	return true;
}

/* Both vendors list models under one path; a header tells which is meant. */
static bool is_meant(const struct call *c, const struct route *r)
{
	bool lists = r->act == models_list || r->act == models_get;
	return !lists || r->vendor == (call_header(c, "anthropic-version") ? ANTHROPIC : OPENAI);
}

void call_route(struct call *c, const char *method, const char *path)
{
	char as[256];
	bool own = strncmp(path, "/_", 2) == 0;
	snprintf(c->method, sizeof c->method, "%s", method);
	snprintf(c->url, sizeof c->url, "%s", path);
	if (!own && !path_served(c, path, as, sizeof as))
		return;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if (strcmp(routes[i].method, method) == 0 && is_meant(c, &routes[i]) &&
		    is_path(routes[i].path, own ? path : as, c->id, sizeof c->id)) {
			c->route = &routes[i];
			return;
		}
}

static const char *given_key(const struct call *c)
{
	if (c->route->vendor == ANTHROPIC)
		return call_header(c, "x-api-key");
	const char *bearer = call_header(c, "authorization"), *azure = call_header(c, "api-key");
	return azure ? azure : bearer && strncmp(bearer, "Bearer ", 7) == 0 ? bearer + 7 : NULL;
}

static int check_headers(struct call *c)
{
	const char *key = given_key(c), *other = json_string_value(script_part("key"));
	const char *wanted = other ? other : settings_of_fake.key;
	const char *next = json_string_value(script_part("next_key")); /* good beside it */
	const char *version = call_header(c, "anthropic-version");
	if (next && key && strcmp(key, next) == 0)
		wanted = next;
	if (settings_of_fake.open && !wanted)
		key = "none";
	if (!key || !*key || (wanted && strcmp(key, wanted) != 0))
		return reply_error(c, 401, NULL);
	if (c->route->vendor == ANTHROPIC && (!version || strcmp(version, "2023-06-01") != 0))
		return reply_error(c, 400, "anthropic-version: header is required");
	return 0;
}

static int read_json(struct call *c)
{
	const char *type = call_header(c, "content-type");
	json_error_t error;
	if (!type || strncmp(type, "application/json", 16) != 0)
		return reply_error(c, 400, "content-type must be application/json");
	c->json = json_loadb(c->body.data ? c->body.data : "", c->body.size, JSON_REJECT_DUPLICATES,
			     &error);
	if (!json_is_object(c->json))
		return reply_error(c, 400, "The request body is not valid JSON: %s", error.text);
	if (*c->deployment && !json_object_get(c->json, "model"))
		json_object_set_new(c->json, "model", json_string(c->deployment));
	return 0;
}

static bool has_rule(const struct call *c, const char *name)
{
	return json_is_true(json_object_get(c->rule, name));
}

/* Whether the script lets it be done at all. */
static bool is_done(const struct call *c)
{
	json_t *status = json_object_get(c->rule, "status");
	const char *form = json_string_value(json_object_get(c->rule, "error_form"));
	return has_rule(c, "done") || error_is_done(form) ||
	       (!has_rule(c, "drop") && !form && (!status || json_integer_value(status) == 200));
}

static void decide(struct call *c)
{
	const struct route *r = c->route;
	if (check_headers(c) < 0 || (r->read && (read_json(c) < 0 || r->read(c) < 0)))
		return;
	c->rule = json_incref(script_find(r->method, r->path, &c->asked, NULL, c->lines));
	if (keys_check(c) < 0)
		return;
	if (is_done(c) && script_admits(c))
		r->act(c);
	reply_scripted(c);
}

/* What a vendor says to a path that it does not serve. */
static void not_found(struct call *c)
{
	const char *form = json_string_value(script_part("not_found"));
	json_t *words = call_words(c, NULL);
	form = form ? form : settings_of_fake.not_found;
	if (!form || !error_place(&c->reply, form, words))
		reply_error(c, 404, NULL);
	json_decref(words);
	log_lost(c);
}

/* Reading comes first, so that the log tells what was asked. */
static void decide_outage(struct call *c, json_t *act)
{
	if (c->route->read && read_json(c) == 0)
		c->route->read(c);
	buffer_reset(&c->reply.body);
	c->rule = json_incref(act);
	reply_scripted(c);
	c->outage = true;
}

void call_decide(struct call *c)
{
	if (!c->route) {
		not_found(c);
		return;
	}
	if (c->route->vendor == NO_VENDOR) {
		c->route->act(c);
		return;
	}
	log_begin(c);
	json_t *outage = outage_of(c);
	if (outage)
		decide_outage(c, outage);
	else
		decide(c);
	keys_remember(c);
	log_call(c);
}
