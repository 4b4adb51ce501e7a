/* letter.h: the body of a dead letter as people are shown it. It may hold anything. */
#ifndef WEIR_LETTER_H
#define WEIR_LETTER_H

#include "weir/buffer.h"

#define LETTER_SHOWN 4096 /* bytes of a body that is no message */

/* The body as one line of JSON in ASCII, when it is a MessagePack map or any JSON, as its
 * content_type says. NULL: it is neither; else the caller free()s it. */
char *letter_json(struct weir_text body, const char *content_type);

/* Any body for a terminal: indented JSON, or text with its control characters as \xNN, or a dump in
 * hexadecimal; of the latter two at most LETTER_SHOWN bytes, and how many more there are. */
void letter_print_body(struct weir_text body, const char *content_type, struct buffer *b);

#endif
