/* CSV after RFC 4180: a header line, commas (or another separator), and quotes around fields that
 * hold commas, quotes or newlines. An empty field is null; an empty field in quotes is an empty
 * string. */
#include "csv.h"

#include <string.h>
#include <strings.h>

#include "weir/utf8.h"

/* ---- where a record ends ---- */

static bool odd_quotes(const char *c, const char *end)
{
	bool odd = false;

	while ((c = memchr(c, '"', (size_t)(end - c)))) {
		odd = !odd;
		c++;
	}
	return odd;
}

/* Finds the record at the position: the lines up to one behind which all quotes are closed. *first
 * is the size of its first line. When they are never closed within the bounds, *size covers what
 * there is, and taking it apart will come upon the open quote. */
static enum input_status find_record(struct csv *s, size_t *first, size_t *size,
				     struct weir_error *err)
{
	struct input *in = &s->input;
	bool open = false, cr = false;
	size_t from, end = 0;

	s->lone_cr = false;

	do {
		enum input_status status;

		from = end;
		status = input_find_line(in, from, &end, err);
		if (status == INPUT_FAILED || (status != INPUT_LINE && from == 0))
			return status;
		if (status != INPUT_LINE)
			return INPUT_LINE;
		s->lone_cr |= cr;
		if (from == 0 || s->lone_cr)
			*first = end;
		*size = end;
		open ^= odd_quotes(input_data(in) + from, input_data(in) + end);
		cr = s->ends_in_lf && !open && input_data(in)[end - 1] == '\r';
	} while (open || cr);
	return INPUT_LINE;
}

/* A line without any cell that says something: spreadsheets write such ones below the last row. */
static bool is_blank(const struct csv *s, struct weir_text line)
{
	char separator = s->separator ? s->separator : ',';

	for (size_t i = 0; i < line.size; i++)
		if (line.data[i] != separator && line.data[i] != ' ' && line.data[i] != '\t')
			return false;
	return true;
}

/* Passes over blank lines and finds the next record. */
static enum input_status next_record(struct csv *s, size_t *first, size_t *size,
				     struct weir_error *err)
{
	struct input *in = &s->input;

	for (;;) {
		enum input_status status = find_record(s, first, size, err);

		if (status != INPUT_LINE ||
		    !is_blank(s, record_without_end(input_data(in), *first)))
			return status;
		input_skip(in, *first);
	}
}

/* ---- its fields ---- */

/* A field that is being taken apart. */
struct field {
	size_t number;	  /* from 1 */
	const char *next; /* behind it: a separator, or the record's end */
	struct weir_text value;
};

static enum source_status plain_field(const struct csv *s, struct field *f, const char *end,
				      const struct source_record *record, struct weir_error *err)
{
	const char *c = f->next;
	char separator = s->separator;

	while (c < end && *c != separator && *c != '"')
		c++;
	if (c < end && *c == '"')
		return record_bad(record, err,
				  "a quote stands inside field %zu, which does not begin with "
				  "one: put the field in quotes and write this quote twice",
				  f->number);
	f->value = (struct weir_text){c > f->next ? f->next : NULL, (size_t)(c - f->next)};
	f->next = c;
	return SOURCE_RECORD;
}

/* The closing quote of a field whose content begins at c, or NULL. */
static const char *closing_quote(const char *c, const char *end, bool *doubled)
{
	while ((c = memchr(c, '"', (size_t)(end - c)))) {
		if (c + 1 == end || c[1] != '"')
			return c;
		*doubled = true;
		c += 2;
	}
	return NULL;
}

/* Doubled quotes made single, behind what `out` holds; the caller has made room. */
static struct weir_text unescape(struct buffer *out, struct weir_text text)
{
	struct weir_text result = {out->data + out->size, 0};
	const char *c = text.data;
	const char *end = text.data + text.size;

	while (c < end) {
		const char *quote = memchr(c, '"', (size_t)(end - c));
		size_t size = (size_t)((quote ? quote + 1 : end) - c);

		buffer_add(out, c, size);
		result.size += size;
		c += size + (quote != NULL);
	}
	return result;
}

static enum source_status quoted_field(struct csv *s, struct field *f, const char *end,
				       const struct source_record *record, struct weir_error *err)
{
	bool doubled = false;
	const char *begin = f->next + 1;
	const char *close = closing_quote(begin, end, &doubled);

	if (!close)
		return record_bad(record, err,
				  "the quote that opens field %zu is not closed, or not within "
				  "%d bytes",
				  f->number, SOURCE_LINE_MAX);
	if (close + 1 < end && close[1] != s->separator)
		return record_bad(record, err,
				  "text stands behind the closing quote of field %zu (a quote "
				  "inside a field is written twice)",
				  f->number);
	f->value = (struct weir_text){begin, (size_t)(close - begin)};
	if (doubled)
		f->value = unescape(&s->unescaped, f->value);
	f->next = close + 1;
	return SOURCE_RECORD;
}

