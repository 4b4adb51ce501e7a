/* suspects.h: which rows may be the reason that the broker has closed a channel: those that were on
 * their way. They are put off, so that all others go on at once (outbox.h, side.h).
 *
 * Where the broker gives a reason that can be one message's, these are all suspects. A connection
 * that was just lost says nothing: a row is one when it was on its way for the second time. Where
 * the exchange is missing, or the broker has told how large a message may be, nobody is. */
#ifndef WEIR_SUSPECTS_H
#define WEIR_SUSPECTS_H

#include "run.h"

#define SUSPECT_RUNS 2
#define SUSPECT_UNITS 512 /* that are remembered */

/* Starts zeroed. */
struct suspects {
	struct suspect_run {
		const struct outbox *outbox;
		const char *sql; /* what is done to them; NULL: what the outbox says of suspects */
		struct params params;
		int units;
	} runs[SUSPECT_RUNS];
	int count;
	uint64_t before[SUSPECT_UNITS]; /* on their way when a connection was lost */
	uint64_t now[SUSPECT_UNITS];
	int before_count, now_count;
};

/* Notes those of the run, which was ended by this error. */
void suspects_note(struct suspects *s, const struct run *run, const struct weir_error *why);
/* Puts them off, when their locks are given back. A ledger that fails leaves them as they are. */
void suspects_put_off(struct relay *r);
void suspects_release(struct suspects *s);

#endif
