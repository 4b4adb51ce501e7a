/* faults.h: the table of faults and what each must come to, and what the cases and the mixed load
 * have in common. The world (programs, servers, jobs) is that of the integration tests. */
#ifndef WEIR_FAULTS_H
#define WEIR_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../integration/world.h"
#include "chance.h"
#include "proxy.h"

/* ---- cases ---- */

struct fault_case {
	const char *number; /* in the list of faults: F14 */
	const char *name, *expected;
	void (*run)(void);   /* NULL: it cannot run on one machine */
	const char *why_not; /* then: the reason */
};

/* Each closed by a row without a name. */
extern const struct fault_case publishing_cases[], consuming_cases[], retry_cases[], ledger_cases[],
	redis_cases[], process_cases[], invoice_cases[], beside_cases[], around_cases[];

/* ---- the table that is printed ---- */

void table_open(void);
void row_begin(const char *number, const char *name, const char *expected);
/* What was seen, beside the checks: it stands in the row. */
void row_saw(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Prints the row: true when no check has failed since its beginning. */
bool row_end(void);
void row_cannot(const char *number, const char *name, const char *why);
/* The last line. Returns the exit status. */
int table_close(void);

/* ---- the mixed load ---- */

struct mix_options {
	uint64_t seed;
	double minutes; /* 0: until all kills were made */
	int items, kills;
	bool plain;	   /* no stages, limits, pauses and cancels */
	const char *fault; /* only those with this in their names; NULL: all */
	int peak_mb;	   /* a worker may need so much memory */
};

/* Whether a fault of this name is asked for. */
bool mix_has(const struct mix_options *options, const char *fault);
/* One row of the table. */
void mix_run(const struct mix_options *options);

#endif
