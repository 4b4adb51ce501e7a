#include "invoice.h"

#include <stdio.h>
#include <string.h>

#include "kit.h"

/* ---- the head ---- */

/* Blanks around it are no part of a name, but who has them in an id has another id. */
static int read_user(struct invoice *inv, const struct weir_item *item, struct weir_error *err)
{
	struct weir_text whole;
	enum field field = field_name(inv->host, item->context, "user_id", INVOICE_USER_MOST,
				      inv->user_digits, &inv->user_id);
	if (field == FIELD_ABSENT)
		return plugin_fail(err, "bad_context",
				   "the context lacks user_id, whose inventory the invoice is "
				   "booked into: give it with --context user_id=ID");
	if (field == FIELD_BAD || (inv->host->map_text(item->context, "user_id", &whole) == 0 &&
				   whole.size != inv->user_id.size))
		return plugin_fail(err, "bad_context",
				   "user_id must be an integer or a text of 1 to %d bytes, without "
				   "control characters or blanks around it",
				   INVOICE_USER_MOST);
	return 0;
}

static int fail_head(struct weir_error *err, enum field field, const char *key, const char *rule)
{
	return plugin_fail(err, "bad_payload",
			   field == FIELD_ABSENT ? "invoice lacks %s, %s" : "invoice.%s must be %s",
			   key, rule);
}

static int read_names(struct invoice *inv, const struct weir_map *head, struct weir_error *err)
{
	enum field field =
		field_text(inv->host, head, "vendor_name", INVOICE_NAME_MOST, &inv->vendor_name);
	if (field != FIELD_TEXT)
		return fail_head(err, field, "vendor_name",
				 "a text of 1 to 200 bytes without control characters");
	field = field_name(inv->host, head, "invoice_number", INVOICE_NUMBER_MOST,
			   inv->number_digits, &inv->invoice_number);
	if (field != FIELD_TEXT)
		return fail_head(err, field, "invoice_number",
				 "a text of 1 to 100 bytes without control characters, or an "
				 "integer");
	return 0;
}

static int read_currency(struct invoice *inv, const struct weir_map *head, struct weir_error *err)
{
	static const char rule[] = "three letters such as USD";
	struct weir_text text;
	enum field field = field_text(inv->host, head, "currency", 3, &text);
	if (field == FIELD_ABSENT)
		return fail_head(err, field, "currency", rule);
	inv->head.currency = field == FIELD_TEXT ? currency_find(text) : NULL;
	if (!inv->head.currency)
		return plugin_fail_value(
			err, "bad_payload",
			"invoice.currency must be the code of a currency (ISO 4217), "
			"such as USD",
			text);
	return 0;
}

/* A bad one is the fault of each line, not of the invoice. */
static void read_date(struct invoice *inv, const struct weir_map *head)
{
	struct weir_text *date = &inv->invoice_date;
	enum field field = field_name(inv->host, head, "invoice_date", INVOICE_DATE_MOST,
				      inv->date_digits, date);
	const char *why = field == FIELD_ABSENT
				  ? "is missing"
				  : day_read(date->data, date->size, day_today(), inv->date);
	inv->date_fault.code[0] = '\0';
	if (why && field == FIELD_ABSENT)
		plugin_fail(&inv->date_fault, "bad_date", "invoice_date %s", why);
	else if (why)
		plugin_fail(&inv->date_fault, "bad_date", "invoice_date \"%.*s\" %s",
			    (int)text_shown(date->data, date->size, 40), date->data, why);
	else
		*date = (struct weir_text){inv->date, DAY_TEXT - 1};
}

static int read_total(struct invoice *inv, const struct weir_map *head, struct weir_error *err)
{
	struct weir_text seen;
	inv->has_total = !field_is_absent(inv->host, head, "invoice_total");
	const char *why =
		inv->has_total ? field_decimal(inv->host, head, "invoice_total", &inv->total, &seen)
			       : NULL;
	if (!why)
		return 0;
	return plugin_fail(err, "bad_payload", "invoice.invoice_total \"%.*s\" %s",
			   (int)text_shown(seen.data, seen.size, 40), seen.data, why);
}

static int read_head(struct invoice *inv, struct weir_error *err)
{
	const struct weir_map *head;
	if (inv->host->map_map(inv->payload, "invoice", &head) < 0)
		return plugin_fail(err, "bad_payload",
				   "the payload lacks invoice, an object with vendor_name, "
				   "invoice_number, invoice_date and currency");
	if (read_names(inv, head, err) < 0 || read_currency(inv, head, err) < 0 ||
	    read_total(inv, head, err) < 0)
		return -1;
	if (field_flag(inv->host, head, "credit_note", &inv->head.credit_note) < 0)
		return plugin_fail(err, "bad_payload", "invoice.credit_note must be true or false");
	read_date(inv, head);
	return 0;
}

