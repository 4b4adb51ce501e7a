/* schema.h: the ledger's schema, and how it is brought up to date. The files of schemas/sql are
 * compiled in; schemas/README.md says what goes where. */
#ifndef WEIR_SCHEMA_H
#define WEIR_SCHEMA_H

#include "weir/error.h"
#include "weir/ledger.h"

struct schema_file {
	int number; /* what its name begins with */
	const char *name, *sql;
};

/* Migrations, applied once each, and what is applied again whenever it differs from what was
 * applied. In their order; a name of NULL closes each table. */
extern const struct schema_file schema_files[], schema_repeatable[];

/* Brings the ledger up to date, all or nothing, and prints what was applied. Of two at once one
 * waits for the other. What is up to date is only read. Error codes: "edited" (a migration that was
 * applied is another text by now), "database", "out_of_memory". */
int schema_apply(struct ledger *l, struct weir_error *err) WEIR_MUST_CHECK;

#endif
