/* statements.h: what the host itself asks and tells the ledger about a set of deliveries. Each is
 * one statement for all of them, with an array for each column. */
#ifndef WEIR_STATEMENTS_H
#define WEIR_STATEMENTS_H

#include "delivery.h"
#include "weir/ledger.h"

struct host_statement;

extern const struct host_statement
	statement_claim,   /* results -> job_id, stage, ordinal, table_name, record_id */
	statement_find,	   /* of one stage: the rows that claim returns, but claims nothing */
	statement_insert,  /* of one stage: the results; a conflict is an error */
	statement_look_up, /* -> state of the item (0: not final), whether there is such an item */
	statement_put_off, /* waits as a row until it is due again */
	statement_read_trials,	/* -> starts, state of the item */
	statement_begin_trials, /* one start more */
	statement_end_trials;	/* work has come to an end */

/* Rows come back in the order of the deliveries (of claim: those that were claimed, if the
 * deliveries were sorted by key). */
const char *statement_sql(const struct host_statement *s);

/* Sets the parameters for n deliveries. */
void statement_fill(const struct host_statement *s, struct params *p, struct delivery *const *d,
		    size_t n);

#endif
