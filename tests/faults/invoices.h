/* invoices.h: the invoices of a mixed load, and the truth about them. The same ones come in several
 * jobs, with bad lines that some of these have corrected. What is booked does not depend on what
 * came first: things have names that are nothing alike, or one name in ways that are alike enough.
 */
#ifndef WEIR_FAULTS_INVOICES_H
#define WEIR_FAULTS_INVOICES_H

#include <stdio.h>

#include "load.h"

#define INVOICE_LINES 60

struct invoice_line {
	const char *fault; /* the class of its error; NULL: it is good */
	int thing;
	char name[40];
	bool numbered, credit;
	int quantity;		/* in thousandths; negative with credit */
	int price;		/* of an ordered unit, in ten thousandths */
	const char *pack;	/* NULL: none */
	const char *pack_units; /* base units in an ordered unit */
	const char *base_unit;
};

struct invoice {
	char id[32], day[32];
	const char *user, *currency;
	int vendor;
	const char *vendor_name; /* as it is written here */
	bool credit_note;
	int size, good;
	struct invoice_line lines[INVOICE_LINES];
};

/* What item `ordinal` of an order is. The same invoice is the same, but for lines that are bad. */
void invoice_make(struct invoice *out, const struct load *l, const struct order *o, int ordinal);
/* As a line of JSON Lines. */
void invoice_write(FILE *f, const struct invoice *in);

/* From here on the database refuses some lines, and takes its time for each, so that much is done
 * to it while invoices are booked. */
void invoices_open(const struct load *l);
/* Compares what is booked with the invoices that have succeeded. Nothing may be running. */
void invoices_check(const struct load *l);
void invoices_report(void);
void invoices_close(void);

#endif
