/* CSV, several rows a record. What must not happen is that a record lacks a row and nobody knows: a
 * row that cannot be read may belong to the record before it or to the one behind it, so both are
 * bad; and so is a record whose rows stand apart, when the first ones were bad or refused. */
#include <search.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "natural.h"

enum { BAD_MAX = 100000 }; /* records that are remembered */

/* A record that was bad. */
struct bad_record {
	struct weir_text custom_id; /* behind it, in the same block */
	uint64_t line;
};

/* A row that has been read. */
struct row {
	enum source_status status;
	struct source_record record;
	struct weir_error why; /* BAD, FAILED */
};

struct source {
	struct csv csv;
	const struct weir_rows *plan;
	bool any_id; /* a custom_id is a natural key */
	struct row row;
	bool ahead;   /* the row belongs to what comes next */
	uint64_t gap; /* line of a row before this record that could not be read; 0: none */
	void *bad;    /* tree of bad_record */
	size_t bad_count;

	/* The record that is being put together. Behind its first fault only raw is kept. */
	uint64_t line;
	struct weir_text first[CSV_COLUMNS_MAX]; /* its first row's cells, in cells */
	struct buffer cells, payload, context, raw;
	bool faulty, raw_lost;
	struct weir_error why;
};

/* ---- rows ---- */

#define SHOWN 64 /* bytes of a name in an error */

static int shown(struct weir_text text) { return text.size < SHOWN ? (int)text.size : SHOWN; }

/* What the columns are, as soon as the header has been read. */
static void settle_columns(struct source *s)
{
	for (size_t i = 0; i < s->csv.count; i++) {
		struct csv_column *c = &s->csv.columns[i];
		for (const char *const *head = s->plan->head; *head; head++)
			if (c->role == CSV_PAYLOAD && text_says(c->name, *head))
				c->role = CSV_HEAD;
	}
}

static size_t separators(const struct source *s, const char *c, const char *end)
{
	size_t n = 0;
	for (; c < end; c++)
		n += *c == s->csv.separator;
	return n;
}

static bool is_line_end(char c) { return c == '\n' || c == '\r'; }

/* A quote that opens where it should not, and one rows further down that closes, make one cell of
 * all between them: the end of a row, rows, and the beginning of one. Nothing else is wrong then.
 */
static bool holds_rows(const struct source *s, size_t column)
{
	struct weir_text cell = s->csv.cells[column];
	const char *begin = cell.data, *end = cell.data + cell.size;
	const char *first = begin, *last = end;
	while (first < end && !is_line_end(*first))
		first++;
	while (last > first && !is_line_end(last[-1]))
		last--;
	return first < end && separators(s, begin, first) >= s->csv.count - 1 - column &&
	       separators(s, last, end) >= column;
}

/* Only a row that says whose it is, and is one, has been read. */
static enum source_status check_row(const struct source *s, const struct source_record *row,
				    struct weir_error *err)
{
	struct weir_text id = s->csv.cells[s->csv.id];
	for (size_t i = 0; i < s->csv.count; i++)
		if (holds_rows(s, i))
			return record_bad(row, err,
					  "field %zu looks like rows: a quote is missing or too "
					  "many",
					  i + 1);
	if (id.size == 0)
		return record_bad(row, err, "custom_id is missing");
	struct weir_error why;
	if (natural_check(id, s->any_id, &why) < 0)
		return record_bad(row, err, "%s", why.text);
	return SOURCE_RECORD;
}

static void read_row(struct source *s)
{
	struct row *row = &s->row;
	bool first = !s->csv.has_header;
	row->status = csv_next(&s->csv, &row->record, &row->why);
	if (first && s->csv.has_header)
		settle_columns(s);
	row->record.header = (struct weir_text){s->csv.header.data, s->csv.header.size};
	if (row->status == SOURCE_RECORD)
		row->status = check_row(s, &row->record, &row->why);
}

static const struct row *peek(struct source *s)
{
	if (!s->ahead)
		read_row(s);
	s->ahead = true;
	return &s->row;
}

/* ---- a record ---- */

static struct weir_text text_of(const struct buffer *b)
{
	return (struct weir_text){b->size ? b->data : NULL, b->size};
}

static struct weir_text custom_id(const struct source *s) { return s->first[s->csv.id]; }

WEIR_FORMAT(3, 4)
static void set_fault(struct source *s, uint64_t line, const char *fmt, ...)
{
	char text[sizeof s->why.text];
	va_list args;
	if (s->faulty)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	record_bad(&(struct source_record){.line = line}, &s->why, "%s", text);
	s->faulty = true;
}

static bool is_shared(const struct source *s, size_t column)
{
	return s->csv.columns[column].role != CSV_PAYLOAD;
}

