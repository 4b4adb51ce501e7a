/* tally.h: how far the stages of a job are: what the ledger counts by batch, and what Redis shows.
 * A function that takes both connections blocks for either. */
#ifndef WEIR_TALLY_H
#define WEIR_TALLY_H

#include "weir/ledger.h"
#include "weir/progress.h"
#include "weir/topology.h"

struct tally {
	char tag[PROGRESS_JOB_MAX]; /* of the job */
	int32_t stage;
	char kind[KIND_MAX + 1];
	bool begun, finished;
	struct progress_counts counts;
	int64_t done;	  /* items that are final */
	int64_t released; /* items of batches that were published, or may be now */
	int64_t oldest_ms; /* since the first of those that are not final was published */
};

/* One row a stage, in order; the caller PQclear()s them. */
int tally_stages(struct ledger *l, const char *job_id, PGresult **rows,
		 struct weir_error *err) WEIR_MUST_CHECK;
void tally_read(const PGresult *rows, int row, struct tally *out);

/* Sets the progress counters of a stage anew from the ledger. */
int tally_rebuild(struct ledger *l, struct progress *p, const char *job_id, const struct tally *t,
		  struct weir_error *err) WEIR_MUST_CHECK;
/* Rebuilds them if they differ; *same tells. */
int tally_reconcile(struct ledger *l, struct progress *p, const char *job_id, const struct tally *t,
		    bool *same, struct weir_error *err) WEIR_MUST_CHECK;

#define TALLY_KEEP_S (7 * 24 * 3600) /* so long the counters of a job that has ended are kept */

/* Does so for all stages of a job that have begun. */
struct reconciling {
	bool ended;   /* they expire after TALLY_KEEP_S */
	bool expired; /* when they have, they stay away */
	bool seen;    /* out: some were compared */
	bool rebuilt; /* out: some differed */
};
int tally_reconcile_job(struct ledger *l, struct progress *p, const char *job_id,
			struct reconciling *how, struct weir_error *err) WEIR_MUST_CHECK;

#endif
