#include "objects.h"

#include <string.h>

/* ---- where a value ends ---- */

/* Lines that are left open are looked behind, each of them, for the end of an object; not where
 * more than this are open at a time, so that no byte is passed more often. Items are less deep. */
#define OPEN_MAX 32

/* Walks over a value, byte by byte, without understanding more than strings and brackets. */
struct walk_state {
	int depth, depth_max; /* 0: any */
	bool in_string, escaped;
	char before; /* the last character that is no white space */
};

enum step { GOES_ON, ENDS, BROKEN, TOO_DEEP };

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static enum step step_string(struct walk_state *w, char c)
{
	if (w->escaped)
		w->escaped = false;
	else if (c == '\\')
		w->escaped = true;
	else if (c == '"')
		w->in_string = false;
	else if (c == '\n' || c == '\r')
		return BROKEN; /* no string goes on in the next line */
	return !w->in_string && w->depth == 0 ? ENDS : GOES_ON;
}

/* An object in an object stands behind one of these. Else one was left open, and here the next
 * begins. */
static bool may_open(const struct walk_state *w)
{
	return w->depth == 0 || w->before == ':' || w->before == ',' || w->before == '[';
}

static enum step step(struct walk_state *w, char c)
{
	if (w->in_string)
		return step_string(w, c);
	if (is_blank(c))
		return GOES_ON;
	if (c == '{' && !may_open(w))
		return BROKEN;
	w->before = c;
	w->in_string = c == '"';
	w->depth += (c == '{' || c == '[') - (c == '}' || c == ']');
	if (w->depth_max && w->depth > w->depth_max)
		return TOO_DEEP;
	return w->depth == 0 && !w->in_string ? ENDS : GOES_ON;
}

/* Finds the end of the value (an object, an array or a string) that begins at the position. LINE:
 * it has *size bytes. END: it has none; TOO_LONG: nor is that known, as it is longer than an item
 * may be, or deeper than depth_max. *size is what was looked at. */
static enum input_status find_value(struct input *in, int depth_max, size_t *size,
				    struct weir_error *err)
{
	struct walk_state w = {.depth_max = depth_max};
	size_t at = 0;

	for (;;) {
		const char *data = input_data(in);

		for (; at < input_size(in); at++) {
			enum step is = step(&w, data[at]);

			*size = at + 1;
			if (*size > SOURCE_LINE_MAX || is == TOO_DEEP)
				return INPUT_TOO_LONG;
			if (is != GOES_ON)
				return is == ENDS ? INPUT_LINE : INPUT_END;
		}
		if (in->over)
			return INPUT_END;
		if (input_more(in, err) < 0)
			return INPUT_FAILED;
	}
}

/* ---- characters ---- */

/* *size: of the white space `from` bytes behind the position; *c: what stands behind it, or '\0' at
 * the end of the stream. */
static int look_over_blanks(struct input *in, size_t from, size_t *size, char *c,
			    struct weir_error *err)
{
	size_t at = from;

	for (;;) {
		while (at < input_size(in) && is_blank(input_data(in)[at]))
			at++;
		*size = at - from;
		*c = at < input_size(in) ? input_data(in)[at] : '\0';
		if (at < input_size(in) || in->over)
			return 0;
		if (from == 0) { /* nothing before it is needed */
			input_skip(in, at);
			at = 0;
		}
		if (at > SOURCE_LINE_MAX)
			return 0;
		if (input_more(in, err) < 0)
			return -1;
	}
}

/* Passes over white space; *c: what stands at the position then. */
static int skip_blanks(struct input *in, char *c, struct weir_error *err)
{
	size_t size;

	if (look_over_blanks(in, 0, &size, c, err) < 0)
		return -1;
	input_skip(in, size);
	return 0;
}

/* ---- objects in lines, or one behind the other ---- */

static enum source_status too_long(struct objects *s, const struct source_record *record,
				   struct weir_error *err)
{
	if (input_skip_line(&s->input, err) < 0)
		return SOURCE_FAILED;
	return record_bad(record, err,
			  "line too long: more than %d bytes (an item is at most that; a list of "
			  "items is an array, or an object a line)",
			  SOURCE_LINE_MAX);
}

/* Behind an object, up to the end of its line, may stand another and nothing else. */
static int check_behind(struct input *in, size_t end, bool *good, struct weir_error *err)
{
	size_t blanks;
	char c;

	if (look_over_blanks(in, end, &blanks, &c, err) < 0)
		return -1;
	*good = c == '{' || c == '\0' || memchr(input_data(in) + end, '\n', blanks) != NULL ||
		memchr(input_data(in) + end, '\r', blanks) != NULL;
	if (c == '\0' && end + blanks < input_size(in)) /* a NUL byte */
		*good = false;
	return 0;
}

/* Is there an object that ends before the line does, or behind it? LINE: it takes *size bytes. */
static enum input_status find_other(struct input *in, size_t *size, struct weir_error *err)
{
	bool good;
	enum input_status found = find_value(in, OPEN_MAX, size, err);

