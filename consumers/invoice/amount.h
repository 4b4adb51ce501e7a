/* amount.h: exact products and differences of decimals. No allocation, nothing blocks. */
#ifndef INVOICE_AMOUNT_H
#define INVOICE_AMOUNT_H

#include <stdbool.h>
#include <stddef.h>

#include "decimal.h"

#define AMOUNT_FRACTION (2 * DECIMAL_FRACTION_MOST)
#define AMOUNT_DIGITS (2 * (DECIMAL_WHOLE_MOST + DECIMAL_FRACTION_MOST) + 4) /* room for sums */
#define AMOUNT_TEXT (1 + AMOUNT_DIGITS + 1 + 1)				     /* with a NUL */

/* A product of two decimals is always one, and so are sums of up to 1,000 of these. */
struct amount {
	unsigned char digit[AMOUNT_DIGITS]; /* the last of AMOUNT_FRACTION places first */
	bool negative;
};

void amount_of(struct amount *out, const struct decimal *d);
void amount_product(struct amount *out, const struct decimal *a, const struct decimal *b);
void amount_subtract(struct amount *from, const struct amount *other);

/* -1, 0, 1; without regard to signs. */
int amount_compare(const struct amount *a, const struct amount *b);

/* Without zeros at the end. */
void amount_text(const struct amount *a, char out[AMOUNT_TEXT]);

/* False: it has more digits than a decimal can have. */
bool amount_to_decimal(struct decimal *out, const struct amount *a);

#endif
