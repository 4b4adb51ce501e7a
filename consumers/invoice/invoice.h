/* invoice.h: an invoice as it comes in an item, checked, and written as what weir.book_invoices()
 * reads, or as the result of one that cannot be booked. Nothing blocks. */
#ifndef INVOICE_INVOICE_H
#define INVOICE_INVOICE_H

#include "day.h"
#include "field.h"
#include "line.h"
#include "out.h"

#define INVOICE_LINES_MOST 10000
/* Bytes of names and numbers. */
#define INVOICE_USER_MOST 64
#define INVOICE_NAME_MOST 200
#define INVOICE_NUMBER_MOST 100
#define INVOICE_DATE_MOST 40
/* Bytes of the lists in a result, which is kept whole (WEIR_RESULT_MAX); what does not fit is
 * counted in failed_items_omitted and warnings_omitted. */
#define INVOICE_FAILED_MOST (600 * 1024)
#define INVOICE_WARNINGS_MOST (200 * 1024)
#define INVOICE_SHOWN_MOST 200 /* bytes of a description in them */

/* Its texts point into the item or into itself: valid as long as the item, and not to be copied. */
struct invoice {
	const struct weir_host *host;
	const struct weir_map *payload;
	size_t count; /* of lines */
	struct weir_text user_id, vendor_name, invoice_number, invoice_date;
	struct line_head head;
	struct decimal total; /* of the invoice, where it is given */
	bool has_total;
	struct weir_error date_fault; /* code "": the date is good. Else every line is bad */
	char user_digits[FIELD_DIGITS], number_digits[FIELD_DIGITS], date_digits[FIELD_DIGITS];
	char date[DAY_TEXT];
};

/* Reads all but the lines. In a later stage the invoice is the input. 0, or -1 with err: what is
 * wrong, and how to mend it; codes bad_context, bad_payload. */
int invoice_open(struct invoice *inv, const struct weir_host *host, const struct weir_item *item,
		 struct weir_error *err);

/* Looks no further than the first one. */
bool invoice_has_good_line(const struct invoice *inv);

/* As the operator says. Above which similarity of descriptions two are one, in percent: without a
 * person, and with one who looks at it later. */
struct invoice_rules {
	int automatic, review;
	bool refuse_duplicates; /* an invoice that is booked under another custom_id */
};

/* Room for the lists of one invoice, for use again and again. The owner calls lists_release(). */
struct invoice_lists {
	struct out failed, warnings, charges;
	struct out_list failed_list, warnings_list;
};

#define INVOICE_LISTS_INIT ((struct invoice_lists){.failed = OUT_INIT})

void lists_release(struct invoice_lists *lists);

/* Appends the JSON text that weir.book_invoices() takes, and a comma. A failed allocation shows in
 * out->failed. */
void invoice_write(const struct invoice *inv, const struct invoice_rules *rules,
		   struct invoice_lists *lists, struct out *out);

/* Appends the result of an invoice without a good line. err names the first faults; its code is
 * no_good_line. */
void invoice_write_failed(const struct invoice *inv, struct invoice_lists *lists, struct out *out,
			  struct weir_error *err);

#endif
