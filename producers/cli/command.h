/* command.h: the commands of `weir`. Adding one is a file cmd_NAME.c with one const struct, and a
 * row in the table of main.c. */
#ifndef WEIR_COMMAND_H
#define WEIR_COMMAND_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "weir/error.h"
#include "weir/ledger.h"
#include "weir/option.h"
#include "weir/progress.h"
#include "weir/settings.h"

/* What a command returns is the program's exit status. */
enum command_status {
	COMMAND_DONE = 0,
	COMMAND_FAILED = 1,
	COMMAND_USAGE = 2,
	COMMAND_ITEMS_FAILED = 3, /* the job has ended, and some of its items have failed */
	COMMAND_NOT_ENDED = 4	  /* it was waited for, and has not ended: it is paused for what a
				   * person has to mend, or the time is over */
};

/* One call of a command. */
struct call {
	const struct settings *settings;
	void *config; /* the command's own options */
	int argc;     /* the plain arguments */
	char **argv;
	struct weir_error
		*error; /* set when the status is FAILED, USAGE or NOT_ENDED: main prints it */
};

struct command {
	const char *name;
	const char *arguments;		   /* "[JOB]" */
	const char *summary;		   /* one line, for the list of commands */
	const char *help;		   /* some lines, with an example */
	const struct weir_option *options; /* NULL: none */
	bool no_environment; /* they say what the command acts on: never by a forgotten variable */
	size_t config_size;
	int least, most; /* plain arguments */
	int needs;	 /* NEED_PG ... of settings.h */
	enum command_status (*run)(struct call *call);
};

extern const struct command command_init, command_submit, command_status, command_watch,
	command_report, command_reconcile, command_doctor, command_pause, command_resume,
	command_cancel, command_retry, command_dead, command_purge, command_results,
	command_invoice, command_kinds;

/* Set to 1 by the first SIGINT, SIGTERM or SIGHUP, to 2 by the second. */
extern volatile sig_atomic_t command_stop;

/* Opens the ledger, and checks its schema and that it is no copy of another. */
int command_ledger(struct call *call, struct ledger **out) WEIR_MUST_CHECK;

/* Prints an error to standard error, safely: it may hold what others have written. */
void command_complain(const struct weir_error *err);

/* One row of batch_jobs. */
struct job_row {
	char job_id[65], kind[33], status[16];
	int64_t total, success, failed, cancelled;
	bool sealed, ended;
	double seconds; /* since it was started, or until it ended */
};

/* Reads it; with `counts` from the ledger's results where the job has not ended (slower the more
 * there are), else its counts are 0. 1: found, 0: no such job, -1: failed. */
int command_job(struct ledger *l, const char *job_id, bool counts, struct job_row *out,
		struct weir_error *err) WEIR_MUST_CHECK;

#endif
