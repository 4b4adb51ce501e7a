#include "model_list.h"

#include <stdlib.h>
#include <string.h>

struct model_entry *model_entry_find(struct model_entry *list, const struct model *m)
{
	while (list && strcmp(list->name, m->name) != 0)
		list = list->next;
	return list;
}

struct model_entry *model_entry_make(struct model_entry **list, const struct model *m, size_t size)
{
	struct model_entry *e = calloc(1, size);

	if (!e)
		return NULL;
	memcpy(e->name, m->name, sizeof(e->name));
	e->next = *list;
	*list = e;
	return e;
}

void model_entries_free(struct model_entry *list)
{
	struct model_entry *e;

	while ((e = list)) {
		list = e->next;
		free(e);
	}
}
