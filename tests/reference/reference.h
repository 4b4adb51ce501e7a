/* reference.h: how an invoice is booked, told in the plainest way: one line after the other, one
 * query after the other, each waiting for its answer. Slow, and meant to be obviously right. The
 * tests hold against it what weir has booked, the benchmark how long it took; so it shares no code
 * with weir, and of its SQL only the tables' shape, the keys of texts and the lists of words.
 *
 * It books what was made for it: nothing is checked, no pack is read, nor of what the price is.
 * Invoices come one at a time, each of them once. */
#ifndef WEIR_REFERENCE_H
#define WEIR_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers are decimals, as texts. Of an ordered unit there are count x each x factor base units:
 * 4/1 GAL is 4, 1, 3785.411784 and "ml". */
struct reference_line {
	const char *item_number; /* NULL: none */
	const char *description;
	const char *category;	      /* NULL: none */
	const char *charge, *told_by; /* what it is, if it is no goods; NULL: goods */
	const char *quantity;	      /* of what the price is of; negative with credit */
	const char *unit_price;
	const char *total;	  /* billed; NULL: quantity x unit_price */
	const char *ordered;	  /* as it is written; NULL: as the quantity */
	const char *weight, *uom; /* as they are written; NULL: not */
	const char *pack_size;	  /* as it is written; NULL: none */
	const char *pack_count, *pack_each, *unit_factor, *base_unit;
	bool credit;
};

/* line 1 is lines[0]. The date is YYYY-MM-DD. */
struct reference_invoice {
	const char *user_id, *invoice_id, *vendor_name, *invoice_number, *invoice_date, *currency;
	const struct reference_line *lines;
	size_t size;
};

struct reference;

/* Connects to the database, in which weir's tables are. Blocks, as all of these do. NULL after a
 * line on standard error. */
struct reference *reference_open(const char *url);
void reference_close(struct reference *); /* NULL: nothing */

/* Makes the schema `reference` anew: empty tables of the same names and shape as weir's. 0, or -1
 * after a line on standard error. */
int reference_empty(struct reference *);

/* 0, or -1 after a line on standard error; then some of the invoice may be booked. */
int reference_book(struct reference *, const struct reference_invoice *);

/* Queries that were sent and answered since it was opened. */
int64_t reference_queries(const struct reference *);

#endif
