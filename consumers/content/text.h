/* text.h: Unicode as the analysis needs it: what makes words, and texts folded so that case, kinds
 * of blanks, hyphens and apostrophes, composed and decomposed forms and ends of lines make no
 * difference. By the tables of libunistring. Texts are UTF-8; what is not is passed over as one
 * character of no kind, and never leads past the end. Nothing blocks. */
#ifndef CONTENT_TEXT_H
#define CONTENT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "out.h"

struct text_counts {
	int64_t words, characters; /* characters are code points */
	int64_t estimated;	   /* of the words, those that are an estimate */
};

/* Adds those of a text. A word is a segment of Unicode's default word boundaries (Unicode Standard
 * Annex #29, section 4) with a letter or a digit in it: "don't", "3.14" and "example.com" are one
 * each, "well-known" is two, and marks belong to their letters. By these boundaries an ideograph
 * and a Hiragana are words by themselves, and a run of Katakana is one.
 *
 * Thai, Lao, Khmer, Burmese and their neighbours are written without blanks, and the annex leaves
 * them to dictionaries, of which there is none here: a run of letters in them is as many words as
 * its length makes on the average, at least one, and these are `estimated`. Where U+200B divides
 * words, as in much of Khmer, each run is one, and no estimate. 0, or -1: out of memory. */
int text_count(const char *text, size_t n, struct text_counts *counts);

/* Appends it with full case folding (so "STRASSE" is "straße", and final sigma is sigma; the dot
 * that folding leaves behind the i of U+0130 is dropped), composed (NFC), with compatibility forms
 * as what they stand for unless they are small or within something (wide, narrow, ligatures,
 * Arabic's; not "²" and "™"), runs of blanks as one blank, dashes (category Pd, and the minus) and
 * apostrophes as those of ASCII, without what is not to be seen (soft hyphens, joiners, variation
 * selectors). A blank at the start is left out where the output is empty or ends in one.
 *
 * An end of a line may stand in a word: so a blank is left out behind a hyphen that has no blank
 * before it, and between two characters of Han, Hiragana or Katakana. What may be written or not is
 * left out: vowel signs of Arabic and points of Hebrew, tatweel, accents of Greek (capitals have
 * none). Persian kaf and yeh are Arabic's, and tones of Thai and Lao stand before a nikhahit. */
void text_fold(const char *text, size_t n, struct out *out);

/* Whether there is a letter or a digit in it. */
bool text_tells(const char *text, size_t n);

/* Where `term` stands in `text` as whole words, from `from` on, both folded: its offset, or -1. It
 * does not begin or end within a word: between two letters or digits, or at a mark, or behind a
 * sign that joins two letters (a virama). An end of the term that is no letter or digit may touch
 * anything ("C++"), and so may scripts that are written without blanks. */
int64_t text_find(const char *text, size_t n, size_t from, const char *term, size_t term_size);

#define TEXT_CUT_MOST 2000

/* How many bytes of a text are shown: at most `most` (and TEXT_CUT_MOST); what a reader sees as one
 * character (a grapheme cluster of the annex) is not cut unless it is larger than that by itself.
 */
size_t text_cut(const char *text, size_t n, size_t most);

#endif
