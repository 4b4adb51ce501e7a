#include "print.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "weir/ledger.h"

#define REAL_DECIMALS 6

/* ---- values ---- */

bool print_real(struct buffer *b, double v, int decimals)
{
	int64_t scale = 1;
	for (int i = 0; i < decimals; i++)
		scale *= 10;
	if (!(fabs(v) < 9e12))
		return false;
	int64_t scaled = (int64_t)llround(fabs(v) * (double)scale);
	int64_t rest = scaled % scale;
	buffer_printf(b, "%s%" PRId64, v < 0 && scaled ? "-" : "", scaled / scale);
	if (rest == 0)
		return true;
	for (; rest % 10 == 0; rest /= 10)
		decimals--;
	buffer_printf(b, ".%0*" PRId64, decimals, rest);
	return true;
}

void print_duration(struct buffer *b, double seconds)
{
	int64_t s = seconds > 0 && seconds < 1e12 ? (int64_t)seconds : 0;
	if (s < 10)
		print_real(b, seconds > 0 ? seconds : 0, 1);
	else if (s < 60)
		buffer_printf(b, "%" PRId64, s);
	else if (s < 3600)
		buffer_printf(b, "%" PRId64 ":%02" PRId64, s / 60, s % 60);
	else if (s < 86400)
		buffer_printf(b, "%" PRId64 ":%02" PRId64, s / 3600, s / 60 % 60);
	else
		print_real(b, seconds / 86400, 1);
	buffer_add_text(b, s < 60 ? " s" : s < 3600 ? " min" : s < 86400 ? " h" : " d");
}

/* ---- JSON ---- */

void json_key(struct buffer *b, const char *name)
{
	buffer_add_json(b, (struct weir_text){name, strlen(name)});
	buffer_add_char(b, ':');
}

void json_text(struct buffer *b, const char *name, struct weir_text text)
{
	json_key(b, name);
	buffer_add_json(b, text);
	buffer_add_char(b, ',');
}

void json_count(struct buffer *b, const char *name, int64_t v)
{
	json_key(b, name);
	buffer_printf(b, "%" PRId64 ",", v);
}

void json_decimal(struct buffer *b, const char *name, double v)
{
	json_key(b, name);
	if (!print_real(b, v, REAL_DECIMALS))
		buffer_add_text(b, "null");
	buffer_add_char(b, ',');
}

void json_flag(struct buffer *b, const char *name, bool v)
{
	json_key(b, name);
	buffer_add_text(b, v ? "true," : "false,");
}

void json_raw(struct buffer *b, const char *name, struct weir_text json)
{
	json_key(b, name);
	if (json.data)
		buffer_add(b, json.data, json.size);
	else
		buffer_add_text(b, "null");
	buffer_add_char(b, ',');
}

static void drop_comma(struct buffer *b)
{
	if (b->size > 0 && b->data[b->size - 1] == ',')
		b->size--;
}

void json_close(struct buffer *b, char bracket)
{
	drop_comma(b);
	buffer_add_char(b, bracket);
	buffer_add_char(b, ',');
}

void json_end(struct buffer *b, char bracket)
{
	drop_comma(b);
	buffer_add_char(b, bracket);
	buffer_add_char(b, '\n');
}

/* ---- CSV ---- */

static size_t digits(const char *text, size_t size)
{
	size_t n = 0;
	while (n < size && text[n] >= '0' && text[n] <= '9')
		n++;
	return n;
}

/* [+-]digits[.digits][e[+-]digits] */
static bool is_number(struct weir_text t)
{
	size_t at = t.size > 0 && (t.data[0] == '+' || t.data[0] == '-');
	size_t whole = digits(t.data + at, t.size - at), part = 0;
	at += whole;
	if (at < t.size && t.data[at] == '.') {
		part = digits(t.data + at + 1, t.size - at - 1);
		at += 1 + part;
	}
	if (whole + part == 0)
		return false;
	if (at < t.size && (t.data[at] | 0x20) == 'e') {
		at += at + 1 < t.size && (t.data[at + 1] == '+' || t.data[at + 1] == '-') ? 2 : 1;
		part = digits(t.data + at, t.size - at);
		at += part;
		if (part == 0)
			return false;
	}
	return at == t.size;
}

static bool begins(struct weir_text t, const char *with)
{
	size_t n = strlen(with);
	return t.size >= n && memcmp(t.data, with, n) == 0;
}

static bool is_formula(struct weir_text t)
{
	/* The last four are the first four in full width: U+FF1D, U+FF0B, U+FF0D, U+FF20. */
	static const char *const signs[] = {"=",
					    "+",
					    "-",
					    "@",
					    "\t",
					    "\r",
					    "\n",
					    "\xEF\xBC\x9D",
					    "\xEF\xBC\x8B",
					    "\xEF\xBC\x8D",
					    "\xEF\xBC\xA0"};
	if (is_number(t))
		return false;
	for (; t.size > 0 && *t.data == ' '; t.size--)
		t.data++;
	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
		if (begins(t, signs[i]))
			return true;
	return false;
}

