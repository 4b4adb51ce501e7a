/* The kind `twice`: ends each item, ends it once more as rejected, and does so again later with a
 * handle of the past. Only the first counts. */
#include <stdlib.h>

#include "effects.h"

static void reject(const struct effects *e, struct weir_work work)
{
	e->host->complete(
		e->host, work,
		&(struct weir_verdict){.outcome = WEIR_REJECT, .error = {"late", "too late"}});
}

static void fire(void *state, struct weir_work work) { reject(state, work); }

/* The handle of the first item ever, which its slot has long forgotten. */
static struct weir_work *first_work(struct effects *e, struct weir_work work)
{
	struct weir_work *first = e->extra;
	if (!first && (first = malloc(sizeof *first))) {
		*first = work;
		e->extra = first;
	}
	return first;
}

static void process(void *state, struct weir_work work, const struct weir_item *item)
{
	struct effects *e = state;
	struct weir_work *first = first_work(e, work);
	e->host->set_timer(e->host, work, 5, fire); /* ends with the work: never fires */
	effects_complete(e, work, item);
	reject(e, work);
	if (first)
		reject(e, *first);
	e->host->set_timer(e->host, work, 1, fire); /* refused: the work has ended */
}

static void close_plugin(void *state)
{
	struct effects *e = state;
	free(e->extra);
	effects_close(e);
}

const struct weir_plugin *weir_plugin(void)
{
	static const struct weir_plugin plugin = {
		.abi_major = WEIR_ABI_MAJOR,
		.abi_minor = WEIR_ABI_MINOR,
		.struct_size = sizeof plugin,
		.kind = "twice",
		.version = "1.0",
		.summary = "a plugin of the tests",
		.open = effects_open,
		.check = effects_check,
		.process = process,
		.store = effects_store,
		.close = close_plugin,
	};
	return &plugin;
}
