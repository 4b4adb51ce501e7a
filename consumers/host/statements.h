/* statements.h: what the host itself asks and tells the ledger about a set of deliveries. Each is
 * one statement for all of them, with an array for each column. */
#ifndef WEIR_STATEMENTS_H
#define WEIR_STATEMENTS_H

#include "delivery.h"
#include "weir/ledger.h"

struct host_statement;

extern const struct host_statement
	statement_claim,   /* results -> job_id, stage, ordinal, custom_id, table_name, record_id */
	statement_find,	   /* of one stage: the rows that claim returns, but claims nothing */
	statement_insert,  /* of one stage: the results; a conflict is an error */
	statement_look_up, /* -> state of the item (0: not final), whether there is such an item */
	statement_await_answers, /* that are just being written; before the next one */
	statement_request,	 /* what a remote batch is to be asked for */
	statement_sleep,	 /* waits for the answer; not if that has come meanwhile */
	statement_put_off,	/* a failed attempt is kept; waits as a row until it is due again */
	statement_defer,	/* waits as a row, and the attempt does not count */
	statement_note,		/* in hand, not due before the microseconds of one more parameter */
	statement_read_items,	/* what the ledger has of them (see proof.c) */
	statement_send_anew,	/* a message of theirs was not as in the ledger: another */
	statement_free,		/* what somebody who is gone had noted is due */
	statement_end_retries,	/* final: no further attempt */
	statement_end_calls,	/* nobody is calling a model for it any more */
	statement_keep_letters, /* refused: kept as they came */
	statement_read_trials,	/* -> state of the item, and what is known of it (trials.c) */
	statement_begin_trials, /* one more that has come to no end yet, */
	statement_leave_trials, /* and that one does not count */
	statement_end_trials;	/* work has come to an end */

/* Rows come back in the order of the deliveries (of claim: those that were claimed, if the
 * deliveries were sorted by key). */
const char *statement_sql(const struct host_statement *s);

/* Counts the claimed ones of the n deliveries, sorted by key, in their batches. */
extern const char statement_count_batches[];
void statement_fill_counts(struct params *p, struct delivery *const *d, size_t n);

/* Sets the parameters for n deliveries. */
void statement_fill(const struct host_statement *s, struct params *p, struct delivery *const *d,
		    size_t n);

#endif