int invoice_open(struct invoice *inv, const struct weir_host *host, const struct weir_item *item,
		 struct weir_error *err)
{
	inv->host = host;
	inv->payload = plugin_input(host, item);
	if (read_user(inv, item, err) < 0 || read_head(inv, err) < 0)
		return -1;
	if (host->map_count(inv->payload, "line_items", &inv->count) < 0 || inv->count == 0)
		return plugin_fail(err, "bad_payload",
				   "the payload lacks line_items, an array of at least one object");
	if (inv->count > INVOICE_LINES_MOST)
		return plugin_fail(err, "bad_payload",
				   "%zu line_items; an invoice has at most %d: divide it",
				   inv->count, INVOICE_LINES_MOST);
	return 0;
}

/* ---- the lines ---- */

/* Index from 0. */
static int read_line(const struct invoice *inv, size_t index, struct line *line,
		     struct weir_error *fault)
{
	const struct weir_map *map;
	if (inv->host->map_entry(inv->payload, "line_items", index, &map) < 0)
		map = NULL;
	int rc = line_read(line, inv->host, map, &inv->head, fault);
	if (!inv->date_fault.code[0])
		return rc;
	*fault = inv->date_fault;
	return -1;
}

bool invoice_has_good_line(const struct invoice *inv)
{
	struct line line;
	struct weir_error fault;
	for (size_t i = 0; i < inv->count && !inv->date_fault.code[0]; i++)
		if (read_line(inv, i, &line, &fault) == 0)
			return true;
	return false;
}

/* ---- what is wrong with them ---- */

void lists_release(struct invoice_lists *lists)
{
	out_release(&lists->failed);
	out_release(&lists->warnings);
	out_release(&lists->charges);
}

static void lists_begin(struct invoice_lists *lists)
{
	lists->failed.size = lists->warnings.size = lists->charges.size = 0;
	lists->failed_list = (struct out_list){.limit = INVOICE_FAILED_MOST};
	lists->warnings_list = (struct out_list){.limit = INVOICE_WARNINGS_MOST};
	out_open(&lists->failed, NULL, '[');
	out_open(&lists->warnings, NULL, '[');
	out_open(&lists->charges, NULL, '[');
}

/* What is no text of PostgreSQL does not go there. */
static void add_shown(struct out *out, const char *key, struct weir_text text)
{
	char shown[INVOICE_SHOWN_MOST];
	size_t n = text_shown(text.data, text.size, sizeof shown);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text.data[i];
		shown[i] = c < ' ' || c == 0x7F ? '?' : text.data[i];
	}
	out_text(out, key, text.data ? shown : NULL, n);
}

static struct weir_text text_of(const char *text) { return (struct weir_text){text, strlen(text)}; }

static void add_failed(struct invoice_lists *lists, size_t index, const struct line *line,
		       const struct weir_error *fault)
{
	struct out *out = &lists->failed;
	out_begin(out, &lists->failed_list);
	out_open(out, NULL, '{');
	out_count(out, "line", (int64_t)index + 1);
	add_shown(out, "description", line->description);
	add_shown(out, "error", text_of(fault->text));
	add_shown(out, "error_class", text_of(fault->code));
	out_close(out, '}');
	out_keep(out, &lists->failed_list);
}

/* Around what it is about, as that is written. */
static const struct warning {
	const char *name; /* its class */
	const char *before, *behind;
} warnings[LINE_WARNINGS] = {
	[LINE_UNKNOWN_PACK] = {"unknown_pack", "pack_size",
			       "is not understood: an ordered unit counts as one piece"},
	[LINE_UNKNOWN_UOM] = {"unknown_uom", "uom",
			      "is not understood: an ordered unit is what pack_size says"},
	[LINE_POUNDS] = {"weight_in_pounds", "weight", "has no unit: it was taken for pounds"},
	[LINE_ROUNDED] = {"rounded_price", "extended_price",
			  "is not quite the product: unit_price was taken for a rounded one"},
	[LINE_TOLD_BY_TEXT] = {"charge_by_description", "booked as a charge, no goods:",
			       "by its description; line_type would say so for sure"},
	[LINE_MAYBE_CHARGE] = {"maybe_charge", "booked as goods:",
			       "may be a charge by its description; line_type would say"},
};

