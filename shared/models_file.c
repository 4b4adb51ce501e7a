#include "models_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "weir/secret.h"

/* The fields of an entry, before they are checked against each other. */
struct entry {
	int provider, mode, batch_node, extra_node;
	int response_format, reasoning_effort, max_tokens_field;
	char *model, *base_url, *key_env, *key_file;
	bool key;	/* is wanted */
	struct model m; /* all else */
};

#define AT(field) offsetof(struct entry, field)
#define MINUTE_MAX INT64_C(1000000000000)
#define EXTRA_MAX 16384			 /* bytes */
#define PRICE_MAX INT64_C(1000000000000) /* a million, for a million tokens */

static const char *const providers[] = {[PROVIDER_LOCAL] = "local",
					[PROVIDER_ANTHROPIC] = "anthropic",
					[PROVIDER_OPENAI] = "openai",
					NULL};
static const char *const modes[] = {[MODEL_CALL] = "call", [MODEL_BATCH] = "batch", NULL};
static const char *const formats[] = {[FORMAT_NONE] = "none",
				      [FORMAT_JSON_OBJECT] = "json_object",
				      [FORMAT_JSON_SCHEMA] = "json_schema",
				      NULL};
static const char *const efforts[] = {"none", "minimal", "low",	    "medium",
				      "high", "xhigh",	 "default", NULL};
static const char *const limits[] = {"max_tokens", "max_completion_tokens", NULL};

static const struct yaml_field rows[] = {
	{.name = "provider",
	 .type = FIELD_WORD,
	 .offset = AT(provider),
	 .words = providers,
	 .required = true},
	{.name = "model", .type = FIELD_TEXT, .offset = AT(model), .least = 1, .most = 200},
	{.name = "base_url", .type = FIELD_TEXT, .offset = AT(base_url), .least = 1, .most = 400},
	{.name = "key_env", .type = FIELD_TEXT, .offset = AT(key_env), .least = 1, .most = 200},
	{.name = "key_file", .type = FIELD_TEXT, .offset = AT(key_file), .least = 1, .most = 2000},
	{.name = "mode", .type = FIELD_WORD, .offset = AT(mode), .preset = "call", .words = modes},
	{.name = "requests_per_minute",
	 .type = FIELD_INTEGER,
	 .offset = AT(m.requests),
	 .least = 1,
	 .most = MINUTE_MAX},
	{.name = "input_tokens_per_minute",
	 .type = FIELD_INTEGER,
	 .offset = AT(m.input_tokens),
	 .least = 1,
	 .most = MINUTE_MAX},
	{.name = "output_tokens_per_minute",
	 .type = FIELD_INTEGER,
	 .offset = AT(m.output_tokens),
	 .least = 1,
	 .most = MINUTE_MAX},
	{.name = "max_in_flight",
	 .type = FIELD_INTEGER,
	 .offset = AT(m.max_in_flight),
	 .preset = "200",
	 .least = 1,
	 .most = 10000},
	{.name = "max_tokens",
	 .type = FIELD_INTEGER,
	 .offset = AT(m.max_tokens),
	 .least = 1,
	 .most = 1000000},
	{.name = "timeout",
	 .type = FIELD_TIME,
	 .offset = AT(m.timeout_ms),
	 .preset = "120s",
	 .least = 100,
	 .most = 3600000},
	{.name = "outage_wait",
	 .type = FIELD_TIME,
	 .offset = AT(m.outage_ms),
	 .preset = "30m",
	 .least = 0,
	 .most = 604800000},
	{.name = "input_price",
	 .type = FIELD_MONEY,
	 .offset = AT(m.input_price),
	 .least = 0,
	 .most = PRICE_MAX},
	{.name = "output_price",
	 .type = FIELD_MONEY,
	 .offset = AT(m.output_price),
	 .least = 0,
	 .most = PRICE_MAX},
	{.name = "cached_input_price",
	 .type = FIELD_MONEY,
	 .offset = AT(m.cached_input_price),
	 .least = 0,
	 .most = PRICE_MAX},
	{.name = "cache_write_price",
	 .type = FIELD_MONEY,
	 .offset = AT(m.cache_write_price),
	 .least = 0,
	 .most = PRICE_MAX},
	{.name = "cache_write_1h_price",
	 .type = FIELD_MONEY,
	 .offset = AT(m.cache_write_1h_price),
	 .least = 0,
	 .most = PRICE_MAX},
	{.name = "reasoning_price",
	 .type = FIELD_MONEY,
	 .offset = AT(m.reasoning_price),
	 .least = 0,
	 .most = PRICE_MAX},
	{.name = "temperature",
	 .type = FIELD_MONEY,
	 .offset = AT(m.temperature),
	 .least = 0,
	 .most = 2000000},
	{.name = "response_format",
	 .type = FIELD_WORD,
	 .offset = AT(response_format),
	 .words = formats},
	{.name = "reasoning_effort",
	 .type = FIELD_WORD,
	 .offset = AT(reasoning_effort),
	 .words = efforts},
	{.name = "max_tokens_field",
	 .type = FIELD_WORD,
	 .offset = AT(max_tokens_field),
	 .words = limits},
	{.name = "extra", .type = FIELD_NODE, .offset = AT(extra_node)},
	{.name = "batch", .type = FIELD_NODE, .offset = AT(batch_node)},
	{.type = FIELD_END},
};

