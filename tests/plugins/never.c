/* The kind `never`: like `sum`, but an item with "never": 1 is not ended, until it is too late. */
#include "effects.h"

static void process(void *state, struct weir_work work, const struct weir_item *item)
{
	const struct effects *e = state;
	if (!effects_integer(e, item, "never"))
		effects_complete(e, work, item);
}

/* Too late by now: the host must ignore it. */
static void cancel(void *state, struct weir_work work)
{
	const struct effects *e = state;
	e->host->complete(e->host, work, &(struct weir_verdict){.outcome = WEIR_DONE});
}

const struct weir_plugin *weir_plugin(void)
{
	static const struct weir_plugin plugin = {EFFECTS_PLUGIN("never"), .process = process,
						  .cancel = cancel};
	return &plugin;
}
