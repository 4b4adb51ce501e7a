#include "weir/models.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "models_file.h"
#include "weir/clock.h"
#include "weir/log.h"

struct models {
	struct model *list;
	size_t count;
	bool keys;	   /* are wanted */
	int64_t looked_us; /* at their files */
};

/* ---- reading ---- */

static bool name_ok(const char *name)
{
	static const char first[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	static const char more[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				   "._:/-";
	size_t size = strlen(name);

	return size >= 1 && size <= MODEL_NAME_MAX && strchr(first, *name) != NULL &&
	       name[strspn(name, more)] == '\0';
}

static int add_entry(struct models *m, const struct yaml_source *from, int key, int entry)
{
	const char *name = yaml_text(from->yaml, key);
	struct model *made = &m->list[m->count];

	if (name == NULL || !name_ok(name))
		return yaml_fault(from, key,
				  "\"%.80s\" is no name for a model: 1 to %d of A-Z a-z 0-9 . _ : "
				  "/ - beginning with a letter or digit",
				  name != NULL ? name : "", MODEL_NAME_MAX);
	m->count++;
	if (model_read(from, name, entry, m->keys, made) < 0)
		return -1;
	if (strcmp(name, MODEL_LOCAL) == 0 && made->provider != PROVIDER_LOCAL)
		return yaml_fault(from, key,
				  "\"local\" is the model of the plugins themselves: call this one "
				  "otherwise");
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct model *)a)->name, ((const struct model *)b)->name);
}

static struct model *find(const struct models *m, const char *name)
{
	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->list[i].name, name) == 0)
			return &m->list[i];
	return NULL;
}

/* One more than the file has, for "local". */
static int make_list(struct models *m, size_t entries)
{
	m->list = calloc(entries + 1, sizeof(*m->list));
	return m->list != NULL ? 0 : -1;
}

static void finish_list(struct models *m)
{
	if (find(m, MODEL_LOCAL) == NULL)
		snprintf(m->list[m->count++].name, sizeof(m->list->name), "%s", MODEL_LOCAL);
	qsort(m->list, m->count, sizeof(*m->list), by_name);
}

static int add_entries(struct models *m, const struct yaml_source *from, int map)
{
	size_t size = yaml_size(from->yaml, map);
	int rc = 0;

	if (yaml_type(from->yaml, map) != YAML_MAP && yaml_type(from->yaml, map) != YAML_NULL)
		return yaml_fault(from, map, "models: a map of models is wanted");
	if (size > MODELS_MAX)
		return yaml_fault(from, map, "%zu models, the most is %d", size, MODELS_MAX);
	if (make_list(m, size) < 0)
		return yaml_fault(from, -1, "out of memory");
	for (size_t i = 0; i < size; i++) {
		int key, entry = yaml_at(from->yaml, map, i, &key);

		if (add_entry(m, from, key, entry) < 0)
			rc = -1;
	}
	return rc;
}

static int read_file(struct models *m, const char *path, struct faults *faults)
{
	static const struct yaml_field rows[] = {
		{.name = "models", .type = FIELD_NODE, .required = true},
		{.type = FIELD_END},
	};
	struct yaml_source from = {.file = path, .faults = faults};
	struct yaml *y;
	int map = -1, rc;

	if (yaml_read(path, &y, faults) < 0)
		return -1;
	from.yaml = y;
	rc = yaml_fields_read(&from, yaml_root(y), "the file", rows, &map);
	if (add_entries(m, &from, map) < 0)
		rc = -1;
	yaml_close(y);
	return rc;
}

/* ---- opening ---- */

static int fill(struct models *m, const char *path, char **faults, struct weir_error *err)
{
	struct faults found = {.count = 0};
	int rc = 0;

	if (path == NULL && make_list(m, 0) < 0)
		return weir_fail_memory(err);
	if (path != NULL && read_file(m, path, &found) < 0)
		rc = faults_fail(&found, "models_file", err);
	if (rc < 0 && faults != NULL && buffer_text(&found.text) != NULL)
		*faults = strdup(found.text.data);
	faults_release(&found);
	if (rc == 0)
		finish_list(m);
	return rc;
}

int models_open(const char *path, bool keys, struct models **out, char **faults,
		struct weir_error *err)
{
	struct models *m = calloc(1, sizeof(*m));

	if (faults != NULL)
		*faults = NULL;
	if (m == NULL)
		return weir_fail_memory(err);
	m->keys = keys;
	if (fill(m, path, faults, err) < 0) {
		models_close(m);
		return -1;
	}
	*out = m;
	return 0;
}

void models_close(struct models *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->count; i++)
		model_release(&m->list[i]);
	free(m->list);
	free(m);
}

/* ---- keys that change ---- */

#define LOOK_US 1000000

