/* What goes wrong, and when. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake.h"

static json_t *script; /* as it was set, part by part */

json_t *script_part(const char *name) { return json_object_get(script, name); }

static void count_up(json_t *object, const char *name)
{
	json_object_set_new(object, name, json_integer(number_of(object, name, 0) + 1));
}

/* ---- rules ---- */

static bool is_text(json_t *match, const char *name, const char *text)
{
	const char *wanted = json_string_value(json_object_get(match, name));
	return !wanted || (text && strcmp(wanted, text) == 0);
}

static bool has_line(json_t *lines, const char *custom_id)
{
	size_t i;
	json_t *line;
	json_array_foreach(lines, i, line)
	{
		const char *id = json_string_value(json_object_get(line, "custom_id"));
		if (id && strcmp(id, custom_id) == 0)
			return true;
	}
	return false;
}

/* The field of a dotted name, NULL: there is none. */
static json_t *field_of(json_t *object, const char *name)
{
	size_t n;
	while (name && *name) {
		n = strcspn(name, ".");
		object = json_object_getn(object, name, n);
		name += n + (name[n] == '.');
	}
	return object;
}

static bool fits_fields(json_t *match, json_t *body)
{
	const char *name, *has = json_string_value(json_object_get(match, "has"));
	const char *lacks = json_string_value(json_object_get(match, "lacks"));
	json_t *value;
	if ((has && !field_of(body, has)) || (lacks && field_of(body, lacks)))
		return false;
	json_object_foreach(json_object_get(match, "where"), name, value)
	{
		if (!json_equal(field_of(body, name), value))
			return false;
	}
	return true;
}

static bool fits(json_t *match, const char *path, const struct asked *a, const char *custom_id,
		 json_t *lines)
{
	const char *contains = json_string_value(json_object_get(match, "contains"));
	const char *id = json_string_value(json_object_get(match, "custom_id"));
	return is_text(match, "path", path) && is_text(match, "model", a->model) &&
	       fits_fields(match, a->body) &&
	       (!contains ||
		(a->all.size && memmem(a->all.data, a->all.size, contains, strlen(contains)))) &&
	       (!id || (custom_id && strcmp(id, custom_id) == 0) || has_line(lines, id));
}

static bool is_its_turn(json_t *rule, json_t *match)
{
	count_up(rule, "seen");
	int64_t nth = number_of(match, "nth", 0), times = number_of(match, "times", 0);
	int64_t every = number_of(match, "every", 1), seen = number_of(rule, "seen", 0);
	if ((nth && seen != nth) || (every > 1 && seen % every != 0) ||
	    (times && number_of(rule, "used", 0) >= times))
		return false;
	count_up(rule, "used");
	return true;
}

static bool has_any(json_t *act, const char *const *names)
{
	while (*names && !json_object_get(act, *names))
		names++;
	return *names;
}

/* A rule that says nothing of lines is not for them, unless it says what the model answers. */
static bool is_of_kind(json_t *match, json_t *act, bool line)
{
	static const char *const of_lines[] = {"line", "line_form", "line_id", NULL};
	static const char *const of_answers[] = {
		"answer", "stop_reason", "answer_form", "usage_form", "shape", "id", NULL};
	const char *path = json_string_value(json_object_get(match, "path"));
	if (!line)
		return !has_any(act, of_lines);
	return has_any(act, of_lines) || has_any(act, of_answers) ||
	       (path && strcmp(path, "line") == 0);
}

json_t *script_find(const char *method, const char *path, const struct asked *a,
		    const char *custom_id, json_t *lines)
{
	size_t i;
	json_t *rule;
	json_array_foreach(script_part("rules"), i, rule)
	{
		json_t *match = json_object_get(rule, "match"), *act = json_object_get(rule, "do");
		if (is_text(match, "method", method) &&
		    is_of_kind(match, act, strcmp(path, "line") == 0) &&
		    fits(match, path, a, custom_id, lines) && is_its_turn(rule, match))
			return act;
	}
	return NULL;
}

/* ---- limits: no more than so many calls begin in any window ---- */

#define MINUTE_MAX 100000
#define LIMITS_MAX 8

static struct limit {
	int64_t at[MINUTE_MAX]; /* when the calls began, a ring */
	size_t count, refused;
} * limits[LIMITS_MAX];

