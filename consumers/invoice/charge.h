/* charge.h: lines of an invoice that are no goods: what the vendor charges or takes off besides.
 * Which words say so stands in the tables of charge.c. Nothing blocks. */
#ifndef INVOICE_CHARGE_H
#define INVOICE_CHARGE_H

#include <stdbool.h>

#include "weir/plugin.h"

enum charge {
	CHARGE_NONE, /* goods */
	CHARGE_FUEL_SURCHARGE,
	CHARGE_FREIGHT,
	CHARGE_DELIVERY,
	CHARGE_TAX,
	CHARGE_DEPOSIT,
	CHARGE_DEPOSIT_RETURN,
	CHARGE_DISCOUNT,
	CHARGE_CREDIT,
	CHARGE_FEE,
	CHARGE_TIP,
	CHARGE_ROUNDING,
	CHARGE_OTHER,
	CHARGES
};

#define CHARGE_NAMES_SIZE 160

/* The name that line_type has for it; CHARGE_NONE is "item". */
const char *charge_name(enum charge charge);

/* All of them, with commas between. Returns out. */
const char *charge_names(char out[CHARGE_NAMES_SIZE]);

/* What a line_type says; letter case does not matter, and blanks and hyphens are as good as _.
 * False: there is no such type. */
bool charge_of_type(struct weir_text type, enum charge *out);

/* What a category says: CHARGE_NONE of all those that goods may have as well. */
enum charge charge_of_category(struct weir_text category);

/* What a description says that is made of nothing but words for a charge, and numbers. Else
 * CHARGE_NONE; *doubtful: such a word is among others (DISCOUNT FLOUR). */
enum charge charge_of_description(struct weir_text description, bool *doubtful);

/* Whether a description is made of nothing but words for a sum or a payment (SUBTOTAL, Balance
 * forward, Payment received), and numbers: it counts again what other lines say. */
bool charge_is_total(struct weir_text description);

/* Whether a description names nothing: only signs, or a word such as N/A, TBD, misc. */
bool charge_is_nameless(struct weir_text description);

/* Whether it is money back: below zero on an invoice. */
bool charge_is_reduction(enum charge charge);

#endif
