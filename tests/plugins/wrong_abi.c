/* Says that it was built for an interface that no host has. */
#include "weir/plugin.h"

const struct weir_plugin *weir_plugin(void);

const struct weir_plugin *weir_plugin(void)
{
	static const struct weir_plugin plugin = {
		.abi_major = 999, .struct_size = sizeof plugin, .kind = "wrong_abi"};
	return &plugin;
}
