#include "line.h"

#include <stdio.h>
#include <string.h>

#include "kit.h"
#include "settle.h"

#define SHOWN 60 /* bytes of a value in an error */

struct reader {
	struct line *line;
	const struct weir_host *host;
	const struct weir_map *map;
	const struct line_head *head;
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
	r->line->credit = r->line->credit || r->head->credit_note;
	return 0;
}

static void tell(struct line *line, enum charge charge, enum line_told told)
{
	line->charge = charge;
	line->told = told;
}

/* Two things without a name would be one thing. */
static int check_name(const struct reader *r)
{
	if (charge_is_nameless(r->line->description))
		return fail_field(r, "missing_description", "description", r->line->description,
				  "does not say what it is: write what was bought");
	return 0;
}

static int fail_type(const struct reader *r, struct weir_text type)
{
	char names[CHARGE_NAMES_SIZE], why[CHARGE_NAMES_SIZE + 16];
	snprintf(why, sizeof why, "is none of %s", charge_names(names));
	return fail_field(r, "bad_line_type", "line_type", type, why);
}

/* What line_type says; or else the category; or else the whole description. */
static int read_charge(const struct reader *r)
{
	struct line *line = r->line;
	struct weir_text type;
	bool doubtful;
	enum field field = field_text(r->host, r->map, "line_type", LINE_CATEGORY_MOST, &type);
	if (field == FIELD_TEXT && charge_of_type(type, &line->charge)) {
		line->told = TOLD_BY_TYPE;
		return 0;
	}
	if (field != FIELD_ABSENT)
		return fail_type(r, type);
	tell(line, charge_of_category(line->category), TOLD_BY_CATEGORY);
	if (line->charge != CHARGE_NONE)
		return 0;
	if (charge_is_total(line->description))
		return fail_field(r, "total_line", "description", line->description,
				  "is a sum or a payment, and no line of its own: leave it out, or "
				  "say by line_type what it is (item, fee, ...)");
	tell(line, charge_of_description(line->description, &doubtful), TOLD_BY_DESCRIPTION);
	line->warns[LINE_TOLD_BY_TEXT] = line->charge != CHARGE_NONE;
	line->warns[LINE_MAYBE_CHARGE] = doubtful;
	return 0;
}

/* Required. */
static int read_figure(const struct reader *r, const char *code, const char *key,
		       struct decimal *out)
{
	struct weir_text seen;
	const char *why = field_decimal(r->host, r->map, key, out, &seen);
	return why ? fail_field(r, code, key, seen, why) : 0;
}

static int read_quantity(const struct reader *r)
{
	return read_figure(r, "bad_quantity", "quantity", &r->line->quantity);
}

static int read_unit_price(const struct reader *r)
{
	return read_figure(r, "bad_price", "unit_price", &r->line->unit_price);
}

static int read_extended(const struct reader *r)
{
	struct line *line = r->line;
	line->has_extended = !field_is_absent(r->host, r->map, "extended_price");
	return line->has_extended
		       ? read_figure(r, "bad_extended_price", "extended_price", &line->extended)
		       : 0;
}

static struct weir_text text_of(const struct decimal *d)
{
	return (struct weir_text){d->text, d->size};
}

/* What a credit note takes back is below zero, by its quantity or by its price; all else is not. */
static int check_signs(const struct reader *r)
{
	struct decimal *quantity = &r->line->quantity, *price = &r->line->unit_price;
	if (r->line->credit && price->sign < 0 && quantity->sign > 0) {
		decimal_negate(price);
		decimal_negate(quantity);
	}
	if (quantity->sign < 0 && !r->line->credit)
		return fail_field(r, "negative_quantity", "quantity", text_of(quantity),
				  "is below zero, and the line is not marked credit_note");
	if (quantity->sign > 0 && r->line->credit)
		return fail_field(r, "positive_credit", "quantity", text_of(quantity),
				  "is above zero, and what a credit_note takes back is below");
	if (price->sign < 0)
		return fail_field(r, "negative_price", "unit_price", text_of(price),
				  r->line->credit ? "is below zero, as its quantity is"
						  : "is below zero");
	return 0;
}

