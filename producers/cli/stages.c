#include "stages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/message.h"

void stage_name(const char *kind, const char *step, char out[STAGE_TEXT_MAX + 1])
{
	snprintf(out, STAGE_TEXT_MAX + 1, "%.*s%s%.*s", KIND_MAX, kind, *step ? "." : "", KIND_MAX,
		 step);
}

/* The name of its results. */
static const char *result_name(const struct stage *stage)
{
	return *stage->step ? stage->step : stage->kind;
}

/* ---- adding ---- */

static int check_name(const struct stages *s, const struct stage *stage, struct weir_error *err)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(result_name(&s->list[i]), result_name(stage)) == 0)
			return weir_fail(err, "bad_stage",
					 "stages %zu and %zu are both called %s, and their results "
					 "would be too: give them different steps (KIND.STEP)",
					 i + 1, s->count + 1, result_name(stage));
	return 0;
}

static int fail_malformed(const char *text, struct weir_error *err)
{
	return weir_fail(err, "bad_stage",
			 "\"%.80s\" is no stage: KIND or KIND.STEP is wanted, each of 1 to %d of "
			 "a-z 0-9 _ and beginning with a letter",
			 text, KIND_MAX);
}

/* step NULL: none. own may be NULL. */
static int add(struct stages *s, const char *kind, const char *step, json_t *own,
	       struct weir_error *err)
{
	struct stage stage = {.own = own};
	if (!kind_ok(kind) || (step && !kind_ok(step)))
		return fail_malformed(step && kind_ok(kind) ? step : kind, err);
	if (s->count == STAGES_MAX)
		return weir_fail(err, "bad_stage", "at most %d stages", STAGES_MAX);
	snprintf(stage.kind, sizeof stage.kind, "%s", kind);
	snprintf(stage.step, sizeof stage.step, "%s", step ? step : "");
	if (check_name(s, &stage, err) < 0)
		return -1;
	json_incref(own);
	s->list[s->count++] = stage;
	return 0;
}

int stages_add(struct stages *s, const char *text, struct weir_error *err)
{
	char kind[STAGE_TEXT_MAX + 1];
	size_t n = strlen(text);
	if (n > STAGE_TEXT_MAX)
		return fail_malformed(text, err);
	memcpy(kind, text, n + 1);
	char *dot = strchr(kind, '.');
	if (!dot)
		return add(s, kind, NULL, NULL, err);
	*dot = '\0';
	if (!kind_ok(kind) || !kind_ok(dot + 1))
		return fail_malformed(text, err);
	return add(s, kind, dot + 1, NULL, err);
}

static int check_keys(json_t *object, struct weir_error *err)
{
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value)
	{
		bool context = strcmp(key, "context") == 0;
		if (!context && strcmp(key, "kind") != 0 && strcmp(key, "step") != 0)
			return weir_fail(err, "bad_stage",
					 "unknown key \"%.60s\"; there are: kind, step, context",
					 key);
		if (context ? !json_is_object(value) : !json_is_string(value))
			return weir_fail(err, "bad_stage", "\"%s\": %s is wanted", key,
					 context ? "an object" : "a text");
	}
	return 0;
}

int stages_add_json(struct stages *s, json_t *value, struct weir_error *err)
{
	if (json_is_string(value))
		return stages_add(s, json_string_value(value), err);
	if (!json_is_object(value))
		return weir_fail(err, "bad_stage",
				 "a text (\"KIND.STEP\") or an object of kind, step and context is "
				 "wanted");
	if (check_keys(value, err) < 0)
		return -1;
	const char *kind = json_string_value(json_object_get(value, "kind"));
	if (!kind)
		return weir_fail(err, "bad_stage", "it lacks \"kind\"");
	return add(s, kind, json_string_value(json_object_get(value, "step")),
		   json_object_get(value, "context"), err);
}

void stages_release(struct stages *s)
{
	for (size_t i = 0; i < s->count; i++) {
		json_decref(s->list[i].own);
		free(s->list[i].context);
	}
	s->count = 0;
}

/* ---- contexts ---- */

/* The step says which results are whose: what it is may stand in one place alone. */
static int put_step(const struct stage *stage, size_t number, json_t *context,
		    struct weir_error *err)
{
	if (!*stage->step)
		return 0;
	if (json_object_get(context, "step"))
		return weir_fail(err, "bad_stage",
				 "the context has a \"step\", and stage %zu (%s.%s) too: leave the "
				 "former out",
				 number, stage->kind, stage->step);
	return json_object_set_new(context, "step", json_string(stage->step)) < 0
		       ? weir_fail_memory(err)
		       : 0;
}

