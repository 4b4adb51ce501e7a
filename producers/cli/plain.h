/* plain.h: texts that somebody else has written, safe for a terminal. Everything is appended to a
 * buffer; nothing blocks. */
#ifndef WEIR_PLAIN_H
#define WEIR_PLAIN_H

#include "weir/buffer.h"

/* A text for one line of a terminal: white space becomes a blank, and what steers a terminal '?'
 * (control characters, those that turn the direction of writing or end a line), so that what a
 * plugin or a service said cannot steer the terminal. Absent: nothing. */
void print_plain(struct buffer *b, struct weir_text text);

/* The same for what may have several lines, which stay, or must be seen byte by byte: it becomes
 * \x1b and so on. */
void print_escaped(struct buffer *b, struct weir_text text);

struct weir_text print_text(const char *text); /* of a NUL-terminated one; "" is absent */

#endif