static void forget_limits(void)
{
	for (size_t i = 0; i < LIMITS_MAX; i++) {
		free(limits[i]);
		limits[i] = NULL;
	}
}

static const char *limit_form_of(json_t *rule, struct limit *l)
{
	static const char *const all[] = {"seconds", "float", "ms", "date", "none"};
	const char *form = json_string_value(json_object_get(rule, "form"));
	return !form		     ? "seconds"
	       : strcmp(form, "all") ? form
				     : all[l->refused++ % (sizeof all / sizeof *all)];
}

/* after_ms: until the call may begin. */
static void refuse(struct call *c, const char *form, int64_t after_ms)
{
	char value[64];
	time_t at = time(NULL) + (time_t)(after_ms / 1000 + 1);
	struct tm tm;
	reply_error(c, 429, NULL);
	if (strcmp(form, "none") == 0)
		return;
	if (strcmp(form, "seconds") == 0)
		snprintf(value, sizeof value, "%lld", (long long)(after_ms + 999) / 1000);
	else if (strcmp(form, "date") == 0)
		strftime(value, sizeof value, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&at, &tm));
	else if (strcmp(form, "float") == 0)
		snprintf(value, sizeof value, "%.3f", (double)after_ms / 1000);
	else
		snprintf(value, sizeof value, "%lld", (long long)after_ms);
	reply_header(&c->reply, strcmp(form, "ms") == 0 ? "retry-after-ms" : "retry-after", value);
}

static bool admits(struct call *c, json_t *rule, struct limit *l)
{
	int64_t most = number_of(rule, "requests_per_minute", 60);
	int64_t window = number_of(rule, "window_ms", 60000);
	size_t size = (size_t)(most < 1 ? 1 : most > MINUTE_MAX ? MINUTE_MAX : most);
	int64_t *oldest = &l->at[l->count % size];
	if (l->count >= size && *oldest + window > c->began_ms) {
		refuse(c, limit_form_of(rule, l), *oldest + window - c->began_ms);
		return false;
	}
	*oldest = c->began_ms;
	l->count++;
	return true;
}

bool script_admits(struct call *c)
{
	size_t i;
	json_t *rule;
	if (!c->asked.turns)
		return true;
	json_array_foreach(script_part("limits"), i, rule)
	{
		if (i == LIMITS_MAX || !is_text(rule, "model", c->asked.model))
			continue;
		if (!limits[i])
			limits[i] = calloc(1, sizeof *limits[i]);
		if (limits[i] && !admits(c, rule, limits[i]))
			return false;
	}
	return true;
}

/* ---- the rest ---- */

int64_t script_latency(void)
{
	return number_of(script, "latency_ms", settings_of_fake.latency_ms);
}

int64_t script_batch(const char *name, int64_t otherwise)
{
	return number_of(script_part("batch"), name, otherwise);
}

double script_expire_share(void)
{
	json_t *share = json_object_get(script_part("batch"), "expire_share");
	return json_is_number(share) ? json_number_value(share) : 0;
}

void script_set(struct call *c)
{
	json_error_t error;
	json_t *parts = json_loadb(c->body.data ? c->body.data : "", c->body.size, 0, &error);
	if (!json_is_object(parts)) {
		reply_error(c, 400, "script: line %d: %s", error.line, error.text);
		json_decref(parts);
		return;
	}
	const char *unknown = forms_unknown(parts);
	if (unknown) {
		reply_error(c, 400, "script: no form is called %s: see GET /_forms", unknown);
		json_decref(parts);
		return;
	}
	if (!script)
		script = json_object();
	if (json_object_get(parts, "limits"))
		forget_limits();
	json_object_update(script, parts);
	if (json_object_get(parts, "outage"))
		outage_begin(json_object_get(parts, "outage"));
	json_decref(parts);
	reply_json(c, json_object());
}

void script_forget(void)
{
	json_decref(script);
	script = NULL;
	forget_limits();
	outage_reset();
	keys_reset();
}

void script_reset(struct call *c)
{
	script_forget();
	fake_new_era();
	log_reset();
	calls_reset();
	batches_reset();
	files_reset();
	reply_json(c, json_object());
}
