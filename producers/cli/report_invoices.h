/* report_invoices.h: the part of a report on what came of invoices: what the results of a job's
 * items of the kind `invoice` say, added up. */
#ifndef WEIR_REPORT_INVOICES_H
#define WEIR_REPORT_INVOICES_H

#include "view.h"

struct report;

/* In the transaction of report_begin(), when the stages are read. *out stays NULL where none of
 * them is of this kind, or the results are not those of weir's own plugin; else it is one row,
 * binary, and the caller PQclear()s it. */
int report_invoices_read(struct ledger *l, const struct report *r, PGresult **out,
			 struct weir_error *err) WEIR_MUST_CHECK;

/* For each format; of NULL nothing is written. */
void report_invoices_text(const PGresult *invoices, struct buffer *b);
void report_invoices_json(const PGresult *invoices, struct buffer *b);
void report_invoices_csv_names(const PGresult *invoices, struct buffer *b);
void report_invoices_csv(const PGresult *invoices, struct buffer *b);

#endif
