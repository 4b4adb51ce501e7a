/* What the ledger's schema stands on. */
#include <stdio.h>
#include <string.h>

#include "schema.h"

#define EXTENSION_MAX 32

static const char need_rights[] =
	"weir init needs the right CREATE on the database, and what is in the schema weir has to "
	"be its role's own";
static const char need_place[] =
	"something of that name is there that weir init did not make: rename it or move it to "
	"another schema, and run weir init again";

/* `permission denied for database d` alone says neither what was to be done nor who can help. */
static const struct advice_row {
	const char *state, *advice;
} advices[] = {
	{"42501", need_rights},
	{"42P06", need_place}, /* a schema; a table, index or view; a type; a function */
	{"42P07", need_place},
	{"42710", need_place},
	{"42723", need_place},
	{"0A000", "where it is an extension that is missing: it comes with PostgreSQL, in Debian's "
		  "package postgresql-contrib or the server's own"},
	{"2BP01", "something of your own is built on it: drop or change that first"},
};

static int fail(const struct ledger *l, const char *name, const struct weir_error *why,
		struct weir_error *err)
{
	for (size_t i = 0; i < sizeof advices / sizeof *advices; i++)
		if (strcmp(ledger_sqlstate(l), advices[i].state) == 0)
			return weir_fail(err, why->code, "%s: %.300s%s%.200s (%s)", name, why->text,
					 *ledger_detail(l) ? ": " : "", ledger_detail(l),
					 advices[i].advice);
	return weir_fail(err, why->code, "%s: %.400s", name, why->text);
}

int schema_run(struct ledger *l, const char *name, const char *sql, struct weir_error *err)
{
	struct weir_error why;
	return ledger_script(l, sql, &why) == 0 ? 0 : fail(l, name, &why, err);
}

int schema_do(struct ledger *l, const char *name, const char *sql, const struct params *p,
	      struct weir_error *err)
{
	struct weir_error why;
	return ledger_do(l, sql, p, NULL, &why) == 0 ? 0 : fail(l, name, &why, err);
}

/* ---- whose the database is ---- */

/* A program of the version before knows of no checksum and leaves it NULL. `schema` is what the
 * program that applied the file needs of the ledger (LEDGER_SCHEMA): an older one leaves it alone.
 */
static const char prepare[] =
	"DO $$ BEGIN"
	" IF to_regnamespace('weir') IS NULL THEN CREATE SCHEMA weir; END IF; END $$;"
	"CREATE TABLE IF NOT EXISTS weir.migrations (version integer PRIMARY KEY,"
	" name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());"
	"ALTER TABLE weir.migrations ADD COLUMN IF NOT EXISTS checksum text;"
	"CREATE TABLE IF NOT EXISTS weir.repeatable (name text PRIMARY KEY,"
	" checksum text NOT NULL, schema integer NOT NULL,"
	" applied_at timestamptz NOT NULL DEFAULT now());";

/* The encoding; how many of the columns of weir.migrations are there (a version, a name, since the
 * first version of weir; a checksum); whether there are all tables; what else is in the schema
 * weir, which some extension may have been put into. */
static const char look_around[] =
	"SELECT getdatabaseencoding()::text, current_database()::text,"
	" (SELECT count(*)::int4 FROM pg_catalog.pg_attribute"
	"   WHERE attrelid = pg_catalog.to_regclass('weir.migrations')"
	"     AND attname IN ('version', 'name', 'applied_at') AND NOT attisdropped),"
	" (SELECT count(*)::int4 FROM pg_catalog.pg_attribute"
	"   WHERE attrelid = pg_catalog.to_regclass('weir.migrations')"
	"     AND attname = 'checksum' AND NOT attisdropped) = 1"
	" AND pg_catalog.to_regclass('weir.repeatable') IS NOT NULL,"
	" (SELECT string_agg(what, ', ') FROM ("
	"   SELECT CASE relkind WHEN 'v' THEN 'view ' WHEN 'S' THEN 'sequence ' ELSE 'table ' END"
	"          || relname AS what FROM pg_catalog.pg_class c"
	"    WHERE relnamespace = pg_catalog.to_regnamespace('weir') AND relkind IN"
	"          ('r', 'p', 'v', 'm', 'f', 'S') AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend"
	"          WHERE classid = 'pg_catalog.pg_class'::regclass AND objid = c.oid"
	"            AND deptype = 'e')"
	"   UNION ALL"
	"   SELECT 'function ' || proname FROM pg_catalog.pg_proc p"
	"    WHERE pronamespace = pg_catalog.to_regnamespace('weir') AND NOT EXISTS ("
	"          SELECT FROM pg_catalog.pg_depend"
	"          WHERE classid = 'pg_catalog.pg_proc'::regclass AND objid = p.oid"
	"            AND deptype = 'e')"
	"   ORDER BY 1 LIMIT 4) x)";

