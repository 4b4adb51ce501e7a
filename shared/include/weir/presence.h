/* presence.h: a process says in the ledger that it is at work, every few seconds (weir.processes).
 * One round trip on the caller's own connection, which has to be idle; a lock that somebody has on
 * that table is waited for no longer than PRESENCE_LOCK. Others find there who works, on what, and
 * what keeps them from it. */
#ifndef WEIR_PRESENCE_H
#define WEIR_PRESENCE_H

#include <stdbool.h>

#include "weir/ledger.h"

#define PRESENCE_EVERY_US 5000000
#define PRESENCE_FRESH "15 seconds" /* SQL: whoever was not heard for so long is gone */
#define PRESENCE_LOCK "200ms"

#define PRESENCE_NAME 48
#define PRESENCE_TEXT (sizeof(((struct weir_error *)0)->text))

struct presence {
	char name[PRESENCE_NAME]; /* HOST-PID-TIME: of this process alone, ever */
	const char *role;	  /* relay, consumer */
	const char *job_id;	  /* NULL: all jobs */
	const char *kinds[16];
	size_t kind_count;
	char waits_for[PRESENCE_TEXT]; /* as it was told last */
	int64_t settled_us;	       /* what came before is in hand no more; 0: it does not say */
	int64_t told_us, swept_us;     /* 0: never */
	struct params params;
};

/* The texts outlive it. The caller fills kinds and job_id, and calls presence_release(). */
void presence_init(struct presence *p, const char *role);
void presence_release(struct presence *p);
/* A name as above, for a process. */
void presence_name(char out[PRESENCE_NAME]);

/* Whether it is time: some seconds have passed, or it waits for something else now. waits_for: "":
 * for nothing. */
bool presence_due(const struct presence *p, const char *waits_for, int64_t now_us);
/* When it will be. */
int64_t presence_next_us(const struct presence *p);
/* Tells, due or not. A failure is tried again when it is due again. */
int presence_tell(struct presence *p, struct ledger *l, const char *waits_for,
		  struct weir_error *err) WEIR_MUST_CHECK;
/* On the way out. */
int presence_leave(struct presence *p, struct ledger *l, struct weir_error *err) WEIR_MUST_CHECK;

#endif
