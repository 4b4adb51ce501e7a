/* job_file.h: a job written down: the file of `weir submit --job-file`, a JSON object whose keys
 * are the options with _ for -, and kind, stages, context and input. */
#ifndef WEIR_JOB_FILE_H
#define WEIR_JOB_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "stages.h"

#define JOB_FILE_MAX (1024 * 1024) /* bytes */

/* What it says; NULL or 0: nothing. The texts belong to root. */
struct job_file {
	const char *path;
	json_t *root;
	const char *kind, *job, *mode, *input, *format, *separator, *from;
	json_t *stages, *context;
	int64_t batch_size, max_attempts, backoff_ms, backoff_cap_ms, max_concurrent;
	double backoff_factor;
	bool id_hash;
};

/* Reads it, and checks each value for itself. Every error names the file, and the key or line.
 * path, of a regular file, outlives the result. Blocks as the file does. Error code: job_file. On
 * success the caller calls job_file_release(). */
int job_file_read(const char *path, struct job_file *out, struct weir_error *err) WEIR_MUST_CHECK;
void job_file_release(struct job_file *f);

/* Adds its stages. Error code: job_file. */
int job_file_stages(const struct job_file *f, struct stages *out,
		    struct weir_error *err) WEIR_MUST_CHECK;

/* Its input as a path from here (in the file it is one from the file's own folder); "-" stays. */
int job_file_input(const struct job_file *f, char *out, size_t room,
		   struct weir_error *err) WEIR_MUST_CHECK;

/* An error of the file: names it, and the key. why is kept as its end. */
int job_file_fail(const char *path, const char *key, const char *why, struct weir_error *err);

#endif
