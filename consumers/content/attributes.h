/* attributes.h: attribute lists as Pandoc, kramdown, PHP Markdown Extra and site generators have
 * them behind what they belong to: {#id}, {.class key="value"}, {: .class}, {-}, {=html}. */
#ifndef CONTENT_ATTRIBUTES_H
#define CONTENT_ATTRIBUTES_H

#include <stddef.h>

/* Bytes of the list that a text begins with; 0: it begins with none. */
size_t attributes_size(const char *text, size_t n);

/* Where the list begins that a text ends with, with the blanks before it; n: it ends with none. */
size_t attributes_behind(const char *text, size_t n);

#endif
