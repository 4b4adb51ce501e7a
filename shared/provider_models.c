/* Lists of models, and what is made of them. Sources: openai-openapi, openapi.yaml (ListModels,
 * RetrieveModel); anthropic-sdk-python, resources/models.py. Compatible servers answer with an
 * object that holds `data` or `models`, or with the list alone; names are `id`, `name` or `model`.
 */
#include <string.h>

#include "provider_kind.h"

enum {
	LIST_TIMEOUT_MS = 5000,
	LIST_MAX = 16 * 1024 * 1024, /* bytes; a gateway to everything has half a megabyte */
	NAME_MAX_BYTES = 200
};

/* ---- asking ---- */

/* A name becomes a part of an address. */
static void add_escaped(struct buffer *out, const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_.~:/@";

	for (; *name; name++) {
		if (strchr(plain, *name))
			buffer_add_char(out, *name);
		else
			buffer_printf(out, "%%%02X", (unsigned char)*name);
	}
}

int provider_models(const struct model *m, bool one, struct buffer *texts, struct http_request *out,
		    struct weir_error *err)
{
	bool paged = !one && m->provider == PROVIDER_ANTHROPIC;
	const char *parts[] = {"/models", paged ? "?limit=1000" : NULL, NULL, NULL};
	struct buffer name = BUFFER_INIT;
	int rc;

	if (one) {
		buffer_add_char(&name, '/');
		add_escaped(&name, m->model ? m->model : "");
		parts[1] = buffer_text(&name);
	}
	rc = one && !parts[1] ? weir_fail_memory(err) : provider_get(m, parts, texts, out, err);
	buffer_release(&name);
	out->timeout_ms = LIST_TIMEOUT_MS;
	out->response_max = LIST_MAX;
	return rc;
}

/* ---- reading ---- */

static const json_t *list_of(const json_t *root)
{
	static const char *const names[] = {"data", "models"};

	if (json_is_array(root))
		return root;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (json_is_array(json_object_get(root, names[i])))
			return json_object_get(root, names[i]);
	}
	return NULL;
}

static const char *name_of(const json_t *entry)
{
	static const char *const names[] = {"id", "name", "model"};

	if (json_is_string(entry))
		return json_string_value(entry);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (*json_text_of(entry, names[i]))
			return json_text_of(entry, names[i]);
	}
	return "";
}

static int no_list(struct reply *why, int status)
{
	why->kind = REPLY_REFUSED;
	weir_fail(&why->error, "no_list", "HTTP %d", status);
	return -1;
}

int provider_read_models(const struct model *m, const struct http_response *r, struct buffer *names,
			 struct reply *why)
{
	json_t *root = NULL;
	const json_t *list, *entry;
	bool fails;
	size_t i;

	*why = (struct reply){0};
	if (r->status == 404 || r->status == 405 || r->status == 501)
		return no_list(why, r->status);
	if (r->status == 200)
		root = body_parse(r->body);
	fails = error_in(root, false) != NULL;
	list = fails ? NULL : list_of(root);
	json_array_foreach(list, i, entry)
	{
		const char *name = name_of(entry);

		if (*name && strlen(name) <= NAME_MAX_BYTES)
			buffer_add(names, name, strlen(name) + 1);
	}
	json_decref(root);
	if (list)
		return 0;
	if (r->status == 200 && !fails)
		return no_list(why, r->status);
	provider_read(m, r, why);
	if (why->kind == REPLY_ANSWER) { /* another 2xx */
		reply_release(why);
		return no_list(why, r->status);
	}
	return -1;
}

/* ---- finding ---- */

/* Google's list has "models/" before each name. A gateway's may hold "*". Some take a variant
 * behind a name that is listed ("x:free"), and Ollama's list has the tag that it takes where none
 * is given ("x:latest"). */
static bool is_name(const char *listed, const char *wanted)
{
	size_t size, star = strcspn(listed, "*");

	if (strncmp(listed, "models/", 7) == 0 && strncmp(wanted, "models/", 7) != 0)
		return is_name(listed + 7, wanted);
	size = strlen(listed);
	if (strcmp(listed, wanted) == 0 || (listed[star] && strncmp(listed, wanted, star) == 0))
		return true;
	if (strncmp(listed, wanted, size) == 0 && wanted[size] == ':')
		return true;
	size = strlen(wanted);
	return strncmp(listed, wanted, size) == 0 && strcmp(listed + size, ":latest") == 0;
}

/* An alias may be answered with the name that stands behind it. */
bool provider_read_one(const struct http_response *r, const char *wanted)
{
	json_t *root = r->status == 200 ? body_parse(r->body) : NULL;
	const json_t *list = list_of(root), *entry;
	bool there = !list && json_is_object(root) && !error_in(root, false) && *name_of(root);
	size_t i;

	json_array_foreach(list, i, entry) there |= is_name(name_of(entry), wanted);
	json_decref(root);
	return there;
}

bool provider_has_model(const struct buffer *names, const char *wanted)
{
	for (size_t at = 0; at < names->size; at += strlen(names->data + at) + 1) {
		if (is_name(names->data + at, wanted))
			return true;
	}
	return false;
}
