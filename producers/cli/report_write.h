/* report_write.h: a report on its way out, in one of its formats. Items are read through a cursor
 * in the transaction of report_begin(), some at a time, so that their number does not matter. */
#ifndef WEIR_REPORT_WRITE_H
#define WEIR_REPORT_WRITE_H

#include "report.h"
#include "sink.h"

/* What is being written. */
struct writing {
	struct ledger *ledger;
	const struct report *report;
	struct sink *sink;
	int64_t failures; /* how many failed items to list */
	bool items;	  /* list all items */
	bool first;	  /* of a list */
};

/* A format; the caller opens and closes the sink. */
typedef int report_write(struct writing *w, struct weir_error *err) WEIR_MUST_CHECK;

report_write report_write_text, report_write_json, report_write_csv;

/* ---- for the formats ---- */

/* Columns of both lists, in this order. */
enum {
	ROW_ID,	   /* text */
	ROW_STAGE, /* int */
	ROW_CLASS, /* text, like the next one: of the last attempt that failed */
	ROW_ERROR,
	ROW_ATTEMPTS, /* int */
	ROW_HISTORY,  /* JSON text: all attempts that failed, in their order */
	ROW_NATURAL,  /* text or NULL */
	/* the list of all items only: */
	ROW_STATUS,   /* text */
	ROW_SECONDS,  /* real or NULL */
	ROW_FINISHED, /* text or NULL */
	ROW_RESULT    /* JSON text or NULL */
};

typedef void report_row(struct writing *w, const PGresult *rows, int row);

/* Calls row for each, in the order of stage and item. */
int report_failures(struct writing *w, report_row *row, struct weir_error *err) WEIR_MUST_CHECK;
int report_items(struct writing *w, report_row *row, struct weir_error *err) WEIR_MUST_CHECK;

/* Of a stage by its number; NULL: the job has no such stage. */
const struct stage_view *report_stage_of(const struct report *r, int64_t stage);

/* ROW_SECONDS; NaN for NULL. */
double report_seconds(const PGresult *rows, int row);

#endif
