/* gaps.h: the log is told once of each cause for which what answers of a model cost is not known.
 */
#ifndef WEIR_GAPS_H
#define WEIR_GAPS_H

#include "weir/models.h"

#define GAPS_MAX 64 /* of all models; more are not told */

struct gaps {
	struct {
		const struct model *model;
		const char *cause;
	} told[GAPS_MAX];
	size_t count;
};

void gaps_note(struct gaps *g, const struct model *m, const struct usage *u);

#endif
