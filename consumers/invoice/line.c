#include "line.h"

#include <stdio.h>
#include <string.h>

#include "kit.h"

#define SHOWN 60 /* bytes of a value in an error */

struct reader {
	struct line *line;
	const struct weir_host *host;
	const struct weir_map *map;
	bool credit_note;
	struct weir_error *fault;
};

/* `quantity "3 or 4" is no decimal number` */
static int fail_field(const struct reader *r, const char *code, const char *key,
		      struct weir_text seen, const char *why)
{
	if (seen.size == 0)
		return plugin_fail(r->fault, code, "%s %s", key, why);
	return plugin_fail(r->fault, code, "%s \"%.*s\" %s", key,
			   (int)text_shown(seen.data, seen.size, SHOWN), seen.data, why);
}

static int fail_text(const struct reader *r, const char *code, const char *key, size_t most)
{
	return plugin_fail(r->fault, code,
			   "%s must be a text of at most %zu bytes without control characters", key,
			   most);
}

static int read_description(const struct reader *r)
{
	switch (field_text(r->host, r->map, "description", LINE_DESCRIPTION_MOST,
			   &r->line->description)) {
	case FIELD_TEXT:
		return 0;
	case FIELD_ABSENT:
		return plugin_fail(r->fault, "missing_description", "the line has no description");
	default:
		return fail_text(r, "bad_description", "description", LINE_DESCRIPTION_MOST);
	}
}

static int read_credit(const struct reader *r)
{
	if (field_flag(r->host, r->map, "credit_note", &r->line->credit) < 0)
		return plugin_fail(r->fault, "bad_credit_note",
				   "credit_note must be true or false");
	r->line->credit = r->line->credit || r->credit_note;
	return 0;
}

static int read_quantity(const struct reader *r)
{
	struct weir_text seen;
	struct line *line = r->line;
	const char *why = field_decimal(r->host, r->map, "quantity", &line->quantity, &seen);
	if (why)
		return fail_field(r, "bad_quantity", "quantity", seen, why);
	if (line->quantity.sign < 0 && !line->credit)
		return fail_field(r, "negative_quantity", "quantity", seen,
				  "is below zero, and the line is not marked credit_note");
	if (line->quantity.sign > 0 && line->credit)
		return fail_field(r, "positive_credit", "quantity", seen,
				  "is above zero, and what a credit_note takes back is below");
	return 0;
}

static int read_unit_price(const struct reader *r)
{
	struct weir_text seen;
	struct decimal *price = &r->line->unit_price;
	const char *why = field_decimal(r->host, r->map, "unit_price", price, &seen);
	if (why)
		return fail_field(r, "bad_price", "unit_price", seen, why);
	if (price->sign < 0)
		return fail_field(r, "negative_price", "unit_price", seen, "is below zero");
	return 0;
}

static int read_item_number(const struct reader *r)
{
	if (field_name(r->host, r->map, "item_number", LINE_ITEM_NUMBER_MOST, r->line->digits,
		       &r->line->item_number) == FIELD_BAD)
		return plugin_fail(r->fault, "bad_item_number",
				   "item_number must be an integer or a text of at most %d bytes "
				   "without control characters",
				   LINE_ITEM_NUMBER_MOST);
	return 0;
}

static int read_category(const struct reader *r)
{
	if (field_text(r->host, r->map, "category", LINE_CATEGORY_MOST, &r->line->category) ==
	    FIELD_BAD)
		return fail_text(r, "bad_category", "category", LINE_CATEGORY_MOST);
	return 0;
}

/* Whatever stands there, the line is good. Never fails. */
static int read_pack_size(const struct reader *r)
{
	struct line *line = r->line;
	enum field field =
		field_text(r->host, r->map, "pack_size", LINE_PACK_SIZE_MOST, &line->pack_size);
	pack_of_one(&line->pack);
	line->unknown_pack = field == FIELD_BAD ||
			     (field == FIELD_TEXT &&
			      !pack_read(&line->pack, line->pack_size.data, line->pack_size.size));
	return 0;
}

/* In the order in which a person would look at them; the first fault counts. What is read last may
 * lie in the host's buffer: pack_size. */
static int (*const fields[])(const struct reader *r) = {
	read_description, read_credit,	 read_quantity,	 read_unit_price,
	read_item_number, read_category, read_pack_size,
};

int line_read(struct line *line, const struct weir_host *host, const struct weir_map *map,
	      bool credit_note, struct weir_error *fault)
{
	const struct reader r = {line, host, map, credit_note, fault};
	line->description = (struct weir_text){NULL, 0};
	if (!map)
		return plugin_fail(fault, "bad_line", "the line is no JSON object");
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (fields[i](&r) < 0)
			return -1;
	return 0;
}
