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
	int64_t done;	   /* items that are final */
	int64_t released;  /* items of batches that were published, or may be now */
	int64_t oldest_ms; /* since the first of those that are not final was published */
};

/* One row a stage, in order; the caller PQclear()s them. */
int tally_stages(struct ledger *l, const char *job_id, PGresult **rows,
		 struct weir_error *err) WEIR_MUST_CHECK;
void tally_read(const PGresult *rows, int row, struct tally *out);

/* Whether Redis has the counters of a stage (or is being told them: then not), and the same ones.
 */
int tally_compare(struct progress *p, const struct tally *t, bool *known, bool *same,
		  struct weir_error *err) WEIR_MUST_CHECK;

/* The progress counters of a stage are set anew from the ledger, some thousand items at a time. */
struct rebuild {
	bool wanted;	 /* else there is nothing to do */
	bool lost;	 /* Redis had none, */
	int64_t told;	 /* or counted so many that are final */
	struct tally of; /* as it was in the ledger */
	bool begun;	 /* then, so far: */
	int32_t last;	 /* ordinal, */
	int64_t counted; /* items */
};
/* Goes on with it until this time, but for one chunk at least; who: a name of this process
 * (progress_rebuild). It is over when it is not wanted any more; *done: all is counted, else
 * somebody else does it, or has. */
int tally_rebuild_some(struct ledger *l, struct progress *p, const char *job_id, const char *who,
		       struct rebuild *b, int64_t until_us, bool *done,
		       struct weir_error *err) WEIR_MUST_CHECK;

#define TALLY_KEEP_S (7 * 24 * 3600) /* so long the counters of a job that has ended are kept */

/* Compares all stages of a job that have begun, and rebuilds those that differ at once, whoever
 * else is at it. */
struct reconciling {
	bool ended;   /* they expire after TALLY_KEEP_S */
	bool expired; /* when they have, they stay away */
	bool seen;    /* out: some were compared */
	bool rebuilt; /* out: some differed */
};
int tally_reconcile_job(struct ledger *l, struct progress *p, const char *job_id,
			struct reconciling *how, struct weir_error *err) WEIR_MUST_CHECK;

#endif
