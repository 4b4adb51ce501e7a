/* line.h: one line of an invoice: what is to be booked, or why it cannot be. */
#ifndef INVOICE_LINE_H
#define INVOICE_LINE_H

#include "field.h"
#include "pack.h"

/* Bytes. */
#define LINE_DESCRIPTION_MOST 500
#define LINE_ITEM_NUMBER_MOST 100
#define LINE_CATEGORY_MOST 200
#define LINE_PACK_SIZE_MOST 100

/* Texts point into the item or into the line itself, so a line is not to be copied. */
struct line {
	struct weir_text item_number, category, pack_size; /* absent: none */
	struct weir_text description; /* of a bad line: what stands there, of any size and kind */
	struct decimal quantity, unit_price; /* of a credit line quantities are not above zero */
	bool credit;
	struct pack pack;
	bool unknown_pack; /* what pack_size says is not known: the pack is one piece */
	char digits[FIELD_DIGITS];
};

/* Reads a line, a map of line_items. credit_note: the invoice is one. 0, or -1: the line is bad,
 * and fault says why; its code is the line's error class. */
int line_read(struct line *line, const struct weir_host *host, const struct weir_map *map,
	      bool credit_note, struct weir_error *fault);

#endif
