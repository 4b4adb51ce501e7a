/* loader.h: plugins, from file to life. Loading checks the file (a regular one that nobody but its
 * owner may write, the owner being root or this user) and the contract (version, required calls,
 * a kind that is the file's name) and refuses with the reason. */
#ifndef WEIR_LOADER_H
#define WEIR_LOADER_H

#include <stdbool.h>

#include "weir/error.h"
#include "weir/option.h"

struct loaded_plugin {
	struct weir_plugin plugin; /* a copy; what an older plugin lacks is zero */
	void *library;
	void *config;
	void *state;
	bool opened;
};

/* Writes the folder to look in: dir, or ../lib/weir beside the program. */
int loader_dir(const char *dir, char *out, size_t room, struct weir_error *err) WEIR_MUST_CHECK;

/* Loads dir/KIND.so. A kind without a file: the error names the kinds that there are. On success
 * the caller calls loader_unload(). */
int loader_load(const char *dir, const char *kind, struct loaded_plugin *out,
		struct weir_error *err) WEIR_MUST_CHECK;

/* The plugin's options, prefixed with its kind. */
struct option_group loader_options(struct loaded_plugin *p);

/* Calls the plugin's open(). */
int loader_open(struct loaded_plugin *p, const struct weir_host *host,
		struct weir_error *err) WEIR_MUST_CHECK;

/* Calls close() if it was opened, and unloads. Options are released before, by who parsed them. */
void loader_unload(struct loaded_plugin *p);

/* The kinds that dir holds, sorted; at most most. Returns how many, or -1. */
int loader_kinds(const char *dir, char (*kinds)[33], int most,
		 struct weir_error *err) WEIR_MUST_CHECK;

#endif
