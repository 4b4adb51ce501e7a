/* What is asked for where, and the order in which a request is decided. */
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
	{"POST", "/_script", NO_VENDOR, NULL, script_set},
	{"POST", "/_reset", NO_VENDOR, NULL, script_reset},
	{"GET", "/_log", NO_VENDOR, NULL, log_get},
	{"GET", "/_counts", NO_VENDOR, NULL, log_counts},
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

void call_route(struct call *c, const char *method, const char *path)
{
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if (strcmp(routes[i].method, method) == 0 &&
		    is_path(routes[i].path, path, c->id, sizeof c->id)) {
			c->route = &routes[i];
			return;
		}
}

static const char *given_key(const struct call *c)
{
	if (c->route->vendor == ANTHROPIC)
		return call_header(c, "x-api-key");
	const char *bearer = call_header(c, "authorization");
	return bearer && strncmp(bearer, "Bearer ", 7) == 0 ? bearer + 7 : NULL;
}

static int check_headers(struct call *c)
{
	const char *key = given_key(c), *wanted = settings_of_fake.key;
	const char *version = call_header(c, "anthropic-version");
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
	return json_is_object(c->json)
		       ? 0
		       : reply_error(c, 400, "The request body is not valid JSON: %s", error.text);
}

static bool has_rule(const struct call *c, const char *name)
{
	return json_is_true(json_object_get(c->rule, name));
}

/* Whether the script lets it be done at all. */
static bool is_done(const struct call *c)
{
	json_t *status = json_object_get(c->rule, "status");
	return !has_rule(c, "drop") && (!status || json_integer_value(status) == 200);
}

static void decide(struct call *c)
{
	const struct route *r = c->route;
	if (check_headers(c) < 0 || (r->read && (read_json(c) < 0 || r->read(c) < 0)))
		return;
	c->rule = json_incref(script_find(r->method, r->path, &c->asked, NULL, c->lines));
	if (is_done(c) && script_admits(c))
		r->act(c);
	reply_scripted(c);
}

void call_decide(struct call *c)
{
	if (!c->route) {
		reply_error(c, 404, NULL);
		return;
	}
	if (c->route->vendor == NO_VENDOR) {
		c->route->act(c);
		return;
	}
	log_begin(c);
	decide(c);
	log_call(c);
}
