/* CSV, a row a record. An empty field is left out. */
#include <stdlib.h>
#include <string.h>

#include "csv.h"

struct source {
	struct csv csv;
	struct buffer payload, context;
};

static void take_cell(struct source *s, size_t i, struct source_record *record)
{
	struct weir_text cell = s->csv.cells[i];

	switch (s->csv.columns[i].role) {
	case CSV_CUSTOM_ID:
		record->custom_id = cell;
		break;
	case CSV_TABLE_NAME:
		record->table_name = cell.size ? cell : (struct weir_text){0};
		break;
	case CSV_RECORD_ID:
		record->record_id = cell.size ? cell : (struct weir_text){0};
		break;
	case CSV_CONTEXT:
		csv_add_pair(&s->csv, i, &s->context, 0);
		break;
	case CSV_PAYLOAD:
	case CSV_HEAD:
		csv_add_pair(&s->csv, i, &s->payload, 0);
		break;
	}
}

static enum source_status fill(struct source *s, struct source_record *record,
			       struct weir_error *err)
{
	buffer_reset(&s->context);
	buffer_reset(&s->payload);
	for (size_t i = 0; i < s->csv.count; i++) {
		if (s->csv.cells[i].data)
			take_cell(s, i, record);
	}
	buffer_add_text(&s->payload, s->payload.size ? "}" : "{}");
	if (s->context.size)
		buffer_add_char(&s->context, '}');
	if (buffer_failed(&s->context) || buffer_failed(&s->payload))
		return record_no_memory(err);
	record->payload = (struct weir_text){s->payload.data, s->payload.size};
	if (s->context.size)
		record->context = (struct weir_text){s->context.data, s->context.size};
	return record_check(record, err);
}

static enum source_status csv_source_next(struct source *s, struct source_record *record,
					  struct weir_error *err)
{
	enum source_status status = csv_next(&s->csv, record, err);

	return status == SOURCE_RECORD ? fill(s, record, err) : status;
}

static void csv_source_close(struct source *s)
{
	if (!s)
		return;
	csv_release(&s->csv);
	buffer_release(&s->payload);
	buffer_release(&s->context);
	free(s);
}

int source_csv_open(FILE *in, char separator, struct source **out, struct weir_error *err)
{
	struct source *s = calloc(1, sizeof(*s));

	if (!s)
		return weir_fail_memory(err);
	if (csv_init(&s->csv, in, separator, err) < 0) {
		free(s);
		return -1;
	}
	*out = s;
	return 0;
}

static int open_any(FILE *in, struct source **out, struct weir_error *err)
{
	return source_csv_open(in, '\0', out, err);
}

char source_separator(const char *text)
{
	static const struct {
		const char *name;
		char is;
	} names[] = {
		{"comma", ','}, {"semicolon", ';'}, {"tab", '\t'}, {"\\t", '\t'}, {"pipe", '|'}};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i].name, text) == 0)
			return names[i].is;
	return text[0] && !text[1] && csv_is_separator(text[0]) ? text[0] : '\0';
}

const struct source_kind source_csv = {
	.name = "csv",
	.help = "a header line with column names: custom_id, and optionally table_name with "
		"record_id, and context.NAME; the other columns are the payload",
	.open = open_any,
	.next = csv_source_next,
	.close = csv_source_close,
};
