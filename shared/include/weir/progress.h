/* progress.h: how far each job is, in Redis. A cache: the ledger is the truth, and everything here
 * can be rebuilt from it.
 *
 * For each job and stage there are two keys under one hash tag, so that a cluster keeps them
 * together: `weir:{JOB}:sSTAGE:states`, two bits for each item by ordinal (0 pending, 1 success,
 * 2 failed, 3 cancelled), and `weir:{JOB}:sSTAGE:counts`, a hash of total, success, failed,
 * cancelled, and, while somebody counts the stage anew, rebuild. One script changes states and
 * counts together, so telling it the same thing twice counts once. After each change it publishes
 * "success failed cancelled total" on the channel `weir:{JOB}:sSTAGE:live`.
 *
 * A round trip blocks for at most the connection's timeout (see progress_open), and so does
 * connecting; only looking a host name up may take longer. Error codes:
 *   redis_away     not connected: it failed, or the pause after a failure is not over yet
 *   redis_timeout  no answer in time
 *   redis_lost     the connection broke
 *   redis_WORD     the server refused, with its own first word in small letters: redis_loading,
 *                  redis_busy, redis_oom, redis_noauth, redis_readonly, redis_masterdown, ...;
 *                  redis_error for its plain "ERR"
 *   bad_value      a job_id, ordinal or state that cannot be; nothing was sent
 *   out_of_memory  (hiredis 0.14 aborts the process instead; 1.x does not)
 * After a timeout, a broken connection or a refusal that another connection may not meet
 * (redis_noauth, redis_readonly, redis_masterdown, ...) the connection is dropped, and the next
 * call connects anew, but not before a jittered pause is over: until then calls fail at once. A
 * call that finds its kept connection closed by the server tries once on a new one: that is safe,
 * since every call may be repeated. Nothing that weir does waits for Redis to come back. SIGPIPE
 * must be ignored.
 */
#ifndef WEIR_PROGRESS_H
#define WEIR_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

enum item_state { ITEM_PENDING, ITEM_SUCCESS, ITEM_FAILED, ITEM_CANCELLED };

#define PROGRESS_CHUNK 500		 /* items of one script call */
#define PROGRESS_ORDINAL_MAX 0x7ffffffeu /* two bits each: Redis strings end at 512 MiB */

/* Of what a job is called in Redis, with its NUL: weir.jobs.tag, "LEDGER/JOB.RANDOM". It has a part
 * of the ledger's id, and one that no other job of the name has. All calls want it for `job`. */
#define PROGRESS_JOB_MAX 96

struct progress;

struct progress_counts {
	int64_t total; /* 0 while a job is still being submitted */
	int64_t success, failed, cancelled;
};

/* url: redis://[[user]:password@]host[:port][/db], with %XX in user and password where needed, and
 * an IPv6 address in brackets; neither it nor its parts but host and port get into an error or a
 * log. Makes the handle only, and connects at the first call. 0, or -1 when the URL is malformed
 * (code bad_url). */
int progress_open(const char *url, int timeout_ms, struct progress **out,
		  struct weir_error *err) WEIR_MUST_CHECK;
void progress_close(struct progress *p); /* NULL is fine */

/* Makes the keys of a stage, with total 0, unless they are there. Idempotent. When only one of the
 * two is there (the other was evicted) it is left alone, and progress_count() calls them unknown:
 * drop them before a rebuild. */
int progress_begin(struct progress *p, const char *job, uint32_t stage,
		   struct weir_error *err) WEIR_MUST_CHECK;

/* Sets the stage's total, when the job is sealed; makes the keys as progress_begin() does. */
int progress_set_total(struct progress *p, const char *job, uint32_t stage, int64_t total,
		       struct weir_error *err) WEIR_MUST_CHECK;

/* Sets the states of n items (any n; sent in chunks of at most PROGRESS_CHUNK) and counts the
 * changes. When the stage's keys are not there nothing is written and *known is false: the keys
 * were lost, and whoever rebuilds them reads these items from the ledger; it is false, too, while
 * that is done. counts (may be NULL):
 * those after the change, written when *known. */
