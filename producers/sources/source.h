/* source.h: where the items of a submit come from. A source yields one record after the other in
 * bounded memory. One const struct for each format (jsonl, json, csv, rows, markdown, postgres). */
#ifndef WEIR_SOURCE_H
#define WEIR_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "weir/buffer.h"
#include "weir/error.h"

#define SOURCE_LINE_MAX (1024 * 1024) /* bytes of a line or record */

/* One record. The texts belong to the source and are valid until the next read. Columns or fields
 * named custom_id, table_name, record_id and context (context.NAME in CSV) are these; all others
 * are the payload. Texts are valid UTF-8. Numbers of the payload stand as they were written. */
struct source_record {
	uint64_t line;		     /* where it begins in its file, from 1; 0: it is the file */
	struct weir_text file;	     /* where there may be several; absent: the one input */
	struct weir_text custom_id;  /* required */
	struct weir_text natural_id; /* of which the source made the custom_id; absent: of none */
	struct weir_text table_name; /* the mapping; both or neither */
	struct weir_text record_id;
	struct weir_text context; /* a JSON object laid over the job's context; absent: none */
	struct weir_text payload; /* a JSON object */
	struct weir_text list;	  /* of an object that its path names: the name of a list of
				   * objects in it, the first; absent: none */
	struct weir_text raw;	  /* as it was read, without its newline, for --skip-bad; absent
				   * when the line was too long to keep */
	struct weir_text header;  /* what stands once before all raw; valid as long as the source.
				   * Absent: nothing */
};

enum source_status { SOURCE_RECORD, SOURCE_END, SOURCE_BAD, SOURCE_FAILED };

struct source;

struct source_kind {
	const char *name; /* "jsonl", "csv" */
	const char *help;

	/* in stays the caller's. 0, or -1 with err. NULL: it is opened by a call of its own. */
	int (*open)(FILE *in, struct source **out, struct weir_error *err);

	/* RECORD: *record is set. END: no more. BAD: this record is faulty (err says why, beginning
	 * with the file, as far as there may be several, and "line N: ", code bad_record or empty;
	 * record has these, and raw), and the next call goes on behind it. FAILED: the input cannot
	 * be read on (codes read_failed, bad_header, not_readable, out_of_memory); do not call
	 * again. Blocks as the input does. */
	enum source_status (*next)(struct source *s, struct source_record *record,
				   struct weir_error *err);
	void (*close)(struct source *s); /* NULL is fine */

	/* The record that was read last is not taken: whatever else there is of it is BAD. 0, or -1
	 * with err as of FAILED. NULL: a record is always whole. */
	int (*refuse)(struct source *s, struct weir_error *err);
};

extern const struct source_kind source_jsonl;
extern const struct source_kind source_csv;
extern const struct source_kind source_rows;	 /* opened by source_rows_open() */
extern const struct source_kind source_markdown; /* opened by source_markdown_open() */
extern const struct source_kind source_json;	 /* opened by source_json_open() */
extern const struct source_kind source_files;	 /* opened by source_list_open() */
extern const struct source_kind source_postgres; /* opened by source_postgres_open() */

/* Reads CSV whose rows of the same custom_id, following each other, are one record, as plugin.h
 * says. The custom_id stands in each row; the mapping, the context and the columns of the head are
 * the same in all of them, or empty behind the first. All rows of a record are at most
 * SOURCE_LINE_MAX bytes, as text and as JSON.
 *
 * A row that cannot be read (its quotes, its number of fields, its custom_id) may belong to the
 * record before it or behind it: both are BAD, and it is itself. So is a record of which there
 * were bad or refused rows further up. After 100,000 of these it fails. rows outlives the source.
 */
int source_rows_open(FILE *in, char separator, const struct weir_rows *rows, bool any_id,
		     struct source **out, struct weir_error *err);

/* Reads CSV, a row a record. separator: of source_separator(), or '\0': the file tells. */
int source_csv_open(FILE *in, char separator, struct source **out, struct weir_error *err);

/* What an operator calls it: "," ";" "tab" "|" and others; '\0': no separator. */
char source_separator(const char *text);

/* Reads Markdown documents, a file each; of folders, those whose name is_markdown_name(). The
 * payload is {"path", "front_matter": {...}, "line", "text"}: text is what stands behind the front
 * matter, and line the number of its first line in the file. In the front matter custom_id and
 * context are these; without a custom_id it comes from the path. The paths outlive the source. */
int source_markdown_open(char *const *paths, size_t count, struct source **out,
			 struct weir_error *err);
bool is_markdown_name(const char *name); /* ends in .md or .markdown */

/* Reads JSON files; of folders, those whose name is_json_name(). One that holds a single object is
 * a record: without a custom_id it comes from the path, and so does the mapping, to the table
 * "file". One that holds several, or an array, is read as JSON Lines are. A file without a record
 * is BAD, unless may_be_empty. The paths outlive the source. */
int source_json_open(char *const *paths, size_t count, bool may_be_empty, struct source **out,
		     struct weir_error *err);
bool is_json_name(const char *name); /* ends in .json, or that and .gz or .zst */

/* Several files of JSON Lines or CSV, or folders with such ones: one after the other, each with a
 * header of its own. */
struct source_list {
	char *const *paths;
	size_t count;
	const struct source_kind *kind;	  /* jsonl, csv, rows */
	bool (*wanted)(const char *name); /* which are taken in folders */
	/* Opens one of them. in stays the caller's. */
	int (*open)(void *ctx, const char *path, FILE *in, struct source **out,
		    struct weir_error *err);
	void *ctx;
	bool may_be_empty; /* a file without a record is not BAD */
};

/* All in it outlives the source. A record has its file and line, and no header. */
int source_list_open(const struct source_list *list, struct source **out, struct weir_error *err);

/* How many of the files in a folder, and in those in it, have such a name. wanted, found: `count`
 * of them. Blocks as the file system does. */
void source_look(char *folder, bool (*const *wanted)(const char *name), size_t *found,
		 size_t count);

/* Whether a name ends in one of these (closed by NULL), or in one with .gz or .zst behind it. */
bool source_has_suffix(const char *name, const char *const *suffixes);

/* Reads the plugin's queries one after the other, through a cursor in one read-only snapshot, on a
 * connection of its own. pg_url and queries outlive the source. */
int source_postgres_open(const char *pg_url, const struct weir_source_query *queries,
			 struct source **out, struct weir_error *err);

#endif
