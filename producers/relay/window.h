/* window.h: jobs with a limit for the whole fleet. Their batches are withheld, and so is what an
 * operator lets go on (parked retries). Both are released in order as others end, retries first, so
 * that one job's backlog does not fill the queue in front of all others. */
#ifndef WEIR_WINDOW_H
#define WEIR_WINDOW_H

#include <stdint.h>

#include "weir/error.h"

struct relay;

/* Releases what there is room for; nothing of a job that is paused or has no limit. rate: items
 * that end in a second. */
int window_release(struct relay *r, const char *job_id, double rate,
		   struct weir_error *err) WEIR_MUST_CHECK;

#endif
