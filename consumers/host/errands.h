/* errands.h: what the ledger has to be told beside the work, while somebody may stand in the way of
 * it for long, or it is much: on connections of their own, without waiting. One that failed comes
 * again after a pause that grows, and others have their turn meanwhile. Nothing here blocks but the
 * opening of a connection.
 *
 * Errands are to pause a job that waits for a person (below), and to tell of a crash whose rows
 * somebody holds (trials.c). */
#ifndef WEIR_ERRANDS_H
#define WEIR_ERRANDS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "weir/ledger.h"

enum { ERRAND_LINES = 2 }; /* as many at a time */

struct consumer;
struct errand;
struct job;

/* When to try next, and how often it failed in a row. */
struct comeback {
	int64_t at_us;
	unsigned tries;
};

struct errand_sort {
	const char *failed; /* the event, when it did not succeed */
	const char *sql;    /* one statement */
	void (*fill)(struct consumer *c, const struct errand *e, struct params *p);
	/* It is over, and may begin anew. r: the statement's rows; NULL: the ledger would never
	 * take what it says. */
	void (*done)(struct consumer *c, struct errand *e, const PGresult *r);
};

/* Starts zeroed; its owner keeps it where it is while it has a sort. */
struct errand {
	const struct errand_sort *sort; /* NULL: there is nothing to do */
	void *owner;
	struct errand *next;
	bool under_way;
	struct comeback back;
};

struct errand_line {
	struct ledger *ledger; /* NULL: not open */
	struct comeback back;
	struct errand *errand; /* under way; NULL: none */
	PGresult *rows;
	bool failed;
	struct weir_error why;
	int64_t used_us;
};

struct errands {
	struct errand *first;
	struct errand_line lines[ERRAND_LINES];
	struct params params;
};

/* Does nothing for one that is on its way already. */
void errand_begin(struct consumer *c, struct errand *e, const struct errand_sort *sort,
		  void *owner);

/* The job waits for a person, who is told why; its items are not to blame. Until the ledger has it
 * paused, job_stops() says that it will be. */
void errand_pause(struct consumer *c, struct job *job, const struct weir_error *why);

void errands_turn(struct consumer *c);
int64_t errands_next_us(const struct consumer *c); /* INT64_MAX: not by itself */
void errands_poll(const struct consumer *c, struct pollfd fds[ERRAND_LINES]);
void errands_close(struct consumer *c);

#endif
