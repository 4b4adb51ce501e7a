/* The kind `sum`: adds each item's amount to the sum of its key. delay_ms: computes for so long. */
#include <time.h>

#include "effects.h"

static void compute(int64_t ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

static void process(void *state, struct weir_work work, const struct weir_item *item)
{
	const struct effects *e = state;
	compute(effects_integer(e, item, "delay_ms"));
	effects_complete(e, work, item);
}

const struct weir_plugin *weir_plugin(void)
{
	static const struct weir_plugin plugin = {
		EFFECTS_PLUGIN("sum"),
		.process = process,
		.sample = "{\"custom_id\":\"one\",\"key\":\"k\",\"amount\":1}",
	};
	return &plugin;
}
