/* rules.h: what a document has to have and must not have, as the custom_instructions say:
 *
 *     required sections: Introduction, Licence
 *     banned terms: foo, bar baz
 *
 * Such lines may stand several times. All others are for language models. */
#ifndef CONTENT_RULES_H
#define CONTENT_RULES_H

#include "out.h"

#define TERMS_MAX 200 /* of either sort */
#define TERM_MAX 200  /* bytes */

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

/* 0, or -1: too many terms or one that is too long, and why says so; "" is out of memory. */
int rules_read(struct rules *r, const char *instructions, size_t n, char *why, size_t why_room);
void rules_release(struct rules *r);

#endif
