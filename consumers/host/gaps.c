#include "gaps.h"

#include "weir/log.h"

/* Causes are constant texts. */
static bool was_told(const struct gaps *g, const struct model *m, const char *cause)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->told[i].model == m && g->told[i].cause == cause)
			return true;
	return false;
}

void gaps_note(struct gaps *g, const struct model *m, const struct usage *u)
{
	const char *cause = model_cost_gap(m, u);
	if (!cause || g->count == GAPS_MAX || was_told(g, m, cause))
		return;
	g->told[g->count].model = m;
	g->told[g->count++].cause = cause;
	log_event(LOG_WARN, "cost_unknown", "model=%s cause=\"%s\"", m->name, cause);
}
