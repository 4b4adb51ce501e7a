/* invoices.h: made-up invoices whose booking comes to the same in any order: what is alike is alike
 * above all thresholds, what is not is far below them, and a vendor's item numbers are its own. */
#ifndef WEIR_TEST_INVOICES_H
#define WEIR_TEST_INVOICES_H

#include <reference.h>
#include <stdint.h>
#include <stdio.h>

#define MADE_LINES 8

struct made_invoice {
	struct reference_invoice as;
	struct reference_line lines[MADE_LINES];
	struct {
		char quantity[16], price[16], number[24], ordered[16], weight[16], total[24];
	} texts[MADE_LINES];
	char id[32], number[32], date[24];
	char total[24];			 /* of all lines; empty: not written */
	bool credit_note, plain_numbers; /* JSON numbers, and not texts */
};

/* Of three users. Two that follow each other are of different users and have the same id. The
 * structs point into themselves: they must not be moved. */
void made_invoices(struct made_invoice *out, int count, uint64_t seed);
/* As a line of JSON Lines. */
void made_write(FILE *f, const struct made_invoice *invoice);
/* That the descriptions are as far from each other as is said above: asks the database. */
void expect_made_apart(void);

#endif
