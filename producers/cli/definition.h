/* definition.h: what a job is, before its first item: its row and those of its stages. */
#ifndef WEIR_DEFINITION_H
#define WEIR_DEFINITION_H

#include <stdbool.h>
#include <stdint.h>

#include "policy.h"
#include "stages.h"

struct definition {
	const char *job_id;
	const char *context;	     /* a JSON object: what all stages share */
	const struct stages *stages; /* complete; the first one's kind is the job's */
	struct policy policy;
	int batch_size;
};

/* What the ledger had of it already. */
struct definition_found {
	bool is_new; /* there is no such job, or none with a batch: it has to be made */
	bool sealed;
	int64_t batches; /* of its first stage */
};

/* Finds the job as it is defined here. Blocks. Error codes: conflict (another policy, stages,
 * context or batch size, naming what differs), cancelled, database. */
int definition_find(const struct definition *d, struct ledger *l, struct definition_found *found,
		    struct weir_error *err) WEIR_MUST_CHECK;

/* Makes it, in the transaction of its first batch: a submit that comes to none leaves nothing
 * behind. A job without a batch, of a version before, becomes this one. Error codes: conflict,
 * database. */
int definition_make(const struct definition *d, struct ledger *l,
		    struct weir_error *err) WEIR_MUST_CHECK;

#endif
