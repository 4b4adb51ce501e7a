/* tx.h: the transaction that a plugin's store() sees. */
#ifndef WEIR_TX_H
#define WEIR_TX_H

#include "weir/ledger.h"
#include "weir/plugin.h"

/* What has to be known of a statement when its result comes. */
struct tx_statement {
	bool each; /* rows that are missing are named by the failure */
	char missing_code[32];
	char missing_text[128];
	size_t first; /* of the results that store() was given, in the flush */
	size_t count; /* how many these were */
};

struct weir_tx {
	struct ledger *ledger;
	struct params *params;		   /* scratch */
	const struct weir_result *results; /* that store() was given: count of them */
	size_t first, count;
	/* Called for each statement that was queued; 0, or -1 when there are too many. */
	int (*queued)(void *owner, const struct tx_statement *statement);
	void *owner;
};

/* Of the plugin interface. */
int tx_exec(struct weir_tx *tx, const struct weir_statement *statement, struct weir_error *err);
int tx_results(struct weir_tx *tx, const struct weir_statement *statement, struct weir_error *err);

#endif
