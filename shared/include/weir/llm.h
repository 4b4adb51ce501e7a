/* llm.h: the models and the templates together: what an item's context names. */
#ifndef WEIR_LLM_H
#define WEIR_LLM_H

#include "weir/models.h"
#include "weir/settings.h"
#include "weir/templates.h"

struct llm {
	struct models *models;
	struct templates *templates;
};

/* Reads what --models and --templates name; keys as for models_open(). All faults are logged, a
 * line each (event bad_settings). The caller calls llm_close(), also after a failure. */
int llm_open(struct llm *l, const struct settings *s, bool keys,
	     struct weir_error *err) WEIR_MUST_CHECK;
void llm_close(struct llm *l);

/* What a context names. *template is NULL for a local model. Error code: bad_context. */
int llm_find(const struct llm *l, const struct weir_map *context, const struct model **model,
	     const struct template **template, struct weir_error *err) WEIR_MUST_CHECK;

/* Whether what llm_find() did not find is named by the context, so that it may be known to whoever
 * has other files than these; false where the context does not name it, or where it is found. */
bool llm_lacks(const struct llm *l, const struct weir_map *context);

#endif