	if (found != INPUT_LINE)
		return found;
	if (check_behind(in, *size, &good, err) < 0)
		return INPUT_FAILED;
	return good ? INPUT_LINE : INPUT_END;
}

static enum source_status take(struct objects *s, size_t size, struct source_record *record,
			       struct weir_error *err)
{
	record->raw = record_without_end(input_data(&s->input), size);
	input_skip(&s->input, size);
	return object_take(&s->object, record->raw, record, err);
}

/* The line that begins at the position, of `size` bytes, is no object, as err says. */
static enum source_status take_other(struct objects *s, size_t size, struct source_record *record,
				     struct weir_error *err)
{
	struct weir_error why;
	size_t other;
	enum input_status found =
		input_data(&s->input)[0] == '{' ? find_other(&s->input, &other, &why) : INPUT_END;

	s->no_line = found == INPUT_LINE && other != size;
	if (s->no_line)
		return take(s, other, record, err);
	if (found == INPUT_FAILED) {
		*err = why;
		return SOURCE_FAILED;
	}
	if (found == INPUT_TOO_LONG && other > size) {
		why = *err;
		weir_fail(err, why.code,
			  "%.400s (one that goes on in the next lines may have 1 MiB, and be %d "
			  "deep)",
			  why.text, OPEN_MAX);
	}
	record->raw = record_without_end(input_data(&s->input), size);
	input_skip(&s->input, size);
	return SOURCE_BAD;
}

/* A line that is too long may be many objects. */
static enum source_status take_long(struct objects *s, struct source_record *record,
				    struct weir_error *err)
{
	size_t size;
	enum input_status found = find_other(&s->input, &size, err);

	s->no_line = found == INPUT_LINE;
	if (s->no_line)
		return take(s, size, record, err);
	return found == INPUT_FAILED ? SOURCE_FAILED : too_long(s, record, err);
}

static enum source_status next_line(struct objects *s, struct source_record *record,
				    struct weir_error *err)
{
	enum source_status status;
	struct weir_text line;
	size_t end;

	switch (input_find_line(&s->input, 0, &end, err)) {
	case INPUT_FAILED:
		return SOURCE_FAILED;
	case INPUT_END:
		return SOURCE_END;
	case INPUT_TOO_LONG:
		return take_long(s, record, err);
	case INPUT_LINE:
		break;
	}
	line = record_without_end(input_data(&s->input), end);
	record->raw = line;
	status = object_take(&s->object, line, record, err);
	if (status == SOURCE_BAD && s->object.no_json)
		return take_other(s, end, record, err);
	input_skip(&s->input, end);
	return status;
}

/* An object is looked for by lines, as most are one, or by its brackets if the last one was none: a
 * line of many objects is not read again for each. */
static enum source_status next_object(struct objects *s, struct source_record *record,
				      struct weir_error *err)
{
	size_t size;
	char c;

	if (skip_blanks(&s->input, &c, err) < 0)
		return SOURCE_FAILED;
	record->line = s->input.line;
	if (s->no_line && c == '{') {
		switch (find_other(&s->input, &size, err)) {
		case INPUT_LINE:
			return take(s, size, record, err);
		case INPUT_FAILED:
			return SOURCE_FAILED;
		default:
			break;
		}
	}
	s->no_line = false;
	return next_line(s, record, err);
}

/* ---- an array ---- */

static enum source_status broken(uint64_t line, const char *why, struct weir_error *err)
{
	weir_fail(err, "read_failed", "line %llu: %s", (unsigned long long)line, why);
	return SOURCE_FAILED;
}

static bool ends_scalar(char c) { return is_blank(c) || c == ',' || c == ']' || c == '}'; }

/* What is no object, array or string: 42, true, or nothing at all. */
static int skip_scalar(struct input *in, struct weir_error *err)
{
	size_t at = 0;

	for (;;) {
		while (at < input_size(in) && !ends_scalar(input_data(in)[at]))
			at++;
		input_skip(in, at);
		if (input_size(in) > 0 || in->over)
			return 0;
		at = 0;
		if (input_more(in, err) < 0)
			return -1;
	}
}

static enum source_status no_object(struct objects *s, char c, struct source_record *record,
				    struct weir_error *err)
{
	size_t size;
	enum input_status found;

	if (c == ',' || c == ':' || c == '}')
		return broken(record->line, "an object is missing in the array", err);
	if (c != '[' && c != '"') {
		if (skip_scalar(&s->input, err) < 0)
			return SOURCE_FAILED;
		return record_bad(record, err, "an element of the array is no object");
	}
	found = find_value(&s->input, 0, &size, err);
	if (found == INPUT_FAILED)
		return SOURCE_FAILED;
	if (found != INPUT_LINE)
		return broken(record->line, "an element of the array is no object, and has no end",
			      err);
	record->raw = (struct weir_text){input_data(&s->input), size};
	input_skip(&s->input, size);
	return record_bad(record, err, "an element of the array is no object, but %s",
			  c == '[' ? "an array" : "a string");
}

