/* submission.h: writes a job into the ledger, batch by batch.
 *
 * Each aligned batch is one transaction, and the job is sealed with the last: until then it cannot
 * look complete. A job that is there already is continued: batches that it has are compared with
 * what is submitted, byte by byte, and anything different is a conflict. One batch is on its way to
 * the database while the next is read. */
#ifndef WEIR_SUBMISSION_H
#define WEIR_SUBMISSION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "definition.h"
#include "source.h"
#include "weir/ledger.h"
#include "weir/loader.h"
#include "weir/message.h"

#define BATCH_MAX 1000

struct submission_counts {
	int64_t items, batches; /* of the job, as far as they were submitted */
	int64_t new_items, new_batches;
	int64_t skipped; /* bad records that were written out */
};

struct submission;

/* What a submission is told. Everything outlives it. */
struct submission_plan {
	struct ledger *ledger;
	const struct loaded_plugin *plugins; /* one a stage; the first is opened */
	const struct llm *llm;
	const struct definition *job;
	FILE *skipped; /* where bad records go; NULL: the first one is an error */
	bool id_hash;  /* a custom_id that does not fit is made of the natural key: natural.h */
	bool of_rows;  /* a record that stands twice is two parts of one: an error in any case */
};

/* Finds the job, or will make it with its first batch. Error codes: conflict (it is another one, or
 * somebody else is just submitting to it), cancelled, database. On success the caller calls
 * submission_close(). */
int submission_open(const struct submission_plan *plan, struct submission **out,
		    struct weir_error *err) WEIR_MUST_CHECK;
void submission_close(struct submission *s); /* NULL is fine; seals nothing */

/* Adds one record. Error codes: those of the plugin's check, bad_name, oversized, duplicate,
 * conflict, cancelled (meanwhile), database; the text names the line. */
int submission_add(struct submission *s, const struct source_record *record,
		   struct weir_error *err) WEIR_MUST_CHECK;

/* A record that its source could not read: written out, or the error itself. */
int submission_bad(struct submission *s, const struct source_record *record,
		   const struct weir_error *why, struct weir_error *err) WEIR_MUST_CHECK;

/* Writes what is left and seals the job. *already (may be NULL): it was sealed before. Error codes
 * as before. */
int submission_seal(struct submission *s, bool *already, struct weir_error *err) WEIR_MUST_CHECK;

const struct submission_counts *submission_counts(const struct submission *s);

/* Says once, on standard error, which fields of the records are not read. */
void submission_say_unread(const struct submission *s);

bool submission_pending(const struct submission *s); /* records wait for their batch to be full */

#endif
