/* The kind `pass`, for later stages: takes any item, does nothing, and succeeds. */
#include "effects.h"

static int check(void *state, const struct weir_item *item, struct weir_error *err)
{
	(void)state;
	(void)item;
	(void)err;
	return 0;
}

static void process(void *state, struct weir_work work, const struct weir_item *item)
{
	effects_complete(state, work, item);
}

const struct weir_plugin *weir_plugin(void)
{
	static const struct weir_plugin plugin = {
		.abi_major = WEIR_ABI_MAJOR,
		.abi_minor = WEIR_ABI_MINOR,
		.struct_size = sizeof plugin,
		.kind = "pass",
		.version = "1.0",
		.summary = "a plugin of the tests",
		.open = effects_open,
		.check = check,
		.process = process,
		.close = effects_close,
	};
	return &plugin;
}