static const struct yaml_field batch_rows[] = {
	{.name = "wait",
	 .type = FIELD_TIME,
	 .offset = AT(m.batch.wait_ms),
	 .preset = "10s",
	 .least = 0,
	 .most = 86400000},
	{.name = "requests",
	 .type = FIELD_INTEGER,
	 .offset = AT(m.batch.requests),
	 .preset = "10000",
	 .least = 1,
	 .most = 100000},
	{.name = "bytes",
	 .type = FIELD_BYTES,
	 .offset = AT(m.batch.bytes),
	 .preset = "100MB",
	 .least = 1000,
	 .most = 1000000000},
	{.name = "tokens",
	 .type = FIELD_INTEGER,
	 .offset = AT(m.batch.tokens),
	 .least = 1,
	 .most = MINUTE_MAX},
	{.name = "poll_least",
	 .type = FIELD_TIME,
	 .offset = AT(m.batch.poll_least_ms),
	 .preset = "10s",
	 .least = 10,
	 .most = 86400000},
	{.name = "poll_most",
	 .type = FIELD_TIME,
	 .offset = AT(m.batch.poll_most_ms),
	 .preset = "5m",
	 .least = 10,
	 .most = 86400000},
	{.name = "adopt_wait",
	 .type = FIELD_TIME,
	 .offset = AT(m.batch.adopt_wait_ms),
	 .preset = "2m",
	 .least = 0,
	 .most = 86400000},
	{.type = FIELD_END},
};

static int line_node(const struct yaml_source *from, int map, const char *name)
{
	int node = yaml_find(from->yaml, map, name);

	return node < 0 ? map : node;
}

/* ---- the address ---- */

/* Of the vendor itself, when none is given. */
static const char *const vendors[] = {[PROVIDER_ANTHROPIC] = "https://api.anthropic.com",
				      [PROVIDER_OPENAI] = "https://api.openai.com"};

/* What is wrong is told without showing the address: a key may be in it. */
static int read_address(const struct yaml_source *from, int entry, struct entry *e)
{
	const char *text = e->base_url != NULL ? e->base_url : vendors[e->provider];
	struct model_address found;
	const char *fault = model_address_read(text, (enum model_provider)e->provider, &found);

	if (fault == NULL && e->mode == MODEL_BATCH && strstr(found.base, "/openai/deployments/"))
		fault = "batches are not under a deployment: end it in /openai/v1 or /openai";
	if (fault != NULL) {
		model_address_release(&found);
		return yaml_fault(from, line_node(from, entry, "base_url"), "base_url: %s", fault);
	}
	e->m.base_url = found.base;
	e->m.query = found.query;
	return 0;
}

/* ---- the key ---- */

/* A path that does not begin at the root begins where the models file is. */
static char *path_beside(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');
	char *made;

	if (*path == '/' || slash == NULL)
		return strdup(path);
	return asprintf(&made, "%.*s/%s", (int)(slash - file), file, path) < 0 ? NULL : made;
}

static int read_key_file(struct model *m, struct weir_error *err)
{
	struct stat st = {0};
	char *key;

	(void)stat(m->key_file, &st); /* before: what changes meanwhile is read once more */
	if (model_key_of_file(m->key_file, &key, err) < 0)
		return -1;
	m->key_stamp.device = st.st_dev;
	m->key_stamp.inode = st.st_ino;
	m->key_stamp.size = st.st_size;
	m->key_stamp.changed_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	secret_free(m->key);
	m->key = key;
	return 0;
}

static bool is_changed(const struct model *m)
{
	struct stat st;

	return stat(m->key_file, &st) < 0 || m->key_stamp.device != st.st_dev ||
	       m->key_stamp.inode != st.st_ino || m->key_stamp.size != st.st_size ||
	       m->key_stamp.changed_ns !=
		       st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
}

int model_follow_key(struct model *m, bool in_any_case, bool *changed, struct weir_error *err)
{
	char *before;
	int rc;

	*changed = false;
	if (m->key_file == NULL || (!in_any_case && !is_changed(m)))
		return 0;
	before = m->key;
	m->key = NULL;
	rc = read_key_file(m, err);
	if (rc < 0) {
		m->key = before;
		return -1;
	}
	*changed = strcmp(m->key, before) != 0;
	m->key_changes += *changed;
	secret_free(before);
	return 0;
}

