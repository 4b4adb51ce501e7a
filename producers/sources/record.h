/* record.h: what the sources that read text share. Private to this folder. */
#ifndef WEIR_SOURCES_RECORD_H
#define WEIR_SOURCES_RECORD_H

#include "source.h"

/* A window on a stream: the bytes from the position on, as many as are needed at a time, at most
 * SOURCE_LINE_MAX and a block. Reading blocks as the stream does. */
struct input {
	FILE *stream;
	char *data;
	size_t at, end, room; /* the position, and the end of what has been read */
	uint64_t line;	      /* number of the line at the position, from 1 */
	bool over;	      /* the stream has no more */
};

enum input_status { INPUT_LINE, INPUT_END, INPUT_TOO_LONG, INPUT_FAILED };

/* Starts at line 1; passes over a byte order mark. 0, or -1 with err. */
int input_init(struct input *in, FILE *stream, struct weir_error *err) WEIR_MUST_CHECK;
void input_release(struct input *in);

/* Looks for the end of the line that begins `from` bytes behind the position. LINE: *end is the
 * offset behind its newline, or behind the last byte of the input. END: no byte is there. TOO_LONG:
 * it ends more than SOURCE_LINE_MAX behind the position. FAILED: err says why. */
enum input_status input_find_line(struct input *in, size_t from, size_t *end,
				  struct weir_error *err);

/* The bytes from the position on: valid until the next call of input_find_line(). */
const char *input_data(const struct input *in);

/* Moves the position over bytes that input_find_line() has found. */
void input_skip(struct input *in, size_t size);

/* Moves the position behind the next newline without keeping what lies before it. */
int input_skip_line(struct input *in, struct weir_error *err) WEIR_MUST_CHECK;

/* A line of `size` bytes without its \n or \r\n. */
struct weir_text record_without_end(const char *data, size_t size);

bool text_same(struct weir_text a, struct weir_text b);
bool text_says(struct weir_text text, const char *word);

/* Fills err with "line N: " or the file, and the text, code bad_record. Returns SOURCE_BAD. */
enum source_status record_bad(const struct source_record *record, struct weir_error *err,
			      const char *fmt, ...) WEIR_FORMAT(3, 4);

/* Turns a failure that is not the record's into SOURCE_FAILED. */
enum source_status record_no_memory(struct weir_error *err);

/* Checks what any record must have: a custom_id, both or neither part of a mapping, and no NUL in
 * them. */
enum source_status record_check(const struct source_record *record, struct weir_error *err);

#endif
