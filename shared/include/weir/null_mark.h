/* null_mark.h: words that programs write where there is no text. Nothing blocks or allocates.
 *
 * Sources: pandas.read_csv, na_values; Microsoft, "ERROR.TYPE function" (Excel's error values);
 * PostgreSQL, COPY (\N); JavaScript's undefined; what Reddit puts in place of a post that is gone.
 */
#ifndef WEIR_NULL_MARK_H
#define WEIR_NULL_MARK_H

#include <stdbool.h>
#include <stddef.h>

#define NULL_MARK_MAX 24 /* bytes, with blanks around it: a longer text is not looked at */

/* Whether that is all of a text, in letters of any case, and blanks around it. Within a longer text
 * such a word is text. */
bool null_mark_is(const char *text, size_t size);

#endif
