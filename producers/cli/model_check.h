/* model_check.h: what the servers of models say when they are asked for their lists of models. */
#ifndef WEIR_MODEL_CHECK_H
#define WEIR_MODEL_CHECK_H

#include "weir/models.h"

enum level { LEVEL_OK, LEVEL_WARN, LEVEL_FAIL };

/* Of one model. What a server merely does not tell is never FAIL: not every one has a list. */
struct model_finding {
	enum level level;
	char text[1200], advice[600]; /* advice: "": nothing is to be done */
};

/* Asks each server once (with the key; without it, to see whether the list is open to all; for a
 * model that is not in the list; and, where there is no list, whether one is behind "/v1"), all of
 * them at the same time. Nothing of that is billed. Fills out[i] of each model but the local ones.
 * Blocks for 10 seconds at most. 0, or -1 when nothing could be asked at all, or it was
 * interrupted. */
int model_check(const struct models *models, struct model_finding *out,
		struct weir_error *err) WEIR_MUST_CHECK;

#endif
