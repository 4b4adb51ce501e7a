/* answer_opening.h: what the words before an object say of it. Private to libweir. Time is linear
 * in the text.
 *
 * A list of the ways to say that an object is not the answer would never be complete, so this is
 * one of those that say that it is: of the sentence right before the object each word has to be
 * known. The known ones are English; what is said otherwise is in doubt. */
#ifndef WEIR_ANSWER_OPENING_H
#define WEIR_ANSWER_OPENING_H

#include <stdbool.h>

#include "weir/error.h"

enum opening {
	OPENING_NONE,	/* blanks and fences alone */
	OPENING_DRAFT,	/* "For example", "First draft:" */
	OPENING_ANSWER, /* "Here is the JSON:", "Answer:" */
	/* "Final answer:", "Let me correct that:", "Wait, that is wrong." */
	OPENING_FINAL,
	OPENING_OTHER /* all else; also an answer behind words of another case, or another text */
};

/* Of an object that stands behind the text. */
enum opening answer_opening(struct weir_text before);

/* Whether what stands behind an object takes it back: "Wait, that is wrong." */
bool answer_taken_back(struct weir_text behind);

#endif