/* Copies the cells that all rows share. There is room for all of them, so that they do not move. */
static int keep_cells(struct source *s)
{
	buffer_reset(&s->cells);
	if (!buffer_reserve(&s->cells, s->row.record.raw.size + 1))
		return -1;
	for (size_t i = 0; i < s->csv.count; i++) {
		struct weir_text cell = s->csv.cells[i];
		s->first[i] = (struct weir_text){NULL, 0};
		if (!is_shared(s, i) || !cell.data)
			continue;
		s->first[i] = (struct weir_text){s->cells.data + s->cells.size, cell.size};
		buffer_add(&s->cells, cell.data, cell.size);
	}
	return 0;
}

/* An object of the row's cells of this role; {} when there are none. */
static void add_object(struct source *s, enum csv_role role, struct buffer *out)
{
	size_t begin = out->size;
	for (size_t i = 0; i < s->csv.count; i++)
		if (s->csv.columns[i].role == role && s->csv.cells[i].data)
			csv_add_pair(&s->csv, i, out, begin);
	buffer_add_text(out, out->size > begin ? "}" : "{}");
}

static void add_key(struct buffer *out, const char *before, const char *key)
{
	buffer_add_text(out, before);
	buffer_add_json(out, (struct weir_text){key, strlen(key)});
	buffer_add_char(out, ':');
}

static int by_custom_id(const void *a, const void *b)
{
	struct weir_text x = ((const struct bad_record *)a)->custom_id;
	struct weir_text y = ((const struct bad_record *)b)->custom_id;
	size_t size = x.size < y.size ? x.size : y.size;
	int order = memcmp(x.data, y.data, size);
	return order ? order : (x.size > y.size) - (x.size < y.size);
}

static struct bad_record name_of(const struct source *s)
{
	return (struct bad_record){.custom_id = custom_id(s), .line = s->line};
}

static void look_back(struct source *s)
{
	struct bad_record key = name_of(s), *const * found;
	if (s->gap)
		set_fault(s, s->line, "%.*s may lack a row: line %llu before it could not be read",
			  shown(custom_id(s)), custom_id(s).data, (unsigned long long)s->gap);
	s->gap = 0;
	found = tfind(&key, &s->bad, by_custom_id);
	if (found)
		set_fault(s, s->line,
			  "other rows of %.*s stand on line %llu, where it is bad; the rows of a "
			  "record follow each other",
			  shown(key.custom_id), key.custom_id.data,
			  (unsigned long long)(*found)->line);
}

static int begin(struct source *s)
{
	s->line = s->row.record.line;
	s->faulty = s->raw_lost = false;
	buffer_reset(&s->payload);
	buffer_reset(&s->context);
	buffer_reset(&s->raw);
	if (keep_cells(s) < 0)
		return -1;
	add_key(&s->payload, "{", s->plan->head_key);
	add_object(s, CSV_HEAD, &s->payload);
	add_key(&s->payload, ",", s->plan->rows_key);
	add_object(s, CSV_CONTEXT, &s->context);
	look_back(s);
	return 0;
}

static void compare(struct source *s)
{
	for (size_t i = 0; i < s->csv.count; i++) {
		struct weir_text name = s->csv.columns[i].name;
		if (is_shared(s, i) && s->csv.cells[i].size > 0 &&
		    !text_same(s->csv.cells[i], s->first[i]))
			set_fault(s, s->row.record.line, "%.*s differs from that of line %llu",
				  shown(name), name.data, (unsigned long long)s->line);
	}
}

static void keep_raw(struct source *s)
{
	struct weir_text raw = s->row.record.raw;
	if (s->raw_lost)
		return;
	if (s->raw.size > 0)
		buffer_add_char(&s->raw, '\n');
	buffer_add(&s->raw, raw.data, raw.size);
	s->raw_lost = s->raw.size > SOURCE_LINE_MAX;
}

static void add_row(struct source *s, bool first)
{
	keep_raw(s);
	compare(s);
	if (s->faulty)
		return;
	buffer_add_char(&s->payload, first ? '[' : ',');
	add_object(s, CSV_PAYLOAD, &s->payload);
	if (s->payload.size > SOURCE_LINE_MAX || s->raw_lost)
		set_fault(s, s->line, "the rows of %.*s are too long together: more than %d bytes",
			  shown(custom_id(s)), custom_id(s).data, SOURCE_LINE_MAX);
}