static int read_key(const struct yaml_source *from, int entry, struct entry *e)
{
	const char *name = e->key_env != NULL ? "key_env" : "key_file";
	struct weir_error why;
	int rc = 0;

	if (e->key_env == NULL && e->key_file == NULL)
		return 0;
	if (e->key_env != NULL && e->key_file != NULL)
		return yaml_fault(from, line_node(from, entry, "key_file"),
				  "key_env and key_file: one of them is enough");
	if (!e->key)
		return 0;
	if (e->key_env != NULL)
		rc = model_key_of_variable(e->key_env, &e->m.key, &why);
	else if ((e->m.key_file = path_beside(from->file, e->key_file)) == NULL)
		rc = weir_fail_memory(&why);
	else
		rc = read_key_file(&e->m, &why);
	return rc == 0 ? 0
		       : yaml_fault(from, line_node(from, entry, name), "%s: %s", name, why.text);
}

/* ---- what is said in a call ---- */

/* Its API has no such fields. */
static int check_anthropic(const struct yaml_source *from, int entry, const struct entry *e)
{
	const struct {
		const char *name;
		bool given;
	} fields[] = {{"response_format", e->response_format > FORMAT_NONE},
		      {"reasoning_effort", e->reasoning_effort >= 0},
		      {"max_tokens_field", e->max_tokens_field >= 0}};
	int rc = 0;

	if (e->provider != PROVIDER_ANTHROPIC)
		return 0;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].given)
			rc = yaml_fault(from, line_node(from, entry, fields[i].name),
					"%s: there is none with provider: anthropic (what its API "
					"has besides goes into extra)",
					fields[i].name);
	if (e->m.temperature > 1000000)
		rc = yaml_fault(from, line_node(from, entry, "temperature"),
				"temperature: at most 1 with provider: anthropic");
	return rc;
}

/* Of which there is a field of the model's own, or none that could be another one. */
static const char *const written[] = {"model",		 "messages",
				      "system",		 "stream",
				      "stream_options",	 "n",
				      "max_tokens",	 "max_completion_tokens",
				      "temperature",	 "response_format",
				      "reasoning_effort"};

static int check_extra(const struct yaml_source *from, int map)
{
	int rc = 0;

	for (size_t i = 0; i < yaml_size(from->yaml, map); i++) {
		int key;
		const char *name;

		(void)yaml_at(from->yaml, map, i, &key);
		name = yaml_text(from->yaml, key);
		for (size_t j = 0; j < sizeof(written) / sizeof(written[0]); j++)
			if (name != NULL && strcmp(name, written[j]) == 0)
				rc = yaml_fault(
					from, key,
					"extra: %s is written by weir itself, or by a field "
					"of the model's",
					name);
	}
	return rc;
}

/* A number must not become a text without a word. Calls itself as deep as YAML may be. */
static int check_numbers(const struct yaml_source *from, int node)
{
	int rc = 0;

	if (yaml_is_beyond(from->yaml, node))
		return yaml_fault(from, node,
				  "extra: %s is no number that JSON has; in quotes it is a text",
				  yaml_text(from->yaml, node));
	for (size_t i = 0; i < yaml_size(from->yaml, node); i++) {
		int key;

		if (check_numbers(from, yaml_at(from->yaml, node, i, &key)) < 0)
			rc = -1;
	}
	return rc;
}

static int read_extra(const struct yaml_source *from, struct entry *e)
{
	json_t *json;
	char *text;
	size_t size;

	if (e->extra_node < 0)
		return 0;
	if (yaml_type(from->yaml, e->extra_node) != YAML_MAP)
		return yaml_fault(from, e->extra_node, "extra: a map of fields is wanted");
	if (yaml_size(from->yaml, e->extra_node) == 0)
		return 0;
	if (check_extra(from, e->extra_node) < 0 || check_numbers(from, e->extra_node) < 0)
		return -1;
	json = yaml_json(from->yaml, e->extra_node);
	text = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
	json_decref(json);
	if (text == NULL)
		return yaml_fault(from, -1, "out of memory");
	size = strlen(text);
	if (size > EXTRA_MAX) {
		free(text);
		return yaml_fault(from, e->extra_node, "extra: %zu bytes, the most is %d", size,
				  EXTRA_MAX);
	}
	memmove(text, text + 1, size - 2);
	text[size - 2] = '\0';
	e->m.extra = text;
	return 0;
}

/* ---- the whole ---- */

