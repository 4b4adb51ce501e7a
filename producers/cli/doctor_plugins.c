/* The plugins. */
#include "doctor.h"
#include "weir/loader.h"

static void check_plugin(struct doctor *d, const char *kind)
{
	struct loaded_plugin p;
	struct weir_error why;
	if (loader_load(d->dir, kind, &p, &why) < 0) {
		doctor_tell(d, LEVEL_FAIL,
			    "build it anew against this version of weir, or remove it", "%s",
			    why.text);
		return;
	}
	doctor_tell(d, LEVEL_OK, "", "%s %s loads (interface %u.%u)", kind,
		    p.plugin.version ? p.plugin.version : "", p.plugin.abi_major,
		    p.plugin.abi_minor);
	loader_unload(&p);
}

void doctor_check_plugins(struct doctor *d)
{
	struct weir_error why;
	if (loader_dir(d->settings->plugin_dir, d->dir, sizeof d->dir, &why) == 0)
		d->kind_count = loader_kinds(d->dir, d->kinds, DOCTOR_KINDS_MAX, &why);
	else
		d->kind_count = -1;
	if (d->kind_count < 0)
		doctor_tell(d, LEVEL_FAIL, "say where they are: --plugin-dir", "%s", why.text);
	else if (d->kind_count == 0)
		doctor_tell(d, LEVEL_WARN, "say where they are: --plugin-dir",
			    "there are none in %.300s", d->dir);
	for (int i = 0; i < d->kind_count; i++)
		check_plugin(d, d->kinds[i]);
}
