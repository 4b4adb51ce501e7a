#include "walk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static enum walk_status bad(const struct walk *w, const char *why, struct weir_error *err)
{
	weir_fail(err, "bad_record", "%.300s: %s", w->path, why);
	return WALK_BAD;
}

/* ---- one folder ---- */

static int visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* w->path is the folder's, without a slash at its end, or with it. */
static enum walk_status enter(struct walk *w, struct weir_error *err)
{
	struct walk_folder *f = &w->folders[w->depth];
	size_t n = strlen(w->path);
	if (w->depth == WALK_DEPTH_MAX)
		return bad(w, "too many folders in each other", err);
	f->count = scandir(w->path, &f->names, visible, by_bytes);
	if (f->count < 0)
		return bad(w, strerror(errno), err);
	f->at = 0;
	if (w->path[n - 1] != '/')
		w->path[n++] = '/'; /* add() has left room */
	f->path_size = n;
	w->depth++;
	return WALK_FILE;
}

static void leave(struct walk *w)
{
	struct walk_folder *f = &w->folders[--w->depth];
	while (f->count > 0)
		free(f->names[--f->count]);
	free(f->names);
}

/* w->path = path[0 .. size) and name. */
static enum walk_status add(struct walk *w, size_t size, const char *name, struct weir_error *err)
{
	if (size + strlen(name) + 2 > sizeof w->path) {
		w->path[size] = '\0';
		return bad(w, "the name of what is in it is too long", err);
	}
	memcpy(w->path + size, name, strlen(name) + 1);
	return WALK_FILE;
}

/* ---- the next one ---- */

/* Looks at an entry of the innermost folder. END: it is nothing for us. */
static enum walk_status look(struct walk *w, const char *name, struct weir_error *err)
{
	struct stat is;
	if (lstat(w->path, &is) < 0)
		return errno == ENOENT ? WALK_END : bad(w, strerror(errno), err);
	if (S_ISDIR(is.st_mode)) {
		enum walk_status entered = enter(w, err);
		return entered == WALK_BAD ? WALK_BAD : WALK_END;
	}
	if (!w->wanted(name))
		return WALK_END;
	if (S_ISLNK(is.st_mode) && stat(w->path, &is) < 0)
		return bad(w, strerror(errno), err);
	return S_ISREG(is.st_mode) ? WALK_FILE : WALK_END;
}

static enum walk_status next_inside(struct walk *w, struct weir_error *err)
{
	while (w->depth > 0) {
		struct walk_folder *f = &w->folders[w->depth - 1];
		if (f->at == f->count) {
			leave(w);
			continue;
		}
		const char *name = f->names[f->at++]->d_name;
		enum walk_status status = add(w, f->path_size, name, err);
		if (status == WALK_FILE)
			status = look(w, name, err);
		if (status != WALK_END)
			return status;
	}
	return WALK_END;
}

static enum walk_status next_root(struct walk *w, struct weir_error *err)
{
	struct stat is;
	w->root_size = 0;
	if (add(w, 0, w->roots[w->root++], err) == WALK_BAD)
		return WALK_BAD;
	if (stat(w->path, &is) < 0)
		return bad(w, strerror(errno), err);
	if (!S_ISDIR(is.st_mode))
		return WALK_FILE;
	if (enter(w, err) == WALK_BAD)
		return WALK_BAD;
	w->root_size = w->folders[0].path_size;
	return WALK_END;
}

enum walk_status walk_next(struct walk *w, struct weir_error *err)
{
	for (;;) {
		enum walk_status status = next_inside(w, err);
		if (status != WALK_END || w->root == w->root_count)
			return status;
		status = next_root(w, err);
		if (status != WALK_END)
			return status;
	}
}

void walk_release(struct walk *w)
{
	while (w->depth > 0)
		leave(w);
}
