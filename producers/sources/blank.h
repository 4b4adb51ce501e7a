/* blank.h: what is not seen at the ends of a text. Private to this folder. */
#ifndef WEIR_SOURCES_BLANK_H
#define WEIR_SOURCES_BLANK_H

#include "weir/plugin.h"

/* Without the blanks of all kinds at both ends, and without characters that have no width there. */
struct weir_text blank_trim(struct weir_text text);

#endif
