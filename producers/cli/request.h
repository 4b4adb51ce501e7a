/* request.h: what a submit is asked for: its options and its job file, taken together. */
#ifndef WEIR_REQUEST_H
#define WEIR_REQUEST_H

#include <limits.h>

#include "definition.h"
#include "reader.h"
#include "job_file.h"
#include "weir/message.h"
#include "weir/option.h"

/* NULL or 0: not given, which is why none of those that a job file may set has a preset. */
struct request_options {
	char *job, *job_file, *from, *format, *separator, *mode, *backoff_factor, *skip_bad;
	struct weir_list context, stage;
	int64_t batch_size, max_attempts, backoff_ms, backoff_cap_ms, max_concurrent;
	int64_t allow_empty, id_hash, wait, timeout_ms, json, sample;
};

extern const struct weir_option request_options[];

struct request {
	struct job_file file;
	struct stages stages; /* with their contexts, after request_define() */
	struct definition definition;
	struct reader_plan input;
	char job_id[MESSAGE_NAME_MAX + 1];
	char input_path[PATH_MAX]; /* of the job file */
	char *input_files[1];
	char *context;
};

/* Reads the job file, if there is one, and settles stages and input. argv: KIND and FILEs, as far
 * as they are given. *r starts zeroed and is released in any case; options and argv outlive it.
 * Error codes: usage, job_file. */
int request_read(struct request *r, const struct request_options *options, int argc, char **argv,
		 struct weir_error *err) WEIR_MUST_CHECK;
/* Settles all the rest: contexts, policy, name. The same error codes, and bad_name. */
int request_define(struct request *r, const struct request_options *options,
		   struct weir_error *err) WEIR_MUST_CHECK;
void request_release(struct request *r);

#endif
