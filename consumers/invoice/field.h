/* field.h: the fields of an invoice, read from a map through the host. Texts point into the item,
 * or into the digits that the caller lends; blanks around them are gone, no-break and zero width
 * ones too. Nothing blocks. */
#ifndef INVOICE_FIELD_H
#define INVOICE_FIELD_H

#include <stdbool.h>

#include "decimal.h"
#include "weir/plugin.h"

#define FIELD_DIGITS 24 /* bytes of an integer as text */

enum field {
	FIELD_ABSENT, /* or null, or a text of blanks: *out is absent */
	FIELD_TEXT,
	FIELD_BAD /* of another type, too long, or with control characters; *out is what a person
		   * may be shown of it, in small size */
};

/* A text of at most `most` bytes. */
enum field field_text(const struct weir_host *host, const struct weir_map *map, const char *key,
		      size_t most, struct weir_text *out);

/* The same, and an integer will do: 4711 is "4711". */
enum field field_name(const struct weir_host *host, const struct weir_map *map, const char *key,
		      size_t most, char digits[FIELD_DIGITS], struct weir_text *out);

/* true or false, also as yes, y, 1, no, n, 0 or a text of these; absent is false. 0, or -1:
 * neither. */
int field_flag(const struct weir_host *host, const struct weir_map *map, const char *key,
	       bool *out);

/* Whether nothing is there, or null, or a text of blanks. */
bool field_is_absent(const struct weir_host *host, const struct weir_map *map, const char *key);

/* A decimal number, as a text or a number. NULL, or what is wrong ("is missing"), for a person;
 * *seen is then what stands there. */
const char *field_decimal(const struct weir_host *host, const struct weir_map *map, const char *key,
			  struct decimal *out, struct weir_text *seen);

#endif
