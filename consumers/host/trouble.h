/* trouble.h: what stands in the way of a flush, in words: for status, the log, and whoever has to
 * mend it. Pure functions of what the server said. */
#ifndef WEIR_TROUBLE_H
#define WEIR_TROUBLE_H

#include <stddef.h>

#include "weir/error.h"
#include "weir/plugin.h"

/* A statement that failed: as ledger.h has it. */
struct trouble {
	const char *sqlstate, *text, *context, *role;
	struct weir_text sql;
	size_t at; /* the character of sql that it is about, from 1; 0: not said */
};

/* It may pass by itself: "waits for a lock on news_articles". Codes: locked, slow_store (it took
 * too long), conflict (deadlocks and the like), store_away (all else). */
void trouble_stuck(const struct trouble *t, struct weir_error *out);

/* A person has to mend it: what was refused, what to do, and that `weir resume JOB` then goes on.
 * Code: store_refused. */
void trouble_refused(const struct trouble *t, const char *kind, const char *job_id,
		     struct weir_error *out);

#endif
