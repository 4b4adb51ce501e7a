/* causes.h: what happens to many items for one reason is one line of the log: how many, and one of
 * them for an example. What is noted is kept for CAUSES_US at the most. Nothing blocks but the
 * writing of a line (log.h); nothing is allocated. */
#ifndef WEIR_CAUSES_H
#define WEIR_CAUSES_H

#include "weir/log.h"

#define CAUSES_US 1000000
#define CAUSES_MAX 16 /* kinds of them; with another one, all are told first */

struct cause {
	enum log_level level;
	const char *event;
	char where[96], example[160];
	struct weir_error why; /* of the first */
	uint64_t items;
};

/* Starts zeroed. */
struct causes {
	struct cause list[CAUSES_MAX];
	size_t count;
	int64_t until_us; /* when they are to be told; only with a count */
};

/* What is alike: the event, where it was ("kind=sum", "queue=weir.dead") and the code of the error;
 * of the texts, which may name the item, the first one is told. event outlives it. */
void causes_note(struct causes *c, enum log_level level, const char *event, const char *where,
		 const char *example, size_t items, const struct weir_error *why);

/* Writes and forgets what was noted: `event where code=.. items=.. example=".." error=".."`. */
void causes_tell(struct causes *c);
void causes_turn(struct causes *c);		/* when it is time */
int64_t causes_next_us(const struct causes *c); /* when that is; INT64_MAX: there is nothing */

#endif
