/* outcome.h: what a submit has done, for a person or a program. */
#ifndef WEIR_OUTCOME_H
#define WEIR_OUTCOME_H

#include <stdbool.h>

#include "command.h"
#include "submission.h"

struct outcome {
	const struct definition *job;
	const struct submission_counts *counts;
	const char *skipped_file; /* NULL: none */
	bool already;		  /* all of it was there before */
	bool waited;
	struct job_row end; /* when it was waited for */
	int64_t queued_batches, pending_batches, queued_items, pending_items;
};

/* Reads how much of the first stage is queued. */
int outcome_read(struct outcome *o, struct ledger *l, struct weir_error *err) WEIR_MUST_CHECK;

void outcome_print(const struct outcome *o);
int outcome_print_json(const struct outcome *o, struct weir_error *err) WEIR_MUST_CHECK;

#endif