static enum source_status take_element(struct objects *s, char c, struct source_record *record,
				       struct weir_error *err)
{
	size_t size;

	record->line = s->input.line;
	s->behind_one = true;
	if (c != '{')
		return no_object(s, c, record, err);
	switch (find_value(&s->input, 0, &size, err)) {
	case INPUT_FAILED:
		return SOURCE_FAILED;
	case INPUT_TOO_LONG:
		return broken(record->line,
			      "the object that begins here is more than 1 MiB: an item is at most "
			      "that",
			      err);
	case INPUT_END:
		if (input_data(&s->input)[size - 1] == '\n')
			return broken(record->line,
				      "the object that begins here is not closed, or a line break "
				      "stands in a text of it, where it is written \\n",
				      err);
		return broken(record->line,
			      "the object that begins here is not closed: the file is damaged, or "
			      "was cut off",
			      err);
	case INPUT_LINE:
		break;
	}
	return take(s, size, record, err);
}

/* Between two arrays. */
static enum source_status next_array(struct objects *s, char c, struct weir_error *err)
{
	if (c == '\0' && input_size(&s->input) == 0)
		return SOURCE_END;
	if (c != '[')
		return broken(s->input.line, "something else stands behind the array", err);
	s->array_line = s->input.line;
	s->in_array = true;
	s->behind_one = false;
	input_skip(&s->input, 1);
	return SOURCE_RECORD;
}

static enum source_status no_end(const struct objects *s, struct weir_error *err)
{
	weir_fail(err, "read_failed",
		  "line %llu: the array that begins here is not closed: the file was cut off",
		  (unsigned long long)s->array_line);
	return SOURCE_FAILED;
}

/* RECORD: c is where an element begins. END: the array ends here. */
static enum source_status find_element(struct objects *s, char *c, struct weir_error *err)
{
	bool comma = s->behind_one && *c == ',';

	if (comma) {
		input_skip(&s->input, 1);
		if (skip_blanks(&s->input, c, err) < 0)
			return SOURCE_FAILED;
	}
	if (*c == '\0' && input_size(&s->input) == 0)
		return no_end(s, err);
	if (*c == ']' && comma)
		return broken(s->input.line, "a comma stands behind the last object of the array",
			      err);
	if (*c == ']') {
		input_skip(&s->input, 1);
		s->in_array = false;
		return SOURCE_END;
	}
	if (s->behind_one && !comma)
		return broken(s->input.line, "a comma or ] is missing in the array", err);
	return SOURCE_RECORD;
}

static enum source_status next_element(struct objects *s, struct source_record *record,
				       struct weir_error *err)
{
	enum source_status status;
	char c;

	for (;;) {
		if (skip_blanks(&s->input, &c, err) < 0)
			return SOURCE_FAILED;
		if (!s->in_array) {
			status = next_array(s, c, err);
			if (status != SOURCE_RECORD)
				return status;
			continue;
		}
		status = find_element(s, &c, err);
		if (status == SOURCE_RECORD)
			return take_element(s, c, record, err);
		if (status == SOURCE_FAILED)
			return SOURCE_FAILED;
	}
}

/* ---- the stream ---- */

enum source_status objects_next(struct objects *s, struct source_record *record,
				struct weir_error *err)
{
	char c;

	*record = (struct source_record){.line = 0};
	if (!s->begun) {
		if (skip_blanks(&s->input, &c, err) < 0)
			return SOURCE_FAILED;
		s->begun = true;
		s->is_array = c == '[';
	}
	return s->is_array ? next_element(s, record, err) : next_object(s, record, err);
}

enum input_status objects_alone(struct objects *s, struct weir_text *text, struct weir_error *err)
{
	size_t size, blanks;
	char c;

	if (skip_blanks(&s->input, &c, err) < 0)
		return INPUT_FAILED;
	if (c != '{')
		return INPUT_END;
	switch (find_value(&s->input, 0, &size, err)) {
	case INPUT_FAILED:
		return INPUT_FAILED;
	case INPUT_TOO_LONG:
		return INPUT_TOO_LONG;
	case INPUT_END:
		*text = (struct weir_text){input_data(&s->input), size};
		return INPUT_LINE;
	case INPUT_LINE:
		break;
	}
	if (look_over_blanks(&s->input, size, &blanks, &c, err) < 0)
		return INPUT_FAILED;
	if (size + blanks < input_size(&s->input) || !s->input.over)
		return INPUT_END;
	*text = (struct weir_text){input_data(&s->input), size};
	return INPUT_LINE;
}

int objects_init(struct objects *s, FILE *in, struct weir_error *err)
{
	*s = (struct objects){.begun = false};
	return input_init(&s->input, in, err);
}

void objects_release(struct objects *s)
{
	object_release(&s->object);
	input_release(&s->input);
}
