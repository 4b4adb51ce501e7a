/*
 * Folding: what is written in different ways is brought into one, so that the lexicon finds it.
 *
 * - Entities are decoded and tags removed (markup.h).
 * - Every apostrophe becomes ', every dash -, every double quote ", every space one blank.
 *   Windows-1252 quotes that were taken for Latin-1, or for a byte of UTF-8, count as quotes, and
 *   so do those of UTF-8 that was taken for Windows-1252 ("isn\u00e2\u20ac\u2122t").
 * - Compatibility forms become Latin letters, digits and ASCII where they stand for such: full
 *   width, ligatures, letters in circles and squares, mathematical letters (Unicode Standard
 *   Annex 15, NFKC; not fractions, nor signs of several letters such as the numero sign, which
 *   would be a "no"). Small capitals are letters.
 * - Code points that are ignored by default (Unicode, DerivedCoreProperties: zero-width
 *   characters, soft hyphens, marks of direction, variation selectors) are dropped, and so are
 *   combining marks on ASCII letters that make no letter of their own with them.
 *
 * Letters of other scripts that look like Latin ones stay what they are.
 */
#ifndef WEIR_SENTIMENT_FOLD_H
#define WEIR_SENTIMENT_FOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "markup.h"

/* False if the text is the same after folding; most texts are. */
bool fold_needed(const char *text, size_t size);

/*
 * Fold the next piece of a text: at most FOLD_MAX bytes of UTF-8, cut behind a blank if there is
 * one. Returns the size of the piece, which may be 0; the cursor is at the end when all is done.
 */
enum { FOLD_MAX = 2048 };
size_t fold_piece(struct cursor *cursor, char out[FOLD_MAX]);

#endif
