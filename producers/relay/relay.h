/* relay.h: the outbox relay. It takes what is due in the ledger to the broker, and looks after
 * jobs: ends those whose items are all final, rebuilds progress counters that were lost, and gives
 * dead letters back to the ledger. Any number of relays may run; a row lock decides who publishes
 * what.
 *
 * A batch is claimed, published and marked in one transaction, whose row locks are the claim: a
 * relay that dies gives up its batches at that moment, and they are published again. The
 * transaction is short, since it ends with the broker's confirms: a run is at most `batches` long,
 * and it goes on beside the others (apart.h) when confirms take longer than CONFIRM_MS.
 *
 *   publish.c   what is due -> the broker: batches, retries (outbox.h, run.h)
 *   schedule.c  whose batches and retries, and how many of them
 *   apart.c     kinds of items that are in trouble
 *   side.c      what is published beside: these, events, dead letters, suspects (suspects.h)
 *   jobs.c      looks after each open job
 *   tally.c     how far the stages of a job are, in the ledger and in Redis
 *   errands.c   long statements: finishing stages, cancelling, recounting, cleaning up
 *   window.c    releases batches of jobs that have a limit
 *   recover.c   what the broker has lost
 *   dead.c      weir.dead -> the ledger
 *   beside.c    connections to the broker
 */
#ifndef WEIR_RELAY_H
#define WEIR_RELAY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "apart.h"
#include "errands.h"
#include "outgoing.h"
#include "run.h"
#include "schedule.h"
#include "side.h"
#include "suspects.h"
#include "weir/broker.h"
#include "weir/causes.h"
#include "weir/identity.h"
#include "weir/ledger.h"
#include "weir/presence.h"
#include "weir/progress.h"
#include "weir/settings.h"

struct relay_options {
	int64_t batches; /* in one run */
	int64_t poll_ms;
	int64_t poison_limit;				/* of before: not used */
	int64_t queue_time_ms, queue_least, queue_most; /* see schedule.h */
	int64_t lost_after_ms; /* without a result, before a job counts as lost by the broker */
};

/* The rows that fill it: of weir-relay, and of whoever else runs a relay. */
extern const struct weir_option relay_option_rows[];

/* When to try again, how often it failed in a row, and whether that was told. */
struct comeback {
	int64_t at_us;
	unsigned tries;
	bool told;
};

#define HELD_MAX 25 /* half of what is sent ahead */

/* Dead letters that wait, unacknowledged, since somebody has locked their rows. */
struct held_letters {
	uint64_t tags[HELD_MAX];
	int count;
	int64_t at_us, last_us; /* when they are put back, and were the last time */
	unsigned tries;
	bool told;
};

struct watched_job;

struct relay {
	const struct settings *settings;
	struct relay_options options;
	const char *only_job; /* NULL: all */
	volatile const sig_atomic_t *stop;

	struct wire wire; /* for batches and retries */
	/* Its virtual host was marked as this ledger's when it was opened, and with each look
	 * since. While it is not, nothing goes to the broker, or is taken from it. */
	bool ours;
	struct comeback broker_back;
	struct weir_error broker_why; /* it is away */
	struct side sides[SIDES];
	int last_side;	  /* that has opened a connection, */
	bool side_opened; /* in this turn */
	struct suspects suspects;

	bool topology_due;		  /* something may be missing in the broker */
	int64_t topology_at_us;		  /* when to look in any case */
	struct weir_error topology_wrong; /* what was told of it */
	int64_t mark_at_us;		  /* when to look next whether it is marked as ours */

	/* What was in queues that were made anew: */
	bool made_due;		    /* is to be due again, as far as it is not yet */
	int64_t made_skipped;	    /* rows of it so far that somebody has locked */
	bool made_locked;	    /* there were some the last time */
	struct weir_error made_why; /* why it is not due; empty: it is, or will be soon */

	struct schedule schedule;
	struct run runs[2];
	unsigned last_outbox;  /* whose turn it was */
	unsigned last_apart;   /* the same of kinds that are apart */
	bool renew;	       /* the wire met a queue that was full, and has room again */
	bool start_left;       /* jobs are still to be started */
	int64_t start_us;      /* when that is tried again */
	int64_t run_batches;   /* as many as fit a run: options.batches, or fewer */
	struct ledger *ledger; /* for everything but publishing; NULL: away */
	char ledger_id[LEDGER_ID_SIZE];
	struct comeback ledger_back;
	struct comeback publish_back;  /* the ledger does not let it publish, */
	struct weir_error publish_why; /* for this reason */

	struct broker *dead_broker; /* consumes weir.dead; NULL: away */
	struct comeback dead_back;
	unsigned dead_tries; /* of a letter that the ledger has refused */
	struct held_letters held;
	struct progress *progress;
	bool redis_away;
	struct weir_error redis_why;
	int64_t redis_at_us;	  /* when it is tried again */
	struct presence presence; /* of this relay, for others */

	struct outgoing outgoing;
	struct params params;
	struct causes causes; /* of dead letters and items that cannot be published: for the log */

	struct watched_job *jobs;
	size_t job_count, job_room;
	size_t job_found;      /* the last one that was looked for */
	int last_look;	       /* at which of those that are open */
	int64_t jobs_at_us;    /* when to look at the jobs again */
	int64_t rebuild_at_us; /* when the next counts may be set anew */
	bool jobs_told;	       /* that they cannot be looked at */
	struct errand errands[ERRANDS];
	size_t last_errand[ERRANDS]; /* whose turn it was */
	struct weir_error errand_why;
	char errand_job[65];	      /* of which that is told */
	struct broker *surveyor;      /* asks after queues; opened when needed; NULL: not */
	int64_t beside_us;	      /* no connection beside the main one is opened before, */
	struct weir_error beside_why; /* since this one could not be */
	bool due;		      /* something may be due */
	int64_t due_at_us;	      /* the next that will be */
	uint64_t published;
};

