/* day.h: days of the calendar, as ISO 8601 writes them. Nothing blocks. */
#ifndef INVOICE_DAY_H
#define INVOICE_DAY_H

#include <stddef.h>
#include <stdint.h>

#define DAY_AHEAD_MOST 366 /* days after today that an invoice may be dated */

/* Days since 1 January 1970, in UTC. */
int64_t day_today(void);

/* NULL, or what is wrong with the date of an invoice, for a person: it must be written YYYY-MM-DD,
 * be a day of the (Gregorian) calendar, not before 1970 and not more than 366 days after today. */
const char *day_check(const char *text, size_t n, int64_t today);

#endif
