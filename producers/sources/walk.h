/* walk.h: the files in folders, in the order of their names: each folder's own, one folder after
 * the other. Hidden ones are passed over, and links to folders, so that it always ends. In memory
 * are the names in the folders between the root and the file. Private to this folder. */
#ifndef WEIR_SOURCES_WALK_H
#define WEIR_SOURCES_WALK_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>

#include "weir/error.h"

#define WALK_DEPTH_MAX 32 /* folders in each other */
#define WALK_PATH_MAX 4096

struct walk {
	char *const *roots;		  /* files and folders; the caller's */
	size_t root_count, root;	  /* the next one */
	bool (*wanted)(const char *name); /* whether a file in a folder is one */

	char path[WALK_PATH_MAX]; /* where it is; a root's own part is as it was given */
	size_t root_size;	  /* bytes of that, with a slash behind; 0: a root that is a file */
	int depth;		  /* folders that are open */
	struct walk_folder {
		struct dirent **names;
		int count, at;
		size_t path_size; /* of its own path, with a slash behind */
	} folders[WALK_DEPTH_MAX];
};

enum walk_status { WALK_FILE, WALK_END, WALK_BAD };

/* Goes on to the next file: w->path. BAD: err says what is wrong with w->path (code bad_record),
 * and the next call goes on behind it. Blocks as the file system does. Start from a struct with
 * the first three fields set, and end with walk_release(). */
enum walk_status walk_next(struct walk *w, struct weir_error *err);
void walk_release(struct walk *w);

#endif
