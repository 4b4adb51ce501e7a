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
	bool sealed;
	int64_t batches; /* of its first stage */
};

/* Makes the job, or finds it as it is defined here. A job without a batch is what a first try with
 * a mistake has left: it becomes this one. All of it is one transaction. Blocks. Error codes:
 * conflict (another policy, stages, context or batch size, naming what differs), cancelled,
 * database. */
int definition_save(const struct definition *d, struct ledger *l, struct definition_found *found,
		    struct weir_error *err) WEIR_MUST_CHECK;

#endif
