/* files.h: what the sources share whose records are a file each. Private to this folder. */
#ifndef WEIR_SOURCES_FILES_H
#define WEIR_SOURCES_FILES_H

#include "record.h"
#include "walk.h"

struct files_kind {
	const char *what;		  /* "Markdown", in errors */
	const char *const *suffixes;	  /* closed by NULL; names are made of the first */
	bool (*wanted)(const char *name); /* of a file in a folder: files_suffix() */
};

struct files {
	const struct files_kind *kind;
	struct walk walk;
	bool one_folder;	  /* paths begin in it */
	char *text;		  /* SOURCE_LINE_MAX and a byte more */
	char path[WALK_PATH_MAX]; /* of the file at hand, as records name it */
};

/* paths outlive it. 0, or -1 with err. *f is released in any case. */
int files_open(struct files *f, const struct files_kind *kind, char *const *paths, size_t count,
	       struct weir_error *err) WEIR_MUST_CHECK;
void files_release(struct files *f);

/* Goes on to the next file: f->path, file and raw (its name) of the record. END, BAD: as
 * source_kind.next(). */
enum source_status files_advance(struct files *f, struct source_record *record,
				 struct weir_error *err);

/* Opens that file, which waits for nobody. The caller closes it. RECORD or BAD. */
enum source_status files_open_one(struct files *f, FILE **out, struct weir_error *err);

/* Goes on to the next file and reads it: as files_advance(), and *text, which is UTF-8, without a
 * byte order mark, and valid until the next call. END, BAD, FAILED: as source_kind.next(). */
enum source_status files_next(struct files *f, struct source_record *record, struct weir_text *text,
			      struct weir_error *err);

/* Fills err with the file, its line unless that is 0, and why. Returns SOURCE_BAD. */
enum source_status files_bad(const struct files *f, int line, const char *why,
			     struct weir_error *err);

/* BAD, code empty: there is no record in the file. */
enum source_status files_empty(const struct files *f, struct weir_error *err);

/* Adds the custom_id that is made of the path, which is then the record's natural_id, unless it is
 * the custom_id but for its suffix. Two paths have two. */
void files_add_name(const struct files *f, struct source_record *record, struct buffer *out);

/* Bytes of the suffix that a name ends in, with .gz or .zst behind it; 0: in none of them. */
size_t files_suffix(const char *name, const char *const *suffixes);

int files_lines_before(const char *text, const char *end);

#endif
