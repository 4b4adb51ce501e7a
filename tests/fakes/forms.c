/* The names a script may use, and whether it uses no other. */
#include <string.h>

#include "fake.h"

static const struct form_list *const lists[] = {&answer_forms, &usage_forms, &shape_forms,
						&error_forms,  &wire_forms,  &line_forms,
						&file_forms,   &models_forms};

#define LISTS (sizeof lists / sizeof *lists)

static const char *text_at(const struct form_list *list, size_t i, size_t at)
{
	return *(const char *const *)((const char *)list->rows + i * list->size + at);
}

const void *form_named(const struct form_list *list, const char *name)
{
	for (size_t i = 0; name && i < list->count; i++)
		if (strcmp(text_at(list, i, 0), name) == 0)
			return (const char *)list->rows + i * list->size;
	return NULL;
}

const void *form_of(const struct form_list *list, const json_t *object)
{
	return form_named(list, json_string_value(json_object_get(object, list->kind)));
}

static const struct form_list *list_of(const char *kind)
{
	for (size_t i = 0; i < LISTS; i++)
		if (strcmp(lists[i]->kind, kind) == 0)
			return lists[i];
	return NULL;
}

/* At any depth: what is called as a kind of forms must name one. */
const char *forms_unknown(json_t *json)
{
	const char *name, *unknown = NULL;
	size_t i;
	json_t *value;
	json_object_foreach(json, name, value)
	{
		const struct form_list *list = list_of(name);
		const char *text = json_string_value(value);
		if (!unknown)
			unknown = list && text && !form_named(list, text) ? text
									  : forms_unknown(value);
	}
	json_array_foreach(json, i, value) { unknown = unknown ? unknown : forms_unknown(value); }
	return unknown;
}

static json_t *names_of(const struct form_list *list)
{
	json_t *all = json_object();
	for (size_t i = 0; i < list->count; i++)
		json_object_set_new(all, text_at(list, i, 0),
				    json_string(text_at(list, i, list->source)));
	return all;
}

void forms_get(struct call *c)
{
	json_t *all = json_object();
	for (size_t i = 0; i < LISTS; i++)
		json_object_set_new(all, lists[i]->kind, names_of(lists[i]));
	reply_json(c, all);
}
