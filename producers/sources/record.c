#include "record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 * 1024, ROOM_MAX = SOURCE_LINE_MAX + BLOCK, SKIP_MAX = 256 << 20 };

/* Makes room behind end: first from what the position has passed, then by growing. */
static int make_room(struct input *in, struct weir_error *err)
{
	size_t room = in->room < ROOM_MAX / 2 ? in->room * 2 : ROOM_MAX;
	char *data;

	if (in->at > 0) {
		memmove(in->data, in->data + in->at, in->end - in->at);
		in->end -= in->at;
		in->at = 0;
	}
	if (in->room - in->end >= BLOCK / 2)
		return 0;
	data = realloc(in->data, room);
	if (!data)
		return weir_fail_memory(err);
	in->data = data;
	in->room = room;
	return 0;
}

static int read_block(struct input *in, struct weir_error *err)
{
	size_t size;

	if (in->end == in->room && make_room(in, err) < 0)
		return -1;
	errno = 0;
	size = fread(in->data + in->end, 1, in->room - in->end, in->stream);
	in->end += size;
	if (size > 0)
		return 0;
	in->over = true;
	if (ferror(in->stream))
		return weir_fail(err, "read_failed", "cannot read the input at line %llu: %s",
				 (unsigned long long)in->line, strerror(errno));
	return 0;
}

int input_init(struct input *in, FILE *stream, struct weir_error *err)
{
	*in = (struct input){.stream = stream, .line = 1, .room = 2 * (size_t)BLOCK};
	in->data = malloc(in->room);
	if (!in->data)
		return weir_fail_memory(err);
	while (!in->over && in->end < 3) {
		if (read_block(in, err) < 0) {
			input_release(in);
			return -1;
		}
	}
	if (in->end >= 3 && memcmp(in->data, "\xEF\xBB\xBF", 3) == 0)
		in->at = 3;
	return 0;
}

void input_release(struct input *in)
{
	free(in->data);
	*in = (struct input){0};
}

const char *input_data(const struct input *in) { return in->data + in->at; }

enum input_status input_find_line(struct input *in, size_t from, size_t *end,
				  struct weir_error *err)
{
	size_t seen = from;

	for (;;) {
		size_t size = in->end - in->at;
		const char *newline = memchr(input_data(in) + seen, '\n', size - seen);

		if (newline)
			size = (size_t)(newline - input_data(in)) + 1;
		if (size > SOURCE_LINE_MAX)
			return INPUT_TOO_LONG;
		if (newline || in->over) {
			*end = size;
			return size > from ? INPUT_LINE : INPUT_END;
		}
		seen = size;
		if (read_block(in, err) < 0)
			return INPUT_FAILED;
	}
}

void input_skip(struct input *in, size_t size)
{
	const char *c = input_data(in);
	const char *end = c + size;

	in->at += size;
	while ((c = memchr(c, '\n', (size_t)(end - c)))) {
		in->line++;
		c++;
	}
}

int input_skip_line(struct input *in, struct weir_error *err)
{
	for (uint64_t skipped = 0;; skipped += in->end - in->at) {
		if (skipped > SKIP_MAX)
			return weir_fail(err, "read_failed",
					 "a line goes on for more than %d MB: this is no file of "
					 "lines",
					 SKIP_MAX >> 20);
		size_t size = in->end - in->at;
		const char *newline = memchr(input_data(in), '\n', size);

		if (newline) {
			input_skip(in, (size_t)(newline - input_data(in)) + 1);
			return 0;
		}
		in->at = in->end;
		if (in->over)
			return 0;
		if (read_block(in, err) < 0)
			return -1;
	}
}

struct weir_text record_without_end(const char *data, size_t size)
{
	if (size && data[size - 1] == '\n')
		size--;
	if (size && data[size - 1] == '\r')
		size--;
	return (struct weir_text){data, size};
}

bool text_same(struct weir_text a, struct weir_text b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool text_says(struct weir_text text, const char *word)
{
	return text_same(text, (struct weir_text){word, strlen(word)});
}

static int shown(struct weir_text file) { return file.size < 300 ? (int)file.size : 300; }

enum source_status record_bad(const struct source_record *record, struct weir_error *err,
			      const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (record->file.data)
		weir_fail(err, "bad_record", "%.*s: %.440s", shown(record->file), record->file.data,
			  text);
	else
		weir_fail(err, "bad_record", "line %llu: %.440s", (unsigned long long)record->line,
			  text);
	return SOURCE_BAD;
}

enum source_status record_no_memory(struct weir_error *err)
{
	weir_fail_memory(err);
	return SOURCE_FAILED;
}

static bool has_nul(struct weir_text text)
{
	return text.size && memchr(text.data, '\0', text.size);
}

enum source_status record_check(const struct source_record *record, struct weir_error *err)
{
	if (!record->custom_id.data)
		return record_bad(record, err, "custom_id is missing");
	if (record->custom_id.size == 0)
		return record_bad(record, err, "custom_id is empty");
	if (record->table_name.data && !record->record_id.data)
		return record_bad(record, err,
				  "table_name is there but record_id is missing: a mapping "
				  "needs both");
	if (record->record_id.data && !record->table_name.data)
		return record_bad(record, err,
				  "record_id is there but table_name is missing: a mapping "
				  "needs both");
	if (has_nul(record->custom_id) || has_nul(record->table_name) || has_nul(record->record_id))
		return record_bad(record, err,
				  "custom_id, table_name and record_id cannot hold the "
				  "character U+0000");
	return SOURCE_RECORD;
}
