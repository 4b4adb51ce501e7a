/* report.h: all that the ledger knows of a job at one moment, added up and checked. */
#ifndef WEIR_REPORT_H
#define WEIR_REPORT_H

#include "view.h"

/* What models were asked, and what that cost: all answers, good or bad. */
struct report_usage {
	int64_t calls, input_tokens, output_tokens;
	char cost[40]; /* exact, in the models file's currency, of those whose cost is known;
			* "unknown": of none of them */
	int64_t cached_input_tokens, cache_write_tokens, cache_write_1h_tokens; /* of input */
	int64_t reasoning_tokens;						/* of output */
	int64_t usage_unknown, cost_unknown; /* calls whose tokens, whose cost are not known */
};

extern const struct field report_usage_fields[];

/* The names of columns of usage, as rows have them: behind FROM, a table's name and a dot. */
/* clang-format off */
#define SQL_USAGE_NAMES(FROM)                                                                      \
	FROM "calls, " FROM "input_tokens, " FROM "output_tokens, " FROM "cost, "                  \
	FROM "cached_input_tokens, " FROM "cache_write_tokens, " FROM "cache_write_1h_tokens, "    \
	FROM "reasoning_tokens, " FROM "usage_unknown, " FROM "cost_unknown"
/* clang-format on */

#define SQL_USAGE_OF_ANSWERS(FROM)                                                                 \
	"sum(" FROM "input_tokens) AS input_tokens, sum(" FROM "output_tokens) AS output_tokens,"  \
	" sum(" FROM "cost) AS cost, sum(" FROM "cached_input_tokens) AS cached_input_tokens,"     \
	" sum(" FROM "cache_write_tokens) AS cache_write_tokens,"                                  \
	" sum(" FROM "cache_write_1h_tokens) AS cache_write_1h_tokens,"                            \
	" sum(" FROM "reasoning_tokens) AS reasoning_tokens"

/* Of rows of weir.answers, and of rows that this has made. */
#define SQL_USAGE_FIRST                                                                            \
	"count(answer) AS calls, count(answer) FILTER (WHERE NOT usage_known) AS usage_unknown,"   \
	" count(answer) FILTER (WHERE cost IS NULL) AS cost_unknown, " SQL_USAGE_OF_ANSWERS("")
#define SQL_USAGE_SUMS(FROM)                                                                       \
	"sum(" FROM "calls) AS calls, sum(" FROM "usage_unknown) AS usage_unknown,"                \
	" sum(" FROM "cost_unknown) AS cost_unknown, " SQL_USAGE_OF_ANSWERS(FROM)

/* Rows of (stage, ordinal, and usage), as `a`, of the job $1. */
#define SQL_USAGE_OF_ITEMS                                                                         \
	"(SELECT stage, ordinal, " SQL_USAGE_FIRST " FROM weir.answers"                            \
	" WHERE job_id = $1 GROUP BY stage, ordinal) a"

#define SQL_USAGE_COUNT(A, NAME) "coalesce(" A "(" NAME "), 0)::int8 AS " NAME ", "

/* The columns of report_usage_fields; A: "" or "sum" over such rows. */
#define SQL_USAGE(A)                                                                               \
	SQL_USAGE_COUNT(A, "calls")                                                                \
	SQL_USAGE_COUNT(A, "input_tokens")                                                         \
	SQL_USAGE_COUNT(A, "output_tokens")                                                        \
	SQL_USAGE_COUNT(A, "cached_input_tokens")                                                  \
	SQL_USAGE_COUNT(A, "cache_write_tokens")                                                   \
	SQL_USAGE_COUNT(A, "cache_write_1h_tokens")                                                \
	SQL_USAGE_COUNT(A, "reasoning_tokens")                                                     \
	SQL_USAGE_COUNT(A, "usage_unknown")                                                        \
	SQL_USAGE_COUNT(A, "cost_unknown")                                                         \
	"CASE WHEN " A "(cost_unknown) > 0 AND " A "(cost_unknown) = " A "(calls) THEN 'unknown'"  \
	" ELSE trim_scale(coalesce(" A "(cost), 0))::text END AS cost"

/* Times are in seconds; NaN: not known. Those of processing are of every result of every stage that
 * was worked for (success and failed). */
struct report_summary {
	char batch_id[65], job_id[65], kind[33], status[16];
	int64_t total, processed, success, failed, cancelled, pending;
	double duration, average, p50, p95, p99, throughput;
	char created_at[TIME_ROOM], started_at[TIME_ROOM], completed_at[TIME_ROOM];
	bool sealed, ended, consistent;
	char redis[12];		/* "equal", "different", "away", "expired" */
	char pause_reason[488]; /* "": an operator's, or it is not paused */
	struct report_usage usage;

	/* What is compared. */
	int64_t told_success, told_failed, told_cancelled; /* by the job that has ended */
};

/* The part of the summary that is printed. */
extern const struct field report_fields[];

/* A stage: counts are those of its result rows. */
struct report_stage {
	struct stage_view view;
	double average;
	struct report_usage usage;

	/* What is compared. */
	int64_t results;	    /* rows, of whatever state */
	int64_t batch_items, items; /* the sum of the batches' sizes; rows */
	int64_t batch_success, batch_failed, batch_cancelled; /* the batches' counters */
	int64_t told_success, told_failed, told_cancelled;    /* by the stage that is completed */
	int64_t wrong_batches, wrong_batch; /* how many do not add up; the first of them */
	bool ended;
};

extern const struct field report_stage_fields[]; /* those behind the view's */

struct report {
	struct report_summary summary;
	struct report_stage *stages;
	int stage_count;
	struct batch_counts batches;
	PGresult *attempts; /* rows of (attempts bigint, items bigint), binary */
	PGresult *classes;  /* as of view_classes() */
	/* Rows of (by_key bool, name text or NULL, report_model_fields, usage), binary, the largest
	 * first. by_key: name is a model_key, else an ai_model. NULL: the context names none. */
	PGresult *models;
	PGresult *invoices;	   /* as of report_invoices_read() */
	struct buffer differences; /* empty when the ledger adds up, else a text */
};

/* What one ai_model, or one model_key, did: results of any stage that were worked for. An
 * item belongs to the ai_model of its own context, or, where that says nothing, of its stage's. */
struct report_model {
	int64_t count, success, failed;
	double average;
	struct report_usage usage;
};

extern const struct field report_model_fields[];

/* Of a row of models. */
void report_read_model(const struct report *r, int row, struct report_model *out);

/* Begins a read-only transaction, in which everything is of one moment, and reads all but the
 * single items; the caller reads those in it, and ends it. On success the caller calls
 * report_release(). An unknown job is a failure. */
int report_begin(struct ledger *l, const char *job_id, struct report *out,
		 struct weir_error *err) WEIR_MUST_CHECK;
/* Compares with what Redis says now (v->progress may be NULL), stage by stage. */
void report_compare(const struct viewer *v, struct report *r);
void report_release(struct report *r);

/* Derives the job's counts from those of its stages, and writes into differences what does not add
 * up; called by report_begin(). */
void report_check(struct report *r);

#endif
