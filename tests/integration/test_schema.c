/* weir init: what it makes, where, and what it leaves alone. Each test has a database of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../suites.h"
#include "world.h"

static const struct outcome *init(void) { return run(NULL, "weir", "init", "--take-vhost", NULL); }

static const struct outcome *init_views_in(const char *schema)
{
	return run(NULL, "weir", "init", "--take-vhost", "--views-in", schema, NULL);
}

static void expect_ok(const struct outcome *o)
{
	EXPECT(o->status == 0, "status %d: %s", o->status, o->err);
}

static void expect_refused(const struct outcome *o, const char *part)
{
	EXPECT_INT(o->status, 1);
	EXPECT_PART(o->err, part);
}

static int64_t views_of(const char *schema)
{
	return sql("SELECT count(*) FROM pg_views WHERE schemaname = '%s' AND viewname ~ '^batch'",
		   schema);
}

static int64_t is_made(void)
{
	return sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'weir'");
}

static void all_is_in_weir(void)
{
	own_database("");
	expect_ok(init());
	EXPECT_INT(sql("SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = n.oid)"
		       " + (SELECT count(*) FROM pg_proc WHERE pronamespace = n.oid)"
		       " FROM pg_namespace n WHERE nspname = 'public'"),
		   0);
	EXPECT_INT(views_of("weir"), 8);
	EXPECT_INT(sql("SELECT count(*) FROM weir.migrations WHERE checksum IS NULL"), 0);
	EXPECT_INT(sql("SELECT count(*) FROM pg_class c WHERE relnamespace = 'weir'::regnamespace"
		       " AND relkind = 'r' AND relreplident = 'd' AND NOT EXISTS (SELECT FROM"
		       "  pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)"),
		   0); /* or nobody could replicate the database */
	EXPECT_PART(init()->out, "ledger    is up to date");
	own_database_gone();
}

#define RIGHTS(view)                                                                               \
	sql("SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a"                              \
	    " WHERE c.oid = '" view "'::regclass AND a.grantee = 0")

static void edited_files(void)
{
	own_database("");
	expect_ok(init());
	sql_text("UPDATE weir.repeatable SET checksum = 'x' WHERE name = '20_control.sql'");
	sql_text("DROP FUNCTION weir.clean_job(text)");
	EXPECT_PART(init()->out, "applied 20_control.sql");
	EXPECT_INT(sql("SELECT count(*) FROM pg_proc WHERE proname = 'clean_job'"), 1);
	sql_text("UPDATE weir.repeatable SET checksum = 'x', schema = 100000"
		 " WHERE name = '20_control.sql'");
	EXPECT_PART(init()->out, "is of a newer weir");
	EXPECT_INT(sql("SELECT count(*) FROM weir.repeatable WHERE checksum = 'x'"), 1);
	sql_text("UPDATE weir.migrations SET checksum = 'x' WHERE version = 20");
	sql_text("DELETE FROM weir.repeatable");
	expect_refused(init(), "020_control.sql has been edited since it was applied");
	EXPECT_INT(sql("SELECT count(*) FROM weir.repeatable"), 0);
	own_database_gone();
}

static void views_where_they_are_wanted(void)
{
	own_database("");
	expect_ok(init_views_in("public"));
	EXPECT_INT(views_of("public"), 8);
	sql_text("GRANT SELECT ON public.batch_jobs TO PUBLIC");
	sql_text("CREATE SCHEMA other");
	sql_text("CREATE TABLE other.batches (mine int)");
	const struct outcome *o = init_views_in("other");
	expect_refused(o, "other.batches is there, and is not weir's");
	EXPECT_PART(o->err, "rename it");
	EXPECT_INT(views_of("public"), 8);
	sql_text("DROP TABLE other.batches");
	expect_ok(init_views_in("other"));
	EXPECT_INT(views_of("public"), 0);
	EXPECT_INT(RIGHTS("other.batch_jobs"), 1);
	EXPECT_INT(sql("SELECT count(*) FROM other.batch_jobs"), 0);
	expect_ok(init());
	EXPECT_INT(views_of("other"), 8);
	expect_ok(init_views_in("weir"));
	EXPECT_INT(views_of("other"), 0);
	EXPECT_INT(views_of("weir"), 8);
	own_database_gone();
}

static void change_right(const char *sql_of_it)
{
	sql_text("DO $$ BEGIN EXECUTE format('%s', current_database(), current_user); END $$",
		 sql_of_it);
}

static void a_right_is_missing(void)
{
	own_database("");
	change_right("REVOKE CREATE ON DATABASE %I FROM %I");
	const struct outcome *o = init();
	expect_refused(o, "schema weir: permission denied for database");
	EXPECT_PART(o->err, "needs the right CREATE on the database");
	change_right("GRANT CREATE ON DATABASE %I TO %I");
	expect_ok(init());
	change_right("REVOKE CREATE ON DATABASE %I FROM %I");
	EXPECT_PART(init()->out, "is up to date");
	own_database_gone();
}

