/* What the role of WEIR_PG_URL may do, and whether it can be done: a list of rights that are
 * missing, and writing as programs write, undone again. */
#include <string.h>

#include "doctor.h"
#include "weir/loader.h"

/* Rights that relays and consumers need and this role lacks, in one text; NULL: none. */
static const char missing[] =
	"SELECT string_agg(what, ', ' ORDER BY what) FROM ("
	" SELECT string_agg(r.right, ', ' ORDER BY r.right) || ' ON weir.' || c.relname AS what"
	"  FROM pg_class c CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'])"
	"   AS r(\"right\")"
	"  WHERE c.relnamespace = 'weir'::regnamespace AND c.relkind IN ('r', 'p')"
	"  AND c.relname NOT IN ('migrations', 'repeatable', 'ledger', 'settings')"
	"  AND NOT has_table_privilege(c.oid, r.right) GROUP BY c.relname"
	" UNION ALL SELECT 'USAGE ON SEQUENCE weir.' || c.relname FROM pg_class c"
	"  WHERE c.relnamespace = 'weir'::regnamespace AND CASE WHEN c.relkind = 'S'"
	"  THEN NOT has_sequence_privilege(c.oid, 'USAGE') END"
	" UNION ALL SELECT 'EXECUTE ON FUNCTION weir.' || p.proname FROM pg_proc p"
	"  WHERE p.pronamespace = 'weir'::regnamespace"
	"  AND NOT has_function_privilege(p.oid, 'EXECUTE')) m";

/* A table that a plugin writes to, where there is one: may this role? */
static const char writes[] =
	"SELECT has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE') FROM pg_class c"
	" WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p', 'v')";

static void check_list(struct doctor *d)
{
	PGresult *r = NULL;
	if (!doctor_ask(d, missing, &r))
		return;
	struct weir_text list = ledger_text(r, 0, 0);
	if (list.data)
		doctor_tell(d, LEVEL_FAIL,
			    "as the owner of the tables: GRANT ... TO the role of WEIR_PG_URL",
			    "this role lacks: %.*s", list.size > 900 ? 900 : (int)list.size,
			    list.data);
	else
		doctor_tell(d, LEVEL_OK, "", "this role may do all in the schema weir");
	PQclear(r);
}

/* Real rows, so that a disk or a read-only server is noticed too. */
static void check_writing(struct doctor *d)
{
	static const char *const statements[] = {
		"BEGIN",
		"SELECT set_config('lock_timeout', '1s', true)",
		"INSERT INTO weir.processes (id, role, host, pid, version, kinds)"
		" VALUES ('doctor', 'doctor', '', 0, '', '{}')",
		"UPDATE weir.processes SET seen_at = now() WHERE id = 'doctor'",
		"INSERT INTO weir.retries (job_id, stage, ordinal, attempts, due_at)"
		" VALUES ('.doctor', 1, 0, 0, 'infinity')",
		"DELETE FROM weir.retries WHERE job_id = '.doctor'",
		"LISTEN weir_due",
		"NOTIFY weir_due",
	};
	struct weir_error why, ignored;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < sizeof statements / sizeof *statements; i++)
		rc = ledger_do(d->ledger, statements[i], NULL, NULL, &why);
	if (rc < 0)
		doctor_tell(d, LEVEL_FAIL, "see the log of PostgreSQL, and the rights above",
			    "the ledger cannot be written: %s", why.text);
	else
		doctor_tell(d, LEVEL_OK, "", "the ledger can be written");
	if (ledger_alive(d->ledger) && ledger_do(d->ledger, "ROLLBACK", NULL, NULL, &ignored) == 0)
		return;
	ledger_close(d->ledger);
	d->ledger = NULL;
}

void doctor_check_rights(struct doctor *d)
{
	if (!d->ledger || !d->schema)
		return;
	check_list(d);
	if (d->ledger)
		check_writing(d);
}

/* ---- tables of plugins ---- */

static void check_table(struct doctor *d, const char *kind, const char *table)
{
	struct params p = PARAMS_INIT;
	struct weir_error why;
	PGresult *r = NULL;
	params_string(&p, table);
	int rc = ledger_query(d->ledger, writes, &p, true, &r, &why);
	params_release(&p);
	if (rc == 0 && PQntuples(r) == 1 && !ledger_bool(r, 0, 0))
		doctor_tell(d, LEVEL_FAIL,
			    "as its owner: GRANT SELECT, INSERT, UPDATE ON it TO the role of "
			    "WEIR_PG_URL",
			    "the kind %s writes to %s, which this role may not", kind, table);
	PQclear(r);
}

static void check_kind(struct doctor *d, const char *kind)
{
	struct loaded_plugin p;
	struct weir_error ignored;
	if (loader_load(d->dir, kind, &p, &ignored) < 0)
		return; /* which has been told */
	const struct weir_about *about = p.plugin.about;
	for (const struct weir_field *t = about ? about->tables : NULL; t && t->name; t++)
		if (ledger_alive(d->ledger))
			check_table(d, kind, t->name);
	loader_unload(&p);
}

void doctor_check_tables(struct doctor *d)
{
	for (int i = 0; d->ledger && i < d->kind_count; i++)
		check_kind(d, d->kinds[i]);
}
