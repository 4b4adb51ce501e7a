/* view.h: what people are shown of a job, and where it comes from. */
#ifndef WEIR_VIEW_H
#define WEIR_VIEW_H

#include "command.h"
#include "print.h"

/* The SQL of a point in time as people and JSON get it: ISO 8601, UTC; absent: "". */
#define SQL_TIME(COLUMN)                                                                           \
	"to_char(" COLUMN " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
#define TIME_ROOM 40

/* Where a view is taken from. */
struct viewer {
	struct ledger *ledger;
	struct progress *progress; /* NULL: no Redis is named */
};

/* Opens the ledger, and Redis where its URL is good. On success the caller calls viewer_close(). */
int viewer_open(struct call *call, struct viewer *out) WEIR_MUST_CHECK;
void viewer_close(struct viewer *v);

/* success + failed + cancelled + pending = total, always. */
struct job_view {
	char job_id[65], kind[33], status[16];
	int64_t total, processed, success, failed, cancelled, pending;
	bool sealed, ended;
	double seconds; /* since it was started, or until it ended; NaN: not started */
	double age;	/* s since it was submitted */
	double rate;	/* items/s over that time; NaN: none */
	char created_at[TIME_ROOM], started_at[TIME_ROOM], completed_at[TIME_ROOM];
	char source[8]; /* of the counts: "redis" or "ledger" */
};

extern const struct field job_view_fields[];

/* Reads one job. While it has not ended its counts are taken from Redis, or, when that is away or
 * does not know the job, counted in the ledger. 1: found, 0: no such job, -1: failed. */
int view_job(const struct viewer *v, const char *job_id, struct job_view *out,
	     struct weir_error *err) WEIR_MUST_CHECK;

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

/* Fills err: there is no such job. Returns -1. */
int view_no_job(const char *job_id, struct weir_error *err);

#endif