/* Takes record->raw apart into s->cells. *count: its fields, of which CSV_COLUMNS_MAX are kept. */
static enum source_status take_apart(struct csv *s, const struct source_record *record,
				     size_t *count, struct weir_error *err)
{
	struct field f = {.next = record->raw.data};
	const char *end = record->raw.data + record->raw.size;
	enum source_status status;

	buffer_reset(&s->unescaped);
	if (!buffer_reserve(&s->unescaped, record->raw.size))
		return record_no_memory(err);
	for (;; f.next++) {
		f.number++;
		if (f.next < end && *f.next == '"')
			status = quoted_field(s, &f, end, record, err);
		else
			status = plain_field(s, &f, end, record, err);
		if (status != SOURCE_RECORD)
			return status;
		if (f.number <= CSV_COLUMNS_MAX)
			s->cells[f.number - 1] = f.value;
		if (f.next == end)
			break;
	}
	*count = f.number;
	return SOURCE_RECORD;
}

static enum source_status check_characters(const struct source_record *record,
					   struct weir_error *err)
{
	size_t valid = utf8_valid(record->raw.data, record->raw.size);

	if (valid < record->raw.size)
		return record_bad(record, err,
				  "byte %zu of the record, 0x%02x, is not valid "
				  "UTF-8: " RECORD_ENCODING_ADVICE,
				  valid + 1, (unsigned)(unsigned char)record->raw.data[valid]);
	if (memchr(record->raw.data, '\0', record->raw.size))
		return record_bad(record, err, "a NUL byte (is the file UTF-16?)");
	return SOURCE_RECORD;
}

/* Takes the record of `size` bytes at the position apart and moves behind it: behind its first line
 * alone when its quotes are wrong, since what follows was then not meant to be part of it. */
static enum source_status take_record(struct csv *s, size_t first, size_t size,
				      struct source_record *record, size_t *count,
				      struct weir_error *err)
{
	enum source_status status;

	record->raw = record_without_end(input_data(&s->input), size);
	status = s->lone_cr ? record_bad(record, err,
					 "a carriage return stands inside, and lines end in a line "
					 "feed here: put the field in quotes, or take it out")
			    : take_apart(s, record, count, err);
	if (status == SOURCE_BAD) {
		size = first;
		record->raw = record_without_end(input_data(&s->input), first);
	}
	input_skip(&s->input, size);
	return status == SOURCE_RECORD ? check_characters(record, err) : status;
}

/* ---- separators ---- */

static const char separators[] = ",;\t|";

bool csv_is_separator(char c) { return c && (strchr(separators, c) || strchr("^~:", c)); }

static const char *name_of_separator(char c)
{
	static const char *const names[] = {"a comma", "a semicolon", "a tab", "|"};
	const char *at = strchr(separators, c);

	return at ? names[at - separators] : "another separator";
}

/* Excel's own first line: sep=; which may be in quotes, and padded with separators. */
static bool is_sep_line(struct weir_text line, char *separator)
{
	const char *c = line.data, *end = c + line.size;
	bool quoted = c < end && *c == '"';

	c += quoted;
	if (end - c < 5 || strncasecmp(c, "sep=", 4) != 0)
		return false;
	*separator = c[4];
	for (c += 5; c < end; c++)
		if (*c != *separator && *c != ' ' && *c != '"')
			return false;
	return true;
}

static int take_sep_line(struct csv *s, char separator, struct weir_error *err)
{
	if (!csv_is_separator(separator))
		return weir_fail(
			err, "bad_header",
			"the first line, sep=, names no separator that is known: , ; | tab "
			"^ ~ or :");
	if (s->separator && s->separator != separator)
		return weir_fail(
			err, "bad_header",
			"the first line says that %s stands between the columns, and it was "
			"said that it is %s",
			name_of_separator(separator), name_of_separator(s->separator));
	s->separator = separator;
	return 0;
}

/* ---- the header ---- */

static int bad_header(struct weir_error *err, const char *text, struct weir_text name)
{
	return weir_fail(err, "bad_header", "the header line: %s \"%.*s\"", text,
			 name.size < 100 ? (int)name.size : 100, name.data ? name.data : "");
}

static enum csv_role role_of(struct weir_text name)
{
	if (text_says(name, "custom_id"))
		return CSV_CUSTOM_ID;
	if (text_says(name, "table_name"))
		return CSV_TABLE_NAME;
	if (text_says(name, "record_id"))
		return CSV_RECORD_ID;
	return name.size > 8 && memcmp(name.data, "context.", 8) == 0 ? CSV_CONTEXT : CSV_PAYLOAD;
}

