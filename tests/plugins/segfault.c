/* The kind `segfault`: like `sum`, but an item with "crash": 1 takes the process with it. */
#include <signal.h>

#include "effects.h"

static void process(void *state, struct weir_work work, const struct weir_item *item)
{
	const struct effects *e = state;
	if (effects_integer(e, item, "crash")) {
		signal(SIGSEGV, SIG_DFL); /* no sanitizer's report in between */
		raise(SIGSEGV);
	}
	effects_complete(e, work, item);
}

const struct weir_plugin *weir_plugin(void)
{
	static const struct weir_plugin plugin = {EFFECTS_PLUGIN("segfault"), .process = process};
	return &plugin;
}
