/* csv.h: the rows of a CSV file, cell by cell. Private to this folder.
 *
 * What stands between the columns is what the caller or the file's first line says (sep=; as Excel
 * writes and reads it). Where neither does, it is a comma; or, when there is then no column
 * custom_id, the only one of ; tab | with which there is one: without that column no file is read,
 * so a wrong guess cannot be. Names of columns are trimmed, of blanks of all kinds; values are
 * not. In a file whose header ends in LF or CRLF a CR alone, outside of quotes, ends no row: such a
 * row is bad. */
#ifndef WEIR_SOURCES_CSV_H
#define WEIR_SOURCES_CSV_H

#include "record.h"

#define CSV_COLUMNS_MAX 1024

enum csv_role { CSV_CUSTOM_ID, CSV_TABLE_NAME, CSV_RECORD_ID, CSV_CONTEXT, CSV_PAYLOAD, CSV_HEAD };

struct csv_column {
	enum csv_role role;	 /* by its name; HEAD is given by who groups rows */
	struct weir_text name;	 /* in csv.names */
	size_t key_at, key_size; /* in csv.keys: the name as JSON, and a colon */
};

struct csv {
	struct input input;
	char separator;	 /* '\0': the file tells */
	bool has_header; /* with the first row */
	bool ends_in_lf; /* the header's line does: a CR alone ends no line then */
	bool lone_cr;	 /* one stands in the record at hand */
	size_t id;	 /* the column custom_id */
	size_t count;	 /* of columns */
	struct csv_column columns[CSV_COLUMNS_MAX];
	struct weir_text cells[CSV_COLUMNS_MAX]; /* of the row at hand; absent: null */
	struct buffer header;			 /* as it was read */
	struct buffer names, keys;
	struct buffer unescaped; /* fields that had doubled quotes */
};

/* in stays the caller's; separator: one that csv_is_separator(), or '\0'. 0, or -1 with err. */
int csv_init(struct csv *c, FILE *in, char separator, struct weir_error *err) WEIR_MUST_CHECK;
void csv_release(struct csv *c);

/* Whether it may stand between the columns: , ; tab | ^ ~ : */
bool csv_is_separator(char c);

/* Reads the next row into c->cells: line and raw of the record are set, its texts not. The cells
 * are valid until the next call. Otherwise as source_kind.next(). */
enum source_status csv_next(struct csv *c, struct source_record *record, struct weir_error *err);

/* Adds "NAME":"CELL" of the row at hand to an object that is being written, with what comes before
 * it: the opening brace or a comma. `begin` is where the object begins in the buffer. */
void csv_add_pair(const struct csv *c, size_t column, struct buffer *out, size_t begin);

#endif
