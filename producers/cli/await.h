/* await.h: waiting for a job to end, and publishing it meanwhile. */
#ifndef WEIR_AWAIT_H
#define WEIR_AWAIT_H

#include "command.h"

/* Runs the relay's own functions for this job, so that it also works where no relay runs, until the
 * job has ended, and tells on standard error how far it is, and when it is paused. Blocks for as
 * long as that takes, or for timeout_ms (0: any time). Error codes: paused (for a reason that a
 * person has to mend; it goes on when it is resumed), timeout (the job goes on), stopped (a signal;
 * the job goes on), those of relay_open() and of the ledger. */
int await_job(const struct settings *settings, struct ledger *l, const char *job_id,
	      int64_t timeout_ms, struct job_row *out, struct weir_error *err) WEIR_MUST_CHECK;

#endif
