/* rules.h: what a document has to have and must not have, as the custom_instructions say:
 *
 *     required sections: Introduction, Licence
 *     banned terms: foo, "bar, baz"
 *
 * A rule is a line; each may stand several times. Blank lines and those that begin with # are
 * passed over; any other line is refused, for what is not understood is not checked. The name may
 * be in any case, in the singular, with _ or - in place of its blank, behind a list marker, and in
 * ** or
 * __; the colon may be full-width. Lists are divided by commas and semicolons, those of Chinese,
 * Japanese and Arabic among them. Quotes, backticks or * around a term are taken off, and within
 * them it is as it stands; without them, what makes no term in any text is refused: brackets, |, \,
 * * and quotes at one end, a full stop at its end, "and" or the like between banned terms, or no
 * letter or digit. */
#ifndef CONTENT_RULES_H
#define CONTENT_RULES_H

#include "out.h"

#define TERMS_MAX 200 /* of either sort */
#define TERM_MAX 200  /* bytes */
#define WHY_MAX 480   /* bytes of what is wrong, with a NUL */

struct term {
	const char *shown; /* within the instructions */
	size_t shown_size;
	size_t at, size; /* folded, in rules.folded */
};

struct terms {
	struct term list[TERMS_MAX];
	size_t count;
};

/* Starts zeroed; rules_release() in any case. The instructions outlive it. */
struct rules {
	struct terms required, banned;
	struct out folded;
};

/* 0, or -1: a line is no rule, there is none, or there are too many terms, and why says so; "" is
 * out of memory. */
int rules_read(struct rules *r, const char *instructions, size_t n, char why[WHY_MAX]);
void rules_release(struct rules *r);

#endif