static enum source_status remember(struct source *s, struct weir_error *err)
{
	struct bad_record key = name_of(s);
	if (tfind(&key, &s->bad, by_custom_id))
		return SOURCE_BAD;
	if (s->bad_count == BAD_MAX) {
		weir_fail(err, "read_failed", "more than %d records are bad", BAD_MAX);
		return SOURCE_FAILED;
	}
	struct bad_record *kept = malloc(sizeof *kept + key.custom_id.size);
	if (!kept)
		return record_no_memory(err);
	memcpy(kept + 1, key.custom_id.data, key.custom_id.size);
	*kept = (struct bad_record){.custom_id = {(const char *)(kept + 1), key.custom_id.size},
				    .line = key.line};
	if (!tsearch(kept, &s->bad, by_custom_id)) {
		free(kept);
		return record_no_memory(err);
	}
	s->bad_count++;
	return SOURCE_BAD;
}

static void take_shared(const struct source *s, struct source_record *record)
{
	for (size_t i = 0; i < s->csv.count; i++) {
		enum csv_role role = s->csv.columns[i].role;
		if (role == CSV_TABLE_NAME && s->first[i].size)
			record->table_name = s->first[i];
		if (role == CSV_RECORD_ID && s->first[i].size)
			record->record_id = s->first[i];
	}
	record->custom_id = custom_id(s);
}

static enum source_status end(struct source *s, struct source_record *record,
			      struct weir_error *err)
{
	*record = (struct source_record){.line = s->line, .header = s->row.record.header};
	buffer_add_text(&s->payload, "]}");
	if (buffer_failed(&s->payload) || buffer_failed(&s->context) || buffer_failed(&s->raw))
		return record_no_memory(err);
	if (!s->raw_lost)
		record->raw = text_of(&s->raw);
	take_shared(s, record);
	if (!s->faulty && record_check(record, &s->why) == SOURCE_BAD)
		s->faulty = true;
	if (s->faulty) {
		*err = s->why;
		return remember(s, err);
	}
	record->payload = text_of(&s->payload);
	if (s->context.size > 2)
		record->context = text_of(&s->context);
	return SOURCE_RECORD;
}

/* What is no row of a record: the end, a failure, or a row that cannot be read. */
static enum source_status pass_on(struct source *s, struct source_record *record,
				  struct weir_error *err)
{
	s->ahead = s->row.status != SOURCE_BAD;
	if (s->row.status == SOURCE_BAD)
		s->gap = s->row.record.line;
	*record = s->row.record;
	if (s->row.status != SOURCE_END)
		*err = s->row.why;
	return s->row.status;
}

static bool goes_on(struct source *s)
{
	return peek(s)->status == SOURCE_RECORD && text_same(s->csv.cells[s->csv.id], custom_id(s));
}

static enum source_status rows_next(struct source *s, struct source_record *record,
				    struct weir_error *err)
{
	bool first = true;
	if (peek(s)->status != SOURCE_RECORD)
		return pass_on(s, record, err);
	if (begin(s) < 0)
		return record_no_memory(err);
	do {
		add_row(s, first);
		first = s->ahead = false;
	} while (goes_on(s));
	if (s->row.status == SOURCE_FAILED)
		return pass_on(s, record, err);
	if (s->row.status == SOURCE_BAD && !s->faulty) {
		weir_fail(&s->why, s->row.why.code,
			  "%.300s; it may be a row of %.*s, which begins on line %llu",
			  s->row.why.text, shown(custom_id(s)), custom_id(s).data,
			  (unsigned long long)s->line);
		s->faulty = true;
	}
	return end(s, record, err);
}

static int rows_refuse(struct source *s, struct weir_error *err)
{
	return remember(s, err) == SOURCE_BAD ? 0 : -1;
}

/* ---- the source ---- */

static void rows_close(struct source *s)
{
	if (!s)
		return;
	tdestroy(s->bad, free);
	csv_release(&s->csv);
	buffer_release(&s->cells);
	buffer_release(&s->payload);
	buffer_release(&s->context);
	buffer_release(&s->raw);
	free(s);
}

int source_rows_open(FILE *in, char separator, const struct weir_rows *rows, bool any_id,
		     struct source **out, struct weir_error *err)
{
	struct source *s = calloc(1, sizeof *s);
	if (!s)
		return weir_fail_memory(err);
	s->plan = rows;
	s->any_id = any_id;
	if (csv_init(&s->csv, in, separator, err) < 0) {
		free(s);
		return -1;
	}
	*out = s;
	return 0;
}

const struct source_kind source_rows = {
	.name = "csv",
	.help = "a header line with column names; rows of the same custom_id that follow each "
		"other are one record. custom_id stands in each row; table_name with record_id, "
		"context.NAME and the columns of the record's head are the same in all of its "
		"rows, or empty behind the first. A row that cannot be read makes the record "
		"before it and the one behind it bad",
	.next = rows_next,
	.close = rows_close,
	.refuse = rows_refuse,
};
