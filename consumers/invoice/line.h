/* line.h: one line of an invoice: what is to be booked, or why it cannot be. */
#ifndef INVOICE_LINE_H
#define INVOICE_LINE_H

#include "charge.h"
#include "currency.h"
#include "field.h"
#include "pack.h"
#include "unit.h"

/* Bytes. */
#define LINE_DESCRIPTION_MOST 500
#define LINE_ITEM_NUMBER_MOST 100
#define LINE_CATEGORY_MOST 200
#define LINE_PACK_SIZE_MOST 100
#define LINE_UOM_MOST 30

/* What a person is told of a line that is booked. */
enum line_warning {
	LINE_UNKNOWN_PACK, /* what pack_size says is not known: the pack is one piece */
	LINE_UNKNOWN_UOM,  /* what uom says is not known: an ordered unit is what pack_size says */
	LINE_POUNDS,	   /* the weight has no unit, and was taken for pounds */
	LINE_ROUNDED,	   /* extended_price is the product of a price that was rounded */
	LINE_TOLD_BY_TEXT, /* the line is a charge by its description alone */
	LINE_MAYBE_CHARGE, /* its description has words of a charge, and others */
	LINE_WARNINGS
};

/* What says that a line is a charge. */
enum line_told { TOLD_BY_TYPE, TOLD_BY_CATEGORY, TOLD_BY_DESCRIPTION };

/* Texts point into the item or into the line itself, so a line is not to be copied. */
struct line {
	struct weir_text item_number, category, pack_size, uom; /* absent: none */
	struct weir_text description; /* of a bad line: what stands there, of any size and kind */
	enum charge charge; /* CHARGE_NONE: goods; else pack, ordered, weight and uom are nothing */
	enum line_told told;
	/* How many of what `pack` holds, and the price of one. Of goods on a credit line quantities
	 * are not above zero; of a charge both may be below. */
	struct decimal quantity, unit_price;
	struct pack pack;
	struct decimal ordered;		/* the quantity as it is written */
	struct decimal extended;	/* the money billed, where it is written */
	struct decimal weight;		/* as it is written; not below zero */
	const struct unit *weight_unit; /* written behind the weight; NULL: none */
	bool has_extended, has_weight;
	bool credit;
	bool warns[LINE_WARNINGS];
	char digits[FIELD_DIGITS];
};

/* What the lines of an invoice have in common. */
struct line_head {
	bool credit_note;
	const struct currency *currency;
};

/* Reads a line, a map of line_items. 0, or -1: the line is bad, and fault says why; its code is the
 * line's error class. */
int line_read(struct line *line, const struct weir_host *host, const struct weir_map *map,
	      const struct line_head *head, struct weir_error *fault);

#endif