static bool wants_quotes(struct weir_text t)
{
	for (const char *special = "\",;\t\n\r"; *special; special++)
		if (memchr(t.data, *special, t.size))
			return true;
	return false;
}

static void add_doubling_quotes(struct buffer *b, const char *text, size_t size)
{
	const char *quote;
	while (size > 0 && (quote = memchr(text, '"', size))) {
		size_t n = (size_t)(quote - text) + 1;
		buffer_add(b, text, n);
		buffer_add_char(b, '"');
		text += n;
		size -= n;
	}
	buffer_add(b, text, size);
}

void csv_begin(struct buffer *b) { buffer_add_text(b, "\xEF\xBB\xBF"); }

void csv_cell(struct buffer *b, struct weir_text cell)
{
	if (cell.data) {
		const char *quote = wants_quotes(cell) ? "\"" : "";
		buffer_add_text(b, quote);
		buffer_add_text(b, is_formula(cell) ? "'" : "");
		add_doubling_quotes(b, cell.data, cell.size);
		buffer_add_text(b, quote);
	}
	buffer_add_char(b, ',');
}

void csv_end(struct buffer *b)
{
	drop_comma(b);
	buffer_add_text(b, "\r\n");
}

/* ---- records ---- */

static const void *field_at(const struct field *f, const void *record)
{
	return (const char *)record + f->offset;
}

static void read_text(const struct field *f, struct weir_text text, char *to)
{
	snprintf(to, f->room, "%.*s", (int)text.size, text.data ? text.data : "");
}

static void read_field(const struct field *f, const PGresult *r, int row, int column, void *to)
{
	bool null = PQgetisnull(r, row, column);
	double real;
	int64_t count;
	bool flag;
	switch (f->type) {
	case FIELD_TEXT:
	case FIELD_EXACT:
		read_text(f, ledger_text(r, row, column), to);
		break;
	case FIELD_COUNT:
		count = ledger_big(r, row, column);
		memcpy(to, &count, sizeof count);
		break;
	case FIELD_REAL:
		real = null ? NAN : ledger_real(r, row, column);
		memcpy(to, &real, sizeof real);
		break;
	case FIELD_FLAG:
		flag = ledger_bool(r, row, column);
		memcpy(to, &flag, sizeof flag);
		break;
	case FIELD_END:
		break;
	}
}

void fields_read(const struct field *fields, const PGresult *r, int row, void *record)
{
	for (const struct field *f = fields; f->type != FIELD_END; f++) {
		int column = PQfnumber(r, f->name);
		if (column >= 0)
			read_field(f, r, row, column, (char *)record + f->offset);
	}
}

/* A word that stands for a number is a text. */
static void json_exact(struct buffer *b, const char *name, const char *number)
{
	bool word = *number && !strchr("-0123456789", *number);
	(word ? json_text : json_raw)(b, name, print_text(number));
}

void fields_json(const struct field *fields, const void *record, struct buffer *b)
{
	for (const struct field *f = fields; f->type != FIELD_END; f++) {
		const void *at = field_at(f, record);
		if (f->type == FIELD_TEXT)
			json_text(b, f->name, print_text(at));
		else if (f->type == FIELD_EXACT)
			json_exact(b, f->name, at);
		else if (f->type == FIELD_COUNT)
			json_count(b, f->name, *(const int64_t *)at);
		else if (f->type == FIELD_REAL)
			json_decimal(b, f->name, *(const double *)at);
		else
			json_flag(b, f->name, *(const bool *)at);
	}
}

void fields_csv_names(const struct field *fields, const char *prefix, struct buffer *b)
{
	for (const struct field *f = fields; f->type != FIELD_END; f++)
		buffer_printf(b, "%s%s,", prefix, f->name);
}

void fields_csv(const struct field *fields, const void *record, struct buffer *b)
{
	for (const struct field *f = fields; f->type != FIELD_END; f++) {
		const void *at = field_at(f, record);
		if (f->type == FIELD_TEXT || f->type == FIELD_EXACT) {
			csv_cell(b, print_text(at));
			continue;
		}
		if (f->type == FIELD_COUNT)
			buffer_printf(b, "%" PRId64, *(const int64_t *)at);
		else if (f->type == FIELD_REAL)
			print_real(b, *(const double *)at, REAL_DECIMALS);
		else
			buffer_add_text(b, *(const bool *)at ? "true" : "false");
		buffer_add_char(b, ',');
	}
}
