/* model_list.h: what a process keeps of each model, by its name. Private to libweir.
 *
 * A list of structs that each begin with a model_entry, and of which there are as many as models
 * were used: a few. */
#ifndef WEIR_MODEL_LIST_H
#define WEIR_MODEL_LIST_H

#include <stddef.h>

#include "weir/models.h"

struct model_entry {
	struct model_entry *next;
	char name[MODEL_NAME_MAX + 1];
};

/* NULL: there is none. */
struct model_entry *model_entry_find(struct model_entry *list, const struct model *m);
/* A new one of so many bytes, all 0 but for its entry. NULL: memory is short. */
struct model_entry *model_entry_make(struct model_entry **list, const struct model *m, size_t size);
void model_entries_free(struct model_entry *list);

#endif