static struct weir_text subject(const struct line *line, enum line_warning which)
{
	switch (which) {
	case LINE_UNKNOWN_PACK:
		return line->pack_size;
	case LINE_UNKNOWN_UOM:
		return line->uom;
	case LINE_TOLD_BY_TEXT:
		return text_of(charge_name(line->charge));
	case LINE_MAYBE_CHARGE:
		return line->description;
	case LINE_POUNDS:
		return (struct weir_text){line->weight.text, line->weight.size};
	default:
		return (struct weir_text){line->extended.text, line->extended.size};
	}
}

static void add_warning(struct invoice_lists *lists, size_t index, const struct line *line,
			enum line_warning which)
{
	char text[200];
	struct weir_text what = subject(line, which);
	struct out *out = &lists->warnings;
	snprintf(text, sizeof text, "%s \"%.*s\" %s", warnings[which].before,
		 (int)text_shown(what.data, what.size, 60), what.data, warnings[which].behind);
	out_begin(out, &lists->warnings_list);
	out_open(out, NULL, '{');
	out_count(out, "line", (int64_t)index + 1);
	add_shown(out, "description", line->description);
	add_shown(out, "warning", text_of(text));
	add_shown(out, "warning_class", text_of(warnings[which].name));
	out_close(out, '}');
	out_keep(out, &lists->warnings_list);
}

static void add_warnings(struct invoice_lists *lists, size_t index, const struct line *line)
{
	for (int i = 0; i < LINE_WARNINGS; i++)
		if (line->warns[i])
			add_warning(lists, index, line, (enum line_warning)i);
}

static void write_list(struct out *out, const char *key, const char *omitted, struct out *list,
		       const struct out_list *kept)
{
	out_close(list, ']');
	out_end(list);
	out->failed = out->failed || list->failed;
	if (out->failed)
		return;
	out_raw(out, key, list->data, list->size);
	out_count(out, omitted, kept->left_out);
}

static void write_lists(struct out *out, struct invoice_lists *lists)
{
	write_list(out, "failed_items", "failed_items_omitted", &lists->failed,
		   &lists->failed_list);
	write_list(out, "warnings", "warnings_omitted", &lists->warnings, &lists->warnings_list);
}

/* ---- to be booked ---- */

static void add_text(struct out *out, const char *key, struct weir_text text)
{
	out_text(out, key, text.data, text.size);
}

/* NULL: null. */
static void add_decimal(struct out *out, const char *key, const struct decimal *d)
{
	out_text(out, key, d ? d->text : NULL, d ? d->size : 0);
}

static void add_percent(struct out *out, const char *key, int percent)
{
	char text[16];
	int n = snprintf(text, sizeof text, "%d.%02d", percent / 100, percent % 100);
	out_raw(out, key, text, (size_t)n);
}

/* Before anything else is read of the item: pack_size may lie in the host's buffer. */
static void write_line(struct out *out, size_t index, const struct line *line)
{
	out_open(out, NULL, '{');
	out_count(out, "line", (int64_t)index + 1);
	add_text(out, "item_number", line->item_number);
	add_text(out, "description", line->description);
	add_text(out, "category", line->category);
	add_decimal(out, "quantity", &line->quantity);
	add_decimal(out, "unit_price", &line->unit_price);
	add_decimal(out, "total", line->has_extended ? &line->extended : NULL);
	add_decimal(out, "ordered", &line->ordered);
	add_decimal(out, "weight", line->has_weight ? &line->weight : NULL);
	add_text(out, "uom", line->uom);
	out_flag(out, "credit", line->credit);
	add_shown(out, "pack_size", line->pack_size);
	add_decimal(out, "pack_count", &line->pack.count);
	add_decimal(out, "pack_each", &line->pack.each);
	add_text(out, "unit_factor", text_of(line->pack.factor));
	add_text(out, "base_unit", text_of(line->pack.base_unit));
	out_close(out, '}');
}

static void write_charge(struct out *out, size_t index, const struct line *line)
{
	static const char *const told[] = {"line_type", "category", "description"};
	out_open(out, NULL, '{');
	out_count(out, "line", (int64_t)index + 1);
	add_text(out, "kind", text_of(charge_name(line->charge)));
	add_text(out, "told_by", text_of(told[line->told]));
	add_text(out, "item_number", line->item_number);
	add_text(out, "description", line->description);
	add_decimal(out, "quantity", &line->quantity);
	add_decimal(out, "unit_price", &line->unit_price);
	add_decimal(out, "total", line->has_extended ? &line->extended : NULL);
	out_flag(out, "credit", line->credit);
	out_close(out, '}');
}

