/* policy.h: how often a job's items are tried and how many at a time: what it may be, and what it
 * is when nobody says. Columns of weir.jobs. Nothing here blocks. */
#ifndef WEIR_POLICY_H
#define WEIR_POLICY_H

#include <stdint.h>

#include "weir/buffer.h"
#include "weir/error.h"
#include "weir/ledger.h"

#define ATTEMPTS_MAX 1000
#define BACKOFF_MAX_MS (30LL * 24 * 3600 * 1000)
#define FACTOR_MAX 100
#define CONCURRENT_MAX 1000000

struct policy {
	int64_t max_attempts;
	int64_t backoff_ms; /* after the first failed attempt; each further one waits longer */
	double backoff_factor;
	int64_t backoff_cap_ms;
	int64_t max_concurrent; /* items of the job at work in the whole fleet; 0: no limit */
	const char *mode;	/* sequential, parallel or queue: what people call this limit */
};

/* Of the errors here the code is bad_value, and the text says what is wanted; which option or key
 * it was, the caller adds. */

/* "2", "1.5": digits with at most one point between them, from 1 to FACTOR_MAX. */
int policy_factor(const char *text, double *out, struct weir_error *err) WEIR_MUST_CHECK;
int policy_check_factor(double factor, struct weir_error *err) WEIR_MUST_CHECK;

/* Sets mode and max_concurrent. mode NULL: parallel with a limit, else queue. max_concurrent 0: not
 * given. Refuses what contradicts itself. mode outlives the policy. */
int policy_limit(struct policy *p, const char *mode, int64_t max_concurrent,
		 struct weir_error *err) WEIR_MUST_CHECK;

/* What is not given (0) is as it is for every job. Refuses a cap below the backoff. */
int policy_finish(struct policy *p, struct weir_error *err) WEIR_MUST_CHECK;

/* The columns' names, and their values in this order; no limit is 0. */
#define POLICY_COLUMNS "max_attempts, backoff_ms, backoff_factor, backoff_cap_ms, max_concurrent"
void policy_params(const struct policy *p, struct params *params);

/* Appends what is another in the columns of this row: as the options that it was given by, each
 * behind ", ". Results are in binary; the columns begin at `column`. */
void policy_differences(const struct policy *p, const PGresult *r, int column, struct buffer *out);

#endif
