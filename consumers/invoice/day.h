/* day.h: days of the calendar, as ISO 8601 writes them. Nothing blocks. */
#ifndef INVOICE_DAY_H
#define INVOICE_DAY_H

#include <stddef.h>
#include <stdint.h>

#define DAY_AHEAD_MOST 366 /* days after today that an invoice may be dated */

/* Days since 1 January 1970, in UTC. */
int64_t day_today(void);

#define DAY_TEXT 11 /* bytes of YYYY-MM-DD, with a NUL */

/* Reads the date of an invoice, as far as it means one day only: the year first, as 2025-03-21,
 * 2025-3-1, 2025/03/21, 2025.03.21 or 20250321, and behind it a time, with an offset or without
 * (2025-03-21T22:00:00Z): the day is the one that is written, wherever that was. NULL, or what is
 * wrong, for a person: it must be a day of the (Gregorian) calendar, not before 1970 and not more
 * than 366 days after today. */
const char *day_read(const char *text, size_t n, int64_t today, char out[DAY_TEXT]);

#endif