int progress_count(struct progress *p, const char *job, uint32_t stage, const uint32_t *ordinals,
		   const uint8_t *states, size_t n, bool *known, struct progress_counts *counts,
		   struct weir_error *err) WEIR_MUST_CHECK;

/* Reads the counts; *known is false, and counts not written, when the keys are not there, or are
 * being rebuilt. */
int progress_read(struct progress *p, const char *job, uint32_t stage, bool *known,
		  struct progress_counts *counts, struct weir_error *err) WEIR_MUST_CHECK;

/* Setting the counts of a stage anew, in steps, by one process at a time. Its keys are made anew as
 * it begins; what others count from then on counts, and nobody is shown any counts (*known is false
 * for all) before the end. Who has not gone on for 10 s has given it up. */
enum progress_step {
	REBUILD_BEGIN,	   /* unless somebody else is at it */
	REBUILD_TAKE_OVER, /* also then */
	REBUILD_GO_ON,
	REBUILD_END /* sets the total */
};
/* who: a name of this process, without blanks. *mine is false when somebody else is at it, or the
 * keys were lost: then it is over for this process, which may begin again. */
int progress_rebuild(struct progress *p, const char *job, uint32_t stage, enum progress_step step,
		     const char *who, int64_t total, bool *mine,
		     struct weir_error *err) WEIR_MUST_CHECK;

/* Deletes the keys of a stage (on purge). */
int progress_drop(struct progress *p, const char *job, uint32_t stage,
		  struct weir_error *err) WEIR_MUST_CHECK;

/* Lets the keys of a finished stage expire. */
int progress_expire(struct progress *p, const char *job, uint32_t stage, int seconds,
		    struct weir_error *err) WEIR_MUST_CHECK;

/* A share of how many items of a job the whole fleet may work on at once. */
struct progress_lease {
	const char *holder; /* who asks: one name a process */
	uint32_t want;	    /* 0: gives back what is not in use */
	uint32_t in_use;    /* of the share that it has */
	uint32_t limit;	    /* of the job */
	int ttl_ms;	    /* then the share expires */
};

/* *share is what the holder has so far, and is set to what it may use from now on, until the time
 * is over; ask again before, several times. The shares of all holders, and what they still use
 * beyond them, are at most the limit; when others want more than they have, nobody keeps more than
 * a fair part. This is the one thing that does wait for Redis: who has no share while it is away
 * gets none. After Redis has lost its keys, or was started again, nobody gets more than it has for
 * a fifth of the time; it is known by the key `weir:shares`, which the first call makes. */
int progress_lease(struct progress *p, const char *job, const struct progress_lease *lease,
		   uint32_t *share, struct weir_error *err) WEIR_MUST_CHECK;

/* Waits up to timeout_ms for a change of the stage to be published; *changed says whether one came
 * since the last call. It subscribes on a connection of its own on first use. That first call, and
 * the first after a lost connection, may have missed changes, so it reports one at once: read the
 * counts after each change, and none is lost. A signal ends the wait early, without a change. */
int progress_watch(struct progress *p, const char *job, uint32_t stage, int timeout_ms,
		   bool *changed, struct weir_error *err) WEIR_MUST_CHECK;

/* Whether Redis can be used: does with it what programs do, by the same scripts, for a job that
 * cannot be, and takes that away again (at the latest it expires within a minute). A Redis that
 * merely answers may be without scripts, full, a replica, or not let this user at these keys. */
int progress_check(struct progress *p, struct weir_error *err) WEIR_MUST_CHECK;

/* What `weir doctor` asks: the server's version and its maxmemory-policy ("" for what we may not
 * read). */
int progress_server(struct progress *p, char version[64], char policy[64],
		    struct weir_error *err) WEIR_MUST_CHECK;

#endif
