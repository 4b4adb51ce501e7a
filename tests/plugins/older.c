/* Built against an older interface, whose struct ended behind process(): what stands there in
 * memory is not part of it. */
#include <stdlib.h>

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

static void not_mine(void *state)
{
	(void)state;
	abort();
}

const struct weir_plugin *weir_plugin(void)
{
	static const struct weir_source_query sources[] = {{"not_mine", "SELECT"}, {NULL, NULL}};
	static const struct weir_rows rows = {.head_key = "not mine"};
	static const struct weir_field context[] = {{"not_mine", 0, WEIR_REQUIRED, "not mine"},
						    {0}};
	static const struct weir_about about = {.context = context};
	static const struct weir_plugin plugin = {
		.abi_major = WEIR_ABI_MAJOR,
		.struct_size = offsetof(struct weir_plugin, cancel),
		.kind = "older",
		.version = "0.9",
		.check = check,
		.process = process,
		.close = not_mine,
		.sources = sources,
		.sample = "not mine",
		.rows = &rows,
		.about = &about,
	};
	return &plugin;
}
