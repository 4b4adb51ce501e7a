/* doctor.h: what the checks of `weir doctor` share. A file a server, or a thing that is looked at;
 * the table of checks, in their order, is in cmd_doctor.c. One that needs a connection which an
 * earlier one could not open says nothing: that one has said it. */
#ifndef WEIR_DOCTOR_H
#define WEIR_DOCTOR_H

#include "command.h"
#include "model_check.h"
#include "print.h"
#include "weir/identity.h"

#define DOCTOR_KINDS_MAX 64
#define DOCTOR_REDIS_MS 3000

struct doctor {
	const struct settings *settings;
	struct ledger *ledger; /* these are NULL when they cannot be reached */
	struct broker *broker;
	struct progress *progress;
	bool schema;		 /* the ledger's tables are there */
	char id[LEDGER_ID_SIZE]; /* of the ledger; "": not known */
	char dir[4096];		 /* of the plugins; "": none */
	char kinds[DOCTOR_KINDS_MAX][33];
	int kind_count;
	const char *area; /* of the check that runs */
	bool json;
	struct buffer out;
	int counts[3]; /* of each level */
};

/* advice: what to do; "" when there is nothing. */
void doctor_tell(struct doctor *d, enum level level, const char *advice, const char *fmt, ...)
	WEIR_FORMAT(4, 5);
/* Tells of what `weir init` makes and did not find, or found otherwise. */
void doctor_tell_missing(struct doctor *d, struct weir_error *why);
/* Tells of a server that cannot be used; the error's own advice has its place here. */
void doctor_tell_away(struct doctor *d, struct weir_error *why);
/* Asks the ledger for one row or more; a question that fails is told. True: *out is the caller's.
 */
bool doctor_ask(struct doctor *d, const char *sql, PGresult **out);

/* doctor_pg.c */
void doctor_check_pg(struct doctor *d);
void doctor_check_schema(struct doctor *d);
void doctor_check_identity(struct doctor *d);
void doctor_check_pg_settings(struct doctor *d);
void doctor_check_pg_connections(struct doctor *d);
void doctor_check_standby(struct doctor *d);
void doctor_check_clock(struct doctor *d);
/* doctor_plugins.c */
void doctor_check_plugins(struct doctor *d);
/* doctor_models.c */
void doctor_check_models(struct doctor *d);
void doctor_check_templates(struct doctor *d);
/* doctor_broker.c */
void doctor_check_broker(struct doctor *d);
void doctor_check_mark(struct doctor *d);
void doctor_check_topology(struct doctor *d);
void doctor_check_queues(struct doctor *d);
void doctor_check_publishing(struct doctor *d);
/* doctor_redis.c */
void doctor_check_redis(struct doctor *d);
/* doctor_rows.c */
void doctor_check_due(struct doctor *d);
void doctor_check_events(struct doctor *d);
void doctor_check_stale(struct doctor *d);
/* doctor_rights.c */
void doctor_check_rights(struct doctor *d);
void doctor_check_tables(struct doctor *d);
/* doctor_fleet.c */
void doctor_check_fleet(struct doctor *d);

#endif
