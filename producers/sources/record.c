#include "record.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "magic.h"
#include "weir/nearest.h"

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

int input_more(struct input *in, struct weir_error *err)
{
	struct weir_error why;
	size_t size;

	if (in->over)
		return 0;
	if (in->end == in->room && make_room(in, err) < 0)
		return -1;
	if (unpack_read(&in->unpack, in->data + in->end, in->room - in->end, &size, &why) < 0)
		return weir_fail(err, why.code, "cannot read the input at line %llu: %s",
				 (unsigned long long)in->line, why.text);
	in->end += size;
	in->over = size == 0;
	return 0;
}

int input_init(struct input *in, FILE *stream, struct weir_error *err)
{
	int rc;

	*in = (struct input){.line = 1, .room = 2 * (size_t)BLOCK};
	in->data = malloc(in->room);
	rc = in->data ? unpack_init(&in->unpack, stream, err) : weir_fail_memory(err);
	while (rc == 0 && !in->over && in->end < MAGIC_BYTES)
		rc = input_more(in, err);
	if (rc == 0)
		rc = magic_check(in->data, in->end, true, err);
	if (rc < 0) {
		input_release(in);
		return -1;
	}
	if (in->end >= 3 && memcmp(in->data, "\xEF\xBB\xBF", 3) == 0)
		in->at = 3;
	return 0;
}

void input_release(struct input *in)
{
	unpack_release(&in->unpack);
	free(in->data);
	*in = (struct input){0};
}

const char *input_data(const struct input *in) { return in->data + in->at; }

size_t input_size(const struct input *in) { return in->end - in->at; }

/* ---- lines ---- */

enum { STRIDE = 4096 }; /* so that lines that end in CR are not each searched for a far LF */

/* The first LF or CR. */
static const char *find_end(const char *c, const char *end)
{
	while (c < end) {
		size_t size = (size_t)(end - c) < STRIDE ? (size_t)(end - c) : STRIDE;
		const char *lf = memchr(c, '\n', size);
		const char *cr = memchr(c, '\r', lf ? (size_t)(lf - c) : size);

		if (cr || lf)
			return cr ? cr : lf;
		c += size;
	}
	return NULL;
}

/* Offset behind the first line end from `from` on; 0: it is not there, or a CR is the last byte and
 * its LF may be to come. */
static size_t behind_line(const struct input *in, size_t from)
{
	const char *begin = input_data(in);
	const char *end = begin + input_size(in);
	const char *c = find_end(begin + from, end);

	if (!c || (*c == '\r' && c + 1 == end && !in->over))
		return 0;
	return (size_t)(c - begin) + (*c == '\r' && c + 1 < end && c[1] == '\n' ? 2 : 1);
}

enum input_status input_find_line(struct input *in, size_t from, size_t *end,
				  struct weir_error *err)
{
	size_t seen = from;

	for (;;) {
		size_t behind = behind_line(in, seen);
		size_t size = behind ? behind : input_size(in);

		if (size > SOURCE_LINE_MAX)
			return INPUT_TOO_LONG;
		if (behind || in->over) {
			*end = size;
			return size > from ? INPUT_LINE : INPUT_END;
		}
		if (size > from)
			seen = size - 1; /* which may be a CR */
		if (input_more(in, err) < 0)
			return INPUT_FAILED;
	}
}

void input_skip(struct input *in, size_t size)
{
	const char *c = input_data(in);
	const char *end = c + size;

	in->at += size;
	if (c < end && in->after_cr && *c == '\n')
		c++;
	while ((c = find_end(c, end))) {
		c += *c == '\r' && c + 1 < end && c[1] == '\n' ? 2 : 1;
		in->line++;
	}
	if (size > 0)
		in->after_cr = end[-1] == '\r';
}

int input_skip_line(struct input *in, struct weir_error *err)
{
	for (uint64_t skipped = 0;; skipped += input_size(in)) {
		size_t behind = behind_line(in, 0);

		if (behind || in->over) {
			input_skip(in, behind ? behind : input_size(in));
			return 0;
		}
		if (skipped > SKIP_MAX)
			return weir_fail(err, "read_failed",
					 "a line goes on for more than %d MB: this is no file of "
					 "lines",
					 SKIP_MAX >> 20);
		in->at = in->end - (in->end > in->at); /* the last byte may be a CR */
		if (input_more(in, err) < 0)
			return -1;
	}
}

/* ---- records ---- */

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
	if (record->file.data && record->line)
		weir_fail(err, "bad_record", "%.*s: line %llu: %.440s", shown(record->file),
			  record->file.data, (unsigned long long)record->line, text);
	else if (record->file.data)
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

const char *record_meant(struct weir_text name)
{
	static const char *const names[] = {"custom_id", "table_name", "record_id", "context"};
	const char *dot = name.size ? memchr(name.data, '.', name.size) : NULL;
	struct weir_text before = {name.data, dot ? (size_t)(dot - name.data) : 0};

	for (size_t i = 0; name.size && i < sizeof names / sizeof *names; i++)
		if (nearest_is_spelt(name, names[i]) && !text_says(name, names[i]))
			return names[i];
	return dot && nearest_is_spelt(before, "context") && !text_says(before, "context")
		       ? "context.NAME"
		       : NULL;
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