static void another_encoding(void)
{
	own_database("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
	expect_refused(init(), "is encoded in LATIN1, and weir needs UTF8");
	EXPECT_INT(is_made(), 0);
	own_database_gone();
}

static void somebody_elses_schema(void)
{
	own_database("");
	sql_text("CREATE SCHEMA weir");
	sql_text("CREATE TABLE weir.migrations (id text, name text)");
	sql_text("CREATE TABLE weir.dams (height int)");
	expect_refused(init(), "a schema weir that weir init did not make (table dams, table "
			       "migrations)");
	sql_text("DROP SCHEMA weir CASCADE");
	sql_text("CREATE SCHEMA weir"); /* by somebody who may, for one who may not */
	sql_text("CREATE EXTENSION pg_trgm SCHEMA weir");
	sql_text("CREATE EXTENSION btree_gin SCHEMA weir");
	change_right("REVOKE CREATE ON DATABASE %I FROM %I");
	expect_ok(init());
	own_database_gone();
}

/* Nobody finds anything by a search_path. */
static void extensions_elsewhere(void)
{
	own_database("");
	sql_text("CREATE SCHEMA \"Ex t\"");
	sql_text("CREATE EXTENSION pg_trgm SCHEMA \"Ex t\"");
	sql_text("CREATE EXTENSION btree_gin SCHEMA \"Ex t\"");
	sql_text("DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET search_path = pg_temp',"
		 " current_database()); END $$");
	expect_ok(init());
	EXPECT_PART(init()->out, "is up to date");
	sql_text("SELECT weir.make_item('u', 'each', 'green beans', 'Green beans', NULL)");
	sql_text("SET search_path = pg_temp");
	EXPECT_INT(sql("SELECT count(*) FROM weir.similar_items('u', 'each', 'green bean', 0.5)"),
		   1);
	own_database_gone();
}

/* A session of somebody's own, in which a table is locked from now on. */
static PGconn *psql_locks(const char *table)
{
	char command[80];
	PGconn *psql = PQconnectdb(program_setting("WEIR_PG_URL"));
	PQclear(PQexec(psql, "SET application_name = 'psql of anna'"));
	snprintf(command, sizeof command, "BEGIN; SELECT count(*) FROM %s", table);
	PGresult *r = PQexec(psql, command);
	EXPECT(PQresultStatus(r) == PGRES_TUPLES_OK, "%s", PQerrorMessage(psql));
	PQclear(r);
	return psql;
}

/* What a migration that is to come, or a view, needs is locked. */
static const struct {
	const char *locked, *to_do;
} locked[] = {
	{"weir.retries", "DELETE FROM weir.migrations WHERE version = 54;"
			 "ALTER TABLE weir.retries RENAME COLUMN waits_since TO was"},
	{"weir.batch_jobs", "UPDATE weir.repeatable SET checksum = 'x' WHERE name LIKE '90%'"},
};

static void a_lock_is_not_waited_for_long(int i)
{
	char part[160];
	PGconn *psql = psql_locks(locked[i].locked);
	snprintf(part, sizeof part, "pid %d (application \"psql of anna\" of ", PQbackendPID(psql));
	const struct outcome *o =
		run(NULL, "weir", "init", "--take-vhost", "--lock-wait", "0s", NULL);
	expect_refused(o, part);
	EXPECT_PART(o->err, "lock timeout");
	EXPECT_PART(o->err, "pg_terminate_backend");
	EXPECT_PART(o->err, "run weir init again");
	struct process *p = start(NULL, "weir", "init", "--take-vhost", NULL);
	await_log(p, part);
	sql_text("SET lock_timeout = '3s'"); /* what others do meanwhile waits for less */
	for (int n = 0; n < 20; n++, pause_ms(50))
		EXPECT_INT(sql("SELECT count(*) FROM %s", locked[i].locked), 0);
	sql_text("RESET lock_timeout");
	EXPECT(is_alive(p), "it has not waited: %s", log_of(p));
	PQfinish(psql);
	EXPECT_INT(await_exit(p, PATIENCE_MS), 0);
	EXPECT_PART(log_of(p), "ledger    applied");
	forget(p);
}

static void somebody_keeps_a_lock(void)
{
	own_database("");
	expect_ok(init());
	for (int i = 0; i < 2; i++) {
		sql_text("%s", locked[i].to_do);
		a_lock_is_not_waited_for_long(i);
	}
	EXPECT_PART(init()->out, "is up to date");
	own_database_gone();
}

static void without_a_broker(void)
{
	own_database("");
	program_env("WEIR_AMQP_URL", "amqp://127.0.0.1:1/");
	EXPECT_INT(init()->status, 1);
	EXPECT_INT(is_made(), 0);
	program_env("WEIR_AMQP_URL", NULL);
	own_database_gone();
}

void add_schema_suite(void);

void add_schema_suite(void)
{
	CU_pSuite s = CU_add_suite_with_setup_and_teardown("the schema", world_open, world_close,
							   NULL, world_leave);
	CU_add_test(s, "everything is in weir", all_is_in_weir);
	CU_add_test(s, "files that were edited", edited_files);
	CU_add_test(s, "views where they are wanted", views_where_they_are_wanted);
	CU_add_test(s, "a right is missing", a_right_is_missing);
	CU_add_test(s, "a database in another encoding", another_encoding);
	CU_add_test(s, "a schema weir of somebody else", somebody_elses_schema);
	CU_add_test(s, "extensions are elsewhere", extensions_elsewhere);
	CU_add_test(s, "somebody keeps a table locked", somebody_keeps_a_lock);
	CU_add_test(s, "without a broker nothing is made", without_a_broker);
}
