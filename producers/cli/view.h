/* view.h: what people are shown of a job, and where it comes from. */
#ifndef WEIR_VIEW_H
#define WEIR_VIEW_H

#include "command.h"
#include "fleet.h"
#include "print.h"

/* The SQL of a point in time as people and JSON get it: ISO 8601, UTC; absent: "". */
#define SQL_TIME(COLUMN)                                                                           \
	"to_char(" COLUMN " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
#define TIME_ROOM 40

/* Where a view is taken from. */
struct viewer {
	struct ledger *ledger;
	struct progress *progress; /* NULL: no Redis is named */
	struct fleet fleet;
};

/* Opens the ledger, and Redis where its URL is good. On success the caller calls viewer_close(). */
int viewer_open(struct call *call, struct viewer *out) WEIR_MUST_CHECK;
/* Its ledger alone, as when it was lost. */
int viewer_open_ledger(struct call *call, struct ledger **out) WEIR_MUST_CHECK;
void viewer_close(struct viewer *v);

/* One stage. success + failed + cancelled + pending = total, always. */
struct stage_view {
	int64_t stage; /* from 1 */
	char kind[33], step[65];
	char status[16]; /* pending: it has not begun; running, completed */
	int64_t total, success, failed, cancelled, pending;
	char started_at[TIME_ROOM], completed_at[TIME_ROOM];
};

extern const struct field stage_view_fields[];

/* One job. success + failed + cancelled + pending = total, always: an item of the job is a success
 * when it is one in the last stage, and failed when it is in any. */
struct job_view {
	char job_id[65], kind[33], status[16];
	int64_t total, processed, success, failed, cancelled, pending;
	bool sealed, ended;
	bool submitting; /* somebody is at it, where it is not sealed; */
	double idle;	 /* s since something has come then; NaN: it is sealed */
	double seconds; /* since it was started, or until it ended; NaN: not started */
	double age;	/* s since it was submitted */
	double rate;	/* items/s over that time; NaN: none */
	char created_at[TIME_ROOM], started_at[TIME_ROOM], completed_at[TIME_ROOM];
	char paused_at[TIME_ROOM];
	char pause_reason[488];	    /* "": an operator's */
	bool purged;		    /* its rows are being deleted */
	char source[8];		    /* of the counts: "redis" or "ledger" */
	char tag[PROGRESS_JOB_MAX]; /* what it is called in Redis */

	int64_t max_attempts;
	double backoff, backoff_factor, backoff_cap; /* s */
	double max_concurrent;			     /* items; NaN: any number */
	int64_t retries_waiting;		     /* items that wait for their next attempt */
	char next_retry_at[TIME_ROOM];		     /* "": none, or they wait for a resume */
	double next_retry;			     /* s until then */
	int64_t remote_waiting;	   /* items that wait for a remote batch, or in one */
	int64_t remote_batches;	   /* that are not done */
	char waiting_error[488];   /* why one of the items that wait does; "": none says so */
	int64_t relays, consumers; /* that can work on it now; 0 where it wants none */
	char obstacle[FLEET_TEXT]; /* who is missing, or waits for what; "": nobody */

	struct stage_view *stages;
	int stage_count;
};

extern const struct field job_view_fields[];

/* Reads one job. While it has not ended the counts of its open stages are taken from Redis, or,
 * when that is away or does not know them, from the ledger's batches. 1: found, and the caller
 * calls job_view_release(); 0: no such job, -1: failed. */
int view_job(const struct viewer *v, const char *job_id, struct job_view *out,
	     struct weir_error *err) WEIR_MUST_CHECK;
void job_view_release(struct job_view *job); /* may be zero, or released before */

/* The stage that the job is in: the first that is not completed, else the last. NULL: it has none.
 */
struct stage_view *view_current(const struct job_view *job);

/* "idea.title", or the kind alone. */
void print_stage_name(const struct stage_view *stage, struct buffer *b);

/* Fills relays, consumers and obstacle. */
int view_fleet(struct viewer *v, struct job_view *job, struct weir_error *err) WEIR_MUST_CHECK;

/* Why it is paused, or one of its items waits; "": nothing says so. 0, or -1. */
#define VIEW_REASON_ROOM 488
int view_reason(struct ledger *l, const char *job_id, char out[VIEW_REASON_ROOM],
		struct weir_error *err) WEIR_MUST_CHECK;

/* Why it is paused, or waits, as a line for people; none for "". */
void print_reason(const char *head, const char *reason, struct buffer *b);

/* For people, without the end of the line. average: seconds an item took; NaN: left out. */
void print_stage(const struct stage_view *stage, double average, struct buffer *b);

/* A batch whose items are all final is done. */
struct batch_counts {
	int64_t total, pending_queue, queued, done;
};

extern const struct field batch_counts_fields[];

int view_batches(struct ledger *l, const char *job_id, struct batch_counts *out,
		 struct weir_error *err) WEIR_MUST_CHECK;

/* The error classes of the items that failed, the most frequent first, at most `most`: rows of
 * (class text, items bigint), binary. The caller PQclear()s *out. */
int view_classes(struct ledger *l, const char *job_id, int64_t most, PGresult **out,
		 struct weir_error *err) WEIR_MUST_CHECK;

/* "timeout 12, bad_payload 3" */
void print_classes(const PGresult *classes, struct buffer *b);

/* One row by a job's id; the caller PQclear()s *out. */
int view_query(struct ledger *l, const char *sql, const char *job_id, PGresult **out,
	       struct weir_error *err) WEIR_MUST_CHECK;

/* 0, or -1: it is being purged (error code purged), and what is left of it says nothing; or the
 * ledger failed. */
int view_check_kept(struct ledger *l, const char *job_id, struct weir_error *err) WEIR_MUST_CHECK;

/* What the job is called in Redis (progress.h). 0, or -1: there is no such job, or the ledger
 * failed. */
int view_tag(struct ledger *l, const char *job_id, char tag[PROGRESS_JOB_MAX],
	     struct weir_error *err) WEIR_MUST_CHECK;

/* Fills err: there is no such job. Returns -1. */
int view_no_job(const char *job_id, struct weir_error *err);

#endif
