/* Lacks a call that the contract requires. */
#include "weir/plugin.h"

const struct weir_plugin *weir_plugin(void);

static int check(void *state, const struct weir_item *item, struct weir_error *err)
{
	(void)state;
	(void)item;
	(void)err;
	return 0;
}

const struct weir_plugin *weir_plugin(void)
{
	static const struct weir_plugin plugin = {.abi_major = WEIR_ABI_MAJOR,
						  .struct_size = sizeof plugin,
						  .kind = "no_process",
						  .check = check};
	return &plugin;
}
