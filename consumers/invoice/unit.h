/* unit.h: the words for units and containers, as suppliers write them. Nothing blocks. */
#ifndef INVOICE_UNIT_H
#define INVOICE_UNIT_H

#include <stddef.h>

#define UNIT_WORD_MOST 24 /* bytes of a word */

enum unit_kind {
	UNIT_WEIGHT,
	UNIT_VOLUME,
	UNIT_PIECE,	/* pieces, which come whole: CT, EA */
	UNIT_DOZEN,	/* pieces by the dozen or gross */
	UNIT_PORTION,	/* one piece, that may be cut: head, loaf, sheet */
	UNIT_VESSEL,	/* holds one thing: a bottle, a roll */
	UNIT_CAN,	/* a vessel that has shapes: #10 */
	UNIT_CONTAINER, /* holds one thing or many: a bag, a pack */
	UNIT_BOX,	/* the same, or what is ordered whole */
	UNIT_CASE,	/* what is ordered whole, or split */
};

struct unit {
	const char *names;     /* in small letters, each with a comma behind it */
	const char *factor;    /* base units in one, as decimal text */
	const char *base_unit; /* "g", "ml" or "each" */
	enum unit_kind kind;
};

extern const struct unit unit_pound, unit_one; /* of no name; one piece */

/* word: in small letters, `fl oz` with one blank. NULL: no unit, or two things by one word. */
const struct unit *unit_find(const char *word, size_t size);

/* Copies the next word in small letters, ASCII and Latin-1 ones (Stück), as UTF-8, and moves *at
 * behind it and a point. `fl oz` and `fluid ounce` are one word, with one blank. Its size; 0: there
 * is none, or it is too long. */
size_t unit_take_word(const char **at, const char *end, char word[UNIT_WORD_MOST]);

#endif
