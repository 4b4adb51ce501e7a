#include "weir/loader.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weir/buffer.h"
#include "weir/topology.h"

#define KINDS_MAX 64

int loader_dir(const char *dir, char *out, size_t room, struct weir_error *err)
{
	char exe[PATH_MAX];
	const char *name = (const char *)getauxval(AT_EXECFN);
	if (dir) {
		if (snprintf(out, room, "%s", dir) < (int)room)
			return 0;
		return weir_fail(err, "bad_value", "--plugin-dir: the name is too long");
	}
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	if (n < 0 && name && realpath(name, exe)) /* without /proc */
		n = (ssize_t)strlen(exe);
	if (n < 0)
		return weir_fail(err, "plugin_dir",
				 "cannot tell where this program is: use "
				 "--plugin-dir");
	exe[n] = '\0';
	*strrchr(exe, '/') = '\0';
	if (snprintf(out, room, "%s/../lib/weir", exe) >= (int)room)
		return weir_fail(err, "plugin_dir", "the path of this program is too long");
	return 0;
}

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

int loader_kinds(const char *dir, char (*kinds)[33], int most, struct weir_error *err)
{
	int n = 0;
	DIR *d = opendir(dir);
	if (!d)
		return weir_fail(err, "plugin_dir", "%s: %s", dir, strerror(errno));
	for (struct dirent *e; n < most && (e = readdir(d));) {
		size_t size = strlen(e->d_name);
		if (size < 4 || size - 3 > KIND_MAX || strcmp(e->d_name + size - 3, ".so") != 0)
			continue;
		memcpy(kinds[n], e->d_name, size - 3);
		kinds[n][size - 3] = '\0';
		if (kind_ok(kinds[n]))
			n++;
	}
	closedir(d);
	qsort(kinds, (size_t)n, sizeof *kinds, by_name);
	return n;
}

static int fail_unknown(const char *dir, const char *kind, struct weir_error *err)
{
	char kinds[KINDS_MAX][33];
	struct buffer list = BUFFER_INIT;
	int n = loader_kinds(dir, kinds, KINDS_MAX, err);
	if (n < 0)
		return -1;
	for (int i = 0; i < n; i++)
		buffer_printf(&list, "%s%s", i ? ", " : "", kinds[i]);
	const char *text = buffer_text(&list);
	weir_fail(err, "unknown_kind", "there is no kind \"%.40s\" in %.200s; there are: %.180s",
		  kind, dir, text && *text ? text : "none");
	buffer_release(&list);
	return -1;
}

static int check_file(const char *path, struct weir_error *err)
{
	struct stat st;
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return weir_fail(err, "plugin_file", "%.300s: not a file that can be read", path);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return weir_fail(err, "plugin_file", "%.300s: others may write to it (chmod go-w)",
				 path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return weir_fail(err, "plugin_file",
				 "%.300s: belongs neither to root nor to this "
				 "user",
				 path);
	return 0;
}

static int check_plugin(const struct weir_plugin *p, const char *kind, struct weir_error *err)
{
	if (!p->kind || strcmp(p->kind, kind) != 0)
		return weir_fail(err, "plugin_kind", "%s.so says that its kind is \"%.40s\"", kind,
				 p->kind ? p->kind : "");
	if (!p->check || !p->process)
		return weir_fail(err, "plugin_abi", "%s.so lacks check() or process()", kind);
	return 0;
}

/* An older minor version has a shorter struct: what it lacks stays zero. */
static int copy_plugin(const struct weir_plugin *from, const char *kind, struct weir_plugin *to,
		       struct weir_error *err)
{
	if (!from || from->abi_major != WEIR_ABI_MAJOR)
		return weir_fail(err, "plugin_abi",
				 "%s.so was built for version %u of the plugin interface, this "
				 "program has %d",
				 kind, from ? from->abi_major : 0, WEIR_ABI_MAJOR);
	size_t least = offsetof(struct weir_plugin, process) + sizeof from->process;
	if (from->struct_size < least)
		return weir_fail(err, "plugin_abi", "%s.so: struct_size %u is too small", kind,
				 from->struct_size);
	memset(to, 0, sizeof *to);
	memcpy(to, from, from->struct_size < sizeof *to ? from->struct_size : sizeof *to);
	return check_plugin(to, kind, err);
}

static weir_plugin_fn *find_entry(void *library)
{
	/* ISO C has no cast from void * to a function; POSIX promises that this works. */
	weir_plugin_fn *fn = NULL;
	void *symbol = dlsym(library, "weir_plugin");
	memcpy(&fn, &symbol, sizeof fn);
	return fn;
}

int loader_load(const char *dir, const char *kind, struct loaded_plugin *out,
		struct weir_error *err)
{
	char path[PATH_MAX];
	struct loaded_plugin p = {.library = NULL};
	if (!kind_ok(kind) || snprintf(path, sizeof path, "%s/%s.so", dir, kind) >= PATH_MAX ||
	    access(path, F_OK) < 0)
		return fail_unknown(dir, kind, err);
	if (check_file(path, err) < 0)
		return -1;
	p.library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!p.library)
		return weir_fail(err, "plugin_file", "%s", dlerror());
	weir_plugin_fn *entry = find_entry(p.library);
	if (!entry) {
		weir_fail(err, "plugin_abi", "%.300s exports no weir_plugin()", path);
		goto fail;
	}
	if (copy_plugin(entry(), kind, &p.plugin, err) < 0)
		goto fail;
	p.config = calloc(1, p.plugin.config_size ? p.plugin.config_size : 1);
	if (!p.config) {
		weir_fail_memory(err);
		goto fail;
	}
	*out = p;
	return 0;
fail:
	dlclose(p.library);
	return -1;
}

struct option_group loader_options(struct loaded_plugin *p)
{
	return (struct option_group){.title = p->plugin.kind,
				     .prefix = p->plugin.kind,
				     .rows = p->plugin.options,
				     .config = p->config};
}

int loader_open(struct loaded_plugin *p, const struct weir_host *host, struct weir_error *err)
{
	if (p->plugin.open && p->plugin.open(host, p->config, &p->state, err) < 0)
		return -1;
	p->opened = true;
	return 0;
}

void loader_unload(struct loaded_plugin *p)
{
	if (p->opened && p->plugin.close)
		p->plugin.close(p->state);
	free(p->config);
	if (p->library)
		dlclose(p->library);
	memset(p, 0, sizeof *p);
}
