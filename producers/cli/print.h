/* print.h: records as JSON, as CSV and for people. A record is a struct whose fields are rows of a
 * table; the same rows fill it from a query and write it in every format, so that a name stands in
 * one place.
 *
 * JSON members and CSV cells are each written with the comma behind them; closing the object or the
 * row takes the last one away. Everything is appended to a buffer (check that at the end); nothing
 * blocks, and no number passes through the locale. */
#ifndef WEIR_PRINT_H
#define WEIR_PRINT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plain.h"

/* ---- values ---- */

/* A number with at most `decimals` (0 to 6) digits behind the point, without zeros at its end.
 * False, and nothing is added, when it is no number that can be written (NaN, or 9e12 and more). */
bool print_real(struct buffer *b, double v, int decimals);

/* 42 s, 3:05 min, 2:05 h, 4.1 d */
void print_duration(struct buffer *b, double seconds);

/* ---- JSON ---- */

void json_key(struct buffer *b, const char *name); /* "name": */
void json_text(struct buffer *b, const char *name, struct weir_text text);
void json_count(struct buffer *b, const char *name, int64_t v);
void json_decimal(struct buffer *b, const char *name, double v); /* NaN: null */
void json_flag(struct buffer *b, const char *name, bool v);
void json_raw(struct buffer *b, const char *name, struct weir_text json); /* a document */
/* bracket: '}' or ']'. Adds the comma behind it, too. */
void json_close(struct buffer *b, char bracket);
/* The outermost bracket: a newline instead of the comma. */
void json_end(struct buffer *b, char bracket);

/* ---- CSV: RFC 4180 ---- */

/* Spreadsheets take a file that begins with U+FEFF for UTF-8; without, Excel takes it for the code
 * page of the country. Source: Microsoft support, "Opening CSV UTF-8 files correctly in Excel". */
void csv_begin(struct buffer *b);
/* A cell that a spreadsheet would take for a formula gets a ' before it, unless it is a number:
 * = + - @ TAB CR LF in front, or the full-width forms of the first four, be it behind blanks. What
 * has a separator of another country in it (; TAB) is quoted too. Source: OWASP, "CSV Injection".
 */
void csv_cell(struct buffer *b, struct weir_text cell);
void csv_end(struct buffer *b);

/* ---- records ---- */

enum field_type {
	FIELD_END,
	FIELD_TEXT,  /* char[room]; "" is null      SQL: text */
	FIELD_EXACT, /* the same, of a number as it is to stand in JSON, or a word instead of it */
	FIELD_COUNT, /* int64_t                     SQL: bigint */
	FIELD_REAL,  /* double; NaN is null         SQL: double precision */
	FIELD_FLAG   /* bool                        SQL: boolean */
};

struct field {
	const char *name; /* of the SQL column, the JSON member, the CSV column */
	enum field_type type;
	size_t offset, room;
};

#define FIELD(TYPE, RECORD, NAME, FIELD_NAME)                                                      \
	{                                                                                          \
		.name = (NAME), .type = (TYPE), .offset = offsetof(RECORD, FIELD_NAME),            \
		.room = sizeof(((RECORD *)0)->FIELD_NAME)                                          \
	}

/* Fills the fields for which a row of a binary result has a column; leaves the others alone. A text
 * that is too long is cut. */
void fields_read(const struct field *fields, const PGresult *r, int row, void *record);
void fields_json(const struct field *fields, const void *record, struct buffer *b);
/* The header cells, each name behind the prefix. */
void fields_csv_names(const struct field *fields, const char *prefix, struct buffer *b);
void fields_csv(const struct field *fields, const void *record, struct buffer *b);

#endif