/* 27.43, "27.43" or "27.43 LB". */
static int read_weight(const struct reader *r)
{
	struct line *line = r->line;
	struct weir_text text;
	char word[UNIT_WORD_MOST];
	line->weight_unit = NULL;
	line->has_weight = !field_is_absent(r->host, r->map, "weight");
	if (!line->has_weight)
		return 0;
	if (field_text(r->host, r->map, "weight", LINE_UOM_MOST, &text) == FIELD_TEXT) {
		size_t n = 0;
		while (n < text.size && strchr("0123456789.-()", text.data[n]))
			n++;
		const char *why = decimal_read(&line->weight, text.data, n);
		const char *at = text.data + n, *end = text.data + text.size;
		at += at < end && *at == ' ';
		if (at < end && *at == '#' && at + 1 == end)
			line->weight_unit = &unit_pound;
		else if (at < end) {
			size_t size = unit_take_word(&at, end, word);
			line->weight_unit = at == end ? unit_find(word, size) : NULL;
			if (!line->weight_unit || line->weight_unit->kind != UNIT_WEIGHT)
				why = "is no weight such as 27.43 or \"27.43 LB\"";
		}
		if (why)
			return fail_field(r, "bad_weight", "weight", text, why);
	} else if (read_figure(r, "bad_weight", "weight", &line->weight) < 0) {
		return -1;
	}
	if (line->weight.sign < 0 && !line->credit)
		return fail_field(r, "bad_weight", "weight", text_of(&line->weight),
				  "is below zero, and the line is not marked credit_note");
	if (line->weight.sign < 0)
		decimal_negate(&line->weight);
	return 0;
}

static int read_uom(const struct reader *r)
{
	if (field_text(r->host, r->map, "uom", LINE_UOM_MOST, &r->line->uom) == FIELD_BAD)
		return fail_text(r, "bad_uom", "uom", LINE_UOM_MOST);
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
	line->warns[LINE_UNKNOWN_PACK] =
		field == FIELD_BAD ||
		(field == FIELD_TEXT &&
		 !pack_read(&line->pack, line->pack_size.data, line->pack_size.size));
	/* A charge has none. */
	if (field == FIELD_TEXT && !line->warns[LINE_UNKNOWN_PACK])
		line->warns[LINE_MAYBE_CHARGE] = false;
	return 0;
}

static int settle(const struct reader *r)
{
	return line_settle(r->line, r->head->currency, r->fault);
}

/* ---- charges ---- */

/* A sum alone will do: it is once that sum. */
static int read_charge_figures(const struct reader *r)
{
	struct line *line = r->line;
	bool has_quantity = !field_is_absent(r->host, r->map, "quantity");
	(void)decimal_read(&line->quantity, "1", 1);
	if (read_extended(r) < 0 || (has_quantity && read_quantity(r) < 0))
		return -1;
	if (line->has_extended && !has_quantity && field_is_absent(r->host, r->map, "unit_price")) {
		line->unit_price = line->extended;
		return 0;
	}
	return read_unit_price(r);
}

/* On a credit note all is the other way round, but for what is kept (a fee) or taken off again. */
static int check_charge_signs(const struct reader *r)
{
	const struct line *line = r->line;
	int sign = line->quantity.sign * line->unit_price.sign;
	struct weir_text price = text_of(&line->unit_price);
	if (!line->credit && sign > 0 && charge_is_reduction(line->charge))
		return plugin_fail(r->fault, "positive_reduction",
				   "a %s of %s is above zero: what is taken off the bill has a "
				   "minus",
				   charge_name(line->charge), price.data);
	if (line->credit && sign > 0 && line->charge != CHARGE_FEE &&
	    line->charge != CHARGE_ROUNDING && line->charge != CHARGE_OTHER &&
	    !charge_is_reduction(line->charge))
		return plugin_fail(r->fault, "positive_credit",
				   "a %s of %s on a credit_note is above zero, and what it takes "
				   "back is below",
				   charge_name(line->charge), price.data);
	return 0;
}

static int settle_charge(const struct reader *r)
{
	return charge_settle(r->line, r->head->currency, r->fault);
}

/* ---- lines ---- */

typedef int step(const struct reader *r);

/* In the order in which a person would look at them; the first fault counts. What is read last may
 * lie in the host's buffer: pack_size. */
static step *const of_all[] = {read_description, read_credit, read_category, read_charge, NULL};
static step *const of_goods[] = {
	check_name, read_quantity,    read_unit_price, check_signs, read_extended, read_weight,
	read_uom,   read_item_number, read_pack_size,  settle,	    NULL};
static step *const of_charges[] = {read_charge_figures, check_charge_signs, settle_charge,
				   read_item_number, NULL};

static int take(step *const *steps, const struct reader *r)
{
	for (; *steps; steps++)
		if ((*steps)(r) < 0)
			return -1;
	return 0;
}

int line_read(struct line *line, const struct weir_host *host, const struct weir_map *map,
	      const struct line_head *head, struct weir_error *fault)
{
	const struct reader r = {line, host, map, head, fault};
	line->description = (struct weir_text){NULL, 0};
	memset(line->warns, 0, sizeof line->warns);
	if (!map)
		return plugin_fail(fault, "bad_line", "the line is no JSON object");
	if (take(of_all, &r) < 0)
		return -1;
	return take(line->charge == CHARGE_NONE ? of_goods : of_charges, &r);
}
