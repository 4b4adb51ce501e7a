/* suspects.h: which rows may be the reason that the broker has closed a channel: those that were on
 * their way. They are put off, so that all others go on at once (outbox.h, side.h).
 *
 * Where the broker gives a reason that can be one message's, these are all suspects. A connection
 * that was just lost says nothing: a row is one when it was on its way for the second time. Where
 * the exchange is missing, or nobody may write to it, or the broker has told how large a message
 * may be, nobody is. What is of a kind of items as a whole (its queue does not answer, its routing
 * key is refused) is no row's fault (apart.h). */
#ifndef WEIR_SUSPECTS_H
#define WEIR_SUSPECTS_H

#include "run.h"

/* What an error says of the rows of a run that were on their way. */
enum guilt { GUILT_NONE, GUILT_AGAIN, GUILT_KIND, GUILT_MESSAGE };

/* Starts zeroed. */
struct suspects {
	const struct outbox *outbox;
	const char *sql; /* what is done to them */
	struct params params;
	int units;
	bool failed; /* it is one, and is given up */
};

/* kind: that all rows of the run are of; NULL: none, or several. */
enum guilt suspects_guilt(const struct run *run, const char *kind, const struct weir_error *why);
/* How many units of the run may be the reason; AGAIN: those that are remembered. */
int suspects_count(const struct run *run, enum guilt guilt);
/* Remembers what is on its way now, as the connection is lost without a word. */
void suspects_remember(struct wire *wire);
/* Notes the units of the run that may be the reason, for suspects_put_off(). Luck is that of its
 * rows: where no others get through, a message is not to blame so soon. */
void suspects_note(struct suspects *s, const struct run *run, enum guilt guilt,
		   const struct luck *luck, const struct weir_error *why);
/* Puts them off, when their locks are given back. A ledger that fails leaves them as they are. */
void suspects_put_off(struct relay *r);
void suspects_release(struct suspects *s);

#endif
