/* errands.h: statements that may take long (a stage of millions of items is begun in one
 * transaction), each on a connection of its own, so that nobody waits for them. There are three at
 * a time: a long one, a short one, such as the end of a job, and one that makes due what the broker
 * has lost. Those of one length wait for each other. */
#ifndef WEIR_ERRANDS_H
#define WEIR_ERRANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "weir/ledger.h"
#include "weir/topology.h"

struct relay;

enum errand_kind {
	ERRAND_NONE,
	ERRAND_FINISH,	/* finishes the stage that a job is in, again and again until it cannot */
	ERRAND_CANCEL,	/* cancels what is left of a job, then finishes it */
	ERRAND_RECOUNT, /* counts the results of a job's batches anew */
	ERRAND_REVIVE,	/* makes due what the broker has lost of a job, see jobs.c, */
	ERRAND_REVIVE_STAGE, /* all that is queued of a stage, */
	ERRAND_MADE,	     /* what was in queues that were made anew, kind by kind */
	ERRAND_CLEAN /* deletes some of what an ended job needs no more; wanted until nothing is
			left */
};

enum errand_length { ERRAND_SHORT, ERRAND_LONG, ERRAND_LOST, ERRANDS };

struct errand {
	struct ledger *ledger; /* NULL: not connected */
	int64_t with;	       /* see errand_start() */
	int lock_ms;
	enum errand_kind kind;	 /* NONE: idle */
	char job_id[65];	 /* "": of all */
	char made[KIND_MAX + 1]; /* MADE: the last kind */
	bool committing;
	int64_t again_us; /* its connection is away: when it is tried again, */
	unsigned tries;	  /* how often that failed in a row */
	bool told;
	PGresult *answer; /* of the statement that matters */
	int32_t next_stage;
};

/* Whether another one may begin: none is under way, and its connection has not just been lost. */
bool errand_idle(const struct errand *e);
/* Begins one; false when that failed. e is one of r->errands. lock_ms: so long it waits for whoever
 * has locked what it needs. with: of REVIVE, so many milliseconds earlier than others it was
 * published; of REVIVE_STAGE, the stage. job_id: of MADE, "". */
bool errand_start(struct relay *r, struct errand *e, enum errand_kind kind, const char *job_id,
		  int lock_ms, int64_t with);
/* Goes on with it; waits a little for a short one. When it has changed something, the job is looked
 * at anew (jobs_told); how it ended is noted with the job (jobs_errand_ended). */
void errand_turn(struct relay *r, struct errand *e);
/* To wait for, -1 when idle. */
int errand_fd(const struct errand *e);
/* Breaks it off. What the server has not committed did not happen. */
void errand_release(struct errand *e);

#endif
