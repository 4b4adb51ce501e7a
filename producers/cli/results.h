/* results.h: the items of a job whose way has ended, whatever the stage it ended in: which they
 * are, and a line of JSON for each. All are told by their ordinals of the first stage. The
 * statements are short, and what is in memory does not grow with the job. */
#ifndef WEIR_RESULTS_H
#define WEIR_RESULTS_H

#include "view.h"

struct results_job {
	char job_id[65], status[16];
	bool ended;
	int64_t failed; /* items of a job that has ended */
	int32_t stages, batch_size;
	int32_t ordinals; /* of the first stage, so far: from 0 to below this */
	struct buffer context;
};

/* Reads it anew; *job starts zeroed. 0, or -1: there is no such job, it is being purged, or the
 * ledger failed. The caller calls results_job_release() in any case. */
int results_job_read(struct ledger *l, const char *job_id, struct results_job *job,
		     struct weir_error *err) WEIR_MUST_CHECK;
void results_job_release(struct results_job *job);

/* Told of items, those of a range in their order; 0, or -1 to stop with err. */
typedef int results_found(void *ctx, int32_t ordinal, struct weir_error *err);

struct results_filter {
	bool failed; /* only those */
	results_found *found;
	void *ctx;
};

#define RESULTS_RANGE 1000

/* Those of ordinals from `from`, RESULTS_RANGE at the most. */
int results_in_range(struct ledger *l, const struct results_job *job, int32_t from,
		     const struct results_filter *filter, struct weir_error *err) WEIR_MUST_CHECK;
/* Those that ended in this batch of this stage. */
int results_in_batch(struct ledger *l, const struct results_job *job, int32_t stage, int32_t n,
		     const struct results_filter *filter, struct weir_error *err) WEIR_MUST_CHECK;

#define RESULTS_LINES 32 /* each may be of some MiB */

/* Appends a line for each of so many items, in this order. One that has not ended any more
 * (somebody gave it another round of attempts) is left out: shown tells. */
int results_lines(struct ledger *l, const struct results_job *job, const int32_t *ordinals,
		  size_t count, struct buffer *out, bool shown[RESULTS_LINES],
		  struct weir_error *err) WEIR_MUST_CHECK;

#endif