static const struct csv_column *find_column(const struct csv *s, struct weir_text name)
{
	for (size_t i = 0; i < s->count; i++) {
		if (text_same(s->columns[i].name, name))
			return &s->columns[i];
	}
	return NULL;
}

/* Room for all names has been made, so that they do not move. */
static int add_column(struct csv *s, struct weir_text name, struct weir_error *err)
{
	struct csv_column *c = &s->columns[s->count];
	struct weir_text key;

	if (name.size == 0)
		return weir_fail(err, "bad_header",
				 "the header line: column %zu has no name: name it, or take it "
				 "out (an empty one, too)",
				 s->count + 1);
	if (find_column(s, name))
		return bad_header(err, "two columns have the name", name);
	if (record_meant(name))
		return weir_fail(err, "bad_header", "the header line: %.*s: did you mean %s?",
				 name.size < 100 ? (int)name.size : 100, name.data,
				 record_meant(name));
	if (text_says(name, "context") || text_says(name, "context."))
		return bad_header(err, "each parameter has a column named context.NAME, not", name);
	c->name = (struct weir_text){s->names.data + s->names.size, name.size};
	buffer_add(&s->names, name.data, name.size);
	c->role = role_of(name);
	if (c->role == CSV_CUSTOM_ID)
		s->id = s->count;
	key = c->role == CSV_CONTEXT ? (struct weir_text){name.data + 8, name.size - 8} : name;
	c->key_at = s->keys.size;
	buffer_add_json(&s->keys, key);
	buffer_add_char(&s->keys, ':');
	c->key_size = s->keys.size - c->key_at;
	s->count++;
	return 0;
}

static bool has_column(const struct csv *s, const char *name)
{
	return find_column(s, (struct weir_text){name, strlen(name)});
}

static int check_columns(const struct csv *s, struct weir_text line, struct weir_error *err)
{
	if (!has_column(s, "custom_id"))
		return bad_header(err, "there is no column custom_id in", line);
	if (has_column(s, "table_name") != has_column(s, "record_id"))
		return bad_header(err, "table_name and record_id need each other; there is", line);
	return 0;
}

static int take_columns(struct csv *s, size_t count, struct weir_text line, struct weir_error *err)
{
	if (count > CSV_COLUMNS_MAX)
		return weir_fail(err, "bad_header", "the header line: more than %d columns",
				 CSV_COLUMNS_MAX);
	if (!buffer_reserve(&s->names, line.size))
		return weir_fail_memory(err);
	for (size_t i = 0; i < count; i++) {
		if (add_column(s, utf8_trim(s->cells[i]), err) < 0)
			return -1;
	}
	if (buffer_failed(&s->keys) || buffer_failed(&s->names) || buffer_failed(&s->header))
		return weir_fail_memory(err);
	return check_columns(s, line, err);
}

/* With this separator there is a column custom_id. */
static bool has_id_with(struct csv *s, char separator, const struct source_record *record)
{
	struct weir_error ignored;
	size_t count = 0;
	bool found = false;

	s->separator = separator;
	if (take_apart(s, record, &count, &ignored) != SOURCE_RECORD)
		return false;
	for (size_t i = 0; i < count && i < CSV_COLUMNS_MAX; i++)
		found |= text_says(utf8_trim(s->cells[i]), "custom_id");
	return found;
}

/* A comma wherever that can be; else the only one that can. */
static int find_separator(struct csv *s, const struct source_record *record, struct weir_error *err)
{
	char found = '\0';

	if (has_id_with(s, ',', record))
		return 0;
	for (const char *c = separators + 1; *c; c++) {
		if (!has_id_with(s, *c, record))
			continue;
		if (found)
			return weir_fail(err, "bad_header",
					 "the header line: %s or %s may stand between the columns: "
					 "say which with --separator",
					 name_of_separator(found), name_of_separator(*c));
		found = *c;
	}
	s->separator = found ? found : ',';
	return 0;
}

/* Finds the record that is the header. */
static enum source_status find_header(struct csv *s, size_t *first, size_t *size,
				      struct weir_error *err)
{
	switch (next_record(s, first, size, err)) {
	case INPUT_FAILED:
		return SOURCE_FAILED;
	case INPUT_END:
		return SOURCE_END;
	case INPUT_TOO_LONG:
		weir_fail(err, "bad_header", "the header line: more than %d bytes",
			  SOURCE_LINE_MAX);
		return SOURCE_FAILED;
	case INPUT_LINE:
		break;
	}
	return SOURCE_RECORD;
}

/* Passes over the line sep=, if there is one. */
static enum source_status pass_sep_line(struct csv *s, size_t *first, size_t *size,
					struct weir_error *err)
{
	char separator;

