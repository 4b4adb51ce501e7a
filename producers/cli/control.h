/* control.h: what the commands that act on jobs have in common: which jobs, in which order, what a
 * conflict means, and what becomes of the exit status. */
#ifndef WEIR_CONTROL_H
#define WEIR_CONTROL_H

#include "command.h"

#define JOBS_MOST 1000				       /* arguments of one call */
#define AGE_MAX_MS (INT64_C(36500) * 24 * 3600 * 1000) /* of what is deleted by its age */

/* ---- the ledger, patiently ---- */

/* Reads one number by a statement that may be repeated: a conflict with somebody else is tried
 * again a few times. p may be NULL; a statement that yields NULL leaves *out at `none`. Blocks for
 * some seconds at most, apart from the statements. */
int control_number(struct ledger *l, const char *sql, const struct params *p, int64_t none,
		   int64_t *out, struct weir_error *err) WEIR_MUST_CHECK;

/* The same for any one row; the caller PQclear()s *out. */
int control_query(struct ledger *l, const char *sql, const struct params *p, PGresult **out,
		  struct weir_error *err) WEIR_MUST_CHECK;

/* Whether it is time to say on standard error how far a long work is: twice a second. */
struct ticker {
	int64_t at_us;
};
bool ticker_due(struct ticker *t);

/* ---- jobs ---- */

struct controller {
	struct ledger *ledger;
	const struct settings *settings;
};

struct control {
	const char *verb;     /* "paused": what is said of jobs to which it could not be done */
	const char *statuses; /* those that --all and --kind take, as an array of SQL */
	/* Does it to one job, and prints what came of it. */
	int (*act)(struct controller *c, const struct job_row *job, struct weir_error *err);
};

struct control_config {
	char *kind;
	int64_t all;
};

extern const struct weir_option control_options[];

/* The run() of such a command: the jobs of the arguments, or those of --all and --kind. One job's
 * failure does not keep it from the others. The config is a struct control_config. */
enum command_status control_jobs(struct call *call, const struct control *control);

/* Calls one of weir.pause_job() and its like, a statement with one parameter. status: what the job
 * has then. */
int control_call(struct ledger *l, const char *sql, const char *job_id, char status[16],
		 struct weir_error *err) WEIR_MUST_CHECK;

/* "job is completed": what has ended cannot be done to. Returns -1. */
int control_refuse(const struct job_row *job, const char *verb, struct weir_error *err);

/* ---- progress; Redis may be away, and then the relay sees to it ---- */

/* Drops the counters of a job's first stages; the relay makes those of an open job anew. */
void control_drop_counts(const struct controller *c, const char *job_id, int64_t stages);

/* Sets the counters of a job that has ended, and lets them expire. */
void control_settle_counts(const struct controller *c, const char *job_id);

/* How many stages of a job have begun. */
int control_stages(struct ledger *l, const char *job_id, int64_t *out,
		   struct weir_error *err) WEIR_MUST_CHECK;

#endif
