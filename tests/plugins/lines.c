/* The kind `lines`, of items that have several rows of a CSV file: takes what has a vendor, does
 * nothing, and succeeds. */
#include <stdio.h>

#include "effects.h"

static int check(void *state, const struct weir_item *item, struct weir_error *err)
{
	const struct weir_host *host = ((const struct effects *)state)->host;
	const struct weir_map *invoice;
	struct weir_text vendor;
	if (host->map_map(item->payload, "invoice", &invoice) == 0 &&
	    host->map_text(invoice, "vendor", &vendor) == 0)
		return 0;
	snprintf(err->code, sizeof err->code, "bad_payload");
	snprintf(err->text, sizeof err->text, "the invoice lacks vendor");
	return -1;
}

static void process(void *state, struct weir_work work, const struct weir_item *item)
{
	effects_complete(state, work, item);
}

const struct weir_plugin *weir_plugin(void)
{
	static const char *const head[] = {"vendor", "date", NULL};
	static const struct weir_rows rows = {"invoice", head, "line_items"};
	static const struct weir_plugin plugin = {
		.abi_major = WEIR_ABI_MAJOR,
		.abi_minor = WEIR_ABI_MINOR,
		.struct_size = sizeof plugin,
		.kind = "lines",
		.version = "1.0",
		.summary = "a plugin of the tests",
		.open = effects_open,
		.check = check,
		.process = process,
		.close = effects_close,
		.rows = &rows,
	};
	return &plugin;
}
