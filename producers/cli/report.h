/* report.h: all that the ledger knows of a job at one moment, added up and checked. */
#ifndef WEIR_REPORT_H
#define WEIR_REPORT_H

#include "view.h"

/* Times are in seconds; NaN: not known. */
struct report_summary {
	char batch_id[65], job_id[65], kind[33], status[16];
	int64_t total, processed, success, failed, cancelled, pending;
	double duration, average, p50, p95, p99, throughput;
	char created_at[TIME_ROOM], started_at[TIME_ROOM], completed_at[TIME_ROOM];
	bool sealed, ended, consistent;
	char redis[12]; /* "equal", "different", "away", "expired" */

	/* What is compared. */
	int64_t results;				   /* rows */
	int64_t batch_items, items;			   /* the sum of the batches' sizes; rows */
	int64_t told_success, told_failed, told_cancelled; /* by the job that has ended */
};

/* The part of the summary that is printed. */
extern const struct field report_fields[];

struct report {
	struct report_summary summary;
	struct batch_counts batches;
	PGresult *attempts;	   /* rows of (attempts bigint, items bigint), binary */
	PGresult *classes;	   /* as of view_classes() */
	struct buffer differences; /* empty when the ledger adds up, else a text */
};

/* Begins a read-only transaction, in which everything is of one moment, and reads all but the
 * single items; the caller reads those in it, and ends it. On success the caller calls
 * report_release(). An unknown job is a failure. */
int report_begin(struct ledger *l, const char *job_id, struct report *out,
		 struct weir_error *err) WEIR_MUST_CHECK;
/* Compares with what Redis says now (v->progress may be NULL). */
void report_compare(const struct viewer *v, struct report *r);
void report_release(struct report *r);

/* Writes into differences what does not add up; called by report_begin(). */
void report_check(struct report *r);

#endif
