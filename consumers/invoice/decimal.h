/* decimal.h: decimal numbers as text, exactly as they were written. They are never a binary
 * fraction here: PostgreSQL's numeric does the arithmetic. No allocation, nothing blocks. */
#ifndef INVOICE_DECIMAL_H
#define INVOICE_DECIMAL_H

#include <stddef.h>

#define DECIMAL_WHOLE_MOST 12	 /* digits before the point */
#define DECIMAL_FRACTION_MOST 10 /* and behind it */
#define DECIMAL_EXACT_DIGITS 15	 /* significant ones, that a double is sure to carry */

struct decimal {
	char text[1 + DECIMAL_WHOLE_MOST + 1 + DECIMAL_FRACTION_MOST + 1]; /* NUL-terminated */
	unsigned char size;
	signed char sign; /* -1, 0, 1 */
};

/* Both return NULL, or what is wrong with the number, for a person ("is no decimal number ...");
 * *out is then undefined. What they make is canonical but for zeros at the end, which say how
 * exactly a price was meant: no zeros in front of the first digit, and zero has no sign. */

/* 12.50, .50, 12., -5, and as accountants write what is below zero: (5.00) and 5.00-. Nothing else:
 * of 1.234,50 and $5 nobody is asked what is meant. */
const char *decimal_read(struct decimal *out, const char *text, size_t n);

/* A number of JSON as it is printed, exponent and all. In a message it is an integer or a double;
 * of a double only as many digits are to be trusted as every double of 15 digits keeps: one that
 * takes more was more exact when it was written, or was never meant as a decimal number. */
const char *decimal_read_number(struct decimal *out, const char *json, size_t n);

void decimal_negate(struct decimal *d);

#endif
