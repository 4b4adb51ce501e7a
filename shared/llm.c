#include "weir/llm.h"

#include <stdlib.h>
#include <string.h>

#include "weir/log.h"

/* Takes the text, a fault a line. */
static void log_faults(char *faults)
{
	char *rest = faults, *line;

	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0')
			log_event(LOG_ERROR, "bad_settings", "error=\"%s\"", line);
	free(faults);
}

/* Both are read, so that all faults are told at once. */
int llm_open(struct llm *l, const struct settings *s, bool keys, struct weir_error *err)
{
	struct weir_error why;
	char *faults = NULL;
	int rc;

	*l = (struct llm){.models = NULL};
	rc = models_open(s->models, keys, &l->models, &faults, err);
	log_faults(faults);
	faults = NULL;
	if (rc == 0 && !s->templates && models_count(l->models) == 1)
		return 0; /* there is only "local", which is told nothing */
	if (templates_open(s->templates, &l->templates, &faults, rc < 0 ? &why : err) < 0)
		rc = -1;
	log_faults(faults);
	return rc;
}

void llm_close(struct llm *l)
{
	models_close(l->models);
	templates_close(l->templates);
	*l = (struct llm){.models = NULL};
}

int llm_find(const struct llm *l, const struct weir_map *context, const struct model **model,
	     const struct template **template, struct weir_error *err)
{
	struct weir_text name = {.data = "", .size = 0};
	const struct template *t = NULL;
	const struct model *m;

	if (map_text(context, "ai_model", &name) < 0)
		name.size = 0;
	m = models_find(l->models, name, err);
	if (m == NULL)
		return -1;
	if (m->provider != PROVIDER_LOCAL) {
		t = templates_find(l->templates, context, err);
		if (t == NULL)
			return -1;
	}
	*model = m;
	*template = t;
	return 0;
}

/* Whether the context says something under the key that can be a name at all. */
static bool names(const struct weir_map *context, const char *key, size_t most)
{
	struct weir_text text;

	return map_says(context, key) && map_text(context, key, &text) == 0 && text.size <= most;
}

bool llm_lacks(const struct llm *l, const struct weir_map *context)
{
	struct weir_text name;
	const struct model *m;

	if (!names(context, "ai_model", MODEL_NAME_MAX) || map_text(context, "ai_model", &name) < 0)
		return false;
	m = models_find(l->models, name, NULL);
	if (m == NULL)
		return true;
	return m->provider != PROVIDER_LOCAL && names(context, "model_key", TEMPLATE_NAME_MAX) &&
	       templates_find(l->templates, context, NULL) == NULL;
}
