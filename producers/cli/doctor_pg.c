/* PostgreSQL, its settings, and the schema. */
#include <inttypes.h>
#include <string.h>

#include "doctor.h"
#include "fleet.h"
#include "weir/clock.h"

#define PG_LEAST 150000 /* as PQserverVersion() says it */
#define CONNECTIONS_LEAST 10
#define CLOCK_OFF_MS 5000

void doctor_check_pg(struct doctor *d)
{
	struct weir_error why;
	if (!d->settings->pg_url)
		return;
	if (ledger_open(d->settings->pg_url, "weir doctor", false, &d->ledger, &why) < 0) {
		d->ledger = NULL;
		doctor_tell_away(d, &why);
		return;
	}
	int version = PQserverVersion(ledger_conn(d->ledger));
	if (version < PG_LEAST)
		doctor_tell(d, LEVEL_FAIL, "use PostgreSQL 15 or newer", "version %d.%d is too old",
			    version / 10000, version % 10000);
	else
		doctor_tell(d, LEVEL_OK, "", "reachable, version %d.%d", version / 10000,
			    version % 10000);
}

void doctor_check_schema(struct doctor *d)
{
	struct weir_error why;
	if (!d->ledger)
		return;
	d->schema = ledger_check_schema(d->ledger, &why) == 0;
	if (d->schema)
		doctor_tell(d, LEVEL_OK, "",
			    "the ledger has the schema that this program needs (%d)",
			    LEDGER_SCHEMA);
	else
		doctor_tell_missing(d, &why);
}

void doctor_check_identity(struct doctor *d)
{
	struct weir_error why;
	if (!d->ledger || !d->schema)
		return;
	if (identity_read(d->ledger, d->id, &why) == 0) {
		doctor_tell(d, LEVEL_OK, "", "this is the ledger %s", d->id);
		return;
	}
	*d->id = '\0';
	doctor_tell(d, LEVEL_FAIL, "weir init --help", "%s", why.text);
}

/* What a setting of the server must be, and what is to be done when it is not. */
static const struct pg_setting {
	const char *name, *value, *advice;
} pg_settings[] = {
	{"fsync", "on", "a crash of the machine destroys the ledger: set fsync = on"},
	{"full_page_writes", "on",
	 "a crash of the machine may destroy the ledger: set full_page_writes = on"},
	{"server_encoding", "UTF8", "make the database anew: createdb -E UTF8 -T template0"},
};

static void check_pg_setting(struct doctor *d, const struct pg_setting *s, const char *value)
{
	doctor_tell(d, strcmp(value, s->value) == 0 ? LEVEL_OK : LEVEL_FAIL,
		    strcmp(value, s->value) == 0 ? "" : s->advice, "%s is %s", s->name, value);
}

/* "local" and above wait for this server's own disk; only off answers before. */
void doctor_check_pg_settings(struct doctor *d)
{
	PGresult *r = NULL;
	if (!d->ledger || !doctor_ask(d,
				      "SELECT current_setting('fsync'),"
				      " current_setting('full_page_writes'),"
				      " current_setting('server_encoding'),"
				      " current_setting('synchronous_commit')",
				      &r))
		return;
	for (int i = 0; i < 3; i++)
		check_pg_setting(d, &pg_settings[i], PQgetvalue(r, 0, i));
	const char *value = PQgetvalue(r, 0, 3);
	if (strcmp(value, "off") == 0)
		doctor_tell(d, LEVEL_FAIL,
			    "messages are acked that a crash then forgets: set "
			    "synchronous_commit = on",
			    "synchronous_commit is off");
	else
		doctor_tell(d, LEVEL_OK, "", "synchronous_commit is %s", value);
	PQclear(r);
}

/* Somebody who may not see the sessions of others still counts them. */
void doctor_check_pg_connections(struct doctor *d)
{
	PGresult *r = NULL;
	if (!d->ledger || !doctor_ask(d,
				      "SELECT current_setting('max_connections')::int8"
				      " - current_setting('superuser_reserved_connections')::int8,"
				      " (SELECT count(*) FROM pg_stat_activity"
				      "  WHERE backend_type = 'client backend'"
				      "  OR backend_type IS NULL)",
				      &r))
		return;
	int64_t most = ledger_big(r, 0, 0), used = ledger_big(r, 0, 1);
	bool enough = most - used >= CONNECTIONS_LEAST;
	PQclear(r);
	doctor_tell(d, enough ? LEVEL_OK : LEVEL_WARN,
		    enough ? "" : "raise max_connections, or put a pooler in front",
		    "%" PRId64 " of %" PRId64 " connections are in use", used, most);
}

/* Standbys are seen by everybody, how they are by few: one that may do is taken for one that does.
 */
static const char standbys[] =
	"SELECT current_setting('synchronous_standby_names'),"
	" current_setting('synchronous_commit') IN ('off', 'local')"
	"  OR current_setting('synchronous_standby_names') = '' OR (EXISTS (SELECT"
	"   FROM pg_stat_replication WHERE coalesce(sync_state <> 'async', true))"
	"  AND NOT " FLEET_SYNC_WAITS ")";

/* Who waits so in a COMMIT is ended by no timeout of a statement. */
void doctor_check_standby(struct doctor *d)
{
	PGresult *r = NULL;
	if (!d->ledger || !doctor_ask(d, standbys, &r))
		return;
	if (ledger_bool(r, 0, 1))
		doctor_tell(d, LEVEL_OK, "", "commits wait for no standby that is missing");
	else
		doctor_tell(d, LEVEL_FAIL,
			    "start the standby, or take it out of synchronous_standby_names and: "
			    "SELECT pg_reload_conf()",
			    "each commit waits for a standby that does not answer: "
			    "synchronous_standby_names is %s",
			    PQgetvalue(r, 0, 0));
	PQclear(r);
}

void doctor_check_clock(struct doctor *d)
{
	PGresult *r = NULL;
	int64_t before = clock_wall_us();
	if (!d->ledger ||
	    !doctor_ask(d, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8", &r))
		return;
	int64_t after = clock_wall_us();
	int64_t off = ledger_big(r, 0, 0) - (before + (after - before) / 2);
	PQclear(r);
	int64_t ms = (off < 0 ? -off : off) / 1000;
	if (ms > CLOCK_OFF_MS + (after - before) / 1000)
		doctor_tell(d, LEVEL_WARN, "let NTP set the clocks of both machines",
			    "the database's clock is %" PRId64 " ms %s of this machine's", ms,
			    off > 0 ? "ahead" : "behind");
	else
		doctor_tell(d, LEVEL_OK, "", "this machine and the database agree (%" PRId64 " ms)",
			    ms);
}