/* Goods go to `out`, charges to their list. */
static void write_lines(const struct invoice *inv, struct invoice_lists *lists, struct out *out)
{
	struct line line;
	struct weir_error fault;
	for (size_t i = 0; i < inv->count; i++) {
		if (read_line(inv, i, &line, &fault) < 0) {
			add_failed(lists, i, &line, &fault);
			continue;
		}
		add_warnings(lists, i, &line);
		if (line.charge == CHARGE_NONE)
			write_line(out, i, &line);
		else
			write_charge(&lists->charges, i, &line);
	}
}

/* Most invoices have none, and then say nothing of them. */
static void write_charges(struct out *out, struct invoice_lists *lists)
{
	struct out *charges = &lists->charges;
	bool none = charges->size == 1;
	out_close(charges, ']');
	out_end(charges);
	out->failed = out->failed || charges->failed;
	if (!out->failed && !none)
		out_raw(out, "charges", charges->data, charges->size);
}

void invoice_write(const struct invoice *inv, const struct invoice_rules *rules,
		   struct invoice_lists *lists, struct out *out)
{
	lists_begin(lists);
	out_open(out, NULL, '{');
	add_text(out, "vendor_name", inv->vendor_name);
	add_text(out, "invoice_number", inv->invoice_number);
	add_text(out, "invoice_date", inv->invoice_date);
	add_text(out, "currency", text_of(inv->head.currency->code));
	out_count(out, "places", inv->head.currency->places);
	add_decimal(out, "invoice_total", inv->has_total ? &inv->total : NULL);
	out_flag(out, "refuse_duplicates", rules->refuse_duplicates);
	add_percent(out, "fuzzy_auto", rules->automatic);
	add_percent(out, "fuzzy_review", rules->review);
	out_open(out, "lines", '[');
	write_lines(inv, lists, out);
	out_close(out, ']');
	write_charges(out, lists);
	write_lists(out, lists);
	out_close(out, '}');
}

/* ---- that cannot be booked ---- */

/* Appends a fault, as long as there is room for it and for how many are left out. */
static bool name_fault(struct weir_error *err, size_t index, size_t count,
		       const struct weir_error *fault)
{
	char text[sizeof err->text];
	size_t n = strlen(err->text), room = sizeof err->text - n;
	int size = snprintf(text, sizeof text, "%s line %zu: %s", index ? ";" : "", index + 1,
			    fault->text);
	bool fits = size > 0 && (size_t)size + 32 < room;
	if (fits)
		memcpy(err->text + n, text, (size_t)size + 1);
	else
		snprintf(err->text + n, room, "; and %zu more", count - index);
	return fits;
}

static void count_nothing(struct out *out)
{
	static const char *const counts[] = {
		"inventory_items_created", "inventory_items_updated", "exact_matches",
		"fuzzy_matches",	   "price_increases",	      "price_decreases",
	};
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		out_count(out, counts[i], 0);
}

void invoice_write_failed(const struct invoice *inv, struct invoice_lists *lists, struct out *out,
			  struct weir_error *err)
{
	struct line line;
	struct weir_error fault;
	bool named = true;
	lists_begin(lists);
	plugin_fail(err, "no_good_line", "no line of the invoice can be booked:");
	for (size_t i = 0; i < inv->count; i++) {
		if (read_line(inv, i, &line, &fault) == 0)
			continue;
		add_failed(lists, i, &line, &fault);
		named = named && name_fault(err, i, inv->count, &fault);
	}
	out_open(out, NULL, '{');
	add_text(out, "status", text_of("failed"));
	out_raw(out, "vendor_id", "null", 4);
	add_text(out, "invoice_number", inv->invoice_number);
	out_count(out, "items_processed", 0);
	out_count(out, "items_failed", (int64_t)inv->count);
	count_nothing(out);
	add_text(out, "total_cost", text_of("0"));
	out_count(out, "charges_processed", 0);
	add_text(out, "charges_total", text_of("0"));
	add_decimal(out, "invoice_total", inv->has_total ? &inv->total : NULL);
	out_raw(out, "invoice_total_difference", "null", 4);
	out_raw(out, "duplicate_of", "null", 4);
	add_text(out, "currency", text_of(inv->head.currency->code));
	out_raw(out, "review", "[]", 2);
	out_count(out, "review_omitted", 0);
	write_lists(out, lists);
	out_raw(out, "processing_time", "0", 1);
	out_close(out, '}');
	out_end(out);
}
