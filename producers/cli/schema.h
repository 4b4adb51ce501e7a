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
 * waits for the other. What is up to date is only read. views_in: the schema in which people find
 * the views besides weir; NULL: where they are. Where somebody keeps a lock
 * it is asked for again and again, for lock_wait_ms in all; who that is, is printed, and told by
 * the error in the end. Meanwhile nobody waits longer than a second for this. Error codes: "edited"
 * (a migration that was applied is another text by now), "clash" (somebody else's things are in the
 * way), "encoding" (the database is not in UTF-8), "database", "out_of_memory". */
int schema_apply(struct ledger *l, const char *views_in, int64_t lock_wait_ms,
		 struct weir_error *err) WEIR_MUST_CHECK;

/* ---- what it stands on (schema_ground.c), in a transaction ---- */

/* Refuses a database that is not in UTF-8, and a schema weir of somebody else; makes the schema and
 * the tables of versions where they are missing. */
int schema_prepare(struct ledger *l, struct weir_error *err) WEIR_MUST_CHECK;

/* Runs a script. What fails is told with the name and, where there is something to be done about
 * it, that. */
int schema_run(struct ledger *l, const char *name, const char *sql,
	       struct weir_error *err) WEIR_MUST_CHECK;
/* The same for one statement. */
int schema_do(struct ledger *l, const char *name, const char *sql, const struct params *p,
	      struct weir_error *err) WEIR_MUST_CHECK;

/* The text of a file in this database: @NAME@ is the quoted schema of the extension NAME. The
 * caller releases out, also after a failure. */
int schema_text(struct ledger *l, const char *sql, struct buffer *out,
		struct weir_error *err) WEIR_MUST_CHECK;

#endif