/* What stays is nothing but the provider. */
static int check_local(const struct yaml_source *from, int entry)
{
	int rc = 0;

	for (size_t i = 0; i < yaml_size(from->yaml, entry); i++) {
		int key;

		(void)yaml_at(from->yaml, entry, i, &key);
		if (strcmp(yaml_text(from->yaml, key), "provider") != 0)
			rc = yaml_fault(from, key, "%s: a local model has no such field",
					yaml_text(from->yaml, key));
	}
	return rc;
}

static int read_batch(const struct yaml_source *from, int entry, struct entry *e)
{
	int rc;

	if (e->batch_node >= 0 && e->mode != MODEL_BATCH)
		return yaml_fault(from, e->batch_node, "batch: is for mode: batch alone");
	/* Also of others: they may have been in batches until now. */
	rc = yaml_fields_read(from, e->batch_node, "batch", batch_rows, e);
	if (rc == 0 && e->m.batch.poll_least_ms > e->m.batch.poll_most_ms)
		rc = yaml_fault(from, e->batch_node >= 0 ? e->batch_node : entry,
				"poll_least is longer than poll_most");
	return rc;
}

static int check_remote(const struct yaml_source *from, int entry, struct entry *e)
{
	int rc = 0;

	if (read_address(from, entry, e) < 0)
		rc = -1;
	if (read_key(from, entry, e) < 0)
		rc = -1;
	if (read_batch(from, entry, e) < 0)
		rc = -1;
	if (check_anthropic(from, entry, e) < 0)
		rc = -1;
	if (read_extra(from, e) < 0)
		rc = -1;
	return rc;
}

/* A price that is not given, from another one; rounded to a millionth. */
static void preset_price(int64_t *price, int64_t of, int64_t times, int64_t parts)
{
	if (*price == PRICE_UNKNOWN && of != PRICE_UNKNOWN)
		*price = (of * times + parts / 2) / parts;
}

/* The rule is in models.h. */
static void preset_prices(struct model *m)
{
	preset_price(&m->reasoning_price, m->output_price, 1, 1);
	if (m->provider != PROVIDER_ANTHROPIC)
		return;
	preset_price(&m->cached_input_price, m->input_price, 1, 10);
	preset_price(&m->cache_write_price, m->input_price, 5, 4);
	preset_price(&m->cache_write_1h_price, m->input_price, 2, 1);
}

/* What was not given is taken from elsewhere; the texts move. */
static int fill(struct entry *e, const char *name, struct model *out)
{
	e->m.provider = (enum model_provider)e->provider;
	e->m.mode = (enum model_mode)e->mode;
	preset_prices(&e->m);
	e->m.has_temperature = e->m.temperature >= 0;
	e->m.response_format =
		e->response_format < 0 ? FORMAT_NONE : (enum model_format)e->response_format;
	e->m.reasoning_effort = e->reasoning_effort < 0 ? NULL : efforts[e->reasoning_effort];
	e->m.max_tokens_field = (enum model_limit)(e->max_tokens_field + 1);
	*out = e->m;
	snprintf(out->name, sizeof(out->name), "%s", name);
	if (e->provider <= PROVIDER_LOCAL)
		return 0;
	out->model = e->model != NULL ? e->model : strdup(name);
	e->model = NULL;
	return out->model != NULL ? 0 : -1;
}

int model_read(const struct yaml_source *from, const char *name, int entry, bool key,
	       struct model *out)
{
	struct entry e = {.provider = -1,
			  .batch_node = -1,
			  .extra_node = -1,
			  .response_format = -1,
			  .reasoning_effort = -1,
			  .max_tokens_field = -1,
			  .key = key,
			  .m = {.temperature = -1,
				.input_price = PRICE_UNKNOWN,
				.output_price = PRICE_UNKNOWN,
				.cached_input_price = PRICE_UNKNOWN,
				.cache_write_price = PRICE_UNKNOWN,
				.cache_write_1h_price = PRICE_UNKNOWN,
				.reasoning_price = PRICE_UNKNOWN}};
	int rc = yaml_fields_read(from, entry, name, rows, &e);

	if (rc == 0)
		rc = e.provider == PROVIDER_LOCAL ? check_local(from, entry)
						  : check_remote(from, entry, &e);
	else if (e.provider > PROVIDER_LOCAL) /* say what else is wrong */
		(void)check_remote(from, entry, &e);
	e.m.line = yaml_line(from->yaml, entry);
	if (fill(&e, name, out) < 0)
		rc = yaml_fault(from, -1, "out of memory");
	yaml_fields_release(rows, &e);
	return rc;
}

void model_release(struct model *m)
{
	secret_free(m->key);
	free(m->key_file);
	free(m->model);
	free(m->base_url);
	free(m->query);
	free(m->extra);
	*m = (struct model){.line = 0};
}
