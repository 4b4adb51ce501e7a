/*
 * Scanning: the words, emoticons, emoji and ends of sentences of a text, given to its tone.
 */
#ifndef WEIR_SENTIMENT_SCAN_H
#define WEIR_SENTIMENT_SCAN_H

#include <stddef.h>

#include "tone.h"

/* Add a text, or a part of one, to the tone; it ends a sentence. The text is folded (fold.h). */
void scan_text(struct tone *tone, const char *text, size_t size);

#endif