int stages_complete(struct stages *s, json_t *job_context, struct weir_error *err)
{
	for (size_t i = 0; i < s->count; i++) {
		struct stage *stage = &s->list[i];
		json_t *all = json_copy(job_context);
		if (!all || (stage->own && json_object_update(all, stage->own) < 0)) {
			json_decref(all);
			return weir_fail_memory(err);
		}
		int rc = put_step(stage, i + 1, all, err);
		free(stage->context);
		stage->context = rc == 0 ? json_dumps(all, JSON_COMPACT) : NULL;
		json_decref(all);
		if (rc < 0)
			return -1;
		if (!stage->context)
			return weir_fail_memory(err);
	}
	return 0;
}

static int check_model(const char *context, size_t size, const struct llm *llm,
		       struct weir_error *err)
{
	struct message decoded;
	const struct weir_map *map;
	const struct model *model;
	const struct template *template;
	if (message_decode_map(&decoded, context, size, &map, err) < 0)
		return -1;
	int rc = llm_find(llm, map, &model, &template, err);
	message_release(&decoded);
	return rc;
}

static int check_stage(const struct stage *stage, const struct llm *llm, struct weir_text over,
		       struct weir_error *err)
{
	struct weir_text own = {stage->context, strlen(stage->context)};
	struct buffer merged = BUFFER_INIT;
	if (!over.data)
		return check_model(own.data, own.size, llm, err);
	int rc = message_overlay(&merged, own, over, err);
	if (rc == 0)
		rc = check_model(merged.data, merged.size, llm, err);
	buffer_release(&merged);
	return rc;
}

int stages_check_later(const struct stages *s, const struct llm *llm, struct weir_text over,
		       struct weir_error *err)
{
	struct weir_error why;
	for (size_t i = 1; i < s->count; i++)
		if (s->list[i].asks && check_stage(&s->list[i], llm, over, &why) < 0)
			return weir_fail(err, why.code, "stage %zu: %s", i + 1, why.text);
	return 0;
}

/* ---- in the ledger ---- */

static void add_text(struct params *p, const char *text)
{
	bool none = !text || !*text;
	params_add_text(p, none ? (struct weir_text){NULL, 0}
				: (struct weir_text){text, strlen(text)});
}

void stages_params(const struct stages *s, struct params *params)
{
	params_array(params, TYPE_TEXT, s->count);
	for (size_t i = 0; i < s->count; i++)
		add_text(params, s->list[i].kind);
	params_array_end(params);
	params_array(params, TYPE_TEXT, s->count);
	for (size_t i = 0; i < s->count; i++)
		add_text(params, s->list[i].step);
	params_array_end(params);
	params_array(params, TYPE_TEXT, s->count);
	for (size_t i = 0; i < s->count; i++)
		add_text(params, s->list[i].context);
	params_array_end(params);
}

static bool same_json(const char *a, const char *b)
{
	json_t *x = json_loads(a, 0, NULL), *y = json_loads(b, 0, NULL);
	bool same = x && y && json_equal(x, y);
	json_decref(x);
	json_decref(y);
	return same;
}

static void compare(const struct stage *stage, const PGresult *rows, int row, struct buffer *out)
{
	const char *kind = PQgetvalue(rows, row, 0), *step = PQgetvalue(rows, row, 1);
	const char *context = PQgetvalue(rows, row, 2);
	char name[STAGE_TEXT_MAX + 1];
	stage_name(kind, step, name);
	if (strcmp(kind, stage->kind) != 0 || strcmp(step, stage->step) != 0)
		buffer_printf(out, ", %s as stage %d", name, row + 1);
	else if (!same_json(context, stage->context))
		buffer_printf(out, ", the context %.200s%s%s", context, row ? " in stage " : "",
			      row ? name : "");
}

void stages_differences(const struct stages *s, const PGresult *rows, struct buffer *out)
{
	int count = PQntuples(rows);
	if (count != (int)s->count)
		buffer_printf(out, ", %d stage%s", count, count == 1 ? "" : "s");
	for (int row = 0; row < count && row < (int)s->count; row++)
		compare(&s->list[row], rows, row, out);
}
