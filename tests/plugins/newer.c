/* Built against a newer minor version, whose struct is longer than any that this host knows. */
#include "weir/plugin.h"

const struct weir_plugin *weir_plugin(void);

static int check(void *state, const struct weir_item *item, struct weir_error *err)
{
	(void)state;
	(void)item;
	(void)err;
	return 0;
}

static void process(void *state, struct weir_work work, const struct weir_item *item)
{
	(void)state;
	(void)work;
	(void)item;
}

const struct weir_plugin *weir_plugin(void)
{
	static const struct {
		struct weir_plugin plugin;
		char more[4096];
	} longer = {.plugin = {.abi_major = WEIR_ABI_MAJOR,
			       .abi_minor = WEIR_ABI_MINOR + 1,
			       .struct_size = sizeof longer,
			       .kind = "newer",
			       .check = check,
			       .process = process,
			       .sample = "the last field"},
		    .more = "more"};
	return &longer.plugin;
}
