#include "kinds.h"

#include <string.h>

#include "print.h"
#include "weir/kind.h"

/* ---- words ---- */

static const struct {
	const char *text, *json;
} needs[] = {
	[WEIR_OPTIONAL] = {"", "optional"},
	[WEIR_REQUIRED] = {"required", "required"},
	[WEIR_EITHER] = {"one of these", "either"},
	[WEIR_PRESENT] = {"required", "present"},
	[WEIR_ASIDE] = {"", "aside"},
};

#define NEEDS (sizeof needs / sizeof *needs)

static enum weir_need need_of(const struct weir_field *f)
{
	return (unsigned)f->need < NEEDS ? f->need : WEIR_OPTIONAL;
}

struct part {
	const char *json, *head;
	const struct weir_field *(*rows)(const struct weir_about *a);
	bool typed; /* the types are those of the field */
};

static const struct weir_field *payload_of(const struct weir_about *a) { return a->payload; }
static const struct weir_field *context_of(const struct weir_about *a) { return a->context; }
static const struct weir_field *tables_of(const struct weir_about *a) { return a->tables; }
static const struct weir_field *results_of(const struct weir_about *a) { return a->results; }

static const struct part parts[] = {
	{"payload", "An item has", payload_of, true},
	{"context", "Its context (--context NAME=VALUE)", context_of, true},
	{"tables", "It writes to", tables_of, false},
	{"results", "Its result", results_of, true},
};

#define PARTS (sizeof parts / sizeof *parts)

static const struct weir_field *rows_of(const struct weir_plugin *p, const struct part *part)
{
	return p->about ? part->rows(p->about) : NULL;
}

static struct weir_text text_of(const char *text)
{
	return (struct weir_text){text, text ? strlen(text) : 0};
}

/* ---- for people ---- */

static int width_of(const struct weir_field *rows)
{
	size_t widest = 0;
	for (const struct weir_field *f = rows; f->name; f++)
		if (strlen(f->name) > widest)
			widest = strlen(f->name);
	return (int)widest;
}

static void write_row(const struct weir_field *f, bool typed, int width, struct buffer *out)
{
	struct buffer types = BUFFER_INIT;
	if (typed)
		kind_list_types(&types, f->types);
	const char *name = buffer_text(&types);
	buffer_printf(out, "  %-*s  ", width, f->name);
	if (typed)
		buffer_printf(out, "%-20s  %-12s  ", name && *name ? name : "anything",
			      needs[need_of(f)].text);
	buffer_printf(out, "%s\n", f->help ? f->help : "");
	buffer_release(&types);
}

static void write_part(const struct weir_plugin *p, const struct part *part, struct buffer *out)
{
	const struct weir_field *rows = rows_of(p, part);
	if (!rows || !rows->name)
		return;
	buffer_printf(out, "\n%s:\n", part->head);
	int width = width_of(rows);
	for (const struct weir_field *f = rows; f->name; f++)
		write_row(f, part->typed, width, out);
}

/* Rows that items may come from. */
static void write_mapping(const struct weir_plugin *p, struct buffer *out)
{
	const char *between = "";
	const struct weir_field *rows = p->about ? p->about->tables : NULL;
	for (const struct weir_field *f = rows; f && f->name; f++) {
		if (f->need != WEIR_EITHER)
			continue;
		buffer_printf(out, "%s%s",
			      *between ? between : "\nAn item's table_name, if any: ", f->name);
		between = " or ";
	}
	if (*between)
		buffer_add_text(out, " (or " WEIR_TABLE_FILE ")\n");
}

void kind_write_text(const struct weir_plugin *p, struct buffer *out)
{
	buffer_printf(out, "%s %s: %s\n", p->kind, p->version ? p->version : "",
		      p->summary ? p->summary : "");
	for (size_t i = 0; i < PARTS; i++)
		write_part(p, &parts[i], out);
	write_mapping(p, out);
	if (!p->about)
		buffer_add_text(out, "\nIt does not tell what it reads.\n");
	if (p->sources && p->sources->name)
		buffer_add_text(out, "\nFrom the database (--from db):\n");
	for (const struct weir_source_query *q = p->sources; q && q->name; q++)
		buffer_printf(out, "  %s\n", q->name);
}

/* ---- as JSON ---- */

static void write_types(unsigned types, struct buffer *out)
{
	json_key(out, "types");
	buffer_add_char(out, '[');
	for (const struct kind_type *t = kind_types; t->types; t++)
		if (t->json && (!types || (types & t->types)))
			buffer_printf(out, "\"%s\",", t->json);
	json_close(out, ']');
}

static void write_rows(const char *name, const struct weir_field *rows, struct buffer *out)
{
	if (!rows) {
		json_raw(out, name, text_of(NULL));
		return;
	}
	json_key(out, name);
	buffer_add_char(out, '[');
	for (const struct weir_field *f = rows; f->name; f++) {
		buffer_add_char(out, '{');
		json_text(out, "name", text_of(f->name));
		write_types(f->types, out);
		json_text(out, "need", text_of(needs[need_of(f)].json));
		json_text(out, "help", text_of(f->help));
		json_close(out, '}');
	}
	json_close(out, ']');
}

void kind_write_json(const struct weir_plugin *p, struct buffer *out)
{
	buffer_add_char(out, '{');
	json_text(out, "kind", text_of(p->kind));
	json_text(out, "version", text_of(p->version));
	json_text(out, "summary", text_of(p->summary));
	for (size_t i = 0; i < PARTS; i++)
		write_rows(parts[i].json, rows_of(p, &parts[i]), out);
	json_key(out, "sources");
	buffer_add_char(out, '[');
	for (const struct weir_source_query *q = p->sources; q && q->name; q++) {
		buffer_add_json(out, text_of(q->name));
		buffer_add_char(out, ',');
	}
	json_close(out, ']');
	json_text(out, "sample", text_of(p->sample));
	json_close(out, '}');
}
