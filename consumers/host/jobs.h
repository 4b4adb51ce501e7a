/* jobs.h: what this consumer knows of the jobs whose messages it has in hand. The ledger is asked
 * when the first message of a job comes and twice a second from then on, so that an operator's word
 * is heard within a second; work is only begun on fresh knowledge. */
#ifndef WEIR_JOBS_H
#define WEIR_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "errands.h"
#include "places.h"
#include "weir/message.h"
#include "weir/progress.h"
#include "weir/seal.h"

#define JOBS_ASK_US 400000   /* knowledge is renewed when it is older, */
#define JOBS_TRUST_US 900000 /* and not acted upon any more when it is as old as this */

enum job_state {
	JOB_UNKNOWN, /* the ledger has not been asked yet */
	JOB_MISSING, /* there is no such job */
	JOB_OPEN,
	JOB_PAUSED,
	JOB_ENDED /* completed, failed or cancelled */
};

struct job {
	struct job *next; /* in its bucket */
	char id[MESSAGE_NAME_MAX + 1];
	char tag[PROGRESS_JOB_MAX]; /* what it is called in Redis */
	uint8_t seal[SEAL_KEY];	    /* what its messages are signed with */
	size_t users;		    /* deliveries in hand */

	enum job_state state;
	bool behind;		   /* a message has come that is of a later epoch */
	bool to_note;		   /* what is in hand of it is to be written down, */
	struct comeback note_back; /* and when, if that has failed */
	int64_t asked_us;
	uint32_t epoch, first_epoch, batch_size;
	uint32_t max_attempts;
	bool has_retries; /* some of its items have rows in weir.retries */
	int64_t backoff_us, backoff_cap_us;
	double backoff_factor;

	int64_t apart_until_us;	     /* its items are stored apart, see apart.h */
	int64_t stuck_until_us;	     /* a lock was in the way of some of it lately */
	struct errand pausing;	     /* by this consumer, */
	struct weir_error pause_why; /* and for what a person has to mend */
	uint32_t pause_epoch;	     /* in which; who has resumed it since has mended that */

	uint64_t begin_turn;	     /* of its last item that had to wait for one, see places.h */
	uint32_t busy[PLACES_KINDS]; /* items of it that are WORKING, by their kind */
	uint64_t bytes;		     /* of the messages of these */
	uint32_t limit;		     /* of items that the whole fleet works on at once; 0: none */
	uint32_t share;		     /* of it, lent to this consumer, */
	int64_t lent_us;	     /* until then: others may have it afterwards */
	uint32_t working;  /* items of it that are at work here, until they are committed, */
	uint32_t ended;	   /* of these, those that only wait for a flush */
	uint32_t waiting;  /* and that wait for a share */
	uint32_t want;	   /* what was asked for the last time */
	uint32_t peak;	   /* the most that could be used since it was asked for */
	int64_t needed_us; /* when some of it could be used last */
	int64_t asked_for_us;
	int64_t lease_us; /* when to ask for a share again */
};

#define JOB_BUCKETS 256

struct jobs {
	struct job *buckets[JOB_BUCKETS];
	struct job *last; /* found */
	size_t count;
	size_t limited;	  /* that have a limit */
	bool hungry;	  /* one waits for a share, and has some that a flush would free */
	bool wanted;	  /* one of them is to be asked for at once, */
	int64_t again_us; /* but not before this; 0: no matter */
	int64_t ask_us;	  /* when to ask for those in hand */
};

/* Finds a job, or adds it as UNKNOWN, and counts one more user of it. NULL: no memory. */
struct job *jobs_take(struct jobs *jobs, struct weir_text id);
void job_give_back(struct job *job); /* NULL is fine */

/* The next job after `at` (NULL: the first), in no order. Nothing may be forgotten while walking.
 */
struct job *jobs_next(const struct jobs *jobs, const struct job *at);
/* Forgets the jobs that nobody uses or holds a share of, and that were not asked for lately or are
 * none. */
void jobs_forget(struct jobs *jobs, int64_t before_us);
void jobs_release(struct jobs *jobs);

/* What is to become of a message of the given epoch, which came at taken_us. */
enum job_rule {
	RULE_WAIT,   /* until the ledger has been asked */
	RULE_DROP,   /* its item is final, or comes again when the job goes on */
	RULE_REFUSE, /* there is no such job */
	RULE_WORK
};
enum job_rule job_rule(struct jobs *jobs, struct job *job, uint32_t epoch, int64_t taken_us,
		       int64_t now);

/* Whether the job's limit lets one more of its items begin here. */
bool job_may_begin(const struct job *job, int64_t now);

/* Whether it is paused, or will be as soon as the ledger lets us. */
bool job_stops(const struct job *job);

#endif
