/* text.h: Unicode as the analysis needs it: characters of UTF-8, which of them make words, and
 * texts folded so that case, kinds of blanks and hyphens and ends of lines make no difference. By the rules of
 * the C library's locale C.UTF-8 (Unicode's own properties); nothing is composed or decomposed. */
#ifndef CONTENT_TEXT_H
#define CONTENT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "out.h"

/* To be called before the others, and undone at the end. 0, or -1: there is no locale C.UTF-8. */
int text_open(void);
void text_close(void);

/* The character at text, of which n > 0 bytes remain, and its size. What is no UTF-8 is U+FFFD. */
uint32_t text_step(const char *text, size_t n, size_t *size);

struct text_counts {
	int64_t words, characters;
};

/* Adds those of a text. A word is a run of letters and digits, with the apostrophes in it; a
 * character of a script that is written without blanks (Han, Hiragana, Katakana) is one by itself.
 */
void text_count(const char *text, size_t n, struct text_counts *counts);

/* Appends it in small letters, runs of blanks as one blank, hyphens and apostrophes as those of
 * ASCII, without soft hyphens. A blank at the
 * start is left out where the output is empty or ends in one. */
void text_fold(const char *text, size_t n, struct out *out);

/* Where `term` stands in `text` as whole words, from `from` on, both folded: its offset, or -1. An
 * end of the term that is no letter or digit may touch anything ("C++"). */
int64_t text_find(const char *text, size_t n, size_t from, const char *term, size_t term_size);

#endif