/* Connects to everything. only_job: publish and look after this job alone (as `weir submit --wait`
 * does), tell the events of this job alone, and no dead letters, which may be anybody's. settings,
 * only_job and stop outlive the relay. Blocks. On success the caller calls relay_close(). */
int relay_open(struct relay *r, const struct settings *settings,
	       const struct relay_options *options, const char *only_job,
	       volatile const sig_atomic_t *stop, struct weir_error *err) WEIR_MUST_CHECK;
void relay_close(struct relay *r);

/* Does all that is due, then waits up to timeout_ms for more. Lost connections are opened again by
 * later turns; failures are logged. */
void relay_turn(struct relay *r, int timeout_ms);

/* publish.c: publishes until nothing is due. */
void publish_due(struct relay *r);
void publish_release(struct relay *r);
void publish_abandon(struct relay *r);			      /* gives up what is claimed */
void publish_take(struct relay *r);			      /* takes what the broker has to say */
void publish_settled(struct relay *r, const struct run *run); /* run.c calls it */

/* jobs.c */
void jobs_turn(struct relay *r);
void jobs_release(struct relay *r);
void jobs_check_redis(struct relay *r);			/* as it starts */
void jobs_told(struct relay *r, const char *job_id);	/* something has happened to it */
void jobs_revived(struct relay *r, const char *job_id); /* messages of it were lost */
void jobs_want(struct relay *r, const char *job_id, enum errand_kind kind); /* unless another is */
void jobs_when(const struct relay *r, int64_t *at_us); /* lowers it to when jobs_turn() has work */
/* How an errand of it has ended; NULL: well. Else this one is wanted again after a pause, others
 * come first, and that is told once. */
void jobs_errand_ended(struct relay *r, const char *job_id, enum errand_kind failed,
		       const struct weir_error *why);
/* What of a job cannot be done, for others; "": nothing. */
const char *jobs_trouble(const struct relay *r);

/* recover.c */
/* Declares what is missing in the broker, the queues of open jobs included, and has an errand make
 * due again what was queued there. Needs the ledger. */
/* Error codes besides those of topology_restore(): topology_kind, a kind's queue cannot be used;
 * topology_rows, somebody stands in the way of what is to be due again; topology_unseen, the broker
 * lets in nobody who would look. */
int recover_topology(struct relay *r, struct weir_error *err) WEIR_MUST_CHECK;
/* Whether the virtual host is marked as this ledger's; where nobody has marked it, it is then.
 * Opens a connection and closes it. */
int recover_check_mark(struct relay *r, struct weir_error *err) WEIR_MUST_CHECK;
/* How many messages wait in a kind's queue; declares it when it is missing. */
int recover_survey(struct relay *r, const char *kind, uint32_t *waiting,
		   struct weir_error *err) WEIR_MUST_CHECK;
void recover_end(struct relay *r); /* closes the surveyor */
/* So much of the stage is due again, for this reason; nothing: then nothing is told. */
void recover_revived(struct relay *r, const char *job_id, int32_t stage, int64_t batches,
		     int64_t retries, const char *why);
/* What the errand for queues that were made anew has done of one kind: the rows of
 * weir.revive_made(), at least one; and how it has ended, NULL: well. */
enum { MADE_KIND, MADE_JOB, MADE_STAGE, MADE_BATCHES, MADE_RETRIES, MADE_SKIPPED };
void recover_made_some(struct relay *r, const PGresult *rows);
void recover_made_ended(struct relay *r, const struct weir_error *why);

/* dead.c */
void dead_turn(struct relay *r);
void dead_forget_held(struct relay *r); /* their connection is gone */
void relay_rest_dead(struct relay *r);	/* relay.c */

/* beside.c */
/* A connection has found the virtual host marked as another ledger's: the next look is at once, and
 * over a connection of its own, since the address may be another one by now. */
void relay_not_ours(struct relay *r);
/* A connection to a virtual host that is marked as this ledger's; error code "not_ours": it is
 * another's. Blocks so many seconds at the most for connection and log-in, and as many for each of
 * two answers; a broker that is silent is given up at the first. */
int relay_open_broker(struct relay *r, const char *name, int seconds, struct broker **out,
		      struct weir_error *err) WEIR_MUST_CHECK;
/* The same of one beside the main one. One that cannot be opened lets others wait, too, nine times
 * as long as it took: however many there are and however silent a broker, it has a tenth of the
 * time, and all else goes on in between. */
int relay_open_beside(struct relay *r, const char *name, int seconds, struct broker **out,
		      struct weir_error *err) WEIR_MUST_CHECK;
/* False: it would fail for now, as the one before did. */
bool relay_may_open_beside(const struct relay *r);

/* relay.c */
/* Opens the connection for batches and retries. */
int relay_open_wire(struct relay *r, struct weir_error *err) WEIR_MUST_CHECK;
/* One to the ledger on which nobody is waited for long who has locked something. */
int relay_open_ledger(struct relay *r, const char *name, struct ledger **out,
		      struct weir_error *err) WEIR_MUST_CHECK;
void relay_lose_broker(struct relay *r, const struct weir_error *why);
void relay_lose_dead(struct relay *r, const struct weir_error *why); /* the connection of dead.c */
void relay_lose_ledger(struct relay *r, const struct weir_error *why);

#endif