	if (!is_sep_line(record_without_end(input_data(&s->input), *size), &separator))
		return SOURCE_RECORD;
	if (take_sep_line(s, separator, err) < 0)
		return SOURCE_FAILED;
	input_skip(&s->input, *size);
	return find_header(s, first, size, err);
}

/* JSON that is called CSV: a brace or bracket, and what stands behind it in an object or array. */
static enum source_status check_json(struct csv *s, size_t size, struct weir_error *err)
{
	struct weir_text line = record_without_end(input_data(&s->input), size);
	size_t at = 1;

	if (line.size == 0 || (*line.data != '{' && *line.data != '['))
		return SOURCE_RECORD;
	while (at < line.size && strchr(" \t\r\n", line.data[at]))
		at++;
	if (at < line.size && !strchr("\"{[]}", line.data[at]))
		return SOURCE_RECORD;
	weir_fail(err, "bad_header",
		  "that is JSON and no CSV: give it a name in .json or .jsonl, or say --format "
		  "jsonl");
	return SOURCE_FAILED;
}

static enum source_status take_header(struct csv *s, struct weir_error *err)
{
	struct source_record record = {0};
	size_t first, size, count = 0;
	enum source_status status = find_header(s, &first, &size, err);

	if (status == SOURCE_RECORD)
		status = pass_sep_line(s, &first, &size, err);
	if (status == SOURCE_RECORD)
		status = check_json(s, size, err);
	if (status != SOURCE_RECORD)
		return status;
	record.line = s->input.line;
	record.raw = record_without_end(input_data(&s->input), size);
	bool ends_in_lf = input_data(&s->input)[size - 1] == '\n';
	if (check_characters(&record, err) != SOURCE_RECORD)
		return SOURCE_FAILED;
	if (!s->separator && find_separator(s, &record, err) < 0)
		return SOURCE_FAILED;
	if (take_record(s, first, size, &record, &count, err) != SOURCE_RECORD)
		return SOURCE_FAILED;
	if (s->separator != ',')
		buffer_printf(&s->header, "sep=%c\n", s->separator);
	buffer_add(&s->header, record.raw.data, record.raw.size);
	s->count = 0;
	s->ends_in_lf = ends_in_lf;
	s->has_header = take_columns(s, count, record.raw, err) == 0;
	return s->has_header ? SOURCE_RECORD : SOURCE_FAILED;
}

/* ---- a row ---- */

void csv_add_pair(const struct csv *c, size_t column, struct buffer *out, size_t begin)
{
	const struct csv_column *is = &c->columns[column];
	buffer_add_char(out, out->size > begin ? ',' : '{');
	buffer_add(out, c->keys.data + is->key_at, is->key_size);
	buffer_add_json(out, c->cells[column]);
}

static enum source_status too_long(struct csv *s, struct source_record *record,
				   struct weir_error *err)
{
	if (input_skip_line(&s->input, err) < 0)
		return SOURCE_FAILED;
	return record_bad(record, err, "line too long: more than %d bytes", SOURCE_LINE_MAX);
}

static enum source_status check_fields(const struct csv *s, size_t count,
				       const struct source_record *record, struct weir_error *err)
{
	if (count != s->count)
		return record_bad(record, err, "%zu fields, where the header has %zu columns",
				  count, s->count);
	if (text_says(utf8_trim(s->cells[s->id]), "custom_id"))
		return record_bad(record, err,
				  "the header line stands here again: were files joined?");
	return SOURCE_RECORD;
}

enum source_status csv_next(struct csv *s, struct source_record *record, struct weir_error *err)
{
	size_t first, size, count = 0;
	enum input_status found;
	enum source_status status = SOURCE_RECORD;

	*record = (struct source_record){.line = s->input.line};
	if (!s->has_header)
		status = take_header(s, err);
	if (status != SOURCE_RECORD)
		return status;
	found = next_record(s, &first, &size, err);
	record->line = s->input.line;
	if (found == INPUT_FAILED)
		return SOURCE_FAILED;
	if (found == INPUT_END)
		return SOURCE_END;
	if (found == INPUT_TOO_LONG)
		return too_long(s, record, err);
	status = take_record(s, first, size, record, &count, err);
	return status == SOURCE_RECORD ? check_fields(s, count, record, err) : status;
}

int csv_init(struct csv *s, FILE *in, char separator, struct weir_error *err)
{
	*s = (struct csv){.separator = separator};
	return input_init(&s->input, in, err);
}

void csv_release(struct csv *s)
{
	buffer_release(&s->header);
	buffer_release(&s->names);
	buffer_release(&s->keys);
	buffer_release(&s->unescaped);
	input_release(&s->input);
}