static int judge(const PGresult *r, bool *prepared, struct weir_error *err)
{
	struct weir_text encoding = ledger_text(r, 0, 0), name = ledger_text(r, 0, 1),
			 others = ledger_text(r, 0, 4);
	*prepared = ledger_bool(r, 0, 3);
	if (encoding.size != 4 || memcmp(encoding.data, "UTF8", 4) != 0)
		return weir_fail(err, "encoding",
				 "the database %.*s is encoded in %.*s, and weir needs UTF8: make "
				 "one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0, "
				 "and name it in WEIR_PG_URL",
				 (int)name.size, name.data, (int)encoding.size, encoding.data);
	if (ledger_int(r, 0, 2) == 3 || !others.data)
		return 0;
	return weir_fail(err, "clash",
			 "there is a schema weir that weir init did not make (%.*s): rename it "
			 "(ALTER SCHEMA weir RENAME TO ...), or name another database in "
			 "WEIR_PG_URL",
			 (int)others.size, others.data);
}

int schema_prepare(struct ledger *l, struct weir_error *err)
{
	PGresult *r = NULL;
	bool prepared = false;
	struct weir_error why;
	if (ledger_query(l, look_around, NULL, true, &r, &why) < 0)
		return weir_fail(
			err, why.code, "%s%s", why.text,
			strcmp(ledger_sqlstate(l), "42501") == 0
				? " (the role of WEIR_PG_URL needs USAGE on the schema weir)"
				: "");
	int rc = judge(r, &prepared, err);
	PQclear(r);
	if (rc < 0 || prepared)
		return rc;
	return schema_run(l, "schema weir", prepare, err);
}

/* ---- extensions ---- */

/* One that is not there is made in the schema weir. */
static int find_extension(struct ledger *l, struct weir_text name, struct buffer *out,
			  struct weir_error *err)
{
	struct params p = PARAMS_INIT;
	PGresult *r = NULL;
	params_text(&p, name);
	int rc = ledger_query(l,
			      "SELECT coalesce((SELECT quote_ident(n.nspname)"
			      " FROM pg_catalog.pg_extension e"
			      " JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"
			      " WHERE e.extname = $1), 'weir')",
			      &p, true, &r, err);
	params_release(&p);
	if (rc < 0)
		return -1;
	struct weir_text place = ledger_text(r, 0, 0);
	buffer_add(out, place.data, place.size);
	PQclear(r);
	return 0;
}

/* The NAME of the @NAME@ that begins here; absent: it is no such thing. */
static struct weir_text extension_at(const char *at)
{
	size_t n = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_");
	bool is_one = n > 0 && n <= EXTENSION_MAX && at[1 + n] == '@';
	return (struct weir_text){is_one ? at + 1 : NULL, n};
}

int schema_text(struct ledger *l, const char *sql, struct buffer *out, struct weir_error *err)
{
	for (const char *at; (at = strchr(sql, '@'));) {
		struct weir_text name = extension_at(at);
		buffer_add(out, sql, (size_t)(at - sql));
		sql = at + 1;
		if (!name.data)
			buffer_add_char(out, '@');
		else if (find_extension(l, name, out, err) < 0)
			return -1;
		else
			sql = at + name.size + 2;
	}
	buffer_add_text(out, sql);
	return buffer_text(out) ? 0 : weir_fail_memory(err);
}
