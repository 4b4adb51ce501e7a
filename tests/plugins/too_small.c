/* Its struct ends before the calls that the contract requires. */
#include "weir/plugin.h"

const struct weir_plugin *weir_plugin(void);

const struct weir_plugin *weir_plugin(void)
{
	static const struct weir_plugin plugin = {.abi_major = WEIR_ABI_MAJOR,
						  .struct_size =
							  offsetof(struct weir_plugin, process),
						  .kind = "too_small"};
	return &plugin;
}