static void follow_key(struct model *m, bool pressing)
{
	struct weir_error why;
	bool changed;

	if (model_follow_key(m, pressing, &changed, &why) < 0) {
		if (!m->key_unread)
			log_event(LOG_WARN, "key_not_read",
				  "model=%s error=\"%s\" text=\"the key of before stays\"", m->name,
				  why.text);
		m->key_unread = true;
		return;
	}
	m->key_unread = false;
	if (changed)
		log_event(LOG_INFO, "key_changed", "model=%s", m->name);
}

void models_follow_keys(struct models *m, bool pressing)
{
	int64_t now = clock_us();

	if (!pressing && now - m->looked_us < LOOK_US)
		return;
	m->looked_us = now;
	for (size_t i = 0; i < m->count; i++)
		follow_key(&m->list[i], pressing);
}

/* ---- finding ---- */

size_t models_count(const struct models *m) { return m->count; }

const struct model *models_at(const struct models *m, size_t i) { return &m->list[i]; }

static void fail_unknown(const struct models *m, struct weir_text name, struct weir_error *err)
{
	struct buffer list = BUFFER_INIT;

	for (size_t i = 0; i < m->count; i++)
		buffer_printf(&list, "%s%s", i > 0 ? ", " : "", m->list[i].name);
	weir_fail(err, "bad_context",
		  "ai_model \"%.*s\" is not known (the file that --models names says which there "
		  "are); there are: %s",
		  name.size < MODEL_NAME_MAX ? (int)name.size : MODEL_NAME_MAX,
		  name.data != NULL ? name.data : "",
		  buffer_text(&list) != NULL ? list.data : MODEL_LOCAL);
	buffer_release(&list);
}

const struct model *models_find(const struct models *m, struct weir_text name,
				struct weir_error *err)
{
	char text[MODEL_NAME_MAX + 1];
	struct model key, *found = NULL;

	if (name.size >= 1 && name.size <= MODEL_NAME_MAX && !memchr(name.data, '\0', name.size)) {
		snprintf(text, sizeof(text), "%.*s", (int)name.size, name.data);
		memcpy(key.name, text, sizeof(text));
		found = bsearch(&key, m->list, m->count, sizeof(*m->list), by_name);
	}
	if (found == NULL)
		fail_unknown(m, name, err);
	return found;
}

/* ---- costs ---- */

/* A kind of tokens, and what it costs. */
struct part {
	int64_t tokens, price;
	bool always; /* its price is wanted even if there are none */
	const char *gap;
};

#define PARTS 6

static void parts_of(const struct model *m, const struct usage *u, struct part out[PARTS])
{
	const struct part parts[PARTS] = {
		{u->input - u->cached - u->written - u->written_1h, m->input_price, true,
		 "its model has no input_price"},
		{u->output - u->reasoning, m->output_price, true, "its model has no output_price"},
		{u->cached, m->cached_input_price, false,
		 "its model has no cached_input_price, and tokens came from the cache"},
		{u->written, m->cache_write_price, false,
		 "its model has no cache_write_price, and tokens were written to the cache"},
		{u->written_1h, m->cache_write_1h_price, false,
		 "its model has no cache_write_1h_price, and tokens were written to the cache"},
		{u->reasoning, m->reasoning_price, false, "its model has no reasoning_price"},
	};

	memcpy(out, parts, sizeof(parts));
}

/* NULL: *sum is what all of them cost; else why nobody knows it. */
static const char *add_up(const struct part parts[PARTS], int64_t *sum)
{
	int64_t cost;

	*sum = 0;
	for (size_t i = 0; i < PARTS; i++) {
		if (parts[i].tokens < 0)
			return "one of its counts of tokens is below zero";
		if (parts[i].price == PRICE_UNKNOWN && (parts[i].always || parts[i].tokens > 0))
			return parts[i].gap;
		if (parts[i].tokens == 0)
			continue;
		if (__builtin_mul_overflow(parts[i].tokens, parts[i].price, &cost) ||
		    __builtin_add_overflow(*sum, cost, sum))
			return "its cost is more than can be held";
	}
	return NULL;
}

static const char *cost_of(const struct model *m, const struct usage *u, int64_t *cost)
{
	struct part parts[PARTS];

	if (u->fault != NULL)
		return u->fault;
	parts_of(m, u, parts);
	return add_up(parts, cost);
}

const char *model_cost_gap(const struct model *m, const struct usage *u)
{
	int64_t cost;

	return cost_of(m, u, &cost);
}

int64_t model_cost(const struct model *m, const struct usage *u)
{
	int64_t cost;

	return cost_of(m, u, &cost) == NULL ? cost : COST_UNKNOWN;
}

void model_cost_text(int64_t cost, char out[COST_TEXT_MAX])
{
	const int64_t one = INT64_C(1000000000000);
	size_t size;

	snprintf(out, COST_TEXT_MAX, "%" PRId64 ".%012" PRId64, cost / one, cost % one);
	size = strlen(out);
	while (out[size - 1] == '0')
		out[--size] = '\0';
	if (out[size - 1] == '.')
		out[size - 1] = '\0';
}
