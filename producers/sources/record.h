/* record.h: what the sources that read text share. Private to this folder. */
#ifndef WEIR_SOURCES_RECORD_H
#define WEIR_SOURCES_RECORD_H

#include "source.h"
#include "unpack.h"

/* A window on a stream, unpacked: the bytes from the position on, as many as are needed at a time,
 * at most SOURCE_LINE_MAX and a block. A line ends in LF, CRLF or CR. Reading blocks as the stream
 * does. */
struct input {
	struct unpack unpack;
	char *data;
	size_t at, end, room; /* the position, and the end of what has been read */
	uint64_t line;	      /* number of the line at the position, from 1 */
	bool after_cr;	      /* the byte before the position is a CR: a LF here is a part of it */
	bool over;	      /* the stream has no more */
};

/* What to do about text that is not UTF-8. */
#define RECORD_ENCODING_ADVICE                                                                     \
	"save the file as UTF-8 (in a spreadsheet: \"CSV UTF-8\"); one that Excel saved as plain " \
	"\"CSV\" in Western Europe or America: iconv -f WINDOWS-1252 -t UTF-8 FILE"

enum input_status { INPUT_LINE, INPUT_END, INPUT_TOO_LONG, INPUT_FAILED };

/* Starts at line 1; passes over a byte order mark. What is no text is refused by what it is
 * (not_readable). 0, or -1 with err. */
int input_init(struct input *in, FILE *stream, struct weir_error *err) WEIR_MUST_CHECK;
void input_release(struct input *in);

/* Looks for the end of the line that begins `from` bytes behind the position. LINE: *end is the
 * offset behind its end, or behind the last byte of the input. END: no byte is there. TOO_LONG:
 * it ends more than SOURCE_LINE_MAX behind the position. FAILED: err says why. */
enum input_status input_find_line(struct input *in, size_t from, size_t *end,
				  struct weir_error *err);

/* The bytes from the position on, and how many of them are there: valid until the next call of
 * input_find_line() or input_more(). */
const char *input_data(const struct input *in);
size_t input_size(const struct input *in);

/* Reads on, so that input_size() grows; it does not where the stream is over. 0, or -1 with err. */
int input_more(struct input *in, struct weir_error *err) WEIR_MUST_CHECK;

/* Moves the position over bytes that are there. */
void input_skip(struct input *in, size_t size);

/* Moves the position behind the next line end without keeping what lies before it. */
int input_skip_line(struct input *in, struct weir_error *err) WEIR_MUST_CHECK;

/* A line of `size` bytes without its end. */
struct weir_text record_without_end(const char *data, size_t size);

bool text_same(struct weir_text a, struct weir_text b);
bool text_says(struct weir_text text, const char *word);

/* Fills err with the file and "line N: ", as far as the record has them, and the text, code
 * bad_record. Returns SOURCE_BAD. */
enum source_status record_bad(const struct source_record *record, struct weir_error *err,
			      const char *fmt, ...) WEIR_FORMAT(3, 4);

/* Turns a failure that is not the record's into SOURCE_FAILED. */
enum source_status record_no_memory(struct weir_error *err);

/* Which of custom_id, table_name, record_id and context a name was meant for that differs from it
 * in case, blanks, "_" or "-"; so does the part before a dot of context.NAME. NULL: none. */
const char *record_meant(struct weir_text name);

/* Checks what any record must have: a custom_id, both or neither part of a mapping, and no NUL in
 * them. */
enum source_status record_check(const struct source_record *record, struct weir_error *err);

#endif
