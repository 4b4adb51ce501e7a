/* The names a script may use, and whether it uses no other. */
#include <string.h>

#include "fake.h"

static const struct kind {
	const char *name;
	const char *(*nth)(size_t i, const char **source);
} kinds[] = {
	{"answer_form", answer_form_name},
	{"usage_form", usage_form_name},
	{"shape", shape_name},
	{"error_form", error_form_name},
	{"wire", wire_name},
	{"line_form", line_form_name},
	{"file_form", file_form_name},
	{"models_form", models_form_name},
};

static const struct kind *kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

static bool has_name(const struct kind *k, const char *wanted)
{
	const char *name, *source;
	for (size_t i = 0; (name = k->nth(i, &source)) != NULL; i++)
		if (strcmp(name, wanted) == 0)
			return true;
	return false;
}

/* At any depth: what is called as a kind of forms must name one. */
const char *forms_unknown(json_t *json)
{
	const char *name, *unknown = NULL;
	size_t i;
	json_t *value;
	json_object_foreach(json, name, value)
	{
		const struct kind *k = kind_of(name);
		const char *text = json_string_value(value);
		if (!unknown)
			unknown = k && text && !has_name(k, text) ? text : forms_unknown(value);
	}
	json_array_foreach(json, i, value) { unknown = unknown ? unknown : forms_unknown(value); }
	return unknown;
}

static json_t *names_of(const struct kind *k)
{
	const char *name, *source;
	json_t *all = json_object();
	for (size_t i = 0; (name = k->nth(i, &source)) != NULL; i++)
		json_object_set_new(all, name, json_string(source));
	return all;
}

void forms_get(struct call *c)
{
	json_t *all = json_object();
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		json_object_set_new(all, kinds[i].name, names_of(&kinds[i]));
	reply_json(c, all);
}
