/* utf8.h: strict UTF-8 (Unicode 15, table 3-7): no overlong forms, no surrogates, nothing above
 * U+10FFFF. Private to libweir. Nothing blocks or allocates. */
#ifndef WEIR_UTF8_H
#define WEIR_UTF8_H

#include <stdbool.h>

#include "weir/plugin.h"

/* Bytes of the character that stands at text (size bytes remain): 1 to 4, or 0 when what stands
 * there is no whole, valid character. */
size_t utf8_step(const char *text, size_t size);

/* How many bytes from the start are valid: size when all are, else the offset of the fault. */
size_t utf8_valid(const char *text, size_t size);

/* Whether a valid text shows nothing: it is empty, or all of it is white space, controls, and what
 * is made to be invisible. Source: Unicode 15, PropList.txt (White_Space) and
 * DerivedCoreProperties.txt (Default_Ignorable_Code_Point); and U+2800, the Braille blank. */
bool utf8_is_blank(const char *text, size_t size);

/* Bytes of the blank that stands at text: white space, and what has no width and is of nothing
 * beside it (U+200B to U+200F, U+2060, U+FEFF). 0: none. */
size_t utf8_blank_step(const char *text, size_t size);
/* Without the blanks at both ends. */
struct weir_text utf8_trim(struct weir_text text);

#endif
